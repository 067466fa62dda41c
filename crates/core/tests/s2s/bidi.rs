//! Streams that carry stanzas in both directions (XEP-0288).

use xmppwire::s2s::{
    Incoming, IncomingEvent, Outgoing, OutgoingConfig, OutgoingEvent, PairAdded, Trust, Verdict,
};
use xmppwire::{ApiMisuse, CloseReason, Instant, StreamErrorCondition};

use crate::support::*;

const BIDI: &str = "<bidi xmlns='urn:xmpp:bidi'/>";
const FEATURE: &str = "<bidi xmlns='urn:xmpp:features:bidi'/>";

fn new() -> OutgoingConfig {
    OutgoingConfig::new().with_dialback(secret()).with_bidi()
}

#[test]
fn it_is_asked_for_before_authentication() {
    let mut talk = outgoing_secured(new().with_certificate(), Some("b.example"));
    let opened = response("r1") + &features(&format!("{EXTERNAL}{FEATURE}"));
    assert_eq!(
        talk.answers(&opened),
        format!("{BIDI}{}", auth(A_IN_BASE64))
    );
    talk.answers(SUCCESS);
    let events = talk.reads(&(response("r2") + &features("")));
    let ours = pair("a.example", "b.example");
    assert!(
        matches!(&events[..], [OutgoingEvent::Ready(out, Trust::Certificate), OutgoingEvent::Authorised(back, _)]
            if *out == ours && *back == ours.inverse()),
        "{events:?}"
    );
    let events = talk.reads("<message from='v@b.example' to='u@a.example'/>");
    assert!(
        matches!(&events[..], [OutgoingEvent::Stanza(_)]),
        "{events:?}"
    );
}

#[test]
fn it_is_not_asked_for_in_clear_text_that_tls_follows() {
    let mut talk = outgoing(new());
    let opened = response("r1") + &features(&format!("{STARTTLS}{FEATURE}"));
    assert_eq!(talk.answers(&opened), STARTTLS);
}

#[test]
fn a_peer_that_does_not_offer_it_is_not_asked() {
    let mut talk = outgoing_secured(new(), None);
    let opened = response("r1") + &features(DIALBACK);
    assert_eq!(talk.answers(&opened), key("a.example", "b.example", "r1"));
}

/// The stanzas of the peer are confined to the inverse of what was negotiated.
#[test]
fn the_peer_speaks_for_its_own_domain_alone() {
    for (from, to, condition) in [
        (
            "v@c.example",
            "u@a.example",
            StreamErrorCondition::InvalidFrom,
        ),
        (
            "u@a.example",
            "v@b.example",
            StreamErrorCondition::InvalidFrom,
        ),
        (
            "v@b.example",
            "u@c.example",
            StreamErrorCondition::HostUnknown,
        ),
    ] {
        let mut talk = bidi_ready();
        let events = talk.reads(&format!("<message from='{from}' to='{to}'/>"));
        assert_eq!(Talk::<Outgoing>::failed(&events), condition);
    }
}

/// A stream on which both sides may send.
pub(crate) fn bidi_ready() -> Talk<Outgoing> {
    let mut talk = outgoing_secured(new(), None);
    let opened = response("r1") + &features(&format!("{DIALBACK}{FEATURE}"));
    let wrote = talk.answers(&opened);
    assert_eq!(
        wrote,
        BIDI.to_owned() + &key("a.example", "b.example", "r1")
    );
    let events = talk.reads(&valid("a.example", "b.example"));
    assert_eq!(events.len(), 2, "{events:?}");
    talk
}

#[test]
fn the_peer_sends_nothing_before_it_is_known() {
    let mut talk = outgoing_secured(new(), None);
    let opened = response("r1") + &features(&format!("{DIALBACK}{FEATURE}"));
    talk.answers(&opened);
    let events = talk.reads("<message from='v@b.example' to='u@a.example'/>");
    let failed = Talk::<Outgoing>::failed(&events);
    assert_eq!(failed, StreamErrorCondition::NotAuthorized);
}

#[test]
fn the_peer_may_ask_for_further_domains() {
    let mut talk = bidi_ready();
    let events = talk.reads(&key("c.b.example", "a.example", "r1"));
    let Ok([OutgoingEvent::Verify(request)]) = <[_; 1]>::try_from(events) else {
        panic!();
    };
    assert_eq!(*request.pair(), pair("c.b.example", "a.example"));
    let shown = format!("{request:?}");
    assert!(
        shown.contains("c.b.example") && !shown.contains(request.key()),
        "{shown}"
    );
    // The stream that the key came on is not the one to ask.
    assert!(talk.connection.verify(request.clone()).is_err());
    assert!(
        talk.connection
            .answer_verify(request.answer(Verdict::Valid))
    );
    assert_eq!(talk.wrote(), valid("c.b.example", "a.example"));
    let events = talk.reads("<message from='x@c.b.example' to='u@a.example'/>");
    assert!(
        matches!(
            &events[..],
            [
                OutgoingEvent::Authorised(..),
                OutgoingEvent::Ready(..),
                OutgoingEvent::Stanza(_)
            ]
        ),
        "{events:?}"
    );
    // To a domain that it did not let in it may not.
    let expected = refused("c.b.example", "z.example", "cancel", "item-not-found");
    assert_eq!(
        talk.answers(&key("c.b.example", "z.example", "r1")),
        expected
    );
}

/// Both sides know as whom they may send, and as whom the peer may.
#[test]
fn each_direction_has_its_trust() {
    let (out, back) = (
        pair("a.example", "b.example"),
        pair("b.example", "a.example"),
    );
    let trust = Some(Trust::Dialback { tls: true });
    let talk = bidi_ready();
    assert_eq!(talk.connection.ready(&out), trust);
    assert_eq!(talk.connection.authorised(&back), trust);
    assert_eq!(talk.connection.ready(&back), None);
    let (talk, _) = bidi_authorised();
    assert_eq!(talk.connection.authorised(&out), trust);
    assert_eq!(talk.connection.ready(&back), trust);
    assert_eq!(talk.connection.authorised(&back), None);
    // In one direction there is one.
    let talk = ready(OutgoingConfig::new());
    assert_eq!(talk.connection.ready(&out), trust);
    assert_eq!(talk.connection.authorised(&back), None);
    let (talk, _) = authorised(policy());
    assert_eq!(talk.connection.ready(&back), None);
}

/// Without bidirectional streams the peer has nothing to prove on this one.
#[test]
fn a_key_has_no_place_on_a_stream_in_one_direction() {
    for request in [
        key("c.example", "a.example", "r1"),
        "<db:verify from='b.example' to='a.example' id='r7'>k</db:verify>".to_owned(),
    ] {
        let events = ready(OutgoingConfig::new()).reads(&request);
        let failed = Talk::<Outgoing>::failed(&events);
        assert_eq!(failed, StreamErrorCondition::UnsupportedStanzaType);
        let mut talk = bidi_ready();
        assert!(talk.reads(&request).len() + talk.wrote().len() > 0);
        assert!(talk.connection.wants_read());
    }
}

/// Where the key of this side is not known to the machine, the application is asked about it.
#[test]
fn the_initiating_server_answers_for_its_keys() {
    let asked = |id: &str| {
        let config = OutgoingConfig::new().with_certificate().with_bidi();
        let mut talk = outgoing_secured(config, Some("b.example"));
        talk.answers(&(response("r1") + &features(&format!("{EXTERNAL}{FEATURE}"))));
        talk.answers(SUCCESS);
        talk.reads(&(response("r2") + &features("")));
        let question =
            format!("<db:verify from='b.example' to='a.example' id='{id}'>k</db:verify>");
        match <[_; 1]>::try_from(talk.reads(&question)) {
            Ok([OutgoingEvent::CheckKey(request)]) => (talk, request),
            other => panic!("{other:?}"),
        }
    };
    let (mut talk, request) = asked("r7");
    assert_eq!((request.stream_id(), request.key()), ("r7", "k"));
    let shown = format!("{request:?}");
    assert!(
        shown.contains("a.example") && !shown.contains("\"k\""),
        "{shown}"
    );
    let again = request.clone();
    assert!(talk.connection.answer_key(request, Verdict::Valid));
    assert_eq!(
        talk.wrote(),
        "<db:verify from='a.example' to='b.example' id='r7' type='valid'/>"
    );
    // It is answered once, and not behind the closing tag.
    assert!(!talk.connection.answer_key(again, Verdict::Valid));
    assert_eq!(talk.wrote(), "");
    let (mut talk, request) = asked("r8");
    talk.connection.close(Instant::ORIGIN, None);
    talk.wrote();
    assert!(!talk.connection.answer_key(request.clone(), Verdict::Valid));
    assert_eq!(talk.wrote(), "");
    let events = talk.reads("</stream:stream>");
    assert_eq!(Talk::<Outgoing>::ended(&events), &CloseReason::Local);
    assert!(!talk.connection.answer_key(request, Verdict::Valid));
}

/// The application takes one event before the next bytes are read.
#[test]
fn stanzas_wait_for_the_application() {
    const BACK: &str = "<message from='v@b.example' to='u@a.example'/>";
    let mut talk = bidi_ready();
    let two = BACK.repeat(2);
    let consumed = talk.connection.receive(talk.now, two.as_bytes());
    assert_eq!(consumed, BACK.len());
    assert!(!talk.connection.wants_read());
    assert!(matches!(
        talk.connection.poll_event(),
        Some(OutgoingEvent::Stanza(_))
    ));
    assert!(talk.connection.wants_read());
}

// --- The receiving side -----------------------------------------------------------------------

/// A stream whose peer asked for both directions and was authorised.
pub(crate) fn bidi_authorised() -> (Talk<Incoming>, String) {
    let (mut talk, id) = opened(policy().with_bidi());
    assert_eq!(talk.answers(BIDI), "");
    let request = talk.asks(&key("a.example", "b.example", &id));
    let back = message("v@b.example", "u@a.example");
    let refused = Err(ApiMisuse::PairNotReady);
    assert_eq!(
        talk.connection.send(&back),
        refused,
        "not before it is known"
    );
    assert!(
        talk.connection
            .answer_verify(request.answer(Verdict::Valid))
    );
    assert_eq!(talk.wrote(), valid("a.example", "b.example"));
    let events = talk.goes_on();
    assert!(
        matches!(
            &events[..],
            [IncomingEvent::Authorised(..), IncomingEvent::Ready(..)]
        ),
        "{events:?}"
    );
    assert_eq!(talk.connection.send(&back), Ok(()));
    assert!(talk.wrote().starts_with("<message "));
    (talk, id)
}

#[test]
fn the_receiving_server_answers_on_the_same_stream() {
    let (mut talk, _) = bidi_authorised();
    let events = talk.reads(A_TO_B);
    assert!(matches!(&events[..], [IncomingEvent::Stanza(_)]));
}

#[test]
fn the_receiving_server_may_ask_for_further_domains() {
    let (mut talk, id) = bidi_authorised();
    let added = talk.connection.add_pair(pair("c.example", "a.example"));
    assert_eq!(added, PairAdded::Asked);
    assert_eq!(talk.wrote(), key("c.example", "a.example", &id));
    let events = talk.reads(&valid("c.example", "a.example"));
    assert!(
        matches!(
            &events[..],
            [IncomingEvent::Ready(..), IncomingEvent::Authorised(..)]
        ),
        "{events:?}"
    );
    let stanza = message("x@c.example", "u@a.example");
    assert_eq!(talk.connection.send(&stanza), Ok(()));
    // Nobody proved to serve that one.
    let added = talk.connection.add_pair(pair("c.example", "z.example"));
    assert_eq!(added, PairAdded::NeedsOtherStream);
    // And an answer that was not asked for is none.
    let events = talk.reads(&valid("b.example", "z.example"));
    assert!(matches!(&events[..], [IncomingEvent::Unsolicited(_)]));
}

#[test]
fn it_has_to_be_offered() {
    let (mut talk, _) = opened(policy());
    let events = talk.reads(BIDI);
    let failed = Talk::<Incoming>::failed(&events);
    assert_eq!(failed, StreamErrorCondition::UnsupportedFeature);
}

#[test]
fn without_it_the_receiving_server_sends_nothing() {
    let (mut talk, _) = authorised(policy().with_bidi());
    let back = message("v@b.example", "u@a.example");
    assert_eq!(talk.connection.send(&back), Err(ApiMisuse::PairNotReady));
    let added = talk.connection.add_pair(pair("c.example", "a.example"));
    assert_eq!(added, PairAdded::NeedsOtherStream);
}

#[test]
fn it_survives_sasl_but_not_tls() {
    let mut talk = incoming_secured(config(), Some("a.example"));
    talk.accepts(&header(OUR_HEADER), policy().with_bidi());
    assert!(talk.wrote().contains(FEATURE));
    assert_eq!(talk.answers(BIDI), "");
    assert_eq!(talk.answers(&auth("=")), SUCCESS);
    let events = talk.reads(&header(OUR_HEADER));
    assert!(
        matches!(
            &events[..],
            [IncomingEvent::Authorised(..), IncomingEvent::Ready(..)]
        ),
        "{events:?}"
    );

    let optional = xmppwire::s2s::PeerPolicy::new(xmppwire::TlsOffer::Optional).with_bidi();
    let mut talk = incoming(config());
    talk.accepts(&header(OUR_HEADER), optional.clone());
    talk.wrote();
    assert_eq!(talk.answers(BIDI), "");
    talk.connection.receive(talk.now, STARTTLS.as_bytes());
    talk.wrote();
    talk.secures(Some("a.example"));
    talk.accepts(&header(OUR_HEADER), optional);
    talk.wrote();
    assert_eq!(talk.answers(&auth("=")), SUCCESS);
    let events = talk.reads(&header(OUR_HEADER));
    assert!(
        matches!(&events[..], [IncomingEvent::Authorised(..)]),
        "{events:?}"
    );
}
