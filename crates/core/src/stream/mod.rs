//! The stream below negotiation: headers, errors, closing, limits and deadlines (RFC 6120 §4).
//!
//! Every endpoint owns one [`Stream`]; the role above it holds the state of the negotiation.

mod end;
mod hand_off;
mod liveness;
pub(crate) mod management;
mod outbox;
mod wait;
mod white_space;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use xmppwire_xml::{Element, Event, Reader, StreamHeader, Writer};

pub(crate) use self::end::Awaited;
use self::end::End;
use self::hand_off::TlsState;
pub(crate) use self::liveness::Due;
use self::liveness::Liveness;
use self::management::{Management, OVERHEAD, is_counted};
use self::outbox::Outbox;
use self::white_space::WhiteSpace;
pub(crate) use self::white_space::leading_white_space;
use crate::error::{ApiMisuse, CloseReason, InvalidStanza, PeerMisbehaved};
use crate::limits::Limits;
use crate::log::log;
use crate::ns;
use crate::stanza::Stanza;
use crate::time::Instant;
use crate::tls::TlsInfo;
use crate::wire::stream_error::{StreamError, StreamErrorCondition};
use crate::wire::stream_limits::StreamLimits;
use crate::wire_log::{Way, Wire};

/// How closing tags are shown in the wire log, whatever the prefix.
const CLOSING_TAG: &str = "</stream:stream>";

/// What the peer sent that the role has to handle.
pub(crate) enum Incoming {
    Header(Box<StreamHeader>),
    Element(Element),
}

/// A stream and, after a restart, the one that replaces it (RFC 6120 §4.3.3).
#[derive(Debug)]
pub struct Stream {
    limits: Arc<Limits>,
    reader: Reader,
    writer: Writer,
    out: Outbox,
    /// This side's header while it is not sent: a client sends it at once, a server as an answer. A stream
    /// error before that has to send it first (RFC 6120 §4.9.1.2).
    header: Option<Box<StreamHeader>>,
    tls: TlsState,
    authenticated: bool,
    bound: bool,
    white_space: WhiteSpace,
    /// Whether nothing of a restarted stream was read yet: white space of the old one may still arrive.
    restarted: bool,
    /// When the wait began that a deadline ends: for the end of negotiation; then for the next bytes; and
    /// once this side has sent its closing tag, for the peer's. `None` after binding, because the
    /// application may have kept the peer waiting: the idle time then counts from the next call that
    /// carries a time.
    since: Option<Instant>,
    /// `None` as long as it had no policy, and the peer no certificate.
    liveness: Option<Box<Liveness>>,
    /// What the peer announced of its limits.
    peer_limits: StreamLimits,
    /// Stream management, where it was agreed on or asked for.
    management: Option<Box<Management>>,
    /// Whether this side has sent its closing tag, without an error, and waits for the peer's.
    closing: bool,
    /// The end, once the stream is over. While this side closes for another reason than that the
    /// application does, it has that reason already.
    end: Option<Box<End>>,
    over: bool,
    wire: Wire,
}

impl Stream {
    pub(crate) fn new(
        limits: Arc<Limits>,
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
            liveness: tls
                .as_ref()
                .and_then(|tls| tls.valid_for)
                .map(|time| Box::new(Liveness::until(now + time))),
            peer_limits: StreamLimits::default(),
            tls: tls.map_or(TlsState::Clear, |tls| {
                TlsState::Established(Some(Box::new(tls)))
            }),
            authenticated: false,
            bound: false,
            white_space: WhiteSpace {
                since: now,
                bytes: 0,
                forbidden: false,
            },
            restarted: false,
            since: Some(now),
            closing: false,
            over: false,
            management: None,
            end: None,
            wire: Wire::new(),
        }
    }

    // --- Questions --------------------------------------------------------------------------------

    pub(crate) const fn secured(&self) -> bool {
        matches!(self.tls, TlsState::Established(_))
    }

    pub(crate) fn tls(&self) -> Option<&TlsInfo> {
        match &self.tls {
            TlsState::Established(Some(tls)) => Some(tls),
            _ => None,
        }
    }

    pub(crate) const fn authenticated(&self) -> bool {
        self.authenticated
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether this side has sent its closing tag. It sends nothing after it, and handles only stanzas and
    /// the peer's closing tag (RFC 6120 §4.4).
    pub(crate) const fn is_closing(&self) -> bool {
        self.closing
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.over
    }

    pub(crate) fn wants_read(&self) -> bool {
        !self.over
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
        let room = self.room_for_answers();
        match self.queue() {
            Some((held, most)) => room.min(most.saturating_sub(held)),
            None => room,
        }
    }

    /// The same where the queue of unacknowledged stanzas does not count: it shrinks only if this side
    /// reads, which it may not do while an answer has no room.
    pub(crate) fn room_for_answers(&self) -> usize {
        if self.over || self.is_closing() {
            return 0;
        }
        self.limits.room().saturating_sub(self.out.len())
    }

    /// Bytes that the queue of unacknowledged stanzas takes before it ends the stream.
    pub(crate) fn room_in_queue(&self) -> usize {
        self.queue().map_or(usize::MAX, |(held, full)| {
            let most = full.saturating_add(self.limits.output_backlog);
            most.saturating_sub(held.saturating_add(OVERHEAD))
        })
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.queue().map_or(0, |(held, _)| held)
    }

    /// Whether the queue of unacknowledged stanzas is so long that the peer must be taken for one that
    /// never acknowledges.
    fn queue_is_overfull(&self) -> bool {
        let most = |most: usize| most.saturating_add(self.limits.output_backlog);
        self.queue().is_some_and(|(held, full)| held > most(full))
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.over && self.end_reason().is_none() && self.out.is_empty()
    }

    // --- Bytes in ---------------------------------------------------------------------------------

    /// The next header or element in `input`. White space, stream errors, closing tags and malformed XML
    /// are handled here.
    pub(crate) fn read(&mut self, now: Instant, input: &mut &[u8]) -> Option<Incoming> {
        while !input.is_empty() {
            if !self.wants_read() {
                break;
            }
            if self.bound && !self.closing {
                self.since = Some(now);
            }
            if let Some(liveness) = &mut self.liveness {
                liveness.heard();
            }
            if core::mem::take(&mut self.restarted) {
                self.skip_white_space(now, input);
                continue;
            }
            let before = input.len();
            match self.reader.read(input) {
                Ok(None) => {}
                Ok(Some(Event::Whitespace(bytes))) => self.count_white_space(now, bytes),
                Ok(Some(Event::Header(header))) => {
                    self.wire.header(Way::Received, &header);
                    return Some(Incoming::Header(header));
                }
                Ok(Some(Event::Element(element))) if element.is("error", ns::STREAMS) => {
                    self.wire.element(Way::Received, element.root());
                    let error = StreamError::parse(element.root());
                    self.write_footer();
                    self.finish(CloseReason::PeerError(error));
                }
                Ok(Some(Event::Element(element))) => {
                    self.wire.element(Way::Received, element.root());
                    return Some(Incoming::Element(element));
                }
                Ok(Some(Event::End)) => {
                    self.wire.other(Way::Received, CLOSING_TAG);
                    let reason = match self.closing {
                        true => CloseReason::Local,
                        false => CloseReason::Peer,
                    };
                    self.send_acknowledgement();
                    self.write_footer();
                    self.finish(reason);
                }
                Err(error) => {
                    // The reader refuses a byte over the budget without consuming it. It is consumed
                    // here, because a driver relies on progress where reading is wanted.
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

    pub(crate) fn receive_eof(&mut self) {
        if !self.over {
            self.mute();
            self.finish(CloseReason::TransportEof);
        }
    }

    // --- Bytes out --------------------------------------------------------------------------------

    pub(crate) fn output(&self) -> &[u8] {
        self.out.pending()
    }

    pub(crate) fn consume_output(&mut self, n: usize) {
        self.written(n);
        if let Some(management) = &mut self.management {
            let pending = self.out.pending();
            management.written(pending.get(..n).unwrap_or(pending));
        }
        self.out.consume(n);
    }

    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        self.written(usize::MAX);
        if let Some(management) = &mut self.management {
            management.written(self.out.pending());
        }
        self.out.take()
    }

    /// Sets the header that is sent next. Its prefixes hold for everything that follows it.
    pub(crate) fn set_header(&mut self, header: StreamHeader) {
        self.writer = Writer::for_header(&header);
        self.header = Some(Box::new(header));
    }

    pub(crate) fn header_mut(&mut self) -> Option<&mut StreamHeader> {
        self.header.as_deref_mut()
    }

    /// Sends this side's header unless it was sent.
    pub(crate) fn write_header(&mut self) {
        if let Some(header) = self.header.take() {
            // A header consists of JIDs, ids and a language tag. Of these only the language can hold a
            // character that XML does not allow, and a stream does not need it.
            if header.write(self.out.end()).is_err() {
                let mut header = header;
                header.lang = None;
                let _ = header.write(self.out.end());
                return self.wire.header(Way::Sent, &header);
            }
            self.wire.header(Way::Sent, &header);
        }
    }

    /// Queues an element that the machine made itself. It fits: nothing that needs an answer is read while
    /// the output has no room for one.
    pub(crate) fn push_own(&mut self, element: &Element) {
        if self.over || self.closing {
            return;
        }
        let before = self.out.len();
        if self.writer.element(self.out.end(), element.root()).is_ok() {
            self.wire.element(Way::Sent, element.root());
            if self.management.is_some() && is_counted(element, ns::CLIENT) {
                self.note_sent(before, true);
                self.refuse_overfull_queue();
            }
        } else {
            // Only text of the application, in an error or a feature, can have such a character.
            log!(warn, "an element of the application cannot be written");
            self.close_with(
                StreamError::new(StreamErrorCondition::InternalServerError),
                CloseReason::Local,
            );
        }
    }

    /// Queues a stanza of the application, on a stream with this content namespace (RFC 6120 §4.8.3). One
    /// that does not fit ends the stream, because the peer does not read. One that would not fit into an
    /// empty output is refused.
    pub(crate) fn send(
        &mut self,
        stanza: &Stanza,
        content_ns: &'static str,
    ) -> Result<(), ApiMisuse> {
        let over = self.over || self.closing;
        let keeps = self.bound && self.management.is_some() && !self.queue_is_overfull();
        if over && !keeps {
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
        let (before, room) = (self.out.len(), self.room_for_answers());
        self.writer
            .element(self.out.end(), element.root())
            .map_err(InvalidStanza::Xml)?;
        let written = self.out.len().saturating_sub(before);
        let max = self.peer_limits.max_bytes();
        let max = max.filter(|max| usize::try_from(*max).is_ok_and(|max| written > max));
        if written <= room && max.is_none() {
            self.wire.element(Way::Sent, element.root());
            if self.management.is_some() {
                self.note_sent(before, false);
                self.refuse_overfull_queue();
            }
            return Ok(());
        }
        if let Some(max) = max {
            self.out.truncate(before);
            return Err(InvalidStanza::TooLargeForPeer { max }.into());
        }
        if written > self.limits.room() {
            self.out.truncate(before);
            return Err(InvalidStanza::TooLarge.into());
        }
        self.give_back_later(before);
        self.out.truncate(before);
        if !over {
            self.fail(
                StreamErrorCondition::PolicyViolation,
                PeerMisbehaved::BacklogExceeded,
            );
        }
        Ok(())
    }

    /// Obeys what the peer announces of its limits from here on (XEP-0478).
    pub(crate) const fn obey(&mut self, limits: StreamLimits) {
        self.peer_limits = limits;
    }

    /// Queues an element of the application that is no stanza, on a stream that is not closing. As for
    /// a stanza, the stream ends where it has no room.
    pub(crate) fn push_application(&mut self, element: &Element) {
        let room = self.room_for_answers();
        if room >= element.to_xml().len() {
            self.push_own(element);
        } else {
            let why = PeerMisbehaved::BacklogExceeded;
            self.fail(StreamErrorCondition::PolicyViolation, why);
        }
    }

    /// Adds a stanza that is not written to those that are given back: the last one in the output, from
    /// `start` on.
    fn give_back_later(&mut self, start: usize) {
        let Some(management) = &mut self.management else {
            return;
        };
        let (before, stanza) = self
            .out
            .pending()
            .split_at_checked(start)
            .unwrap_or_default();
        management.push_unwritten(before, stanza);
    }

    /// Ends the stream of a peer that never acknowledges.
    fn refuse_overfull_queue(&mut self) {
        if self.queue_is_overfull() {
            self.fail(
                StreamErrorCondition::PolicyViolation,
                PeerMisbehaved::BacklogExceeded,
            );
        }
    }

    // --- Restarts ---------------------------------------------------------------------------------

    /// The peer is authenticated: a new stream with wider limits begins (RFC 6120 §6.4.6).
    pub(crate) fn set_authenticated(&mut self) {
        self.authenticated = true;
        self.restart();
    }

    /// The peer is authenticated by SASL2: the same stream goes on, with wider limits (XEP-0388
    /// §2.6.1).
    pub(crate) fn set_authenticated_in_place(&mut self) {
        self.authenticated = true;
        self.set_authorised();
    }

    /// Sets whether white space of the peer ends the stream.
    pub(crate) const fn forbid_white_space(&mut self, forbidden: bool) {
        self.white_space.forbidden = forbidden;
    }

    /// Reads a new stream from here on; nothing of the old reader is kept.
    fn restart(&mut self) {
        let limits = if self.authenticated {
            self.limits.after_authentication
        } else {
            self.limits.before_authentication
        };
        self.reader = Reader::new(limits);
        self.restarted = true;
    }

    /// Dialback or SASL2 has authorised the peer, which does not restart the stream: the wider limits hold
    /// from here on.
    pub(crate) fn set_authorised(&mut self) {
        self.reader.set_limits(self.limits.after_authentication);
    }

    /// Negotiation is over and stanzas may be sent: a resource is bound, or a peer server is ready.
    pub(crate) const fn set_bound(&mut self) {
        self.bound = true;
        if !self.closing {
            self.since = None;
        }
    }
    /// Frees what only negotiation needs: the channel bindings, and the identities in the peer's
    /// certificate.
    pub(crate) fn forget_negotiation(&mut self) {
        if let TlsState::Established(tls) = &mut self.tls {
            *tls = None;
        }
    }
}
