//! The contract between a connection and the loop that drives it.

use alloc::vec::Vec;

use crate::error::{ApiMisuse, HandoffError};
use crate::stanza::Stanza;
use crate::time::Instant;
use crate::tls::{StartTls, TlsHandoff, TlsInfo};
use crate::wire::stream_error::StreamError;

/// What an I/O driver needs of a connection; every role implements it, so one driver serves them all.
///
/// The methods come in four kinds: bytes and time go in ([`receive`](Self::receive),
/// [`receive_eof`](Self::receive_eof), [`handle_timeout`](Self::handle_timeout)), bytes and events come out
/// ([`output`](Self::output), [`poll_event`](Self::poll_event)), commands act
/// ([`send`](Self::send), [`close`](Self::close), the TLS pair), and the rest are questions without effect.
/// No order of polls is required and nothing must be drained before another call.
///
/// **The peer can never cause an `Err`.** What it does wrong becomes a stream error in the output and
/// exactly one `Closed` event; an `Err` is always a bug of the caller.
pub trait Connection {
    /// What the connection tells the application. Owned, so that it outlives the borrow.
    type Event: Send + 'static;

    /// Takes bytes from the peer and returns how many were consumed.
    ///
    /// Stops right behind the first byte that causes an event, so that the application's decision is in
    /// force before later bytes are looked at. The rest stays with the caller, who offers it again once
    /// [`wants_read`](Self::wants_read) is true; then at least one byte is consumed.
    fn receive(&mut self, now: Instant, input: &[u8]) -> usize;

    /// Says that the peer will send no more. Without a closing tag before it this ends the connection as
    /// [`CloseReason::TransportEof`](crate::CloseReason::TransportEof).
    fn receive_eof(&mut self, now: Instant);

    /// Whether [`receive`](Self::receive) would take a byte: false while an event is pending, a question
    /// is open, TLS is being handed over, too much output waits for the peer, or the input is over.
    fn wants_read(&self) -> bool;

    /// The bytes owed to the peer. Its length is the backlog.
    ///
    /// The memory behind it shrinks as it drains: at most five times the backlog + 3 KiB, and 512 bytes
    /// once it is empty.
    fn output(&self) -> &[u8];

    /// Says that the first `n` bytes of [`output`](Self::output) were written. Partial writes are
    /// normal; more than there is counts as all of it.
    fn consume_output(&mut self, n: usize);

    /// Takes all of the output at once, for loops that hand owned buffers to the kernel.
    fn take_output(&mut self) -> Vec<u8>;

    /// The next event, if there is one.
    fn poll_event(&mut self) -> Option<Self::Event>;

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, if ever.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Ends what has run out by `now`. An early call is a no-op.
    fn handle_timeout(&mut self, now: Instant);

    /// Answers a `StartTls` event: hands the raw transport to TLS.
    ///
    /// `unread` is every byte that was read from the transport and not consumed. The driver must not
    /// drop or forward them: they came in clear text and would be taken for protected ones.
    ///
    /// # Errors
    /// [`HandoffError::UnreadInput`] when there are such bytes: somebody injected them, and the
    /// connection is closed. [`HandoffError::Stale`] when the request is not the open one, or when the
    /// connection has ended meanwhile. Either way the connection tells how it ended.
    fn begin_tls(&mut self, request: StartTls, unread: &[u8]) -> Result<TlsHandoff, HandoffError>;

    /// Says that the TLS handshake is done. What was learnt in clear text is forgotten and a new stream
    /// begins (RFC 6120 §5.4.3.3). After the end, as when the handshake took too long, this is a no-op.
    ///
    /// # Errors
    /// [`ApiMisuse::StaleRequest`] when the proof is not that of the running hand-off.
    fn tls_established(
        &mut self,
        now: Instant,
        handoff: TlsHandoff,
        tls: TlsInfo,
    ) -> Result<(), ApiMisuse>;

    /// Queues a stanza for the peer. After the stream has ended this is a no-op.
    ///
    /// # Errors
    /// [`ApiMisuse::NotBound`] before a resource is bound, [`ApiMisuse::InvalidStanza`] when the stanza
    /// holds what XML cannot carry or breaks RFC 6120 §8; nothing is queued then.
    fn send(&mut self, stanza: &Stanza) -> Result<(), ApiMisuse>;

    /// Closes the stream: with an error at once, without one by the handshake of RFC 6120 §4.4. Idempotent.
    fn close(&mut self, now: Instant, error: Option<StreamError>);

    /// Whether the `Closed` event was taken and the output has drained: drop the socket.
    fn is_finished(&self) -> bool;
}

/// Implements [`Connection`] for a role: an endpoint with the fields `stream` and `event` and the
/// methods `handle` (something arrived), `open` (begin a stream anew) and `has_question`.
macro_rules! impl_connection {
    ($role:ident, $event:ident) => {
        impl Connection for $role {
            type Event = $event;

            fn receive(&mut self, now: Instant, input: &[u8]) -> usize {
                let mut rest = input;
                while self.wants_read() {
                    let Some(incoming) = self.stream.read(now, &mut rest) else {
                        break;
                    };
                    self.handle(incoming);
                }
                input.len().saturating_sub(rest.len())
            }

            fn receive_eof(&mut self, _now: Instant) {
                self.stream.receive_eof();
            }

            fn wants_read(&self) -> bool {
                self.event.is_none() && !self.has_question() && self.stream.wants_read()
            }

            fn output(&self) -> &[u8] {
                self.stream.output()
            }

            fn consume_output(&mut self, n: usize) {
                self.stream.consume_output(n);
            }

            fn take_output(&mut self) -> Vec<u8> {
                self.stream.take_output()
            }

            fn poll_event(&mut self) -> Option<$event> {
                self.event
                    .take()
                    .or_else(|| self.stream.poll_start_tls().map($event::StartTls))
                    .or_else(|| self.stream.poll_closed().map($event::Closed))
            }

            fn poll_timeout(&self) -> Option<Instant> {
                self.stream.poll_timeout()
            }

            fn handle_timeout(&mut self, now: Instant) {
                self.stream.handle_timeout(now);
            }

            fn begin_tls(
                &mut self,
                request: StartTls,
                unread: &[u8],
            ) -> Result<TlsHandoff, HandoffError> {
                self.stream.begin_tls(&request, unread)
            }

            fn tls_established(
                &mut self,
                _now: Instant,
                handoff: TlsHandoff,
                tls: TlsInfo,
            ) -> Result<(), ApiMisuse> {
                // The end may come during the handshake, from a time-out or the peer: no fault of the
                // caller's, and nothing to go on with.
                if self.stream.is_over() {
                    return Ok(());
                }
                self.stream.tls_established(&handoff, tls)?;
                self.open();
                Ok(())
            }

            fn send(&mut self, stanza: &Stanza) -> Result<(), ApiMisuse> {
                self.stream.send(stanza)
            }

            fn close(&mut self, now: Instant, error: Option<StreamError>) {
                self.stream.close(now, error);
            }

            fn is_finished(&self) -> bool {
                self.stream.is_finished()
            }
        }
    };
}
pub(crate) use impl_connection;
