//! Moves bytes between a socket and a machine.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::task::Poll;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Token};
use xmppwire::Instant;
use xmppwire_net::link::{Wire, Wired};

use crate::clock::Clock;
use crate::waker::Waker;

/// Bytes read per system call. The buffer is on the stack of the waiting call, so an idle
/// connection holds none.
const CHUNK: usize = 16 * 1024;

/// Longest single wait: some systems reject time-outs of years.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

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
        while self.write(wire) {}
    }

    /// One step in each direction. Returns whether anything moved; if not, both would block, and an
    /// edge-triggered selector may be waited for.
    fn step(&mut self, wire: &mut dyn Wire, chunk: &mut [u8]) -> bool {
        let written = self.write(wire);
        let read = self.read(wire, chunk);
        let shut_down = self.shut_down(wire);
        let rung = self.ring(wire);
        written || read || shut_down || rung
    }

    fn write(&mut self, wire: &mut dyn Wire) -> bool {
        let output = wire.output();
        if output.is_empty() {
            return false;
        }
        match self.socket.write(output) {
            Ok(0) => wire.write_failed(io::ErrorKind::WriteZero.into()),
            Ok(written) => wire.consume_output(written),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => wire.write_failed(error),
        }
        true
    }

    fn read(&mut self, wire: &mut dyn Wire, chunk: &mut [u8]) -> bool {
        if !wire.wants_read() {
            return false;
        }
        match self.socket.read(chunk) {
            Ok(0) => wire.receive_eof(),
            Ok(length) => wire.receive(self.now(), chunk.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => wire.read_failed(error),
        }
        true
    }

    fn shut_down(&self, wire: &mut dyn Wire) -> bool {
        let wanted = wire.wants_shutdown();
        if wanted {
            // A socket that cannot be shut down is no longer connected.
            let _ = self.socket.shutdown(Shutdown::Write);
            wire.shut_down();
        }
        wanted
    }

    fn ring(&self, wire: &mut dyn Wire) -> bool {
        let now = self.now();
        let due = wire.poll_timeout().is_some_and(|deadline| deadline <= now);
        if due {
            wire.handle_timeout(now);
        }
        due
    }

    /// Waits until the socket is ready, the machine's deadline or `until` is over, or the waker is
    /// used.
    fn wait(&mut self, wire: &mut dyn Wire, until: Option<Instant>) {
        let next = [wire.poll_timeout(), until].into_iter().flatten().min();
        let timeout = next.map(|next| next.saturating_since(self.now()).min(LONGEST));
        match self.selector.poll(&mut self.events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Without the selector the connection cannot go on.
            Err(error) => {
                wire.write_failed(error.kind().into());
                wire.read_failed(error);
            }
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
