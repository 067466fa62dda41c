//! What a client or component may not send (RFC 6120 §8), and what a server passes on all the same.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod bound;

use bound::{bound, bound_server};
use xmppwire::{
    ApiMisuse, Element, InvalidStanza, Iq, Limits, Message, Presence, Stanza, StanzaError,
    StanzaErrorCondition, ns,
};

fn element(text: &str) -> Element {
    let all = Element::parse_fragment(text, ns::CLIENT, &xmppwire::XmlLimits::default());
    all.unwrap().remove(0)
}

fn chat() -> Message {
    Message::chat("romeo@example.net", "Ciao").unwrap()
}

fn stanza() -> Stanza {
    chat().into()
}

/// Payloads and the reason for which a stanza with one of them is not sent.
fn forbidden() -> Vec<(Stanza, InvalidStanza)> {
    let error = |content: &str| {
        let error = element(&format!("<error type='cancel'>{content}</error>"));
        let reply = chat().with_type(xmppwire::MessageType::Error);
        let reply: Stanza = reply.with_payload(&error).into();
        reply
    };
    let defined = "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>";
    use InvalidStanza as I;
    vec![
        // §8.3.1
        (
            chat().with_payload(&element("<error/>")).into(),
            I::StrayError,
        ),
        (Iq::get("1", &element("<error/>")).into(), I::StrayError),
        // §8.3.2
        (error(""), I::NoCondition),
        (error("<x xmlns='urn:example'/>"), I::NoCondition),
        (
            error("<soaked xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"),
            I::NoCondition,
        ),
        (error(&format!("{defined}<x/>")), I::PayloadNamespace),
        (
            error(&format!("{defined}<x xmlns=''/>")),
            I::PayloadNamespace,
        ),
        // §8.4
        (
            Iq::get("1", &element("<query/>")).into(),
            I::PayloadNamespace,
        ),
        (
            Iq::set("1", &element("<query xmlns='jabber:server'/>")).into(),
            I::PayloadNamespace,
        ),
        (
            chat().with_payload(&element("<x xmlns=''/>")).into(),
            I::PayloadNamespace,
        ),
        (
            chat().with_payload(&element("<show>away</show>")).into(),
            I::PayloadNamespace,
        ),
        (
            Presence::available()
                .with_payload(&element("<x xmlns='http://etherx.jabber.org/streams'/>"))
                .into(),
            I::PayloadNamespace,
        ),
        // §8.1.5
        (chat().with_lang("no tag!").into(), I::Lang),
        (chat().with_lang(&"x".repeat(36)).into(), I::Lang),
    ]
}

#[test]
fn a_client_does_not_send_what_breaks_the_rules() {
    let mut client = bound(Limits::default());
    for (stanza, why) in forbidden() {
        let sent = client.send(&stanza);
        assert_eq!(sent, Err(ApiMisuse::InvalidStanza(why)), "{stanza:?}");
        assert_eq!(client.output(), b"");
    }
    let application = element("<x xmlns='urn:example'/>");
    let error =
        StanzaError::new(StanzaErrorCondition::Gone).with_application_condition(application);
    let error = stanza().error_reply(&error).unwrap();
    let away = Presence::available().with_status("Out");
    let empty = chat().with_lang("");
    for stanza in [
        error,
        away.into(),
        empty.into(),
        chat().with_lang("de-CH").into(),
    ] {
        assert_eq!(client.send(&stanza), Ok(()), "{stanza:?}");
    }
}

/// RFC 6120 §8.4: a server passes on what another entity made.
#[test]
fn a_server_passes_on_what_breaks_the_rules() {
    let mut server = bound_server(Limits::default());
    for (stanza, _) in forbidden() {
        assert_eq!(server.send(&stanza), Ok(()), "{stanza:?}");
        assert!(!server.take_output().is_empty());
    }
}

/// RFC 6120 §8.3.2, §4.9.2.
#[test]
fn a_condition_of_the_application_has_a_namespace_of_its_own() {
    for own in ["<x/>", "<x xmlns=''/>", "<x xmlns='jabber:server'/>"] {
        let error = StanzaError::new(StanzaErrorCondition::Gone);
        let error = error.with_application_condition(element(own));
        let reply = stanza().error_reply(&error).unwrap();
        assert_eq!(reply.element().first_child().unwrap().children().count(), 1);
    }
}

/// RFC 3921 §3: a client of before RFC 6120 asks for a session, which it has. Binding is over, so a
/// second resource is refused. The application sees neither.
#[test]
fn requests_of_negotiation_to_the_server_are_answered_after_binding() {
    const SESSION: &str = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>";
    const BIND: &str = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
    for to in ["", " to='juliet@example.org'", " to='example.org'"] {
        for (payload, answer) in [(SESSION, "type='result'"), (BIND, "<not-allowed ")] {
            let mut server = bound_server(Limits::default());
            server.take_output();
            let request = format!("<iq type='set' id='7'{to}>{payload}</iq>");
            server.receive(xmppwire::Instant::ORIGIN, request.as_bytes());
            let output = String::from_utf8(server.take_output()).unwrap();
            assert!(
                output.contains(answer) && output.contains("id='7'"),
                "{output}"
            );
            assert!(server.poll_event().is_none());
        }
    }
}

/// The same to another entity is a stanza like any other.
#[test]
fn requests_of_negotiation_to_others_are_passed_on() {
    for to in [
        "romeo@example.net",
        "example.net",
        "nurse@example.org",
        "juliet@example.org/tomb",
    ] {
        for payload in ["session", "bind"] {
            let mut server = bound_server(Limits::default());
            server.take_output();
            let request = format!(
                "<iq type='set' id='7' to='{to}'>\
                 <{payload} xmlns='urn:ietf:params:xml:ns:xmpp-{payload}'/></iq>"
            );
            server.receive(xmppwire::Instant::ORIGIN, request.as_bytes());
            let event = server.poll_event();
            let passed = matches!(&event, Some(xmppwire::ServerEvent::Stanza(_)));
            assert!(passed, "{to} {event:?}");
            assert_eq!(server.output(), b"", "{to}");
        }
    }
}
