//! When the peer is asked what it has handled (XEP-0198 §4), and by when it has to answer.

use alloc::boxed::Box;
use core::time::Duration;

use xmppwire_xml::Element;

use super::Management;
use crate::error::{CloseReason, Timer};
use crate::ns;
use crate::stream::Stream;
use crate::stream::wait::Wait;
use crate::time::Instant;

/// How long a question is put off, at least, for which the output has no room.
const PUT_OFF: Duration = Duration::from_secs(1);

/// What a deadline of stream management asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asking {
    Nothing,
    /// The peer has to be asked.
    Ask,
    /// The peer has not answered in time.
    Gone,
}

impl Management {
    /// Whether the peer should be asked now, by how much it was sent.
    pub(super) fn wants_answer(&self) -> bool {
        self.confirmed
            && self.queue.as_ref().is_some_and(|out| {
                let much = out.unasked >= self.policy.ask_after_stanzas()
                    || out.unasked_bytes >= self.policy.ask_after_bytes();
                out.asked.is_none() && much
            })
    }

    /// When [`due`](Self::due) has to be asked.
    pub(in crate::stream) fn deadline(&self) -> Option<Instant> {
        let out = self.queue.as_ref().filter(|_| self.confirmed)?;
        match &out.asked {
            Some(wait) => Some(wait.deadline()),
            None if out.unasked == 0 => None,
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
        match (&mut out.asked, out.since) {
            (Some(wait), _) => match wait.is_over(now) {
                true => Asking::Gone,
                false => Asking::Nothing,
            },
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
        self.push_own(&Element::builder("r", ns::SM).build());
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
        if out.is_some_and(|out| out.unasked > 0) {
            self.push_own(&Element::builder("r", ns::SM).build());
        }
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
            Some(Asking::Gone) => self.cut(CloseReason::TimedOut(Timer::Acknowledgement)),
            Some(Asking::Nothing) | None => {}
        }
    }
}
