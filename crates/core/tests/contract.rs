//! What [`Connection`] promises a driver, whatever the peer does and however slow the application
//! is. Fuzzing found most of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use std::time::Duration;

use xmppwire::{
    ApiMisuse, BindAnswer, BindRequest, ChannelBindings, Client, ClientConfig, ClientEvent,
    CloseReason, Connection, DecoyKey, Entropy, HandoffError, Host, HostAnswer, Instant, Jid,
    Limits, Mechanism, Role, SaslAnswer, SaslCondition, SaslFailure, SaslRequest, Server,
    ServerConfig, ServerEvent, StartTls, Timer, TlsInfo, TlsOffer,
};

/// What a server sends first.
const SERVER_HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1' from='example.org'>";
/// What a client sends first.
const CLIENT_HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams' to='example.org'>";

fn client() -> Connection<Client> {
    client_of(1)
}

fn client_of(seed: u8) -> Connection<Client> {
    let config = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t").unwrap();
    Client::new(config, Entropy::from_seed([seed; 32]), Instant::ORIGIN)
}

fn server(limits: Limits) -> Connection<Server> {
    server_of(3, limits)
}

fn server_of(seed: u8, limits: Limits) -> Connection<Server> {
    let config = ServerConfig::new(DecoyKey::new([9; 32])).with_limits(limits);
    let tls = TlsInfo::new(ChannelBindings::none());
    Server::with_direct_tls(config, Entropy::from_seed([seed; 32]), Instant::ORIGIN, tls)
}

fn tell(connection: &mut Connection<impl Role>, text: &str) {
    let consumed = connection.receive(Instant::ORIGIN, text.as_bytes());
    assert_eq!(consumed, text.len());
    connection.take_output();
}

fn after(seconds: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(seconds)
}

/// A client whose server agreed to TLS.
fn client_before_tls(seed: u8) -> (Connection<Client>, StartTls) {
    let mut client = client_of(seed);
    tell(&mut client, SERVER_HEADER);
    tell(
        &mut client,
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
    );
    tell(
        &mut client,
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    );
    let Some(ClientEvent::StartTls(request)) = client.poll_event() else {
        panic!("TLS begins");
    };
    (client, request)
}

/// The bytes of a handshake go to the connection that asked for it, while it is open.
#[test]
fn a_request_for_tls_is_of_one_open_connection() {
    let (_, foreign) = client_before_tls(2);
    let (mut client, request) = client_before_tls(1);
    assert!(client.poll_event().is_none(), "it is told once");
    let refused = client.begin_tls(foreign, b"");
    assert_eq!(refused.unwrap_err(), HandoffError::Stale);
    let handoff = client.begin_tls(request, b"").unwrap();

    // The same holds for the end of the handshake.
    let (mut other, foreign) = client_before_tls(2);
    let foreign = other.begin_tls(foreign, b"").unwrap();
    let tls = || TlsInfo::new(ChannelBindings::none());
    let stale = client.tls_established(Instant::ORIGIN, foreign, tls());
    assert_eq!(stale, Err(ApiMisuse::StaleRequest));
    assert_eq!(client.output(), b"");
    let established = client.tls_established(Instant::ORIGIN, handoff, tls());
    assert_eq!(established, Ok(()));

    let (mut client, request) = client_before_tls(1);
    client.handle_timeout(after(60));
    let refused = client.begin_tls(request, b"");
    assert_eq!(refused.unwrap_err(), HandoffError::Stale);
}

#[test]
fn a_question_for_the_host_is_of_one_connection() {
    let asked = |seed| {
        let config = ServerConfig::new(DecoyKey::new([9; 32]));
        let entropy = Entropy::from_seed([seed; 32]);
        let mut server = Server::new(config, entropy, Instant::ORIGIN);
        tell(&mut server, CLIENT_HEADER);
        let Some(ServerEvent::Opened(request)) = server.poll_event() else {
            panic!("the host is asked for");
        };
        (server, request)
    };
    let ((mut server, request), (_, foreign)) = (asked(1), asked(2));
    let host = || HostAnswer::Serve(Host::new(TlsOffer::Required, [Mechanism::Plain]));
    let stale = server.choose_host(foreign, host());
    assert_eq!(stale, Err(ApiMisuse::StaleRequest));
    assert_eq!(server.output(), b"");
    assert_eq!(server.choose_host(request, host()), Ok(()));
}

/// What the peer sent before it saw the closing tag begins nothing more (RFC 6120 §4.4).
#[test]
fn negotiation_is_over_when_this_side_has_closed() {
    let mut client = client();
    tell(&mut client, SERVER_HEADER);
    client.close(Instant::ORIGIN, None);
    client.take_output();
    let features =
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";
    for late in [features, "<message xmlns='jabber:client'/>"] {
        client.receive(Instant::ORIGIN, late.as_bytes());
        assert_eq!(client.output(), b"");
    }
    tell(&mut client, "</stream:stream>");
    let Some(ClientEvent::Closed(reason)) = client.poll_event() else {
        panic!("the end is told");
    };
    assert_eq!(reason, CloseReason::Local);
}

/// A handshake may take longer than the negotiation may. That is no misuse of the API.
#[test]
fn a_handshake_that_is_done_after_the_end_changes_nothing() {
    let (mut client, request) = client_before_tls(1);
    let handoff = client.begin_tls(request, b"").unwrap();
    client.handle_timeout(after(60));
    let tls = TlsInfo::new(ChannelBindings::none());
    assert_eq!(client.tls_established(after(61), handoff, tls), Ok(()));
    assert_eq!(client.output(), b"");
    let Some(ClientEvent::Closed(reason)) = client.poll_event() else {
        panic!("the end is told");
    };
    assert_eq!(reason, CloseReason::TimedOut(Timer::Negotiation));
    assert!(client.is_finished());
}

/// After one call at the deadline, the next deadline is later.
#[test]
fn telling_the_time_moves_the_deadline_behind_it() {
    let mut client = client();
    let when = client.poll_timeout().unwrap();
    client.handle_timeout(when);
    assert_eq!(client.poll_timeout(), Some(when + Duration::from_secs(5)));
    assert!(!client.output().is_empty());
    client.handle_timeout(when + Duration::from_secs(5));
    assert_eq!(client.poll_timeout(), None);
    assert_eq!(client.output(), b"");
}

#[test]
fn an_early_call_is_a_no_op() {
    let mut client = client();
    tell(&mut client, SERVER_HEADER);
    client.close(after(10), None);
    client.take_output();
    let deadline = client.poll_timeout();
    assert_eq!(deadline, Some(after(15)));
    client.handle_timeout(after(14));
    assert_eq!(
        (client.poll_timeout(), client.output()),
        (deadline, &b""[..])
    );
    assert!(client.poll_event().is_none());
}

/// An invalid byte is consumed like any other, even when it comes alone.
#[test]
fn every_byte_that_is_wanted_is_consumed() {
    for wrong in [
        "<a b='&c.' ",
        "<stream:stream/>",
        "\0",
        "<a>\u{FFFF}",
        "x",
        "<a b=''c=''",
    ] {
        let mut client = client();
        for byte in wrong.as_bytes() {
            if client.wants_read() {
                assert_eq!(client.receive(Instant::ORIGIN, &[*byte]), 1, "{wrong:?}");
            }
        }
        assert!(matches!(client.poll_event(), Some(ClientEvent::Closed(_))));
    }
}

#[test]
fn a_server_that_closes_while_a_question_is_open_receives_the_closing_tag() {
    let mut server = server(Limits::default());
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

/// Otherwise a client could be bound to the account of another one.
#[test]
fn a_question_for_the_resource_is_of_one_connection() {
    let mut server = server_of(1, Limits::default());
    let request = ask_to_bind(&mut server);
    let foreign = ask_to_bind(&mut server_of(2, Limits::default()));
    server.take_output();
    let answer = || BindAnswer::Bind(xmppwire::Resourcepart::new("balcony").unwrap());
    let stale = server.answer_bind(foreign, answer());
    assert_eq!(stale, Err(ApiMisuse::StaleRequest));
    assert_eq!((server.output(), server.jid()), (&b""[..], None));
    assert_eq!(server.answer_bind(request, answer()), Ok(()));
    assert!(server.jid().is_some());
}

#[test]
fn time_that_the_application_takes_does_not_count_as_silence_of_the_peer() {
    let mut limits = Limits::default();
    limits.idle_timeout = Some(Duration::from_secs(30));
    let mut server = server(limits);
    let request = ask_to_bind(&mut server);
    // The application takes its time: it ends an older connection first.
    let late = after(40);
    server.handle_timeout(late);
    let resource = request.suggested().clone();
    server
        .answer_bind(request, BindAnswer::Bind(resource))
        .unwrap();
    server.handle_timeout(late);
    assert!(server.jid().is_some() && server.wants_read());
    assert_eq!(server.poll_timeout(), Some(after(70)));
    server.take_output();
    server.handle_timeout(after(70));
    // The client owed nothing, so it made no error (RFC 6120 §4.9.3.4).
    assert_eq!(server.output(), b"</stream:stream>");
    assert!(matches!(
        server.poll_event(),
        Some(ServerEvent::Closed(CloseReason::TimedOut(Timer::Idle)))
    ));
}

/// Brings a server to the question for Juliet's password.
fn ask_for_password(server: &mut Connection<Server>) -> SaslRequest {
    tell(server, CLIENT_HEADER);
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

/// Brings a server to the question for Juliet's resource.
fn ask_to_bind(server: &mut Connection<Server>) -> BindRequest {
    log_in(server);
    tell(server, CLIENT_HEADER);
    tell(
        server,
        "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    );
    let Some(ServerEvent::Bind(request)) = server.poll_event() else {
        panic!("the resource is asked for");
    };
    request
}

/// Brings a server to the point where Juliet is authenticated.
fn log_in(server: &mut Connection<Server>) {
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
