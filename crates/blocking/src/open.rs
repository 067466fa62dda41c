//! Connections that are opened beside each other.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use mio::{Events, Interest, Registry, Token};
use xmppwire::Instant;
use xmppwire_net::socket::{SockRef, prepare};

use crate::waker::Waker;

/// Longest single wait: some systems reject time-outs of years.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Connections follow from zero on.
const WAKER: Token = Token(usize::MAX);

/// The connections that are being opened. Dropping it ends the attempts.
#[derive(Debug)]
pub(crate) struct Openings {
    /// Made when there is something to wait for.
    selector: Option<mio::Poll>,
    waker: Waker,
    all: Vec<Opening>,
    /// The token of the next one.
    next: usize,
}

/// A connection that is being opened.
#[derive(Debug)]
pub(crate) struct Opening {
    address: SocketAddr,
    deadline: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Opening(mio::net::TcpStream),
    /// It failed before anything could be waited for. `None` once that was told.
    Failed(Option<io::Error>),
}

impl Openings {
    /// The waker ends a [wait](Self::wait).
    pub(crate) const fn new(waker: Waker) -> Self {
        Self {
            selector: None,
            waker,
            all: Vec::new(),
            next: 0,
        }
    }

    /// Lets the waker end the next wait, also where no connection is being opened.
    pub(crate) fn watch(&mut self) -> io::Result<()> {
        self.selector().map(drop)
    }

    fn selector(&mut self) -> io::Result<&mut mio::Poll> {
        match &mut self.selector {
            Some(selector) => Ok(selector),
            none => {
                let selector = mio::Poll::new()?;
                self.waker.attach(selector.registry(), WAKER)?;
                Ok(none.insert(selector))
            }
        }
    }

    /// Begins to open a connection, which may take until this time.
    pub(crate) fn begin(&mut self, address: SocketAddr, deadline: Instant) {
        let token = Token(self.next);
        self.next = self.next.wrapping_add(1);
        let opening = match self.selector() {
            Ok(selector) => Opening::begin(selector.registry(), token, address, deadline),
            Err(error) => Opening::failed(address, deadline, error),
        };
        self.all.push(opening);
    }

    /// The first connection that is open or has failed by now.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<(SocketAddr, io::Result<TcpStream>)> {
        let (address, socket) = Opening::first(&mut self.all, now)?;
        Some((address, socket.and_then(|socket| self.take(socket))))
    }

    /// Waits until a connection may be open or have failed, the waker is used, or this time is over.
    pub(crate) fn wait(&mut self, now: Instant, until: Option<Instant>) {
        let deadlines = self.all.iter().map(|opening| opening.deadline);
        let wake = deadlines.chain(until).min();
        let timeout = wake.map(|wake| wake.saturating_since(now).min(LONGEST));
        let mut events = Events::with_capacity(8);
        let waited = self
            .selector()
            .and_then(|selector| selector.poll(&mut events, timeout));
        if let Err(error) = waited
            && error.kind() != io::ErrorKind::Interrupted
        {
            // Without the selector no connection can be waited for.
            for opening in &mut self.all {
                opening.state = State::Failed(Some(error.kind().into()));
            }
        }
    }

    fn take(&self, mut socket: mio::net::TcpStream) -> io::Result<TcpStream> {
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
    /// Begins to open a connection, which may take until this time. The registry tells when to look
    /// at it.
    pub(crate) fn begin(
        registry: &Registry,
        token: Token,
        address: SocketAddr,
        deadline: Instant,
    ) -> Self {
        let both = Interest::READABLE | Interest::WRITABLE;
        let socket = mio::net::TcpStream::connect(address).and_then(|mut socket| {
            registry.register(&mut socket, token, both)?;
            Ok(socket)
        });
        match socket {
            Ok(socket) => Self {
                address,
                deadline,
                state: State::Opening(socket),
            },
            Err(error) => Self::failed(address, deadline, error),
        }
    }

    const fn failed(address: SocketAddr, deadline: Instant, error: io::Error) -> Self {
        Self {
            address,
            deadline,
            state: State::Failed(Some(error)),
        }
    }

    /// When it has failed at the latest.
    pub(crate) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Takes the first connection that is open or has failed by now out of the list.
    pub(crate) fn first(
        all: &mut Vec<Self>,
        now: Instant,
    ) -> Option<(SocketAddr, io::Result<mio::net::TcpStream>)> {
        for at in 0..all.len() {
            let result = all.get_mut(at).and_then(|opening| opening.result(now));
            if let Some(result) = result {
                let Self { address, state, .. } = all.swap_remove(at);
                let socket = result.and_then(|()| match state {
                    State::Opening(socket) => Ok(socket),
                    State::Failed(_) => Err(io::ErrorKind::NotConnected.into()),
                });
                return Some((address, socket));
            }
        }
        None
    }

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
