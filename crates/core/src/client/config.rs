//! What a client wants of its connection.

use alloc::string::String;

use xmppwire_jid::{BareJid, Jid, Resourcepart};
use xmppwire_sasl::{Credentials, Password, Policy};

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
    pub(super) mechanisms: Policy,
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
        Ok(Self {
            credentials: Credentials::new(username, password),
            resource: jid
                .resourcepart()
                .and_then(|resource| Resourcepart::new(resource).ok()),
            jid: jid.to_bare(),
            tls: TlsPolicy::default(),
            mechanisms: Policy::default(),
            lang: None,
            limits: Limits::default(),
        })
    }

    /// Sets whether TLS is needed; it is by default.
    #[must_use]
    pub const fn with_tls(mut self, tls: TlsPolicy) -> Self {
        self.tls = tls;
        self
    }

    /// Sets which SASL mechanisms are acceptable; by default SCRAM in all its forms and not PLAIN.
    #[must_use]
    pub fn with_mechanisms(mut self, mechanisms: Policy) -> Self {
        self.mechanisms = mechanisms;
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

    /// The account.
    pub const fn jid(&self) -> &BareJid {
        &self.jid
    }
}

/// A JID without a localpart names no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the JID has no localpart, so it names no account")]
pub struct NoAccount;
