//! How many streams and domains there may be, and which of them make room for others.

use xmppwire::{Domainpart, Instant};

use super::pool::{Federation, Subject};
use super::remote::Remote;
use super::step::{Failure, Key, Step};
use super::stream::Stream;

impl Federation {
    /// How many streams for stanzas this server opened.
    pub(super) fn carriers(&self) -> usize {
        let others = self.verifying.saturating_add(self.adopted);
        self.streams.len().saturating_sub(others)
    }

    /// How many streams to a domain this server opened.
    pub(super) fn opened(&self, remote: &Remote) -> usize {
        let streams = remote.streams.iter();
        let carriers = streams.filter_map(|key| self.streams.get(key)?.carrier());
        carriers.filter(|carrier| !carrier.adopted).count()
    }

    pub(super) fn next_waiting(&mut self) -> Option<Domainpart> {
        if self.carriers() >= self.limits.streams {
            return None;
        }
        let target = self.waiting.pop_front()?;
        if let Some(remote) = self.remotes.get_mut(&target) {
            remote.listed = false;
        }
        Some(target)
    }

    /// Whether the domain is known or may become so. The one that failed longest ago is forgotten
    /// for it.
    pub(super) fn has_room_for(&mut self, target: &Domainpart) -> bool {
        if self.remotes.len() < self.limits.domains || self.remotes.contains_key(target) {
            return true;
        }
        let remembered = self.alarms.subjects().find_map(|subject| match subject {
            Subject::Remote(domain) => {
                let remote = self.remotes.get(domain)?;
                remote.is_only_remembered().then(|| domain.clone())
            }
            Subject::Stream(_) => None,
        });
        let Some(domain) = remembered else {
            return false;
        };
        if let Some(mut remote) = self.remotes.remove(&domain) {
            let subject = Subject::Remote(domain);
            self.alarms.set(&subject, &mut remote.alarm, None);
        }
        true
    }

    /// Whether a stream that this server opened carries nothing.
    pub(super) fn is_idle(&self, key: Key) -> bool {
        let Some(stream) = self.streams.get(&key).filter(|stream| !stream.closing) else {
            return false;
        };
        let Some(carrier) = stream.carrier().filter(|carrier| !carrier.adopted) else {
            return false;
        };
        let mut lanes = carrier.pairs.iter().map(|pair| {
            let remote = self.remotes.get(pair.target())?;
            remote.lanes.get(pair.sender())
        });
        carrier.given.is_empty() && lanes.all(|lane| lane.is_none_or(|it| it.queue.is_empty()))
    }

    /// Closes a stream that carries nothing, for a domain that waits for a stream: one of its own
    /// where it has as many as it may, otherwise the one that will be closed first anyway. One at a
    /// time.
    pub(super) fn make_room(&mut self, target: &Domainpart) {
        let Some(remote) = self.remotes.get(target) else {
            return;
        };
        let is_closing = |key: &Key| self.streams.get(key).is_some_and(|it| it.closing);
        let idle = if self.opened(remote) >= self.limits.streams_per_domain {
            let mut own = remote.streams.iter().copied();
            match remote.streams.iter().any(is_closing) {
                true => None,
                false => own.find(|key| self.is_idle(*key)),
            }
        } else if self.closing > 0 {
            None
        } else {
            self.alarms.subjects().find_map(|subject| match subject {
                Subject::Stream(key) => self.is_idle(*key).then_some(*key),
                Subject::Remote(_) => None,
            })
        };
        if let Some(key) = idle {
            self.close_stream(key);
        }
    }

    pub(super) fn set_idle_alarm(&mut self, at: Instant, key: Key) {
        let due = at + self.limits.idle_time;
        if let Some(stream) = self.streams.get_mut(&key) {
            let subject = Subject::Stream(key);
            self.alarms.set(&subject, &mut stream.alarm, Some(due));
        }
    }

    /// The deadline stands while stanzas are sent, and moves only when it is over.
    pub(super) fn close_if_idle(&mut self, now: Instant, key: Key) {
        let carrier = self.streams.get(&key).and_then(Stream::carrier);
        let Some(last_used) = carrier.map(|carrier| carrier.last_used) else {
            return;
        };
        let idle = self.is_idle(key);
        if idle && last_used + self.limits.idle_time <= now {
            self.close_stream(key);
        } else {
            let busy_until = if idle { last_used } else { now };
            self.set_idle_alarm(busy_until, key);
        }
    }

    pub(super) fn close_stream(&mut self, key: Key) {
        let Some(stream) = self.streams.get_mut(&key) else {
            return;
        };
        if std::mem::replace(&mut stream.closing, true) {
            return;
        }
        self.closing = self.closing.saturating_add(1);
        let subject = Subject::Stream(key);
        self.alarms.set(&subject, &mut stream.alarm, None);
        if self.verifiers.get(&stream.pair) == Some(&key) {
            self.verifiers.remove(&stream.pair);
        }
        self.steps.push_back(Step::Close(key));
        let keys = stream.verifier_mut().map(|it| std::mem::take(&mut it.keys));
        self.answer_keys(keys.unwrap_or_default(), Failure::CLOSING);
    }
}
