//! The stream itself, below negotiation: headers, errors, closing, limits and deadlines (RFC 6120 §4).
//!
//! Both roles own one [`Stream`] and put their own state on top.

mod outbox;

use alloc::vec::Vec;
use core::time::Duration;

use xmppwire_xml::{Element, Event, Reader, StreamHeader, Writer};

use self::outbox::Outbox;
use crate::error::{ApiMisuse, CloseReason, HandoffError, InvalidStanza, PeerMisbehaved, Timer};
use crate::limits::Limits;
use crate::log::log;
use crate::ns;
use crate::stanza::Stanza;
use crate::time::Instant;
use crate::tls::{StartTls, TlsHandoff, TlsInfo};
use crate::wire::stream_error::{StreamError, StreamErrorCondition};

/// What the peer sent that the role above has to look at.
pub(crate) enum Incoming {
    Header(StreamHeader),
    Element(Element),
}

#[derive(Debug)]
pub(crate) struct Stream {
    limits: Limits,
    reader: Reader,
    writer: Writer,
    out: Outbox,
    /// The header of ours that is sent next: at once by a client, as an answer by a server. It stays
    /// here until then, because also an error needs a header before it (RFC 6120 §4.9.1.2).
    header: Option<StreamHeader>,
    tls: TlsState,
    authenticated: bool,
    bound: bool,
    white_space: WhiteSpace,
    /// Nothing of a restarted stream was read yet: white space of the one before may still arrive.
    restarted: bool,
    started: Instant,
    /// `None` where the peer was kept waiting: its silence counts from when the time is told next.
    last_input: Option<Instant>,
    closing: Option<Instant>,
    end: Option<End>,
}

/// How far the stream is protected.
#[derive(Debug)]
enum TlsState {
    Clear,
    /// STARTTLS is agreed. The event waits for the output to drain; nothing is written or read until
    /// the transport has changed, not even an error.
    HandOff {
        serial: u64,
        step: HandOff,
        /// Whether the peer may end its `<starttls/>` with white space.
        skips_white_space: bool,
    },
    Established(TlsInfo),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HandOff {
    Announced,
    Requested,
    Running,
}

#[derive(Debug)]
struct End {
    /// Until it is told.
    reason: Option<CloseReason>,
    /// Since when the last bytes wait to be written, from the first time that somebody told the time.
    since: Option<Instant>,
}

/// White space of the running second.
#[derive(Debug)]
struct WhiteSpace {
    since: Instant,
    bytes: usize,
}

impl Stream {
    pub(crate) fn new(
        limits: Limits,
        now: Instant,
        tls: Option<TlsInfo>,
        content_ns: &'static str,
    ) -> Self {
        Self {
            reader: Reader::new(limits.before_authentication),
            writer: Writer::new(content_ns),
            limits,
            out: Outbox::default(),
            header: None,
            tls: tls.map_or(TlsState::Clear, TlsState::Established),
            authenticated: false,
            bound: false,
            white_space: WhiteSpace {
                since: now,
                bytes: 0,
            },
            restarted: false,
            started: now,
            last_input: Some(now),
            closing: None,
            end: None,
        }
    }

    // --- Questions --------------------------------------------------------------------------------

    pub(crate) const fn secured(&self) -> bool {
        matches!(self.tls, TlsState::Established(_))
    }

    pub(crate) const fn tls(&self) -> Option<&TlsInfo> {
        match &self.tls {
            TlsState::Established(tls) => Some(tls),
            _ => None,
        }
    }

    pub(crate) const fn authenticated(&self) -> bool {
        self.authenticated
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether our closing tag is out: nothing may follow it, and only stanzas are still received.
    pub(crate) const fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.end.is_some()
    }

    pub(crate) fn wants_read(&self) -> bool {
        self.end.is_none()
            && !matches!(self.tls, TlsState::HandOff { .. })
            && (self.is_closing() || self.has_room_to_answer())
    }

    /// Whether the output has room for an answer to whatever is read next. Where the limit leaves no room
    /// for one at all, an empty output has.
    fn has_room_to_answer(&self) -> bool {
        let (waiting, reserve) = (self.out.len(), self.limits.reserve());
        waiting == 0 || waiting.saturating_add(reserve) <= self.limits.output_backlog
    }

    /// Bytes that the application may still send.
    pub(crate) fn room(&self) -> usize {
        if self.end.is_some() || self.is_closing() {
            return 0;
        }
        self.limits.room().saturating_sub(self.out.len())
    }

    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.end, Some(End { reason: None, .. })) && self.out.is_empty()
    }

    // --- Bytes in ---------------------------------------------------------------------------------

    /// The next thing in `input` that the role has to look at. Everything the stream can judge alone
    /// (white space, stream errors, closing tags, malformed XML) is dealt with here.
    pub(crate) fn read(&mut self, now: Instant, input: &mut &[u8]) -> Option<Incoming> {
        while self.wants_read() && !input.is_empty() {
            self.last_input = Some(now);
            if self.restarted && !self.skip_white_space(now, input) {
                continue;
            }
            let before = input.len();
            match self.reader.read(input) {
                Ok(None) => {}
                Ok(Some(Event::Whitespace(bytes))) => self.count_white_space(now, bytes),
                Ok(Some(Event::Header(header))) => return Some(Incoming::Header(header)),
                Ok(Some(Event::Element(element))) if element.is("error", ns::STREAMS) => {
                    let error = StreamError::parse(element.root());
                    self.write_footer();
                    self.finish(CloseReason::PeerError(error));
                }
                Ok(Some(Event::Element(element))) => return Some(Incoming::Element(element)),
                Ok(Some(Event::End)) => {
                    let reason = match self.closing {
                        Some(_) => CloseReason::Local,
                        None => CloseReason::Peer,
                    };
                    self.write_footer();
                    self.finish(reason);
                }
                Err(error) => {
                    // A budget may be spent before the first byte: reading is progress all the same, or
                    // a driver that goes by what is consumed would wait for more.
                    if input.len() == before {
                        *input = input.get(1..).unwrap_or_default();
                    }
                    let condition = StreamErrorCondition::from(error.kind());
                    self.fail(condition, PeerMisbehaved::Xml(error));
                }
            }
        }
        None
    }

    /// Skips white space before a restarted stream's header: a keep-alive may have been on its way when
    /// the stream was restarted. Returns whether something else is left.
    fn skip_white_space(&mut self, now: Instant, input: &mut &[u8]) -> bool {
        let skipped = leading_white_space(input);
        *input = input.get(skipped..).unwrap_or_default();
        self.count_white_space(now, skipped);
        self.restarted = input.is_empty();
        !input.is_empty()
    }

    fn count_white_space(&mut self, now: Instant, bytes: usize) {
        if now.saturating_since(self.white_space.since) >= Duration::from_secs(1) {
            self.white_space = WhiteSpace {
                since: now,
                bytes: 0,
            };
        }
        self.white_space.bytes = self.white_space.bytes.saturating_add(bytes);
        if self.white_space.bytes > self.limits.white_space_per_second {
            self.fail(
                StreamErrorCondition::PolicyViolation,
                PeerMisbehaved::WhiteSpaceFlood,
            );
        }
    }

    pub(crate) fn receive_eof(&mut self) {
        if self.end.is_none() {
            self.mute();
            self.finish(CloseReason::TransportEof);
        }
    }

    // --- Bytes out --------------------------------------------------------------------------------

    pub(crate) fn output(&self) -> &[u8] {
        self.out.pending()
    }

    pub(crate) fn consume_output(&mut self, n: usize) {
        self.out.consume(n);
    }

    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        self.out.take()
    }

    /// Announces the header that is sent next, whose prefixes hold for all that follows it.
    pub(crate) fn set_header(&mut self, header: StreamHeader) {
        self.writer = Writer::for_header(&header);
        self.header = Some(header);
    }

    pub(crate) const fn header_mut(&mut self) -> Option<&mut StreamHeader> {
        self.header.as_mut()
    }

    /// Sends the announced header, if it is still owed.
    pub(crate) fn write_header(&mut self) {
        if let Some(header) = self.header.take() {
            // A header is made of JIDs, ids and a language tag. A language that XML cannot carry is the
            // one thing that can be wrong with it, and the stream can do without.
            if header.write(self.out.end()).is_err() {
                let mut header = header;
                header.lang = None;
                let _ = header.write(self.out.end());
            }
        }
    }

    /// Queues an element that this library made of what was checked before. There is room for it, or
    /// nothing that needs it as an answer would have been read.
    pub(crate) fn push_own(&mut self, element: &Element) {
        if self.end.is_some() || self.closing.is_some() {
            return;
        }
        if self.writer.element(self.out.end(), element.root()).is_err() {
            // Only text that the application put into an error or feature can get here.
            log!(warn, "an element of the application cannot be written");
            self.close_with(
                StreamError::new(StreamErrorCondition::InternalServerError),
                CloseReason::Local,
            );
        }
    }

    /// Queues a stanza of the application for a stream with this content namespace (RFC 6120 §4.8.3). One
    /// that does not fit ends the stream, because the peer does not read; one that never would is refused.
    pub(crate) fn send(
        &mut self,
        stanza: &Stanza,
        content_ns: &'static str,
    ) -> Result<(), ApiMisuse> {
        if self.end.is_some() || self.closing.is_some() {
            return Ok(());
        }
        if !self.bound {
            return Err(ApiMisuse::NotBound);
        }
        if stanza.is_error() && stanza.error().is_none() {
            return Err(InvalidStanza::NoError.into());
        }
        let qualified;
        let element = match content_ns {
            ns::CLIENT => stanza.element(),
            _ => {
                qualified = stanza.to_element(content_ns);
                &qualified
            }
        };
        let (before, room) = (self.out.len(), self.room());
        self.writer
            .element(self.out.end(), element.root())
            .map_err(InvalidStanza::Xml)?;
        let written = self.out.len().saturating_sub(before);
        if written <= room {
            return Ok(());
        }
        self.out.truncate(before);
        if written > self.limits.room() {
            return Err(InvalidStanza::TooLarge.into());
        }
        self.fail(
            StreamErrorCondition::PolicyViolation,
            PeerMisbehaved::BacklogExceeded,
        );
        Ok(())
    }

    // --- Restarts ---------------------------------------------------------------------------------

    /// STARTTLS is agreed: the transport changes once the output has drained.
    ///
    /// `skips_white_space` says that white space from the peer before the first TLS record is dropped:
    /// deployed clients end `<starttls/>` with a line feed. None of its bytes begins a TLS record
    /// (RFC 8446 §5.1), and dropped bytes cannot be taken for protected ones.
    pub(crate) fn hand_off(&mut self, serial: u64, skips_white_space: bool) {
        self.tls = TlsState::HandOff {
            serial,
            step: HandOff::Announced,
            skips_white_space,
        };
    }

    /// The request for TLS, once nothing can overtake the last clear-text bytes (RFC 6120 §5.4.2.3).
    pub(crate) fn poll_start_tls(&mut self) -> Option<StartTls> {
        match &mut self.tls {
            TlsState::HandOff { serial, step, .. } if *step == HandOff::Announced => {
                if self.end.is_some() || !self.out.is_empty() {
                    return None;
                }
                *step = HandOff::Requested;
                Some(StartTls { serial: *serial })
            }
            _ => None,
        }
    }

    pub(crate) fn begin_tls(
        &mut self,
        request: &StartTls,
        unread: &[u8],
    ) -> Result<TlsHandoff, HandoffError> {
        match &mut self.tls {
            TlsState::HandOff {
                serial,
                step,
                skips_white_space,
            } if *serial == request.serial && *step == HandOff::Requested && self.end.is_none() => {
                let handoff = TlsHandoff {
                    serial: *serial,
                    skips_white_space: *skips_white_space,
                };
                if handoff.white_space_before_tls(unread) == unread.len() {
                    *step = HandOff::Running;
                    return Ok(handoff);
                }
                self.finish(CloseReason::Violation {
                    sent: None,
                    why: PeerMisbehaved::ClearTextAfterStartTls,
                });
                Err(HandoffError::UnreadInput(unread.len()))
            }
            _ => Err(HandoffError::Stale),
        }
    }

    /// The transport is protected: what was read before is forgotten (RFC 6120 §5.4.3.3).
    pub(crate) fn tls_established(
        &mut self,
        handoff: &TlsHandoff,
        tls: TlsInfo,
    ) -> Result<(), ApiMisuse> {
        match self.tls {
            TlsState::HandOff {
                serial,
                step: HandOff::Running,
                ..
            } if serial == handoff.serial => {
                self.tls = TlsState::Established(tls);
                self.restart();
                // The first protected byte is the other side's or ours; white space is nobody's.
                self.restarted = false;
                Ok(())
            }
            _ => Err(ApiMisuse::StaleRequest),
        }
    }

    /// The peer is authenticated: a new stream with wider limits begins (RFC 6120 §6.4.6).
    pub(crate) fn set_authenticated(&mut self) {
        self.authenticated = true;
        self.restart();
    }

    fn restart(&mut self) {
        let limits = if self.authenticated {
            self.limits.after_authentication
        } else {
            self.limits.before_authentication
        };
        self.reader = Reader::new(limits);
        self.restarted = true;
    }

    /// Dialback authorised the peer, which does not restart the stream: wider limits hold from here on.
    pub(crate) fn set_authorised(&mut self) {
        self.reader.set_limits(self.limits.after_authentication);
    }

    /// Stanzas may be sent, and negotiation is over: a resource is bound, or another server is ready.
    pub(crate) const fn set_bound(&mut self) {
        self.bound = true;
        self.last_input = None;
    }

    // --- Time -------------------------------------------------------------------------------------

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.deadline().map(|(when, _)| when)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let Some((when, timer)) = self.deadline() else {
            return;
        };
        if now < when {
            return;
        }
        match &self.end {
            // A peer that does not read does not get to keep the connection.
            Some(End { since: Some(_), .. }) => self.mute(),
            Some(_) => {}
            None if timer == Timer::Idle && self.last_input.is_none() => {
                self.last_input = Some(now);
            }
            None if timer == Timer::Close => self.finish(CloseReason::TimedOut(timer)),
            None => self.close_with(
                StreamError::new(StreamErrorCondition::ConnectionTimeout),
                CloseReason::TimedOut(timer),
            ),
        }
        // The time is known now, so the driver need not be asked for it at once.
        if let Some(end) = &mut self.end {
            end.since.get_or_insert(now);
        }
    }

    fn deadline(&self) -> Option<(Instant, Timer)> {
        if let Some(end) = &self.end {
            let when = |since| since + self.limits.close_timeout;
            // Not knowing when the end came, we ask for the time at once.
            (!self.out.is_empty()).then(|| (end.since.map_or(Instant::ORIGIN, when), Timer::Close))
        } else if let Some(since) = self.closing {
            Some((since + self.limits.close_timeout, Timer::Close))
        } else if !self.bound {
            let when = self.started + self.limits.negotiation_timeout;
            Some((when, Timer::Negotiation))
        } else {
            let idle = self.limits.idle_timeout?;
            // Not knowing how long the application thought about the resource, we ask for the time.
            let when = self.last_input.map_or(Instant::ORIGIN, |last| last + idle);
            Some((when, Timer::Idle))
        }
    }

    // --- The end ----------------------------------------------------------------------------------

    /// The local side closes (RFC 6120 §4.4): with an error at once, else by handshake.
    pub(crate) fn close(&mut self, now: Instant, error: Option<StreamError>) {
        if self.end.is_some() {
            return;
        }
        match error {
            Some(error) => self.close_with(error, CloseReason::Local),
            // In the middle of a hand-off nothing can be said, and before a header nothing is open.
            None if self.is_mute() || self.header.is_some() => self.finish(CloseReason::Local),
            None if self.closing.is_none() => {
                self.write_footer();
                self.closing = Some(now);
            }
            None => {}
        }
    }

    /// The peer broke the protocol: tell it how, and end.
    pub(crate) fn fail(&mut self, error: impl Into<StreamError>, why: PeerMisbehaved) {
        let error = error.into();
        log!(debug, condition = error.condition().name(), %why, "the peer broke the protocol");
        let sent = (!self.is_mute() && self.closing.is_none()).then(|| error.clone());
        self.close_with(error, CloseReason::Violation { sent, why });
    }

    /// Sends a stream error where that is still possible, and ends (RFC 6120 §4.9.1.1).
    pub(crate) fn close_with(&mut self, error: StreamError, reason: CloseReason) {
        if self.end.is_some() {
            return;
        }
        if !self.is_mute() && self.closing.is_none() {
            // An error needs a stream to stand in (RFC 6120 §4.9.1.2).
            self.write_header();
            let written = self
                .writer
                .element(self.out.end(), error.to_element().root());
            if written.is_err() {
                // The application's text cannot be written; its condition can.
                let plain = StreamError::new(error.condition()).to_element();
                let _ = self.writer.element(self.out.end(), plain.root());
            }
        }
        self.end_with_footer(reason);
    }

    /// Ends with a closing tag and no error.
    pub(crate) fn end_with_footer(&mut self, reason: CloseReason) {
        self.write_footer();
        self.finish(reason);
    }

    fn write_footer(&mut self) {
        if self.end.is_none() && self.closing.is_none() && !self.is_mute() {
            self.write_header();
            self.writer.end(self.out.end());
        }
    }

    fn finish(&mut self, reason: CloseReason) {
        if self.end.is_none() {
            log!(debug, ?reason, "the stream ended");
            self.end = Some(End {
                reason: Some(reason),
                since: None,
            });
        }
    }

    /// Why the stream ended, until that was told.
    pub(crate) fn end_reason(&self) -> Option<&CloseReason> {
        self.end.as_ref()?.reason.as_ref()
    }

    pub(crate) fn poll_closed(&mut self) -> Option<CloseReason> {
        self.end.as_mut()?.reason.take()
    }

    /// Whether whatever is written now would get in the way of a TLS handshake.
    const fn is_mute(&self) -> bool {
        matches!(self.tls, TlsState::HandOff { .. })
    }

    /// The transport is gone: nothing that is owed can be delivered.
    fn mute(&mut self) {
        self.out.take();
        self.header = None;
    }
}

/// How many bytes at the front of `input` are white space of XML 1.0 §2.3. A form feed, which is white
/// space in ASCII, is none.
pub(crate) fn leading_white_space(input: &[u8]) -> usize {
    input
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        .count()
}
