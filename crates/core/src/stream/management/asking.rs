//! When the peer is asked what it has handled (XEP-0198 §4), and by when it has to answer.

use alloc::boxed::Box;
use core::time::Duration;

use xmppwire_xml::Element;

use super::{Management, Outstanding, is_crowded};
use crate::error::{CloseReason, Timer};
use crate::ns;
use crate::stream::Stream;
use crate::stream::wait::Wait;
use crate::stream_management::StreamManagement;
use crate::time::Instant;

/// How long a question is put off, at least, for which the output has no room, or whose last answer
/// acknowledged little.
const PUT_OFF: Duration = Duration::from_secs(1);

/// What a deadline of stream management asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asking {
    Nothing,
    /// The peer has to be asked.
    Ask,
    /// The peer has to be asked once more, within the same wait.
    AskAgain,
    /// The peer has not answered in time.
    Gone,
}

impl Outstanding {
    /// An answer came, which acknowledged so many bytes.
    pub(super) fn answered(&mut self, freed: usize, policy: &StreamManagement) {
        let crowded = is_crowded(policy, &self.queue);
        // About stanzas that were sent after the question the peer is asked at once.
        if crowded
            && self.unasked == 0
            && let Some(wait) = &mut self.asked
        {
            self.freed = self.freed.saturating_add(freed);
            // A peer that acknowledges each stanza by itself is not asked after each of them.
            if self.freed < policy.queue_bytes() / 16 {
                // Only an acknowledgement is a sign of life: the application may wait for room.
                if freed > 0 {
                    **wait = Wait::new(policy.patience(), None, 0);
                }
                (self.in_vain, self.since) = (true, None);
                return;
            }
        }
        (self.asked, self.in_vain, self.freed) = (None, false, 0);
        if self.queue.is_empty() {
            (self.unasked, self.unasked_bytes, self.since) = (0, 0, None);
        } else if crowded {
            // What was asked about before is asked about again.
            self.unasked = self.unasked.max(1);
        }
    }

    /// The peer has not agreed to manage the stream: where the queue is more than half full, its answer is
    /// awaited like one about stanzas. `behind` is the number of bytes in the output.
    pub(super) fn await_agreement(&mut self, policy: &StreamManagement, behind: usize) {
        if self.asked.is_none() && is_crowded(policy, &self.queue) {
            self.asked = Some(Box::new(Wait::new(policy.patience(), None, behind)));
        }
    }

    /// When the question is repeated that was answered in vain.
    fn repetition(&self, policy: &StreamManagement) -> Option<Instant> {
        let pause = policy.ask_after_silence().max(PUT_OFF);
        // The time of the answer is unknown: a deadline in the past makes the driver tell it.
        let at = self.since.map_or(Instant::ORIGIN, |since| since + pause);
        self.in_vain.then_some(at)
    }
}

impl Management {
    /// Whether the peer should be asked now, by how much it was sent.
    pub(super) fn wants_answer(&self) -> bool {
        self.confirmed
            && self.queue.as_ref().is_some_and(|out| {
                let much = out.unasked >= self.policy.ask_after_stanzas()
                    || out.unasked_bytes >= self.policy.ask_after_bytes()
                    || (out.unasked > 0 && is_crowded(&self.policy, &out.queue));
                out.asked.is_none() && much
            })
    }

    /// When [`due`](Self::due) has to be asked.
    pub(in crate::stream) fn deadline(&self) -> Option<Instant> {
        let out = self.queue.as_ref()?;
        match &out.asked {
            Some(wait) => {
                let again = out.repetition(&self.policy);
                Some(again.map_or(wait.deadline(), |again| again.min(wait.deadline())))
            }
            None if out.unasked == 0 || !self.confirmed => None,
            // The time of the stanza is unknown: a deadline in the past makes the driver tell it.
            None => Some(out.since.map_or(Instant::ORIGIN, |since| {
                since + self.policy.ask_after_silence()
            })),
        }
    }

    /// What to do at the deadline.
    fn due(&mut self, now: Instant) -> Asking {
        let Some(out) = &mut self.queue else {
            return Asking::Nothing;
        };
        let again = out.repetition(&self.policy);
        match (&mut out.asked, out.since) {
            (Some(wait), since) => {
                if wait.deadline() <= now && wait.is_over(now) {
                    return Asking::Gone;
                }
                match (again, since) {
                    (Some(_), None) => out.since = Some(now),
                    (Some(again), Some(_)) if again <= now => {
                        (out.in_vain, out.since) = (false, None);
                        (out.unasked, out.unasked_bytes) = (0, 0);
                        return Asking::AskAgain;
                    }
                    _ => {}
                }
                Asking::Nothing
            }
            (None, None) => {
                out.since = Some(now);
                // A policy without patience for silence asks at once.
                match self.policy.ask_after_silence().is_zero() {
                    true => Asking::Ask,
                    false => Asking::Nothing,
                }
            }
            (None, Some(_)) => Asking::Ask,
        }
    }

    /// The question was written at this time, or had no room in the output.
    fn was_asked(&mut self, now: Instant) {
        let put_off = PUT_OFF.saturating_sub(self.policy.ask_after_silence());
        match &mut self.queue {
            Some(out) if out.asked.is_none() => out.since = Some(now + put_off),
            _ => self.not_reading(now),
        }
    }

    pub(in crate::stream) fn not_reading(&mut self, now: Instant) {
        if let Some(wait) = self.queue.as_mut().and_then(|out| out.asked.as_mut()) {
            wait.not_reading(now);
        }
    }
}

impl Stream {
    /// Asks the peer what it has handled, unless a question is open or there is nothing to ask about.
    pub(crate) fn ask(&mut self) {
        let confirmed = self.management.as_ref().filter(|m| m.confirmed);
        let out = confirmed.and_then(|m| m.queue.as_ref());
        if out.is_some_and(|out| !out.queue.is_empty()) {
            self.push_request();
        }
    }

    /// Sends `<r/>`, unless the last one is not answered. With unacknowledged stanzas the answer is
    /// awaited.
    pub(in crate::stream) fn push_request(&mut self) {
        // Where the output is full, the question can wait: the peer has to read first.
        let asked = self.management.as_ref().and_then(|m| m.queue.as_ref());
        let is_open = asked.is_some_and(|out| out.asked.is_some());
        if is_open || self.over || self.closing || !self.has_room_to_answer() {
            return;
        }
        self.push_question();
        let behind = self.out.len();
        if let Some(management) = &mut self.management
            && let Some(out) = &mut management.queue
        {
            let patience = management.policy.patience();
            out.asked = Some(Box::new(Wait::new(patience, None, behind)));
            (out.unasked, out.unasked_bytes, out.since) = (0, 0, None);
        }
    }

    /// Asks about the last stanzas before the closing tag, even if another question is open, so that the
    /// application learns what the peer has handled. A peer that was asked to manage the stream and has
    /// not answered is asked as well: it reads the question after that request. The question needs no
    /// more room than the closing tag behind it.
    pub(in crate::stream) fn ask_before_closing(&mut self) {
        let out = self.management.as_ref().and_then(|m| m.queue.as_ref());
        let is_open = |out: &Outstanding| out.asked.is_some() && !out.in_vain;
        if out.is_some_and(|out| !out.queue.is_empty() && (out.unasked > 0 || !is_open(out))) {
            self.push_question();
        }
    }

    fn push_question(&mut self) {
        self.push_own(&Element::builder("r", ns::SM).build());
    }

    pub(super) fn ask_by_policy(&mut self) {
        if self.management.as_ref().is_some_and(|m| m.wants_answer()) {
            self.ask();
        }
    }

    /// Acts on the deadline of stream management.
    pub(in crate::stream) fn management_due(&mut self, now: Instant) {
        let due = self.management.as_mut().map(|m| m.due(now));
        match due {
            Some(Asking::Ask) => {
                self.ask();
                if let Some(management) = self.management.as_mut() {
                    management.was_asked(now);
                }
            }
            Some(Asking::AskAgain) => self.push_question(),
            Some(Asking::Gone) => self.cut(CloseReason::TimedOut(Timer::Acknowledgement)),
            Some(Asking::Nothing) | None => {}
        }
    }
}
