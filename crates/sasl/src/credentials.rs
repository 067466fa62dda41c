//! What a client logs in with.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

use crate::error::CredentialsError;
use crate::mechanism::Mechanism;

/// A password: its memory is cleared on drop, and `Debug` does not show it.
///
/// Clearing is best effort, since a `String` that grew before it came here may have left copies
/// behind, and so may the operating system.
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
    /// The password itself.
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

/// Who logs in, with what proof, and on whose behalf.
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
    /// Nothing but the certificate.
    None,
    Anonymous {
        trace: Option<String>,
    },
}

/// TLS has shown a certificate; this is what to add to it.
#[derive(Clone, Debug)]
struct Certificate {
    authzid: Option<String>,
}

impl Credentials {
    /// The authentication identity (for XMPP the localpart of the account's address, RFC 6120
    /// §6.3.7) and its password. Both are prepared and checked when an exchange starts.
    pub fn new(username: impl Into<String>, password: impl Into<Password>) -> Self {
        Self::with_proof(Proof::Password {
            username: username.into(),
            password: password.into(),
        })
    }

    /// The certificate that TLS has shown to the server, and nothing else: EXTERNAL or no login.
    /// For the argument see [`with_certificate`](Self::with_certificate).
    pub fn certificate(authzid: Option<&str>) -> Self {
        Self::with_proof(Proof::None).with_certificate(authzid)
    }

    /// No account: ANONYMOUS or no login.
    pub fn anonymous() -> Self {
        Self::with_proof(Proof::Anonymous { trace: None })
    }

    const fn with_proof(proof: Proof) -> Self {
        Self {
            proof,
            certificate: None,
            authzid: None,
        }
    }

    /// Says that TLS has shown a certificate to the server, so that EXTERNAL is worth a try.
    ///
    /// `authzid` is the bare JID to be, when the certificate leaves that open: because it names
    /// several addresses or none (XEP-0178 §2). One that names the account alone needs none,
    /// and RFC 6120 §6.3.8 wants none then.
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

    /// Adds what an anonymous client tells the server's operator about itself: an e-mail address or
    /// any other text without `@`, at most [`MAX_TRACE`](crate::MAX_TRACE) characters (RFC 4505
    /// §2). Empty means none; without effect on other credentials.
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

    /// Asks to act as another identity: for XMPP a bare JID, and only when it differs from the
    /// address that the credentials stand for (RFC 6120 §6.3.8). Empty means none. Nobody
    /// acts anonymously as somebody else.
    #[must_use]
    pub fn with_authzid(self, authzid: impl Into<String>) -> Self {
        let authzid = authzid.into();
        Self {
            authzid: (!authzid.is_empty()).then_some(authzid),
            ..self
        }
    }

    /// Whether a mechanism can be used with these credentials at all.
    pub const fn fit(&self, mechanism: Mechanism) -> bool {
        match mechanism {
            Mechanism::External => self.certificate.is_some(),
            Mechanism::Anonymous => matches!(self.proof, Proof::Anonymous { .. }),
            _ => matches!(self.proof, Proof::Password { .. }),
        }
    }

    /// The authentication identity, as given; `None` without a password.
    pub fn username(&self) -> Option<&str> {
        match &self.proof {
            Proof::Password { username, .. } => Some(username),
            _ => None,
        }
    }

    /// The password, if that is what proves the identity.
    pub const fn password(&self) -> Option<&Password> {
        match &self.proof {
            Proof::Password { password, .. } => Some(password),
            _ => None,
        }
    }

    /// The authorization identity, when one was asked for.
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

    /// Username and password, for mechanisms that need them.
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
