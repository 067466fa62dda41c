//! From a connector to a session.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use xmppwire_net::client::{ConnectError, Error, SessionRole};
use xmppwire_net::find::{Attempts, Resolver, Step};

use crate::Session;
use crate::clock::Clock;
use crate::open::Openings;
use crate::pump::Pump;
use crate::waker::Waker;

/// Takes the steps of the attempts until a login succeeds or nothing is left to try. `clock` is the
/// clock that the attempts began by.
pub(crate) fn connect<R: SessionRole>(
    mut attempts: Attempts<R>,
    clock: Clock,
    waker: &Waker,
) -> Result<Session<R>, ConnectError> {
    while let Some(socket) = open_next(&mut attempts, clock) {
        match log_in(&mut attempts, socket, clock, waker.clone()) {
            Ok(session) => return Ok(session),
            Err(error) => attempts.failed(error),
        }
    }
    Err(attempts.into_error())
}

/// Takes the steps of the attempts until a connection is open or nothing is left to try.
fn open_next<R: SessionRole>(attempts: &mut Attempts<R>, clock: Clock) -> Option<TcpStream> {
    let mut openings = Openings::default();
    while let Some(step) = attempts.next_step(clock.now()) {
        let limit = attempts.timeout(clock.now());
        match step {
            Step::LookUp(names) => {
                let name_servers = attempts.name_servers().cloned();
                let resolver = name_servers.map_or_else(Resolver::system, Resolver::new);
                attempts.looked_up(resolver.look_up(&names, limit));
            }
            Step::Resolve { host, port } => attempts.resolved(resolve(host, port, limit)),
            Step::Open(address) => openings.begin(address, clock.now() + limit),
            Step::Wait(until) => match openings.first(clock, Some(until)) {
                // The others are too late.
                Some((_, Ok(socket))) => return Some(socket),
                Some((address, Err(error))) => attempts.not_opened(address, error),
                None => {}
            },
        }
    }
    None
}

/// Asks the system for the addresses of a host. The system's resolver has no time limit that one
/// could set, so a thread waits for it and is left behind when the time is over; it ends when the
/// resolver does.
pub(crate) fn resolve(host: String, port: u16, timeout: Duration) -> io::Result<Vec<SocketAddr>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::Builder::new().spawn(move || {
        let addresses = (host, port).to_socket_addrs().map(Iterator::collect);
        // Without effect when nothing waits for it any more.
        let _ = sender.send(addresses);
    })?;
    receiver
        .recv_timeout(timeout)
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn log_in<R: SessionRole>(
    attempts: &mut Attempts<R>,
    socket: TcpStream,
    clock: Clock,
    waker: Waker,
) -> Result<Session<R>, Error> {
    let pump = Pump::new(socket, clock, waker)?;
    Session::log_in(pump, attempts.log_in(clock.now())?)
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
        let clock = Clock::start();
        let mut attempts = Attempts::new(&connector, clock.now());
        let step = attempts.next_step(clock.now());
        assert!(matches!(step, Some(Step::Resolve { .. })), "{step:?}");
        attempts.resolved(Ok(addresses));
        let opened = open_next(&mut attempts, clock);
        opened.ok_or_else(|| attempts.into_error())
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
