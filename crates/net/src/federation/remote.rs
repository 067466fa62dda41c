//! A remote domain: what waits for it, which streams lead to it, and since when it fails.

use std::collections::BTreeMap;
use std::time::Duration;

use xmppwire::{Domainpart, Instant};

use super::FederationLimits;
use super::queue::Queue;
use super::step::{Failure, Key};
use crate::client::{Backoff, Cause, ReconnectPolicy, Verdict};

#[derive(Debug)]
pub(super) struct Remote {
    /// By sender domain.
    pub(super) lanes: BTreeMap<Domainpart, Lane>,
    /// Streams for stanzas, those included that are being opened or closed.
    pub(super) streams: Vec<Key>,
    /// Of connections to the domain.
    pub(super) failures: Failures,
    /// Of each sender domain that its server refused.
    pub(super) refused: BTreeMap<Domainpart, Failures>,
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

/// What failed lately.
#[derive(Debug)]
pub(super) struct Failures {
    backoff: Backoff,
    /// The pause after a failed attempt, while it lasts.
    pub(super) rest: Option<Rest>,
    /// When the failures are forgotten.
    forget: Option<Instant>,
}

/// A pause after a failure: until it ends, no connection is tried.
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
            failures: Failures::new(reconnect),
            refused: BTreeMap::new(),
            listed: false,
            starved: false,
            alarm: None,
        }
    }

    /// Bytes that its queues hold.
    pub(super) fn held(&self) -> usize {
        self.lanes.values().map(|lane| lane.queue.held()).sum()
    }

    /// Whether its failures are all that is known of it.
    pub(super) fn is_only_remembered(&self) -> bool {
        self.lanes.is_empty() && self.streams.is_empty()
    }

    /// When something has to be done though nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let queues = self.lanes.values().filter_map(|lane| lane.queue.until());
        queues
            .chain(self.failures.deadline())
            .chain(self.refused.values().filter_map(Failures::deadline))
            .min()
    }

    /// Whether anything failed lately.
    pub(super) fn has_failed(&self) -> bool {
        !self.failures.are_forgotten() || !self.refused.is_empty()
    }

    /// Ends the rests that are over, and forgets old failures.
    pub(super) fn expire(&mut self, now: Instant, limits: &FederationLimits) {
        self.failures.expire(now, limits);
        self.refused.retain(|_, failures| {
            failures.expire(now, limits);
            !failures.are_forgotten()
        });
    }

    /// Notes that its server refused a sender domain.
    pub(super) fn refuse(
        &mut self,
        sender: &Domainpart,
        now: Instant,
        limits: &FederationLimits,
        failure: Failure,
    ) {
        let policy = limits.reconnect.clone();
        let failures = self.refused.entry(sender.clone());
        let failures = failures.or_insert_with(|| Failures::new(policy));
        failures.fail(now, limits, failure, Duration::ZERO);
    }

    /// The pause that a sender domain has to wait for, if there is one.
    pub(super) fn rest(&self, sender: &Domainpart) -> Option<Rest> {
        let refused = || self.refused.get(sender)?.rest;
        self.failures.rest.or_else(refused)
    }
}

impl Failures {
    const fn new(policy: ReconnectPolicy) -> Self {
        Self {
            backoff: Backoff::new(policy),
            rest: None,
            forget: None,
        }
    }

    /// Begins a rest after a failed attempt; `up` is how long the stream was of use.
    pub(super) fn fail(
        &mut self,
        now: Instant,
        limits: &FederationLimits,
        failure: Failure,
        up: Duration,
    ) {
        // What limits the attempts is that stanzas do not wait for ever.
        let delay = self
            .backoff
            .after(Verdict::Retryable, Cause::Server, up, crate::jitter());
        let until = now + delay.unwrap_or(limits.reconnect.max);
        self.forget = None;
        self.rest = Some(Rest { until, failure });
    }

    fn expire(&mut self, now: Instant, limits: &FederationLimits) {
        if self.rest.is_some_and(|rest| rest.until <= now) {
            self.rest = None;
            self.forget = Some(now + limits.reconnect.max);
        }
        if self.forget.is_some_and(|forget| forget <= now) {
            self.forget = None;
            self.backoff.reset();
        }
    }

    /// Forgets the failures, after a stream that was of use.
    pub(super) const fn reset(&mut self) {
        self.backoff.reset();
    }

    fn deadline(&self) -> Option<Instant> {
        let deadlines = [self.rest.map(|rest| rest.until), self.forget];
        deadlines.into_iter().flatten().min()
    }

    const fn are_forgotten(&self) -> bool {
        self.rest.is_none() && self.forget.is_none()
    }
}
