//! Replies: what is answered, by whom and to whom, and the setters behind it.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use xmppwire::{
    Element, Entropy, Iq, Jid, Message, MessageType, Presence, PresenceType, Show, Stanza,
    StanzaError, StanzaErrorCondition, ns,
};

const FORWARD: &str = "urn:xmpp:forward:0";
const CARBONS: &str = "urn:xmpp:carbons:2";

fn jid(jid: &str) -> Jid {
    Jid::new(jid).unwrap()
}

fn message(kind: MessageType) -> Message {
    Message::new("juliet@example.org/gone")
        .unwrap()
        .with_from("romeo@example.net/orchard")
        .unwrap()
        .with_type(kind)
        .with_thread("t1")
        .with_body("Wherefore?")
}

#[test]
fn a_reply_goes_back_in_the_same_conversation() {
    for (kind, to) in [
        (MessageType::Chat, "romeo@example.net/orchard"),
        (MessageType::Normal, "romeo@example.net/orchard"),
        (MessageType::Groupchat, "romeo@example.net"),
    ] {
        let reply = message(kind).reply("Here").unwrap();
        assert_eq!(reply.message_type(), kind);
        assert_eq!(reply.to(), Some(&jid(to)));
        assert_eq!(reply.from(), Some(&jid("juliet@example.org/gone")));
        assert_eq!(reply.thread().as_deref(), Some("t1"));
        assert_eq!(reply.body().as_deref(), Some("Here"));
        assert_eq!(reply.id(), None);
    }
}

#[test]
fn what_expects_no_reply_gets_none() {
    assert_eq!(message(MessageType::Headline).reply("Here"), None);
    let error = message(MessageType::Chat)
        .error_reply(&StanzaErrorCondition::Gone.into())
        .unwrap();
    assert_eq!(error.reply("Here"), None);
    let mut own = message(MessageType::Chat);
    own.set_from(None);
    assert_eq!(own.reply("Here"), None);
}

/// A carbon says nothing itself, whoever sends it: the message inside is a payload (XEP-0280 §11).
#[test]
fn a_carbon_has_no_body_and_no_thread() {
    let quoted: Stanza = message(MessageType::Chat).into();
    for from in ["juliet@example.org", "mallory@example.com"] {
        for copy in ["sent", "received"] {
            let carbon = Element::builder(copy, CARBONS)
                .open("forwarded", FORWARD)
                .append(quoted.element())
                .build();
            let carbon = Message::new("juliet@example.org/balcony")
                .unwrap()
                .with_from(jid(from))
                .with_payload(&carbon);
            assert_eq!(carbon.body(), None);
            assert_eq!(carbon.thread(), None);
        }
    }
}

#[test]
fn a_subscription_is_answered_between_bare_addresses() {
    let request = Presence::available()
        .with_type(PresenceType::Subscribe)
        .with_from(jid("romeo@example.net/orchard"))
        .with_to(jid("juliet@example.org"));
    for (allow, kind) in [
        (true, PresenceType::Subscribed),
        (false, PresenceType::Unsubscribed),
    ] {
        let answer = request.subscription_reply(allow).unwrap();
        assert_eq!(answer.presence_type(), Some(kind));
        assert_eq!(answer.to(), Some(&jid("romeo@example.net")));
        assert_eq!(answer.from(), Some(&jid("juliet@example.org")));
        assert_eq!(answer.subscription_reply(allow), None);
    }
    assert_eq!(Presence::available().subscription_reply(true), None);
}

#[test]
fn presence_without_a_type_is_available() {
    assert!(Presence::available().is_available());
    for kind in [PresenceType::Unavailable, PresenceType::Error] {
        let presence = Presence::available().with_type(kind);
        assert!(!presence.is_available());
        assert_eq!(presence.is_error(), kind == PresenceType::Error);
    }
}

#[test]
fn a_request_has_one_answer_and_an_answer_has_none() {
    let ping = Element::builder("ping", ns::PING).build();
    let request = Iq::get("p", &ping)
        .with_from(jid("romeo@example.net/orchard"))
        .with_to(jid("juliet@example.org/balcony"));
    let error = StanzaError::new(StanzaErrorCondition::ServiceUnavailable);
    let answers = [request.result(None), request.error_reply(&error)].map(Option::unwrap);
    for answer in answers {
        assert_eq!(answer.id(), Some("p"));
        assert_eq!(answer.to(), request.from());
        assert_eq!(answer.from(), request.to());
        assert_eq!(answer.result(None), None);
        assert_eq!(answer.error_reply(&error), None);
        let answer: Stanza = answer.into();
        assert_eq!(answer.unsupported_reply(), None);
    }
}

#[test]
fn a_text_is_replaced_and_one_in_a_language_added() {
    let message = message(MessageType::Chat)
        .with_body_in("de", "Wozu?")
        .with_body_in("DE", "Warum?")
        .with_subject("Names")
        .with_subject_in("de", "Namen");
    assert_eq!(message.body().as_deref(), Some("Wherefore?"));
    assert_eq!(message.body_in("de").as_deref(), Some("Warum?"));
    assert_eq!(message.body_in("cs"), None);
    assert_eq!(message.subject().as_deref(), Some("Names"));
    assert_eq!(message.subject_in("De").as_deref(), Some("Namen"));

    let message = message.with_body("Once").with_thread("t2");
    assert_eq!(message.body_in("de"), None);
    assert_eq!(
        message.element().to_xml(),
        "<message xmlns='jabber:client' to='juliet@example.org/gone' \
         from='romeo@example.net/orchard' type='chat'>\
         <subject>Names</subject><subject xml:lang='de'>Namen</subject>\
         <body>Once</body><thread>t2</thread></message>"
    );

    let presence = Presence::available()
        .with_status("Away")
        .with_status_in("de", "Fort")
        .with_show(Show::Away)
        .with_show(Show::Xa)
        .with_priority(5)
        .with_priority(-128);
    assert_eq!(presence.status().as_deref(), Some("Away"));
    assert_eq!(presence.status_in("de").as_deref(), Some("Fort"));
    assert_eq!(presence.show(), Some(Show::Xa));
    assert_eq!(presence.priority(), -128);
    assert_eq!(presence.element().children().count(), 4);
}

#[test]
fn ids_are_given_on_demand_and_differ() {
    let mut entropy = Entropy::from_seed([5; 32]);
    let one = message(MessageType::Chat).with_new_id(&mut entropy);
    let two = Presence::available().with_new_id(&mut entropy);
    assert!(one.id().is_some());
    assert_ne!(one.id(), two.id());
}
