//! Stanzas that arrived while the application waited for something else.

use std::collections::VecDeque;

use xmppwire::Stanza;

/// A queue of stanzas with a budget in bytes of memory.
///
/// A stanza is taken in while the queue is within its budget, so the queue holds at most the budget
/// and one stanza.
#[derive(Debug)]
pub(super) struct Inbox {
    stanzas: VecDeque<Stanza>,
    /// Bytes of heap memory that the stanzas hold, the slots of the queue not counted.
    heap: usize,
    budget: usize,
}

impl Inbox {
    pub(super) const fn new(budget: usize) -> Self {
        Self {
            stanzas: VecDeque::new(),
            heap: 0,
            budget,
        }
    }

    /// Whether nothing more may be taken in.
    pub(super) fn is_full(&self) -> bool {
        let slots = self.stanzas.capacity().saturating_mul(size_of::<Stanza>());
        self.heap.saturating_add(slots) >= self.budget
    }

    pub(super) fn push(&mut self, stanza: Stanza) {
        self.heap = self.heap.saturating_add(stanza.heap_size());
        self.stanzas.push_back(stanza);
    }

    pub(super) fn pop(&mut self) -> Option<Stanza> {
        let stanza = self.stanzas.pop_front()?;
        self.heap = self.heap.saturating_sub(stanza.heap_size());
        if self.stanzas.is_empty() {
            // A flood must not keep its slots for the life of the connection.
            self.stanzas = VecDeque::new();
        }
        Some(stanza)
    }
}
