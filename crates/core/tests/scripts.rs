//! Whole sessions, played at every split; see `script/mod.rs` for the format.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod script;

use script::machine::{client_config, host, juliet, limits, server_config, verona};
use script::{folder, play};
use xmppwire::{
    CertificateIdentities, ClientConfig, Domainpart, Jid, Mechanism, MechanismPolicy, SaslCondition,
};

fn play_client(name: &str, script: &str) {
    play(name, script, || juliet(client_config()));
}

fn play_server(name: &str, script: &str) {
    play(name, script, || {
        verona(server_config(), host([Mechanism::Plain]))
    });
}

#[test]
fn sessions_of_a_client() {
    for (name, script) in folder("client") {
        play_client(&name, &script);
    }
}

#[test]
fn sessions_of_a_server() {
    for (name, script) in folder("server") {
        play_server(&name, &script);
    }
}

#[test]
fn sessions_of_a_server_with_scram() {
    let mechanisms = [
        Mechanism::ScramSha256Plus,
        Mechanism::ScramSha256,
        Mechanism::Plain,
    ];
    for (name, script) in folder("server-scram") {
        play(&name, &script, || verona(server_config(), host(mechanisms)));
    }
}

#[test]
fn sessions_of_a_server_that_allows_one_attempt() {
    for (name, script) in folder("server-one-attempt") {
        play(&name, &script, || {
            let config = server_config().with_limits(limits(|limits| limits.sasl_attempts = 1));
            verona(config, host([Mechanism::Plain]))
        });
    }
}

/// Channel binding or no login.
#[test]
fn sessions_of_a_client_that_insists_on_channel_binding() {
    let policy = MechanismPolicy::default().with_floor(Mechanism::ScramSha1Plus);
    for (name, script) in folder("client-strict") {
        play(&name, &script, || {
            juliet(client_config().with_mechanisms(policy))
        });
    }
}

#[test]
fn sessions_of_a_client_with_certificate_and_password() {
    let own = CertificateIdentities::new().with_xmpp_addr("juliet@example.org");
    for (name, script) in folder("client-certificate") {
        play(&name, &script, || {
            juliet(client_config().with_certificate(&own))
        });
    }
}

/// The certificate names several accounts, and there is no password.
#[test]
fn sessions_of_a_client_with_an_ambiguous_certificate() {
    let family = CertificateIdentities::new()
        .with_xmpp_addr("juliet@example.org")
        .with_xmpp_addr("nurse@example.org");
    let jid = Jid::new("juliet@example.org").unwrap();
    for (name, script) in folder("client-certificates") {
        play(&name, &script, || {
            juliet(ClientConfig::certificate(jid.clone(), &family).unwrap())
        });
    }
}

#[test]
fn sessions_of_a_server_with_certificates() {
    for (name, script) in folder("server-external") {
        play(&name, &script, || {
            let mechanisms = [Mechanism::External, Mechanism::ScramSha256];
            verona(server_config(), host(mechanisms))
        });
    }
}

#[test]
fn sessions_of_both_with_a_certificate() {
    let own = CertificateIdentities::new().with_xmpp_addr("juliet@example.org");
    let jid = Jid::new("juliet@example.org").unwrap();
    for (name, script) in folder("both-external") {
        play(&name, &script, || {
            juliet(ClientConfig::certificate(jid.clone(), &own).unwrap())
        });
        play(&name, &script, || {
            verona(server_config(), host([Mechanism::External]))
        });
    }
}

fn play_strange_client(name: &str, script: &str) {
    play(name, script, || {
        let domain = Domainpart::new("example.org").unwrap();
        juliet(ClientConfig::anonymous(domain))
    });
}

fn play_server_for_strangers(name: &str, script: &str) {
    play(name, script, || {
        verona(server_config(), host([Mechanism::Anonymous]))
    });
}

#[test]
fn sessions_of_strangers() {
    for (name, script) in folder("client-anonymous") {
        play_strange_client(&name, &script);
    }
    for (name, script) in folder("server-anonymous") {
        play_server_for_strangers(&name, &script);
    }
    for (name, script) in folder("both-anonymous") {
        play_strange_client(&name, &script);
        play_server_for_strangers(&name, &script);
    }
}

/// RFC 6120 §6.5: whatever the condition, the client tells it as what it is.
#[test]
fn a_client_tells_every_condition() {
    for condition in SaslCondition::ALL {
        let script = format!(
            "@ plain\n\
             S: <failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><{condition}/></failure>\n\
             C: </stream:stream>\n\
             E: closed AuthFailed {condition}"
        );
        play_client(condition.name(), &script);
    }
}

/// One transcript proves both ends: what one is expected to send, the other is fed.
#[test]
fn sessions_of_both() {
    for (name, script) in folder("both") {
        play_client(&name, &script);
        play_server(&name, &script);
    }
}
