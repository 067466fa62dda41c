//! From a connector to a session, in steps that the caller can leave and go on with.

use std::mem;
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::task::{Poll, ready};
use std::thread;

use xmppwire::Instant;
use xmppwire_net::client::{ConnectError, Error, Login, LoginStep, SessionRole};
use xmppwire_net::find::{Attempts, Step};

use crate::Session;
use crate::clock::Clock;
use crate::open::Openings;
use crate::pump::Pump;
use crate::search::{Found, Search};
use crate::waker::Waker;

/// Connects and logs in. `clock` is the clock that the attempts began by.
pub(crate) fn connect<R: SessionRole>(
    attempts: Attempts<R>,
    clock: Clock,
) -> Result<Session<R>, ConnectError> {
    let mut attempt = Attempt::new(attempts, clock, Waker::new());
    loop {
        match attempt.advance(None) {
            Outcome::Done(result) => return *result,
            Outcome::Pending(same) => attempt = *same,
        }
    }
}

/// An attempt to connect and to log in, which goes on while [`advance`](Self::advance) runs.
/// Dropping it ends it at once; a look-up on another thread ends by itself, in its time.
#[derive(Debug)]
pub(crate) struct Attempt<R: SessionRole> {
    attempts: Attempts<R>,
    clock: Clock,
    waker: Waker,
    stage: Stage<R>,
}

/// What came of [`Attempt::advance`].
#[derive(Debug)]
pub(crate) enum Outcome<R: SessionRole> {
    /// The deadline is over, or the waker was used.
    Pending(Box<Attempt<R>>),
    Done(Box<Result<Session<R>, ConnectError>>),
}

#[derive(Debug)]
enum Stage<R: SessionRole> {
    Finding(Finding),
    LoggingIn(Box<LoggingIn<R>>),
}

/// On the way to an open connection.
#[derive(Debug)]
struct Finding {
    openings: Openings,
    /// A look-up on another thread.
    search: Option<Receiver<Found>>,
}

/// A login over an open connection.
#[derive(Debug)]
pub(crate) struct LoggingIn<R: SessionRole> {
    pump: Pump,
    login: Login<R>,
}

impl<R: SessionRole> Attempt<R> {
    /// The waker ends a wait of [`advance`](Self::advance).
    pub(crate) fn new(attempts: Attempts<R>, clock: Clock, waker: Waker) -> Self {
        let stage = Stage::Finding(Finding::new(&waker));
        Self {
            attempts,
            clock,
            waker,
            stage,
        }
    }

    /// Takes the steps of the attempts until a login succeeds or nothing is left to try. With a
    /// deadline, pending when it is over or the waker was used; without, never.
    pub(crate) fn advance(mut self, deadline: Option<Instant>) -> Outcome<R> {
        loop {
            // What comes next, unless this stage goes on or leads to a login.
            let next = Stage::Finding(Finding::new(&self.waker));
            let failed = match mem::replace(&mut self.stage, next) {
                Stage::Finding(mut finding) => match self.find(&mut finding, deadline) {
                    Poll::Pending => {
                        self.stage = Stage::Finding(finding);
                        return Outcome::Pending(Box::new(self));
                    }
                    Poll::Ready(None) => {
                        return Outcome::Done(Box::new(Err(self.attempts.into_error())));
                    }
                    Poll::Ready(Some(socket)) => match self.begin(socket) {
                        Ok(login) => {
                            self.stage = Stage::LoggingIn(Box::new(login));
                            continue;
                        }
                        Err(error) => error,
                    },
                },
                Stage::LoggingIn(mut login) => match login.advance(deadline) {
                    Poll::Pending => {
                        self.stage = Stage::LoggingIn(login);
                        return Outcome::Pending(Box::new(self));
                    }
                    Poll::Ready(end) => match end.and_then(|()| login.into_session()) {
                        Ok(session) => return Outcome::Done(Box::new(Ok(session))),
                        Err(error) => error,
                    },
                },
            };
            self.attempts.failed(failed);
        }
    }

    /// Takes steps until a connection is open; `None` if nothing is left to try.
    fn find(
        &mut self,
        finding: &mut Finding,
        deadline: Option<Instant>,
    ) -> Poll<Option<TcpStream>> {
        loop {
            let now = self.clock.now();
            let until = match &finding.search {
                Some(search) => match search.try_recv() {
                    Ok(found) => {
                        finding.search = None;
                        self.found(found);
                        continue;
                    }
                    // Its thread nudges the waker.
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Disconnected) => {
                        finding.search = None;
                        self.attempts.failed(Error::NotConnected);
                        continue;
                    }
                },
                None => match self.attempts.next_step(now) {
                    None => return Poll::Ready(None),
                    Some(Step::LookUp(names)) => {
                        let servers = self.attempts.name_servers().cloned();
                        let limit = self.attempts.timeout(now);
                        self.search(finding, Search::LookUp(names, servers, limit));
                        continue;
                    }
                    Some(Step::Resolve { host, port }) => {
                        let limit = self.attempts.timeout(now);
                        self.search(finding, Search::Resolve(host, port, limit));
                        continue;
                    }
                    Some(Step::Open(address)) => {
                        let limit = self.attempts.timeout(now);
                        finding.openings.begin(address, now + limit);
                        continue;
                    }
                    Some(Step::Wait(until)) => match finding.openings.poll(now) {
                        // The others are too late.
                        Some((_, Ok(socket))) => return Poll::Ready(Some(socket)),
                        Some((address, Err(error))) => {
                            self.attempts.not_opened(address, error);
                            continue;
                        }
                        None => Some(until),
                    },
                },
            };
            if let Some(deadline) = deadline
                && (deadline <= now || self.waker.is_woken())
            {
                self.waker.take();
                return Poll::Pending;
            }
            finding
                .openings
                .wait(now, until.into_iter().chain(deadline).min());
        }
    }

    fn found(&mut self, found: Found) {
        match found {
            Found::Answers(answers) => self.attempts.looked_up(answers),
            Found::Addresses(addresses) => self.attempts.resolved(addresses),
        }
    }

    /// Begins a search on another thread, or does it on this one if there is no other.
    fn search(&mut self, finding: &mut Finding, search: Search) {
        let failed = search.failed();
        let (sender, receiver) = channel();
        let waker = self.waker.clone();
        let watched = finding.openings.watch();
        let started = watched.and_then(|()| {
            thread::Builder::new().spawn(move || {
                // Without effect when nothing waits for it any more.
                let _ = sender.send(search.run());
                waker.nudge();
            })
        });
        match started {
            Ok(_) => finding.search = Some(receiver),
            Err(_) => self.found(failed),
        }
    }

    /// Begins to log in over a connection that is open.
    fn begin(&mut self, socket: TcpStream) -> Result<LoggingIn<R>, Error> {
        let login = self.attempts.log_in(self.clock.now())?;
        let pump = Pump::new(socket, self.clock, self.waker.clone())?;
        Ok(LoggingIn { pump, login })
    }
}

impl Finding {
    fn new(waker: &Waker) -> Self {
        Self {
            openings: Openings::new(waker.clone()),
            search: None,
        }
    }
}

impl<R: SessionRole> LoggingIn<R> {
    pub(crate) const fn new(pump: Pump, login: Login<R>) -> Self {
        Self { pump, login }
    }

    /// Ready when the login is complete or has failed. With a deadline, pending when it is over or
    /// the waker was used; without, never.
    pub(crate) fn advance(&mut self, deadline: Option<Instant>) -> Poll<Result<(), Error>> {
        let Self { pump, login } = self;
        loop {
            let step = match deadline {
                None => pump.until(login, Login::poll),
                Some(deadline) => {
                    let left = deadline.saturating_since(pump.now());
                    ready!(pump.until_timeout(login, left, Login::poll))
                }
            };
            match step? {
                LoginStep::Derive(request) => {
                    let salted = request.derive();
                    login.derived(request, &salted)?;
                }
                LoginStep::Complete => return Poll::Ready(Ok(())),
            }
        }
    }

    pub(crate) fn into_session(self) -> Result<Session<R>, Error> {
        Ok(Session::new(self.pump, self.login.into_session()?))
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
mod tests {
    use std::io;
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;
    use xmppwire_net::client::Connector;
    use xmppwire_net::find::Mode;
    use xmppwire_test_support::{BlackHole, within};

    /// Longer than any test.
    const LONG: Duration = Duration::from_secs(100_000);

    /// Opens a connection to a server with these addresses, each of which may take this long.
    fn open(addresses: Vec<SocketAddr>, limit: Duration) -> Result<TcpStream, ConnectError> {
        let connector = Connector::account("juliet@example.org", "s3cr3t").unwrap();
        let connector = connector
            .with_server("a.example", 5222, Mode::StartTls)
            .with_connect_timeout(limit)
            .with_total_timeout(LONG);
        let clock = Clock::start();
        let mut attempts = Attempts::new(&connector, clock.now());
        let step = attempts.next_step(clock.now());
        assert!(matches!(step, Some(Step::Resolve { .. })), "{step:?}");
        attempts.resolved(Ok(addresses));
        let waker = Waker::new();
        let mut finding = Finding::new(&waker);
        let mut attempt = Attempt::new(attempts, clock, waker);
        match attempt.find(&mut finding, None) {
            Poll::Ready(Some(socket)) => Ok(socket),
            Poll::Ready(None) => Err(attempt.attempts.into_error()),
            Poll::Pending => panic!("it returned early"),
        }
    }

    fn kind(error: &ConnectError) -> Option<io::ErrorKind> {
        match error.last() {
            Some(Error::Io(error)) => Some(error.kind()),
            _ => None,
        }
    }

    #[test]
    fn an_address_that_nothing_answers_at_is_not_waited_for() {
        within(|| {
            let (hole, listener) = BlackHole::beside_a_listener();
            let there = listener.local_addr().unwrap();
            let closed = ([127, 0, 0, 1], 1).into();
            for addresses in [vec![hole.address, there], vec![hole.address, closed, there]] {
                let socket = open(addresses, LONG).unwrap();
                assert_eq!(socket.peer_addr().unwrap(), there);
                assert!(socket.nodelay().unwrap());
                drop(listener.accept().unwrap());
            }
            // Each address has its own time.
            let error = open(vec![hole.address], Duration::from_millis(20)).unwrap_err();
            assert_eq!(kind(&error), Some(io::ErrorKind::TimedOut));
            let error = open(vec![closed], LONG).unwrap_err();
            assert_eq!(kind(&error), Some(io::ErrorKind::ConnectionRefused));
            assert!(open(vec![], LONG).is_err());
        });
    }
}
