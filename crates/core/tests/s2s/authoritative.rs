//! Verification of keys: the authoritative server, which answers (XEP-0220 §2.2.2), and the
//! receiving server, which asks (§2.1.2).

use xmppwire::s2s::{
    IncomingConfig, IncomingEvent, LocalDomains, Outgoing, OutgoingConfig, OutgoingEvent, Verdict,
    VerifyRequest,
};
use xmppwire::{CloseReason, StanzaErrorCondition};

use crate::support::*;

/// `d.example` asks whether `b.example` made a key for the pair from `b.example` to `d.example`.
fn question(id: &str, key: &str) -> String {
    format!("<db:verify from='d.example' to='b.example' id='{id}'>{key}</db:verify>")
}

fn answer(id: &str, kind: &str) -> String {
    format!("<db:verify from='b.example' to='d.example' id='{id}' type='{kind}'/>")
}

#[test]
fn a_key_is_valid_for_its_own_stream_and_pair() {
    let (mut talk, _) = opened(policy());
    let ours = pair("b.example", "d.example");
    let key = secret().key(&ours, "r7");
    assert_eq!(talk.answers(&question("r7", &key)), answer("r7", "valid"));
    let spaced = format!("\n   {key}\n");
    assert_eq!(
        talk.answers(&question("r7", &spaced)),
        answer("r7", "valid")
    );
    assert_eq!(talk.answers(&question("r8", &key)), answer("r8", "invalid"));
    let inverse = secret().key(&ours.inverse(), "r7");
    assert_eq!(
        talk.answers(&question("r7", &inverse)),
        answer("r7", "invalid")
    );
    assert_eq!(talk.answers(&question("r7", "")), answer("r7", "invalid"));
    // The stream was authorised for nothing all the while.
    let ours = pair("a.example", "b.example");
    assert_eq!(talk.connection.authorised(&ours), None);
}

#[test]
fn a_domain_that_is_not_served_is_an_error() {
    let (mut talk, _) = opened(policy());
    let wrote = talk.answers("<db:verify from='d.example' to='z.example' id='r7'>k</db:verify>");
    assert_eq!(
        wrote,
        "<db:verify from='z.example' to='d.example' id='r7' type='error'><error type='cancel'>\
         <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:verify>"
    );
}

#[test]
fn keys_in_clear_text_are_not_looked_at_where_tls_is_required() {
    let mut talk = incoming(config());
    talk.accepts(&header(OUR_HEADER), policy());
    talk.wrote();
    let wrote = talk.answers(&question("r7", "k"));
    assert!(wrote.contains("<policy-violation "), "{wrote}");
}

#[test]
fn the_application_may_answer_itself() {
    let domains: LocalDomains = ["b.example", "c.example"].map(domain).into_iter().collect();
    let mut talk = incoming_secured(IncomingConfig::new(domains), None);
    talk.accepts(&header(OUR_HEADER), policy());
    talk.wrote();
    let events = talk.reads(&question("r7", "k"));
    let Ok([IncomingEvent::CheckKey(request)]) = <[_; 1]>::try_from(events) else {
        panic!();
    };
    assert_eq!(*request.pair(), pair("b.example", "d.example"));
    assert_eq!((request.stream_id(), request.key()), ("r7", "k"));
    let again = request.clone();
    assert!(talk.connection.answer_key(request, Verdict::Valid));
    assert_eq!(talk.wrote(), answer("r7", "valid"));
    assert!(!talk.connection.answer_key(again, Verdict::Valid));
    assert_eq!(talk.wrote(), "");
}

// --- The server that asks ---------------------------------------------------------------------

/// The key of `b.example` for the stream `s1` to `a.example`.
fn request() -> VerifyRequest {
    VerifyRequest::new(pair("b.example", "a.example"), "s1".into(), "k".into())
}

const ASKED: &str = "<db:verify from='a.example' to='b.example' id='s1'>k</db:verify>";

fn verdict(kind: &str) -> String {
    format!("<db:verify from='b.example' to='a.example' id='s1' type='{kind}'/>")
}

/// Neither side needs to be authenticated.
#[test]
fn a_stream_may_serve_only_to_verify() {
    let config = OutgoingConfig::new().only_verifies();
    let mut talk = outgoing_secured(config, None);
    assert!(talk.connection.verify(request()).is_ok());
    let opened = response("r1") + &features(&format!("{EXTERNAL}{DIALBACK}"));
    assert_eq!(talk.answers(&opened), ASKED);
    let events = talk.reads(&verdict("valid"));
    let [OutgoingEvent::Verified(answer)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(*answer.verdict(), Verdict::Valid);
    assert_eq!(answer.pair(), request().pair());
    assert_eq!(answer.stream_id(), "s1");
}

/// As Prosody asks on the stream that it has, before that is authorised.
#[test]
fn a_stream_that_waits_for_its_own_pair_can_ask() {
    let mut talk = asking(OutgoingConfig::new());
    assert!(talk.connection.verify(request()).is_ok());
    assert_eq!(talk.wrote(), ASKED);
    let events = talk.reads(&(verdict("invalid") + &valid("a.example", "b.example")));
    assert!(
        matches!(&events[..], [OutgoingEvent::Verified(answer), OutgoingEvent::Ready(..)]
            if *answer.verdict() == Verdict::Invalid),
        "{events:?}"
    );
}

#[test]
fn only_the_authoritative_server_is_asked() {
    let mut talk = asking(OutgoingConfig::new());
    let foreign = VerifyRequest::new(pair("c.example", "a.example"), "s1".into(), "k".into());
    assert_eq!(talk.connection.verify(foreign.clone()), Err(foreign));
    assert_eq!(talk.wrote(), "");
}

#[test]
fn every_request_is_answered_in_the_end() {
    let timeout = Verdict::error(StanzaErrorCondition::RemoteServerTimeout);
    let mut talk = ready(OutgoingConfig::new());
    assert!(talk.connection.verify(request()).is_ok());
    let events = talk.waits(46);
    assert!(
        matches!(&events[..], [OutgoingEvent::Verified(answer)] if *answer.verdict() == timeout)
    );

    assert!(talk.connection.verify(request()).is_ok());
    let events = talk.reads("</stream:stream>");
    assert!(
        matches!(
            &events[..],
            [OutgoingEvent::Verified(answer), OutgoingEvent::Closed(CloseReason::Peer)]
                if *answer.verdict() == timeout
        ),
        "{events:?}"
    );
    assert_eq!(talk.connection.verify(request()), Err(request()));

    // The authoritative server does not know its domain.
    let mut talk = outgoing_secured(OutgoingConfig::new().only_verifies(), None);
    assert!(talk.connection.verify(request()).is_ok());
    let refusal =
        "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    let events = talk.reads(&(response("r1") + refusal));
    let not_found = Verdict::error(StanzaErrorCondition::RemoteServerNotFound);
    assert!(
        matches!(&events[..], [OutgoingEvent::Verified(answer), _] if *answer.verdict() == not_found)
    );
    assert!(matches!(
        Talk::<Outgoing>::ended(&events),
        CloseReason::PeerError(_)
    ));
}
