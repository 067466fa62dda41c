//! Streams for stanzas: what they are told, what they are given, and how they end.

use std::time::Duration;

use xmppwire::s2s::{DialbackCondition, Pair, Refusal};
use xmppwire::{CloseReason, Domainpart, Instant, Stanza, StanzaErrorCondition};

use super::FederationLimits;
use super::pool::{Federation, Subject};
use super::remote::{Lane, Remote, Rest};
use super::step::{End, Failure, Key};
use super::stream::{Stream, Work};
use crate::client::{Cause, Verdict};
use crate::log::log;

impl Federation {
    pub(super) fn ready(&mut self, now: Instant, key: Key, pair: &Pair) {
        let Some(lane) = self.lane(key, pair) else {
            return;
        };
        lane.ready = true;
        let Some(carrier) = self.streams.get_mut(&key).and_then(Stream::carrier_mut) else {
            return;
        };
        carrier.ready_since.get_or_insert(now);
        log!(debug, %pair, "stanzas can be sent to another server");
        self.list(key);
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
            fail(&self.limits, remote, now, failure, Duration::ZERO);
        }
        let carrier = self.streams.get(&key).and_then(Stream::carrier);
        let useless = carrier.is_some_and(|carrier| carrier.senders.is_empty());
        // XEP-0220 §2.1.1: after an invalid key the stream is good for nothing more.
        if useless || *refusal == Refusal::Invalid {
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

    pub(super) fn flushed(&mut self, now: Instant, key: Key) {
        if let Some(carrier) = self.streams.get_mut(&key).and_then(Stream::carrier_mut) {
            carrier.given.clear();
            carrier.given_bytes = 0;
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
        let Some(mut stream) = self.streams.remove(&key) else {
            return;
        };
        self.closing = self.closing.saturating_sub(stream.closing.into());
        self.alarms
            .set(&Subject::Stream(key), &mut stream.alarm, None);
        log!(info, pair = %stream.pair, ?end, "a stream to another server ended");
        match stream.work {
            Work::Carries(carrier) => {
                self.take_back(stream.pair.target(), key, carrier.given, unsent);
                let ready_since = carrier.ready_since;
                self.end_carrier(now, stream.pair.target(), ready_since, stream.closing, end);
            }
            Work::Verifies(verifier) => {
                self.verifying = self.verifying.saturating_sub(1);
                if self.verifiers.get(&stream.pair) == Some(&key) {
                    self.verifiers.remove(&stream.pair);
                }
                self.answer_keys(verifier.keys, Failure::of(end));
            }
        }
        while let Some(target) = self.next_waiting() {
            self.settle(now, &target);
        }
    }

    /// Puts what was not sent before what waits, and the pairs of a stream that has ended on no
    /// stream.
    pub(super) fn take_back(
        &mut self,
        target: &Domainpart,
        key: Key,
        mut given: Vec<Instant>,
        unsent: Vec<Stanza>,
    ) {
        let Some(remote) = self.remotes.get_mut(target) else {
            return;
        };
        let before = remote.held();
        remote.streams.retain(|it| *it != key);
        for lane in remote.lanes.values_mut() {
            if lane.stream == Some(key) {
                lane.stream = None;
                lane.ready = false;
            }
        }
        // What was given last comes back first. A stanza that was not given has no time left.
        for stanza in unsent.into_iter().rev() {
            let until = given.pop().unwrap_or(Instant::ORIGIN);
            if let Some(pair) = Pair::of(&stanza) {
                let lane = remote.lanes.entry(pair.sender().clone()).or_default();
                lane.queue.put_back(stanza, until);
            }
        }
        let after = remote.held();
        self.queued = self.queued.saturating_sub(before).saturating_add(after);
    }

    pub(super) fn end_carrier(
        &mut self,
        now: Instant,
        target: &Domainpart,
        ready_since: Option<Instant>,
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
        let up = now.saturating_since(ready_since.unwrap_or(now));
        if ready_since.is_some() && in_order && (closing || !left) {
            remote.backoff.reset();
        } else if !closing {
            fail(&self.limits, remote, now, Failure::of(end), up);
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
        let target = stream.pair.target().clone();
        let carrier = stream.carrier_mut()?;
        if carrier.given_bytes >= window {
            return None;
        }
        let remote = self.remotes.get_mut(&target)?;
        for _ in 0..carrier.senders.len() {
            // The pairs of the stream take turns.
            carrier.senders.rotate_left(1);
            let sender = carrier.senders.back()?;
            let lane = remote.lanes.get_mut(sender);
            let Some(lane) = lane.filter(|lane| lane.ready) else {
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
        if let Some(carrier) = self.streams.get_mut(&key).and_then(Stream::carrier_mut) {
            carrier.senders.retain(|sender| sender != pair.sender());
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

/// Lets a remote domain rest after a failed attempt; `up` is how long the stream was of use.
fn fail(
    limits: &FederationLimits,
    remote: &mut Remote,
    now: Instant,
    failure: Failure,
    up: Duration,
) {
    // What limits the attempts is that stanzas do not wait for ever.
    let delay = remote
        .backoff
        .after(Verdict::Retryable, Cause::Server, up, crate::jitter());
    let until = now + delay.unwrap_or(limits.reconnect.max);
    remote.forget = None;
    remote.rest = Some(Rest { until, failure });
}
