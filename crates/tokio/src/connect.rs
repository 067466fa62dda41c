//! From a connector to a session.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use xmppwire::Instant;
use xmppwire_net::client::{ConnectError, Error, SessionRole};
use xmppwire_net::find::{Attempts, LookupError, SrvAnswers, Step};
use xmppwire_net::socket::{SockRef, prepare};

use crate::Session;
use crate::clock::Clock;
use crate::dns::Resolver;
use crate::pump::Pump;

/// Takes the steps of the attempts until a login succeeds or nothing is left to try. `clock` is the
/// clock that the attempts began by.
pub(crate) async fn connect<R: SessionRole>(
    mut attempts: Attempts<R>,
    clock: Clock,
) -> Result<Session<R>, ConnectError> {
    while let Some(socket) = open_next(&mut attempts, clock).await {
        match log_in(&mut attempts, socket, clock).await {
            Ok(session) => return Ok(session),
            Err(error) => attempts.failed(error),
        }
    }
    Err(attempts.into_error())
}

/// Takes the steps of the attempts until a connection is open or nothing is left to try.
async fn open_next<R: SessionRole>(attempts: &mut Attempts<R>, clock: Clock) -> Option<TcpStream> {
    let mut openings = Openings::default();
    while let Some(step) = attempts.next_step(clock.now()) {
        let limit = attempts.timeout(clock.now());
        match step {
            Step::LookUp(names) => {
                let resolver = Resolver::new(attempts.name_servers());
                let answers = timeout(limit, resolver.look_up(&names)).await;
                let answers = answers.unwrap_or(SrvAnswers::failed(LookupError::TimedOut));
                attempts.looked_up(answers);
            }
            Step::Resolve { host, port } => {
                let addresses = within(limit, lookup_host((host, port))).await;
                attempts.resolved(addresses.map(Iterator::collect));
            }
            Step::Open(address) => openings.begin(address, limit),
            Step::Wait(until) => match openings.first(clock, Some(until)).await {
                // The others are too late.
                Some((_, Ok(socket))) => return Some(socket),
                Some((address, Err(error))) => attempts.not_opened(address, error),
                None => {}
            },
        }
    }
    None
}

/// The connections that are being opened. Dropping it ends the attempts.
#[derive(Default)]
pub(crate) struct Openings(Vec<(SocketAddr, Opening)>);

type Opening = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

impl Openings {
    /// Begins to open a connection, which may take this long.
    pub(crate) fn begin(&mut self, address: SocketAddr, limit: Duration) {
        let opening = Box::pin(within(limit, open(address)));
        self.0.push((address, opening));
    }

    /// The first connection that is open or has failed; `None` if there is none by this time.
    pub(crate) async fn first(
        &mut self,
        clock: Clock,
        until: Option<Instant>,
    ) -> Option<(SocketAddr, io::Result<TcpStream>)> {
        let mut over = pin!(async {
            match until {
                Some(until) => clock.sleep_until(until).await,
                None => std::future::pending().await,
            }
        });
        poll_fn(|cx| {
            for at in 0..self.0.len() {
                let Some((address, opening)) = self.0.get_mut(at) else {
                    break;
                };
                if let Poll::Ready(result) = opening.as_mut().poll(cx) {
                    let address = *address;
                    drop(self.0.swap_remove(at));
                    return Poll::Ready(Some((address, result)));
                }
            }
            over.as_mut().poll(cx).map(|()| None)
        })
        .await
    }
}

/// The result of an operation that may take this long.
pub(crate) async fn within<T>(
    limit: Duration,
    operation: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    timeout(limit, operation).await?
}

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address).await?;
    prepare(&SockRef::from(&socket))?;
    Ok(socket)
}

async fn log_in<R: SessionRole>(
    attempts: &mut Attempts<R>,
    socket: TcpStream,
    clock: Clock,
) -> Result<Session<R>, Error> {
    let login = attempts.log_in(clock.now())?;
    Session::log_in(Pump::new(socket, clock), login).await
}

#[cfg(all(test, target_os = "linux"))]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
mod tests {
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
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(async {
            let clock = Clock::start();
            let mut attempts = Attempts::new(&connector, clock.now());
            let step = attempts.next_step(clock.now());
            assert!(matches!(step, Some(Step::Resolve { .. })), "{step:?}");
            attempts.resolved(Ok(addresses));
            let opened = open_next(&mut attempts, clock).await;
            opened.ok_or_else(|| attempts.into_error())
        })
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
