//! Stanzas of one pair that wait.

use std::collections::VecDeque;

use xmppwire::{Instant, Stanza};

/// A queue that knows how much memory it holds.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    heap: usize,
}

#[derive(Debug)]
struct Waiting {
    stanza: Stanza,
    until: Instant,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Bytes of memory held: the heap of the stanzas and all slots.
    pub(super) fn held(&self) -> usize {
        let slots = self.waiting.capacity().saturating_mul(size_of::<Waiting>());
        self.heap.saturating_add(slots)
    }

    /// Upper bound of what [`held`](Self::held) grows by with this stanza: a full queue doubles its
    /// slots, and a new one has four.
    pub(super) fn cost(&self, stanza: &Stanza) -> usize {
        let slots = match self.waiting.len() < self.waiting.capacity() {
            true => 0,
            false => self.waiting.capacity().max(4),
        };
        let slots = slots.saturating_mul(size_of::<Waiting>());
        stanza.heap_size().saturating_add(slots)
    }

    pub(super) fn push(&mut self, stanza: Stanza, until: Instant) {
        self.heap = self.heap.saturating_add(stanza.heap_size());
        self.waiting.push_back(Waiting { stanza, until });
    }

    /// Puts back what was taken out last.
    pub(super) fn put_back(&mut self, stanza: Stanza, until: Instant) {
        self.heap = self.heap.saturating_add(stanza.heap_size());
        self.waiting.push_front(Waiting { stanza, until });
    }

    /// The time until which the first stanza waits.
    pub(super) fn until(&self) -> Option<Instant> {
        self.waiting.front().map(|first| first.until)
    }

    pub(super) fn pop(&mut self) -> Option<(Stanza, Instant)> {
        let Waiting { stanza, until } = self.waiting.pop_front()?;
        self.heap = self.heap.saturating_sub(stanza.heap_size());
        // A burst must not keep its slots for the life of the stream.
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        } else if self.waiting.len() <= self.waiting.capacity() / 4 {
            self.waiting.shrink_to(self.waiting.len().saturating_mul(2));
        }
        Some((stanza, until))
    }

    /// Takes out the first stanza, if it waits no longer than until `limit`.
    pub(super) fn pop_until(&mut self, limit: Instant) -> Option<Stanza> {
        if self.until()? > limit {
            return None;
        }
        self.pop().map(|(stanza, _)| stanza)
    }
}
