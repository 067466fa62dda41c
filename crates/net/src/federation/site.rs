//! What a server brings to federation: its domains, their certificates, and where other servers
//! are.

use std::collections::BTreeMap;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use rustls::RootCertStore;
use xmppwire::s2s::{
    DialbackSecret, Incoming, IncomingConfig, LocalDomains, Outgoing, Pair, PeerAnswer, PeerRequest,
};
use xmppwire::{Domainpart, Entropy, Instant, StanzaErrorCondition as Condition};

use super::guests::IncomingLimits;
use super::{DomainPolicy, Federation, FederationLimits, Policies, Purpose};
use crate::find::{Domain, Mode, NameServers, Plan, Service, SrvAnswers, Target};
use crate::link::{Link, LinkError, Secured, TlsSide};
use crate::tls::{ClientCertificates, ClientTls, Identity, KeyPurpose, ServerTls, TlsError};

/// TLS of one domain of this server, in both directions.
#[derive(Clone, Debug)]
pub struct LocalDomain {
    outgoing: ClientTls,
    /// The same for remote domains that need no certificate.
    dialback: ClientTls,
    incoming: ServerTls,
    certificate: bool,
    moved_to: Option<String>,
}

impl LocalDomain {
    /// Shows this certificate in both directions, so that SASL EXTERNAL can be used (RFC 6120
    /// §13.8.4), and trusts these roots.
    ///
    /// Another server is asked for its certificate, and no certificate makes the handshake fail:
    /// one that is not verified, or is of another domain, is no evidence for SASL EXTERNAL, and
    /// leaves dialback to prove the domain. A certificate counts by [`KeyPurpose::ClientOrServer`].
    /// [`with_tls`](Self::with_tls) takes other choices:
    ///
    /// ```
    /// # use xmppwire_net::federation::LocalDomain;
    /// # use xmppwire_net::find::Service;
    /// # use xmppwire_net::tls::{ClientCertificates, ClientTls, Identity, KeyPurpose, ServerTls, TlsError, rustls};
    /// # fn build(identity: Identity, roots: rustls::RootCertStore) -> Result<LocalDomain, TlsError> {
    /// let outgoing = ClientTls::builder(roots.clone())
    ///     .identity(identity.clone())
    ///     .service(Service::SERVER)
    ///     .build()?;
    /// let incoming = ServerTls::builder(identity)
    ///     .client_certificates(ClientCertificates::Tolerated(roots))
    ///     .key_purpose(KeyPurpose::Client) // certificates for servers alone do not count
    ///     .service(Service::SERVER)
    ///     .build()?;
    /// # Ok(
    /// LocalDomain::with_tls(outgoing, incoming, true)
    /// # )
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the builders of [`ClientTls`] and [`ServerTls`].
    pub fn new(identity: Identity, roots: RootCertStore) -> Result<Self, TlsError> {
        let outgoing = ClientTls::builder(roots.clone())
            .identity(identity.clone())
            .service(Service::SERVER)
            .build()?;
        let incoming = ServerTls::builder(identity)
            .client_certificates(ClientCertificates::Tolerated(roots))
            .key_purpose(KeyPurpose::ClientOrServer)
            .service(Service::SERVER)
            .build()?;
        Ok(Self::with_tls(outgoing, incoming, true))
    }

    /// These configurations, both made for [`Service::SERVER`]. `certificate` tells whether
    /// `outgoing` shows a certificate of the domain.
    ///
    /// `outgoing` is used as it is for remote domains that need a certificate, and
    /// [for dialback](ClientTls::for_dialback) for the others.
    pub fn with_tls(outgoing: ClientTls, incoming: ServerTls, certificate: bool) -> Self {
        Self {
            dialback: outgoing.for_dialback(),
            outgoing,
            incoming,
            certificate,
            moved_to: None,
        }
    }

    /// Says that other servers find the domain at this host and optional port: those that ask for it
    /// here are sent there with `<see-other-host/>` (RFC 6120 §4.9.3.19), once TLS protects the
    /// stream. The other host needs a certificate of the domain.
    #[must_use]
    pub fn moved_to(mut self, host: impl Into<String>) -> Self {
        self.moved_to = Some(host.into());
        self
    }
}

/// What a server needs to exchange stanzas with other servers.
#[derive(Clone, Debug)]
pub struct FederationConfig {
    domains: BTreeMap<Domainpart, LocalDomain>,
    secret: Option<DialbackSecret>,
    policies: Policies,
    limits: FederationLimits,
    servers: BTreeMap<Domainpart, Vec<Target>>,
    name_servers: Option<NameServers>,
    connect_timeout: Duration,
    incoming: IncomingLimits,
    /// Made when the first stream is accepted.
    accepting: OnceLock<Accepting>,
}

/// What all streams of other servers share.
#[derive(Clone, Debug)]
struct Accepting {
    side: Option<TlsSide>,
    config: IncomingConfig,
}

impl FederationConfig {
    /// A server of no domain, with the default limits and policies.
    pub fn new() -> Self {
        Self {
            domains: BTreeMap::new(),
            secret: None,
            policies: Policies::default(),
            limits: FederationLimits::default(),
            servers: BTreeMap::new(),
            name_servers: None,
            connect_timeout: Duration::from_secs(20),
            incoming: IncomingLimits {
                all: 4_096,
                per_address: 512,
                unproven: 1_024,
            },
            accepting: OnceLock::new(),
        }
    }

    /// Adds a domain of this server.
    #[must_use]
    pub fn with_domain(mut self, domain: Domainpart, tls: LocalDomain) -> Self {
        self.domains.insert(domain, tls);
        self.accepting = OnceLock::new();
        self
    }

    /// Allows dialback, with keys from this secret. All machines of a deployment share it.
    #[must_use]
    pub fn with_dialback(mut self, secret: DialbackSecret) -> Self {
        self.secret = Some(secret);
        self.accepting = OnceLock::new();
        self
    }

    /// Sets what is asked of which remote domain.
    #[must_use]
    pub fn with_policies(mut self, policies: Policies) -> Self {
        self.policies = policies;
        self
    }

    /// Sets what may wait, and how many streams there may be.
    #[must_use]
    pub fn with_limits(mut self, limits: FederationLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Names a server of a remote domain, which is then not looked up. Servers of one domain are
    /// tried in the order of these calls.
    #[must_use]
    pub fn with_server(
        mut self,
        domain: Domainpart,
        host: impl Into<String>,
        port: u16,
        mode: Mode,
    ) -> Self {
        let target = Target::new(host, port, mode);
        self.servers.entry(domain).or_default().push(target);
        self
    }

    /// Asks these name servers for SRV records instead of those of the system.
    #[must_use]
    pub fn with_name_servers(mut self, servers: NameServers) -> Self {
        self.name_servers = Some(servers);
        self
    }

    /// Sets how long each look-up, each connection and each TLS handshake may take. 20 seconds by
    /// default.
    #[must_use]
    pub const fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how many connections of other servers there may be at once. 4,096 by default.
    #[must_use]
    pub const fn with_incoming(mut self, connections: usize) -> Self {
        self.incoming.all = connections;
        self
    }

    /// Sets how many connections there may be at once from one address; of IPv6, from one network
    /// of 64 bits. 512 by default. A server of many domains may need one for each pair of domains.
    #[must_use]
    pub const fn with_incoming_per_address(mut self, connections: usize) -> Self {
        self.incoming.per_address = connections;
        self
    }

    /// Sets how many connections of servers there may be at once that have proven no domain. 1,024
    /// by default.
    #[must_use]
    pub const fn with_unproven_incoming(mut self, connections: usize) -> Self {
        self.incoming.unproven = connections;
        self
    }

    /// Whether this server serves the domain, which is taken as a [`Domainpart`] writes it.
    pub fn serves(&self, domain: &str) -> bool {
        self.domains.contains_key(domain)
    }

    /// How long each look-up, each connection and each TLS handshake may take.
    pub const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    pub(super) const fn incoming_limits(&self) -> IncomingLimits {
        self.incoming
    }

    /// What may wait, and how many streams there may be.
    pub const fn limits(&self) -> &FederationLimits {
        &self.limits
    }

    /// The name servers to ask, if not those of the system.
    pub const fn name_servers(&self) -> Option<&NameServers> {
        self.name_servers.as_ref()
    }

    /// A pool without streams.
    pub fn pool(&self) -> Federation {
        Federation::new(self.limits.clone(), self.policies.clone())
    }

    // --- Streams that this server opens -----------------------------------------------------------

    /// The servers of a domain that the configuration names.
    pub(super) fn servers(&self, domain: &Domainpart) -> Option<&[Target]> {
        self.servers.get(domain).map(Vec::as_slice)
    }

    /// The servers of a domain, best first, from the answers to its SRV look-up, if it has one. None
    /// is left where the domain has no server.
    pub(super) fn plan(domain: &Domain, answers: Option<SrvAnswers>) -> Vec<Target> {
        let service = &Service::SERVER;
        let plan = match answers {
            None => Plan::fallback(service, domain),
            Some(answers) => match Plan::from_answers(service, domain, answers, crate::jitter) {
                Ok(plan) => plan,
                Err(_) => return Vec::new(),
            },
        };
        plan.into_iter().collect()
    }

    /// Whether a stream to a domain of this policy needs a verified certificate of the domain. It
    /// always does where this server has no secret for dialback, and so relies on certificates.
    fn needs_certificate(&self, policy: DomainPolicy) -> bool {
        policy.is_certified() || self.secret.is_none()
    }

    /// TLS of a stream with the headers of this pair: the certificate of the sender domain is
    /// shown. Where the policy of the target domain needs a certificate, the handshake fails
    /// without a verified one of that domain. `None` where this server does not serve the sender
    /// domain.
    pub fn side(&self, pair: &Pair) -> Option<TlsSide> {
        let own = self.domains.get(pair.sender())?;
        let domain = Domain::parse(pair.target().as_str()).ok()?;
        let tls = match self.needs_certificate(self.policies.of(pair.target())) {
            true => &own.outgoing,
            false => &own.dialback,
        };
        Some(TlsSide::client(tls.clone(), domain))
    }

    /// The link of a stream: over TLS after a finished handshake, otherwise in clear text.
    ///
    /// # Errors
    ///
    /// [`LinkError::Io`] if the operating system gives no randomness.
    pub fn outgoing(
        &self,
        now: Instant,
        pair: &Pair,
        purpose: Purpose,
        policy: DomainPolicy,
        secured: Option<Secured>,
    ) -> Result<Link<Outgoing>, LinkError> {
        let own = self.domains.get(pair.sender());
        let certificate = own.is_some_and(|own| own.certificate);
        let mut config = policy.outgoing(self.secret.as_ref(), certificate);
        config = match purpose {
            Purpose::Verification => config.only_verifies(),
            _ if self.needs_certificate(policy) => config.with_certified_peer(),
            _ => config,
        };
        let (pair, side, entropy) = (pair.clone(), self.side(pair), entropy()?);
        Ok(match secured {
            Some(secured) => {
                let info = secured.info();
                let stream = Outgoing::with_direct_tls(config, pair, entropy, now, info);
                Link::over_tls(stream, secured)
            }
            None => Link::new(Outgoing::new(config, pair, entropy, now), side),
        })
    }

    // --- Streams that other servers open ----------------------------------------------------------

    /// TLS for a stream whose header has not named a domain yet. With direct TLS the other server
    /// names it in its first message, and sees the certificate of that domain (RFC 6066 §3); where
    /// it names none of this server, that of the first domain in the order of their names.
    pub fn accepting_side(&self) -> Option<TlsSide> {
        self.accepting().side.clone()
    }

    /// What all streams of other servers share.
    fn accepting(&self) -> &Accepting {
        self.accepting.get_or_init(|| {
            let names = self.domains.iter().filter_map(|(domain, tls)| {
                let name = Domain::parse(domain.as_str()).ok()?;
                Some((name, tls.incoming.clone()))
            });
            let any = self.domains.first_key_value();
            let side = any.map(|(_, any)| TlsSide::server_by_name(names, any.incoming.clone()));
            let domains: LocalDomains = self.domains.keys().cloned().collect();
            let mut config = IncomingConfig::new(domains);
            // A server of before RFC 3920 names no domain in its header.
            if let Some((domain, _)) = any {
                config = config.with_default_domain(domain.clone());
            }
            if let Some(secret) = &self.secret {
                config = config.with_dialback(secret.clone());
            }
            Accepting { side, config }
        })
    }

    /// Why a dialback key of this domain is not verified, if it is not. `secured` tells whether TLS
    /// protects the stream that it arrived on.
    pub(super) fn refusal(&self, domain: &Domainpart, secured: bool) -> Option<Condition> {
        self.policies.of(domain).refusal(secured)
    }

    /// The link of a stream that another server opens.
    ///
    /// # Errors
    ///
    /// [`LinkError::Io`] if the operating system gives no randomness.
    pub fn accept(
        &self,
        now: Instant,
        secured: Option<Secured>,
    ) -> Result<Link<Incoming>, LinkError> {
        let (config, entropy) = (self.accepting().config.clone(), entropy()?);
        Ok(match secured {
            Some(secured) => {
                let stream = Incoming::with_direct_tls(config, entropy, now, secured.info());
                Link::over_tls(stream, secured)
            }
            None => Link::new(Incoming::new(config, entropy, now), self.accepting_side()),
        })
    }

    /// The terms for another server, and TLS for the domain that it asked for.
    pub fn terms(&self, request: &PeerRequest) -> (PeerAnswer, Option<TlsSide>) {
        // Where a peer does not name itself, the policy of each domain is looked at when its key
        // arrives.
        let policy = match request.remote() {
            Some(remote) => self.policies.of(remote),
            None => self.policies.of_unnamed(),
        };
        let own = self.domains.get(request.local());
        let side = own.map(|own| own.incoming.clone().into());
        let moved_to = own.and_then(|own| own.moved_to.clone());
        if let Some(other) = moved_to.filter(|_| request.secured()) {
            return (PeerAnswer::SeeOtherHost(other), side);
        }
        (PeerAnswer::Accept(policy.incoming()), side)
    }
}

impl Default for FederationConfig {
    fn default() -> Self {
        Self::new()
    }
}

fn entropy() -> Result<Entropy, LinkError> {
    Entropy::from_os().map_err(|error| LinkError::Io(io::Error::other(error)))
}
