//! What a client does while its server acknowledges nothing (XEP-0198).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use xmppwire::{Limits, Message, Stanza, StreamManagement};
use xmppwire_net::client::Session;
use xmppwire_net::link::Wired;

use support::{NOW, connector_with, session, written};

fn hear(session: &mut Session, text: &str) {
    session.wire().receive(NOW, text.as_bytes());
    assert!(session.poll_next(NOW).is_pending());
}

/// RFC 6120 §8.2.3 requires an answer, whatever waits for an acknowledgement.
#[test]
fn requests_are_answered_while_the_queue_is_full() {
    let policy = StreamManagement::new().with_queue_bytes(64 * 1024);
    let connector = connector_with(Limits::new()).with_stream_management(policy);
    let mut session = session(&connector, "<sm xmlns='urn:xmpp:sm:3'/>");
    hear(&mut session, "<enabled xmlns='urn:xmpp:sm:3'/>");
    let body = "O".repeat(10_000);
    let long: Stanza = Message::chat("romeo@example.net", body).unwrap().into();
    while session.link().connection().room() > 0 {
        session.send(&long).unwrap();
        written(session.wire());
    }
    let ping = "<iq type='get' id='1' from='example.org'><ping xmlns='urn:xmpp:ping'/></iq>";
    hear(&mut session, ping);
    let answer = written(session.wire());
    assert!(answer.contains("type='result'"), "{answer:?}");
}
