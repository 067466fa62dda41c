//! What waits for a stream, and what becomes of it.

use super::*;

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
