//! Connections that are opened beside each other.

use std::io;
use std::net::{SocketAddr, TcpStream};

use mio::{Events, Interest, Token};
use xmppwire::Instant;
use xmppwire_net::socket::{SockRef, prepare};

use crate::clock::Clock;

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
