//! How well the other server of a pair is known.

/// What vouches for the domain of the other server, so that a policy can be written on it.
///
/// The order is that of strength: the last is the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Trust {
    /// The DNS alone: dialback succeeded, and nothing else is known (XEP-0220 §3).
    Dialback {
        /// Whether TLS protects the stream. It keeps others from listening, not from posing as the
        /// domain.
        tls: bool,
    },
    /// Dialback, over TLS with a verified certificate of the domain.
    CertifiedDialback,
    /// SASL EXTERNAL, with a verified certificate of the domain (RFC 6120 §13.8.4).
    Certificate,
}

impl Trust {
    /// Whether a verified certificate vouches for the domain.
    pub const fn is_certified(self) -> bool {
        !matches!(self, Self::Dialback { .. })
    }
}
