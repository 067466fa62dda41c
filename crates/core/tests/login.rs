//! Answers of a server's application that do not fit the question of a login.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use xmppwire::{
    ApiMisuse, BareJid, CertificateIdentities, ChannelBindings, Connection, DecoyKey, Entropy,
    Host, HostAnswer, Instant, Mechanism, SaslAnswer, SaslRequest, ScramHash, ScramKeys, Server,
    ServerConfig, ServerEvent, TlsInfo, TlsOffer,
};

use xmppwire_sasl::{ClientExchange, Credentials, Offer, wire};

const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams' to='example.org'>";

/// A server with an open question about the login of a client with a certificate.
fn asked(seed: u8, mechanism: Mechanism, initial: &str) -> (Connection<Server>, SaslRequest) {
    let peer = CertificateIdentities::new().with_xmpp_addr("juliet@example.org");
    let mut server = Server::with_direct_tls(
        ServerConfig::new(DecoyKey::new([1; 32])),
        Entropy::from_seed([seed; 32]),
        Instant::ORIGIN,
        TlsInfo::new(ChannelBindings::none()).with_peer(peer),
    );
    let tell = |server: &mut Connection<Server>, text: &str| {
        assert_eq!(server.receive(Instant::ORIGIN, text.as_bytes()), text.len());
    };
    tell(&mut server, HEADER);
    let Some(ServerEvent::Opened(request)) = server.poll_event() else {
        panic!("no question for the host");
    };
    let host = Host::new(TlsOffer::Required, Mechanism::ALL.iter().copied());
    server
        .choose_host(request, HostAnswer::Serve(host))
        .unwrap();
    let auth = format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{initial}</auth>"
    );
    tell(&mut server, &auth);
    let Some(ServerEvent::Sasl(request)) = server.poll_event() else {
        panic!("no question for the login");
    };
    (server, request)
}

fn accept() -> SaslAnswer {
    SaslAnswer::Accept(BareJid::new("juliet@example.org").unwrap())
}

fn keys() -> SaslAnswer {
    SaslAnswer::ScramKeys(ScramKeys::derive(ScramHash::Sha256, "s3cr3t", b"salt", 1).unwrap())
}

/// A SCRAM login needs keys, because they check the proof. Keys are no answer where there is no
/// password.
#[test]
fn an_answer_to_another_question_is_misuse() {
    for (mechanism, initial, wrong, right) in [
        // n,,n=juliet,r=abc
        (
            Mechanism::ScramSha256,
            "biwsbj1qdWxpZXQscj1hYmM=",
            accept(),
            keys(),
        ),
        (Mechanism::External, "=", keys(), accept()),
        (Mechanism::Anonymous, "=", keys(), accept()),
    ] {
        let (mut server, request) = asked(2, mechanism, initial);
        server.take_output();
        assert_eq!(
            server.answer_sasl(request, wrong),
            Err(ApiMisuse::WrongAnswer)
        );
        assert_eq!(server.output(), b"");
        assert!(server.poll_event().is_none() && !server.wants_read());

        let (mut server, request) = asked(2, mechanism, initial);
        assert_eq!(server.answer_sasl(request, right), Ok(()));
    }
    // Both answers fit a password.
    for answer in [accept(), keys()] {
        let (mut server, request) = asked(2, Mechanism::Plain, "AGp1bGlldABzM2NyM3Q=");
        assert_eq!(server.answer_sasl(request, answer), Ok(()));
        assert!(matches!(
            server.poll_event(),
            Some(ServerEvent::Authenticated(_))
        ));
    }
}

/// The account has to be of the domain in the client's header (RFC 6120 §6.4.6).
#[test]
fn an_account_of_another_domain_is_misuse() {
    let (mut server, request) = asked(2, Mechanism::External, "=");
    let foreign = SaslAnswer::Accept(BareJid::new("juliet@example.com").unwrap());
    assert_eq!(
        server.answer_sasl(request, foreign),
        Err(ApiMisuse::WrongAnswer)
    );
    assert!(server.poll_event().is_none());
}

#[test]
fn a_question_of_another_connection_is_stale() {
    let (_, foreign) = asked(3, Mechanism::External, "=");
    let (mut server, _open) = asked(2, Mechanism::Anonymous, "=");
    assert_eq!(
        server.answer_sasl(foreign, accept()),
        Err(ApiMisuse::StaleRequest)
    );
}

/// RFC 6120 §6.3.8: an authorization identity is a bare JID. One with a resource is refused, although
/// the password is right and the account its own.
#[test]
fn a_full_authorization_identity_is_refused_after_scram() {
    for (authzid, admitted) in [
        ("juliet@example.org", true),
        ("juliet@example.org/balcony", false),
    ] {
        // What the server offers without channel binding: EXTERNAL comes first.
        let mut offered: Vec<_> = Mechanism::ALL.iter().filter(|it| !it.is_plus()).collect();
        offered.sort_by_key(|mechanism| **mechanism != Mechanism::External);
        let offer = Offer::new(offered.iter().map(|mechanism| mechanism.name()));
        let credentials = Credentials::new("juliet", "s3cr3t").with_authzid(authzid);
        let none = ChannelBindings::none();
        let mechanism = Mechanism::ScramSha256;
        let mut client =
            ClientExchange::new(mechanism, &credentials, &none, &offer, [4; 24]).unwrap();
        let first = wire::encode(&client.initial_response());
        let (mut server, request) = asked(5, mechanism, &first);
        assert_eq!(request.authzid(), Some(authzid));
        server.take_output();
        let keys = ScramKeys::derive(ScramHash::Sha256, "s3cr3t", b"pepper and salt.", 4096);
        server
            .answer_sasl(request, SaslAnswer::ScramKeys(keys.unwrap()))
            .unwrap();
        let challenge = String::from_utf8(server.take_output()).unwrap();
        let challenge = challenge.split(['>', '<']).nth(2).unwrap();
        let response = client.respond(&wire::decode(challenge).unwrap()).unwrap();
        let response = wire::encode(&response);
        let response =
            format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{response}</response>");
        server.receive(Instant::ORIGIN, response.as_bytes());
        let answer = String::from_utf8(server.take_output()).unwrap();
        assert_eq!(answer.starts_with("<success "), admitted, "{answer}");
        assert_eq!(answer.contains("<invalid-authzid/>"), !admitted, "{answer}");
    }
}
