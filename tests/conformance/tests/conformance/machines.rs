//! What a script cannot show, because it needs many streams, randomness, or a call of a function.

use std::collections::HashSet;

use xmppwire::s2s::{Incoming, IncomingConfig, IncomingEvent, PeerAnswer, PeerPolicy};
use xmppwire::{
    CertificateIdentities, ChannelBindings, ClientConfig, Domainpart, Entropy, FullJid, Instant,
    Jid, Mechanism, Server, StreamErrorCondition, TlsInfo, TlsOffer,
};
use xmppwire_conformance::case::Case;
use xmppwire_conformance::feature::Role::{self, Client};
use xmppwire_conformance::machine::{client_config, host, server_config, verona_with};
use xmppwire_conformance::pair::{End, Pair};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = scram();
    cases.extend([
        Case::new(
            "unpredictable/stream-ids",
            "The id of every stream is new and long, before and after TLS and SASL (§4.7.3).",
            Role::Server,
            &["stream-attribute-response-id", "stream-attribute-response-id-unique"],
            stream_ids,
        ),
        Case::new(
            "unpredictable/resources",
            "Resources that the server makes up are all different and long (§7.6).",
            Role::Server,
            &["bind-gen"],
            resources,
        ),
        Case::new(
            "between-servers/stream-ids",
            "The same for streams that another server opens: dialback rests on the id (§4.7.3, XEP-0220 §2.4).",
            Role::Server,
            &["stream-attribute-response-id", "stream-attribute-response-id-unique"],
            stream_ids_for_servers,
        ),
    ]);
    cases
}

/// Logins with each form of SCRAM, with the right password, with a wrong one, and through a relay.
fn scram() -> Vec<Case> {
    let mechanisms = [
        Mechanism::ScramSha1,
        Mechanism::ScramSha1Plus,
        Mechanism::ScramSha256,
        Mechanism::ScramSha256Plus,
    ];
    let case = |(mechanism, role): (Mechanism, Role)| {
        Case::new(
            &format!("scram/{}", mechanism.name().to_lowercase()),
            "Client and server in memory: the right password logs in, a wrong one does not, and -PLUS notices a relay between two TLS connections (§6.3, §13.8).",
            role,
            &["sasl-support"],
            move || scram_with(mechanism),
        )
    };
    let roles = [Client, Role::Server];
    let all = mechanisms
        .into_iter()
        .flat_map(|m| roles.map(|role| (m, role)));
    all.map(case).collect()
}

fn scram_with(mechanism: Mechanism) {
    let mut pair = Pair::with_mechanisms(client_config(), [mechanism]);
    pair.run();
    let sent = String::from_utf8(pair.client.record.output).unwrap();
    assert!(
        sent.contains(&format!("mechanism='{}'", mechanism.name())),
        "{sent}"
    );
    assert!(
        pair.client
            .record
            .events
            .last()
            .unwrap()
            .starts_with("bound ")
    );
    assert!(
        pair.server
            .record
            .events
            .contains(&"authenticated juliet@example.org".into())
    );

    let wrong = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "wr0ng").unwrap();
    let mut pair = Pair::with_mechanisms(wrong, [mechanism]);
    pair.run();
    let last = pair.client.record.events.last().unwrap();
    assert_eq!(last, "closed AuthFailed not-authorized");
    assert!(
        !pair
            .server
            .record
            .events
            .iter()
            .any(|event| event.starts_with("authenticated"))
    );

    if mechanism.is_plus() {
        let mut pair = Pair::with_mechanisms(client_config(), [mechanism]);
        pair.server_bindings = ChannelBindings::tls13([0xEE; 32]);
        pair.run();
        let last = pair.client.record.events.last().unwrap();
        assert_eq!(last, "closed AuthFailed not-authorized", "a relay logs in");
    }
}

/// The texts between `before` and the next apostrophe: the values of an attribute.
fn values<'a>(output: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    output
        .split(before)
        .skip(1)
        .map(|rest| rest.split('\'').next().unwrap())
}

fn stream_ids() {
    let mut pair = Pair::session();
    pair.run();
    let output = String::from_utf8(pair.server.record.output).unwrap();
    let headers = output.split("<stream:stream").skip(1);
    let of_one: Vec<String> = headers
        .map(|header| values(header, " id='").next().unwrap().to_owned())
        .collect();
    assert_eq!(of_one.len(), 3, "in clear text, after TLS, after SASL");

    let mut ids: HashSet<String> = of_one.into_iter().collect();
    for seed in 0..500_u16 {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&seed.to_be_bytes());
        let mut server = Server::new(server_config(), Entropy::from_seed(bytes), Instant::ORIGIN);
        server.close(
            Instant::ORIGIN,
            Some(StreamErrorCondition::SystemShutdown.into()),
        );
        let output = String::from_utf8(server.take_output()).unwrap();
        ids.insert(values(&output, " id='").next().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 503, "an id was used twice");
    // At least 128 bits in any alphabet, so that a peer cannot guess the id (RFC 6120 §4.7.3).
    assert!(ids.iter().all(|id| id.len() >= 22), "{ids:?}");
}

fn stream_ids_for_servers() {
    const HEADER: &str = "<stream:stream xmlns='jabber:server' from='a.example' to='b.example' \
        xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
    let certificate = CertificateIdentities::new().with_dns_id("a.example");
    let tls = TlsInfo::new(ChannelBindings::none()).with_peer(certificate);
    let domain = Domainpart::new("b.example").unwrap();
    let mut ids = HashSet::new();
    for seed in 0..250_u16 {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&seed.to_be_bytes());
        let (entropy, now) = (Entropy::from_seed(bytes), Instant::ORIGIN);
        let config = IncomingConfig::new(domain.clone());
        let mut server = Incoming::with_direct_tls(config, entropy, now, tls.clone());
        server.receive(now, HEADER.as_bytes());
        let Some(IncomingEvent::Opened(request)) = server.poll_event() else {
            panic!("a stream is opened");
        };
        let answer = PeerAnswer::Accept(PeerPolicy::new(TlsOffer::Required));
        server.accept(request, answer).unwrap();
        // After SASL there is another stream.
        let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>";
        server.receive(now, auth.as_bytes());
        server.receive(now, HEADER.as_bytes());
        let output = String::from_utf8(server.take_output()).unwrap();
        ids.extend(values(&output, " id='").map(str::to_owned));
    }
    assert_eq!(ids.len(), 500, "an id was used twice");
    assert!(ids.iter().all(|id| id.len() >= 22), "{ids:?}");
}

fn resources() {
    let resources: HashSet<FullJid> = (0..200).map(resource).collect();
    assert_eq!(resources.len(), 200, "a resource was made up twice");
    // At least 128 bits in any alphabet.
    assert!(resources.iter().all(|jid| jid.resourcepart().len() >= 22));
}

/// The resource that a server with this seed makes up for a client that asks for none.
fn resource(seed: u8) -> FullJid {
    let mut pair = Pair::new(client_config());
    let entropy = Entropy::from_seed([seed; 32]);
    let host = host([Mechanism::Plain]);
    pair.server = End::new(verona_with(entropy, server_config(), host, false));
    pair.run();
    pair.client.machine.0.jid().unwrap().clone()
}
