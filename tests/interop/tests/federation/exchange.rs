//! Stanzas of all kinds in both directions.

use xmppwire_tokio::{
    Element, Iq, Jid, Message, Presence, PresenceType, Stanza, StanzaError, StanzaErrorCondition,
    ns,
};

use crate::juliet::Juliet;
use crate::ours::{Ours, Setup};
use crate::shared::get;

/// Characters that XML escapes, and characters that are not ASCII.
const TEXT: &str = "<body> & ]]> \"it's\" \u{a0}é ẞ 漢字 \u{1F339}\u{200D} a\tb\nc";

fn ping(id: &str, to: Jid) -> Iq {
    Iq::get(id, &Element::builder("ping", ns::PING).build()).with_to(to)
}

/// Lets a user of the host and one of ours exchange a message, a presence, a request and an error
/// in each direction.
pub(crate) async fn exchange(ours: &mut Ours, host: &str) {
    let mut juliet = Juliet::at(host).await;
    from_ours(ours, &mut juliet, host).await;
    from_theirs(ours, &mut juliet).await;
}

/// An empty id is an id (RFC 6120 §8.2.3): it is delivered, and the answer repeats it.
#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn a_request_with_an_empty_id() {
    let mut ours = Setup::trusted("empty-id").start().await;
    ours.send(ping("", Jid::new(&get("HOST_SHA256")).unwrap()));
    assert_eq!(ours.stanza().await.id(), Some(""));

    let mut juliet = Juliet::at("HOST_SHA256").await;
    juliet.send(ping("", ours.jid("someone"))).await;
    let stanza = ours.stanza().await;
    assert_eq!(stanza.id(), Some(""));
    let Stanza::Iq(question) = &stanza else {
        panic!("{stanza:?}");
    };
    ours.send(question.result(None).expect("a question"));
    assert_eq!(juliet.iq().await.id(), Some(""));
    ours.close().await;
}

/// From our server to the other one.
pub(crate) async fn from_ours(ours: &mut Ours, juliet: &mut Juliet, host: &str) {
    ours.send(Message::chat(juliet.jid(), TEXT).with_id("m1"));
    let message = juliet.message().await;
    assert_eq!(message.body().as_deref(), Some(TEXT));
    assert_eq!(message.id(), Some("m1"));
    assert_eq!(message.from(), Some(&ours.jid("someone")));

    ours.send(
        Presence::available()
            .with_status("there")
            .with_to(juliet.jid()),
    );
    let presence = juliet.presence().await;
    assert_eq!(presence.status().as_deref(), Some("there"));
    assert_eq!(presence.from(), Some(&ours.jid("someone")));

    let theirs = Jid::new(&get(host)).unwrap();
    ours.send(ping("p1", theirs.clone()));
    let answer = ours.stanza().await;
    let Stanza::Iq(result) = &answer else {
        panic!("{answer:?}");
    };
    assert!(!result.is_error(), "{answer:?}");
    assert_eq!((answer.id(), answer.from()), (Some("p1"), Some(&theirs)));
    assert_eq!(answer.to(), Some(&ours.jid("someone")));

    let nobody = Jid::new(&format!("nobody@{theirs}")).unwrap();
    ours.send(Message::chat(nobody.clone(), "?").with_id("e1"));
    let error = ours.stanza().await;
    assert_eq!((error.id(), error.from()), (Some("e1"), Some(&nobody)));
    let condition = error.error().expect("an error").condition();
    assert_eq!(condition, StanzaErrorCondition::ServiceUnavailable);
}

/// From the other server to ours.
async fn from_theirs(ours: &mut Ours, juliet: &mut Juliet) {
    let someone = ours.jid("someone");
    let jid = juliet.jid();
    let from_juliet = |stanza: &Stanza| {
        assert_eq!(stanza.to(), Some(&someone));
        assert_eq!(stanza.from(), Some(&jid));
    };
    juliet
        .send(Message::chat(someone.clone(), TEXT).with_id("m2"))
        .await;
    let stanza = ours.stanza().await;
    from_juliet(&stanza);
    let Stanza::Message(message) = &stanza else {
        panic!("{stanza:?}");
    };
    assert_eq!(
        (message.body().as_deref(), message.id()),
        (Some(TEXT), Some("m2"))
    );

    let presence = Presence::available()
        .with_status("here")
        .with_to(someone.clone());
    juliet.send(presence).await;
    let stanza = ours.stanza().await;
    from_juliet(&stanza);
    let Stanza::Presence(presence) = &stanza else {
        panic!("{stanza:?}");
    };
    assert_eq!(presence.status().as_deref(), Some("here"));

    juliet.send(ping("p2", someone.clone())).await;
    let stanza = ours.stanza().await;
    from_juliet(&stanza);
    let Stanza::Iq(question) = &stanza else {
        panic!("{stanza:?}");
    };
    ours.send(question.result(None).expect("a question"));
    let result = juliet.iq().await;
    assert!(!result.is_error() && !result.is_request(), "{result:?}");
    assert_eq!((result.id(), result.from()), (Some("p2"), Some(&someone)));

    juliet
        .send(Message::chat(someone.clone(), "?").with_id("e2"))
        .await;
    let stanza = ours.stanza().await;
    let error = StanzaError::new(StanzaErrorCondition::ServiceUnavailable);
    ours.send(stanza.error_reply(&error).expect("an error"));
    let error = juliet.message().await;
    assert_eq!((error.id(), error.from()), (Some("e2"), Some(&someone)));
    let condition = error.error().expect("an error").condition();
    assert_eq!(condition, StanzaErrorCondition::ServiceUnavailable);

    // Leaving is told as well (RFC 6121 §4.6.3).
    let gone = Presence::unavailable().with_to(someone.clone());
    juliet.send(gone).await;
    let Stanza::Presence(presence) = ours.stanza().await else {
        panic!("presence");
    };
    assert_eq!(presence.presence_type(), Some(PresenceType::Unavailable));
}
