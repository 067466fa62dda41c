//! Stream management below the roles (XEP-0198): what the peer was sent and has handled, and what
//! was handled of the peer.

mod asking;
mod continuing;
mod elements;
mod parked;
mod queue;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use xmppwire_xml::{Element, ElementRef};

pub(crate) use self::elements::{
    Enabled, acknowledgement, enable, enabled, enabled_answer, failed, failed_condition, handled,
    resume, resumed_answer, wish,
};
pub(crate) use self::parked::{Parked, StanzaReader, written};
pub(crate) use self::queue::OVERHEAD;
use self::queue::Queue;
use super::Stream;
use super::wait::Wait;
use crate::error::PeerMisbehaved;
use crate::stream_management::StreamManagement;
use crate::time::Instant;
use crate::wire::stream_error::{StreamError, StreamErrorCondition};

/// The management of one session.
///
/// It is small while nothing is sent: the rest is allocated for the time that stanzas wait.
pub(crate) struct Management {
    policy: Arc<StreamManagement>,
    /// The number of the last stanza that the peer acknowledged. The first stanza after the start
    /// has number 1; on the wire numbers are modulo 2^32 (XEP-0198 §4).
    acknowledged: u64,
    /// How many stanzas of the peer were handled, modulo 2^32.
    handled: u32,
    /// Whether both sides count: `<enabled/>` was read or written.
    confirmed: bool,
    /// Whether the event that the driver has not taken is a stanza to be counted.
    uncounted: bool,
    /// The session's id, if it can be resumed.
    id: Option<Box<str>>,
    /// Where the server prefers to resume the session.
    location: Option<Box<str>>,
    /// For how many seconds the session can be resumed; 0 if that is not known.
    max: u32,
    queue: Option<Box<Outstanding>>,
}

/// What a session needs while stanzas are unacknowledged.
#[derive(Debug, Default)]
struct Outstanding {
    queue: Queue,
    /// Stanzas, and bytes of them, about which the peer was not asked.
    unasked: u32,
    unasked_bytes: usize,
    /// When the first of them was sent; `None` until a call carries the time.
    since: Option<Instant>,
    /// The question whose answer is awaited.
    asked: Option<Box<Wait>>,
    /// The answer acknowledged little, and the queue is more than half full: the question is repeated,
    /// and the wait goes on. `since` is when that answer came.
    in_vain: bool,
    /// Bytes that answers have acknowledged since the question, while the queue is more than half full.
    freed: usize,
}

/// What can be resumed of a session.
pub(crate) struct Terms {
    pub(crate) id: Option<Box<str>>,
    pub(crate) location: Option<Box<str>>,
    pub(crate) max: u32,
}

/// Whether the queue is so full that the peer is asked for that reason alone: an application that waits
/// for room waits for the answer.
fn is_crowded(policy: &StreamManagement, queue: &Queue) -> bool {
    queue.held() > policy.queue_bytes() / 2
}

impl Management {
    /// A session that begins now, with counters at 0. `confirmed` says that the peer agreed.
    pub(crate) fn new(policy: Arc<StreamManagement>, confirmed: bool, terms: Terms) -> Self {
        Self {
            policy,
            acknowledged: 0,
            handled: 0,
            confirmed,
            uncounted: false,
            id: terms.id,
            location: terms.location,
            max: terms.max,
            queue: None,
        }
    }

    fn unacknowledged(&self) -> usize {
        self.queue.as_ref().map_or(0, |out| out.queue.len())
    }

    /// The number of the last stanza that was sent.
    fn sent(&self) -> u64 {
        self.acknowledged
            .saturating_add(self.unacknowledged() as u64)
    }

    /// Notes a stanza that lies in the output between these two places.
    fn push(&mut self, from: usize, to: usize, own: bool) {
        let out = self.queue.get_or_insert_default();
        out.queue.push(from, to, own);
        out.unasked = out.unasked.saturating_add(1);
        out.unasked_bytes = out.unasked_bytes.saturating_add(to.saturating_sub(from));
        if !self.confirmed {
            out.await_agreement(&self.policy, to);
        }
    }

    /// Takes an acknowledgement. `None` if the peer cannot have handled that many (XEP-0198 §4).
    fn acknowledge(&mut self, handled: u32) -> Option<u64> {
        // The low 32 bits are what is on the wire.
        #[expect(clippy::cast_possible_truncation, reason = "counters are modulo 2^32")]
        let count = handled.wrapping_sub(self.acknowledged as u32) as usize;
        if count > self.unacknowledged() {
            return None;
        }
        self.acknowledged = self.acknowledged.saturating_add(count as u64);
        if let Some(out) = &mut self.queue {
            let before = out.queue.held();
            out.queue.acknowledge(count);
            let freed = before.saturating_sub(out.queue.held());
            out.answered(freed, &self.policy);
            if out.queue.is_idle() {
                self.queue = None;
            }
        }
        Some(self.acknowledged)
    }

    /// These bytes leave the output.
    pub(super) fn written(&mut self, bytes: &[u8]) {
        if let Some(out) = &mut self.queue {
            if let Some(wait) = &mut out.asked {
                wait.written(bytes.len());
            }
            out.queue.consume(bytes);
            if out.queue.is_idle() {
                self.queue = None;
            }
        }
    }

    /// Takes the stanzas out of the output, which is not written any more.
    pub(super) fn salvage(&mut self, output: &[u8]) {
        if let Some(out) = &mut self.queue {
            out.queue.salvage(output);
        }
    }

    /// Adds a stanza that is not written, so that it is given back with the others. `output` holds what
    /// precedes it there: it is copied, because it may still be written.
    pub(super) fn push_unwritten(&mut self, output: &[u8], stanza: &[u8]) {
        let out = self.queue.get_or_insert_default();
        out.queue.salvage(output);
        out.queue.push_bytes(stanza, false);
    }
}

impl fmt::Debug for Management {
    /// Omits the id, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Management")
            .field("acknowledged", &self.acknowledged)
            .field("handled", &self.handled)
            .field("confirmed", &self.confirmed)
            .field("uncounted", &self.uncounted)
            .field("is_resumable", &self.id.is_some())
            .field("location", &self.location)
            .field("max", &self.max)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

// --- What the endpoint calls ----------------------------------------------------------------------

impl Stream {
    /// Starts to manage the stream: everything that is written from here on is counted.
    pub(crate) fn manage(&mut self, management: Management) {
        self.management = Some(Box::new(management));
    }

    /// The peer agreed: from here on its stanzas are counted (XEP-0198 §4).
    pub(crate) fn confirm_management(&mut self, terms: Terms) {
        if let Some(management) = &mut self.management {
            management.confirmed = true;
            management.handled = 0;
            if let Some(out) = &mut management.queue {
                out.asked = None;
            }
            management.id = terms.id;
            management.location = terms.location;
            management.max = terms.max;
        }
        self.ask_by_policy();
    }

    /// The peer did not agree: the stream goes on without management.
    pub(crate) fn forget_management(&mut self) {
        self.management = None;
    }

    /// Whether this side counts what it sends and waits for the peer to agree.
    pub(crate) fn management_requested(&self) -> bool {
        self.management.as_ref().is_some_and(|m| !m.confirmed)
    }

    /// Whether both sides count.
    pub(crate) fn is_managed(&self) -> bool {
        self.management.as_ref().is_some_and(|m| m.confirmed)
    }

    /// The number of the last stanza that was sent; `None` without management.
    pub(crate) fn sent(&self) -> Option<u64> {
        self.management.as_ref().map(|m| m.sent())
    }

    /// The number of the last stanza that the peer acknowledged.
    pub(crate) fn acknowledged(&self) -> Option<u64> {
        self.management.as_ref().map(|m| m.acknowledged)
    }

    /// Bytes that the queue holds, and may hold.
    pub(super) fn queue(&self) -> Option<(usize, usize)> {
        let management = self.management.as_ref()?;
        let held = management.queue.as_ref().map_or(0, |out| out.queue.held());
        Some((held, management.policy.queue_bytes()))
    }

    /// A stanza of the peer arrived. Where it became an event it is counted once that is taken.
    pub(crate) fn arrived(&mut self, is_event: bool) {
        if let Some(management) = self.management.as_mut().filter(|m| m.confirmed) {
            match is_event {
                true => management.uncounted = true,
                false => management.handled = management.handled.wrapping_add(1),
            }
        }
    }

    /// The event was taken.
    pub(crate) fn event_taken(&mut self) {
        if let Some(management) = self.management.as_mut().filter(|m| m.uncounted) {
            management.uncounted = false;
            management.handled = management.handled.wrapping_add(1);
        }
    }

    /// Whether the event that was not taken is a stanza that the peer will send again.
    pub(crate) fn event_is_uncounted(&self) -> bool {
        self.management.as_ref().is_some_and(|m| m.uncounted)
    }

    /// Notes a stanza that lies in the output from `from` on, and asks about it if it is time.
    pub(super) fn note_sent(&mut self, from: usize, own: bool) {
        let to = self.out.len();
        if let Some(management) = &mut self.management {
            management.push(from, to, own);
            self.ask_by_policy();
        }
    }

    /// Tells the peer how many stanzas were handled (XEP-0198 §4).
    pub(crate) fn send_acknowledgement(&mut self) {
        if let Some(management) = self.management.as_ref().filter(|m| m.confirmed) {
            let answer = acknowledgement(management.handled);
            self.push_own(&answer);
        }
    }

    /// Takes the peer's count of handled stanzas: returns the number of the last one that is
    /// acknowledged now if it was not before. A count that is too high ends the stream (§4).
    pub(crate) fn acknowledge(&mut self, handled: u32) -> Option<u64> {
        let management = self.management.as_mut()?;
        let before = management.acknowledged;
        let Some(acknowledged) = management.acknowledge(handled) else {
            #[expect(clippy::cast_possible_truncation, reason = "counters are modulo 2^32")]
            let sent = management.sent() as u32;
            self.fail_too_high(handled, sent);
            return None;
        };
        self.ask_by_policy();
        (acknowledged > before).then_some(acknowledged)
    }

    pub(crate) fn fail_too_high(&mut self, handled: u32, sent: u32) {
        let condition = elements::handled_count_too_high(handled, sent);
        let error = StreamError::new(StreamErrorCondition::UndefinedCondition)
            .with_application_condition(condition);
        self.fail(error, PeerMisbehaved::HandledTooHigh { handled, sent });
    }

    /// Reads the `h` of an element; one without it breaks the protocol.
    pub(crate) fn read_handled(&mut self, element: ElementRef<'_>) -> Option<u32> {
        let handled = handled(element);
        if handled.is_none() {
            let why = PeerMisbehaved::Negotiation("'h' is not a number of 32 bits");
            self.fail(StreamErrorCondition::InvalidXml, why);
        }
        handled
    }
}

/// Whether an element is a stanza that both sides count (XEP-0198 §4).
pub(crate) fn is_counted(element: &Element, content_ns: &str) -> bool {
    element.ns() == content_ns && matches!(element.name(), "message" | "presence" | "iq")
}
