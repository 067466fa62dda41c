//! Ways to pose as another server, one a test (XEP-0220 §3.1, XEP-0288 §4).

use xmppwire::s2s::{
    Incoming, IncomingEvent, OutgoingConfig, OutgoingEvent, Verdict, VerifyRequest,
};
use xmppwire::{ApiMisuse, StreamErrorCondition};

use crate::support::*;

fn new() -> OutgoingConfig {
    OutgoingConfig::new()
}

/// The attack of 2012: the peer says itself that it is authorised.
#[test]
fn the_initiating_server_cannot_authorise_itself() {
    for answer in [
        "<db:result from='b.example' to='a.example' type='valid'/>",
        "<db:result from='a.example' to='b.example' type='valid'/>",
        "<db:verify from='a.example' to='b.example' id='1' type='valid'/>",
        "<db:verify from='b.example' to='a.example' id='1' type='valid'/>",
    ] {
        let (mut talk, _) = opened(policy());
        let events = talk.reads(answer);
        assert!(
            matches!(&events[..], [IncomingEvent::Unsolicited(_)]),
            "{events:?}"
        );
        assert_eq!(talk.wrote(), "");
        let events = talk.reads(A_TO_B);
        let failed = Talk::<Incoming>::failed(&events);
        assert_eq!(failed, StreamErrorCondition::NotAuthorized);
    }
}

/// The answer of the authoritative server counts only on the stream to it.
#[test]
fn a_verdict_on_the_stream_of_the_key_is_none() {
    let (mut talk, id) = opened(policy());
    let _request = talk.asks(&key("a.example", "b.example", &id));
    let forged = format!("<db:verify from='a.example' to='b.example' id='{id}' type='valid'/>");
    let events = talk.reads(&forged);
    assert!(matches!(&events[..], [IncomingEvent::Unsolicited(_)]));
    let ours = pair("a.example", "b.example");
    assert_eq!(talk.connection.authorised(&ours), None);
}

#[test]
fn a_pair_that_was_not_asked_for_is_not_ready() {
    for answer in [
        valid("d.example", "b.example"),
        valid("a.example", "c.example"),
        // Not turned round.
        "<db:result from='a.example' to='b.example' type='valid'/>".into(),
    ] {
        let mut talk = asking(new());
        let events = talk.reads(&answer);
        assert!(
            matches!(&events[..], [OutgoingEvent::Unsolicited(_)]),
            "{events:?}"
        );
        let refused = Err(ApiMisuse::PairNotReady);
        for (from, to) in [
            ("u@a.example", "v@b.example"),
            ("u@d.example", "v@b.example"),
            ("u@a.example", "v@c.example"),
        ] {
            assert_eq!(talk.connection.send(&message(from, to)), refused);
        }
    }
}

/// Before the key is out no answer can be one to it.
#[test]
fn an_answer_before_the_key_is_none() {
    let config = new().with_dialback(secret()).with_certificate();
    let mut talk = outgoing_secured(config, None);
    talk.answers(&(response("r1") + &features(&format!("{EXTERNAL}{DIALBACK}"))));
    let events = talk.reads(&valid("a.example", "b.example"));
    let failed = Talk::<xmppwire::s2s::Outgoing>::failed(&events);
    assert_eq!(failed, StreamErrorCondition::NotAuthorized);
}

#[test]
fn an_answer_counts_once() {
    let mut talk = ready(new());
    let events = talk.reads(&valid("a.example", "b.example"));
    assert!(matches!(&events[..], [OutgoingEvent::Unsolicited(_)]));
    let events = talk.reads("<db:result from='b.example' to='a.example' type='invalid'/>");
    assert!(matches!(&events[..], [OutgoingEvent::Unsolicited(_)]));
    let stanza = message("u@a.example", "v@b.example");
    assert_eq!(talk.connection.send(&stanza), Ok(()));
}

#[test]
fn a_verdict_about_another_stream_or_pair_is_ignored() {
    let mut talk = ready(new());
    let ours = pair("b.example", "a.example");
    let request = VerifyRequest::new(ours, "s1".into(), "k".into());
    assert!(talk.connection.verify(request).is_ok());
    for (from, to, id) in [
        ("b.example", "a.example", "s2"),
        ("b.example", "a.example", ""),
        ("c.example", "a.example", "s1"),
        ("b.example", "c.example", "s1"),
        ("a.example", "b.example", "s1"),
    ] {
        let xml = format!("<db:verify from='{from}' to='{to}' id='{id}' type='valid'/>");
        let events = talk.reads(&xml);
        assert!(
            matches!(&events[..], [OutgoingEvent::Unsolicited(_)]),
            "{xml}"
        );
    }
    let events = talk.reads("<db:verify from='b.example' to='a.example' id='s1' type='valid'/>");
    assert!(matches!(&events[..], [OutgoingEvent::Verified(_)]));
}

/// Two streams ask for the same pair; the answer to one does not open the other.
#[test]
fn an_answer_for_one_stream_does_not_open_another() {
    let (mut honest, id) = opened(policy());
    let request = honest.asks(&key("a.example", "b.example", &id));

    let seed = xmppwire::Entropy::from_seed([9; 32]);
    let mut liar = incoming_secured_with(seed);
    let other = liar.accepts(&header(OUR_HEADER), policy());
    liar.wrote();
    assert_ne!(id, other);
    let _open = liar.asks(&key("a.example", "b.example", &id));
    assert!(
        !liar
            .connection
            .answer_verify(request.clone().answer(Verdict::Valid))
    );
    let ours = pair("a.example", "b.example");
    assert_eq!(liar.connection.authorised(&ours), None);
    assert!(
        honest
            .connection
            .answer_verify(request.answer(Verdict::Valid))
    );
    assert!(honest.connection.authorised(&ours).is_some());
}

/// A token that another machine of a cluster rebuilt says nothing here.
#[test]
fn a_made_up_answer_is_none() {
    let (mut talk, id) = opened(policy());
    let request = talk.asks(&key("a.example", "b.example", &id));
    let copy = VerifyRequest::new(
        request.pair().clone(),
        request.stream_id().into(),
        request.key().into(),
    );
    assert!(!talk.connection.answer_verify(copy.answer(Verdict::Valid)));
    assert!(
        talk.connection
            .answer_verify(request.clone().answer(Verdict::Valid))
    );
    assert!(
        !talk
            .connection
            .answer_verify(request.answer(Verdict::Valid)),
        "it counts once"
    );
}

/// STARTTLS begins a new stream, for which nothing was proven (RFC 6120 §5.4.3.3).
#[test]
fn what_was_verified_in_clear_text_is_forgotten_with_tls() {
    let optional = xmppwire::s2s::PeerPolicy::new(xmppwire::TlsOffer::Optional);
    let mut talk = incoming(config());
    let id = talk.accepts(&header(OUR_HEADER), optional.clone());
    let request = talk.asks(&key("a.example", "b.example", &id));
    talk.wrote();
    talk.connection.receive(talk.now, STARTTLS.as_bytes());
    assert_eq!(talk.wrote(), PROCEED);
    // Nothing may follow in clear text.
    assert!(
        !talk
            .connection
            .answer_verify(request.clone().answer(Verdict::Valid))
    );
    assert_eq!(talk.wrote(), "");
    talk.secures(None);
    assert!(
        !talk
            .connection
            .answer_verify(request.answer(Verdict::Valid))
    );
    talk.accepts(&header(OUR_HEADER), optional);
    let events = talk.reads(A_TO_B);
    let failed = Talk::<Incoming>::failed(&events);
    assert_eq!(failed, StreamErrorCondition::NotAuthorized);
}

/// SASL is not interrupted.
#[test]
fn an_answer_does_not_come_in_the_middle_of_sasl() {
    let mut talk = incoming_secured(config(), Some("d.example"));
    let id = talk.accepts(&header(OUR_HEADER), policy());
    talk.wrote();
    let request = talk.asks(&key("a.example", "b.example", &id));
    let wrote = talk.answers(&auth(""));
    let challenge = "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    assert_eq!(wrote, challenge);
    assert!(
        !talk
            .connection
            .answer_verify(request.answer(Verdict::Valid))
    );
    assert_eq!(talk.wrote(), "");
}

/// Names are compared as domains, not as spelled.
#[test]
fn another_spelling_is_no_other_domain() {
    let (mut talk, _) = authorised(policy());
    let events = talk.reads("<message from='u@A.EXAMPLE.' to='v@B.example'/>");
    assert!(
        matches!(&events[..], [IncomingEvent::Stanza(_)]),
        "{events:?}"
    );

    let mut talk = asking(new());
    let events = talk.reads("<db:result from='B.example.' to='A.EXAMPLE' type='valid'/>");
    assert!(
        matches!(&events[..], [OutgoingEvent::Ready(..)]),
        "{events:?}"
    );
}

/// A domain of this server cannot be had from outside, whoever would vouch for it.
#[test]
fn the_own_domains_are_not_to_be_had() {
    let (mut talk, id) = opened(policy());
    let expected = refused("c.example", "b.example", "modify", "not-acceptable");
    assert_eq!(talk.answers(&key("c.example", "b.example", &id)), expected);

    // Nor with a certificate of it.
    let mut talk = incoming_secured(config(), Some("c.example"));
    let events = talk.reads(&header("from='c.example' to='b.example' version='1.0'"));
    let failed = Talk::<Incoming>::failed(&events);
    assert_eq!(failed, StreamErrorCondition::InvalidFrom);
    let mut talk = incoming_secured(config(), Some("c.example"));
    talk.accepts(&header("to='b.example' version='1.0'"), policy());
    talk.wrote();
    let wrote = talk.answers(&auth("Yy5leGFtcGxl"));
    assert!(wrote.contains("<not-authorized/>"), "{wrote}");
}
