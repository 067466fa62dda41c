//! The pool on a virtual clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use xmppwire::s2s::{DialbackError, Pair, Refusal, Trust, Verdict, VerifyRequest};
use xmppwire::{
    CloseReason, Domainpart, Instant, Iq, Jid, Message, Stanza, StanzaError,
    StanzaErrorCondition as Condition, StreamError, StreamErrorCondition,
};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn jid(text: &str) -> Jid {
    Jid::new(text).unwrap()
}

fn pair(sender: &str, target: &str) -> Pair {
    let domain = |text| Domainpart::new(text).unwrap();
    Pair::new(domain(sender), domain(target))
}

fn message(sender: &str, target: &str, body: impl ToString) -> Stanza {
    let mut stanza: Stanza = Message::chat(jid(&format!("b@{target}")), body.to_string()).into();
    stanza.set_from(Some(jid(&format!("a@{sender}"))));
    stanza
}

fn body(stanza: &Stanza) -> usize {
    let Stanza::Message(message) = stanza else {
        panic!("{stanza:?}");
    };
    message.body().unwrap().parse().unwrap()
}

/// A pool, and a record of what it wanted.
struct Site {
    pool: Federation,
    now: Instant,
    /// Streams that are asked for and have not ended.
    open: BTreeMap<Key, Pair>,
    connects: Vec<Key>,
    added: Vec<(Key, Pair)>,
    sent: Vec<(Key, Stanza)>,
    bounced: Vec<Undelivered>,
    asked: Vec<(Key, VerifyRequest)>,
    answers: Vec<(Key, xmppwire::s2s::VerifyAnswer)>,
    closes: Vec<Key>,
}

impl Site {
    fn new(limits: FederationLimits, policy: DomainPolicy) -> Self {
        Self {
            pool: Federation::new(limits, Policies::new(policy)),
            now: Instant::ORIGIN,
            open: BTreeMap::new(),
            connects: Vec::new(),
            added: Vec::new(),
            sent: Vec::new(),
            bounced: Vec::new(),
            asked: Vec::new(),
            answers: Vec::new(),
            closes: Vec::new(),
        }
    }

    fn usual() -> Self {
        Self::new(FederationLimits::default(), DomainPolicy::default())
    }

    fn drive(&mut self) {
        while let Some(step) = self.pool.poll(self.now) {
            match step {
                Step::Connect { key, pair, .. } => {
                    assert!(self.open.insert(key, pair).is_none());
                    self.connects.push(key);
                }
                Step::AddPair(key, pair) => self.added.push((key, pair)),
                Step::Send(key, stanza) => {
                    assert!(self.open.contains_key(&key));
                    self.sent.push((key, stanza));
                }
                Step::Verify(key, request) => self.asked.push((key, request)),
                Step::Answer(source, answer) => self.answers.push((source, answer)),
                Step::Bounce(undelivered) => self.bounced.push(*undelivered),
                Step::Close(key) => {
                    assert!(self.open.contains_key(&key));
                    self.closes.push(key);
                }
            }
        }
    }

    fn route(&mut self, stanza: Stanza) -> Result<(), Box<NotRouted>> {
        let routed = self.pool.route(self.now, stanza);
        self.drive();
        routed
    }

    fn tell(&mut self, key: Key, what: Told) {
        if matches!(what, Told::Closed { .. }) {
            self.open.remove(&key);
        }
        self.pool.told(self.now, key, what);
        self.drive();
    }

    /// A connection that the other server opened.
    fn accepted(&mut self, sender: &str, target: &str) -> Key {
        let key = self.pool.accept();
        self.open.insert(key, pair(sender, target));
        key
    }

    fn ready(&mut self, key: Key) {
        let pair = self.open[&key].clone();
        self.tell(key, Told::Ready(pair));
    }

    fn end(&mut self, key: Key, end: End) {
        let unsent = Vec::new();
        self.tell(key, Told::Closed { end, unsent });
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.pool.handle_timeout(self.now);
        self.drive();
    }

    fn bodies(&self) -> Vec<usize> {
        self.sent.iter().map(|(_, stanza)| body(stanza)).collect()
    }

    fn conditions(&self) -> Vec<Condition> {
        let errors = self.bounced.iter().map(|it| it.error().condition());
        errors.collect()
    }

    fn verify(&mut self, source: u64, sender: &str, id: &str) {
        let request = VerifyRequest::new(pair(sender, "b.example"), id.into(), "key".into());
        self.pool.verify(self.now, Key(source), request);
        self.drive();
    }

    fn answer(&mut self, key: Key, request: VerifyRequest, verdict: Verdict) {
        self.tell(key, Told::Verified(request.answer(verdict)));
    }
}

fn closed(reason: CloseReason) -> End {
    End::Closed(reason)
}

#[test]
fn what_waits_is_sent_in_order_when_its_pair_is_ready() {
    let mut site = Site::usual();
    for number in 0..5 {
        site.route(message("a.example", "b.example", number))
            .unwrap();
    }
    assert_eq!(site.connects.len(), 1);
    assert_eq!(site.sent.len(), 0);
    site.ready(site.connects[0]);
    site.route(message("a.example", "b.example", 5)).unwrap();
    assert_eq!(site.bodies(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(site.pool.queued(), 0);
}

#[test]
fn each_pair_has_a_stream_of_its_own() {
    let mut site = Site::usual();
    site.route(message("a.example", "c.example", 0)).unwrap();
    site.route(message("b.example", "c.example", 1)).unwrap();
    assert_eq!(site.connects.len(), 2);
    // Ready for one pair is not ready for the other.
    site.ready(site.connects[0]);
    assert_eq!(site.bodies(), [0]);
    // Nor does a stream become ready for a pair that it was not opened for.
    let other = pair("b.example", "c.example");
    site.tell(site.connects[0], Told::Ready(other));
    assert_eq!(site.bodies(), [0]);
}

#[test]
fn a_stream_is_shared_where_the_policy_allows_and_the_peer_has_room() {
    let policy = DomainPolicy::default().with_shared_streams();
    let mut site = Site::new(FederationLimits::default(), policy);
    site.route(message("a.example", "c.example", 0)).unwrap();
    let first = site.connects[0];
    site.ready(first);
    for (number, sender) in [(1, "b.example"), (2, "d.example"), (3, "e.example")] {
        site.route(message(sender, "c.example", number)).unwrap();
    }
    assert_eq!((site.connects.len(), site.added.len()), (1, 3));
    site.tell(first, Told::Ready(pair("b.example", "c.example")));
    assert_eq!(site.bodies(), [0, 1]);
    // The peer may have as many as it takes, and the machine may find that the stream cannot carry
    // the pair.
    let full = Refusal::Error(DialbackError::new(Condition::ResourceConstraint));
    site.tell(first, Told::Refused(pair("d.example", "c.example"), full));
    site.tell(
        first,
        Told::NeedsOtherStream(pair("e.example", "c.example")),
    );
    assert_eq!(site.connects.len(), 3);
    assert_eq!(site.bounced.len(), 0);
    site.ready(site.connects[1]);
    site.ready(site.connects[2]);
    assert_eq!(site.bodies(), [0, 1, 2, 3]);
}

#[test]
fn who_cannot_be_found_or_reached_is_told_apart() {
    use StreamErrorCondition as E;
    let (not_found, timeout) = (
        Condition::RemoteServerNotFound,
        Condition::RemoteServerTimeout,
    );
    let unknown = closed(CloseReason::PeerError(StreamError::new(E::HostUnknown)));
    for (end, condition) in [
        (End::NotFound, not_found),
        (End::Insecure, timeout),
        (closed(CloseReason::TlsRefused), timeout),
        (unknown, timeout),
    ] {
        let mut site = Site::usual();
        site.route(message("a.example", "b.example", 0)).unwrap();
        site.end(site.connects[0], end);
        // Nothing would change before the next attempt.
        site.route(message("a.example", "b.example", 1)).unwrap();
        assert_eq!(site.conditions(), [condition, condition]);
        assert_eq!(site.connects.len(), 1);
        let reply = site.bounced[0].reply().unwrap();
        assert_eq!(reply.to().unwrap().as_str(), "a@a.example");
        assert_eq!(reply.from().unwrap().as_str(), "b@b.example");
    }
}

#[test]
fn stanzas_wait_for_the_next_attempt_if_their_time_lasts() {
    let mut site = Site::usual();
    site.route(message("a.example", "b.example", 0)).unwrap();
    site.end(site.connects[0], End::Unreachable);
    assert_eq!((site.connects.len(), site.bounced.len()), (1, 0));
    // The first window has ten seconds.
    site.wait(10 * SECOND);
    assert_eq!(site.connects.len(), 2);
    site.ready(site.connects[1]);
    assert_eq!(site.bodies(), [0]);
    assert_eq!(site.bounced.len(), 0);
}

#[test]
fn back_off_grows_and_those_who_cannot_wait_so_long_are_told_at_once() {
    let mut site = Site::usual();
    let mut waits = Vec::new();
    for number in 0..8 {
        let began = site.now;
        let connects = site.connects.len();
        while site.connects.len() == connects {
            site.route(message("a.example", "b.example", number))
                .unwrap();
            if let Some(due) = site.pool.poll_timeout() {
                site.wait(due.saturating_since(site.now));
            }
        }
        waits.push(site.now.saturating_since(began));
        site.end(site.connects[connects], End::Unreachable);
    }
    // The windows are 10, 10, 20, 40, 80 … seconds, and a wait is at least half of each but the first.
    assert!(waits[4] >= 20 * SECOND, "{waits:?}");
    assert!(waits[7] >= 160 * SECOND, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 661 * SECOND), "{waits:?}");
    let bounced = site.bounced.len();
    site.route(message("a.example", "b.example", 9)).unwrap();
    assert!(site.bounced.len() > bounced);
}

#[test]
fn a_stanza_waits_no_longer_than_its_time() {
    let mut site = Site::usual();
    site.route(message("a.example", "b.example", 0)).unwrap();
    site.wait(59 * SECOND);
    assert_eq!(site.bounced.len(), 0);
    site.wait(SECOND);
    assert_eq!(site.conditions(), [Condition::RemoteServerTimeout]);
    // A peer that is ready and reads nothing.
    site.ready(site.connects[0]);
    let long = "x".repeat(70_000);
    for _ in 0..3 {
        site.route(message("a.example", "b.example", &long))
            .unwrap();
    }
    assert_eq!(site.sent.len(), 1);
    site.wait(61 * SECOND);
    assert_eq!((site.sent.len(), site.bounced.len()), (1, 3));
}

#[test]
fn errors_are_given_out_and_not_answered() {
    let mut site = Site::usual();
    let error = StanzaError::new(Condition::ItemNotFound);
    let error = message("b.example", "a.example", 0)
        .error_reply(&error)
        .unwrap();
    site.route(error).unwrap();
    let ping = xmppwire::Element::builder("ping", "urn:xmpp:ping").build();
    let mut result = Iq::get("1", &ping).result(None).unwrap();
    result.set_from(Some(jid("a.example")));
    result.set_to(Some(jid("b.example")));
    site.route(result.into()).unwrap();
    site.end(site.connects[0], End::NotFound);
    assert_eq!(site.bounced.len(), 2);
    assert!(site.bounced.iter().all(|it| it.reply().is_none()));
}

#[test]
fn a_refused_pair_bounces_with_the_condition_of_its_refusal() {
    for (refusal, condition) in [
        (Refusal::Invalid, Condition::InternalServerError),
        (
            Refusal::Error(DialbackError::new(Condition::NotAuthorized)),
            Condition::RemoteServerTimeout,
        ),
    ] {
        let mut site = Site::usual();
        site.route(message("a.example", "b.example", 0)).unwrap();
        let key = site.connects[0];
        site.tell(key, Told::Refused(pair("a.example", "b.example"), refusal));
        assert_eq!(site.conditions(), [condition]);
        assert_eq!(site.closes, [key]);
        // The next stanza does not try again at once.
        site.route(message("a.example", "b.example", 1)).unwrap();
        site.end(key, closed(CloseReason::Local));
        assert_eq!((site.bounced.len(), site.connects.len()), (2, 1));
    }
}

#[test]
fn what_was_not_written_goes_first_over_the_next_stream() {
    let mut site = Site::usual();
    for number in 0..4 {
        site.route(message("a.example", "b.example", number))
            .unwrap();
    }
    let first = site.connects[0];
    site.ready(first);
    let unsent = vec![
        message("a.example", "b.example", 2),
        message("a.example", "b.example", 3),
    ];
    let end = closed(CloseReason::TransportEof);
    site.tell(first, Told::Closed { end, unsent });
    site.route(message("a.example", "b.example", 4)).unwrap();
    site.wait(10 * SECOND);
    site.ready(site.connects[1]);
    assert_eq!(site.bodies(), [0, 1, 2, 3, 2, 3, 4]);
}

#[test]
fn a_slow_stream_is_given_a_window_at_a_time() {
    let limits = FederationLimits {
        window: 1,
        ..FederationLimits::default()
    };
    let mut site = Site::new(limits, DomainPolicy::default());
    for number in 0..3 {
        site.route(message("a.example", "b.example", number))
            .unwrap();
    }
    let key = site.connects[0];
    site.ready(key);
    assert_eq!(site.bodies(), [0]);
    site.tell(key, Told::Flushed);
    site.tell(key, Told::Flushed);
    assert_eq!(site.bodies(), [0, 1, 2]);
}

#[test]
fn an_idle_stream_is_closed_and_the_next_stanza_opens_another() {
    let mut site = Site::usual();
    site.route(message("a.example", "b.example", 0)).unwrap();
    let key = site.connects[0];
    site.ready(key);
    site.tell(key, Told::Flushed);
    site.wait(599 * SECOND);
    assert_eq!(site.closes.len(), 0);
    site.wait(SECOND);
    assert_eq!(site.closes, [key]);
    // One stream at a time: the next begins when the last has ended.
    site.route(message("a.example", "b.example", 1)).unwrap();
    assert_eq!(site.connects.len(), 1);
    site.end(key, closed(CloseReason::Local));
    site.ready(site.connects[1]);
    assert_eq!(site.bodies(), [0, 1]);
}

#[test]
fn nothing_is_left_of_a_domain_after_its_stream() {
    let mut site = Site::usual();
    site.route(message("a.example", "b.example", 0)).unwrap();
    site.ready(site.connects[0]);
    site.tell(site.connects[0], Told::Flushed);
    site.wait(120 * SECOND);
    site.end(site.connects[0], closed(CloseReason::Peer));
    assert_eq!(site.pool.poll_timeout(), None);
    assert!(site.pool.remotes.is_empty());
    // A failure is remembered for a while.
    site.route(message("a.example", "b.example", 0)).unwrap();
    site.end(site.connects[1], End::NotFound);
    assert_eq!(site.pool.remotes.len(), 1);
    for _ in 0..2 {
        let due = site.pool.poll_timeout().unwrap();
        site.wait(due.saturating_since(site.now));
    }
    assert_eq!(site.pool.poll_timeout(), None);
    assert!(site.pool.remotes.is_empty());
}

#[test]
fn memory_is_bounded_for_each_domain_and_for_all() {
    let limits = FederationLimits {
        queued: 100_000,
        queued_per_domain: 30_000,
        ..FederationLimits::default()
    };
    let mut site = Site::new(limits, DomainPolicy::default());
    let mut refused = BTreeMap::new();
    for number in 0..2_000 {
        // One domain alone, then ten.
        let target = format!("r{}.example", if number < 500 { 0 } else { number % 10 });
        if let Err(back) = site.route(message("a.example", &target, number)) {
            assert_eq!(body(&back.stanza), number);
            let condition = back.reply().unwrap().error().unwrap().condition();
            assert_eq!(condition, Condition::ResourceConstraint);
            *refused.entry(format!("{:?}", back.why)).or_insert(0) += 1;
        }
        assert!(site.pool.queued() <= 100_000);
        assert!(site.pool.remotes.values().all(|it| it.held() <= 30_000));
    }
    assert!(refused["Domain"] > 0, "{refused:?}");
    assert!(refused["Pool"] > 0, "{refused:?}");
    // What is to be bounced is held until it is taken.
    let held = site.pool.queued();
    let unsent = Vec::new();
    let end = End::NotFound;
    let told = Told::Closed { end, unsent };
    site.pool.told(site.now, site.connects[0], told);
    assert!(site.pool.queued() > held / 2);
    site.drive();
    assert!(site.pool.queued() < held);
}

#[test]
fn the_number_of_streams_is_limited_and_the_idle_make_room() {
    let limits = FederationLimits {
        streams: 2,
        ..FederationLimits::default()
    };
    let mut site = Site::new(limits, DomainPolicy::default());
    for (number, target) in ["r0.example", "r1.example", "r2.example"]
        .iter()
        .enumerate()
    {
        site.route(message("a.example", target, number)).unwrap();
    }
    assert_eq!((site.connects.len(), site.closes.len()), (2, 0));
    let first = site.connects[0];
    site.ready(first);
    site.tell(first, Told::Flushed);
    assert_eq!(site.closes, [first]);
    site.end(first, closed(CloseReason::Local));
    assert_eq!(
        site.open[&site.connects[2]],
        pair("a.example", "r2.example")
    );
}

#[test]
fn the_streams_of_one_domain_are_limited_too() {
    let limits = FederationLimits {
        streams_per_domain: 1,
        ..FederationLimits::default()
    };
    let mut site = Site::new(limits, DomainPolicy::default());
    site.route(message("a.example", "c.example", 0)).unwrap();
    let first = site.connects[0];
    site.ready(first);
    site.tell(first, Told::Flushed);
    site.route(message("b.example", "c.example", 1)).unwrap();
    assert_eq!((site.connects.len(), site.closes.len()), (1, 1));
    site.end(first, closed(CloseReason::Local));
    assert_eq!(site.open[&site.connects[1]], pair("b.example", "c.example"));
}

#[test]
fn domains_that_failed_are_forgotten_for_new_ones() {
    let limits = FederationLimits {
        domains: 2,
        ..FederationLimits::default()
    };
    let mut site = Site::new(limits, DomainPolicy::default());
    for number in 0..10 {
        let target = format!("r{number}.example");
        site.route(message("a.example", &target, number)).unwrap();
        site.end(site.connects[number], End::NotFound);
        assert!(site.pool.remotes.len() <= 2);
    }
    site.route(message("a.example", "x.example", 0)).unwrap();
    site.route(message("a.example", "y.example", 0)).unwrap();
    let back = site
        .route(message("a.example", "z.example", 0))
        .unwrap_err();
    assert_eq!(back.why, Overload::Pool);
}

#[test]
fn a_stanza_without_an_address_is_given_back() {
    let mut site = Site::usual();
    let message = Message::chat(jid("b@b.example"), "Ciao");
    let back = site.route(message.into()).unwrap_err();
    assert_eq!(back.why, Overload::Unaddressed);
}

// --- Keys of other servers ------------------------------------------------------------------------

#[test]
fn a_key_is_verified_over_a_connection_of_its_own() {
    let mut site = Site::usual();
    site.route(message("b.example", "a.example", 0)).unwrap();
    site.ready(site.connects[0]);
    site.verify(7, "a.example", "id1");
    let key = site.connects[1];
    assert_eq!(site.open[&key], pair("b.example", "a.example"));
    assert_eq!(site.asked.len(), 0);
    site.tell(key, Told::Connected);
    site.verify(8, "a.example", "id2");
    assert_eq!(site.asked.len(), 2);
    let (_, second) = site.asked.pop().unwrap();
    let (_, first) = site.asked.pop().unwrap();
    site.answer(key, second, Verdict::Invalid);
    site.answer(key, first, Verdict::Valid);
    let answers: Vec<_> = site.answers.iter().collect();
    assert_eq!(
        (answers[0].0, answers[0].1.verdict()),
        (Key(8), &Verdict::Invalid)
    );
    assert_eq!(
        (answers[1].0, answers[1].1.verdict()),
        (Key(7), &Verdict::Valid)
    );
    assert_eq!(site.closes, [key]);
}

#[test]
fn an_answer_counts_only_for_what_its_connection_was_asked() {
    let mut site = Site::usual();
    site.verify(1, "a.example", "id1");
    site.verify(2, "c.example", "id2");
    let (first, second) = (site.connects[0], site.connects[1]);
    for (key, sender, id) in [
        (second, "a.example", "id1"),
        (first, "c.example", "id2"),
        (first, "a.example", "id2"),
        (first, "d.example", "id1"),
    ] {
        let request = VerifyRequest::new(pair(sender, "b.example"), id.into(), "key".into());
        site.answer(key, request, Verdict::Valid);
        assert_eq!(site.answers.len(), 0, "{sender} {id}");
    }
}

#[test]
fn every_key_is_answered_when_its_connection_fails() {
    for (end, condition) in [
        (End::NotFound, Condition::RemoteServerNotFound),
        (End::Unreachable, Condition::RemoteServerTimeout),
    ] {
        let mut site = Site::usual();
        site.verify(1, "a.example", "id1");
        site.verify(2, "a.example", "id2");
        site.end(site.connects[0], end);
        let verdicts: Vec<_> = site.answers.iter().map(|(_, it)| it.verdict()).collect();
        assert_eq!(
            verdicts,
            [&Verdict::error(DialbackError::new(condition)); 2]
        );
    }
}

#[test]
fn a_key_is_answered_in_time() {
    let mut site = Site::usual();
    site.verify(1, "a.example", "id1");
    site.wait(20 * SECOND);
    site.verify(2, "a.example", "id2");
    site.wait(20 * SECOND);
    assert_eq!((site.answers.len(), site.closes.len()), (1, 0));
    site.wait(20 * SECOND);
    assert_eq!((site.answers.len(), site.closes.len()), (2, 1));
    // Late, and another connection begins anew.
    site.verify(3, "a.example", "id3");
    assert_eq!(site.connects.len(), 2);
}

#[test]
fn verification_is_limited() {
    let limits = FederationLimits {
        verifiers: 3,
        keys_per_verifier: 2,
        ..FederationLimits::default()
    };
    let mut site = Site::new(limits, DomainPolicy::default());
    for number in 0..10 {
        site.verify(number, &format!("r{number}.example"), "id");
        site.verify(number, "r0.example", &format!("id{number}"));
    }
    assert_eq!(site.connects.len(), 3);
    // 20 keys, of which 2 wait for the first server and 1 for each of the others.
    assert_eq!(site.answers.len(), 16);
    let full = Verdict::error(DialbackError::new(Condition::ResourceConstraint));
    assert!(site.answers.iter().all(|(_, it)| *it.verdict() == full));
}

// --- Many at once ---------------------------------------------------------------------------------

#[test]
fn a_thousand_remote_domains_at_once() {
    let mut site = Site::usual();
    for round in 0..3 {
        for number in 0..1_000 {
            let target = format!("remote-{number}.example");
            site.route(message("a.example", &target, round)).unwrap();
        }
    }
    assert_eq!(site.connects.len(), 1_000);
    for key in site.connects.clone() {
        site.wait(Duration::from_millis(3));
        site.ready(key);
        site.tell(key, Told::Flushed);
    }
    assert_eq!((site.sent.len(), site.bounced.len()), (3_000, 0));
    let mut rounds = BTreeMap::<Key, Vec<usize>>::new();
    for (key, stanza) in &site.sent {
        rounds.entry(*key).or_default().push(body(stanza));
    }
    assert_eq!(rounds.len(), 1_000);
    assert!(rounds.values().all(|rounds| *rounds == [0, 1, 2]));
    // All go down at once, and come back.
    for key in site.connects.clone() {
        site.end(key, closed(CloseReason::TransportEof));
    }
    for number in 0..1_000 {
        let target = format!("remote-{number}.example");
        site.route(message("a.example", &target, 3)).unwrap();
    }
    site.wait(10 * SECOND);
    assert_eq!(site.connects.len(), 2_000);
    for key in site.connects.split_off(1_000) {
        site.ready(key);
    }
    assert_eq!((site.sent.len(), site.bounced.len()), (4_000, 0));
}

/// Heap bytes of the pool for each remote domain: with a stream that carries nothing, and after a
/// failure.
#[test]
fn a_remote_domain_costs_little_memory() {
    const DOMAINS: usize = 1_000;
    let mut site = Site::usual();
    let now = site.now;
    let pool = &mut site.pool;
    let targets: Vec<_> = (0..DOMAINS)
        .map(|n| format!("remote-{n}.example"))
        .collect();
    let serving = allocation_counter::measure(|| {
        for target in &targets {
            pool.route(now, message("a.example", target, 0)).unwrap();
            while let Some(step) = pool.poll(now) {
                match step {
                    Step::Connect { key, pair, .. } => pool.told(now, key, Told::Ready(pair)),
                    Step::Send(key, _) => pool.told(now, key, Told::Flushed),
                    other => panic!("{other:?}"),
                }
            }
        }
    });
    let each = usize::try_from(serving.bytes_current).unwrap() / DOMAINS;
    println!("{each} bytes for a remote domain with a stream");
    assert!(each <= 2_048, "{each}");
}

// --- Streams that the other server opened ---------------------------------------------------------

#[test]
fn a_stream_in_both_directions_carries_what_the_pool_has_for_its_server() {
    let mut site = Site::usual();
    let key = site.accepted("a.example", "b.example");
    site.tell(key, Told::Ready(pair("a.example", "b.example")));
    site.route(message("a.example", "b.example", 0)).unwrap();
    assert_eq!((site.connects.len(), site.bodies()), (0, vec![0]));
    // A pair that it was not authorised for needs another one.
    site.route(message("c.example", "b.example", 1)).unwrap();
    assert_eq!(site.connects.len(), 1);
    // It is not closed because it carries nothing.
    site.tell(key, Told::Flushed);
    site.wait(3_600 * SECOND);
    assert!(!site.closes.contains(&key));
    // What it did not write goes over a stream of this server, and its end is no failure.
    site.route(message("a.example", "b.example", 2)).unwrap();
    let unsent = vec![site.sent.pop().unwrap().1];
    let end = End::Unreachable;
    site.tell(key, Told::Closed { end, unsent });
    let last = *site.connects.last().unwrap();
    site.ready(last);
    assert_eq!(site.bodies(), [0, 2]);
    assert_eq!(site.pool.adopted, 0);
}

#[test]
fn a_pair_that_has_a_stream_does_not_change_to_one_of_the_other_server() {
    let mut site = Site::usual();
    site.route(message("a.example", "b.example", 0)).unwrap();
    let key = site.accepted("a.example", "b.example");
    site.tell(key, Told::Ready(pair("a.example", "b.example")));
    assert_eq!(site.sent.len(), 0);
    site.ready(site.connects[0]);
    assert_eq!(site.sent[0].0, site.connects[0]);
    // A key that the pool never gave out is no stream.
    site.tell(Key(99), Told::Ready(pair("a.example", "c.example")));
    site.route(message("a.example", "c.example", 1)).unwrap();
    assert_eq!(site.connects.len(), 2);
}

#[test]
fn streams_of_the_other_server_do_not_count_as_opened() {
    let limits = FederationLimits {
        streams: 1,
        streams_per_domain: 1,
        ..FederationLimits::default()
    };
    let mut site = Site::new(limits, DomainPolicy::default());
    for sender in ["x.example", "y.example"] {
        let key = site.accepted(sender, "b.example");
        site.tell(key, Told::Ready(pair(sender, "b.example")));
    }
    site.route(message("a.example", "b.example", 0)).unwrap();
    assert_eq!(site.connects.len(), 1);
    site.pool.close(site.now);
    site.drive();
    assert_eq!(site.closes.len(), 3);
}

// --- Several target domains on one stream ---------------------------------------------------------

#[test]
fn a_domain_of_the_same_address_joins_the_stream_there() {
    let policy = DomainPolicy::default().with_shared_streams();
    let mut site = Site::new(FederationLimits::default(), policy);
    site.route(message("a.example", "b.example", 0)).unwrap();
    let first = site.connects[0];
    site.ready(first);
    site.route(message("a.example", "c.example", 1)).unwrap();
    let second = site.connects[1];
    site.open.remove(&second);
    site.tell(second, Told::Joins(first));
    let joined = pair("a.example", "c.example");
    assert_eq!(site.added, [(first, joined.clone())]);
    site.tell(first, Told::Ready(joined));
    assert_eq!(site.bodies(), [0, 1]);
    // Another sender to the domain finds the stream without a look-up.
    site.route(message("d.example", "c.example", 2)).unwrap();
    assert_eq!((site.connects.len(), site.added.len()), (2, 2));
    site.tell(first, Told::Ready(pair("d.example", "c.example")));
    // The end of the stream gives back what belongs to each domain, and both are reached anew.
    site.route(message("a.example", "c.example", 3)).unwrap();
    let unsent = site.sent.drain(2..).map(|(_, stanza)| stanza).collect();
    let end = closed(CloseReason::Peer);
    site.tell(first, Told::Closed { end, unsent });
    site.wait(60 * SECOND);
    let given = site.sent.len() + site.bounced.len();
    assert_eq!((given, site.pool.queued()), (4, 0));
}

#[test]
fn a_domain_does_not_join_a_stream_that_has_ended() {
    let policy = DomainPolicy::default().with_shared_streams();
    let mut site = Site::new(FederationLimits::default(), policy);
    site.route(message("a.example", "b.example", 0)).unwrap();
    site.open.remove(&site.connects[0].clone());
    site.tell(site.connects[0], Told::Joins(Key(99)));
    assert_eq!((site.connects.len(), site.added.len()), (2, 0));
    site.ready(site.connects[1]);
    assert_eq!(site.bodies(), [0]);
}

#[test]
fn after_an_invalid_key_the_other_pairs_go_over_another_stream() {
    let policy = DomainPolicy::default().with_shared_streams();
    let mut site = Site::new(FederationLimits::default(), policy);
    site.route(message("a.example", "c.example", 0)).unwrap();
    let first = site.connects[0];
    site.ready(first);
    site.route(message("b.example", "c.example", 1)).unwrap();
    site.tell(
        first,
        Told::Refused(pair("b.example", "c.example"), Refusal::Invalid),
    );
    assert_eq!(site.conditions(), [Condition::InternalServerError]);
    assert_eq!(site.closes, [first]);
    // Nothing more is given to it, and nothing is lost.
    site.route(message("a.example", "c.example", 2)).unwrap();
    assert_eq!(site.bodies(), [0]);
    site.end(first, closed(CloseReason::Local));
    let last = *site.connects.last().unwrap();
    assert_ne!(last, first);
    site.ready(last);
    assert_eq!((site.bodies(), site.bounced.len()), (vec![0, 2], 1));
    // The refused pair alone rests.
    site.route(message("b.example", "c.example", 3)).unwrap();
    assert_eq!(site.bounced.len(), 2);
    site.wait(10 * SECOND);
    site.route(message("b.example", "c.example", 4)).unwrap();
    assert_eq!((site.bounced.len(), site.added.len()), (2, 2));
}

// --- The hub --------------------------------------------------------------------------------------

/// A hub whose pool holds only a few stanzas, and a connection of another server.
fn small_hub(now: Instant) -> (Hub, Key) {
    let limits = FederationLimits {
        queued_per_domain: 2_000,
        ..FederationLimits::default()
    };
    let config = FederationConfig::new().with_limits(limits);
    let mut hub = Hub::new(config);
    let from = "192.0.2.1".parse().unwrap();
    let inbound = hub.accept(now, from, crate::find::Mode::StartTls).unwrap();
    let mut count = 0;
    while hub
        .send(now, message("a.example", "b.example", count))
        .is_ok()
    {
        count += 1;
    }
    assert!(matches!(hub.poll(now), Some(HubStep::Connect(_))));
    assert!(hub.poll(now).is_none());
    (hub, inbound.key())
}

fn malformed(key: Key) -> Report {
    let what = report::What::Malformed(message("a.example", "b.example", 99));
    Report { key, what }
}

#[test]
fn a_connection_reads_nothing_while_the_answer_to_a_malformed_stanza_has_no_room() {
    let mut now = Instant::ORIGIN;
    let (mut hub, key) = small_hub(now);
    assert!(hub.hear(now, malformed(key)).is_none());
    assert!(hub.poll(now).is_none());
    // The time of the others is over.
    now = now + 61 * SECOND;
    hub.handle_timeout(now);
    let mut resumed = Vec::new();
    while let Some(step) = hub.poll(now) {
        if let HubStep::Order(key, report::Order(report::Command::Resume)) = step {
            resumed.push(key);
        }
    }
    assert_eq!((resumed, hub.lost()), (vec![key], 0));
}

#[test]
fn an_answer_to_a_malformed_stanza_that_is_lost_counts() {
    let now = Instant::ORIGIN;
    let (mut hub, key) = small_hub(now);
    hub.hear(now, malformed(key));
    let (end, unsent) = (End::Unreachable, Vec::new());
    let what = report::What::Told(Told::Closed { end, unsent });
    hub.hear(now, Report { key, what });
    assert_eq!(hub.lost(), 1);
}

#[test]
fn a_stanza_that_crosses_the_end_of_its_connection_is_not_lost() {
    let now = Instant::ORIGIN;
    let mut hub = Hub::new(FederationConfig::new());
    hub.send(now, message("a.example", "b.example", 0)).unwrap();
    let Some(HubStep::Connect(outbound)) = hub.poll(now) else {
        panic!();
    };
    let (key, ready) = (outbound.key(), pair("a.example", "b.example"));
    let what = report::What::Ready(ready.clone(), Trust::Certificate);
    hub.hear(now, Report { key, what });
    let Some(HubStep::Order(key, order)) = hub.poll(now) else {
        panic!();
    };
    hub.not_taken(key, order);
    let (end, unsent) = (closed(CloseReason::Peer), Vec::new());
    let what = report::What::Told(Told::Closed { end, unsent });
    hub.hear(now, Report { key, what });
    // It waits for the next stream.
    assert!(hub.queued() > 0);
    assert!(hub.poll_timeout().is_some());
}

#[test]
fn a_closed_hub_ends_when_its_connections_have() {
    let now = Instant::ORIGIN;
    let (mut hub, key) = small_hub(now);
    hub.close(now);
    hub.close(now);
    let mut closes = Vec::new();
    while let Some(step) = hub.poll(now) {
        if let HubStep::Order(key, report::Order(report::Command::Close)) = step {
            closes.push(key);
        }
    }
    assert_eq!(closes.len(), 2);
    let from = "192.0.2.1".parse().unwrap();
    assert!(hub.accept(now, from, crate::find::Mode::StartTls).is_none());
    for key in closes {
        assert!(!hub.is_finished());
        let (end, unsent) = (closed(CloseReason::Local), Vec::new());
        let what = report::What::Told(Told::Closed { end, unsent });
        hub.hear(now, Report { key, what });
    }
    assert!(hub.is_finished(), "{key:?}");
}

// --- Whatever happens -----------------------------------------------------------------------------

#[derive(Clone, Debug)]
enum Act {
    Route(usize),
    Ready(usize),
    Refuse(usize, bool),
    OtherStream(usize),
    /// The other server opened a stream that goes in both directions.
    Adopt(usize),
    /// A stream that is being opened leads to the address of another one.
    Join(usize, usize),
    Flush(usize),
    /// The stream ends, and so many of the stanzas that it was given and did not flush were not
    /// written.
    End(usize, usize, usize),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..9usize).prop_map(Act::Route),
        3 => (0..9usize).prop_map(Act::Ready),
        1 => (0..9usize, any::<bool>()).prop_map(|(n, invalid)| Act::Refuse(n, invalid)),
        1 => (0..9usize).prop_map(Act::OtherStream),
        1 => (0..9usize).prop_map(Act::Adopt),
        1 => (0..9usize, 0..9usize).prop_map(|(n, m)| Act::Join(n, m)),
        2 => (0..9usize).prop_map(Act::Flush),
        2 => (0..9usize, 0..4usize, 0..5usize).prop_map(|(n, k, how)| Act::End(n, k, how)),
        2 => (0..40u64).prop_map(Act::Wait),
    ]
}

/// What the driver of the property test knows of each stream: what it was given since the last
/// flush.
type Given = BTreeMap<Key, Vec<Stanza>>;

fn how_it_ends(how: usize) -> End {
    match how {
        0 => End::NotFound,
        1 => End::Unreachable,
        2 => closed(CloseReason::Peer),
        3 => closed(CloseReason::Local),
        _ => closed(CloseReason::TransportEof),
    }
}

proptest! {
    #[test]
    fn each_stanza_is_sent_or_bounced_or_given_back_once_and_in_order(
        acts in prop::collection::vec(act(), 1..200),
        shared in any::<bool>(),
    ) {
        let limits = FederationLimits {
            queued: 20_000,
            queued_per_domain: 8_000,
            window: 700,
            streams: 4,
            streams_per_domain: 2,
            idle_time: 100 * SECOND,
            ..FederationLimits::default()
        };
        let policy = match shared {
            true => DomainPolicy::default().with_shared_streams(),
            false => DomainPolicy::default(),
        };
        let mut site = Site::new(limits, policy);
        let mut routed = 0;
        let mut back = Vec::new();
        let mut given = Given::new();
        let mut sent: BTreeMap<Pair, Vec<usize>> = BTreeMap::new();
        let mut pairs: BTreeMap<Key, Vec<Pair>> = BTreeMap::new();
        // The streams that were ready, and those of the other server.
        let (mut useful, mut accepted) = (BTreeSet::new(), BTreeSet::new());
        for act in acts {
            let nth = |n: usize| site.open.keys().nth(n % site.open.len().max(1)).copied();
            let pair_of = |key: Key, n: usize| {
                let all = &pairs[&key];
                all[n % all.len()].clone()
            };
            match act {
                Act::Route(n) => {
                    let (sender, target) = (format!("s{}.example", n % 3), format!("r{}.example", n / 3));
                    if let Err(not) = site.route(message(&sender, &target, routed)) {
                        back.push(body(&not.stanza));
                    }
                    routed += 1;
                }
                Act::Wait(seconds) => site.wait(Duration::from_secs(seconds)),
                Act::Ready(n) => {
                    if let Some(key) = nth(n) {
                        let pair = pair_of(key, n);
                        useful.insert(key);
                        site.tell(key, Told::Ready(pair));
                    }
                }
                Act::Adopt(n) => {
                    let (sender, target) = (format!("s{}.example", n % 3), format!("r{}.example", n / 3));
                    let key = site.accepted(&sender, &target);
                    useful.insert(key);
                    accepted.insert(key);
                    site.tell(key, Told::Ready(pair(&sender, &target)));
                }
                Act::Join(n, m) => {
                    if let (Some(key), Some(other)) = (nth(n), nth(m))
                        && !useful.contains(&key)
                        && key != other
                    {
                        site.open.remove(&key);
                        site.tell(key, Told::Joins(other));
                    }
                }
                // A pair is refused before it is ready, as the machine of the stream does.
                Act::Refuse(n, invalid) => {
                    if let Some(key) = nth(n) {
                        let pair = pair_of(key, n);
                        if !given.contains_key(&key) {
                            let refusal = match invalid {
                                true => Refusal::Invalid,
                                false => Refusal::Error(DialbackError::new(Condition::Forbidden)),
                            };
                            site.tell(key, Told::Refused(pair, refusal));
                        }
                    }
                }
                Act::OtherStream(n) => {
                    if let Some(key) = nth(n)
                        && let Some((key, pair)) = site.added.iter().rfind(|(it, _)| *it == key).cloned()
                        && !given.contains_key(&key)
                    {
                        site.tell(key, Told::NeedsOtherStream(pair));
                    }
                }
                Act::Flush(n) => {
                    if let Some(key) = nth(n) {
                        given.remove(&key);
                        site.tell(key, Told::Flushed);
                    }
                }
                Act::End(n, k, how) => {
                    if let Some(key) = nth(n) {
                        let mut given = given.remove(&key).unwrap_or_default();
                        let unsent = given.split_off(given.len().saturating_sub(k));
                        for stanza in &unsent {
                            let of_pair = sent.get_mut(&Pair::of(stanza).unwrap()).unwrap();
                            of_pair.retain(|it| *it != body(stanza));
                        }
                        site.tell(key, Told::Closed { end: how_it_ends(how), unsent });
                    }
                }
            }
            for (key, pair) in &site.open {
                pairs.entry(*key).or_insert_with(|| vec![pair.clone()]);
            }
            for (key, pair) in &site.added {
                let of_key = pairs.get_mut(key).unwrap();
                if !of_key.contains(pair) {
                    of_key.push(pair.clone());
                }
            }
            for (key, stanza) in std::mem::take(&mut site.sent) {
                sent.entry(Pair::of(&stanza).unwrap()).or_default().push(body(&stanza));
                given.entry(key).or_default().push(stanza);
            }
            prop_assert!(site.pool.queued() <= 20_000 + 16_000);
            let own = site.open.keys().filter(|key| !accepted.contains(key));
            prop_assert!(own.count() <= 4);
            prop_assert!(sent.values().all(|ids| ids.is_sorted()), "{sent:?}");
        }
        site.pool.close(site.now);
        site.drive();
        for key in site.open.keys().copied().collect::<Vec<_>>() {
            site.end(key, closed(CloseReason::Local));
        }
        prop_assert!(site.pool.is_finished());
        prop_assert_eq!(site.pool.queued(), 0);
        let bounced = site.bounced.iter().map(|it| body(it.stanza()));
        let mut all: Vec<usize> = sent.into_values().flatten().chain(bounced).chain(back).collect();
        all.sort_unstable();
        prop_assert_eq!(all, (0..routed).collect::<Vec<_>>());
    }
}
