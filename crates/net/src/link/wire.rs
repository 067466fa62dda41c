//! What a driver moves.

use std::io;

use xmppwire::Instant;

/// The side of a machine that faces the socket: bytes, deadlines and the end of the transport.
///
/// Nothing here fails: what goes wrong is told to the machine, which tells it to its user in its own words.
pub trait Wire {
    /// Whether bytes from the socket are welcome now. Back pressure is `false` here.
    fn wants_read(&self) -> bool;

    /// Takes all of what was read.
    fn receive(&mut self, now: Instant, bytes: &[u8]);

    /// Says that the other side will send no more.
    fn receive_eof(&mut self);

    /// The bytes to write next, none if there are none.
    fn output(&mut self) -> &[u8];

    /// Says that the first `n` bytes of [`output`](Self::output) were written.
    fn consume_output(&mut self, n: usize);

    /// Says that the socket takes no more bytes. What the other side has said before is still worth reading: it may
    /// be the reason.
    fn write_failed(&mut self, error: io::Error);

    /// Says that the socket gives no more bytes.
    fn read_failed(&mut self, error: io::Error);

    /// Whether the last byte was written, so that the sending side of the socket is to be shut down.
    fn wants_shutdown(&mut self) -> bool;

    /// Says that the sending side was shut down.
    fn shut_down(&mut self);

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, if ever.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Ends what has run out by `now`.
    fn handle_timeout(&mut self, now: Instant);
}

/// What a driver drives: a [`Wire`], or a machine with a wire inside.
pub trait Wired {
    /// The wire.
    fn wire(&mut self) -> &mut dyn Wire;
}

impl<W: Wire> Wired for W {
    fn wire(&mut self) -> &mut dyn Wire {
        self
    }
}
