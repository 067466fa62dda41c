//! What a script cannot show, because it needs many streams, randomness, or a call of a function.

use std::collections::HashSet;

use xmppwire::{
    ChannelBindings, ClientConfig, Element, Entropy, FullJid, Instant, Iq, Jid, Mechanism, Message,
    Presence, Server, Stanza, StreamErrorCondition, ns,
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
            "between-servers/content-namespace",
            "A stanza is written to a stream of `jabber:server` in that namespace, and read from there (§4.8.3).",
            Role::Server,
            &["xml-namespace-content-server"],
            content_namespace,
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

/// A stanza of each kind with these addresses.
fn stanzas(to: Option<&str>, from: Option<&str>) -> [Stanza; 3] {
    let ping = Element::builder("ping", ns::PING).build();
    let mut stanzas: [Stanza; 3] = [
        Message::chat(Jid::new("nobody@example.org").unwrap(), "Hi").into(),
        Presence::available().into(),
        Iq::get("1", &ping).into(),
    ];
    for stanza in &mut stanzas {
        stanza.set_to(to.map(|to| Jid::new(to).unwrap()));
        stanza.set_from(from.map(|from| Jid::new(from).unwrap()));
    }
    stanzas
}

const JULIET: Option<&str> = Some("juliet@example.org");
const ROMEO: Option<&str> = Some("romeo@example.net/orchard");

fn content_namespace() {
    for stanza in stanzas(JULIET, ROMEO) {
        let element = stanza.to_element(ns::SERVER);
        assert_eq!(element.ns(), ns::SERVER);
        assert!(element.children().all(|child| child.ns() != ns::CLIENT));
        assert_eq!(Stanza::try_from(element).unwrap(), stanza);
    }
}
