//! What federation may cost, and what is asked of which domain.

use std::collections::BTreeMap;
use std::time::Duration;

use xmppwire::s2s::{DialbackSecret, OutgoingConfig, PeerPolicy};
use xmppwire::{Domainpart, StanzaErrorCondition, TlsOffer, TlsPolicy};

use crate::client::ReconnectPolicy;

/// What the pool may hold and how long it waits. Change the fields of [`FederationLimits::default`]
/// to taste.
///
/// Bytes are bytes of memory held: the heap of the stanzas and the slots of the queues.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FederationLimits {
    /// Bytes that stanzas of all remote domains may hold while they wait, those included that are
    /// given to streams and not written. 64 MiB by default.
    pub queued: usize,
    /// Bytes that stanzas to one remote domain may hold while they wait. 1 MiB by default.
    pub queued_per_domain: usize,
    /// Time that a stanza may wait; then its sender is told. One minute by default.
    pub queue_time: Duration,
    /// Remote domains that are known at once, those included that are only known to have failed
    /// lately. 16,384 by default. One with an open stream takes about 2,000 bytes of memory here,
    /// beside its connection.
    pub domains: usize,
    /// Streams for stanzas that may be open at once, those included that are being opened or
    /// closed. 4,096 by default.
    pub streams: usize,
    /// The same for one remote domain. 8 by default.
    pub streams_per_domain: usize,
    /// Bytes of stanzas, as memory, that are given to a stream before the driver tells that they
    /// are written. A stream is given at least one stanza. 64 KiB by default.
    pub window: usize,
    /// Bytes of memory of what arrived and waits for the application to take it. Connections read
    /// nothing while there are so many. One report of a connection may always wait, however long it
    /// is. 1 MiB by default.
    pub arrived: usize,
    /// Time after which a stream that carries nothing is closed. Ten minutes by default.
    pub idle_time: Duration,
    /// Connections to authoritative servers that may be open at once, to verify keys. 64 by
    /// default.
    pub verifiers: usize,
    /// Keys that may wait for the answer of one authoritative server. 16 by default. More are
    /// answered with `resource-constraint`.
    pub keys_per_verifier: usize,
    /// Time in which a key has to be verified; then the answer is `remote-server-timeout`. 40
    /// seconds by default, a little less than the receiving connection waits
    /// ([`PairLimits::verify_timeout`](xmppwire::s2s::PairLimits::verify_timeout)).
    pub verify_time: Duration,
    /// When to connect again to a remote domain that could not be reached. By default the first
    /// window has 10 seconds and the longest ten minutes. `attempts` has no effect: nothing
    /// connects to a domain while no stanza waits for it.
    pub reconnect: ReconnectPolicy,
}

impl Default for FederationLimits {
    fn default() -> Self {
        let reconnect = ReconnectPolicy {
            first: Duration::from_secs(10),
            ..ReconnectPolicy::default()
        };
        Self {
            queued: 64 << 20,
            queued_per_domain: 1 << 20,
            queue_time: Duration::from_secs(60),
            domains: 16_384,
            streams: 4_096,
            streams_per_domain: 8,
            window: 64 << 10,
            arrived: 1 << 20,
            idle_time: Duration::from_secs(600),
            verifiers: 64,
            keys_per_verifier: 16,
            verify_time: Duration::from_secs(40),
            reconnect,
        }
    }
}

/// What is asked of one remote domain, in both directions.
///
/// ```
/// use xmppwire_net::federation::DomainPolicy;
///
/// let strict = DomainPolicy::default().with_certified_peer();
/// assert!(strict.is_certified());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainPolicy {
    tls: TlsPolicy,
    certified: bool,
    dialback: bool,
    multiplex: bool,
    bidi: bool,
    legacy: bool,
}

impl Default for DomainPolicy {
    /// TLS is required, dialback is allowed, a certificate of the domain is not needed, each pair
    /// has a stream of its own, and streams go in one direction.
    fn default() -> Self {
        Self {
            tls: TlsPolicy::Required,
            certified: false,
            dialback: true,
            multiplex: false,
            bidi: false,
            legacy: false,
        }
    }
}

impl DomainPolicy {
    /// Sets whether TLS is needed; it is by default.
    #[must_use]
    pub const fn with_tls(mut self, tls: TlsPolicy) -> Self {
        self.tls = tls;
        self
    }

    /// Insists on a verified certificate of the domain, in both directions: dialback alone does not
    /// suffice.
    ///
    /// On a stream to the domain the TLS handshake fails then. On a stream from the domain the
    /// handshake goes on, so that the peer learns the reason: a key is refused with
    /// `not-authorized`.
    ///
    /// Without this call a stream to the domain is encrypted whatever certificate is shown (RFC
    /// 7590 §3.4), and goes on by dialback: the DNS alone leads to the right server. With the
    /// certificate of another server, SASL EXTERNAL still proves the own domain. The
    /// [`Trust`](xmppwire::s2s::Trust) of a pair tells whether the certificate was verified.
    #[must_use]
    pub const fn with_certified_peer(mut self) -> Self {
        self.certified = true;
        self
    }

    /// Neither sends nor accepts dialback keys: only certificates authorise pairs.
    #[must_use]
    pub const fn without_dialback(mut self) -> Self {
        self.dialback = false;
        self
    }

    /// Lets one stream carry several pairs, each of them authorised by dialback, also where the
    /// first one is by SASL EXTERNAL: the pairs of other sender domains (XEP-0220 §2.6.1), and those
    /// of other target domains that have the same address and policy (§2.6.2). A domain that
    /// [has to have a certificate](Self::is_certified) joins no stream of another domain. A pair
    /// that the peer refuses for want of room gets a stream of its own.
    #[must_use]
    pub const fn with_shared_streams(mut self) -> Self {
        self.multiplex = true;
        self
    }

    /// Lets streams go in both directions where the other server can do it (XEP-0288), so that two
    /// servers need one connection instead of two.
    #[must_use]
    pub const fn with_bidi(mut self) -> Self {
        self.bidi = true;
        self
    }

    /// Exchanges stanzas with servers of before RFC 3920, whose streams have no version. They know
    /// neither TLS nor SASL, so that this takes effect only with a [`TlsPolicy`] other than
    /// `Required`.
    #[must_use]
    pub const fn with_legacy(mut self) -> Self {
        self.legacy = true;
        self
    }

    /// Whether TLS is needed.
    pub const fn tls(&self) -> TlsPolicy {
        self.tls
    }

    /// Whether a verified certificate of the domain is needed.
    pub const fn is_certified(&self) -> bool {
        self.certified || !self.dialback
    }

    /// Whether dialback is allowed.
    pub const fn dialback(&self) -> bool {
        self.dialback
    }

    pub(super) const fn shares_streams(&self) -> bool {
        self.multiplex && self.dialback
    }

    /// Whether streams of other domains with the same address may carry pairs to the domain.
    pub(super) const fn joins_streams(&self) -> bool {
        self.shares_streams() && !self.is_certified()
    }

    /// Why a dialback key of the domain is not verified, if it is not. `secured` tells whether TLS
    /// protects its stream.
    pub(super) fn refusal(&self, secured: bool) -> Option<StanzaErrorCondition> {
        if self.tls == TlsPolicy::Required && !secured {
            return Some(StanzaErrorCondition::PolicyViolation);
        }
        self.is_certified()
            .then_some(StanzaErrorCondition::NotAuthorized)
    }

    /// The configuration of a stream to the domain. `certificate` tells whether TLS shows a
    /// certificate of the sender domain.
    pub fn outgoing(&self, secret: Option<&DialbackSecret>, certificate: bool) -> OutgoingConfig {
        let mut config = OutgoingConfig::new().with_tls(self.tls);
        if let (true, Some(secret)) = (self.dialback, secret) {
            config = config.with_dialback(secret.clone());
        }
        if certificate {
            config = config.with_certificate();
        }
        if self.certified {
            config = config.with_certified_peer();
        }
        if self.bidi {
            config = config.with_bidi();
        }
        if self.legacy {
            config = config.with_legacy();
        }
        config
    }

    /// What is accepted from the domain.
    pub fn incoming(&self) -> PeerPolicy {
        let mut policy = PeerPolicy::new(match self.tls {
            TlsPolicy::Preferred => TlsOffer::Optional,
            TlsPolicy::Forbidden => TlsOffer::Unavailable,
            _ => TlsOffer::Required,
        });
        if self.is_certified() {
            policy = policy.with_certified_peer();
        }
        if self.bidi {
            policy = policy.with_bidi();
        }
        if self.legacy {
            policy = policy.with_legacy();
        }
        policy
    }
}

/// The policy of each remote domain.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    default: DomainPolicy,
    domains: BTreeMap<Domainpart, DomainPolicy>,
}

impl Policies {
    /// This policy for every domain.
    pub const fn new(default: DomainPolicy) -> Self {
        Self {
            default,
            domains: BTreeMap::new(),
        }
    }

    /// Sets the policy of one domain.
    #[must_use]
    pub fn with(mut self, domain: Domainpart, policy: DomainPolicy) -> Self {
        self.domains.insert(domain, policy);
        self
    }

    /// The policy of servers that do not say which domain they are.
    pub(super) const fn of_unnamed(&self) -> DomainPolicy {
        self.default
    }

    /// The policy of a domain. One without a policy of its own has the default.
    pub fn of(&self, domain: &Domainpart) -> DomainPolicy {
        self.domains.get(domain).copied().unwrap_or(self.default)
    }
}
