//! Clear text behind `<proceed/>` or `<starttls/>` is an attack (RFC 6120 §5.4.2.3): somebody wants it to count as said
//! under TLS.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use xmppwire_tokio::{
    Client, CloseReason, Error, HostAnswer, Mode, PeerMisbehaved, ServerEvent, TlsOffer,
};
use xmppwire_tokio::{Host, Mechanism};

use crate::support::{Site, accept, within};

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0' ";
const FEATURES: &str = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>\
    <required/></starttls></stream:features>";
const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// Reads until the other side has said `end`.
async fn hear(socket: &mut TcpStream, end: &str) {
    let mut heard = Vec::new();
    while !heard.ends_with(end.as_bytes()) {
        heard.push(socket.read_u8().await.unwrap());
    }
}

fn is_injection(reason: &CloseReason) -> bool {
    let why = PeerMisbehaved::ClearTextAfterStartTls;
    *reason == CloseReason::Violation { sent: None, why }
}

#[tokio::test]
async fn a_client_refuses_what_follows_proceed() {
    for injected in [" ", "<stream:features/>", "\u{16}\u{3}\u{3}"] {
        let site = Site::new().await;
        let server = async {
            let (mut socket, _) = site.listener.accept().await.unwrap();
            hear(&mut socket, "version='1.0'>").await;
            let answer = format!("{HEADER}from='example.org'>{FEATURES}");
            socket.write_all(answer.as_bytes()).await.unwrap();
            hear(&mut socket, "/>").await;
            // One segment, so that both are read together.
            socket
                .write_all(format!("{PROCEED}{injected}").as_bytes())
                .await
                .unwrap();
            // Not a byte of a handshake comes back.
            let mut rest = Vec::new();
            let _ = socket.read_to_end(&mut rest).await;
            assert_eq!(rest, b"");
        };
        let connector = site.juliet(Mode::StartTls);
        let (client, ()) =
            within(async { tokio::join!(Client::connect_with(&connector), server) }).await;
        let error = client.unwrap_err();
        assert!(
            error.close_reason().is_some_and(is_injection),
            "{injected:?}: {error}"
        );
    }
}

#[tokio::test]
async fn clear_text_during_the_handshake_is_no_tls() {
    let site = Site::new().await;
    let server = async {
        let (mut socket, _) = site.listener.accept().await.unwrap();
        hear(&mut socket, "version='1.0'>").await;
        let answer = format!("{HEADER}from='example.org'>{FEATURES}");
        socket.write_all(answer.as_bytes()).await.unwrap();
        hear(&mut socket, "/>").await;
        socket.write_all(PROCEED.as_bytes()).await.unwrap();
        // The first byte of the handshake shows that the client has taken <proceed/> alone.
        assert_eq!(socket.read_u8().await.unwrap(), 0x16);
        socket.write_all(b"<stream:features/>").await.unwrap();
        let _ = socket.read_to_end(&mut Vec::new()).await;
    };
    let connector = site.juliet(Mode::StartTls);
    let (client, ()) =
        within(async { tokio::join!(Client::connect_with(&connector), server) }).await;
    let error = client.unwrap_err();
    assert!(matches!(error.last(), Some(Error::Tls(_))), "{error}");
}

#[tokio::test]
async fn a_server_refuses_what_follows_starttls() {
    let site = Site::new().await;
    let attacker = async {
        let mut socket = crate::support::connect(site.port).await;
        let header = format!("{HEADER}to='example.org'>");
        socket.write_all(header.as_bytes()).await.unwrap();
        hear(&mut socket, "</stream:features>").await;
        let injected = format!("{STARTTLS}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
        socket.write_all(injected.as_bytes()).await.unwrap();
        let _ = socket.read_to_end(&mut Vec::new()).await;
    };
    let server = async {
        let mut client = accept(&site.listener, &site.tls, Mode::StartTls).await;
        loop {
            match client.next_event().await.unwrap() {
                Some(ServerEvent::Opened(request)) => {
                    let host = Host::new(TlsOffer::Required, [Mechanism::ScramSha256]);
                    let answer = HostAnswer::Serve(host);
                    client
                        .connection_mut()
                        .choose_host(request, answer)
                        .unwrap();
                }
                Some(ServerEvent::Closed(reason)) => return reason,
                event => panic!("{event:?}"),
            }
        }
    };
    let ((), reason) = within(async { tokio::join!(attacker, server) }).await;
    assert!(is_injection(&reason), "{reason}");
}
