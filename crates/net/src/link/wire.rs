//! The side of a machine that faces the socket.

use std::io;

use xmppwire::Instant;

/// The side of a machine that faces the socket: bytes, deadlines and the end of the transport.
///
/// No method returns an error. The driver reports errors of the socket to the machine, whose
/// results tell of them.
pub trait Wire {
    /// Whether the driver should read from the socket now. False is back pressure.
    fn wants_read(&self) -> bool;

    /// Takes all bytes that were read.
    fn receive(&mut self, now: Instant, bytes: &[u8]);

    /// Reports the end of the input.
    fn receive_eof(&mut self);

    /// The bytes to write next; empty if there are none.
    fn output(&mut self) -> &[u8];

    /// Reports that the first `n` bytes of [`output`](Self::output) were written.
    fn consume_output(&mut self, n: usize);

    /// Reports that writing failed. Go on reading: what the peer sent before may be the reason.
    fn write_failed(&mut self, error: io::Error);

    /// Reports that reading failed.
    fn read_failed(&mut self, error: io::Error);

    /// Whether the last byte is written and the driver should shut the sending side of the socket
    /// down.
    fn wants_shutdown(&mut self) -> bool;

    /// Reports that the sending side is shut down, or that this failed.
    fn shut_down(&mut self);

    /// When to call [`handle_timeout`](Self::handle_timeout), if at all.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Handles the deadlines that are over by `now`. An early call has no effect.
    fn handle_timeout(&mut self, now: Instant);
}

/// What a driver drives: a [`Wire`] or a machine with a wire inside.
pub trait Wired {
    /// The wire.
    fn wire(&mut self) -> &mut dyn Wire;
}

impl<W: Wire> Wired for W {
    fn wire(&mut self) -> &mut dyn Wire {
        self
    }
}
