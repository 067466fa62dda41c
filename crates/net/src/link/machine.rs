//! The link itself.

use std::io;
use std::task::{Poll, ready};
use std::time::Duration;

use xmppwire::{
    CloseReason, Connection, Endpoint, Instant, KeepAlive, PeerMisbehaved, Role, RoleEvent,
    StartTls, TlsHandoff,
};

use super::buffer::Buffer;
use super::channel::Channel;
use super::{LinkError, Secured, TlsSide, Wire};
use crate::find::Mode;
use crate::log::log;
use crate::tls::TlsSummary;

/// Time for the last bytes to be written and read at the end of a connection.
const FAREWELL: Duration = Duration::from_secs(2);

/// A connection of either role together with its TLS.
///
/// It is a machine: [`poll_event`](Self::poll_event) gives the next event, and while it is pending,
/// the driver moves bytes through the [`Wire`].
///
/// The link handles the event `StartTls` itself. It gives the event `Closed` when the last bytes
/// are written, TLS is closed and the socket is shut down, or after two seconds. Where this side
/// ended the stream, that includes the peer's `close_notify` or the end of its bytes (RFC 6120
/// §4.4). Dropping the socket then destroys nothing.
#[derive(Debug)]
pub struct Link<R: Role> {
    connection: Connection<R>,
    mode: Mode,
    side: Option<TlsSide>,
    channel: Option<Channel>,
    /// The connection's proof of the hand-off, while the TLS handshake runs.
    handoff: Option<TlsHandoff>,
    /// Whether no TLS record has arrived since `handoff`.
    before_tls: bool,
    summary: Option<TlsSummary>,
    /// Decrypted or clear bytes that the connection has not consumed.
    input: Buffer,
    /// Whether the input is over, and the connection knows.
    eof: Eof,
    /// The error that ended the output.
    write_dead: Option<io::ErrorKind>,
    /// What ended the input or the output below XMPP. It is reported when everything before it is
    /// read.
    failure: Option<LinkError>,
    /// A deadline besides those of the connection.
    alarm: Option<Instant>,
    /// The event that [`Link::poll_flushed`] met, unless it waits in the connection. It is rare, and in
    /// a box because an idle connection has room for it all the time.
    next: Option<Box<Result<R::Event, LinkError>>>,
    end: End<R::Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Eof {
    No,
    Seen,
    Reported,
}

/// How far the end has come.
#[derive(Debug)]
enum End<E> {
    NotYet,
    /// The last bytes are being written.
    Farewell {
        outcome: Box<Result<E, LinkError>>,
        until: Instant,
        linger: bool,
        shut_down: bool,
    },
    Over,
}

impl<R: Role> Link<R> {
    /// A connection over a transport in clear text, which uses `side` for STARTTLS. A server
    /// without one answers `<failure/>` (RFC 6120 §5.4.2.2), also where its application offers
    /// STARTTLS.
    ///
    /// A connection without a [`KeepAlive`] policy gets [`KeepAlive::ping`], because sockets do not
    /// tell that the other end is gone. [`Endpoint::set_keep_alive`] changes it, or switches it off.
    pub fn new(mut connection: Connection<R>, side: Option<TlsSide>) -> Self {
        connection.set_tls_available(side.is_some());
        if connection.keep_alive().is_none() {
            connection.set_keep_alive(Some(KeepAlive::ping()));
        }
        Self {
            connection,
            mode: Mode::StartTls,
            side,
            channel: None,
            handoff: None,
            before_tls: false,
            summary: None,
            input: Buffer::default(),
            eof: Eof::No,
            write_dead: None,
            failure: None,
            alarm: None,
            next: None,
            end: End::NotYet,
        }
    }

    /// A connection over TLS. Make `connection` with the [`Secured::info`] of this handshake.
    pub fn over_tls(connection: Connection<R>, secured: Secured) -> Self {
        Self {
            mode: Mode::DirectTls,
            channel: Some(secured.channel),
            summary: Some(secured.summary),
            input: secured.early,
            ..Self::new(connection, Some(secured.side))
        }
    }

    /// What the application calls.
    pub fn connection(&self) -> &Endpoint<R> {
        &self.connection
    }

    /// What the application calls: to send, to close, and to answer questions. The methods that
    /// move bytes stay with the link:
    ///
    /// ```compile_fail,E0599
    /// use xmppwire::Client;
    /// use xmppwire_net::link::Link;
    ///
    /// fn steal(link: &mut Link<Client>) -> Vec<u8> {
    ///     link.connection_mut().take_output()
    /// }
    /// ```
    pub fn connection_mut(&mut self) -> &mut Endpoint<R> {
        &mut self.connection
    }

    /// What there is to know about TLS, once it is established.
    pub const fn tls(&self) -> Option<&TlsSummary> {
        self.summary.as_ref()
    }

    /// How the connection began: with TLS or in clear text.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Replaces the configuration for STARTTLS, as a server does that has one certificate for each
    /// domain. Without effect once TLS has begun.
    pub fn set_tls(&mut self, side: TlsSide) {
        if self.channel.is_none() {
            self.connection.set_tls_available(true);
            self.side = Some(side);
        }
    }

    /// Bytes that wait to be written, those that are not encrypted yet included.
    pub fn backlog(&self) -> usize {
        if self.write_dead.is_some() {
            return 0;
        }
        let sealed = self.channel.as_ref().map_or(0, Channel::backlog);
        self.connection.output().len().saturating_add(sealed)
    }

    /// Whether the stream is over or ending. What is sent now would not arrive.
    pub(crate) const fn is_ending(&self) -> bool {
        !matches!(self.end, End::NotYet) || matches!(self.failure, Some(LinkError::Tls(_)))
    }

    /// The error that ended the output, if one did.
    pub(crate) const fn write_error(&self) -> Option<io::ErrorKind> {
        self.write_dead
    }

    /// Wakes the driver at this time, besides the connection's own deadlines.
    pub(crate) const fn set_alarm(&mut self, alarm: Option<Instant>) {
        self.alarm = alarm;
    }

    /// The next event; `Pending` if bytes have to be moved or time has to pass first; `None` after
    /// the last event. An error is the last event.
    pub fn poll_event(&mut self, now: Instant) -> Poll<Option<Result<R::Event, LinkError>>> {
        match self.next.take() {
            Some(event) => Poll::Ready(Some(*event)),
            None => self.poll_next(now, false),
        }
    }

    /// The next event. With `leaves`, one that the connection has counts as none: a stanza would be
    /// acknowledged once it is taken, although the application does not have it.
    fn poll_next(
        &mut self,
        now: Instant,
        leaves: bool,
    ) -> Poll<Option<Result<R::Event, LinkError>>> {
        loop {
            match self.end {
                End::NotYet => {}
                End::Farewell { .. } => return self.poll_farewell(now).map(Some),
                End::Over => return Poll::Ready(None),
            }
            if self.write_dead.is_some() {
                // The output cannot be written any more. A full output would keep the connection
                // from reading what the peer sent before.
                self.connection.consume_output(usize::MAX);
            }
            if leaves && self.connection.has_event() {
                return Poll::Ready(None);
            }
            if let Some(event) = self.connection.poll_event() {
                match event.into_start_tls() {
                    Ok(request) => self.start_tls(now, request),
                    Err(event) => match event.close_reason().map(may_still_send) {
                        Some(linger) => self.finish(now, Ok(event), linger),
                        None => return Poll::Ready(Some(Ok(event))),
                    },
                }
            } else if !self.input.is_empty() && self.connection.wants_read() {
                let consumed = self.connection.receive(now, self.input.pending());
                self.input.consume(consumed);
            } else if self.eof == Eof::Seen && self.input.is_empty() {
                self.eof = Eof::Reported;
                match self.failure.take() {
                    Some(error) => self.finish(now, Err(error), false),
                    None => self.connection.receive_eof(now),
                }
            } else {
                return Poll::Pending;
            }
        }
    }

    /// Ready with `true` when everything that is queued is written, with `false` when an event has
    /// to be taken first with [`poll_event`](Self::poll_event). Nothing is read beyond that event.
    /// A peer that reads nothing until it is read from does not block this call.
    pub fn poll_flushed(&mut self, now: Instant) -> Poll<bool> {
        if self.is_ending() || self.write_dead.is_some() {
            return Poll::Ready(false);
        }
        if self.backlog() == 0 {
            return Poll::Ready(true);
        }
        if self.next.is_none() {
            self.next = ready!(self.poll_next(now, true)).map(Box::new);
        }
        Poll::Ready(false)
    }

    /// Ready with `true` when all is written or the connection has ended; with `false` when `deadline`
    /// is over before. An event that arrives meanwhile is kept for
    /// [`poll_event`](Self::poll_event), and nothing is read beyond it: this is how to hold a peer
    /// back that sends more than it reads.
    pub fn poll_drained(&mut self, now: Instant, deadline: Instant) -> Poll<bool> {
        let drained = self.poll_flushed(now) == Poll::Ready(true);
        let drained = drained || self.is_ending() || self.write_dead.is_some();
        if !drained && now < deadline {
            self.alarm = Some(deadline);
            return Poll::Pending;
        }
        self.alarm = None;
        Poll::Ready(drained)
    }

    /// The hand-off of RFC 6120 §5.4.3.
    fn start_tls(&mut self, now: Instant, request: StartTls) {
        let begun = self.connection.begin_tls(request, self.input.pending());
        // White space that may be dropped, or injected bytes.
        self.input.clear();
        // After injected bytes the connection ends itself, and its event says so.
        let Ok(handoff) = begun else { return };
        let begun = match &self.side {
            Some(side) => side.begin(Mode::StartTls).map_err(LinkError::Tls),
            None => Err(LinkError::NoTlsConfigured),
        };
        match begun {
            Ok(session) => {
                self.channel = Some(Channel::new(session));
                self.handoff = Some(handoff);
                self.before_tls = true;
            }
            Err(error) => self.finish(now, Err(error), false),
        }
    }

    /// Tells the connection when the handshake is done.
    fn establish(&mut self, now: Instant) -> Result<(), LinkError> {
        let (Some(channel), Some(side)) = (&self.channel, &self.side) else {
            return Ok(());
        };
        if channel.is_handshaking() {
            return Ok(());
        }
        let Some(handoff) = self.handoff.take() else {
            return Ok(());
        };
        let summary = side.summary(channel.session())?;
        log!(debug, version = ?summary.version, "TLS is established");
        let info = summary.info();
        self.summary = Some(summary);
        // A stale proof means that the connection has ended meanwhile; its event says why.
        let _ = self.connection.tls_established(now, handoff, info);
        Ok(())
    }

    fn finish(&mut self, now: Instant, outcome: Result<R::Event, LinkError>, linger: bool) {
        log!(
            debug,
            failure = outcome.as_ref().err().map(tracing::field::display),
            linger,
            "the connection ends"
        );
        self.end = End::Farewell {
            outcome: Box::new(outcome),
            until: now + FAREWELL,
            linger,
            shut_down: false,
        };
    }

    fn poll_farewell(&mut self, now: Instant) -> Poll<Result<R::Event, LinkError>> {
        let End::Farewell {
            until,
            linger,
            shut_down,
            ..
        } = &self.end
        else {
            return Poll::Pending;
        };
        let heard = !linger || self.eof != Eof::No;
        if !(self.write_dead.is_some() || now >= *until || (*shut_down && heard)) {
            return Poll::Pending;
        }
        match std::mem::replace(&mut self.end, End::Over) {
            End::Farewell { outcome, .. } => Poll::Ready(*outcome),
            // Unreachable: the state was checked above.
            End::NotYet | End::Over => Poll::Pending,
        }
    }

    fn receive_tls(&mut self, now: Instant, mut records: &[u8]) {
        if self.before_tls
            && let Some(handoff) = &self.handoff
        {
            let dropped = handoff.white_space_before_tls(records);
            records = records.get(dropped..).unwrap_or_default();
            self.before_tls = records.is_empty();
        }
        let Some(channel) = &mut self.channel else {
            return;
        };
        let received = channel.receive(records, &mut self.input);
        if let Err(error) = self.establish(now) {
            return self.finish(now, Err(error), false);
        }
        match received {
            Ok(false) => {}
            Ok(true) => self.receive_eof(),
            // The records before the wrong one are valid. They count however the network cut the
            // bytes.
            Err(error) => self.fail_reading(error),
        }
    }

    /// What still arrives counts no more, except for the peer's `close_notify`: it answers that of
    /// this side, and nothing follows it (RFC 6120 §4.4).
    fn receive_after_the_end(&mut self, records: &[u8]) {
        if let Some(channel) = &mut self.channel {
            let mut dropped = Buffer::default();
            if !matches!(channel.receive(records, &mut dropped), Ok(false)) {
                self.receive_eof();
            }
        }
    }

    fn fail_reading(&mut self, error: impl Into<LinkError>) {
        self.failure.get_or_insert(error.into());
        self.receive_eof();
    }
}

impl<R: Role> Wire for Link<R> {
    fn wants_read(&self) -> bool {
        if self.eof != Eof::No {
            return false;
        }
        match self.end {
            End::NotYet if self.handoff.is_some() => true,
            End::NotYet => {
                self.next.is_none() && self.input.is_empty() && self.connection.wants_read()
            }
            // Unread bytes would make the kernel reset the connection and destroy the last bytes.
            End::Farewell { linger, .. } => linger,
            End::Over => false,
        }
    }

    fn receive(&mut self, now: Instant, bytes: &[u8]) {
        if self.is_ending() {
            return self.receive_after_the_end(bytes);
        }
        if self.channel.is_some() {
            self.receive_tls(now, bytes);
        } else {
            // Usually the connection consumes everything at once, and nothing has to be copied.
            let consumed = if self.input.is_empty() {
                self.connection.receive(now, bytes)
            } else {
                0
            };
            let rest = bytes.get(consumed..).unwrap_or_default();
            self.input.end().extend_from_slice(rest);
        }
    }

    fn receive_eof(&mut self) {
        if self.eof == Eof::No {
            self.eof = Eof::Seen;
        }
    }

    fn output(&mut self) -> &[u8] {
        if self.write_dead.is_some() || matches!(self.end, End::Over) {
            return &[];
        }
        let Some(channel) = &mut self.channel else {
            return self.connection.output();
        };
        let sealed = channel.encrypt(self.connection.output());
        self.connection.consume_output(sealed);
        if matches!(self.end, End::Farewell { .. }) && self.connection.output().is_empty() {
            channel.close();
        }
        channel.output()
    }

    fn consume_output(&mut self, n: usize) {
        match &mut self.channel {
            Some(channel) => channel.consume_output(n),
            None => self.connection.consume_output(n),
        }
    }

    fn write_failed(&mut self, error: io::Error) {
        self.write_dead.get_or_insert(error.kind());
        self.failure.get_or_insert(error.into());
    }

    fn read_failed(&mut self, error: io::Error) {
        self.fail_reading(error);
    }

    fn wants_shutdown(&mut self) -> bool {
        let open = matches!(
            self.end,
            End::Farewell {
                shut_down: false,
                ..
            }
        );
        open && self.output().is_empty()
    }

    fn shut_down(&mut self) {
        if let End::Farewell { shut_down, .. } = &mut self.end {
            *shut_down = true;
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let farewell = match self.end {
            End::Farewell { until, .. } => Some(until),
            End::NotYet | End::Over => None,
        };
        let deadlines = [self.connection.poll_timeout(), farewell, self.alarm];
        deadlines.into_iter().flatten().min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        // An alarm rings once. Its owner checks the time itself and may have stopped waiting.
        if self.alarm.is_some_and(|alarm| alarm <= now) {
            self.alarm = None;
        }
        if self.next.is_some() {
            // The event has to be taken before more is read.
            self.connection.did_not_read(now);
        }
        self.connection.handle_timeout(now);
    }
}

/// Whether this side ended the stream while the peer may still be sending. Closing the socket at
/// once could then destroy the last words on their way to the peer. The link does not wait for a
/// peer that sent clear text after STARTTLS.
const fn may_still_send(reason: &CloseReason) -> bool {
    match reason {
        CloseReason::Violation { why, .. } => {
            !matches!(why, PeerMisbehaved::ClearTextAfterStartTls)
        }
        CloseReason::Local
        | CloseReason::Incompatible(_)
        | CloseReason::AuthFailed(_)
        | CloseReason::BindFailed(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
