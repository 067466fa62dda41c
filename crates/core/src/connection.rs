//! The driver's interface: bytes, time, events and the change to TLS.

use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use crate::endpoint::Endpoint;
use crate::error::{ApiMisuse, HandoffError};
use crate::negotiation::Side;
use crate::role::{Role, Step};
use crate::time::Instant;
use crate::tls::{StartTls, TlsHandoff, TlsInfo};

/// A connection of role `R`, for the loop that moves its bytes.
///
/// [`Client::new`](crate::Client::new) and the constructors of the other roles return one. It owns
/// an [`Endpoint`], whose methods the application calls: to send, to close, to answer questions. A
/// connection dereferences to its endpoint, so a program that is both driver and application needs
/// only this type. A driver that serves an application keeps the connection and lends out the
/// endpoint, which has no method that moves bytes.
///
/// The methods come in four kinds:
///
/// - bytes and time go in: [`receive`](Self::receive), [`receive_eof`](Self::receive_eof),
///   [`handle_timeout`](Self::handle_timeout);
/// - bytes and events come out: [`output`](Self::output), [`take_output`](Self::take_output),
///   [`poll_event`](Self::poll_event);
/// - commands act: [`consume_output`](Self::consume_output), [`begin_tls`](Self::begin_tls),
///   [`tls_established`](Self::tls_established), [`set_tls_available`](Self::set_tls_available),
///   [`did_not_read`](Self::did_not_read);
/// - getters have no effect: [`wants_read`](Self::wants_read),
///   [`poll_timeout`](Self::poll_timeout), [`is_finished`](Self::is_finished).
///
/// No order of calls is required, and nothing must be drained before another call.
///
/// **The peer can never cause an `Err`.** If it breaks the protocol, a stream error appears in the
/// output and exactly one `Closed` event follows. An `Err` is always a mistake of the caller.
///
/// ```
/// use xmppwire::{
///     Client, ClientConfig, CloseReason, Connection, Entropy, Instant, Jid, Role, RoleEvent,
/// };
///
/// /// Gives `input` to a connection of any role; returns why it ended, if it did.
/// fn feed<R: Role>(connection: &mut Connection<R>, now: Instant, mut input: &[u8]) -> Option<CloseReason> {
///     while connection.wants_read() && !input.is_empty() {
///         let consumed = connection.receive(now, input);
///         input = &input[consumed..];
///         while let Some(event) = connection.poll_event() {
///             println!("{event:?}");
///             if let Some(reason) = event.close_reason() {
///                 return Some(reason.clone());
///             }
///         }
///     }
///     None
/// }
///
/// let config = ClientConfig::new(Jid::new("juliet@example.org")?, "s3cr3t")?;
/// let mut client = Client::new(config, Entropy::from_seed([7; 32]), Instant::ORIGIN);
/// // The peer breaks the protocol: no error is returned, the stream ends.
/// let reason = feed(&mut client, Instant::ORIGIN, b"HTTP/1.1 400 Bad Request");
/// assert!(matches!(reason, Some(CloseReason::Violation { .. })));
/// assert!(client.take_output().ends_with(b"</stream:error></stream:stream>"));
/// assert!(client.is_finished());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection<R: Role> {
    endpoint: Endpoint<R>,
}

impl<R: Role> Connection<R> {
    pub(crate) const fn new(endpoint: Endpoint<R>) -> Self {
        Self { endpoint }
    }

    /// Takes bytes from the peer and returns how many were consumed.
    ///
    /// Stops right behind the first byte that causes an event, so that the application can decide
    /// before later bytes are read. The caller keeps the rest and offers it again once
    /// [`wants_read`](Self::wants_read) returns true; then at least one byte is consumed.
    pub fn receive(&mut self, now: Instant, input: &[u8]) -> usize {
        let mut rest = input;
        while self.wants_read() {
            // XEP-0388 §2.4. A client bears the white space of a server.
            let silent = R::SIDE == Side::Server && self.endpoint.role.phase().is_sasl2();
            self.endpoint.stream.forbid_white_space(silent);
            let Some(incoming) = self.endpoint.stream.read(now, &mut rest) else {
                break;
            };
            self.endpoint.handle(incoming);
        }
        input.len().saturating_sub(rest.len())
    }

    /// Says that the peer has closed its side of the transport. If no closing tag came before, the
    /// connection ends as [`CloseReason::TransportEof`](crate::CloseReason::TransportEof).
    pub fn receive_eof(&mut self, _now: Instant) {
        self.endpoint.stream.receive_eof();
    }

    /// Whether [`receive`](Self::receive) would take a byte: false while an event is pending, a
    /// question is open, TLS is being handed over, the output has no room for an answer of the
    /// machine, or the input is over. So consuming output can make it true; see
    /// [`Limits::output_backlog`](crate::Limits::output_backlog).
    pub fn wants_read(&self) -> bool {
        self.endpoint.wants_input() && self.endpoint.stream.wants_read()
    }

    /// The bytes owed to the peer. Its length is the backlog.
    ///
    /// The memory behind it shrinks as it drains: to at most five times the backlog + 3 KiB, and to
    /// nothing once it is empty.
    pub fn output(&self) -> &[u8] {
        self.endpoint.stream.output()
    }

    /// Says that the first `n` bytes of [`output`](Self::output) were written. Partial writes are
    /// normal; an `n` beyond the output counts as all of it.
    pub fn consume_output(&mut self, n: usize) {
        self.endpoint.stream.consume_output(n);
    }

    /// Takes all of the output at once, for loops that hand owned buffers to the kernel.
    pub fn take_output(&mut self) -> Vec<u8> {
        self.endpoint.stream.take_output()
    }

    /// The next event, if there is one.
    pub fn poll_event(&mut self) -> Option<R::Event> {
        self.endpoint.next_event()
    }

    /// Whether the next event is a stanza or a question of the peer that waits to be taken. A stanza
    /// counts as handled (XEP-0198 §4) when its event is taken, so a driver that has to stop at an event
    /// leaves it here.
    pub const fn has_event(&self) -> bool {
        self.endpoint.event.is_some()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if there is a deadline.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.deadline()
    }

    /// Acts on the first deadline, if it has passed by `now`. An early call is a no-op. Where another
    /// deadline has passed as well, [`poll_timeout`](Self::poll_timeout) gives it next.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
    }

    /// Says that the driver did not read until `now`, although the connection
    /// [wanted to](Self::wants_read). The silence up to this moment is then not the peer's; see
    /// [`KeepAlive`](crate::KeepAlive).
    pub fn did_not_read(&mut self, now: Instant) {
        self.endpoint.stream.not_reading(now);
    }

    /// Sets whether the driver can start TLS, which is true by default.
    ///
    /// If it cannot, a server answers `<starttls/>` with `<failure/>` instead of `<proceed/>`, even
    /// if its application offers STARTTLS. The connection then ends as
    /// [`CloseReason::TlsRefused`](crate::CloseReason::TlsRefused) (RFC 6120 §5.4.2.2). This has no
    /// effect on a client, which [`TlsPolicy`](crate::TlsPolicy) configures.
    pub const fn set_tls_available(&mut self, available: bool) {
        self.endpoint.tls_available = available;
    }

    /// Answers a `StartTls` event: hands the raw transport to TLS.
    ///
    /// `unread` is every byte that was read from the transport and not consumed. They arrived in
    /// clear text, so the driver must never give them to TLS. If this call succeeds the driver
    /// drops them: there were none or, on the side of a server, white space. More white space may
    /// arrive before the handshake; see [`TlsHandoff::white_space_before_tls`].
    ///
    /// # Errors
    /// [`HandoffError::UnreadInput`] when there are other bytes: they were injected, and the
    /// connection is closed. [`HandoffError::Stale`] when the request is not the open one, or when
    /// the connection has ended meanwhile. Either way the `Closed` event says how the connection
    /// ended.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a request is answered only once"
    )]
    pub fn begin_tls(
        &mut self,
        request: StartTls,
        unread: &[u8],
    ) -> Result<TlsHandoff, HandoffError> {
        self.endpoint.stream.begin_tls(&request, unread)
    }

    /// Says that the TLS handshake is done. What was learnt in clear text is forgotten and a new
    /// stream begins (RFC 6120 §5.4.3.3). After the end of the connection this is a no-op.
    ///
    /// # Errors
    /// [`ApiMisuse::StaleRequest`] when the proof is not that of the running hand-off.
    #[expect(clippy::needless_pass_by_value, reason = "a proof is used only once")]
    pub fn tls_established(
        &mut self,
        now: Instant,
        handoff: TlsHandoff,
        tls: TlsInfo,
    ) -> Result<(), ApiMisuse> {
        // A time-out or the peer may end the connection during the handshake. That is no mistake of
        // the caller.
        if self.endpoint.stream.is_over() {
            return Ok(());
        }
        self.endpoint.stream.tls_established(&handoff, tls, now)?;
        R::take(&mut self.endpoint, Step::Open);
        Ok(())
    }

    /// Whether the `Closed` event was taken and the output has drained: drop the socket.
    pub fn is_finished(&self) -> bool {
        self.endpoint.stream.is_finished()
    }
}

impl<R: Role> Deref for Connection<R> {
    type Target = Endpoint<R>;

    fn deref(&self) -> &Endpoint<R> {
        &self.endpoint
    }
}

impl<R: Role> DerefMut for Connection<R> {
    fn deref_mut(&mut self) -> &mut Endpoint<R> {
        &mut self.endpoint
    }
}
