//! Stanzas after the login.

use xmppwire_test_support::adapter::Session;
use xmppwire_tokio::{
    Element, Iq, Jid, Message, Mode, Presence, PresenceType, RequestError, Stanza,
    StanzaErrorCondition, ns,
};

use crate::environment::{Account, MODES, connector};

/// Characters that XML escapes, and characters that are not ASCII. There is no carriage return:
/// Prosody 0.12 and ejabberd 23.01 write it unescaped, so that it arrives as a line feed.
const TEXT: &str = "<body> & ]]> \"it's\" \u{a0}é ẞ 漢字 \u{1F339}\u{200D} a\tb\nc";

fn juliet<C: Session>(mode: Mode) -> C {
    C::connect_with(&connector(Account::juliet().config("HOST_SHA256"), mode))
        .expect("juliet logs in")
}

fn romeo<C: Session>(mode: Mode) -> C {
    C::connect_with(&connector(Account::romeo().config("HOST_SHA256"), mode))
        .expect("romeo logs in")
}

/// The next message; other stanzas before it are ignored.
fn message<C: Session>(session: &mut C) -> Message {
    loop {
        if let Stanza::Message(message) = session.expect() {
            return message;
        }
    }
}

pub(crate) fn message_to_self<C: Session>() {
    for mode in MODES {
        let mut juliet = juliet::<C>(mode);
        let payload = Element::builder("x", "urn:example:odd")
            .attr("quote", "'\"<>& é")
            .text(TEXT)
            .build();
        let sent = Message::chat(juliet.address().clone(), TEXT)
            .with_id("42 & more")
            .with_lang("it")
            .with_payload(&payload);
        juliet.send(sent).expect("it is sent");
        let got = message(&mut juliet);
        assert_eq!(got.body().as_deref(), Some(TEXT));
        assert_eq!(got.id(), Some("42 & more"));
        assert_eq!(got.lang(), Some("it"));
        assert_eq!(got.from(), Some(&Jid::from(juliet.address().clone())));
        let odd = got.payload("x", "urn:example:odd").expect("the payload");
        assert_eq!(odd.to_element(), payload);
        juliet.close().expect("an orderly end");
    }
}

pub(crate) fn message_to_another<C: Session>() {
    let (mut juliet, mut romeo) = (juliet::<C>(Mode::StartTls), romeo::<C>(Mode::DirectTls));
    juliet
        .send(Message::chat(
            romeo.address().clone(),
            "Wherefore art thou?",
        ))
        .expect("it is sent");
    let question = message(&mut romeo);
    assert_eq!(question.from(), Some(&Jid::from(juliet.address().clone())));
    let reply = question.reply("Here.").expect("it has a sender");
    romeo.send(reply).expect("it is sent");
    assert_eq!(message(&mut juliet).body().as_deref(), Some("Here."));
}

fn question(id: &str, to: impl Into<Jid>) -> Iq {
    let to: Jid = to.into();
    Iq::get(id, &Element::builder("ping", ns::PING).build()).with_to(to)
}

pub(crate) fn ping_the_host<C: Session>(session: &mut C) {
    let host = Jid::new(session.address().domainpart()).expect("a domain");
    let answer = session.request(question("", host)).expect("an answer");
    assert_eq!(answer.child(), None);
}

pub(crate) fn ping<C: Session>() {
    for mode in MODES {
        let mut juliet = juliet::<C>(mode);
        ping_the_host(&mut juliet);
        // One client asks another client, over the server. It answers those who see its presence.
        let mut romeo = romeo::<C>(mode);
        let shown = Presence::available().with_to(juliet.address().clone());
        romeo.send(shown).expect("it is sent");
        romeo.flush().expect("it is written");
        let Stanza::Presence(_) = juliet.expect() else {
            panic!("a presence");
        };
        let question = question("p1", romeo.address().clone());
        juliet.send(question).expect("it is sent");
        let end = Message::chat(romeo.address().clone(), "answered?");
        juliet.send(end).expect("it is sent");
        juliet.flush().expect("it is written");
        // The question comes before the message, so it is answered when the message is given.
        message(&mut romeo);
        romeo.flush().expect("it is written");
        let Stanza::Iq(answer) = juliet.expect() else {
            panic!("an answer");
        };
        assert_eq!((answer.id(), answer.is_error()), (Some("p1"), false));
        assert_eq!(answer.from(), Some(&Jid::from(romeo.address().clone())));
    }
}

pub(crate) fn refused_request<C: Session>() {
    let mut juliet = juliet::<C>(Mode::StartTls);
    let host = Jid::new(juliet.address().domainpart()).expect("a domain");
    let unknown = Element::builder("query", "urn:example:unknown").build();
    match juliet.request(Iq::get("", &unknown).with_to(host)) {
        Err(RequestError::Refused(error)) => {
            assert_eq!(error.condition(), StanzaErrorCondition::ServiceUnavailable);
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn presence<C: Session>() {
    let mut juliet = juliet::<C>(Mode::DirectTls);
    juliet.send(Presence::available()).expect("it is sent");
    let address = juliet.address().clone().into();
    assert_eq!(presence_of(&mut juliet, &address).presence_type(), None);
    // The first session is told of the second session and of its end.
    let mut other = self::juliet::<C>(Mode::StartTls);
    other.send(Presence::available()).expect("it is sent");
    let address = other.address().clone().into();
    assert_eq!(presence_of(&mut juliet, &address).presence_type(), None);
    other.close().expect("an orderly end");
    let goes = presence_of(&mut juliet, &address);
    assert_eq!(goes.presence_type(), Some(PresenceType::Unavailable));
}

/// The next presence from this address. A server keeps the sessions of other tests whose connections
/// were cut, and tells of them too.
fn presence_of<C: Session>(session: &mut C, address: &Jid) -> Presence {
    loop {
        match session.expect() {
            Stanza::Presence(presence) if presence.from() == Some(address) => return presence,
            Stanza::Presence(_) => {}
            other => panic!("no presence: {other:?}"),
        }
    }
}

/// More bytes than all buffers on the way hold.
pub(crate) fn burst<C: Session>() {
    let mut juliet = juliet::<C>(Mode::StartTls);
    let body = "x".repeat(20_000);
    for number in 0..200 {
        let to = juliet.address().clone();
        let message = Message::chat(to, format!("{number} {body}"));
        juliet.send(message).expect("it is sent");
    }
    for number in 0..200 {
        let got = message(&mut juliet);
        let text = got.body().expect("a body");
        assert_eq!(text.len(), format!("{number} ").len() + body.len());
        assert!(text.starts_with(&format!("{number} ")), "in order");
    }
    juliet.close().expect("an orderly end");
}
