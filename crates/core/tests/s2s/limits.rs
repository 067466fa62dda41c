//! What a peer may cost.

use xmppwire::s2s::{
    IncomingConfig, IncomingEvent, LocalDomains, OutgoingConfig, PairAdded, PairLimits,
    VerifyRequest,
};
use xmppwire::{CloseReason, KeepAlive, StreamErrorCondition, Timer};

use crate::support::*;

#[test]
fn ten_thousand_keys_are_capped() {
    let (mut talk, id) = opened(policy());
    let (mut asked, mut refusals) = (0, 0);
    for n in 0..10_000 {
        let sender = format!("a{n}.example");
        for event in talk.reads(&key(&sender, "b.example", &id)) {
            assert!(matches!(event, IncomingEvent::Verify(_)));
            asked += 1;
        }
        let wrote = talk.wrote();
        if !wrote.is_empty() {
            let expected = refused(&sender, "b.example", "wait", "resource-constraint");
            assert_eq!(wrote, expected);
            refusals += 1;
        }
    }
    assert_eq!(asked, PairLimits::default().pending);
    assert_eq!(asked + refusals, 10_000);
}

#[test]
fn ten_thousand_pairs_of_a_certificate_are_capped() {
    let mut talk = incoming_secured(config(), Some("*.example"));
    let id = talk.accepts(&header(OUR_HEADER), policy());
    talk.wrote();
    let mut pairs = 0;
    for n in 0..10_000 {
        let sender = format!("a{n}.example");
        pairs += talk.reads(&key(&sender, "b.example", &id)).len();
        let wrote = talk.wrote();
        let error = refused(&sender, "b.example", "wait", "resource-constraint");
        assert!(
            wrote == valid(&sender, "b.example") || wrote == error,
            "{wrote}"
        );
    }
    assert_eq!(pairs, PairLimits::default().pairs);
}

#[test]
fn questions_to_the_application_are_capped() {
    let domains: LocalDomains = [domain("b.example")].into_iter().collect();
    let mut talk = incoming_secured(IncomingConfig::new(domains), None);
    talk.accepts(&header(OUR_HEADER), policy());
    talk.wrote();
    let mut asked = 0;
    for n in 0..1_000 {
        let xml = format!("<db:verify from='d.example' to='b.example' id='{n}'>k</db:verify>");
        asked += talk.reads(&xml).len();
    }
    assert_eq!(asked, PairLimits::default().pending);
}

/// A key that is being verified takes the place of the pair that it may open. A key of this server
/// that the peer asks about opens no pair.
#[test]
fn keys_that_are_being_verified_count_as_pairs() {
    let domains: LocalDomains = [domain("b.example")].into_iter().collect();
    let mut limits = PairLimits::default();
    limits.pairs = 2;
    let mut talk = incoming_secured(IncomingConfig::new(domains).with_pair_limits(limits), None);
    let id = talk.accepts(&header(OUR_HEADER), policy());
    talk.wrote();
    for id in 0..2 {
        let xml = format!("<db:verify from='d.example' to='b.example' id='{id}'>k</db:verify>");
        assert_eq!(talk.reads(&xml).len(), 1);
    }
    for sender in ["a1.example", "a2.example"] {
        let _ = talk.asks(&key(sender, "b.example", &id));
    }
    let answer = talk.answers(&key("a3.example", "b.example", &id));
    let expected = refused("a3.example", "b.example", "wait", "resource-constraint");
    assert_eq!(answer, expected);
}

#[test]
fn a_stream_carries_no_more_pairs_than_it_may() {
    let mut limits = PairLimits::default();
    limits.pairs = 3;
    let mut talk = ready(OutgoingConfig::new().with_pair_limits(limits));
    for n in 0..5 {
        let pair = pair(&format!("a{n}.example"), "b.example");
        let added = talk.connection.add_pair(pair);
        let expected = match n {
            0 | 1 => PairAdded::Asked,
            _ => PairAdded::NeedsOtherStream,
        };
        assert_eq!(added, expected);
    }
    let request =
        |n: usize| VerifyRequest::new(pair("b.example", "a.example"), n.to_string(), "k".into());
    for n in 0..limits.pending {
        assert!(talk.connection.verify(request(n)).is_ok());
    }
    assert!(talk.connection.verify(request(limits.pending)).is_err());
}

#[test]
fn so_many_pairs_are_asked_for_at_a_time() {
    let mut limits = PairLimits::default();
    limits.pending = 2;
    let mut talk = ready(OutgoingConfig::new().with_pair_limits(limits));
    let mut add = |n: usize| {
        let pair = pair(&format!("a{n}.example"), "b.example");
        talk.connection.add_pair(pair)
    };
    let added = [add(0), add(1), add(2)];
    use PairAdded::{Asked, NeedsOtherStream};
    assert_eq!(added, [Asked, Asked, NeedsOtherStream]);
    // Asking for one again takes no further place.
    assert_eq!(add(0), Asked);
    let events = talk.reads(&valid("a0.example", "b.example"));
    assert_eq!(events.len(), 1);
    let third = pair("a2.example", "b.example");
    assert_eq!(talk.connection.add_pair(third), Asked);
}

#[test]
fn the_limits_of_a_connection_hold() {
    let mut limits = xmppwire::Limits::default();
    limits.negotiation_timeout = core::time::Duration::from_secs(7);
    let mut talk = outgoing(OutgoingConfig::new().with_limits(limits.clone()));
    let events = talk.waits(7);
    let ended = Talk::<xmppwire::s2s::Outgoing>::ended(&events);
    assert_eq!(*ended, CloseReason::TimedOut(Timer::Negotiation));
    let mut talk = incoming(config().with_limits(limits));
    let events = talk.waits(7);
    let ended = Talk::<xmppwire::s2s::Incoming>::ended(&events);
    assert_eq!(*ended, CloseReason::TimedOut(Timer::Negotiation));
}

#[test]
fn long_keys_and_ids_are_refused() {
    let long = "k".repeat(1025);
    for xml in [
        format!("<db:result from='a.example' to='b.example'>{long}</db:result>"),
        format!("<db:verify from='a.example' to='b.example' id='{long}'>k</db:verify>"),
    ] {
        let (mut talk, _) = opened(policy());
        let events = talk.reads(&xml);
        let failed = Talk::<xmppwire::s2s::Incoming>::failed(&events);
        assert_eq!(failed, StreamErrorCondition::PolicyViolation);
    }
    let mut talk = outgoing_secured(OutgoingConfig::new().with_dialback(secret()), None);
    let events = talk.reads(&(response(&long) + &features(DIALBACK)));
    let failed = Talk::<xmppwire::s2s::Outgoing>::failed(&events);
    assert_eq!(failed, StreamErrorCondition::PolicyViolation);
}

/// A peer that has proved its domain may send stanzas up to the size of `after_authentication`.
#[test]
fn a_proven_peer_may_send_large_stanzas() {
    let (mut talk, _) = authorised(policy());
    let body = "x".repeat(
        xmppwire::Limits::default()
            .before_authentication
            .max_stanza_bytes,
    );
    let events = talk.reads(&format!(
        "<message from='u@a.example' to='v@b.example'><body>{body}</body></message>"
    ));
    assert!(
        matches!(&events[..], [IncomingEvent::Stanza(_)]),
        "{events:?}"
    );
}

#[test]
fn a_stream_that_proves_nothing_ends() {
    let (mut talk, _) = opened(policy());
    let events = talk.waits(61);
    let reason = Talk::<xmppwire::s2s::Incoming>::ended(&events);
    assert_eq!(*reason, CloseReason::TimedOut(Timer::Negotiation));

    let (mut talk, _) = authorised(policy());
    let events = talk.waits(3_600);
    assert!(events.is_empty(), "{events:?}");
}

/// The answer to a ping would arrive on another stream, so white space is sent and nothing is
/// awaited.
#[test]
fn a_silent_server_gets_white_space() {
    let mut outgoing = ready(OutgoingConfig::new().with_dialback(secret()));
    outgoing.wrote();
    outgoing.connection.set_keep_alive(Some(KeepAlive::ping()));
    let (mut incoming, _) = authorised(policy());
    incoming.connection.set_keep_alive(Some(KeepAlive::ping()));
    for _ in 0..3 {
        assert!(outgoing.waits(300).is_empty());
        assert_eq!(outgoing.wrote(), " ");
        assert!(incoming.waits(300).is_empty());
        assert_eq!(incoming.wrote(), " ");
    }
}
