//! The configuration of a client.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::ops::RangeInclusive;

use xmppwire_jid::{BareJid, Domainpart, Jid, Resourcepart};
use xmppwire_sasl::{Credentials, DEFAULT_ITERATIONS, MechanismPolicy, Password};

use crate::identities::CertificateIdentities;
use crate::limits::Limits;
use crate::sasl2::{Token, UserAgent};
use crate::stream_management::StreamManagement;
use crate::wire::lang;

/// A client's account and credentials, and what it requires of the server.
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
    pub(super) settings: Arc<Settings>,
}

/// The settings, which all connections with copies of one configuration share.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) jid: BareJid,
    pub(super) resource: Option<Resourcepart>,
    pub(super) credentials: Credentials,
    pub(super) tls: TlsPolicy,
    pub(super) mechanisms: MechanismPolicy,
    pub(super) iterations: RangeInclusive<u32>,
    pub(super) inline_iterations: u32,
    pub(super) lang: Option<String>,
    pub(super) management: Option<Arc<StreamManagement>>,
    pub(super) limits: Arc<Limits>,
    pub(super) sasl2: Inline,
}

/// What a client does inside SASL2.
#[derive(Clone, Debug, Default)]
pub(super) struct Inline {
    /// Whether SASL2 is not used.
    pub(super) off: bool,
    pub(super) user_agent: Option<UserAgent>,
    pub(super) tag: Option<Box<str>>,
    pub(super) carbons: bool,
    pub(super) tasks: bool,
    pub(super) token: Option<Box<Token>>,
    /// Whether the token is invalidated by its use.
    pub(super) invalidates: bool,
}

/// Whether TLS has to protect the stream (RFC 6120 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsPolicy {
    /// The client does not authenticate without TLS. This is the only safe choice across a network.
    #[default]
    Required,
    /// TLS is used if the server offers it. An attacker on the network can remove the offer.
    Preferred,
    /// TLS is not used, for a transport that is protected by other means, such as a loopback or a
    /// tunnel. PLAIN is still refused.
    Forbidden,
}

impl ClientConfig {
    /// The account `jid` with its password. The client asks for the resource in `jid`. Without one
    /// the server generates it (RFC 6120 §7.6), which is best for most clients.
    ///
    /// # Errors
    /// [`AccountError`] when `jid` has no localpart, and when the password is empty, as a missing
    /// setting makes it.
    pub fn new(jid: impl Into<Jid>, password: impl Into<Password>) -> Result<Self, AccountError> {
        let (jid, password) = (jid.into(), password.into());
        let username = jid.localpart().ok_or(AccountError::NoLocalpart)?;
        if password.expose().is_empty() {
            return Err(AccountError::EmptyPassword);
        }
        let credentials = Credentials::new(username, password);
        Ok(Self::with_credentials(jid, credentials))
    }

    /// The account `jid` with the certificate that TLS shows to the server, and no password: the
    /// only mechanism is SASL EXTERNAL. See [`with_certificate`](Self::with_certificate).
    ///
    /// # Errors
    /// [`AccountError::NoLocalpart`] when `jid` has none.
    pub fn certificate(
        jid: impl Into<Jid>,
        identities: &CertificateIdentities,
    ) -> Result<Self, AccountError> {
        let jid = jid.into();
        jid.localpart().ok_or(AccountError::NoLocalpart)?;
        let credentials = Credentials::certificate(None);
        Ok(Self::with_credentials(jid, credentials).with_certificate(identities))
    }

    /// The account of a token, and no password: an application need not store one. If the server
    /// refuses the token, the login ends as
    /// [`CloseReason::AuthFailed`](crate::CloseReason::AuthFailed). `user_agent` is the one for
    /// which the token was issued.
    pub fn token(token: Token, user_agent: UserAgent) -> Self {
        let jid = token.account().clone().into();
        Self::with_credentials(jid, Credentials::none())
            .with_user_agent(user_agent)
            .with_token(token)
    }

    /// An anonymous login without an account: the server of `domain` generates an address for the
    /// time of the connection (XEP-0175), which [`ClientEvent::Bound`](crate::ClientEvent::Bound)
    /// carries.
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

    /// Adds what an anonymous client tells the server's operator about itself: an e-mail address,
    /// or any other text without `@`, at most 255 characters (RFC 4505 §2). By default nothing is
    /// sent, which is best. It has no effect on other logins. A text that cannot be sent ends the
    /// login as [`PeerIncompatible::Credentials`](crate::PeerIncompatible::Credentials).
    #[must_use]
    pub fn with_trace(mut self, trace: impl Into<String>) -> Self {
        let settings = self.change();
        settings.credentials = settings.credentials.clone().with_trace(trace);
        self
    }

    fn with_credentials(jid: Jid, credentials: Credentials) -> Self {
        let settings = Settings {
            credentials,
            resource: jid.to_resourcepart(),
            jid: jid.to_bare(),
            tls: TlsPolicy::default(),
            mechanisms: MechanismPolicy::default(),
            iterations: DEFAULT_ITERATIONS,
            inline_iterations: u32::MAX,
            lang: None,
            management: None,
            limits: Arc::default(),
            sasl2: Inline::default(),
        };
        Self {
            settings: Arc::new(settings),
        }
    }

    fn change(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }

    /// Adds that TLS shows a certificate with these identities to the server. SASL EXTERNAL is then
    /// tried if the server offers it (XEP-0178), and the password, if there is one, only after a
    /// refusal. Without this call EXTERNAL is never chosen.
    ///
    /// The client sends its account as the authorization identity unless the certificate names
    /// exactly that account.
    #[must_use]
    pub fn with_certificate(mut self, identities: &CertificateIdentities) -> Self {
        let settings = self.change();
        let authzid = (!identities.is_of(&settings.jid)).then_some(settings.jid.as_str());
        settings.credentials = settings.credentials.clone().with_certificate(authzid);
        self
    }

    /// Sets whether TLS is required, which it is by default.
    #[must_use]
    pub fn with_tls(mut self, tls: TlsPolicy) -> Self {
        self.change().tls = tls;
        self
    }

    /// Sets which SASL mechanisms are acceptable: by default SCRAM in all its forms, and not PLAIN.
    ///
    /// With a -PLUS mechanism as the floor, the client requires channel binding. Nothing else
    /// detects an attacker in the middle who has a certificate of the server.
    #[must_use]
    pub fn with_mechanisms(mut self, mechanisms: MechanismPolicy) -> Self {
        self.change().mechanisms = mechanisms;
        self
    }

    /// Sets the range of PBKDF2 iterations that a server may ask for in a SCRAM login, by default
    /// 4,096 to 600,000. The login ends if the server asks for another number.
    ///
    /// The minimum keeps a hostile server from getting a proof that is cheap to attack. The maximum
    /// keeps it from wasting the client's time: 600,000 iterations of SHA-512 took 0.5 seconds on
    /// an AMD EPYC.
    #[must_use]
    pub fn with_iterations(mut self, accepted: RangeInclusive<u32>) -> Self {
        self.change().iterations = accepted;
        self
    }

    /// Sets the largest number of PBKDF2 iterations that is computed in line, inside
    /// [`Connection::receive`](crate::Connection::receive). By default there is no maximum.
    ///
    /// Above it, the client asks with [`ClientEvent::Derivation`](crate::ClientEvent::Derivation),
    /// so that an event loop can compute the salted password on another thread. With 0 it always
    /// asks, so that an application can answer with the salted password of an earlier login.
    #[must_use]
    pub fn with_inline_iterations(mut self, most: u32) -> Self {
        self.change().inline_iterations = most;
        self
    }

    /// Sets the default language of the stream, as a language tag (RFC 6120 §4.7.4): that of the
    /// texts in stanzas that name none, and that in which the server is asked to answer. The RFC
    /// recommends to set it. What is not a language tag of up to 35 bytes is not sent.
    #[must_use]
    pub fn with_lang(mut self, lang: impl Into<String>) -> Self {
        self.change().lang = lang::tag(lang);
        self
    }

    /// Asks for stream management if the server offers it (XEP-0198), by this policy. By default the
    /// client does not ask; the adapters set a policy.
    #[must_use]
    pub fn with_stream_management(mut self, policy: impl Into<Option<StreamManagement>>) -> Self {
        self.change().management = policy.into().map(Arc::new);
        self
    }

    /// Does not use SASL2 (XEP-0388), even if the server offers it.
    ///
    /// By default a client uses it where TLS protects the stream, with the same floor for the
    /// mechanism as SASL of RFC 6120 §6, unless that offers a stronger mechanism.
    #[must_use]
    pub fn without_sasl2(mut self) -> Self {
        self.change().sasl2.off = true;
        self
    }

    /// Sets the installation that SASL2 shows to the server (XEP-0388 §2.3). Without one, none is
    /// shown.
    #[must_use]
    pub fn with_user_agent(mut self, user_agent: UserAgent) -> Self {
        self.change().sasl2.user_agent = Some(user_agent);
        self
    }

    /// Sets the name of the software at the beginning of the resource that the server generates
    /// with Bind 2 (XEP-0386 §3.2.1). Everyone who learns the full JID can see it, so it must not
    /// tell anything about the user or the machine.
    ///
    /// A client whose JID has a resource binds exactly that resource and does not use Bind 2, unless
    /// it has a tag.
    #[must_use]
    pub fn with_bind_tag(mut self, tag: impl Into<String>) -> Self {
        self.change().sasl2.tag = Some(tag.into().into_boxed_str());
        self
    }

    /// Enables carbons (XEP-0280) with Bind 2 where the server offers that;
    /// [`Endpoint::has_carbons`](crate::Endpoint::has_carbons) tells whether it did.
    #[must_use]
    pub fn with_carbons(mut self) -> Self {
        self.change().sasl2.carbons = true;
        self
    }

    /// Logs in with this token, if it is of this account and of the
    /// [user agent](Self::with_user_agent), and if the server still offers its mechanism (FAST,
    /// XEP-0484). If the server refuses it, the client logs in with the password on the same stream.
    ///
    /// With each attempt the client tells the token again, with a higher count:
    /// [`ClientEvent::Token`](crate::ClientEvent::Token). An expired token is tried as well; see
    /// [`Token::is_expired`].
    #[must_use]
    pub fn with_token(mut self, token: Token) -> Self {
        self.change().sasl2.token = Some(Box::new(token));
        self
    }

    /// Takes the token out that [`with_token`](Self::with_token) has set, to keep it elsewhere.
    pub fn take_token(&mut self) -> Option<Token> {
        self.settings.sasl2.token.as_ref()?;
        self.change().sasl2.token.take().map(|token| *token)
    }

    /// Invalidates the token with this login, as at a logout (XEP-0484 §3.6):
    /// [`ClientEvent::TokenGone`](crate::ClientEvent::TokenGone) tells that the server did it.
    #[must_use]
    pub fn with_token_invalidated(mut self) -> Self {
        self.change().sasl2.invalidates = true;
        self
    }

    /// Lets the application do the tasks that a server asks for in SASL2 after the mechanism has
    /// succeeded, such as a second factor: [`ClientEvent::Task`](crate::ClientEvent::Task). By
    /// default such a login ends as
    /// [`PeerIncompatible::Tasks`](crate::PeerIncompatible::Tasks).
    #[must_use]
    pub fn with_tasks(mut self) -> Self {
        self.change().sasl2.tasks = true;
        self
    }

    /// Sets the limits of the connection.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.change().limits = Arc::new(limits);
        self
    }

    /// The account; for an anonymous client the domain alone.
    pub fn jid(&self) -> &BareJid {
        &self.settings.jid
    }
}

/// Why a client cannot log in to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The JID has no localpart, so it names no account.
    #[error("the JID has no localpart, so it names no account")]
    NoLocalpart,
    /// The password is empty. No server accepts one (RFC 4616 §2, RFC 8265 §4.1).
    #[error("the password is empty")]
    EmptyPassword,
}
