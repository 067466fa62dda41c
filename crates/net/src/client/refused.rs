//! Malformed stanzas, kept for the application to look at.

use std::collections::VecDeque;

use xmppwire::StanzaFault;

/// Bytes of memory that the kept stanzas may hold.
const BUDGET: usize = 64 * 1024;

/// The malformed stanzas that arrived (RFC 6120 §8), the newest of them: at most 64 KiB of memory,
/// or one stanza if that one is larger.
///
/// An application need not take them. When a stanza has no room, the oldest ones are dropped and
/// counted.
#[derive(Debug, Default)]
pub struct RefusedStanzas {
    faults: VecDeque<StanzaFault>,
    /// The sum of the [`cost`] of each.
    held: usize,
    dropped: u64,
}

impl RefusedStanzas {
    /// Takes the oldest stanza.
    pub fn take(&mut self) -> Option<StanzaFault> {
        let fault = self.faults.pop_front()?;
        self.held = self.held.saturating_sub(cost(&fault));
        let len = self.faults.len();
        // A flood must not keep its slots; see `cost`.
        if len < self.faults.capacity() / 4 {
            self.faults.shrink_to(2 * len);
        }
        Some(fault)
    }

    /// The number of stanzas that were dropped because newer ones needed their room.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Moves all stanzas, and their count of dropped ones, from `other` to the end of this queue.
    pub fn append(&mut self, other: &mut Self) {
        let other = std::mem::take(other);
        self.dropped = self.dropped.saturating_add(other.dropped);
        for fault in other.faults {
            self.push(fault);
        }
    }

    pub(super) fn push(&mut self, fault: StanzaFault) {
        let cost = cost(&fault);
        while self.held.saturating_add(cost) > BUDGET && self.take().is_some() {
            self.dropped = self.dropped.saturating_add(1);
        }
        self.held = self.held.saturating_add(cost);
        self.faults.push_back(fault);
    }
}

/// Bytes of memory that a stanza holds in the queue, at most: its own, and the four slots for each
/// stanza that the queue keeps before it shrinks.
fn cost(fault: &StanzaFault) -> usize {
    let slots = 4 * size_of::<StanzaFault>();
    fault.element().heap_size().saturating_add(slots)
}

#[cfg(test)]
mod tests {
    use xmppwire::{Element, Stanza};

    use super::*;

    fn fault(id: usize, text: usize) -> StanzaFault {
        let message = Element::builder("message", xmppwire::ns::CLIENT)
            .attr("from", "@")
            .attr("id", &id.to_string())
            .attr("lang", &"x".repeat(text))
            .build();
        Stanza::try_from(message).unwrap_err()
    }

    fn ids(queue: &mut RefusedStanzas) -> Vec<usize> {
        std::iter::from_fn(|| queue.take())
            .map(|fault| fault.element().attr("id").unwrap().parse().unwrap())
            .collect()
    }

    #[test]
    fn the_oldest_are_dropped_and_counted() {
        let mut queue = RefusedStanzas::default();
        for id in 0..10_000 {
            queue.push(fault(id, 0));
            assert!(queue.held <= BUDGET);
            assert!(queue.faults.capacity() <= 4 * queue.faults.len().max(1));
        }
        let dropped = usize::try_from(queue.dropped()).unwrap();
        assert!(dropped > 9_000, "{dropped}");
        assert_eq!(ids(&mut queue), (dropped..10_000).collect::<Vec<_>>());
        assert_eq!((queue.held, queue.faults.capacity()), (0, 0));
    }

    #[test]
    fn one_that_is_too_large_is_kept_alone() {
        let mut queue = RefusedStanzas::default();
        for id in 0..100 {
            queue.push(fault(id, 0));
        }
        queue.push(fault(100, BUDGET));
        assert_eq!(queue.dropped(), 100);
        assert!(queue.faults.capacity() <= 4);
        queue.push(fault(101, 0));
        assert_eq!(queue.dropped(), 101);
        assert_eq!(ids(&mut queue), [101]);
    }

    #[test]
    fn another_queue_follows_in_order() {
        let (mut first, mut second) = (RefusedStanzas::default(), RefusedStanzas::default());
        first.push(fault(0, BUDGET));
        first.push(fault(1, 0));
        second.push(fault(2, BUDGET));
        second.push(fault(3, 0));
        first.append(&mut second);
        assert_eq!((first.dropped(), second.dropped()), (2, 0));
        assert_eq!(ids(&mut first), [1, 3]);
        assert_eq!(ids(&mut second), []);
    }
}
