//! What each end of a component's stream is configured with.

use alloc::string::String;

use xmppwire_jid::Domainpart;

use super::scope::Scope;
use super::{Secret, ShortSecret};
use crate::limits::Limits;
use crate::wire::lang;

/// The configuration of a [`Component`](super::Component).
///
/// ```
/// use xmppwire::Domainpart;
/// use xmppwire::component::{ComponentConfig, Secret};
///
/// let domain = Domainpart::new("gate.example")?;
/// let config = ComponentConfig::new(domain, Secret::new("correct horse battery staple"));
/// # let _ = config;
/// # Ok::<_, xmppwire::JidError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ComponentConfig {
    pub(super) scope: Scope,
    pub(super) secret: Secret,
    pub(super) server: Option<Domainpart>,
    pub(super) lang: Option<String>,
    pub(super) limits: Limits,
}

impl ComponentConfig {
    /// A component of this domain, which is its own and not that of the server, with the secret
    /// that the server is configured with.
    pub fn new(domain: Domainpart, secret: Secret) -> Self {
        Self {
            scope: Scope {
                domain,
                subdomains: false,
            },
            secret,
            server: None,
            lang: None,
            limits: Limits::default(),
        }
    }

    /// The domain of the component.
    pub const fn domain(&self) -> &Domainpart {
        &self.scope.domain
    }

    /// Allows to send from domains below the own one as well. The server has to allow it too:
    /// Prosody and ejabberd end the stream with `<invalid-from/>` unless they are told to.
    #[must_use]
    pub const fn with_subdomains(mut self) -> Self {
        self.scope.subdomains = true;
        self
    }

    /// Names the server's own domain, which the protocol does not tell. A
    /// [`KeepAlive`](crate::KeepAlive) policy pings the server there (XEP-0199); without a name it
    /// sends white space, which a server that hangs takes like one that works.
    #[must_use]
    pub fn with_server(mut self, domain: Domainpart) -> Self {
        self.server = Some(domain);
        self
    }

    /// Sets the default language of the component's stanzas (RFC 6120 §4.7.4). What is not a
    /// language tag of up to 35 bytes is not sent.
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
}

/// The configuration of a [`Host`](super::Host), the same for all components.
#[derive(Clone, Debug)]
pub struct HostConfig {
    pub(super) lang: String,
    pub(super) limits: Limits,
}

impl HostConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            lang: "en".into(),
            limits: Limits::default(),
        }
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
}

impl Default for HostConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// On which terms a server lets a component attach.
#[derive(Clone, Debug)]
pub struct Terms {
    pub(super) secret: Secret,
    pub(super) subdomains: bool,
}

impl Terms {
    /// The component has to know this secret, and speaks for its domain alone.
    ///
    /// # Errors
    /// [`ShortSecret`] if the secret has fewer than [`Secret::MIN_BYTES`] bytes.
    pub fn new(secret: Secret) -> Result<Self, ShortSecret> {
        if secret.len() < Secret::MIN_BYTES {
            return Err(ShortSecret);
        }
        Ok(Self {
            secret,
            subdomains: false,
        })
    }

    /// Lets the component speak for every domain below its own as well. None of them may be a
    /// domain of the server or of another component.
    #[must_use]
    pub const fn with_subdomains(mut self) -> Self {
        self.subdomains = true;
        self
    }
}
