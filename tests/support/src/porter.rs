//! The application of a server with one account, Juliet's.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xmppwire::{
    BareJid, BindAnswer, DecoyKey, Endpoint, FullJid, Host, HostAnswer, Mechanism, Sasl2,
    SaslAnswer, SaslCondition, SaslFailure, ScramHash, ScramKeys, Server, ServerConfig,
    ServerEvent, StreamManagement, TlsOffer, TokenAnswer, TokenPolicy, TokenStore,
};

use crate::{DOMAIN, JULIET, PASSWORD};

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
    tokens: Option<Tokens>,
    /// Whether SASL2 and Bind 2 are offered, with carbons.
    inline: bool,
}

/// A complete login.
pub struct Login {
    /// `None` for a login by token.
    pub mechanism: Option<Mechanism>,
    pub jid: FullJid,
    /// Whether the client enabled carbons with its binding.
    pub carbons: bool,
}

/// The tokens that a server has issued, and its clock. Clones share them.
#[derive(Clone)]
pub struct Tokens(Arc<Mutex<Issued>>);

struct Issued {
    store: TokenStore,
    now: u64,
}

impl Tokens {
    pub fn new() -> Self {
        let store = TokenStore::new(20, 20);
        Self(Arc::new(Mutex::new(Issued {
            store,
            now: 1_800_000_000,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Issued> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the clock of the server advance.
    pub fn advance(&self, days: u64) {
        self.lock().now += days * 86_400;
    }

    /// Forgets the tokens of Juliet.
    pub fn revoke(&self) {
        self.lock().store.revoke(&BareJid::new(JULIET).unwrap());
    }

    /// Whether no client has a token.
    pub fn is_empty(&self) -> bool {
        self.lock().store.is_empty()
    }
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
            tokens: None,
            inline: false,
        }
    }

    /// Offers SASL2, Bind 2, and tokens of 14 days.
    pub fn issuing(tokens: &Tokens) -> Self {
        Self {
            tokens: Some(tokens.clone()),
            ..Self::default()
        }
    }

    /// Offers stream management (XEP-0198) and client states (XEP-0352).
    pub fn managing() -> Self {
        Self {
            management: Some(StreamManagement::new()),
            ..Self::default()
        }
    }

    /// Offers the same inside SASL2 and Bind 2, and carbons.
    #[must_use]
    pub fn inline(self, inline: bool) -> Self {
        Self { inline, ..self }
    }

    /// Answers one event; false if the event is not part of a login.
    pub fn answer(&mut self, server: &mut Endpoint<Server>, event: ServerEvent) -> bool {
        match event {
            ServerEvent::Opened(request) => {
                let answer = match request.domain().as_str() {
                    domain if domain == self.domain => {
                        let management = self.management.clone();
                        let mut host = host().with_stream_management(management).with_csi();
                        let mut sasl2 = Sasl2::new().with_carbons();
                        if let Some(tokens) = &self.tokens {
                            sasl2 = sasl2.with_tokens(TokenPolicy::new(tokens.lock().now));
                        }
                        if self.inline || self.tokens.is_some() {
                            host = host.with_sasl2(sasl2);
                        }
                        HostAnswer::Serve(host)
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
            ServerEvent::Token(lookup) => {
                let tokens = self.tokens.as_ref().expect("tokens are on offer").lock();
                let slots = tokens
                    .store
                    .slots(lookup.account(), lookup.user_agent().id());
                self.mechanism = None;
                let answer = TokenAnswer::Slots(slots);
                server.answer_token(lookup, answer).unwrap();
            }
            ServerEvent::Tokens(update) => {
                let tokens = self.tokens.as_ref().expect("tokens are on offer");
                tokens.lock().store.update(update);
            }
            ServerEvent::Authenticated(_) => {}
            ServerEvent::Bind(request) => {
                let (jid, resource) = (request.suggested_jid(), request.suggested().clone());
                self.login = Some(Login {
                    mechanism: self.mechanism,
                    jid,
                    carbons: request.wants_carbons(),
                });
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
