//! Clear text behind `<proceed/>` or `<starttls/>` is an attack (RFC 6120 §5.4.3.3): the attacker
//! wants it to count as protected by TLS.

use std::io::{Read, Write};
use std::net::TcpStream;

use xmppwire::{CloseReason, PeerMisbehaved};
use xmppwire_net::client::Error;
use xmppwire_net::find::Mode;

use crate::adapter::{Accepted, Adapter};
use crate::site::{Site, end, visit};
use crate::{Porter, both};

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0' ";
const FEATURES: &str = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>\
    <required/></starttls></stream:features>";
const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const MESSAGE: &str = "<message><body>I am inside</body></message>";

/// Reads until the other end has sent `end`, and returns what it sent.
pub(super) fn read_past(socket: &mut TcpStream, end: &str) -> String {
    let mut seen = Vec::new();
    while !seen.ends_with(end.as_bytes()) {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        seen.extend(byte);
    }
    String::from_utf8(seen).unwrap()
}

pub(super) fn send(socket: &mut TcpStream, text: &str) {
    socket.write_all(text.as_bytes()).unwrap();
}

/// Brings a client to where it waits for `<proceed/>`.
fn offer_tls(site: &Site) -> TcpStream {
    let mut socket = site.socket();
    read_past(&mut socket, "version='1.0'>");
    send(
        &mut socket,
        &format!("{HEADER}from='example.org'>{FEATURES}"),
    );
    read_past(&mut socket, STARTTLS);
    socket
}

fn is_injection(reason: &CloseReason) -> bool {
    let why = PeerMisbehaved::ClearTextAfterStartTls;
    *reason == CloseReason::Violation { sent: None, why }
}

pub fn a_client_refuses_clear_text_after_proceed<A: Adapter>() {
    for injected in [" ", "<stream:features/>", "\u{16}\u{3}\u{3}", MESSAGE] {
        let site = Site::new();
        let connector = site.juliet(Mode::StartTls);
        let server = move || {
            let mut socket = offer_tls(&site);
            // One segment, so that both are read together.
            send(&mut socket, &format!("{PROCEED}{injected}"));
            let mut rest = Vec::new();
            // Unread bytes may make a reset of the end.
            let _ = socket.read_to_end(&mut rest);
            assert_eq!(rest, b"", "a handshake begins");
        };
        let client = move || {
            let error = A::connect_with(&connector).unwrap_err();
            let reason = error.close_reason();
            assert!(reason.is_some_and(is_injection), "{injected:?}: {error}");
        };
        both(server, client);
    }
}

pub fn clear_text_during_the_handshake_is_no_tls<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        let mut socket = offer_tls(&site);
        send(&mut socket, PROCEED);
        // The first byte of the handshake shows that the client has taken <proceed/> alone.
        let mut first = [0];
        socket.read_exact(&mut first).unwrap();
        assert_eq!(first, [0x16]);
        send(&mut socket, "<stream:features/>");
        let _ = socket.read_to_end(&mut Vec::new());
    };
    let client = move || {
        let error = A::connect_with(&connector).unwrap_err();
        assert!(matches!(error.last(), Some(Error::Tls(_))), "{error}");
    };
    both(server, client);
}

pub fn a_server_refuses_clear_text_after_starttls<A: Adapter>() {
    for injected in ["<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", MESSAGE] {
        let site = Site::new();
        let port = site.port;
        let server = move || {
            let mut client = site.accept::<A>(Mode::StartTls);
            let opened = client.next_event().unwrap().expect("a header");
            assert!(Porter::default().answer(client.connection_mut(), opened));
            let reason = end(&mut client);
            assert!(is_injection(&reason), "{reason}");
            assert!(client.tls().is_none());
        };
        let client = move || {
            let mut socket = visit(port);
            send(&mut socket, &format!("{HEADER}to='example.org'>"));
            read_past(&mut socket, "</stream:features>");
            send(&mut socket, &format!("{STARTTLS}{injected}"));
            let _ = socket.read_to_end(&mut Vec::new());
        };
        both(server, client);
    }
}
