//! Clear text behind `<proceed/>` or `<starttls/>` is an attack (RFC 6120 §5.4.2.3): somebody wants it to count as said
//! under TLS.

use std::io::{Read, Write};
use std::net::TcpStream;

use xmppwire_blocking::{Client, CloseReason, Mode, PeerMisbehaved, ServerEvent};
use xmppwire_test_support::Porter;

use crate::support::{Site, both, last_event, visit};

const SERVER_HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
     xmlns:stream='http://etherx.jabber.org/streams' from='example.org' id='1' version='1.0'>";
const OFFER: &str = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>\
     <required/></starttls></stream:features>";
const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const CLIENT_HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
     xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0'>";
const START_TLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const INJECTED: &str = "<message><body>I am inside</body></message>";

/// Reads until `end` has come by.
fn read_past(socket: &mut TcpStream, end: &str) {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(end) {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
}

#[test]
fn nothing_may_follow_proceed() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);

    let server = move || {
        let mut socket = site.socket();
        read_past(&mut socket, "version='1.0'>");
        socket
            .write_all(format!("{SERVER_HEADER}{OFFER}").as_bytes())
            .unwrap();
        read_past(&mut socket, START_TLS);
        socket
            .write_all(format!("{PROCEED}{INJECTED}").as_bytes())
            .unwrap();
        let mut rest = Vec::new();
        // It may be reset instead of ended, because something unread is left.
        let _ = socket.read_to_end(&mut rest);
        assert!(rest.is_empty(), "no handshake begins");
    };
    let client = move || {
        let error = Client::connect_with(&connector).unwrap_err();
        let Some(CloseReason::Violation { sent: None, why }) = error.close_reason() else {
            panic!("{error:?}");
        };
        assert_eq!(why, &PeerMisbehaved::ClearTextAfterStartTls);
    };
    both(server, client);
}

#[test]
fn nothing_may_follow_starttls() {
    let site = Site::new();
    let port = site.port;

    let server = move || {
        let mut client = site.accept(Mode::StartTls);
        let mut porter = Porter::default();
        let Some(opened) = client.next_event().unwrap() else {
            panic!("no header");
        };
        assert!(porter.answer(client.connection_mut(), opened));
        match last_event(&mut client) {
            Some(ServerEvent::Closed(CloseReason::Violation { why, .. })) => {
                assert_eq!(why, PeerMisbehaved::ClearTextAfterStartTls);
            }
            other => panic!("{other:?}"),
        }
        assert!(client.tls().is_none());
    };
    let client = move || {
        let mut socket = visit(port);
        socket.write_all(CLIENT_HEADER.as_bytes()).unwrap();
        read_past(&mut socket, "</stream:features>");
        socket
            .write_all(format!("{START_TLS}{INJECTED}").as_bytes())
            .unwrap();
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest);
    };
    both(server, client);
}
