//! What a server expects of streams to and from other servers.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use xmppwire_jid::Domainpart;
use xmppwire_xml::Element;

use super::DialbackSecret;
use crate::client::TlsPolicy;
use crate::limits::Limits;
use crate::server::TlsOffer;
use crate::wire::lang;

/// What dialback may cost on one stream.
///
/// A pair takes the bytes of its two domains, at most 2 × 1,023; an open request in addition those
/// of a stream id and a key, at most 2 × 1,024.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PairLimits {
    /// Pairs that may be authorised on one stream, in each direction. More are refused with
    /// `resource-constraint`, which tells the peer to open another stream (XEP-0220 §2.5).
    pub pairs: usize,
    /// Requests that may be open at once on one stream, in each direction: keys to be verified, and
    /// keys that the peer has not answered. More are refused with `resource-constraint`.
    pub pending: usize,
    /// Time that the peer has to answer a key of this server; then the pair is refused with
    /// `remote-server-timeout`. The peer needs a connection of its own meanwhile, so it is longer
    /// than [`verify_timeout`](Self::verify_timeout).
    pub answer_timeout: Duration,
    /// Time in which a key has to be verified: by the authoritative server where this server asks,
    /// and by the application where the peer asks. Then the answer is `remote-server-timeout`.
    pub verify_timeout: Duration,
}

impl PairLimits {
    /// The defaults: 128 pairs, 32 open requests, 60 and 45 seconds.
    pub const fn new() -> Self {
        Self {
            pairs: 128,
            pending: 32,
            answer_timeout: Duration::from_secs(60),
            verify_timeout: Duration::from_secs(45),
        }
    }
}

impl Default for PairLimits {
    fn default() -> Self {
        Self::new()
    }
}

/// The domains that a server serves. A clone shares them.
#[derive(Clone, Debug, Default)]
pub struct LocalDomains(Arc<BTreeSet<Domainpart>>);

impl LocalDomains {
    /// Whether the server serves the domain, which is taken as a [`Domainpart`] writes it.
    pub fn contains(&self, domain: &str) -> bool {
        self.0.contains(domain)
    }

    /// One of the domains; `None` if there is none.
    pub(super) fn first(&self) -> Option<&Domainpart> {
        self.0.first()
    }
}

impl FromIterator<Domainpart> for LocalDomains {
    fn from_iter<I: IntoIterator<Item = Domainpart>>(domains: I) -> Self {
        Self(Arc::new(domains.into_iter().collect()))
    }
}

impl From<Domainpart> for LocalDomains {
    fn from(domain: Domainpart) -> Self {
        [domain].into_iter().collect()
    }
}

/// What a server wants of a stream that it opens to another server.
///
/// ```
/// use xmppwire::s2s::{DialbackSecret, OutgoingConfig};
///
/// let secret = DialbackSecret::new([0x17; 32]); // one for all machines of the deployment
/// let config = OutgoingConfig::new().with_dialback(secret).with_certificate();
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
pub struct OutgoingConfig {
    pub(super) tls: TlsPolicy,
    pub(super) certificate: bool,
    pub(super) certified_peer: bool,
    pub(super) secret: Option<DialbackSecret>,
    pub(super) legacy: bool,
    pub(super) bidi: bool,
    pub(super) only_verifies: bool,
    pub(super) lang: Option<String>,
    pub(super) limits: Limits,
    pub(super) pair_limits: PairLimits,
}

impl OutgoingConfig {
    /// The defaults: TLS is required; nothing to prove the own domain with.
    pub fn new() -> Self {
        Self {
            tls: TlsPolicy::Required,
            certificate: false,
            certified_peer: false,
            secret: None,
            legacy: false,
            bidi: false,
            only_verifies: false,
            lang: None,
            limits: Limits::default(),
            pair_limits: PairLimits::default(),
        }
    }

    /// Says that TLS shows a certificate of the sender domain, so that SASL EXTERNAL is tried where
    /// the peer offers it (RFC 6120 §13.8.4, XEP-0178 §3).
    #[must_use]
    pub const fn with_certificate(mut self) -> Self {
        self.certificate = true;
        self
    }

    /// Allows dialback with keys from this secret, where SASL EXTERNAL is not offered or refused.
    /// Without it only a certificate can authorise a pair.
    #[must_use]
    pub fn with_dialback(mut self, secret: DialbackSecret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Sets whether TLS is needed; it is by default.
    #[must_use]
    pub const fn with_tls(mut self, tls: TlsPolicy) -> Self {
        self.tls = tls;
        self
    }

    /// Insists on a verified certificate of the target domain (RFC 6120 §13.7.2.1). Without this
    /// call the DNS is trusted to lead to the right server, and the certificate only adds to that:
    /// [`Trust`] says so.
    ///
    /// [`Trust`]: super::Trust
    #[must_use]
    pub const fn with_certified_peer(mut self) -> Self {
        self.certified_peer = true;
        self
    }

    /// Allows servers of before RFC 3920, whose streams have no version: they know neither TLS nor
    /// SASL, so that this takes effect only with a [`TlsPolicy`] other than `Required`.
    #[must_use]
    pub const fn with_legacy(mut self) -> Self {
        self.legacy = true;
        self
    }

    /// Asks for a stream that carries stanzas in both directions, where the peer offers one
    /// (XEP-0288).
    #[must_use]
    pub const fn with_bidi(mut self) -> Self {
        self.bidi = true;
        self
    }

    /// Leaves the pair of the stream alone: the stream serves only to verify keys, for which
    /// neither side has to be authenticated (XEP-0220 §2.1.2).
    #[must_use]
    pub const fn only_verifies(mut self) -> Self {
        self.only_verifies = true;
        self
    }

    /// Sets the default language of the stream (RFC 6120 §4.7.4). What is not a language tag of up
    /// to 35 bytes is not sent.
    #[must_use]
    pub fn with_lang(mut self, lang: impl Into<String>) -> Self {
        self.lang = lang::tag(lang);
        self
    }

    /// Sets the caps of the connection.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the caps of dialback.
    #[must_use]
    pub const fn with_pair_limits(mut self, limits: PairLimits) -> Self {
        self.pair_limits = limits;
        self
    }
}

impl Default for OutgoingConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// What holds for a stream from another server before it is known which one.
///
/// ```
/// use xmppwire::Domainpart;
/// use xmppwire::s2s::{DialbackSecret, IncomingConfig};
///
/// let secret = DialbackSecret::new([0x17; 32]); // one for all machines of the deployment
/// let domain = Domainpart::new("example.org")?;
/// let config = IncomingConfig::new(domain).with_dialback(secret);
/// # let _ = config;
/// # Ok::<_, xmppwire::JidError>(())
/// ```
#[derive(Clone, Debug)]
pub struct IncomingConfig {
    pub(super) domains: LocalDomains,
    pub(super) default_domain: Option<Domainpart>,
    pub(super) secret: Option<DialbackSecret>,
    pub(super) lang: String,
    pub(super) limits: Limits,
    pub(super) pair_limits: PairLimits,
}

impl IncomingConfig {
    /// The defaults, for a server of these domains.
    pub fn new(domains: impl Into<LocalDomains>) -> Self {
        Self {
            domains: domains.into(),
            default_domain: None,
            secret: None,
            lang: "en".into(),
            limits: Limits::default(),
            pair_limits: PairLimits::default(),
        }
    }

    /// Answers other servers whether keys are of this server (XEP-0220 §2.2.2) from the secret that
    /// they were made from. Without it the application is asked, by
    /// [`IncomingEvent::CheckKey`](super::IncomingEvent::CheckKey).
    #[must_use]
    pub fn with_dialback(mut self, secret: DialbackSecret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Sets the domain that the server calls itself where it does not serve the one that was asked
    /// for (RFC 6120 §4.9.1.3). Unless set, it is the first of its domains in alphabetical order.
    #[must_use]
    pub fn with_default_domain(mut self, domain: Domainpart) -> Self {
        self.default_domain = Some(domain);
        self
    }

    /// Sets the default language of the server's texts (RFC 6120 §4.7.4), `en` by default. What is
    /// not a language tag of up to 35 bytes counts as `en`, the language of the library's own texts.
    #[must_use]
    pub fn with_lang(mut self, lang: impl Into<String>) -> Self {
        self.lang = lang::tag(lang).unwrap_or_else(|| "en".into());
        self
    }

    /// Sets the caps of the connection.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the caps of dialback.
    #[must_use]
    pub const fn with_pair_limits(mut self, limits: PairLimits) -> Self {
        self.pair_limits = limits;
        self
    }
}

/// What is accepted from one peer server.
///
/// ```
/// use xmppwire::TlsOffer;
/// use xmppwire::s2s::PeerPolicy;
///
/// let strict = PeerPolicy::new(TlsOffer::Required).with_certified_peer();
/// # let _ = strict;
/// ```
#[derive(Clone, Debug)]
pub struct PeerPolicy {
    pub(super) tls: TlsOffer,
    pub(super) certified_peer: bool,
    pub(super) bidi: bool,
    pub(super) legacy: bool,
    pub(super) by_sender: bool,
    pub(super) features: Vec<Element>,
}

impl PeerPolicy {
    /// A peer that proves its domains by a certificate or by dialback.
    pub const fn new(tls: TlsOffer) -> Self {
        Self {
            tls,
            certified_peer: false,
            bidi: false,
            legacy: false,
            by_sender: false,
            features: Vec::new(),
        }
    }

    /// Insists on a verified certificate for every domain that the peer sends for; a dialback key
    /// alone is refused with `not-authorized` (XEP-0220 §2.5).
    #[must_use]
    pub const fn with_certified_peer(mut self) -> Self {
        self.certified_peer = true;
        self
    }

    /// Offers a stream that carries stanzas in both directions (XEP-0288).
    #[must_use]
    pub const fn with_bidi(mut self) -> Self {
        self.bidi = true;
        self
    }

    /// Lets in servers of before RFC 3920, whose streams have no version. They know neither TLS nor
    /// SASL, so that this takes effect only where TLS is not required.
    #[must_use]
    pub const fn with_legacy(mut self) -> Self {
        self.legacy = true;
        self
    }

    /// Accepts stanzas of an authorised sender domain to every domain that is served here, not only
    /// to the target domains that were authorised with it. Prosody and ejabberd do so; XEP-0220
    /// authorises pairs.
    #[must_use]
    pub const fn by_sender(mut self) -> Self {
        self.by_sender = true;
        self
    }

    /// Adds a feature of the application that authenticated servers are offered.
    #[must_use]
    pub fn with_feature(mut self, feature: Element) -> Self {
        self.features.push(feature);
        self
    }

    /// Whether a server of before RFC 3920 is let in. It cannot protect its stream.
    pub(super) fn takes_legacy(&self) -> bool {
        self.legacy && self.tls != TlsOffer::Required
    }
}
