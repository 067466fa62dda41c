//! The servers of a domain, one after the other, and the addresses of each beside each other.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use xmppwire::{Client, Instant};

use super::{
    Domain, Failure, Failures, Mode, NameServers, Plan, PlanError, Race, RaceStep, Redirect,
    Service, SrvAnswers, SrvNames, Target,
};
use crate::client::{ConnectError, Error, Login, SessionConnector, SessionRole};
use crate::log::log;
#[cfg(feature = "tracing")]
use crate::told::Chain;

/// How often `<see-other-host/>` is followed. RFC 6120 §4.9.3.19 asks for two to five times,
/// against redirections in a circle.
const MAX_REDIRECTS: u8 = 3;

/// Connecting as a machine: what is looked up, which address is tried next, and what the failures
/// amount to.
///
/// The driver takes one step after the other, tells what came of it, and stops each step after
/// [`timeout`](Self::timeout). All steps together end with the connector's
/// [time to connect](SessionConnector::with_total_timeout).
///
/// Connections to several addresses of one server are opened beside each other, as [`Race`] says,
/// and the first that is open is used (RFC 8305). The next server has its turn only when all
/// addresses of the one before have failed, because SRV records have priorities (RFC 2782). A driver
/// that opens one connection at a time, as this one does, is never told to wait:
///
/// ```
/// use std::net::SocketAddr;
/// use std::{io, time::Duration};
/// use xmppwire::Instant;
/// use xmppwire_net::client::{ConnectError, Error, Login, Session};
/// use xmppwire_net::find::{Attempts, SrvAnswers, SrvNames, Step};
///
/// fn connect<Socket>(
///     mut attempts: Attempts,
///     now: impl Fn() -> Instant,
///     look_up: impl Fn(&SrvNames, Duration) -> SrvAnswers,
///     resolve: impl Fn(&str, u16, Duration) -> io::Result<Vec<SocketAddr>>,
///     open: impl Fn(SocketAddr, Duration) -> io::Result<Socket>,
///     drive: impl Fn(Login, Socket) -> Result<(Session, Socket), Error>,
/// ) -> Result<(Session, Socket), ConnectError> {
///     while let Some(step) = attempts.next_step(now()) {
///         let timeout = attempts.timeout(now());
///         match step {
///             Step::LookUp(names) => attempts.looked_up(look_up(&names, timeout)),
///             Step::Resolve { host, port } => attempts.resolved(resolve(&host, port, timeout)),
///             Step::Open(address) => match open(address, timeout) {
///                 Ok(socket) => {
///                     let login = attempts.log_in(now());
///                     match login.and_then(|login| drive(login, socket)) {
///                         Ok(connected) => return Ok(connected),
///                         Err(error) => attempts.failed(error),
///                     }
///                 }
///                 Err(error) => attempts.not_opened(address, error),
///             },
///             Step::Wait(_) => unreachable!("no connection is being opened"),
///         }
///     }
///     Err(attempts.into_error())
/// }
/// ```
#[derive(Debug)]
pub struct Attempts<R: SessionRole = Client> {
    connector: Arc<SessionConnector<R>>,
    deadline: Instant,
    left: VecDeque<Left>,
    current: Current,
    redirects: u8,
    no_server: Option<PlanError>,
    failures: Failures,
}

/// What to do next on the way to a server. A driver has to know every step, so the list is
/// exhaustive.
#[derive(Clone, Debug)]
pub enum Step {
    /// Look both names up, with these [name servers](Attempts::name_servers), and call
    /// [`Attempts::looked_up`].
    LookUp(SrvNames),
    /// Ask the system for the addresses of a host, and call [`Attempts::resolved`].
    Resolve {
        /// The host name, in ASCII.
        host: String,
        /// The TCP port of the addresses.
        port: u16,
    },
    /// Begin to open a TCP connection to this address, and ask for the next step. Once one of the
    /// connections that are being opened is open, drop the others and log in over it with
    /// [`Attempts::log_in`]. Tell of each that fails with [`Attempts::not_opened`].
    Open(SocketAddr),
    /// Wait until one of the connections that are being opened is open or has failed, but not
    /// beyond this time.
    Wait(Instant),
}

/// What is left to do.
#[derive(Debug)]
enum Left {
    LookUp(Domain, Source),
    Connect(Target, Source),
}

/// The step that the driver is at.
#[derive(Debug)]
enum Current {
    None,
    LookUp(Domain, Source),
    Resolve(Target, Source),
    /// Connections to its addresses are being opened.
    Open(Target, Source, Race),
    LogIn(Target),
}

/// Who named a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The user or the DNS.
    Own,
    /// Another server, with `<see-other-host/>`.
    Redirect,
}

impl<R: SessionRole> Attempts<R> {
    /// Begins with the servers that the connector names, or else with the look-up of those of its
    /// domain.
    pub fn new(connector: &SessionConnector<R>, now: Instant) -> Self {
        let mut attempts = Self {
            connector: Arc::new(connector.clone()),
            deadline: now + connector.total_timeout(),
            left: VecDeque::new(),
            current: Current::None,
            redirects: 0,
            no_server: None,
            failures: Failures::new(),
        };
        match connector.servers() {
            [] => {
                let lookup = |domain| Left::LookUp(domain, Source::Own);
                attempts
                    .left
                    .extend(connector.domain().cloned().map(lookup));
            }
            given => attempts.plan(Plan::given(given.iter().cloned()), Source::Own),
        }
        if let Some(location) = connector.continuity.location(now) {
            let mode = connector.servers().first().map(|server| server.mode);
            attempts.follow(location, mode.unwrap_or(Mode::StartTls));
        }
        attempts
    }

    /// Begins with the server that the last session was redirected to.
    pub(crate) fn after(
        connector: &SessionConnector<R>,
        now: Instant,
        redirect: Redirect,
        mode: Mode,
    ) -> Self {
        let mut attempts = Self::new(connector, now);
        attempts.follow(redirect, mode);
        attempts
    }

    /// What to do next; `None` when nothing is left to try, or no time.
    pub fn next_step(&mut self, now: Instant) -> Option<Step> {
        if now >= self.deadline {
            self.run_out_of_time();
            return None;
        }
        loop {
            if let Current::Open(_, _, race) = &mut self.current
                && let Some(step) = race.next_step(now)
            {
                return Some(match step {
                    RaceStep::Open(address) => Step::Open(address),
                    RaceStep::Wait(until) => {
                        Step::Wait(until.map_or(self.deadline, |until| until.min(self.deadline)))
                    }
                });
            }
            match self.left.pop_front()? {
                Left::Connect(target, source) => {
                    let (host, port) = (target.host.clone(), target.port);
                    self.current = Current::Resolve(target, source);
                    match host.parse::<IpAddr>() {
                        Ok(address) => self.resolved(Ok(vec![(address, port).into()])),
                        Err(_) => return Some(Step::Resolve { host, port }),
                    }
                }
                Left::LookUp(domain, source) => match Service::CLIENT.srv_names(&domain) {
                    Some(names) => {
                        self.current = Current::LookUp(domain, source);
                        return Some(Step::LookUp(names));
                    }
                    None => self.plan(Plan::fallback(&Service::CLIENT, &domain), source),
                },
            }
        }
    }

    fn run_out_of_time(&mut self) {
        let current = std::mem::replace(&mut self.current, Current::None);
        if let Current::Open(target, ..) = current {
            self.end_target(target, io::Error::from(io::ErrorKind::TimedOut).into());
            self.failures.out_of_time = true;
        }
        if !self.left.is_empty() {
            self.left.clear();
            self.failures.out_of_time = true;
        }
    }

    /// How long the current step may take: for [`Step::Open`], the connection that it is about.
    pub fn timeout(&self, now: Instant) -> Duration {
        let left = self.deadline.saturating_since(now);
        match self.current {
            Current::LookUp(..) => left,
            _ => left.min(self.connector.connect_timeout()),
        }
    }

    /// The name servers to ask, if not those of the system.
    pub fn name_servers(&self) -> Option<&NameServers> {
        self.connector.name_servers()
    }

    /// Takes the answers to [`Step::LookUp`].
    pub fn looked_up(&mut self, answers: SrvAnswers) {
        let Current::LookUp(domain, source) = std::mem::replace(&mut self.current, Current::None)
        else {
            return;
        };
        match Plan::from_answers(&Service::CLIENT, &domain, answers, crate::jitter) {
            Ok(plan) => self.plan(plan, source),
            Err(error) => {
                log!(info, domain = %domain, %error, "there is no server");
                if source == Source::Own {
                    self.no_server = Some(error);
                }
            }
        }
    }

    /// Takes the addresses of [`Step::Resolve`], in the order to try them in.
    pub fn resolved(&mut self, addresses: io::Result<Vec<SocketAddr>>) {
        let Current::Resolve(target, source) = std::mem::replace(&mut self.current, Current::None)
        else {
            return;
        };
        match addresses {
            Ok(addresses) if addresses.is_empty() => {
                let error = io::Error::other("the answer is empty");
                self.end_target(target, Error::NoAddress(error));
            }
            Ok(addresses) => self.current = Current::Open(target, source, Race::new(addresses)),
            Err(error) => self.end_target(target, Error::NoAddress(error)),
        }
    }

    /// Begins to log in over one of the connections that [`Step::Open`] asked for. The driver drops
    /// the others.
    ///
    /// # Errors
    ///
    /// Those of [`Login::new`], to be passed to [`failed`](Self::failed), and
    /// [`Error::NotConnected`] at any other step.
    pub fn log_in(&mut self, now: Instant) -> Result<Login<R>, Error> {
        match std::mem::replace(&mut self.current, Current::None) {
            Current::Open(target, source, _) => {
                let mode = target.mode;
                self.current = Current::LogIn(target);
                match source {
                    Source::Own => Login::until(&self.connector, mode, now, self.deadline),
                    Source::Redirect => {
                        let connector = SessionConnector::clone(&self.connector).redirected();
                        Login::until(&connector, mode, now, self.deadline)
                    }
                }
            }
            other => {
                self.current = other;
                Err(Error::NotConnected)
            }
        }
    }

    /// Records that the connection to this address could not be opened. The next address of the
    /// host comes next, or after the last one the next server.
    pub fn not_opened(&mut self, address: SocketAddr, error: impl Into<Error>) {
        let Current::Open(_, _, race) = &mut self.current else {
            return;
        };
        race.failed(address);
        let error = error.into();
        if race.is_lost() {
            self.failed(error);
        } else {
            log!(debug, %address, error = %Chain(&error), "an address cannot be reached");
        }
    }

    /// Records the failure of a login, or of all connections to a server. The next server comes
    /// next: another address of the same one would not help.
    ///
    /// A final answer of the domain, such as to a wrong password, ends the attempts: the other
    /// servers would give the same answer. A server that cannot prove its identity does not speak
    /// for the domain, and the next one is tried.
    ///
    /// `<see-other-host/>` is followed at most three times, always to a server with the certificate
    /// of the domain itself. One that arrives in clear text is followed only with
    /// [`Connector::with_redirects_in_clear`](crate::client::Connector::with_redirects_in_clear).
    pub fn failed(&mut self, error: impl Into<Error>) {
        let error = error.into();
        match std::mem::replace(&mut self.current, Current::None) {
            Current::Open(target, ..) | Current::Resolve(target, _) | Current::LogIn(target) => {
                self.end_target(target, error);
            }
            other => self.current = other,
        }
    }

    /// Records what came of a server.
    fn end_target(&mut self, target: Target, error: Error) {
        log!(
            info,
            host = target.host,
            port = target.port,
            error = %Chain(&error),
            "could not connect"
        );
        if error.ends_attempts() {
            self.left.clear();
        }
        if let Some(redirect) = self.connector.redirection(&error) {
            self.follow(redirect, target.mode);
        }
        self.failures.failures.push(Failure { target, error });
    }

    fn follow(&mut self, redirect: Redirect, mode: Mode) {
        if self.redirects >= MAX_REDIRECTS {
            log!(info, "redirected too often");
            return;
        }
        self.redirects = self.redirects.saturating_add(1);
        log!(info, host = %redirect.host, port = redirect.port, "redirected");
        self.left.push_front(match redirect.port {
            Some(port) => {
                let host = redirect.host.to_string();
                Left::Connect(Target { host, port, mode }, Source::Redirect)
            }
            None => Left::LookUp(redirect.host, Source::Redirect),
        });
    }

    /// The targets of a plan come before the rest.
    fn plan(&mut self, plan: Plan, source: Source) {
        log!(debug, targets = ?plan.targets(), origin = ?plan.origin(), "where to connect to");
        if source == Source::Own {
            self.failures.origin = plan.origin().clone();
        }
        let targets = plan.into_iter().map(|target| Left::Connect(target, source));
        let rest = std::mem::take(&mut self.left);
        self.left = targets.chain(rest).collect();
    }

    /// What the failures amount to.
    pub fn into_error(self) -> ConnectError {
        match self.no_server {
            Some(error) if self.failures.failures.is_empty() => ConnectError::NoServer(error),
            _ => ConnectError::Failed(self.failures),
        }
    }
}

#[cfg(test)]
mod tests;
