//! The environment that `with_prosody.py` and `with_ejabberd.py` set: see README.md.

use std::sync::Arc;

use xmppwire_tokio::tls::rustls;
use xmppwire_tokio::tls::{ClientTls, ClientTlsBuilder, Identity};
use xmppwire_tokio::{
    ClientConfig, Connector, Domainpart, Jid, Mechanism, MechanismPolicy, Mode, Service,
};

use crate::shared::{get, roots};

pub(crate) const MODES: [Mode; 2] = [Mode::StartTls, Mode::DirectTls];

/// The mechanisms that a host offers.
pub(crate) fn offer(host: &str) -> String {
    get(&host.replacen("HOST", "OFFER", 1))
}

/// An account of the server.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) localpart: String,
    pub(crate) password: String,
}

impl Account {
    fn named(prefix: &str) -> Self {
        Self {
            localpart: get(&format!("{prefix}USER")),
            password: get(&format!("{prefix}PASSWORD")),
        }
    }

    pub(crate) fn juliet() -> Self {
        Self::named("")
    }

    pub(crate) fn romeo() -> Self {
        Self::named("OTHER_")
    }

    /// One whose name SCRAM has to escape.
    pub(crate) fn odd() -> Self {
        Self::named("ODD_")
    }

    pub(crate) fn with_password(self, password: &str) -> Self {
        Self {
            password: password.into(),
            ..self
        }
    }

    /// The address on a host.
    pub(crate) fn at(&self, host: &str) -> Jid {
        Jid::new(&format!("{}@{}", self.localpart, get(host))).expect("an address")
    }

    fn config_of(&self, jid: Jid) -> ClientConfig {
        ClientConfig::new(jid, self.password.as_str()).expect("an account")
    }

    /// A configuration for a host: SCRAM only, and the resource is up to the server.
    pub(crate) fn config(&self, host: &str) -> ClientConfig {
        self.config_of(self.at(host))
    }

    /// The same with a resource.
    pub(crate) fn config_as(&self, host: &str, resource: &str) -> ClientConfig {
        let jid = format!("{}/{resource}", self.at(host));
        self.config_of(Jid::new(&jid).expect("an address"))
    }
}

/// Allows PLAIN as well.
pub(crate) fn with_plain(config: ClientConfig) -> ClientConfig {
    config.with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
}

/// Requires channel binding.
pub(crate) fn with_channel_binding(config: ClientConfig) -> ClientConfig {
    config.with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::ScramSha1Plus))
}

/// A configuration without an account.
pub(crate) fn anonymous(host: &str) -> ClientConfig {
    ClientConfig::anonymous(Domainpart::new(&get(host)).expect("a domain"))
}

/// TLS that trusts the authority of the server's certificate.
pub(crate) fn authority() -> ClientTls {
    trusting("CA").build().expect("a configuration")
}

/// TLS that trusts another authority.
pub(crate) fn other_authority() -> ClientTls {
    trusting("OTHER_CA").build().expect("a configuration")
}

/// The same as `authority`, with a certificate of the client.
pub(crate) fn authority_as(identity: Identity) -> ClientTls {
    let tls = trusting("CA").identity(identity).build();
    tls.expect("a configuration")
}

/// The same over TLS 1.2, where both servers offer channel binding.
pub(crate) fn authority_over_tls_1_2() -> ClientTls {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("a version")
        .with_root_certificates(roots("CA"))
        .with_no_client_auth();
    config.require_ems = true;
    ClientTls::from_config(config, &Service::CLIENT)
}

fn trusting(name: &str) -> ClientTlsBuilder {
    ClientTls::builder(roots(name))
}

/// Logs in with that configuration at the address of the server. Without stream management, because
/// a server keeps managed sessions whose connections ended without a closing tag, and later tests
/// would hear of them.
pub(crate) fn connector(config: ClientConfig, mode: Mode) -> Connector {
    let port = match mode {
        Mode::StartTls => get("STARTTLS_PORT"),
        _ => get("TLS_PORT"),
    };
    connector_to(config, mode, port.parse().expect("a port")).with_stream_management(None)
}

/// Logs in at another port, such as that of a relay, with stream management.
pub(crate) fn connector_to(config: ClientConfig, mode: Mode, port: u16) -> Connector {
    Connector::new(config)
        .expect("a host")
        .with_server(get("ADDRESS"), port, mode)
        .with_tls(authority())
}

/// Where components connect, and the one that the server knows.
pub(crate) struct ComponentServer {
    pub(crate) address: String,
    pub(crate) port: u16,
    pub(crate) domain: String,
    pub(crate) secret: String,
    pub(crate) is_prosody: bool,
}

pub(crate) fn component_server() -> ComponentServer {
    ComponentServer {
        address: get("ADDRESS"),
        port: get("COMPONENT_PORT").parse().expect("a port"),
        domain: get("COMPONENT"),
        secret: get("COMPONENT_SECRET"),
        is_prosody: get("SERVER") == "prosody",
    }
}
