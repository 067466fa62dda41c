//! A client that waits for the legacy session (RFC 3921 §3) keeps what arrives, within a bound.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use xmppwire::{
    Client, ClientConfig, ClientEvent, CloseReason, Connection, Entropy, Instant, Jid, Mechanism,
    MechanismPolicy, StreamErrorCondition, TlsInfo,
};

const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1' from='example.org'>";

fn tell(client: &mut Connection<Client>, text: &str) -> String {
    let consumed = client.receive(Instant::ORIGIN, text.as_bytes());
    assert_eq!(consumed, text.len());
    String::from_utf8(client.take_output()).unwrap()
}

fn id(request: &str) -> &str {
    let (_, rest) = request.split_once("id='").unwrap();
    rest.split_once('\'').unwrap().0
}

/// A client that has sent its session request, and the id of that.
fn waiting() -> (Connection<Client>, String) {
    let policy = MechanismPolicy::default().with_floor(Mechanism::Plain);
    let config = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t")
        .unwrap()
        .with_mechanisms(policy);
    let entropy = Entropy::from_seed([1; 32]);
    let mut client = Client::with_direct_tls(config, entropy, Instant::ORIGIN, TlsInfo::default());
    tell(
        &mut client,
        &format!(
            "{HEADER}<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
             <mechanism>PLAIN</mechanism></mechanisms></stream:features>"
        ),
    );
    tell(
        &mut client,
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    );
    let bind = tell(
        &mut client,
        &format!(
            "{HEADER}<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
             <session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></stream:features>"
        ),
    );
    let session = tell(
        &mut client,
        &format!(
            "<iq type='result' id='{}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <jid>juliet@example.org/balcony</jid></bind></iq>",
            id(&bind)
        ),
    );
    let id = id(&session).to_owned();
    (client, id)
}

fn message(len: usize) -> String {
    let body = "x".repeat(len);
    format!("<message from='romeo@example.net'><body>{body}</body></message>")
}

#[test]
fn what_is_kept_is_told_after_the_login() {
    let (mut client, id) = waiting();
    for _ in 0..100 {
        tell(&mut client, &message(1000));
    }
    assert!(client.poll_event().is_none());
    tell(&mut client, &format!("<iq type='result' id='{id}'/>"));
    assert!(matches!(client.poll_event(), Some(ClientEvent::Bound(_))));
    for _ in 0..100 {
        assert!(!client.wants_read(), "what came first is told first");
        assert!(matches!(client.poll_event(), Some(ClientEvent::Stanza(_))));
    }
    assert!(client.wants_read() && client.poll_event().is_none());
}

#[test]
fn what_is_kept_is_bounded() {
    for len in [0, 1000, 100_000] {
        let (mut client, _) = waiting();
        let mut sent = 0;
        let reason = loop {
            let message = message(len);
            client.receive(Instant::ORIGIN, message.as_bytes());
            sent += message.len();
            assert!(sent < 512 * 1024, "{len}");
            if let Some(ClientEvent::Closed(reason)) = client.poll_event() {
                break reason;
            }
        };
        let CloseReason::Violation { sent, .. } = reason else {
            panic!("{reason:?}");
        };
        let sent = sent.map(|error| error.condition());
        assert_eq!(sent, Some(StreamErrorCondition::PolicyViolation));
    }
}

#[test]
fn a_refused_session_tells_nothing_of_what_was_kept() {
    let (mut client, id) = waiting();
    tell(&mut client, &message(1));
    tell(
        &mut client,
        &format!("<iq type='error' id='{id}'/></stream:stream>"),
    );
    let Some(ClientEvent::Closed(CloseReason::BindFailed(_))) = client.poll_event() else {
        panic!("the session was refused");
    };
    assert!(client.poll_event().is_none());
}
