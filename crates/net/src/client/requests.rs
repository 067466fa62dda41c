//! The requests of a session that are not done yet.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use xmppwire::{Entropy, Instant, Iq, IqTracker, IqType, Stanza};

use super::{Error, RequestError};
use crate::log::log;

/// Names a request of a [`Session`](super::Session). When it is dropped, with all its clones, the
/// request is forgotten: its answer is dropped when it comes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use = "the answer is dropped with it"]
pub struct RequestId(Arc<str>);

/// The requests that are open, and the answers that wait to be taken.
#[derive(Debug)]
pub(super) struct Requests {
    tracker: IqTracker,
    wait: Duration,
    /// The most requests that may be open or not taken.
    most: usize,
    /// Under the names that were given out. One that nothing else holds any more is abandoned.
    entries: BTreeMap<Arc<str>, Entry>,
    /// Bytes of memory that the answers in `entries` hold.
    held: usize,
    budget: usize,
}

#[derive(Debug, Default)]
struct Entry {
    outcome: Option<Outcome>,
    /// The task that waits for the outcome.
    waker: Option<Waker>,
}

#[derive(Debug)]
enum Outcome {
    Answer(Stanza),
    TimedOut,
}

impl Requests {
    pub(super) const fn new(
        tracker: IqTracker,
        wait: Duration,
        most: usize,
        budget: usize,
    ) -> Self {
        Self {
            tracker,
            wait,
            most,
            entries: BTreeMap::new(),
            held: 0,
            budget,
        }
    }

    /// For a session that has ended: no request may begin.
    pub(super) const fn none() -> Self {
        let tracker = IqTracker::without_account(Entropy::from_seed([0; 32]));
        Self::new(tracker, Duration::ZERO, 0, 0)
    }

    /// Whether another request may begin.
    pub(super) fn has_room(&self) -> bool {
        self.entries.len() < self.most
    }

    /// Whether the answers that wait to be taken have used up their budget.
    pub(super) const fn is_full(&self) -> bool {
        // Without any answer there is nothing to take, however small the budget.
        self.held > 0 && self.held >= self.budget
    }

    /// Opens a request like this one, and returns it with an id of its own.
    pub(super) fn begin(&mut self, now: Instant, iq: &Iq) -> Result<(RequestId, Stanza), Error> {
        let Some(payload) = iq.child().filter(|_| iq.is_request()) else {
            return Err(Error::NoRequest);
        };
        if !self.has_room() {
            self.drop_abandoned();
        }
        if !self.has_room() {
            return Err(Error::TooManyRequests);
        }
        let (to, payload) = (iq.to().cloned(), payload.to_element());
        let mut request = match iq.iq_type() {
            IqType::Set => self.tracker.set(now, to, &payload, self.wait),
            _ => self.tracker.get(now, to, &payload, self.wait),
        };
        request.set_from(iq.from().cloned());
        request.set_lang(iq.lang());
        let id: Arc<str> = request.id().unwrap_or_default().into();
        self.entries.insert(Arc::clone(&id), Entry::default());
        Ok((RequestId(id), request.into()))
    }

    /// Takes the answer to a request. Gives back what the application has to see, which is an
    /// answer with an id that was not made here; a late, repeated or forged answer is dropped.
    pub(super) fn settle(&mut self, iq: Iq, woken: &mut Vec<Waker>) -> Option<Iq> {
        let id = iq.id().unwrap_or_default().to_owned();
        if self.tracker.resolve(&iq) {
            self.conclude(&id, Outcome::Answer(iq.into()), woken);
            return None;
        }
        if self.tracker.made(&id) {
            log!(debug, from = ?iq.from(), "an answer that nothing waits for is dropped");
            return None;
        }
        Some(iq)
    }

    /// The answer to this request, if it has come or can come no more; the request is forgotten
    /// then. Otherwise notes whom to wake.
    pub(super) fn poll(
        &mut self,
        id: &RequestId,
        waker: Option<&Waker>,
        woken: &mut Vec<Waker>,
    ) -> Option<Result<Iq, RequestError>> {
        let Some(entry) = self.entries.get_mut(&id.0) else {
            return Some(Err(Error::NotConnected.into()));
        };
        if entry.outcome.is_none() {
            // A waker that is dropped may drop a task; the caller does that without its lock.
            let before = mem::replace(&mut entry.waker, waker.cloned());
            woken.extend(before.filter(|before| waker.is_none_or(|now| !now.will_wake(before))));
            return None;
        }
        Some(self.remove(id, woken)?.result())
    }

    /// Forgets a request. Its answer is dropped when it comes.
    pub(super) fn forget(&mut self, id: &RequestId, woken: &mut Vec<Waker>) {
        self.tracker.cancel(&id.0);
        self.remove(id, woken);
    }

    fn remove(&mut self, id: &RequestId, woken: &mut Vec<Waker>) -> Option<Outcome> {
        let entry = self.entries.remove(&id.0)?;
        woken.extend(entry.waker);
        let held = entry.outcome.as_ref().map_or(0, Outcome::held);
        self.held = self.held.saturating_sub(held);
        entry.outcome
    }

    /// Ends the requests whose time is over.
    pub(super) fn handle_timeout(&mut self, now: Instant, woken: &mut Vec<Waker>) {
        if self.poll_timeout().is_none_or(|deadline| deadline > now) {
            return;
        }
        for id in self.tracker.handle_timeout(now) {
            self.conclude(&id, Outcome::TimedOut, woken);
        }
    }

    /// Keeps the outcome of a request for the one that holds its name.
    fn conclude(&mut self, id: &str, outcome: Outcome, woken: &mut Vec<Waker>) {
        match self.entries.get_key_value(id) {
            Some((name, _)) if is_abandoned(name) => {
                self.entries.remove(id);
            }
            _ => {
                if let Some(entry) = self.entries.get_mut(id) {
                    self.held = self.held.saturating_add(outcome.held());
                    entry.outcome = Some(outcome);
                    woken.extend(entry.waker.take());
                }
            }
        }
    }

    /// Forgets the requests whose names nothing holds any more.
    fn drop_abandoned(&mut self) {
        let (tracker, held) = (&mut self.tracker, &mut self.held);
        self.entries.retain(|name, entry| {
            let abandoned = is_abandoned(name);
            if abandoned {
                tracker.cancel(name);
                let freed = entry.outcome.as_ref().map_or(0, Outcome::held);
                *held = held.saturating_sub(freed);
            }
            !abandoned
        });
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.tracker.poll_timeout()
    }

    /// Moves the answers that were not taken to `answers`, and takes all tasks that wait.
    pub(super) fn finish(&mut self, answers: &mut Answers, woken: &mut Vec<Waker>) {
        for (id, entry) in mem::take(&mut self.entries) {
            woken.extend(entry.waker);
            if let Some(outcome) = entry.outcome
                && !is_abandoned(&id)
            {
                answers.keep(RequestId(id), outcome, self.budget);
            }
        }
    }
}

/// Whether nothing but the list of requests holds the name.
fn is_abandoned(name: &Arc<str>) -> bool {
    Arc::strong_count(name) == 1
}

impl Outcome {
    fn result(self) -> Result<Iq, RequestError> {
        match self {
            Self::Answer(Stanza::Iq(iq)) => match iq.error() {
                Some(error) => Err(RequestError::Refused(Box::new(error))),
                None => Ok(iq),
            },
            _ => Err(RequestError::TimedOut),
        }
    }

    /// Bytes of heap memory.
    fn held(&self) -> usize {
        match self {
            Self::Answer(answer) => answer.heap_size(),
            Self::TimedOut => 0,
        }
    }
}

/// Answers of sessions that have ended, until the tasks that asked take them.
#[derive(Debug, Default)]
pub(super) struct Answers {
    outcomes: BTreeMap<RequestId, Outcome>,
    held: usize,
}

impl Answers {
    fn keep(&mut self, id: RequestId, outcome: Outcome, budget: usize) {
        // Those that a task does not take over several sessions have to end somewhere.
        if self.held <= budget {
            self.held = self.held.saturating_add(outcome.held());
            self.outcomes.insert(id, outcome);
        }
    }

    /// The answer to this request, if it came before its session ended.
    pub(super) fn take(&mut self, id: &RequestId) -> Option<Result<Iq, RequestError>> {
        let outcome = self.outcomes.remove(id)?;
        self.held = self.held.saturating_sub(outcome.held());
        Some(outcome.result())
    }
}

#[cfg(test)]
mod tests {
    use xmppwire::{Element, Entropy, FullJid, Jid};

    use super::*;

    /// RFC 6120 §8.1.5: the language is that of texts in the payload, which belongs to the request.
    #[test]
    fn a_request_keeps_what_its_caller_set() {
        let wait = Duration::from_secs(1);
        let own = FullJid::new("juliet@example.org/balcony").unwrap();
        let tracker = IqTracker::new(own, Entropy::from_seed([1; 32]));
        let mut requests = Requests::new(tracker, wait, 1, 1);
        let payload = Element::builder("query", "jabber:iq:search").build();
        let to = Jid::new("users.example.org").unwrap();
        let request = Iq::get("mine", &payload)
            .with_to(to.clone())
            .with_lang("de");
        let (id, sent) = requests.begin(Instant::ORIGIN, &request).unwrap();
        assert_eq!((sent.lang(), sent.to()), (Some("de"), Some(&to)));
        assert_eq!(sent.id(), Some(&*id.0));
        assert_ne!(sent.id(), Some("mine"));
        assert_eq!(sent.element().first_child(), Some(payload.root()));
    }

    const NOW: Instant = Instant::ORIGIN;
    const WAIT: Duration = Duration::from_secs(30);

    fn requests() -> Requests {
        let tracker = IqTracker::without_account(Entropy::from_seed([7; 32]));
        Requests::new(tracker, WAIT, 2, 1)
    }

    fn ping() -> Iq {
        let ping = Element::builder("ping", "urn:xmpp:ping").build();
        let from = Jid::new("bot@gate.example").unwrap();
        let to = Jid::new("example.org").unwrap();
        Iq::get("", &ping).with_from(from).with_to(to)
    }

    fn begin(requests: &mut Requests) -> (RequestId, Iq) {
        match requests.begin(NOW, &ping()).unwrap() {
            (id, Stanza::Iq(iq)) => (id, iq),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_whose_name_is_dropped_takes_no_room() {
        let (mut requests, mut woken) = (requests(), Vec::new());
        let (kept, asked) = begin(&mut requests);
        let (dropped, answered) = begin(&mut requests);
        assert!(matches!(
            requests.begin(NOW, &ping()),
            Err(Error::TooManyRequests)
        ));
        drop(dropped);
        // Its answer is dropped, and does not stand in the way of what arrives.
        let answer = answered.result(None).unwrap();
        assert!(requests.settle(answer, &mut woken).is_none());
        assert!(!requests.is_full());
        let (third, _) = begin(&mut requests);
        drop(third);
        let (_fourth, _) = begin(&mut requests);
        let answer = asked.result(None).unwrap();
        assert!(requests.settle(answer, &mut woken).is_none());
        assert!(requests.is_full());
        let answer = requests.poll(&kept, None, &mut woken);
        assert!(matches!(answer, Some(Ok(_))), "{answer:?}");
        assert!(!requests.is_full());
    }

    #[test]
    fn a_request_that_times_out_after_its_name_is_dropped_is_gone() {
        let (mut requests, mut woken) = (requests(), Vec::new());
        drop(begin(&mut requests).0);
        let (kept, _) = begin(&mut requests);
        requests.handle_timeout(NOW + WAIT, &mut woken);
        assert_eq!(requests.entries.len(), 1);
        let answer = requests.poll(&kept, None, &mut woken);
        assert!(matches!(answer, Some(Err(RequestError::TimedOut))));
        assert!(requests.entries.is_empty());
    }
}
