//! What a server offers.

use alloc::string::String;
use alloc::vec::Vec;

use xmppwire_jid::Domainpart;
use xmppwire_sasl::{DecoyKey, Mechanism};
use xmppwire_xml::Element;

use crate::limits::Limits;

/// What holds for a connection before it is known which domain it is for.
///
/// ```
/// use xmppwire::{DecoyKey, ServerConfig};
///
/// // The same for all connections of a server, and secret: see [`DecoyKey`].
/// let decoy = DecoyKey::new([0x17; 32]);
/// let config = ServerConfig::new(decoy).with_lang("en");
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(super) decoy: DecoyKey,
    pub(super) protects_offer: bool,
    pub(super) plus_without_tls_unique: bool,
    pub(super) lang: String,
    pub(super) default_domain: Option<Domainpart>,
    pub(super) limits: Limits,
}

impl ServerConfig {
    /// The defaults. `decoy` makes unknown users look like known ones; it has to be the same for every
    /// connection of the server, or asking twice would tell them apart.
    pub fn new(decoy: DecoyKey) -> Self {
        Self {
            decoy,
            protects_offer: true,
            plus_without_tls_unique: false,
            lang: "en".into(),
            default_domain: None,
            limits: Limits::default(),
        }
    }

    /// Sets the language of the texts that the server writes (RFC 6120 §4.7.4).
    #[must_use]
    pub fn with_lang(mut self, lang: impl Into<String>) -> Self {
        self.lang = lang.into();
        self
    }

    /// Sets the domain that the server calls itself in the header before an error, while it is not known
    /// that it serves the one that the client asked for. Without it that header says `from=''`
    /// (RFC 6120 §4.9.1.3).
    #[must_use]
    pub fn with_default_domain(mut self, domain: Domainpart) -> Self {
        self.default_domain = Some(domain);
        self
    }

    /// Leaves away the hash by which a client that logs in with SCRAM notices a changed offer
    /// (XEP-0474), for clients that do not ignore attributes they do not know.
    #[must_use]
    pub const fn without_downgrade_protection(mut self) -> Self {
        self.protects_offer = false;
        self
    }

    /// Offers the -PLUS mechanisms also over TLS 1.2 sessions whose `tls-unique` is not known, with the
    /// other channel binding types, which are announced (XEP-0440).
    ///
    /// By default -PLUS is offered only where the type is there that clients use without an announcement:
    /// `tls-exporter` with TLS 1.3 (RFC 9266 §3), `tls-unique` with TLS 1.2 (RFC 5802 §6.1). rustls does not
    /// reveal `tls-unique`. A client that does not read announcements and has it would use it, be refused,
    /// and must not fall back to a mechanism without channel binding: it could not log in at all.
    #[must_use]
    pub const fn with_plus_without_tls_unique(mut self) -> Self {
        self.plus_without_tls_unique = true;
        self
    }

    /// Sets the caps of the connection.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// What a server offers on a domain that it serves.
///
/// ```
/// use xmppwire::{Host, Mechanism, TlsOffer};
///
/// let host = Host::new(TlsOffer::Required, [Mechanism::ScramSha256Plus, Mechanism::ScramSha256]);
/// # let _ = host;
/// ```
#[derive(Clone, Debug)]
pub struct Host {
    pub(super) tls: TlsOffer,
    pub(super) mechanisms: Vec<Mechanism>,
    pub(super) features: Vec<Element>,
}

impl Host {
    /// A domain with its STARTTLS and the mechanisms that its users may log in with, best first.
    ///
    /// The machine offers those of them that are safe at the moment:
    ///
    /// - nothing before TLS where TLS is required, and never PLAIN in clear text;
    /// - EXTERNAL only to a client whose certificate TLS has verified, and then first (RFC 6120 §6.3.4);
    /// - -PLUS only with a channel binding that clients can use, whose types are announced with it
    ///   (XEP-0440): see [`ServerConfig::with_plus_without_tls_unique`].
    pub fn new(tls: TlsOffer, mechanisms: impl IntoIterator<Item = Mechanism>) -> Self {
        Self {
            tls,
            mechanisms: mechanisms.into_iter().collect(),
            features: Vec::new(),
        }
    }

    /// Adds a feature of the application that authenticated clients are offered beside binding.
    #[must_use]
    pub fn with_feature(mut self, feature: Element) -> Self {
        self.features.push(feature);
        self
    }
}

/// Whether a server can and wants to protect a stream by STARTTLS (RFC 6120 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsOffer {
    /// Nobody logs in without TLS.
    Required,
    /// TLS is there for those who want it.
    Optional,
    /// There is no certificate.
    Unavailable,
}
