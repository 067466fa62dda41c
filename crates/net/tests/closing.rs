//! What a client gives back when it closes a managed stream (XEP-0198, RFC 6120 §4.4).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use std::task::Poll;

use xmppwire::{Element, Iq, Jid, Limits, Message, Stanza, Unacknowledged};
use xmppwire_net::client::{Error, Session};
use xmppwire_net::link::Wired;

use support::{NOW, connector_with, session, written};

const ENABLED: &str = "<enabled xmlns='urn:xmpp:sm:3'/>";
const CLOSING_TAG: &str = "</stream:stream>";

fn message(text: &str) -> Stanza {
    Message::chat("romeo@example.net", text).unwrap().into()
}

/// The acknowledgement of that many stanzas.
fn acknowledged(count: u32) -> String {
    format!("<a xmlns='urn:xmpp:sm:3' h='{count}'/>")
}

/// A session whose server was asked to manage the stream, and has not answered.
fn unconfirmed() -> Session {
    session(
        &connector_with(Limits::new()),
        "<sm xmlns='urn:xmpp:sm:3'/>",
    )
}

fn managed() -> Session {
    let mut session = unconfirmed();
    session.wire().receive(NOW, ENABLED.as_bytes());
    assert!(session.poll_next(NOW).is_pending());
    session
}

/// Hears the rest of the stream, and then the end of the connection.
fn hear_the_end<T>(
    session: &mut Session,
    rest: &str,
    mut poll: impl FnMut(&mut Session) -> Poll<T>,
) -> T {
    session.wire().receive(NOW, rest.as_bytes());
    for _ in 0..3 {
        if let Poll::Ready(end) = poll(session) {
            return end;
        }
        written(session.wire());
        if session.wire().wants_shutdown() {
            session.wire().shut_down();
            session.wire().receive_eof();
        }
    }
    panic!("the stream goes on");
}

/// The same of a client that has begun to close: what that has come to.
fn end(session: &mut Session, rest: &str) -> Result<(), Error> {
    let end = hear_the_end(session, rest, |session| session.poll_closed(NOW));
    session.finish(NOW, end)
}

fn bodies(stanzas: Vec<Unacknowledged>) -> Vec<String> {
    let texts = stanzas.into_iter().map(|each| match each.stanza {
        Stanza::Message(message) => message.body().unwrap().into_owned(),
        other => panic!("{other:?}"),
    });
    texts.collect()
}

/// What comes back from a stream that was closed in order.
fn given_back(end: Result<(), Error>) -> Vec<String> {
    match end {
        Err(Error::Unacknowledged(left)) => {
            assert!(left.source.is_none(), "{:?}", left.source);
            bodies(left.stanzas)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_answers_before_it_closes_has_everything() {
    let mut session = managed();
    session.send(&message("one")).unwrap();
    session.close(NOW);
    let sent = written(session.wire());
    let (question, tag) = (sent.find("<r "), sent.find(CLOSING_TAG));
    assert!(question.is_some() && question < tag, "{sent}");
    end(&mut session, &(acknowledged(1) + CLOSING_TAG)).unwrap();
}

/// A server may ignore what arrives after its own closing tag, so its tag confirms nothing.
#[test]
fn what_crosses_the_closing_tag_of_the_server_comes_back() {
    let mut session = managed();
    session.send(&message("one")).unwrap();
    session.send(&message("two")).unwrap();
    written(session.wire());
    session.wire().receive(NOW, acknowledged(1).as_bytes());
    assert!(session.poll_next(NOW).is_pending());
    session.send(&message("three")).unwrap();
    session.close(NOW);
    assert_eq!(given_back(end(&mut session, CLOSING_TAG)), ["two", "three"]);
}

/// The server closes first.
#[test]
fn what_the_server_has_not_acknowledged_when_it_closes_comes_back() {
    for by_closing in [true, false] {
        let mut session = managed();
        session.send(&message("one")).unwrap();
        let next = hear_the_end(&mut session, CLOSING_TAG, |session| session.poll_next(NOW));
        assert!(next.unwrap().is_none());
        if by_closing {
            session.close(NOW);
            assert_eq!(given_back(end(&mut session, "")), ["one"]);
        } else {
            assert_eq!(bodies(session.take_unacknowledged()), ["one"]);
            assert!(session.take_unacknowledged().is_empty());
        }
    }
}

/// Management begins with the request for it, so the server answers the question as well.
#[test]
fn a_client_that_closes_before_the_server_agreed_asks_too() {
    let mut session = unconfirmed();
    session.send(&message("one")).unwrap();
    session.close(NOW);
    let sent = written(session.wire());
    assert!(sent.contains("<r "), "{sent}");
    let rest = format!("{ENABLED}{}{CLOSING_TAG}", acknowledged(1));
    end(&mut session, &rest).unwrap();
}

/// A stream that its server does not manage says no more than that it was closed in order.
#[test]
fn without_management_an_orderly_end_is_enough() {
    const FAILED: &str = "<failed xmlns='urn:xmpp:sm:3'><unexpected-request \
        xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";
    let mut session = unconfirmed();
    session.send(&message("one")).unwrap();
    session.close(NOW);
    // The second one answers the question.
    end(&mut session, &format!("{FAILED}{FAILED}{CLOSING_TAG}")).unwrap();
}

#[test]
fn a_request_does_not_come_back() {
    let mut session = managed();
    let payload = Element::builder("question", "urn:example:question").build();
    let question = Iq::get("", &payload).with_to(Jid::new("example.org").unwrap());
    let _id = session.begin_request(NOW, &question).unwrap();
    session.close(NOW);
    end(&mut session, CLOSING_TAG).unwrap();
}
