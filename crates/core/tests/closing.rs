//! The end of a stream (RFC 6120 §4.4): what may still arrive, and how long it may take.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod bound;

use core::time::Duration;

use bound::{bound, bound_server};
use xmppwire::{
    Client, ClientConfig, ClientEvent, CloseReason, Connection, DecoyKey, Entropy, Instant, Jid,
    Limits, PeerMisbehaved, Role, RoleEvent, Server, ServerConfig, ServerEvent, Timer, TlsInfo,
};

const NOW: Instant = Instant::ORIGIN;
const CLIENT_HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams' to='example.org'>";
const SERVER_HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1' from='example.org'>";

fn at(seconds: u64) -> Instant {
    Instant::from_origin(Duration::from_secs(seconds))
}

fn client() -> Connection<Client> {
    let config = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t").unwrap();
    Client::new(config, Entropy::from_seed([1; 32]), NOW)
}

fn server() -> Connection<Server> {
    let config = ServerConfig::new(DecoyKey::new([9; 32]));
    let tls = TlsInfo::default();
    Server::with_direct_tls(config, Entropy::from_seed([3; 32]), NOW, tls)
}

/// Reads, and returns the last event.
fn last<R: Role>(connection: &mut Connection<R>, now: Instant, text: &str) -> Option<R::Event> {
    connection.receive(now, text.as_bytes());
    core::iter::from_fn(|| connection.poll_event()).last()
}

/// Closes, reads what the peer sent before it saw the closing tag, and returns why it ended.
fn closes<R: Role>(mut connection: Connection<R>, crossing: &str) -> CloseReason {
    connection.close(NOW, None);
    connection.take_output();
    let early = last(&mut connection, NOW, crossing);
    assert!(early.is_none(), "{crossing}: {early:?}");
    assert_eq!(connection.take_output(), b"", "{crossing}");
    let end = last(&mut connection, NOW, "</stream:stream>").expect("the end is told");
    end.close_reason().cloned().expect("the end is the last")
}

/// Elements that would end an open stream, and cross the closing tag.
const MISPLACED: [&str; 6] = [
    "<enable xmlns='urn:xmpp:sm:3'/>",
    "<failed xmlns='urn:xmpp:sm:3'/>",
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<message xmlns='jabber:server'/>",
    "<other xmlns='jabber:client'/>",
    "<stream:other/>",
];

#[test]
fn what_crosses_the_closing_tag_is_not_judged() {
    for misplaced in MISPLACED {
        let reason = closes(bound(Limits::default()), misplaced);
        assert_eq!(reason, CloseReason::Local, "{misplaced}");
        let reason = closes(bound_server(Limits::default()), misplaced);
        assert_eq!(reason, CloseReason::Local, "{misplaced}");
    }
}

/// The same elements on an open stream.
#[test]
fn what_has_no_place_ends_an_open_stream() {
    for misplaced in MISPLACED {
        let mut client = bound(Limits::default());
        let mut server = bound_server(Limits::default());
        let of_client = last(&mut client, NOW, misplaced);
        let of_server = last(&mut server, NOW, misplaced);
        // A server refuses a request of stream management with `<failed/>`, and a client takes that.
        let answered = misplaced.contains("enable");
        let ignored = misplaced.contains("failed") || misplaced.contains("jabber:client");
        let violates = |reason| matches!(reason, CloseReason::Violation { sent: Some(_), .. });
        let ended = of_client.and_then(|event| event.close_reason().cloned());
        assert_eq!(ended.is_some_and(violates), !ignored, "{misplaced}");
        let ended = of_server.and_then(|event| event.close_reason().cloned());
        assert_eq!(ended.is_some_and(violates), !answered, "{misplaced}");
    }
}

/// Malformed XML still ends the stream, but no error was sent behind the closing tag.
#[test]
fn no_error_is_claimed_to_be_sent_behind_the_closing_tag() {
    let mut client = bound(Limits::default());
    client.close(NOW, None);
    client.take_output();
    let Some(ClientEvent::Closed(reason)) = last(&mut client, NOW, "<a></b>") else {
        panic!("the stream ends");
    };
    let CloseReason::Violation { sent, why } = reason else {
        panic!("{reason:?}");
    };
    assert_eq!(sent, None);
    assert!(matches!(why, PeerMisbehaved::Xml(_)), "{why:?}");
    assert_eq!(client.take_output(), b"");
}

/// Where no stream is open there is nothing to close, so nothing is written or awaited.
#[test]
fn a_stream_that_is_not_open_ends_at_once() {
    let mut server = server();
    server.close(NOW, None);
    assert_eq!(server.output(), b"");
    assert!(!server.wants_read());
    let closed = server.poll_event();
    assert!(matches!(
        closed,
        Some(ServerEvent::Closed(CloseReason::Local))
    ));

    // While the transport changes to TLS, nothing may be written either.
    let mut client = client();
    for said in [
        SERVER_HEADER,
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    ] {
        client.receive(NOW, said.as_bytes());
        client.take_output();
    }
    let event = client.poll_event();
    assert!(matches!(event, Some(ClientEvent::StartTls(_))), "{event:?}");
    client.close(NOW, None);
    assert_eq!(client.output(), b"");
    let closed = client.poll_event();
    assert!(matches!(
        closed,
        Some(ClientEvent::Closed(CloseReason::Local))
    ));
}

fn ended_by(connection: &mut Connection<Client>) -> Option<Timer> {
    match connection.poll_event()? {
        ClientEvent::Closed(CloseReason::TimedOut(timer)) => Some(timer),
        other => panic!("{other:?}"),
    }
}

/// The time of the peer to close runs from the first call.
#[test]
fn closing_again_changes_nothing() {
    let mut client = bound(Limits::default());
    client.close(at(100), None);
    client.take_output();
    client.close(at(103), None);
    assert_eq!(client.output(), b"");
    assert_eq!(client.poll_timeout(), Some(at(105)));
    client.handle_timeout(at(105));
    assert_eq!(ended_by(&mut client), Some(Timer::Close));
    assert_eq!(client.output(), b"");
}

/// A peer that goes on to talk does not put off the end of what has a time.
#[test]
fn bytes_prolong_neither_the_negotiation_nor_the_closing() {
    let mut client = client();
    client.take_output();
    for (second, byte) in SERVER_HEADER.bytes().enumerate().take(60) {
        client.receive(at(second as u64), &[byte]);
    }
    assert_eq!(client.poll_timeout(), Some(at(60)));
    client.handle_timeout(at(60));
    assert_eq!(ended_by(&mut client), Some(Timer::Negotiation));

    let mut client = bound(Limits::default());
    client.close(at(100), None);
    client.take_output();
    for second in 100..105 {
        client.receive(at(second), b"<message");
        client.receive(at(second), b"/>");
        assert!(client.poll_event().is_some());
    }
    client.handle_timeout(at(105));
    assert_eq!(ended_by(&mut client), Some(Timer::Close));
}

/// White space may be left over from the stream before a restart. Too much of it ends the stream, and
/// what follows it is not read any more.
#[test]
fn a_flood_of_white_space_ends_a_restarted_stream() {
    for (spaces, served) in [(0, true), (1024, true), (1025, false)] {
        let mut server = server_of_plain();
        let text = " ".repeat(spaces) + CLIENT_HEADER;
        let consumed = server.receive(NOW, text.as_bytes());
        assert_eq!(consumed == text.len(), served, "{spaces}");
        let wrote = String::from_utf8(server.take_output()).unwrap();
        assert_eq!(wrote.contains("<bind "), served, "{wrote}");
        match server.poll_event() {
            None => assert!(served),
            Some(ServerEvent::Closed(CloseReason::Violation { why, .. })) => {
                assert_eq!(why, PeerMisbehaved::WhiteSpaceFlood);
                assert!(!served && wrote.ends_with("</stream:stream>"), "{wrote}");
            }
            Some(other) => panic!("{spaces}: {other:?}"),
        }
    }
}

/// The same byte by byte, which is how a keep-alive arrives.
#[test]
fn white_space_before_a_restarted_stream_is_skipped_in_pieces() {
    let mut server = server_of_plain();
    for byte in format!(" \r\n\t <?xml version='1.0'?>{CLIENT_HEADER}").bytes() {
        assert_eq!(server.receive(NOW, &[byte]), 1);
    }
    let wrote = String::from_utf8(server.take_output()).unwrap();
    assert!(wrote.contains("<bind "), "{wrote}");
}

/// A server whose client has logged in, so that it restarts the stream.
fn server_of_plain() -> Connection<Server> {
    use xmppwire::{BareJid, Host, HostAnswer, Mechanism, SaslAnswer, TlsOffer};
    let mut server = server();
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\
        AGp1bGlldABzM2NyM3Q=</auth>";
    for said in [CLIENT_HEADER, auth] {
        server.receive(NOW, said.as_bytes());
        match server.poll_event() {
            Some(ServerEvent::Opened(request)) => {
                let host = Host::new(TlsOffer::Required, [Mechanism::Plain]);
                let answer = HostAnswer::Serve(host);
                server.choose_host(request, answer).unwrap();
            }
            Some(ServerEvent::Sasl(request)) => {
                let account = BareJid::new("juliet@example.org").unwrap();
                let answer = SaslAnswer::Accept(account);
                server.answer_sasl(request, answer).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(
        server.poll_event(),
        Some(ServerEvent::Authenticated(_))
    ));
    server.take_output();
    server
}
