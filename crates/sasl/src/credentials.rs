//! The credentials of a client.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

use crate::error::CredentialsError;
use crate::mechanism::Mechanism;

/// A password: its memory is cleared on drop, and `Debug` does not show it.
///
/// Clearing is best effort: a `String` that grew earlier may have left copies in memory, and so may
/// the operating system.
///
/// ```
/// use xmppwire_sasl::Password;
///
/// let password = Password::from("r0m30myr0m30");
/// assert_eq!(format!("{password:?}"), "Password(…)");
/// ```
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The password as text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(password: String) -> Self {
        Self(Zeroizing::new(password))
    }
}

impl From<&str> for Password {
    fn from(password: &str) -> Self {
        Self::from(String::from(password))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The credentials of a login: the identity, its proof, and an optional authorization identity.
///
/// ```
/// use xmppwire_sasl::{Credentials, Mechanism};
///
/// let own = Credentials::new("juliet", "r0m30myr0m30");
/// let other = Credentials::new("admin", "s3cr3t").with_authzid("juliet@example.org");
/// assert_eq!(own.authzid(), None);
/// assert_eq!(other.authzid(), Some("juliet@example.org"));
///
/// // Shown to TLS already; the password is there for servers that do not take certificates.
/// let both = Credentials::new("juliet", "r0m30myr0m30").with_certificate(None);
/// assert!(both.fit(Mechanism::External) && both.fit(Mechanism::ScramSha256));
/// ```
#[derive(Clone, Debug)]
pub struct Credentials {
    proof: Proof,
    certificate: Option<Certificate>,
    authzid: Option<String>,
}

#[derive(Clone, Debug)]
enum Proof {
    Password {
        username: String,
        password: Password,
    },
    /// The certificate is the only proof.
    None,
    Anonymous {
        trace: Option<String>,
    },
}

/// What the EXTERNAL message adds to the certificate that TLS has shown.
#[derive(Clone, Debug)]
struct Certificate {
    authzid: Option<String>,
}

impl Credentials {
    /// The authentication identity (for XMPP the localpart of the account's address, RFC 6120
    /// §6.3.7) and its password. Both are prepared and checked at the start of an exchange.
    pub fn new(username: impl Into<String>, password: impl Into<Password>) -> Self {
        Self::with_proof(Proof::Password {
            username: username.into(),
            password: password.into(),
        })
    }

    /// Only the certificate that TLS has shown to the server. These credentials fit EXTERNAL alone.
    /// For the argument see [`with_certificate`](Self::with_certificate).
    pub fn certificate(authzid: Option<&str>) -> Self {
        Self::with_proof(Proof::None).with_certificate(authzid)
    }

    /// No account. These credentials fit ANONYMOUS alone.
    pub fn anonymous() -> Self {
        Self::with_proof(Proof::Anonymous { trace: None })
    }

    /// No proof at all. These credentials fit no mechanism: they are for a client that has only a
    /// token.
    pub const fn none() -> Self {
        Self::with_proof(Proof::None)
    }

    const fn with_proof(proof: Proof) -> Self {
        Self {
            proof,
            certificate: None,
            authzid: None,
        }
    }

    /// States that TLS has shown a certificate to the server, so that the client can try EXTERNAL.
    ///
    /// `authzid` is the bare JID of the account. Give it only if the certificate names several
    /// addresses or none (XEP-0178 §2). If the certificate names exactly the account, RFC 6120
    /// §6.3.8 asks the client to send no authorization identity.
    #[must_use]
    pub fn with_certificate(self, authzid: Option<&str>) -> Self {
        Self {
            certificate: Some(Certificate {
                authzid: authzid
                    .filter(|authzid| !authzid.is_empty())
                    .map(Into::into),
            }),
            ..self
        }
    }

    /// Adds the trace that an anonymous client shows to the server's operator: an e-mail address,
    /// or other text without `@`, of at most [`MAX_TRACE`](crate::MAX_TRACE) characters (RFC 4505
    /// §2). An empty text means no trace. Other credentials ignore it.
    #[must_use]
    pub fn with_trace(self, trace: impl Into<String>) -> Self {
        let trace = trace.into();
        match self.proof {
            Proof::Anonymous { .. } => Self {
                proof: Proof::Anonymous {
                    trace: (!trace.is_empty()).then_some(trace),
                },
                ..self
            },
            _ => self,
        }
    }

    /// Sets the authorization identity: the identity that the client asks to act as. For XMPP this
    /// is a bare JID; give it only if it differs from the address that the credentials prove (RFC
    /// 6120 §6.3.8). An empty text means none. Anonymous credentials ignore it.
    #[must_use]
    pub fn with_authzid(self, authzid: impl Into<String>) -> Self {
        let authzid = authzid.into();
        Self {
            authzid: (!authzid.is_empty()).then_some(authzid),
            ..self
        }
    }

    /// Whether these credentials fit a mechanism.
    pub const fn fit(&self, mechanism: Mechanism) -> bool {
        match mechanism {
            Mechanism::External => self.certificate.is_some(),
            Mechanism::Anonymous => matches!(self.proof, Proof::Anonymous { .. }),
            _ => matches!(self.proof, Proof::Password { .. }),
        }
    }

    /// The authentication identity, as given; `None` for credentials without a password.
    pub fn username(&self) -> Option<&str> {
        match &self.proof {
            Proof::Password { username, .. } => Some(username),
            _ => None,
        }
    }

    /// The password; `None` for credentials without one.
    pub const fn password(&self) -> Option<&Password> {
        match &self.proof {
            Proof::Password { password, .. } => Some(password),
            _ => None,
        }
    }

    /// The authorization identity, if any.
    pub fn authzid(&self) -> Option<&str> {
        self.authzid.as_deref()
    }

    /// The authorization identity to send with EXTERNAL.
    pub(crate) fn certificate_authzid(&self) -> Option<&str> {
        let needed = self.certificate.as_ref();
        self.authzid()
            .or_else(|| needed.and_then(|certificate| certificate.authzid.as_deref()))
    }

    /// The trace of an anonymous client.
    pub(crate) fn trace(&self) -> Option<&str> {
        match &self.proof {
            Proof::Anonymous { trace } => trace.as_deref(),
            _ => None,
        }
    }

    /// The username and the password, for mechanisms that need them.
    pub(crate) fn known(&self) -> Result<(&str, &Password), CredentialsError> {
        self.username()
            .zip(self.password())
            .ok_or(CredentialsError::Unfit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn debug_shows_no_password() {
        let credentials = Credentials::new("juliet", "r0m30myr0m30");
        let shown = format!("{credentials:?} {credentials:#?}");
        assert!(shown.contains("juliet"));
        assert!(!shown.contains("r0m30"));
    }
}
