//! Streams for stanzas: what they are told, what they are given, and how they end.

use std::collections::BTreeSet;

use xmppwire::s2s::{DialbackCondition, Pair, Refusal};
use xmppwire::{CloseReason, Domainpart, Instant, Stanza, StanzaErrorCondition};

use super::pool::{Federation, Subject};
use super::remote::{Lane, Remote};
use super::step::{End, Failure, Key, Step};
use super::stream::{Carrier, Stream, Work};
use crate::log::log;

impl Federation {
    pub(super) fn ready(&mut self, now: Instant, key: Key, pair: &Pair) {
        if let Some(lane) = self.lane(key, pair) {
            lane.ready = true;
        } else if !self.adopt(now, key, pair) {
            return;
        }
        let Some(carrier) = self.streams.get_mut(&key).and_then(Stream::carrier_mut) else {
            return;
        };
        carrier.ready_since.get_or_insert(now);
        if let Some(remote) = self.remotes.get_mut(pair.target()) {
            remote.refused.remove(pair.sender());
        }
        log!(debug, %pair, "stanzas can be sent to another server");
        self.list(key);
    }

    /// Lets a stream in both directions carry a pair that the pool did not ask it for: one that the
    /// other server opened, or authorised (XEP-0288). Returns false where another stream carries
    /// the pair already, so that its stanzas keep their order.
    fn adopt(&mut self, now: Instant, key: Key, pair: &Pair) -> bool {
        let ending = self.streams.get(&key).is_some_and(|stream| stream.closing);
        if self.closed || ending || key.0 >= self.next_key || !self.has_room_for(pair.target()) {
            return false;
        }
        let reconnect = &self.limits.reconnect;
        let remote = self
            .remotes
            .entry(pair.target().clone())
            .or_insert_with(|| Remote::new(reconnect.clone()));
        let lane = remote.lanes.entry(pair.sender().clone()).or_default();
        if lane.stream.is_some() {
            return false;
        }
        lane.stream = Some(key);
        lane.ready = true;
        if !remote.streams.contains(&key) {
            remote.streams.push(key);
        }
        let adopted = &mut self.adopted;
        let stream = self.streams.entry(key).or_insert_with(|| {
            *adopted = adopted.saturating_add(1);
            let mut carrier = Carrier::new(now, pair.clone());
            carrier.pairs.clear();
            carrier.adopted = true;
            Stream {
                pair: pair.clone(),
                closing: false,
                alarm: None,
                work: Work::Carries(carrier),
            }
        });
        if let Some(carrier) = stream.carrier_mut() {
            carrier.pairs.push_back(pair.clone());
        }
        true
    }

    pub(super) fn refused(&mut self, now: Instant, key: Key, pair: &Pair, refusal: &Refusal) {
        let added = self.streams.get(&key).is_some_and(|it| it.pair != *pair);
        if added && wants_other_stream(refusal) {
            return self.needs_other_stream(now, key, pair);
        }
        if self.lane(key, pair).is_none() {
            return;
        }
        log!(info, %pair, %refusal, "another server refused the pair");
        let failure = Failure::refused(refusal);
        self.bounce_lane(pair, failure);
        self.leave(key, pair);
        if let Some(remote) = self.remotes.get_mut(pair.target()) {
            remote.refuse(pair.sender(), now, &self.limits, failure);
        }
        let carrier = self.streams.get(&key).and_then(Stream::carrier);
        let useless = carrier.is_some_and(|carrier| carrier.pairs.is_empty());
        // XEP-0220 §2.1.1: after an invalid key the stream is good for nothing more. What its other
        // pairs have to send goes over a new one.
        let own = carrier.is_some_and(|carrier| !carrier.adopted);
        if own && (useless || *refusal == Refusal::Invalid) {
            self.close_stream(key);
        }
        self.settle(now, pair.target());
    }

    pub(super) fn needs_other_stream(&mut self, now: Instant, key: Key, pair: &Pair) {
        let Some(lane) = self.lane(key, pair) else {
            return;
        };
        lane.alone = true;
        self.leave(key, pair);
        self.settle(now, pair.target());
    }

    /// Moves the pair of a stream that was not opened to another one, which leads to the same
    /// address.
    pub(super) fn joins(&mut self, now: Instant, key: Key, other: Key) {
        let Some(stream) = self.remove(key) else {
            return;
        };
        let pair = stream.pair;
        let target = pair.target().clone();
        let Some(remote) = self.remotes.get_mut(&target) else {
            return;
        };
        remote.streams.retain(|it| *it != key);
        if let Some(lane) = remote.lanes.get_mut(pair.sender()) {
            lane.stream = None;
            let open = self.streams.get_mut(&other);
            let open = open.filter(|stream| !stream.closing && !self.closed);
            match open.and_then(Stream::carrier_mut) {
                Some(carrier) if carrier.ready_since.is_some() => {
                    lane.stream = Some(other);
                    carrier.pairs.push_back(pair.clone());
                    if !remote.streams.contains(&other) {
                        remote.streams.push(other);
                    }
                    self.steps.push_back(Step::AddPair(other, pair));
                }
                // That stream has ended meanwhile.
                _ => lane.alone = true,
            }
        }
        self.settle(now, &target);
        self.give_room(now);
    }

    pub(super) fn used(&mut self, now: Instant, key: Key) {
        if let Some(carrier) = self.streams.get_mut(&key).and_then(Stream::carrier_mut) {
            carrier.last_used = now;
        }
    }

    pub(super) fn flushed(&mut self, now: Instant, key: Key) {
        if let Some(carrier) = self.streams.get_mut(&key).and_then(Stream::carrier_mut) {
            carrier.given.clear();
            let written = std::mem::take(&mut carrier.given_bytes);
            self.given = self.given.saturating_sub(written);
            carrier.last_used = now;
            self.list(key);
        }
        // Its stream is closed early only where another pair needs it.
        let stream = self.streams.get(&key);
        let remote = stream.and_then(|stream| self.remotes.get(stream.pair.target()));
        let needed = !self.waiting.is_empty() || remote.is_some_and(|remote| remote.starved);
        if needed && self.is_idle(key) {
            self.close_stream(key);
        }
    }

    pub(super) fn ended(&mut self, now: Instant, key: Key, end: &End, unsent: Vec<Stanza>) {
        let Some(stream) = self.remove(key) else {
            return;
        };
        log!(info, pair = %stream.pair, ?end, "a stream to another server ended");
        match stream.work {
            Work::Carries(carrier) => {
                self.adopted = self.adopted.saturating_sub(carrier.adopted.into());
                self.given = self.given.saturating_sub(carrier.given_bytes);
                self.take_back(key, &carrier, unsent);
                for target in carrier.targets() {
                    self.end_carrier(now, &target, &carrier, stream.closing, end);
                }
            }
            Work::Verifies(verifier) => {
                self.verifying = self.verifying.saturating_sub(1);
                if self.verifiers.get(&stream.pair) == Some(&key) {
                    self.verifiers.remove(&stream.pair);
                }
                self.answer_keys(verifier.keys, Failure::of(end));
            }
        }
        self.give_room(now);
    }

    fn remove(&mut self, key: Key) -> Option<Stream> {
        let mut stream = self.streams.remove(&key)?;
        self.closing = self.closing.saturating_sub(stream.closing.into());
        self.alarms
            .set(&Subject::Stream(key), &mut stream.alarm, None);
        Some(stream)
    }

    /// Lets the domains that wait for a stream have those that became free.
    fn give_room(&mut self, now: Instant) {
        while let Some(target) = self.next_waiting() {
            self.settle(now, &target);
        }
    }

    /// Puts what was not sent before what waits, and the pairs of a stream that has ended on no
    /// stream.
    fn take_back(&mut self, key: Key, carrier: &Carrier, unsent: Vec<Stanza>) {
        let targets = carrier.targets();
        let before = self.held_for(&targets);
        for target in &targets {
            let Some(remote) = self.remotes.get_mut(target) else {
                continue;
            };
            remote.streams.retain(|it| *it != key);
            for lane in remote.lanes.values_mut() {
                if lane.stream == Some(key) {
                    lane.stream = None;
                    lane.ready = false;
                }
            }
        }
        // What was given last comes back first. A stanza that was not given has no time left.
        let mut given = carrier.given.iter().rev();
        for stanza in unsent.into_iter().rev() {
            let until = given.next().copied().unwrap_or(Instant::ORIGIN);
            let pair = Pair::of(&stanza);
            let remote = pair.and_then(|pair| {
                let remote = self.remotes.get_mut(pair.target())?;
                Some((remote, pair))
            });
            match remote {
                Some((remote, pair)) => {
                    let lane = remote.lanes.entry(pair.sender().clone()).or_default();
                    lane.queue.put_back(stanza, until);
                }
                // Its pair was refused meanwhile.
                None => self.bounce(stanza, Failure::EXPIRED),
            }
        }
        let after = self.held_for(&targets);
        self.queued = self.queued.saturating_sub(before).saturating_add(after);
    }

    /// Bytes that the queues to these domains hold.
    fn held_for(&self, targets: &BTreeSet<Domainpart>) -> usize {
        let remotes = targets.iter().filter_map(|it| self.remotes.get(it));
        remotes.map(Remote::held).sum()
    }

    fn end_carrier(
        &mut self,
        now: Instant,
        target: &Domainpart,
        carrier: &Carrier,
        closing: bool,
        end: &End,
    ) {
        let Some(remote) = self.remotes.get_mut(target) else {
            return;
        };
        let in_order = matches!(end, End::Closed(CloseReason::Local | CloseReason::Peer));
        let left = remote
            .lanes
            .values()
            .any(|lane| lane.stream.is_none() && !lane.queue.is_empty());
        let ready_since = carrier.ready_since;
        let up = now.saturating_since(ready_since.unwrap_or(now));
        if ready_since.is_some() && in_order && (closing || !left) {
            remote.failures.reset();
        } else if !closing && !carrier.adopted {
            let failure = Failure::of(end);
            remote.failures.fail(now, &self.limits, failure, up);
        }
        self.settle(now, target);
    }

    /// Takes the next stanza of a stream out of its queue, if the stream takes one.
    pub(super) fn next_stanza(&mut self, now: Instant, key: Key) -> Option<Stanza> {
        let stream = self.streams.get_mut(&key)?;
        let window = self.limits.window;
        if stream.closing {
            return None;
        }
        let carrier = stream.carrier_mut()?;
        if carrier.given_bytes >= window {
            return None;
        }
        for _ in 0..carrier.pairs.len() {
            // The pairs of the stream take turns.
            carrier.pairs.rotate_left(1);
            let pair = carrier.pairs.back()?;
            let remote = self.remotes.get_mut(pair.target());
            let lane = remote.and_then(|remote| remote.lanes.get_mut(pair.sender()));
            let Some(lane) = lane.filter(|lane| lane.ready && lane.stream == Some(key)) else {
                continue;
            };
            let before = lane.queue.held();
            let Some((stanza, until)) = lane.queue.pop() else {
                continue;
            };
            let after = lane.queue.held();
            self.queued = self.queued.saturating_sub(before).saturating_add(after);
            let bytes = stanza.heap_size().saturating_add(size_of::<Stanza>());
            carrier.given.push(until);
            carrier.given_bytes = carrier.given_bytes.saturating_add(bytes);
            self.given = self.given.saturating_add(bytes);
            carrier.last_used = now;
            return Some(stanza);
        }
        None
    }

    pub(super) fn list(&mut self, key: Key) {
        if let Some(carrier) = self.streams.get_mut(&key).and_then(Stream::carrier_mut)
            && !carrier.listed
        {
            carrier.listed = true;
            self.sendable.push_back(key);
        }
    }

    pub(super) fn lane(&mut self, key: Key, pair: &Pair) -> Option<&mut Lane> {
        let lanes = &mut self.remotes.get_mut(pair.target())?.lanes;
        let lane = lanes.get_mut(pair.sender())?;
        (lane.stream == Some(key)).then_some(lane)
    }

    /// Takes a pair from the stream that carried it.
    pub(super) fn leave(&mut self, key: Key, pair: &Pair) {
        if let Some(lane) = self.lane(key, pair) {
            lane.stream = None;
            lane.ready = false;
        }
        let Some(carrier) = self.streams.get_mut(&key).and_then(Stream::carrier_mut) else {
            return;
        };
        carrier.pairs.retain(|it| it != pair);
        let own = self.streams.get(&key).map(|it| it.pair.target());
        let carrier = self.streams.get(&key).and_then(Stream::carrier);
        let mut left = carrier.into_iter().flat_map(|carrier| &carrier.pairs);
        // The stream stays one of the domain that it was opened for.
        if own != Some(pair.target())
            && left.all(|it| it.target() != pair.target())
            && let Some(remote) = self.remotes.get_mut(pair.target())
        {
            remote.streams.retain(|it| *it != key);
        }
    }

    pub(super) fn bounce(&mut self, stanza: Stanza, failure: Failure) {
        self.bouncing = self.bouncing.saturating_add(stanza.heap_size());
        self.steps.push_back(failure.bounce(stanza));
    }

    pub(super) fn bounce_lane(&mut self, pair: &Pair, failure: Failure) {
        let remote = self.remotes.get_mut(pair.target());
        let Some(lane) = remote.and_then(|remote| remote.lanes.get_mut(pair.sender())) else {
            return;
        };
        let mut queue = std::mem::take(&mut lane.queue);
        self.queued = self.queued.saturating_sub(queue.held());
        while let Some((stanza, _)) = queue.pop() {
            self.bounce(stanza, failure);
        }
    }
}

/// Whether the peer carries as many pairs as it may on one stream (XEP-0220 §2.5).
fn wants_other_stream(refusal: &Refusal) -> bool {
    let full = DialbackCondition::Stanza(StanzaErrorCondition::ResourceConstraint);
    matches!(refusal, Refusal::Error(error) if error.condition() == full)
}
