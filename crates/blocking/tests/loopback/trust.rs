//! Who cannot prove to be the server of the domain gets no password, and nobody gets a word into the clear text before
//! TLS.

use std::io::{Read, Write};
use std::net::TcpStream;

use xmppwire_blocking::backoff::Verdict;
use xmppwire_blocking::{
    Client, CloseReason, Connector, Error, LinkError, Mode, PeerMisbehaved, ServerConnection,
    ServerEvent,
};
use xmppwire_test_support::{Authority, config};

use crate::support::{both, juliet_at, last_event, listen, log_in};

/// The client ends with an error of TLS, and the server sees no login.
fn is_refused(certificates: &Authority, name: &'static str, mode: Mode, trusted: &Authority) {
    let tls = certificates.server(name);
    let (listener, port) = listen();
    let connector = juliet_at(trusted, port);

    let server = move || {
        let (socket, _) = listener.accept().unwrap();
        let mut client = match mode {
            Mode::StartTls => ServerConnection::accept(socket, config(), Some(tls)).unwrap(),
            Mode::DirectTls => {
                let patience = xmppwire_test_support::PATIENCE;
                let failed =
                    ServerConnection::accept_direct_tls(socket, config(), tls, patience).err();
                assert!(matches!(failed, Some(LinkError::Tls(_))), "{failed:?}");
                return;
            }
        };
        assert!(log_in(&mut client).is_none());
        assert!(client.tls().is_none());
    };
    let client = move || {
        let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let error = Client::over(socket, mode, &connector).unwrap_err();
        assert!(matches!(error, Error::Tls(_)), "{error:?}");
        assert_eq!(error.verdict(), Verdict::Fatal);
    };
    both(server, client);
}

#[test]
fn the_server_of_another_domain_is_refused() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let authority = Authority::new();
        is_refused(&authority, "example.com", mode, &authority);
    }
}

#[test]
fn another_authority_is_refused() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        is_refused(&Authority::new(), "example.org", mode, &Authority::new());
    }
}

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
    let (listener, port) = listen();
    let connector: Connector = juliet_at(&Authority::new(), port);

    let server = move || {
        let (mut socket, _) = listener.accept().unwrap();
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
    let tls = Authority::new().server("example.org");
    let (listener, port) = listen();

    let server = move || {
        let (socket, _) = listener.accept().unwrap();
        let mut client = ServerConnection::accept(socket, config(), Some(tls)).unwrap();
        let mut porter = xmppwire_test_support::Porter::default();
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
        let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
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
