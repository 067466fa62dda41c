//! The deadlines of many subjects, in order of time.

use std::collections::BTreeSet;

use xmppwire::Instant;

/// At most one deadline for each subject. The subject keeps a copy of its own, so that it can be
/// moved.
#[derive(Debug)]
pub(super) struct Alarms<S> {
    times: BTreeSet<(Instant, S)>,
}

impl<S: Ord + Clone> Alarms<S> {
    pub(super) const fn new() -> Self {
        Self {
            times: BTreeSet::new(),
        }
    }

    pub(super) fn first(&self) -> Option<Instant> {
        self.times.first().map(|(at, _)| *at)
    }

    /// Takes out the first deadline that has passed. The subject has to forget its own copy.
    pub(super) fn pop(&mut self, now: Instant) -> Option<S> {
        if self.first()? > now {
            return None;
        }
        self.times.pop_first().map(|(_, subject)| subject)
    }

    /// Moves the deadline of a subject from `own`, which is updated, to `at`.
    pub(super) fn set(&mut self, subject: &S, own: &mut Option<Instant>, at: Option<Instant>) {
        if *own == at {
            return;
        }
        if let Some(old) = own.take() {
            self.times.remove(&(old, subject.clone()));
        }
        if let Some(at) = at {
            self.times.insert((at, subject.clone()));
        }
        *own = at;
    }

    /// The subjects, the one with the earliest deadline first.
    pub(super) fn subjects(&self) -> impl Iterator<Item = &S> {
        self.times.iter().map(|(_, subject)| subject)
    }
}
