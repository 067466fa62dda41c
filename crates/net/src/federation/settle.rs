//! A remote domain after a change: what is late, which streams are missing, what is forgotten.

use xmppwire::s2s::Pair;
use xmppwire::{Domainpart, Instant};

use super::pool::{Federation, Subject};
use super::remote::{Lane, Remote};
use super::step::{Failure, Key, Purpose, Step};
use super::stream::{Carrier, Stream, Work};

impl Federation {
    /// Brings a remote domain in order after a change: bounces stanzas whose time is over, opens
    /// the streams that are missing, forgets what is not needed any more, and sets its deadline.
    pub(super) fn settle(&mut self, now: Instant, target: &Domainpart) {
        let Some((target, mut remote)) = self.remotes.remove_entry(target) else {
            return;
        };
        let before = remote.held();
        remote.expire(now, &self.limits);
        remote.starved = false;
        let mut lanes = std::mem::take(&mut remote.lanes);
        for (sender, lane) in &mut lanes {
            self.settle_lane(now, &mut remote, &target, sender, lane);
        }
        lanes.retain(|_, lane| lane.stream.is_some() || !lane.queue.is_empty());
        remote.lanes = lanes;
        self.queued = self
            .queued
            .saturating_sub(before)
            .saturating_add(remote.held());
        let failed = remote.has_failed();
        let due = match remote.is_only_remembered() && !failed {
            true => None,
            false => remote.deadline(),
        };
        let subject = Subject::Remote(target);
        self.alarms.set(&subject, &mut remote.alarm, due);
        let Subject::Remote(target) = subject else {
            return;
        };
        if !remote.is_only_remembered() || failed {
            let starved = remote.starved;
            self.remotes.insert(target.clone(), remote);
            if starved {
                self.make_room(&target);
            }
        } else if remote.listed {
            self.waiting.retain(|it| *it != target);
        }
    }

    pub(super) fn settle_lane(
        &mut self,
        now: Instant,
        remote: &mut Remote,
        target: &Domainpart,
        sender: &Domainpart,
        lane: &mut Lane,
    ) {
        let rest = remote.rest(sender);
        let failure = rest.map_or(Failure::EXPIRED, |rest| rest.failure);
        while let Some(stanza) = lane.queue.pop_until(now) {
            self.bounce(stanza, failure);
        }
        if self.closed {
            while let Some((stanza, _)) = lane.queue.pop() {
                self.bounce(stanza, Failure::CLOSING);
            }
        }
        if lane.stream.is_some() || lane.queue.is_empty() {
            return;
        }
        match rest {
            Some(rest) => {
                let limit = match rest.failure.lasting {
                    true => now + self.limits.queue_time,
                    false => rest.until,
                };
                while let Some(stanza) = lane.queue.pop_until(limit) {
                    self.bounce(stanza, rest.failure);
                }
            }
            None => {
                let pair = Pair::new(sender.clone(), target.clone());
                lane.stream = self.carry(now, remote, pair, lane.alone);
            }
        }
    }

    /// Finds a stream for a pair, an open one or a new one.
    pub(super) fn carry(
        &mut self,
        now: Instant,
        remote: &mut Remote,
        pair: Pair,
        alone: bool,
    ) -> Option<Key> {
        let policy = self.policies.of(pair.target());
        if policy.shares_streams() && !alone {
            let mut open = remote.streams.iter().copied();
            let shared = open.find(|key| {
                let stream = self.streams.get(key).filter(|stream| !stream.closing);
                let carrier = stream.and_then(Stream::carrier);
                carrier.is_some_and(|carrier| carrier.ready_since.is_some())
            });
            let stream = shared.and_then(|key| self.streams.get_mut(&key));
            if let (Some(key), Some(carrier)) = (shared, stream.and_then(Stream::carrier_mut)) {
                carrier.pairs.push_back(pair.clone());
                self.steps.push_back(Step::AddPair(key, pair));
                return Some(key);
            }
        }
        if self.opened(remote) >= self.limits.streams_per_domain {
            // The end of one of them settles the domain.
            remote.starved = true;
            return None;
        }
        if self.carriers() >= self.limits.streams {
            remote.starved = true;
            if !std::mem::replace(&mut remote.listed, true) {
                self.waiting.push_back(pair.target().clone());
            }
            return None;
        }
        let carrier = Carrier::new(now, pair.clone());
        let joins = policy.joins_streams() && !alone;
        let key = self.connect(pair, Purpose::Stanzas, joins, Work::Carries(carrier));
        remote.streams.push(key);
        self.set_idle_alarm(now, key);
        Some(key)
    }

    pub(super) fn connect(&mut self, pair: Pair, purpose: Purpose, joins: bool, work: Work) -> Key {
        let key = self.accept();
        let policy = self.policies.of(pair.target());
        let stream = Stream {
            pair: pair.clone(),
            closing: false,
            alarm: None,
            work,
        };
        self.streams.insert(key, stream);
        self.steps.push_back(Step::Connect {
            key,
            pair,
            purpose,
            policy,
            joins,
        });
        key
    }
}
