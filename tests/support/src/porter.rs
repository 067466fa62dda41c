//! The application of a server with one account, Juliet's.

use xmppwire::{
    BindAnswer, DecoyKey, Endpoint, FullJid, Host, HostAnswer, Mechanism, SaslAnswer,
    SaslCondition, SaslFailure, ScramHash, ScramKeys, Server, ServerConfig, ServerEvent,
    StreamManagement, TlsOffer,
};

use crate::{DOMAIN, PASSWORD};

pub fn config() -> ServerConfig {
    ServerConfig::new(DecoyKey::new([0x17; 32]))
}

/// TLS is required, and SCRAM offered with and without channel binding.
pub fn host() -> Host {
    let mechanisms = [Mechanism::ScramSha256Plus, Mechanism::ScramSha256];
    Host::new(TlsOffer::Required, mechanisms)
}

/// Answers the questions of a login of Juliet.
pub struct Porter {
    domain: String,
    mechanism: Option<Mechanism>,
    login: Option<Login>,
    management: Option<StreamManagement>,
}

/// A complete login.
pub struct Login {
    pub mechanism: Mechanism,
    pub jid: FullJid,
}

impl Default for Porter {
    fn default() -> Self {
        Self::for_domain(DOMAIN)
    }
}

impl Porter {
    /// Serves this domain and no other.
    pub fn for_domain(domain: &str) -> Self {
        Self {
            domain: domain.to_owned(),
            mechanism: None,
            login: None,
            management: None,
        }
    }

    /// Offers stream management (XEP-0198).
    pub fn managing() -> Self {
        Self {
            management: Some(StreamManagement::new()),
            ..Self::default()
        }
    }

    /// Answers one event; false if the event is not part of a login.
    pub fn answer(&mut self, server: &mut Endpoint<Server>, event: ServerEvent) -> bool {
        match event {
            ServerEvent::Opened(request) => {
                let answer = match request.domain().as_str() {
                    domain if domain == self.domain => {
                        let management = self.management.clone();
                        HostAnswer::Serve(host().with_stream_management(management))
                    }
                    _ => HostAnswer::Unknown,
                };
                server.choose_host(request, answer).unwrap();
            }
            ServerEvent::Sasl(request) => {
                self.mechanism = Some(request.mechanism());
                let answer = match request.username() {
                    "juliet" => SaslAnswer::ScramKeys(keys(request.mechanism())),
                    _ => SaslAnswer::Reject(SaslFailure::new(SaslCondition::NotAuthorized)),
                };
                server.answer_sasl(request, answer).unwrap();
            }
            ServerEvent::Authenticated(_) => {}
            ServerEvent::Bind(request) => {
                let (jid, resource) = (request.suggested_jid(), request.suggested().clone());
                let mechanism = self.mechanism.expect("authentication comes before binding");
                self.login = Some(Login { mechanism, jid });
                server
                    .answer_bind(request, BindAnswer::Bind(resource))
                    .unwrap();
            }
            _ => return false,
        }
        true
    }

    /// Notes the mechanism of a login whose question was answered elsewhere.
    pub fn note(&mut self, mechanism: Mechanism) {
        self.mechanism = Some(mechanism);
    }

    /// The login, once it is complete.
    pub fn login(&mut self) -> Option<Login> {
        self.login.take()
    }
}

/// What a server keeps of Juliet's password. The salt is as long as that of made-up keys, so that
/// its length does not tell an account from an unknown user.
pub fn keys(mechanism: Mechanism) -> ScramKeys {
    let hash = mechanism.hash().unwrap_or(ScramHash::Sha256);
    ScramKeys::derive(hash, PASSWORD, b"pepper and salt.", 4096).unwrap()
}
