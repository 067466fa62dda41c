//! The configuration of a server, and of the domains that it serves.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use xmppwire_jid::Domainpart;
use xmppwire_sasl::{DecoyKey, Mechanism};
use xmppwire_xml::Element;

use crate::limits::Limits;
use crate::sasl2::Sasl2;
use crate::stream_management::StreamManagement;
use crate::wire::lang;

/// The configuration of a connection, independent of the domain that the client asks for.
///
/// ```
/// use xmppwire::{DecoyKey, ServerConfig};
///
/// // A secret, the same for all connections of a server: see [`DecoyKey`].
/// let decoy = DecoyKey::new([0x17; 32]);
/// let config = ServerConfig::new(decoy).with_lang("en");
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(super) settings: Arc<Settings>,
}

/// The settings, which all connections with copies of one configuration share.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) decoy: DecoyKey,
    pub(super) protects_offer: bool,
    pub(super) plus_without_tls_unique: bool,
    /// The languages of texts, the default one first.
    pub(super) langs: Vec<String>,
    pub(super) default_domain: Option<Domainpart>,
    pub(super) limits: Arc<Limits>,
}

impl Settings {
    /// The language for texts to a client whose header said `asked`, if anything.
    pub(super) fn lang_for(&self, asked: Option<&str>) -> &str {
        let found = asked.and_then(|asked| lang::lookup(asked, &self.langs));
        found
            .or(self.langs.first().map(String::as_str))
            .unwrap_or("en")
    }
}

impl ServerConfig {
    /// The defaults. `decoy` makes unknown users look like known ones. It has to be the same for
    /// every connection of the server: otherwise a client that asks twice could tell them apart.
    pub fn new(decoy: DecoyKey) -> Self {
        Self {
            settings: Arc::new(Settings {
                decoy,
                protects_offer: true,
                plus_without_tls_unique: false,
                langs: vec!["en".into()],
                default_domain: None,
                limits: Arc::default(),
            }),
        }
    }

    /// Sets the language of the texts that the server writes, `en` by default: see
    /// [`with_langs`](Self::with_langs).
    #[must_use]
    pub fn with_lang(self, lang: impl Into<String>) -> Self {
        self.with_langs([lang])
    }

    /// Sets the languages of the texts that the server writes, its default language first
    /// (RFC 6120 §4.7.4).
    ///
    /// The header of the server names the one that fits the language of the client's header best,
    /// by the lookup of RFC 4647 §3.4, or else the default. [`Endpoint::text_lang`] tells it to the
    /// application, so that it writes its texts in that language, as with
    /// [`StreamError::with_text_in`]. The library's own texts are in English, and say so.
    ///
    /// What is not a language tag of up to 35 bytes is left out; without any the default is `en`.
    ///
    /// [`Endpoint::text_lang`]: crate::Endpoint::text_lang
    /// [`StreamError::with_text_in`]: crate::StreamError::with_text_in
    #[must_use]
    pub fn with_langs(mut self, langs: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut langs: Vec<String> = langs.into_iter().filter_map(lang::tag).collect();
        if langs.is_empty() {
            langs.push("en".into());
        }
        self.change().langs = langs;
        self
    }

    /// Sets the domain of the server itself, for two cases:
    ///
    /// - It is `from` in the header before an error, when it is not known yet that the server serves
    ///   the domain that the client asked for. Without it that header has `from=''` (RFC 6120
    ///   §4.9.1.3).
    /// - A client whose header has no `to` is taken to ask for it (§4.7.2). Without it such a header
    ///   ends the stream with `<improper-addressing/>`.
    #[must_use]
    pub fn with_default_domain(mut self, domain: Domainpart) -> Self {
        self.change().default_domain = Some(domain);
        self
    }

    /// Omits the hash with which SCRAM clients detect a changed offer (XEP-0474). Use it for
    /// clients that fail on unknown SCRAM attributes instead of ignoring them.
    #[must_use]
    pub fn without_downgrade_protection(mut self) -> Self {
        self.change().protects_offer = false;
        self
    }

    /// Offers the -PLUS mechanisms also over TLS 1.2 sessions whose `tls-unique` is not known, with
    /// the other channel binding types, which are announced (XEP-0440).
    ///
    /// By default -PLUS is offered only with the type that clients use without an announcement:
    /// `tls-exporter` with TLS 1.3 (RFC 9266 §3), `tls-unique` with TLS 1.2 (RFC 5802 §6.1). rustls
    /// does not reveal `tls-unique`. A client that does not read announcements and has it would use
    /// it, be refused, and must not fall back to a mechanism without channel binding: it could not
    /// log in at all.
    #[must_use]
    pub fn with_plus_without_tls_unique(mut self) -> Self {
        self.change().plus_without_tls_unique = true;
        self
    }

    /// Sets the caps of the connection.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.change().limits = Arc::new(limits);
        self
    }

    fn change(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
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
    pub(super) limits: bool,
    pub(super) csi: bool,
    pub(super) management: Option<Arc<StreamManagement>>,
    pub(super) sasl2: Option<Sasl2>,
}

impl Host {
    /// A domain, whether it offers STARTTLS, and the mechanisms that its users may log in with,
    /// best first.
    ///
    /// The server offers those of the mechanisms that are safe on the present stream:
    ///
    /// - nothing before TLS where TLS is required, and never PLAIN in clear text;
    /// - EXTERNAL only to a client whose certificate TLS has verified, and then first (RFC 6120
    ///   §6.3.4);
    /// - -PLUS only with a channel binding that clients can use, whose types are announced with it
    ///   (XEP-0440): see [`ServerConfig::with_plus_without_tls_unique`].
    ///
    /// Name PLAIN only where SCRAM cannot be, as with a data base that checks passwords itself (RFC
    /// 6120 §13.8.3). Services should require TLS (§13.6).
    pub fn new(tls: TlsOffer, mechanisms: impl IntoIterator<Item = Mechanism>) -> Self {
        Self {
            tls,
            mechanisms: mechanisms.into_iter().collect(),
            features: Vec::new(),
            limits: false,
            csi: false,
            management: None,
            sasl2: None,
        }
    }

    /// Announces the limits of the connection (XEP-0478): the longest stanza that its [`Limits`]
    /// allow, and the shorter one of their idle time and the silence that the
    /// [`KeepAlive`](crate::KeepAlive) allows. Clients can then refuse to send what would end the
    /// stream.
    #[must_use]
    pub const fn with_stream_limits(mut self) -> Self {
        self.limits = true;
        self
    }

    /// Lets authenticated clients say whether the user looks at them (XEP-0352), which
    /// [`ServerEvent::Active`](crate::ServerEvent::Active) then tells. Each client begins as active.
    #[must_use]
    pub const fn with_csi(mut self) -> Self {
        self.csi = true;
        self
    }

    /// Offers stream management (XEP-0198), by this policy. By default it is not offered.
    ///
    /// A server that allows resumption keeps what
    /// [`ServerEvent::Detached`](crate::ServerEvent::Detached) gives it, as in
    /// [`DetachedSessions`](crate::DetachedSessions), and answers
    /// [`ServerEvent::Resume`](crate::ServerEvent::Resume).
    #[must_use]
    pub fn with_stream_management(mut self, policy: impl Into<Option<StreamManagement>>) -> Self {
        self.management = policy.into().map(Arc::new);
        self
    }

    /// Offers SASL2 (XEP-0388) beside SASL of RFC 6120 §6, with the same mechanisms, to clients
    /// whose stream TLS protects. By default it is not offered.
    ///
    /// A client whose header says `from` another domain is then refused with `invalid-from`
    /// (XEP-0388 §2.1).
    #[must_use]
    pub fn with_sasl2(mut self, sasl2: Sasl2) -> Self {
        self.sasl2 = Some(sasl2);
        self
    }

    /// Adds a feature of the application, which is offered to authenticated clients beside resource
    /// binding.
    #[must_use]
    pub fn with_feature(mut self, feature: Element) -> Self {
        self.features.push(feature);
        self
    }
}

/// Whether a server offers STARTTLS (RFC 6120 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsOffer {
    /// STARTTLS is mandatory: clients can only log in over TLS.
    Required,
    /// STARTTLS is offered, and clients may log in without it.
    Optional,
    /// STARTTLS is not offered, for a server without a certificate.
    Unavailable,
}
