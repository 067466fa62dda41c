//! The mechanisms that this crate implements.

use core::fmt;

/// A SASL mechanism that this crate implements.
///
/// The order is the order of preference: `a > b` means that `a` is preferred. Channel binding has
/// more weight than the hash, because it detects a man in the middle of the TLS session. EXTERNAL
/// has more weight than both: TLS itself proves the client's key to this server alone, and the
/// server holds no secret that it could lose.
///
/// ```
/// use xmppwire_sasl::Mechanism;
///
/// let offered = ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "X-UNHEARD-OF"];
/// let best = offered.into_iter().filter_map(Mechanism::from_name).max();
/// assert_eq!(best, Some(Mechanism::ScramSha256));
/// ```
///
/// To pick a mechanism for a login, use [`choose`](crate::choose), which also considers the
/// credentials and the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// No identity (RFC 4505): the server assigns one. Only for
    /// [`Credentials::anonymous`](crate::Credentials::anonymous).
    Anonymous,
    /// The password in the clear (RFC 4616). Only for a channel that is already confidential.
    Plain,
    /// RFC 5802 with SHA-1. Every server and client must implement it (RFC 6120 §13.8.1).
    ScramSha1,
    /// RFC 7677.
    ScramSha256,
    /// RFC 5802 with SHA-512.
    ScramSha512,
    /// RFC 5802 with SHA-1 and channel binding.
    ScramSha1Plus,
    /// RFC 7677 with channel binding.
    ScramSha256Plus,
    /// RFC 5802 with SHA-512 and channel binding.
    ScramSha512Plus,
    /// The client's TLS certificate proves its identity outside of SASL (RFC 4422 Appendix A;
    /// XEP-0178).
    External,
}

impl Mechanism {
    /// Every mechanism, strongest first: the order in which a server lists them.
    pub const ALL: &'static [Self] = &[
        Self::External,
        Self::ScramSha512Plus,
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::ScramSha512,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::Plain,
        Self::Anonymous,
    ];

    /// The name as registered with IANA and sent on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "ANONYMOUS",
            Self::Plain => "PLAIN",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha512Plus => "SCRAM-SHA-512-PLUS",
            Self::External => "EXTERNAL",
        }
    }

    /// The mechanism with this name; `None` if this crate does not implement it.
    ///
    /// Names are compared exactly: RFC 4422 §3.1 permits only upper case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|m| m.name() == name)
    }

    /// Whether the mechanism binds the login to the TLS channel.
    pub const fn is_plus(self) -> bool {
        matches!(
            self,
            Self::ScramSha1Plus | Self::ScramSha256Plus | Self::ScramSha512Plus
        )
    }

    /// The hash function of a SCRAM mechanism; `None` for the others.
    pub const fn hash(self) -> Option<ScramHash> {
        match self {
            Self::Anonymous | Self::Plain | Self::External => None,
            Self::ScramSha1 | Self::ScramSha1Plus => Some(ScramHash::Sha1),
            Self::ScramSha256 | Self::ScramSha256Plus => Some(ScramHash::Sha256),
            Self::ScramSha512 | Self::ScramSha512Plus => Some(ScramHash::Sha512),
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The hash function of a SCRAM mechanism and of the keys that a server stores for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ScramHash {
    /// SHA-1, 20 octets. Its collisions do not affect SCRAM, whose security rests on HMAC.
    Sha1,
    /// SHA-256, 32 octets.
    Sha256,
    /// SHA-512, 64 octets.
    Sha512,
}

impl ScramHash {
    /// Every hash, strongest first. When a password is set, a server derives keys for each of them.
    pub const ALL: &'static [Self] = &[Self::Sha512, Self::Sha256, Self::Sha1];

    /// The mechanism's name without `-PLUS`. The text form of [`ScramKeys`](crate::ScramKeys)
    /// starts with it.
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Sha1 => Mechanism::ScramSha1.name(),
            Self::Sha256 => Mechanism::ScramSha256.name(),
            Self::Sha512 => Mechanism::ScramSha512.name(),
        }
    }

    /// The length of the hash and of every key made with it, in octets.
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}
