//! Malformed stanzas (RFC 6120 §8): they do not end the session, and the application can look at
//! them.

use std::net::TcpStream;

use xmppwire::{ClientConfig, FaultKind, StanzaFault, TlsPolicy};
use xmppwire_net::client::{Connector, ReconnectEvent};
use xmppwire_net::find::Mode;

use super::injection::{read_past, send};
use super::reconnect::at_once;
use crate::adapter::{Adapter, Reconnecting, Session};
use crate::both;
use crate::site::{Site, body, message};

const HEADER: &str = "<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' from='example.org' id='1' version='1.0'>";
const MECHANISMS: &str = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
    <mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>";
const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const BIND: &str =
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";
const WELL_FORMED: &str = "<message from='romeo@example.org/orchard'><body>hello</body></message>";

/// A message from an address that cannot be one.
fn malformed(id: &str) -> String {
    format!("<message from='@' id='{id}'><body>guess who</body></message>")
}

fn guest(site: &Site) -> Connector {
    let account = ClientConfig::anonymous("example.org".parse().unwrap());
    Connector::new(account.with_tls(TlsPolicy::Forbidden))
        .unwrap()
        .with_server("127.0.0.1", site.port, Mode::StartTls)
}

/// Lets a guest in by fixed answers, because a [`Server`](xmppwire::Server) cannot send a malformed
/// stanza.
fn welcome(site: &Site) -> TcpStream {
    let mut socket = site.socket();
    read_past(&mut socket, "version='1.0'>");
    send(&mut socket, &format!("{HEADER}{MECHANISMS}"));
    read_past(&mut socket, "<auth");
    read_past(&mut socket, ">");
    send(&mut socket, SUCCESS);
    read_past(&mut socket, "version='1.0'>");
    send(&mut socket, &format!("{HEADER}{BIND}"));
    let request = read_past(&mut socket, "</iq>");
    let (_, id) = request.split_once(" id=").unwrap();
    let id = id.split(['\'', '"']).nth(1).unwrap();
    let answer = format!(
        "<iq type='result' id='{id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>guest@example.org/1</jid></bind></iq>"
    );
    send(&mut socket, &answer);
    socket
}

/// The fault is the malformed message of this id.
fn is_malformed(fault: Option<StanzaFault>, id: &str) {
    let fault = fault.expect("a malformed stanza arrived");
    assert_eq!(fault.kind(), FaultKind::Address);
    assert_eq!(fault.element().attr("from"), Some("@"));
    assert_eq!(fault.element().attr("id"), Some(id));
}

pub fn a_malformed_stanza_is_told_and_the_session_goes_on<A: Adapter>() {
    let site = Site::new();
    let connector = guest(&site);
    let server = move || {
        let mut socket = welcome(&site);
        let (first, second) = (malformed("1"), malformed("2"));
        send(&mut socket, &format!("{first}{second}{WELL_FORMED}"));
        let received = read_past(&mut socket, "</message>");
        assert!(received.contains("still here"), "{received}");
        assert!(!received.contains("error"), "{received}");
        read_past(&mut socket, "</stream:stream>");
        send(&mut socket, "</stream:stream>");
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        assert_eq!(client.take_refused(), None);
        assert_eq!(body(client.next().unwrap()), "hello");
        is_malformed(client.take_refused(), "1");
        is_malformed(client.take_refused(), "2");
        assert_eq!(client.take_refused(), None);
        client.send(message("still here")).unwrap();
        client.close().unwrap();
    };
    both(server, client);
}

pub fn a_malformed_stanza_is_told_where_the_session_ends_after_it<A: Adapter>() {
    let site = Site::new();
    let connector = guest(&site);
    let server = move || {
        let mut socket = welcome(&site);
        send(&mut socket, &format!("{}</stream:stream>", malformed("1")));
        read_past(&mut socket, "</stream:stream>");
        drop(socket);
        let mut socket = welcome(&site);
        send(&mut socket, &format!("{}{WELL_FORMED}", malformed("2")));
        read_past(&mut socket, "</stream:stream>");
        send(&mut socket, "</stream:stream>");
    };
    let client = move || {
        let mut client = A::reconnecting(connector, at_once());
        let mut next = || client.next_event().unwrap().expect("an event");
        assert!(matches!(next(), ReconnectEvent::Connected(_)));
        assert!(matches!(next(), ReconnectEvent::Disconnected { .. }));
        assert!(matches!(next(), ReconnectEvent::Connected(_)));
        assert!(matches!(next(), ReconnectEvent::Stanza(_)));
        is_malformed(client.take_refused(), "1");
        is_malformed(client.take_refused(), "2");
        assert_eq!(client.take_refused(), None);
        client.close().unwrap();
    };
    both(server, client);
}
