//! What a client logs in with.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

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

/// Who logs in, with which password, and on whose behalf.
///
/// ```
/// use xmppwire_sasl::Credentials;
///
/// let own = Credentials::new("juliet", "r0m30myr0m30");
/// let other = Credentials::new("admin", "s3cr3t").with_authzid("juliet@example.org");
/// assert_eq!(own.authzid(), None);
/// assert_eq!(other.authzid(), Some("juliet@example.org"));
/// ```
#[derive(Clone, Debug)]
pub struct Credentials {
    username: String,
    password: Password,
    authzid: Option<String>,
}

impl Credentials {
    /// The authentication identity (for XMPP the localpart of the account's address, RFC 6120,
    /// Section 6.3.7) and its password. Both are prepared and checked when an exchange starts.
    pub fn new(username: impl Into<String>, password: impl Into<Password>) -> Self {
        Self {
            username: username.into(),
            password: password.into(),
            authzid: None,
        }
    }

    /// Asks to act as another identity: for XMPP a bare JID, and only when it differs from the
    /// address that the username stands for (RFC 6120, Section 6.3.8). Empty means none.
    #[must_use]
    pub fn with_authzid(self, authzid: impl Into<String>) -> Self {
        let authzid = authzid.into();
        Self {
            authzid: (!authzid.is_empty()).then_some(authzid),
            ..self
        }
    }

    /// The authentication identity, as given.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The password.
    pub fn password(&self) -> &Password {
        &self.password
    }

    /// The authorization identity, when one was asked for.
    pub fn authzid(&self) -> Option<&str> {
        self.authzid.as_deref()
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
