//! Who comes next, where several tasks wait for the same thing.

use std::collections::BTreeMap;
use std::task::Waker;

/// A queue of waiting tasks: first come, first served.
#[derive(Debug, Default)]
pub(super) struct Turns {
    next: u64,
    waiting: BTreeMap<u64, Option<Waker>>,
}

/// A place in [`Turns`]. It has to be given back with [`Turns::leave`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

impl Turns {
    /// Joins the queue at its end.
    pub(super) fn join(&mut self) -> Ticket {
        let ticket = self.next;
        self.next = self.next.wrapping_add(1);
        self.waiting.insert(ticket, None);
        Ticket(ticket)
    }

    pub(super) fn is_first(&self, ticket: &Ticket) -> bool {
        let first = self.waiting.first_key_value();
        first.is_some_and(|(first, _)| *first == ticket.0)
    }

    /// Notes whom to wake. What is not needed any more goes to `woken`: dropping a waker may drop a
    /// task, and with it a handle, which takes the lock of this queue.
    pub(super) fn wait(&mut self, ticket: &Ticket, waker: &Waker, woken: &mut Vec<Waker>) {
        if let Some(place) = self.waiting.get_mut(&ticket.0)
            && place.as_ref().is_none_or(|known| !known.will_wake(waker))
        {
            woken.extend(place.replace(waker.clone()));
        }
    }

    /// Leaves the queue. The first of the others is woken, because it may have become the first.
    pub(super) fn leave(&mut self, ticket: &Ticket, woken: &mut Vec<Waker>) {
        let was_first = self.is_first(ticket);
        woken.extend(self.waiting.remove(&ticket.0).flatten());
        if was_first {
            self.wake_first(woken);
        }
    }

    pub(super) fn wake_first(&mut self, woken: &mut Vec<Waker>) {
        if let Some(mut first) = self.waiting.first_entry() {
            woken.extend(first.get_mut().take());
        }
    }

    pub(super) fn wake_all(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(self.waiting.values_mut().filter_map(Option::take));
    }
}
