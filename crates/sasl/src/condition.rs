//! The conditions with which an XMPP server refuses a login (RFC 6120 §6.5).

use core::fmt;

/// The reason of a failed authentication attempt that one XMPP entity sends to the other.
///
/// The conditions are those of RFC 6120 §6.5. A server uses [`NotAuthorized`](Self::NotAuthorized)
/// for everything that depends on whether the account exists or the password is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// The initiating entity aborted the exchange with `<abort/>` (§6.5.1).
    Aborted,
    /// The account exists but is disabled (§6.5.2).
    AccountDisabled,
    /// The credentials have expired and need to be renewed (§6.5.3).
    CredentialsExpired,
    /// The mechanism is allowed only over an encrypted channel (§6.5.4).
    EncryptionRequired,
    /// The data is not base64 as RFC 4648 §4 prescribes it (§6.5.5).
    IncorrectEncoding,
    /// The authorization identity is malformed, or this user may not act as it (§6.5.6).
    InvalidAuthzid,
    /// The mechanism was not offered (§6.5.7).
    InvalidMechanism,
    /// The message does not follow the mechanism's syntax (§6.5.8).
    MalformedRequest,
    /// The mechanism is weaker than the server's policy permits for this user (§6.5.9).
    MechanismTooWeak,
    /// Wrong credentials, an unknown user, or a failure whose cause the server does not tell
    /// (§6.5.10).
    NotAuthorized,
    /// A fault at the receiving entity; the same attempt may succeed later (§6.5.11).
    TemporaryAuthFailure,
}

impl Condition {
    /// Every condition, in the order of the RFC.
    pub const ALL: &'static [Self] = &[
        Self::Aborted,
        Self::AccountDisabled,
        Self::CredentialsExpired,
        Self::EncryptionRequired,
        Self::IncorrectEncoding,
        Self::InvalidAuthzid,
        Self::InvalidMechanism,
        Self::MalformedRequest,
        Self::MechanismTooWeak,
        Self::NotAuthorized,
        Self::TemporaryAuthFailure,
    ];

    /// The local name of the element that carries the condition.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::AccountDisabled => "account-disabled",
            Self::CredentialsExpired => "credentials-expired",
            Self::EncryptionRequired => "encryption-required",
            Self::IncorrectEncoding => "incorrect-encoding",
            Self::InvalidAuthzid => "invalid-authzid",
            Self::InvalidMechanism => "invalid-mechanism",
            Self::MalformedRequest => "malformed-request",
            Self::MechanismTooWeak => "mechanism-too-weak",
            Self::NotAuthorized => "not-authorized",
            Self::TemporaryAuthFailure => "temporary-auth-failure",
        }
    }

    /// The condition with this element name; `None` for a name that RFC 6120 does not define.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|c| c.name() == name)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Condition;

    #[test]
    fn names_round_trip() {
        for condition in Condition::ALL {
            assert_eq!(Condition::from_name(condition.name()), Some(*condition));
            assert_eq!(alloc::format!("{condition}"), condition.name());
        }
        assert_eq!(Condition::from_name("bad-auth"), None);
    }
}
