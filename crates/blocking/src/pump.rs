//! Moves bytes between a socket and a machine.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Token};
use xmppwire::Instant;
use xmppwire_net::link::{Wire, Wired};

use crate::clock::Clock;
use crate::moves::{CHUNK, step, write};
use crate::waker::Waker;

/// Longest single wait: some systems reject time-outs of years.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes that are read after each stanza that is sent: few, because the buffer has to be cleared
/// each time.
const GLANCE: usize = 2 * 1024;

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);

/// A socket and the clock beside it.
pub(crate) struct Pump {
    socket: TcpStream,
    selector: mio::Poll,
    events: Events,
    waker: Waker,
    clock: Clock,
}

impl Pump {
    pub(crate) fn new(socket: std::net::TcpStream, clock: Clock, waker: Waker) -> io::Result<Self> {
        // Neither direction may wait for the other: a blocking write to a peer that itself writes
        // would be a deadlock.
        socket.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(socket);
        let selector = mio::Poll::new()?;
        let both = Interest::READABLE | Interest::WRITABLE;
        selector.registry().register(&mut socket, SOCKET, both)?;
        waker.attach(selector.registry(), WAKER)?;
        Ok(Self {
            socket,
            selector,
            events: Events::with_capacity(2),
            waker,
            clock,
        })
    }

    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }

    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Moves bytes until the machine has a result.
    pub(crate) fn until<M: Wired, R>(
        &mut self,
        machine: &mut M,
        mut poll: impl FnMut(&mut M, Instant) -> Poll<R>,
    ) -> R {
        let mut chunk = [0; CHUNK];
        loop {
            if let Poll::Ready(result) = poll(machine, self.now()) {
                return result;
            }
            if !self.step(machine.wire(), &mut chunk) {
                self.wait(machine.wire(), None);
            }
        }
    }

    /// Moves bytes until the machine has a result, the time is over or the waker was used. Each
    /// direction gets a turn before, however short the time is.
    pub(crate) fn until_timeout<M: Wired, R>(
        &mut self,
        machine: &mut M,
        timeout: Duration,
        mut poll: impl FnMut(&mut M, Instant) -> Poll<R>,
    ) -> Poll<R> {
        let mut chunk = [0; CHUNK];
        let deadline = self.now() + timeout;
        loop {
            if let Poll::Ready(result) = poll(machine, self.now()) {
                return Poll::Ready(result);
            }
            let moved = self.step(machine.wire(), &mut chunk);
            // Checked in every round: a peer that sends on and on without an event must not use up
            // the caller's time.
            if self.now() >= deadline || self.waker.is_woken() {
                let last = poll(machine, self.now());
                if last.is_pending() {
                    self.waker.take();
                }
                return last;
            }
            if !moved {
                self.wait(machine.wire(), Some(deadline));
            }
        }
    }

    /// Writes as many bytes as the socket takes now.
    pub(crate) fn write_now(&mut self, wire: &mut dyn Wire) {
        while write(&mut self.socket, wire) {}
    }

    /// Writes as many bytes as the socket takes now, and reads once. A caller that only sends
    /// notices by this that the stream has ended, and answers what has to be answered.
    pub(crate) fn exchange_now(&mut self, wire: &mut dyn Wire) {
        self.write_now(wire);
        self.step(wire, &mut [0; GLANCE]);
    }

    /// One step in each direction. Returns whether anything moved; if not, both would block, and an
    /// edge-triggered selector may be waited for.
    pub(crate) fn step(&mut self, wire: &mut dyn Wire, chunk: &mut [u8]) -> bool {
        step(&mut self.socket, wire, self.clock, chunk)
    }

    /// Waits until the socket is ready, the machine's deadline or `until` is over, or the waker is
    /// used.
    fn wait(&mut self, wire: &mut dyn Wire, until: Option<Instant>) {
        let next = [wire.poll_timeout(), until].into_iter().flatten().min();
        if let Err(error) = self.wait_until(next) {
            // Without the selector the connection cannot go on.
            wire.write_failed(error.kind().into());
            wire.read_failed(error);
        }
    }

    /// Waits until the socket is ready, the deadline is over, or the waker is used.
    pub(crate) fn wait_until(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let timeout = deadline.map(|next| next.saturating_since(self.now()).min(LONGEST));
        match self.selector.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Pump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}
