//! Requests that are not answered yet.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use xmppwire_jid::{FullJid, Jid};
use xmppwire_xml::Element;

use super::iq::Iq;
use crate::entropy::Entropy;
use crate::time::Instant;

/// Matches IQ answers to open requests by id, sender and type, and times requests out.
///
/// An id alone is not enough: any entity can send a stanza with a guessed id, and a client that takes it
/// for its server's answer accepts a forged roster or configuration (CVE-2024-46957). An answer counts
/// only if its sender is the entity that was asked (RFC 6120 §8.1.2.1, §8.2.3).
///
/// The tracker is a machine of its own beside the connection: make requests with it, send them, and give
/// it every IQ that arrives.
///
/// ```
/// # use core::time::Duration;
/// use xmppwire::{Element, Entropy, FullJid, Instant, IqTracker, Jid, ns};
///
/// let own = FullJid::new("juliet@example.org/balcony")?;
/// let mut tracker = IqTracker::new(own, Entropy::from_seed([0; 32]));
///
/// let server = Jid::new("example.org")?;
/// let ping = Element::builder("ping", ns::PING).build();
/// let request = tracker.get(Instant::ORIGIN, Some(server), &ping, Duration::from_secs(30));
/// // … send `request`; later an IQ arrives:
/// let answer = request.result(None).expect("a request can be answered");
/// assert!(tracker.resolve(&answer));
/// assert!(!tracker.resolve(&answer), "only once");
/// # Ok::<_, xmppwire::JidError>(())
/// ```
#[derive(Debug)]
pub struct IqTracker {
    /// The address that the stream is bound to; a component has none.
    own: Option<FullJid>,
    entropy: Entropy,
    open: BTreeMap<String, Open>,
    /// The same requests, by deadline: thousands may be open at once.
    deadlines: BTreeSet<(Instant, String)>,
}

#[derive(Debug)]
struct Open {
    to: Option<Jid>,
    deadline: Instant,
}

impl IqTracker {
    /// A tracker for the stream that `own` is bound to.
    pub const fn new(own: FullJid, entropy: Entropy) -> Self {
        Self::of(Some(own), entropy)
    }

    /// A tracker for an entity without an account, such as a component: every request has a
    /// recipient, and only an answer with its address counts.
    pub const fn without_account(entropy: Entropy) -> Self {
        Self::of(None, entropy)
    }

    const fn of(own: Option<FullJid>, entropy: Entropy) -> Self {
        Self {
            own,
            entropy,
            open: BTreeMap::new(),
            deadlines: BTreeSet::new(),
        }
    }

    /// Makes a request of type `get` with an id that cannot be guessed. Without `to` it goes to the user's
    /// own account.
    pub fn get(&mut self, now: Instant, to: Option<Jid>, payload: &Element, wait: Duration) -> Iq {
        self.track(now, to, wait, |id| Iq::get(id, payload))
    }

    /// Makes a request of type `set`; otherwise like [`get`](Self::get).
    pub fn set(&mut self, now: Instant, to: Option<Jid>, payload: &Element, wait: Duration) -> Iq {
        self.track(now, to, wait, |id| Iq::set(id, payload))
    }

    fn track(
        &mut self,
        now: Instant,
        to: Option<Jid>,
        wait: Duration,
        make: impl FnOnce(&str) -> Iq,
    ) -> Iq {
        let id = self.entropy.tagged_id();
        let mut iq = make(&id);
        iq.set_to(to.clone());
        let deadline = now + wait;
        self.deadlines.insert((deadline, id.clone()));
        self.open.insert(id, Open { to, deadline });
        iq
    }

    /// Whether this IQ answers an open request. If so, the request is closed. A forged answer changes
    /// nothing.
    pub fn resolve(&mut self, iq: &Iq) -> bool {
        if iq.is_request() {
            return false;
        }
        let Some(id) = iq.id() else { return false };
        let genuine = self
            .open
            .get(id)
            .is_some_and(|open| self.may_answer(open.to.as_ref(), iq.from()));
        genuine && self.cancel(id)
    }

    /// Whether the tracker made this id for a request, open or not. An answer with such an id that
    /// [`resolve`](Self::resolve) does not accept is late, repeated or forged, and can be dropped. No
    /// list of ids is kept for that.
    pub fn made(&self, id: &str) -> bool {
        self.entropy.made(id)
    }

    /// Whether `from` speaks for the entity that was asked.
    fn may_answer(&self, asked: Option<&Jid>, from: Option<&Jid>) -> bool {
        let own = self.own.as_ref();
        let own_account = |jid: &Jid| own.is_some_and(|own| jid.as_str() == own.bare_str());
        let is_own = |jid: &Jid| {
            own.is_some_and(|own| [own.as_str(), own.domainpart()].contains(&jid.as_str()))
        };
        match (asked, from) {
            (Some(asked), Some(from)) => asked == from,
            // A stanza without `from` comes from the user's own account (RFC 6120 §8.1.2.1).
            (Some(asked), None) => own_account(asked),
            // The server answers for the account, and writes its own domain, the account or the resource
            // into `from`. Only the server can make a stanza with one of these.
            (None, Some(from)) => own_account(from) || is_own(from),
            (None, None) => own.is_some(),
        }
    }

    /// Forgets a request; returns whether it was open. A late answer no longer counts.
    pub fn cancel(&mut self, id: &str) -> bool {
        let Some((id, open)) = self.open.remove_entry(id) else {
            return false;
        };
        self.deadlines.remove(&(open.deadline, id))
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, if ever.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Closes the requests whose deadline has passed by `now`, and returns their ids.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<String> {
        let mut late = Vec::new();
        while self.poll_timeout().is_some_and(|deadline| deadline <= now) {
            let Some((_, id)) = self.deadlines.pop_first() else {
                break;
            };
            self.open.remove(&id);
            late.push(id);
        }
        late
    }

    /// How many requests are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ns;

    const NOW: Instant = Instant::ORIGIN;
    const WAIT: Duration = Duration::from_secs(10);

    fn tracker() -> IqTracker {
        let own = FullJid::new("juliet@example.org/balcony").unwrap();
        IqTracker::new(own, Entropy::from_seed([1; 32]))
    }

    fn ping() -> Element {
        Element::builder("ping", ns::PING).build()
    }

    fn jid(jid: &str) -> Jid {
        Jid::new(jid).unwrap()
    }

    #[test]
    fn an_answer_counts_only_from_whom_was_asked() {
        for (asked, answers, forged) in [
            (
                Some("example.org"),
                &[Some("example.org")][..],
                &[Some("evil.example"), Some("juliet@example.org"), None][..],
            ),
            (
                None,
                &[
                    None,
                    Some("juliet@example.org"),
                    Some("juliet@example.org/balcony"),
                    Some("example.org"),
                ],
                &[Some("romeo@example.org"), Some("juliet@example.org/other")],
            ),
            (
                Some("juliet@example.org"),
                &[None, Some("juliet@example.org")],
                &[Some("juliet@example.org/balcony"), Some("example.org")],
            ),
            (
                Some("romeo@example.net/orchard"),
                &[Some("romeo@example.net/orchard")],
                &[Some("romeo@example.net"), Some("romeo@example.net/tomb")],
            ),
        ] {
            for (froms, expected) in [(answers, true), (forged, false)] {
                for from in froms {
                    let mut tracker = tracker();
                    let request = tracker.get(NOW, asked.map(jid), &ping(), WAIT);
                    let mut answer = request.result(None).unwrap();
                    answer.set_from(from.map(jid));
                    assert_eq!(tracker.resolve(&answer), expected, "{asked:?} {from:?}");
                    assert_eq!(tracker.open(), usize::from(!expected));
                }
            }
        }
    }

    #[test]
    fn without_an_account_only_the_entity_that_was_asked_answers() {
        let server = "example.org";
        for (from, is_answer) in [
            (Some(server), true),
            (None, false),
            (Some("gate.example"), false),
            (Some("example.org/x"), false),
        ] {
            let mut tracker = IqTracker::without_account(Entropy::from_seed([1; 32]));
            let request = tracker.get(NOW, Some(jid(server)), &ping(), WAIT);
            let mut answer = request.result(None).unwrap();
            answer.set_from(from.map(jid));
            assert_eq!(tracker.resolve(&answer), is_answer, "{from:?}");
        }
    }

    #[test]
    fn a_request_with_the_same_id_is_no_answer() {
        let mut tracker = tracker();
        let request = tracker.get(NOW, Some(jid("example.org")), &ping(), WAIT);
        let mirrored = request.clone().with_from(jid("example.org"));
        assert!(!tracker.resolve(&mirrored));
        assert_eq!(tracker.open(), 1);
    }

    #[test]
    fn time_closes_a_request_once() {
        let mut tracker = tracker();
        let request = tracker.set(NOW, None, &ping(), WAIT);
        assert_eq!(tracker.poll_timeout(), Some(NOW + WAIT));
        assert!(tracker.handle_timeout(NOW).is_empty());
        assert_eq!(tracker.handle_timeout(NOW + WAIT), [request.id().unwrap()]);
        assert_eq!(tracker.poll_timeout(), None);
        assert!(!tracker.resolve(&request.result(None).unwrap()));
        assert!(tracker.made(request.id().unwrap()));
        assert!(!tracker.made("roster1"));
    }

    #[test]
    fn each_request_has_a_deadline_of_its_own() {
        let mut tracker = tracker();
        let waits = [3, 1, 2, 1].map(Duration::from_secs);
        let requests = waits.map(|wait| tracker.get(NOW, None, &ping(), wait));
        let ids: Vec<&str> = requests
            .iter()
            .map(|request| request.id().unwrap())
            .collect();
        assert!(tracker.cancel(ids[3]));
        assert!(!tracker.cancel(ids[3]));
        for (second, id) in [(1, ids[1]), (2, ids[2]), (3, ids[0])] {
            let now = NOW + Duration::from_secs(second);
            assert_eq!(tracker.poll_timeout(), Some(now));
            assert_eq!(tracker.handle_timeout(now), [id]);
        }
        assert_eq!((tracker.open(), tracker.poll_timeout()), (0, None));
    }
}
