//! Answers of an application that do not fit the question of a login.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use xmppwire::{
    ApiMisuse, BareJid, CertificateIdentities, ChannelBindings, Client, ClientConfig, ClientEvent,
    Connection, DecoyKey, Entropy, Host, HostAnswer, Instant, Jid, Mechanism, MechanismPolicy,
    Sasl2, SaslAnswer, SaslCondition, SaslFailure, SaslRequest, ScramHash, ScramKeys, Server,
    ServerConfig, ServerEvent, TaskAnswer, TaskVerdict, TlsInfo, TlsOffer, TokenAnswer,
    TokenPolicy, TokenSlots,
};

use xmppwire_sasl::{ClientExchange, Credentials, Offer, wire};

const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams' to='example.org'>";

/// A server with an open question about the login of a client with a certificate.
fn asked(seed: u8, mechanism: Mechanism, initial: &str) -> (Connection<Server>, SaslRequest) {
    asked_with(
        ServerConfig::new(DecoyKey::new([1; 32])),
        seed,
        mechanism,
        initial,
    )
}

fn asked_with(
    config: ServerConfig,
    seed: u8,
    mechanism: Mechanism,
    initial: &str,
) -> (Connection<Server>, SaslRequest) {
    let peer = CertificateIdentities::new().with_xmpp_addr("juliet@example.org");
    let mut server = Server::with_direct_tls(
        config,
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

/// A login without an account fails where one with a wrong password does, after the proof, so that a
/// stranger cannot tell the two apart. Other reasons are told at once.
#[test]
fn an_unknown_account_gets_a_challenge() {
    for (condition, start) in [
        (SaslCondition::NotAuthorized, "<challenge "),
        (SaslCondition::AccountDisabled, "<failure "),
    ] {
        // n,,n=juliet,r=abc
        let (mut server, request) = asked(2, Mechanism::ScramSha256, "biwsbj1qdWxpZXQscj1hYmM=");
        server.take_output();
        let refusal = SaslAnswer::Reject(SaslFailure::new(condition));
        server.answer_sasl(request, refusal).unwrap();
        let output = String::from_utf8(server.take_output()).unwrap();
        assert!(output.starts_with(start), "{output}");
    }
}

/// A server with these extensions of SASL2 that has read the client's `<authenticate/>`.
fn begun(seed: u8, sasl2: Sasl2, mechanism: &str, rest: &str) -> Connection<Server> {
    let mut server = Server::with_direct_tls(
        ServerConfig::new(DecoyKey::new([1; 32])),
        Entropy::from_seed([seed; 32]),
        Instant::ORIGIN,
        TlsInfo::new(ChannelBindings::none()),
    );
    server.receive(Instant::ORIGIN, HEADER.as_bytes());
    let Some(ServerEvent::Opened(request)) = server.poll_event() else {
        panic!("no question for the host");
    };
    let host = Host::new(TlsOffer::Required, [Mechanism::Plain]).with_sasl2(sasl2);
    server
        .choose_host(request, HostAnswer::Serve(host))
        .unwrap();
    let authenticate = format!(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='{mechanism}'>{rest}</authenticate>"
    );
    server.receive(Instant::ORIGIN, authenticate.as_bytes());
    server.take_output();
    server
}

#[test]
fn a_token_is_not_checked_for_another_connection() {
    let asked = |seed| {
        let rest = "<initial-response>anVsaWV0AFFK23VCayW9fGbbPqUN1yTOvzJ0xDcr8kh6N75Y/4zG\
            </initial-response><user-agent id='9d6f2c1e-0b2a-4c5e-8f0a-3a1b2c3d4e5f'/>\
            <fast xmlns='urn:xmpp:fast:0'/>";
        let sasl2 = Sasl2::new().with_tokens(TokenPolicy::new(0));
        let mut server = begun(seed, sasl2, "HT-SHA-256-NONE", rest);
        let Some(ServerEvent::Token(lookup)) = server.poll_event() else {
            panic!("no question for the token");
        };
        (server, lookup)
    };
    let ((mut server, lookup), (_, foreign)) = (asked(1), asked(2));
    let none = || TokenAnswer::Slots(TokenSlots::default());
    let stale = server.answer_token(foreign, none());
    assert_eq!(stale, Err(ApiMisuse::StaleRequest));
    assert_eq!(server.output(), b"");
    assert_eq!(server.answer_token(lookup, none()), Ok(()));
    assert!(server.output().starts_with(b"<failure "));
}

/// A second factor counts only on the connection that asked for it.
#[test]
fn a_task_is_not_decided_for_another_connection() {
    let asked = |seed| {
        let rest = "<initial-response>AGp1bGlldABzM2NyM3Q=</initial-response>";
        let mut server = begun(seed, Sasl2::new().with_tasks(), "PLAIN", rest);
        let Some(ServerEvent::Sasl(request)) = server.poll_event() else {
            panic!("no question for the login");
        };
        server.answer_sasl(request, accept()).unwrap();
        let Some(ServerEvent::Task(question)) = server.poll_event() else {
            panic!("no question for the task");
        };
        (server, question)
    };
    let ((mut server, question), (_, foreign)) = (asked(1), asked(2));
    let stale = server.decide_task(foreign, TaskVerdict::Done);
    assert_eq!(stale, Err(ApiMisuse::StaleRequest));
    assert!(server.poll_event().is_none());
    assert_eq!(server.output(), b"");
    assert_eq!(server.decide_task(question, TaskVerdict::Done), Ok(()));
}

#[test]
fn a_task_is_not_done_for_another_connection() {
    let asked = |seed| {
        let config = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t")
            .unwrap()
            .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
            .with_tasks();
        let entropy = Entropy::from_seed([seed; 32]);
        let tls = TlsInfo::new(ChannelBindings::none());
        let mut client = Client::with_direct_tls(config, entropy, Instant::ORIGIN, tls);
        let offer = "<stream:stream xmlns='jabber:client' version='1.0' id='1' from='example.org' \
            xmlns:stream='http://etherx.jabber.org/streams'><stream:features>\
            <authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism>\
            </authentication></stream:features>";
        client.receive(Instant::ORIGIN, offer.as_bytes());
        let more = "<continue xmlns='urn:xmpp:sasl:2'><tasks><task>TOTP</task></tasks></continue>";
        client.receive(Instant::ORIGIN, more.as_bytes());
        client.take_output();
        let Some(ClientEvent::Task(request)) = client.poll_event() else {
            panic!("no question for the task");
        };
        (client, request)
    };
    let ((mut client, request), (_, foreign)) = (asked(1), asked(2));
    let choose = || TaskAnswer::Choose("TOTP".into(), Vec::new());
    let stale = client.answer_task(foreign, choose());
    assert_eq!(stale, Err(ApiMisuse::StaleRequest));
    assert_eq!(client.output(), b"");
    assert_eq!(client.answer_task(request, choose()), Ok(()));
    assert!(client.output().starts_with(b"<next "));
}

/// The hash of the offer protects it from a change on the way (XEP-0474), unless that is switched off.
#[test]
fn the_challenge_protects_the_offer() {
    for (config, protects) in [
        (ServerConfig::new(DecoyKey::new([1; 32])), true),
        (
            ServerConfig::new(DecoyKey::new([1; 32])).without_downgrade_protection(),
            false,
        ),
    ] {
        // n,,n=juliet,r=abc
        let initial = "biwsbj1qdWxpZXQscj1hYmM=";
        let (mut server, request) = asked_with(config, 2, Mechanism::ScramSha256, initial);
        server.take_output();
        server.answer_sasl(request, keys()).unwrap();
        let challenge = String::from_utf8(server.take_output()).unwrap();
        let challenge = challenge.split(['>', '<']).nth(2).unwrap();
        let challenge = String::from_utf8(wire::decode(challenge).unwrap()).unwrap();
        let hashed = challenge.split(',').any(|field| field.starts_with("h="));
        assert_eq!(hashed, protects, "{challenge}");
    }
}
