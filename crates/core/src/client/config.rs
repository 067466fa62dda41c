//! What a client wants of its connection.

use alloc::string::String;
use core::ops::RangeInclusive;

use xmppwire_jid::{BareJid, Domainpart, Jid, Resourcepart};
use xmppwire_sasl::{Credentials, DEFAULT_ITERATIONS, MechanismPolicy, Password};

use crate::identities::CertificateIdentities;
use crate::limits::Limits;

/// What a client is called, how it proves that, and what it insists on.
///
/// ```
/// use xmppwire::{ClientConfig, Jid};
///
/// let config = ClientConfig::new(Jid::new("juliet@example.org/balcony")?, "s3cr3t")?
///     .with_lang("en");
/// assert_eq!(config.jid().as_str(), "juliet@example.org");
/// # Ok::<_, Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientConfig {
    pub(super) jid: BareJid,
    pub(super) resource: Option<Resourcepart>,
    pub(super) credentials: Credentials,
    pub(super) tls: TlsPolicy,
    pub(super) mechanisms: MechanismPolicy,
    pub(super) iterations: RangeInclusive<u32>,
    pub(super) inline_iterations: u32,
    pub(super) lang: Option<String>,
    pub(super) limits: Limits,
}

/// Whether a stream has to be protected by TLS (RFC 6120 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsPolicy {
    /// Not a byte of authentication without TLS; the only choice across a network.
    #[default]
    Required,
    /// TLS where the server offers it. Whoever controls the network decides then that it does not.
    Preferred,
    /// No TLS, for a transport that is protected by other means, such as a loopback or a tunnel.
    /// PLAIN is refused all the same.
    Forbidden,
}

impl ClientConfig {
    /// The account `jid` with its password. A resource in `jid` is asked for; without one the server
    /// makes one up (RFC 6120 §7.6), which is what most clients should want.
    ///
    /// # Errors
    /// [`NoAccount`] when `jid` has no localpart.
    pub fn new(jid: impl Into<Jid>, password: impl Into<Password>) -> Result<Self, NoAccount> {
        let jid = jid.into();
        let username = jid.localpart().ok_or(NoAccount)?;
        let credentials = Credentials::new(username, password);
        Ok(Self::with_credentials(jid, credentials))
    }

    /// The account `jid` with the certificate that TLS shows to the server, and no password: SASL
    /// EXTERNAL or no login. See [`with_certificate`](Self::with_certificate).
    ///
    /// # Errors
    /// [`NoAccount`] when `jid` has no localpart.
    pub fn certificate(
        jid: impl Into<Jid>,
        identities: &CertificateIdentities,
    ) -> Result<Self, NoAccount> {
        let jid = jid.into();
        jid.localpart().ok_or(NoAccount)?;
        let credentials = Credentials::certificate(None);
        Ok(Self::with_credentials(jid, credentials).with_certificate(identities))
    }

    /// No account: the server of `domain` makes up an address for as long as the connection lasts
    /// (XEP-0175). It is known once [`ClientEvent::Bound`](crate::ClientEvent::Bound) tells it.
    ///
    /// ```
    /// use xmppwire::{ClientConfig, Domainpart};
    ///
    /// let config = ClientConfig::anonymous(Domainpart::new("example.org")?);
    /// assert_eq!(config.jid().as_str(), "example.org");
    /// # Ok::<_, xmppwire::JidError>(())
    /// ```
    pub fn anonymous(domain: Domainpart) -> Self {
        let domain = BareJid::from(domain);
        Self::with_credentials(domain.into(), Credentials::anonymous())
    }

    /// Adds what an anonymous client tells the server's operator about itself: an e-mail address or any
    /// other text without `@`, at most 255 characters (RFC 4505 §2). Better nothing, which is the default;
    /// without effect on other logins. A text that cannot be sent ends the login as
    /// [`PeerIncompatible::Credentials`](crate::PeerIncompatible::Credentials).
    #[must_use]
    pub fn with_trace(mut self, trace: impl Into<String>) -> Self {
        self.credentials = self.credentials.with_trace(trace);
        self
    }

    fn with_credentials(jid: Jid, credentials: Credentials) -> Self {
        Self {
            credentials,
            resource: jid
                .resourcepart()
                .and_then(|resource| Resourcepart::new(resource).ok()),
            jid: jid.to_bare(),
            tls: TlsPolicy::default(),
            mechanisms: MechanismPolicy::default(),
            iterations: DEFAULT_ITERATIONS,
            inline_iterations: u32::MAX,
            lang: None,
            limits: Limits::default(),
        }
    }

    /// Says that TLS shows a certificate with these identities to the server, so that SASL EXTERNAL
    /// is tried where the server offers it (XEP-0178), and the password, if there is one, only after
    /// that was refused. Without this call EXTERNAL is never chosen.
    ///
    /// The server is told which account is meant where the certificate does not name exactly that one.
    #[must_use]
    pub fn with_certificate(mut self, identities: &CertificateIdentities) -> Self {
        let authzid = (!identities.is_of(&self.jid)).then_some(self.jid.as_str());
        self.credentials = self.credentials.with_certificate(authzid);
        self
    }

    /// Sets whether TLS is needed; it is by default.
    #[must_use]
    pub const fn with_tls(mut self, tls: TlsPolicy) -> Self {
        self.tls = tls;
        self
    }

    /// Sets which SASL mechanisms are acceptable; by default SCRAM in all its forms and not PLAIN.
    ///
    /// With a floor that is a -PLUS mechanism the client insists on channel binding, which is the one
    /// thing that detects somebody between the two TLS sessions who has a certificate of the server.
    #[must_use]
    pub fn with_mechanisms(mut self, mechanisms: MechanismPolicy) -> Self {
        self.mechanisms = mechanisms;
        self
    }

    /// Sets the numbers of PBKDF2 iterations that a server may ask for in a SCRAM login; 4,096 to 600,000
    /// unless set. A server that asks for another number ends the login.
    ///
    /// The least keeps a hostile server from getting a proof that is cheap to attack, the most keeps it from
    /// wasting the client's time: 600,000 iterations of SHA-512 took 0.5 seconds on an AMD EPYC.
    #[must_use]
    pub const fn with_iterations(mut self, accepted: RangeInclusive<u32>) -> Self {
        self.iterations = accepted;
        self
    }

    /// Sets up to how many PBKDF2 iterations are computed in line, inside
    /// [`Connection::receive`](crate::Connection::receive); all of them unless set.
    ///
    /// Above it the client asks with [`ClientEvent::Derivation`](crate::ClientEvent::Derivation), so that an
    /// event loop can compute the salted password on another thread. With 0 it always asks, so that an
    /// application can answer with the salted password of an earlier login.
    #[must_use]
    pub const fn with_inline_iterations(mut self, most: u32) -> Self {
        self.inline_iterations = most;
        self
    }

    /// Sets the default language of the stream, as a language tag (RFC 6120 §4.7.4).
    #[must_use]
    pub fn with_lang(mut self, lang: impl Into<String>) -> Self {
        self.lang = Some(lang.into());
        self
    }

    /// Sets the caps of the connection.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The account; of an anonymous client only the domain.
    pub const fn jid(&self) -> &BareJid {
        &self.jid
    }
}

/// A JID without a localpart names no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the JID has no localpart, so it names no account")]
pub struct NoAccount;
