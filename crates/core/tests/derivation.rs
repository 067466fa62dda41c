//! The derivation of a SCRAM login, computed by the application.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use xmppwire::{
    ApiMisuse, Client, ClientConfig, ClientEvent, CloseReason, Connection, DerivationRequest,
    Entropy, Instant, Jid, PeerMisbehaved, SaslClientError, ScramHash, TlsInfo,
};
use xmppwire_sasl::wire;

/// A client that logs in by SCRAM and is challenged with this salt and this number of iterations.
fn challenged(inline: u32, salt: &str, iterations: u32) -> Connection<Client> {
    let config = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t")
        .unwrap()
        .with_iterations(1..=1000)
        .with_inline_iterations(inline);
    let entropy = Entropy::from_seed([1; 32]);
    let mut client = Client::with_direct_tls(config, entropy, Instant::ORIGIN, TlsInfo::default());
    let features = "<stream:stream xmlns='jabber:client' version='1.0' id='1' from='example.org' \
        xmlns:stream='http://etherx.jabber.org/streams'><stream:features>\
        <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256</mechanism>\
        </mechanisms></stream:features>";
    tell(&mut client, features);
    let auth = String::from_utf8(client.take_output()).unwrap();
    let (_, first) = auth.split_once("SCRAM-SHA-256'>").unwrap();
    let first = wire::decode(first.split_once('<').unwrap().0).unwrap();
    let first = String::from_utf8(first).unwrap();
    let (_, nonce) = first.split_once("r=").unwrap();
    let challenge = wire::encode(format!("r={nonce}x,s={salt},i={iterations}").as_bytes());
    let challenge =
        format!("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{challenge}</challenge>");
    tell(&mut client, &challenge);
    client
}

fn tell(client: &mut Connection<Client>, text: &str) {
    let consumed = client.receive(Instant::ORIGIN, text.as_bytes());
    assert_eq!(consumed, text.len());
}

fn question(client: &mut Connection<Client>) -> DerivationRequest {
    match client.poll_event() {
        Some(ClientEvent::Derivation(request)) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_costs_little_is_computed_in_line() {
    let mut client = challenged(100, "AAAA", 100);
    assert!(client.poll_event().is_none());
    assert!(client.output().starts_with(b"<response "));
}

#[test]
fn what_costs_more_is_asked() {
    let in_line = challenged(101, "AAAA", 101).take_output();
    let mut client = challenged(100, "AAAA", 101);
    let request = question(&mut client);
    assert_eq!(request.hash(), ScramHash::Sha256);
    assert_eq!(request.salt(), [0; 3]);
    assert_eq!(request.iterations(), 101);
    let shown = format!("{request:?}");
    assert!(
        shown.contains("101") && !shown.contains("s3cr3t"),
        "{shown}"
    );
    assert!(client.output().is_empty() && !client.wants_read());
    let worker = std::thread::spawn(move || (request.derive(), request));
    let (salted, request) = worker.join().unwrap();
    client.answer_derivation(request, &salted).unwrap();
    assert_eq!(client.output(), in_line);
    assert!(client.wants_read());
}

#[test]
fn a_salted_password_of_an_earlier_login_is_an_answer() {
    let salted = question(&mut challenged(0, "AAAA", 10)).derive();
    let mut client = challenged(0, "AAAA", 10);
    let request = question(&mut client);
    assert!(request.is_answered_by(&salted));
    assert_eq!(client.answer_derivation(request, &salted), Ok(()));
    assert!(!client.output().is_empty());
}

#[test]
fn an_answer_to_another_question_is_misuse() {
    let another = question(&mut challenged(0, "AAAA", 11)).derive();
    let mut client = challenged(0, "AAAA", 10);
    let request = question(&mut client);
    assert!(!request.is_answered_by(&another));
    let misuse = client.answer_derivation(request, &another);
    assert_eq!(misuse, Err(ApiMisuse::WrongAnswer));
    assert!(client.output().is_empty() && client.poll_event().is_none());
}

#[test]
fn a_question_of_another_connection_is_stale() {
    let mut client = challenged(0, "AAAA", 10);
    let request = question(&mut client);
    let salted = request.derive();
    let mut in_line = challenged(10, "AAAA", 10);
    let stale = in_line.answer_derivation(request, &salted);
    assert_eq!(stale, Err(ApiMisuse::StaleRequest));
}

#[test]
fn what_is_not_accepted_is_not_asked() {
    let mut client = challenged(0, "AAAA", 1001);
    let Some(ClientEvent::Closed(CloseReason::Violation { why, .. })) = client.poll_event() else {
        panic!("the client gives up");
    };
    let why_not = SaslClientError::TooManyIterations {
        asked: 1001,
        most: 1000,
    };
    assert_eq!(why, PeerMisbehaved::Sasl(why_not));
}

#[test]
fn a_late_answer_does_nothing() {
    let mut client = challenged(0, "AAAA", 10);
    let request = question(&mut client);
    let salted = request.derive();
    client.receive_eof(Instant::ORIGIN);
    assert_eq!(client.answer_derivation(request, &salted), Ok(()));
    assert!(client.output().is_empty());
}
