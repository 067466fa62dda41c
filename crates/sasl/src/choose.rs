//! Which of the offered mechanisms to log in with.

use crate::channel_binding::ChannelBindings;
use crate::mechanism::Mechanism;

/// What a client is willing to log in with.
///
/// By default nothing weaker than SCRAM-SHA-1, whatever the server offers. PLAIN takes two
/// decisions: the user's, to lower the floor, and the caller's, that this channel is confidential.
///
/// ```
/// use xmppwire_sasl::{ChannelBindings, Mechanism, Policy, choose};
///
/// let none = ChannelBindings::none();
/// let policy = Policy::default().with_floor(Mechanism::Plain);
/// assert_eq!(choose(["PLAIN"], &none, Policy::default()), None);
/// assert_eq!(choose(["PLAIN"], &none, policy), None);
/// assert_eq!(
///     choose(["PLAIN"], &none, policy.on_confidential_channel(true)),
///     Some(Mechanism::Plain)
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    floor: Mechanism,
    confidential: bool,
}

impl Policy {
    /// Sets the weakest mechanism that is acceptable, in the order of [`Mechanism`].
    #[must_use]
    pub const fn with_floor(self, floor: Mechanism) -> Self {
        Self { floor, ..self }
    }

    /// Says whether this connection is confidential: TLS with a verified certificate, or one that
    /// never leaves the machine.
    #[must_use]
    pub const fn on_confidential_channel(self, confidential: bool) -> Self {
        Self {
            confidential,
            ..self
        }
    }

    /// Whether a mechanism is acceptable.
    pub fn permits(&self, mechanism: Mechanism) -> bool {
        mechanism >= self.floor && (mechanism != Mechanism::Plain || self.confidential)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            floor: Mechanism::ScramSha1,
            confidential: false,
        }
    }
}

/// Picks the best mechanism that the server offers, this crate speaks, the connection can carry
/// (`-PLUS` needs a channel binding) and the policy permits. `None` if there is none: then do not
/// log in.
///
/// ```
/// use xmppwire_sasl::{ChannelBindings, Mechanism, Policy, choose};
///
/// let offered = ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "PLAIN"];
/// let tls = ChannelBindings::tls13([7; 32]);
/// let none = ChannelBindings::none();
/// let policy = Policy::default();
/// assert_eq!(choose(offered, &tls, policy), Some(Mechanism::ScramSha1Plus));
/// assert_eq!(choose(offered, &none, policy), Some(Mechanism::ScramSha256));
/// ```
pub fn choose<'a>(
    offered: impl IntoIterator<Item = &'a str>,
    bindings: &ChannelBindings,
    policy: Policy,
) -> Option<Mechanism> {
    offered
        .into_iter()
        .filter_map(Mechanism::from_name)
        .filter(|mechanism| !mechanism.is_plus() || !bindings.is_empty())
        .filter(|mechanism| policy.permits(*mechanism))
        .max()
}

/// Whether the server offers channel binding at all, for
/// [`ClientExchange::new`](crate::ClientExchange::new).
///
/// Looks at every SCRAM name that ends in `-PLUS`, those with a hash that this crate lacks
/// included: to tell such a server `y`, "I believe you have no channel binding", would be taken for
/// a downgrade attack.
///
/// ```
/// use xmppwire_sasl::offers_channel_binding;
///
/// assert!(offers_channel_binding(["SCRAM-SHA-512-PLUS", "SCRAM-SHA-256"]));
/// assert!(!offers_channel_binding(["SCRAM-SHA-256", "PLAIN"]));
/// ```
pub fn offers_channel_binding<'a>(offered: impl IntoIterator<Item = &'a str>) -> bool {
    offered
        .into_iter()
        .any(|name| name.starts_with("SCRAM-") && name.ends_with("-PLUS"))
}
