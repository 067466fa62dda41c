//! Moves bytes between a socket and a machine.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep_until};
use xmppwire::Instant;
use xmppwire_net::link::{Wire, Wired};

use crate::clock::Clock;

/// Bytes read per system call. The buffer is on the stack, so an idle connection holds none.
const CHUNK: usize = 16 * 1024;

/// A socket and the clock beside it.
#[derive(Debug)]
pub(crate) struct Pump<T> {
    socket: T,
    clock: Clock,
    /// The timer of the present deadline, kept so that another poll starts no new one.
    alarm: Option<(Instant, Pin<Box<Sleep>>)>,
    /// Whether bytes were written since the last flush.
    unflushed: bool,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Pump<T> {
    pub(crate) fn new(socket: T, clock: Clock) -> Self {
        Self {
            socket,
            clock,
            alarm: None,
            unflushed: false,
        }
    }

    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) const fn socket(&self) -> &T {
        &self.socket
    }

    /// Moves bytes until the machine has a result. Dropping the future loses nothing, because it
    /// holds no state.
    pub(crate) async fn until<M: Wired, R>(
        &mut self,
        machine: &mut M,
        mut poll: impl FnMut(&mut M, Instant) -> Poll<R>,
    ) -> R {
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(result) = poll(machine, self.clock.now()) {
                    return Poll::Ready(result);
                }
                if !self.poll_move(cx, machine.wire()) {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Writes as many bytes as the socket takes now.
    pub(crate) async fn write_now<M: Wired>(&mut self, machine: &mut M) {
        poll_fn(|cx| {
            while self.poll_write(cx, machine.wire()) {}
            Poll::Ready(())
        })
        .await;
    }

    /// Writes as many bytes as the socket takes now, and reads once. A caller that only sends
    /// notices by this that the stream has ended, and answers what has to be answered.
    pub(crate) async fn exchange_now<M: Wired>(&mut self, machine: &mut M) {
        self.write_now(machine).await;
        poll_fn(|cx| {
            self.poll_read(cx, machine.wire());
            Poll::Ready(())
        })
        .await;
    }

    /// One step in each direction, so that neither waits for the other. Returns whether anything
    /// moved; if not, the task is woken when something can.
    pub(crate) fn poll_move(&mut self, cx: &mut Context<'_>, wire: &mut dyn Wire) -> bool {
        let written = self.poll_write(cx, wire);
        let read = self.poll_read(cx, wire);
        let shut_down = self.poll_shutdown(cx, wire);
        let rung = self.poll_alarm(cx, wire);
        written || read || shut_down || rung
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, wire: &mut dyn Wire) -> bool {
        let output = wire.output();
        if output.is_empty() {
            return self.poll_flush(cx, wire);
        }
        match Pin::new(&mut self.socket).poll_write(cx, output) {
            Poll::Ready(Ok(0)) => {
                wire.write_failed(std::io::ErrorKind::WriteZero.into());
                true
            }
            Poll::Ready(Ok(written)) => {
                wire.consume_output(written);
                self.unflushed = true;
                true
            }
            Poll::Ready(Err(error)) => {
                wire.write_failed(error);
                true
            }
            Poll::Pending => false,
        }
    }

    /// For transports with a write buffer of their own, which sockets do not have.
    fn poll_flush(&mut self, cx: &mut Context<'_>, wire: &mut dyn Wire) -> bool {
        if self.unflushed {
            match Pin::new(&mut self.socket).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => {
                    self.unflushed = false;
                    wire.write_failed(error);
                    return true;
                }
                Poll::Pending => {}
            }
        }
        false
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, wire: &mut dyn Wire) -> bool {
        if !wire.wants_read() {
            return false;
        }
        let mut chunk = [MaybeUninit::uninit(); CHUNK];
        let mut chunk = ReadBuf::uninit(&mut chunk);
        match Pin::new(&mut self.socket).poll_read(cx, &mut chunk) {
            Poll::Ready(Ok(())) if chunk.filled().is_empty() => wire.receive_eof(),
            Poll::Ready(Ok(())) => wire.receive(self.clock.now(), chunk.filled()),
            Poll::Ready(Err(error)) => wire.read_failed(error),
            Poll::Pending => return false,
        }
        true
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>, wire: &mut dyn Wire) -> bool {
        if !wire.wants_shutdown() {
            return false;
        }
        match Pin::new(&mut self.socket).poll_shutdown(cx) {
            // A socket that cannot be shut down is no longer connected.
            Poll::Ready(_) => {
                wire.shut_down();
                true
            }
            Poll::Pending => false,
        }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>, wire: &mut dyn Wire) -> bool {
        let Some((deadline, at)) = wire
            .poll_timeout()
            .and_then(|deadline| Some((deadline, self.clock.at(deadline)?)))
        else {
            self.alarm = None;
            return false;
        };
        if self.alarm.as_ref().is_none_or(|(set, _)| *set != deadline) {
            match &mut self.alarm {
                Some((set, sleep)) => {
                    *set = deadline;
                    sleep.as_mut().reset(at);
                }
                None => self.alarm = Some((deadline, Box::pin(sleep_until(at)))),
            }
        }
        let Some((_, sleep)) = &mut self.alarm else {
            return false;
        };
        if sleep.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.alarm = None;
        wire.handle_timeout(self.clock.now());
        true
    }
}
