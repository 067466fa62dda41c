//! What both ends do alike: what they tell of the other one, how they check it, and how they close.

use core::time::Duration;

use xmppwire::component::{HostConfig, HostEvent, Terms};
use xmppwire::{CloseReason, Instant, Limits, Role, RoleEvent, StreamErrorCondition, Timer};

use crate::support::*;

fn at(seconds: u64) -> Instant {
    Instant::from_origin(Duration::from_secs(seconds))
}

/// Elements that end an open stream, and are ignored behind the own closing tag (RFC 6120 §4.4).
fn ends<R: Role>(talk: impl Fn() -> Talk<R>) {
    for misplaced in [
        "<other xmlns='urn:example:other'/>",
        "<r xmlns='urn:xmpp:sm:3'/>",
    ] {
        let mut open = talk();
        let events = open.reads(misplaced);
        let failed = open.failed(&events);
        assert_eq!(failed, StreamErrorCondition::UnsupportedStanzaType);

        let mut closing = talk();
        closing.connection.close(Instant::ORIGIN, None);
        assert_eq!(closing.wrote(), "</stream:stream>");
        assert_eq!(closing.answers(misplaced), "");
        let events = closing.reads("</stream:stream>");
        let end = events.last().and_then(RoleEvent::close_reason);
        assert_eq!(end, Some(&CloseReason::Local), "{misplaced}");
    }
}

#[test]
fn what_crosses_the_closing_tag_is_not_judged() {
    for piece in PIECES {
        ends(|| attached(config(), piece));
        ends(|| hosting(terms(), piece));
    }
}

/// A server whose header has no id has some seconds to say why. A component that closes meanwhile
/// waits for the closing tag alone.
#[test]
fn a_component_that_closes_does_not_judge_the_header() {
    let mut talk = component(config(), 7);
    talk.answers(&header("from='gate.example'"));
    talk.connection.handle_timeout(at(0));
    talk.connection.close(at(3), None);
    talk.connection.handle_timeout(at(5));
    assert!(talk.connection.poll_event().is_none());
    assert_eq!(talk.wrote(), "</stream:stream>");
    let events = talk.reads("</stream:stream>");
    let end = events.last().and_then(RoleEvent::close_reason);
    assert_eq!(end, Some(&CloseReason::Local));
}

#[test]
fn a_component_knows_the_language_of_its_server() {
    for (lang, told) in [("", None), ("xml:lang='de'", Some("de"))] {
        let mut talk = component(config(), 7);
        talk.answers(&header(&format!(
            "from='gate.example' id='c0ffee42' {lang}"
        )));
        assert_eq!(talk.connection.stream_lang(), told);
    }
}

/// Where no ping can be sent, white space makes TCP find out, on an open stream that is attached.
#[test]
fn a_server_without_a_name_is_checked_by_white_space() {
    let check = |talk: &mut Talk<_>| {
        let patience = Duration::from_secs(5);
        talk.connection.check_peer(at(1), patience);
        talk.wrote()
    };
    assert_eq!(check(&mut component(config(), 7)), "");
    let mut talk = attached(config(), 7);
    assert_eq!(check(&mut talk), " ");
    // Nothing is awaited.
    assert_eq!(talk.connection.poll_timeout(), None);
    talk.connection.close(at(2), None);
    assert_eq!(talk.wrote(), "</stream:stream>");
    assert_eq!(check(&mut talk), "");
    talk.connection.receive_eof(at(3));
    assert_eq!(check(&mut talk), "");
}

/// The language of a stanza is its own, or else that of the component's header.
#[test]
fn a_stanza_keeps_its_own_language() {
    for (own, told) in [("", "de"), ("xml:lang='fr'", "fr")] {
        let mut talk = host_of(HostConfig::new(), 1, 7);
        let mut events = talk.reads(&header("to='gate.example' xml:lang='de'"));
        let Some(HostEvent::Opened(request)) = events.pop() else {
            panic!("{events:?}");
        };
        let stanza = format!("<message from='gate.example' to='example.org' {own}/>");
        let mut talk = serves(talk, request, terms());
        let events = talk.reads(&stanza);
        let [HostEvent::Stanza(stanza)] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(stanza.lang(), Some(told));
    }
}

/// Lets the component of that question attach.
fn serves(
    mut talk: Talk<xmppwire::component::Host>,
    request: xmppwire::component::DomainRequest,
    terms: Terms,
) -> Talk<xmppwire::component::Host> {
    use xmppwire::component::{AttachAnswer, DomainAnswer, Secret};
    let answer = DomainAnswer::Serve(terms);
    talk.connection.answer_domain(request, answer).unwrap();
    let wrote = talk.wrote();
    let id = wrote.split_once("id='").unwrap().1;
    let proof = Secret::new(SECRET).handshake(id.split_once('\'').unwrap().0);
    let mut events = talk.reads(&format!("<handshake>{proof}</handshake>"));
    let Some(HostEvent::Attach(request)) = events.pop() else {
        panic!("{events:?}");
    };
    let answer = AttachAnswer::Accept;
    talk.connection.answer_attach(request, answer).unwrap();
    talk.wrote();
    talk
}

#[test]
fn a_host_has_the_language_and_the_limits_that_it_is_given() {
    for (lang, told) in [("de", "de"), ("not a tag", "en")] {
        let mut talk = host_of(HostConfig::new().with_lang(lang), 1, 7);
        talk.reads(&header_in("jabber:client", "to='gate.example'"));
        let wrote = talk.wrote();
        assert!(wrote.contains(&format!("xml:lang='{told}'")), "{wrote}");
    }
    let mut limits = Limits::default();
    limits.negotiation_timeout = Duration::from_secs(7);
    let mut talk = host_of(HostConfig::new().with_limits(limits), 1, 7);
    let events = talk.waits(7);
    let end = events.last().and_then(RoleEvent::close_reason);
    assert_eq!(end, Some(&CloseReason::TimedOut(Timer::Negotiation)));
}
