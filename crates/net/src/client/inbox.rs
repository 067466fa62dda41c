//! What arrived and was not taken.

use std::collections::VecDeque;

use xmppwire::Stanza;

/// A queue with a budget in bytes of memory.
///
/// An item is taken in while the queue is within its budget, so the queue holds at most the budget
/// and one item.
#[derive(Debug)]
pub(super) struct Inbox<T = Stanza> {
    /// With the bytes of heap memory that each holds.
    items: VecDeque<(T, usize)>,
    /// Bytes of heap memory that the items hold, the slots of the queue not counted.
    heap: usize,
    budget: usize,
}

impl<T> Inbox<T> {
    pub(super) const fn new(budget: usize) -> Self {
        Self {
            items: VecDeque::new(),
            heap: 0,
            budget,
        }
    }

    pub(super) const fn budget(&self) -> usize {
        self.budget
    }

    /// Whether nothing more may be taken in.
    pub(super) fn is_full(&self) -> bool {
        let slots = self
            .items
            .capacity()
            .saturating_mul(size_of::<(T, usize)>());
        self.heap.saturating_add(slots) >= self.budget
    }

    /// Takes in an item that holds so many bytes of heap memory.
    pub(super) fn push(&mut self, item: T, heap: usize) {
        self.heap = self.heap.saturating_add(heap);
        self.items.push_back((item, heap));
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let (item, heap) = self.items.pop_front()?;
        self.heap = self.heap.saturating_sub(heap);
        if self.items.is_empty() {
            // A flood must not keep its slots for the life of the connection.
            self.items = VecDeque::new();
        }
        Some(item)
    }
}
