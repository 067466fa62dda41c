//! What is no value, and what has no element.

#![cfg(feature = "xmpp-parsers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use xmppwire::{Element, Iq, Jid, Message, Presence, StanzaErrorCondition, XmlLimits};
use xmppwire_xso::parsers::chatstates::ChatState;
use xmppwire_xso::parsers::delay::Delay;
use xmppwire_xso::parsers::disco::DiscoInfoQuery;
use xmppwire_xso::parsers::minidom;
use xmppwire_xso::parsers::nick::Nick;
use xmppwire_xso::parsers::stanza_id::StanzaId;
use xmppwire_xso::{Error, IqExt, MAX_DEPTH, StanzaExt, from_element, to_element};
use xso::{AsXml, FromXml};

fn element(text: &str) -> Element {
    text.parse().unwrap()
}

fn message() -> Message {
    Message::chat(Jid::new("romeo@example.net").unwrap(), "Ciao")
}

#[test]
fn another_element_is_a_mismatch_and_a_broken_one_invalid() {
    let error = from_element::<Delay>(&element("<x xmlns='urn:xmpp:delay'/>")).unwrap_err();
    assert!(matches!(error, Error::Mismatch { .. }), "{error:?}");
    assert_eq!(error.condition(), StanzaErrorCondition::ServiceUnavailable);
    assert!(error.to_string().contains("urn:xmpp:delay"), "{error}");

    for broken in [
        "<delay xmlns='urn:xmpp:delay'/>",
        "<delay xmlns='urn:xmpp:delay' stamp='yesterday'/>",
        "<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z' from='@'/>",
    ] {
        let error = from_element::<Delay>(&element(broken)).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{broken}: {error:?}");
        assert_eq!(error.condition(), StanzaErrorCondition::BadRequest);
    }
}

#[test]
fn a_stanza_has_any_number_of_payloads() {
    let id = |id: &str| StanzaId {
        id: id.into(),
        by: xmppwire_xso::parsers::jid::Jid::new("room.example.org").unwrap(),
    };
    let message = message()
        .with(&ChatState::Paused)
        .and_then(|message| message.with(&id("1")))
        .and_then(|message| message.with(&id("2")))
        .unwrap();
    // A type with several names.
    assert_eq!(message.get().unwrap(), Some(ChatState::Paused));
    let ids: Vec<StanzaId> = message.get_all().unwrap();
    let ids: Vec<_> = ids.iter().map(|id| id.id.as_str()).collect();
    assert_eq!(ids, ["1", "2"]);
    assert_eq!(message.get::<Delay>().unwrap(), None);
    assert_eq!(message.body().as_deref(), Some("Ciao"));

    let broken = element("<delay xmlns='urn:xmpp:delay' stamp='never'/>");
    let message = message.with_payload(&broken);
    assert!(message.get::<Delay>().is_err());
    assert!(message.get_all::<Delay>().is_err());

    let presence = Presence::available()
        .with(&Nick(String::from("R")))
        .unwrap();
    assert_eq!(presence.get::<Nick>().unwrap().unwrap().0, "R");
}

#[test]
fn an_empty_result_has_no_payload() {
    let query = DiscoInfoQuery { node: None };
    let request = Iq::get_with("1", &query).unwrap();
    assert!(request.parse::<DiscoInfoQuery>().is_ok());
    let empty = request.result(None).unwrap();
    let error = empty.parse::<DiscoInfoQuery>().unwrap_err();
    assert!(matches!(error, Error::Missing), "{error:?}");
    assert!(empty.result_with(&query).unwrap().is_none());
}

/// The language of the stanza is that of its payloads (RFC 6120 §8.1.5).
#[test]
fn payloads_have_the_language_of_the_stanza() {
    #[derive(FromXml, AsXml, Debug, PartialEq)]
    #[xml(namespace = "urn:example", name = "said")]
    struct Said {
        #[xml(lang)]
        lang: Option<String>,
        #[xml(text)]
        text: String,
    }
    let lang = |message: &Message| message.get::<Said>().unwrap().unwrap().lang;
    let plain = message().with_payload(&element("<said xmlns='urn:example'>Ciao</said>"));
    assert_eq!(lang(&plain.with_lang("it")).as_deref(), Some("it"));
    let own = element("<said xmlns='urn:example' xml:lang='de'>Tschau</said>");
    let own = message().with_lang("it").with_payload(&own);
    assert_eq!(lang(&own).as_deref(), Some("de"));
}

fn deep(levels: usize) -> Element {
    let mut builder = Element::builder("a", "urn:example");
    for _ in 1..levels {
        builder = builder.open_child("a");
    }
    builder.build()
}

#[test]
fn depth_is_limited_both_ways() {
    let dom: minidom::Element = from_element(&deep(MAX_DEPTH)).unwrap();
    assert_eq!(to_element(&dom).unwrap(), deep(MAX_DEPTH));
    for levels in [MAX_DEPTH + 1, 100_000] {
        let error = from_element::<minidom::Element>(&deep(levels)).unwrap_err();
        assert!(matches!(error, Error::TooDeep), "{error:?}");
    }
    let outer = minidom::Element::builder("a", "urn:example")
        .append(dom)
        .build();
    assert!(matches!(to_element(&outer), Err(Error::TooDeep)));
    // No stanza of a stream under the default limits is that deep.
    assert!(XmlLimits::default().max_depth < MAX_DEPTH);
}

#[test]
fn only_one_element_is_an_element() {
    let none: Option<Delay> = None;
    assert!(matches!(to_element(&none), Err(Error::NotOne)));
}

#[test]
fn names_that_only_a_program_can_build_are_refused() {
    let bad = Element::builder("not a name", "urn:example").build();
    let error = from_element::<minidom::Element>(&bad).unwrap_err();
    assert!(matches!(error, Error::Name), "{error:?}");
}
