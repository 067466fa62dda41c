//! A remote domain: what waits for it, which streams lead to it, and since when it fails.

use std::collections::BTreeMap;

use xmppwire::{Domainpart, Instant};

use super::queue::Queue;
use super::step::{Failure, Key};
use crate::client::{Backoff, ReconnectPolicy};

#[derive(Debug)]
pub(super) struct Remote {
    /// By sender domain.
    pub(super) lanes: BTreeMap<Domainpart, Lane>,
    /// Streams for stanzas, those included that are being opened or closed.
    pub(super) streams: Vec<Key>,
    pub(super) backoff: Backoff,
    /// Set while nothing connects, after a failed attempt.
    pub(super) rest: Option<Rest>,
    /// When the failures are forgotten.
    pub(super) forget: Option<Instant>,
    /// Whether the domain is in the list of those that wait for a free stream.
    pub(super) listed: bool,
    /// Whether a pair waits because as many streams are open as may be.
    pub(super) starved: bool,
    /// The deadline that is set.
    pub(super) alarm: Option<Instant>,
}

/// The stanzas of one pair.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) queue: Queue,
    /// The stream that carries the pair, or is asked to.
    pub(super) stream: Option<Key>,
    pub(super) ready: bool,
    /// Whether another stream refused to carry the pair beside its own.
    pub(super) alone: bool,
}

/// The time after a failure in which nothing connects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    pub(super) until: Instant,
    pub(super) failure: Failure,
}

impl Remote {
    pub(super) const fn new(reconnect: ReconnectPolicy) -> Self {
        Self {
            lanes: BTreeMap::new(),
            streams: Vec::new(),
            backoff: Backoff::new(reconnect),
            rest: None,
            forget: None,
            listed: false,
            starved: false,
            alarm: None,
        }
    }

    /// Bytes that its queues hold.
    pub(super) fn held(&self) -> usize {
        self.lanes.values().map(|lane| lane.queue.held()).sum()
    }

    /// Whether nothing is known of it but that it failed.
    pub(super) fn is_only_remembered(&self) -> bool {
        self.lanes.is_empty() && self.streams.is_empty()
    }

    /// When something has to be done though nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let queues = self.lanes.values().filter_map(|lane| lane.queue.until());
        queues
            .chain(self.rest.map(|rest| rest.until))
            .chain(self.forget)
            .min()
    }
}
