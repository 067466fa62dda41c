//! Stanzas to other servers: which stream carries which pair, what waits, and what goes back to its
//! sender.

use std::collections::{BTreeMap, VecDeque};

use xmppwire::s2s::Pair;
use xmppwire::{Domainpart, Instant, Stanza};

use super::alarms::Alarms;
use super::remote::{Lane, Remote};
use super::step::{Key, NotRouted, Overload, Step, Told};
use super::stream::{Stream, Work};
use super::{FederationLimits, Policies};

/// The outgoing streams of a server, as a machine.
///
/// It takes stanzas with [`route`](Self::route) and keys to be verified with
/// [`verify`](Self::verify), and gives the steps to take with [`poll`](Self::poll). The driver
/// tells what became of them with [`told`](Self::told), and the time with
/// [`handle_timeout`](Self::handle_timeout). It polls until there is no step after each of these
/// calls.
///
/// What holds of every stanza that `route` takes: it comes out once, by [`Step::Send`] or by
/// [`Step::Bounce`], and the stanzas of a pair come out in their order. One that is told as
/// `unsent` counts as not sent. What waits is bounded by [`FederationLimits`] in bytes and in time.
///
/// - **Failures.** Where a server could not be reached, stanzas wait for the next attempt, and
///   those whose time is over before it are bounced at once. Where the next attempt would fail
///   alike, such as after a wrong certificate, all are bounced at once. The attempts are spread by
///   truncated binary exponential back-off (RFC 6120 §3.3).
/// - **Order.** A pair is carried by one stream at a time. It changes to another one only when the
///   first has ended.
/// - **Keys** are verified over connections of their own, to servers that the DNS gives for the
///   sender domain, and never over a stream that carries stanzas. An answer counts only for the
///   key, the pair and the stream id that were asked about on the same connection (XEP-0220 §3.1).
#[derive(Debug)]
pub struct Federation {
    pub(super) limits: FederationLimits,
    pub(super) policies: Policies,
    pub(super) remotes: BTreeMap<Domainpart, Remote>,
    pub(super) streams: BTreeMap<Key, Stream>,
    /// The open streams to authoritative servers, by the pair of their headers.
    pub(super) verifiers: BTreeMap<Pair, Key>,
    /// How many streams are for verification.
    pub(super) verifying: usize,
    /// How many streams were opened by the other server and carry stanzas in both directions.
    pub(super) adopted: usize,
    pub(super) alarms: Alarms<Subject>,
    pub(super) steps: VecDeque<Step>,
    /// Streams that may have something to send.
    pub(super) sendable: VecDeque<Key>,
    /// Remote domains that wait for a free stream.
    pub(super) waiting: VecDeque<Domainpart>,
    /// Bytes that the queues of all remote domains hold.
    pub(super) queued: usize,
    /// Bytes of the stanzas that are given to streams and not told to be written.
    pub(super) given: usize,
    /// Bytes of the stanzas in `steps`.
    pub(super) bouncing: usize,
    /// How many streams are being closed.
    pub(super) closing: usize,
    pub(super) next_key: u64,
    pub(super) closed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Remote(Domainpart),
    Stream(Key),
}

impl Federation {
    /// A pool without streams.
    pub const fn new(limits: FederationLimits, policies: Policies) -> Self {
        Self {
            limits,
            policies,
            remotes: BTreeMap::new(),
            streams: BTreeMap::new(),
            verifiers: BTreeMap::new(),
            verifying: 0,
            adopted: 0,
            alarms: Alarms::new(),
            steps: VecDeque::new(),
            sendable: VecDeque::new(),
            waiting: VecDeque::new(),
            queued: 0,
            given: 0,
            bouncing: 0,
            closing: 0,
            next_key: 0,
            closed: false,
        }
    }

    /// The policies that hold.
    pub const fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Bytes of memory that the stanzas hold that wait, or that are to be bounced.
    pub const fn queued(&self) -> usize {
        self.queued.saturating_add(self.bouncing)
    }

    /// Whether the pool was closed and every stream has ended.
    pub fn is_finished(&self) -> bool {
        self.closed && self.streams.is_empty() && self.steps.is_empty()
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Numbers a connection that another server opened, on which keys to be verified may arrive.
    /// Where it goes in both directions, [`Told::Ready`] lets the pool send over it (XEP-0288).
    /// [`Told::Closed`] has to follow once.
    pub const fn accept(&mut self) -> Key {
        let key = Key(self.next_key);
        self.next_key = self.next_key.wrapping_add(1);
        key
    }

    /// Takes a stanza to another server. Its `from` is a domain of this server, which the caller
    /// has checked.
    ///
    /// # Errors
    ///
    /// [`NotRouted`] gives the stanza back: it lacks an address, or as much waits as may.
    pub fn route(&mut self, now: Instant, stanza: Stanza) -> Result<(), Box<NotRouted>> {
        let refuse = |stanza, why| Err(Box::new(NotRouted { stanza, why }));
        let Some(pair) = Pair::of(&stanza) else {
            return refuse(stanza, Overload::Unaddressed);
        };
        if self.closed {
            return refuse(stanza, Overload::Closed);
        }
        if !self.has_room_for(pair.target()) {
            return refuse(stanza, Overload::Pool);
        }
        let remote = self.remotes.get(pair.target());
        let lane = remote.and_then(|remote| remote.lanes.get(pair.sender()));
        let cost = match lane {
            Some(lane) => lane.queue.cost(&stanza),
            None => Lane::default().queue.cost(&stanza),
        };
        let held = remote.map_or(0, Remote::held);
        if held.saturating_add(cost) > self.limits.queued_per_domain {
            return refuse(stanza, Overload::Domain);
        }
        let all = self.queued().saturating_add(self.given);
        if all.saturating_add(cost) > self.limits.queued {
            return refuse(stanza, Overload::Pool);
        }
        let until = now + self.limits.queue_time;
        let reconnect = &self.limits.reconnect;
        let remote = self
            .remotes
            .entry(pair.target().clone())
            .or_insert_with(|| Remote::new(reconnect.clone()));
        let lane = remote.lanes.entry(pair.sender().clone()).or_default();
        let before = lane.queue.held();
        lane.queue.push(stanza, until);
        let after = lane.queue.held();
        self.queued = self.queued.saturating_sub(before).saturating_add(after);
        let (stream, ready) = (lane.stream, lane.ready);
        if remote.alarm.is_none_or(|alarm| alarm > until) {
            let subject = Subject::Remote(pair.target().clone());
            self.alarms.set(&subject, &mut remote.alarm, Some(until));
        }
        match stream {
            Some(key) if ready => self.list(key),
            Some(_) => {}
            None => self.settle(now, pair.target()),
        }
        Ok(())
    }

    /// What to do next; `None` until something else happens.
    pub fn poll(&mut self, now: Instant) -> Option<Step> {
        if let Some(step) = self.steps.pop_front() {
            if let Step::Bounce(undelivered) = &step {
                let heap = undelivered.stanza().heap_size();
                self.bouncing = self.bouncing.saturating_sub(heap);
            }
            return Some(step);
        }
        while let Some(key) = self.sendable.pop_front() {
            if let Some(carrier) = self.streams.get_mut(&key).and_then(Stream::carrier_mut) {
                carrier.listed = false;
            }
            if let Some(stanza) = self.next_stanza(now, key) {
                // The others first, so that one busy stream does not hold them up.
                self.list(key);
                return Some(Step::Send(key, stanza));
            }
        }
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.alarms.first()
    }

    /// Tells the time. An early call does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(subject) = self.alarms.pop(now) {
            match subject {
                Subject::Remote(target) => {
                    if let Some(remote) = self.remotes.get_mut(&target) {
                        remote.alarm = None;
                    }
                    self.settle(now, &target);
                }
                Subject::Stream(key) => {
                    let Some(stream) = self.streams.get_mut(&key) else {
                        continue;
                    };
                    stream.alarm = None;
                    match &stream.work {
                        Work::Carries(_) => self.close_if_idle(now, key),
                        Work::Verifies(_) => self.expire_keys(now, key),
                    }
                }
            }
        }
    }

    /// Takes what became of a step. What is told of a stream that has ended has no effect.
    pub fn told(&mut self, now: Instant, key: Key, what: Told) {
        match what {
            Told::Connected => self.connected(key),
            Told::Ready(pair) => self.ready(now, key, &pair),
            Told::Refused(pair, refusal) => self.refused(now, key, &pair, &refusal),
            Told::NeedsOtherStream(pair) => self.needs_other_stream(now, key, &pair),
            Told::Joins(other) => self.joins(now, key, other),
            Told::Used => self.used(now, key),
            Told::Flushed => self.flushed(now, key),
            Told::Verified(answer) => self.verified(key, answer),
            Told::Closed { end, unsent } => self.ended(now, key, &end, unsent),
        }
    }

    /// Ends federation: bounces what waits, answers the keys that wait, and closes all streams.
    pub fn close(&mut self, now: Instant) {
        self.closed = true;
        let keys: Vec<Key> = self.streams.keys().copied().collect();
        for key in keys {
            self.close_stream(key);
        }
        let targets: Vec<Domainpart> = self.remotes.keys().cloned().collect();
        for target in targets {
            self.settle(now, &target);
        }
    }
}
