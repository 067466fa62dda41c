//! What comes after it mattered: answers, handshakes and closing tags that the application or the peer
//! was slow with.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use std::time::Duration;

use xmppwire::{
    ChannelBindings, Client, ClientEvent, CloseReason, Connection, Entropy, Host, HostAnswer,
    Instant, Mechanism, SaslAnswer, SaslCondition, SaslFailure, Server, ServerEvent, Timer,
    TlsInfo, TlsOffer,
};
use xmppwire_conformance::machine::{client_config, server_config};

const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' to='example.org' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1'>";

fn tell(connection: &mut impl Connection, text: &str) {
    let consumed = connection.receive(Instant::ORIGIN, text.as_bytes());
    assert_eq!(consumed, text.len());
    connection.take_output();
}

#[test]
fn a_handshake_that_is_done_after_the_end_changes_nothing() {
    let entropy = Entropy::from_seed([1; 32]);
    let mut client = Client::new(client_config(), entropy, Instant::ORIGIN);
    tell(&mut client, HEADER);
    tell(
        &mut client,
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
    );
    tell(
        &mut client,
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    );
    let Some(ClientEvent::StartTls(request)) = client.poll_event() else {
        panic!("TLS is agreed");
    };
    let handoff = client.begin_tls(request, &[]).unwrap();
    // The handshake takes longer than the negotiation may.
    let late = Instant::ORIGIN + Duration::from_secs(60);
    client.handle_timeout(late);
    let tls = TlsInfo::new(ChannelBindings::none());
    assert_eq!(client.tls_established(late, handoff, tls), Ok(()));
    assert!(matches!(
        client.poll_event(),
        Some(ClientEvent::Closed(CloseReason::TimedOut(
            Timer::Negotiation
        )))
    ));
    assert!(client.is_finished());
}

#[test]
fn a_server_that_closes_while_a_question_is_open_hears_the_client_close() {
    let tls = TlsInfo::new(ChannelBindings::none());
    let entropy = Entropy::from_seed([3; 32]);
    let mut server = Server::with_direct_tls(server_config(), entropy, Instant::ORIGIN, tls);
    tell(&mut server, HEADER);
    let Some(ServerEvent::Opened(request)) = server.poll_event() else {
        panic!("the host is asked for");
    };
    let host = Host::new(TlsOffer::Required, [Mechanism::Plain]);
    server
        .choose_host(request, HostAnswer::Serve(host))
        .unwrap();
    tell(
        &mut server,
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABzM2NyM3Q=</auth>",
    );
    let Some(ServerEvent::Sasl(question)) = server.poll_event() else {
        panic!("the password is asked for");
    };
    assert!(!server.wants_read());
    server.close(Instant::ORIGIN, None);
    assert!(server.wants_read(), "no answer matters any more");
    tell(&mut server, "</stream:stream>");
    assert!(matches!(
        server.poll_event(),
        Some(ServerEvent::Closed(CloseReason::Local))
    ));
    let refusal = SaslFailure::new(SaslCondition::NotAuthorized);
    let answered = server.answer_sasl(question, SaslAnswer::Reject(refusal));
    assert_eq!(answered, Ok(()));
    assert!(server.is_finished());
}
