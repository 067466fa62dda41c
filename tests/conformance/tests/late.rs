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
    BindAnswer, ChannelBindings, Client, ClientEvent, CloseReason, Connection, Entropy, Host,
    HostAnswer, Instant, Limits, Mechanism, SaslAnswer, SaslCondition, SaslFailure, SaslRequest,
    Server, ServerEvent, Timer, TlsInfo, TlsOffer,
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
    let question = ask_for_password(&mut server);
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

#[test]
fn time_that_the_application_takes_does_not_count_as_silence_of_the_peer() {
    let seconds = |seconds| Instant::from_origin(Duration::from_secs(seconds));
    let mut limits = Limits::default();
    limits.idle_timeout = Some(Duration::from_secs(30));
    let config = server_config().with_limits(limits);
    let tls = TlsInfo::new(ChannelBindings::none());
    let entropy = Entropy::from_seed([3; 32]);
    let mut server = Server::with_direct_tls(config, entropy, Instant::ORIGIN, tls);
    log_in(&mut server);
    tell(&mut server, HEADER);
    tell(
        &mut server,
        "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    );
    let Some(ServerEvent::Bind(request)) = server.poll_event() else {
        panic!("the resource is asked for");
    };
    // The application has to get rid of an older connection first.
    let late = seconds(40);
    server.handle_timeout(late);
    let resource = request.suggested().clone();
    server
        .answer_bind(request, BindAnswer::Bind(resource))
        .unwrap();
    server.handle_timeout(late);
    assert!(server.jid().is_some() && server.wants_read());
    assert_eq!(server.poll_timeout(), Some(seconds(70)));
    server.handle_timeout(seconds(70));
    assert!(matches!(
        server.poll_event(),
        Some(ServerEvent::Closed(CloseReason::TimedOut(Timer::Idle)))
    ));
}

/// Brings a server to where it asks for Juliet's password.
fn ask_for_password(server: &mut Server) -> SaslRequest {
    tell(server, HEADER);
    let Some(ServerEvent::Opened(request)) = server.poll_event() else {
        panic!("the host is asked for");
    };
    let host = Host::new(TlsOffer::Required, [Mechanism::Plain]);
    server
        .choose_host(request, HostAnswer::Serve(host))
        .unwrap();
    tell(
        server,
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABzM2NyM3Q=</auth>",
    );
    let Some(ServerEvent::Sasl(question)) = server.poll_event() else {
        panic!("the password is asked for");
    };
    question
}

/// Brings a server to where Juliet is authenticated.
fn log_in(server: &mut Server) {
    let request = ask_for_password(server);
    let account = request.account().expect("juliet is a localpart");
    server
        .answer_sasl(request, SaslAnswer::Accept(account))
        .unwrap();
    server.take_output();
    assert!(matches!(
        server.poll_event(),
        Some(ServerEvent::Authenticated(_))
    ));
}
