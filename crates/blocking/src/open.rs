//! Connections that are opened beside each other.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use mio::{Events, Interest, Token};
use xmppwire::Instant;
use xmppwire_net::find::{Race, RaceStep};
use xmppwire_net::socket::{SockRef, prepare};

use crate::clock::Clock;

/// Opens a connection to one of these addresses of a host, each of which may take this long.
pub(crate) fn open_any(
    addresses: impl IntoIterator<Item = SocketAddr>,
    limit: Duration,
) -> io::Result<TcpStream> {
    let clock = Clock::start();
    let mut race = Race::new(addresses);
    let mut openings = Openings::default();
    let mut last = io::Error::other("the host has no address");
    while let Some(step) = race.next_step(clock.now()) {
        match step {
            RaceStep::Open(address) => openings.begin(address, clock.now() + limit),
            RaceStep::Wait(until) => match openings.first(clock, until) {
                Some((_, Ok(socket))) => return Ok(socket),
                Some((address, Err(error))) => {
                    race.failed(address);
                    last = error;
                }
                None => {}
            },
        }
    }
    Err(last)
}

/// The connections that are being opened. Dropping it ends the attempts.
#[derive(Default)]
pub(crate) struct Openings {
    /// Made for the first one.
    selector: Option<mio::Poll>,
    all: Vec<Opening>,
    /// The token of the next one.
    next: usize,
}

struct Opening {
    address: SocketAddr,
    deadline: Instant,
    state: State,
}

enum State {
    Opening(mio::net::TcpStream),
    /// It failed before anything could be waited for. `None` once that was told.
    Failed(Option<io::Error>),
}

impl Openings {
    /// Begins to open a connection, which may take until this time.
    pub(crate) fn begin(&mut self, address: SocketAddr, deadline: Instant) {
        let token = Token(self.next);
        self.next = self.next.wrapping_add(1);
        let state = match self.start(address, token) {
            Ok(socket) => State::Opening(socket),
            Err(error) => State::Failed(Some(error)),
        };
        self.all.push(Opening {
            address,
            deadline,
            state,
        });
    }

    fn start(&mut self, address: SocketAddr, token: Token) -> io::Result<mio::net::TcpStream> {
        let selector = match &mut self.selector {
            Some(selector) => selector,
            none => none.insert(mio::Poll::new()?),
        };
        let mut socket = mio::net::TcpStream::connect(address)?;
        let registry = selector.registry();
        registry.register(&mut socket, token, Interest::WRITABLE)?;
        Ok(socket)
    }

    /// The first connection that is open or has failed; `None` if there is none by this time.
    pub(crate) fn first(
        &mut self,
        clock: Clock,
        until: Option<Instant>,
    ) -> Option<(SocketAddr, io::Result<TcpStream>)> {
        let mut events = Events::with_capacity(8);
        loop {
            let now = clock.now();
            for at in 0..self.all.len() {
                let result = self.all.get_mut(at).and_then(|opening| opening.result(now));
                if let Some(result) = result {
                    let opening = self.all.swap_remove(at);
                    return Some((opening.address, self.take(opening, result)));
                }
            }
            if until.is_some_and(|until| until <= now) {
                return None;
            }
            let deadlines = self.all.iter().map(|opening| opening.deadline);
            let wake = deadlines.chain(until).min()?;
            let selector = self.selector.as_mut()?;
            match selector.poll(&mut events, Some(wake.saturating_since(now))) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Without the selector no connection can be waited for.
                Err(error) => {
                    let opening = self.all.pop()?;
                    return Some((opening.address, Err(error)));
                }
            }
        }
    }

    fn take(&self, opening: Opening, result: io::Result<()>) -> io::Result<TcpStream> {
        result?;
        let State::Opening(mut socket) = opening.state else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        if let Some(selector) = &self.selector {
            selector.registry().deregister(&mut socket)?;
        }
        let socket = TcpStream::from(socket);
        socket.set_nonblocking(false)?;
        prepare(&SockRef::from(&socket))?;
        Ok(socket)
    }
}

impl Opening {
    /// What became of it, if anything did by now.
    fn result(&mut self, now: Instant) -> Option<io::Result<()>> {
        let result = match &mut self.state {
            State::Failed(error) => return error.take().map(Err),
            State::Opening(socket) => match socket.take_error() {
                Ok(Some(error)) | Err(error) => Err(error),
                Ok(None) => match socket.peer_addr() {
                    Ok(_) => Ok(()),
                    Err(error) if is_under_way(&error) && now < self.deadline => return None,
                    Err(error) if is_under_way(&error) => Err(io::ErrorKind::TimedOut.into()),
                    Err(error) => Err(error),
                },
            },
        };
        Some(result)
    }
}

/// What the address of a peer fails with while the connection is being opened.
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotConnected
}

#[cfg(all(test, target_os = "linux"))]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::*;
    use xmppwire_test_support::{BlackHole, within};

    /// Longer than any test.
    const LONG: Duration = Duration::from_secs(100_000);

    #[test]
    fn an_address_that_nothing_answers_at_is_not_waited_for() {
        within(|| {
            let (hole, listener) = BlackHole::beside_a_listener();
            let there = listener.local_addr().unwrap();
            let closed = ([127, 0, 0, 1], 1).into();
            for addresses in [vec![hole.address, there], vec![hole.address, closed, there]] {
                let socket = open_any(addresses, LONG).unwrap();
                assert_eq!(socket.peer_addr().unwrap(), there);
                assert!(socket.nodelay().unwrap());
                drop(listener.accept().unwrap());
            }
            // Each address has its own time.
            let error = open_any([hole.address], Duration::from_millis(20)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            let error = open_any([closed], LONG).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            assert!(open_any([], LONG).is_err());
        });
    }
}
