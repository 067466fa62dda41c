//! Which of the offered mechanisms to log in with.

use crate::channel_binding::ChannelBindings;
use crate::credentials::Credentials;
use crate::mechanism::Mechanism;
use crate::offer::Offer;

/// What a client is willing to log in with.
///
/// By default nothing weaker than SCRAM-SHA-1, whatever the server offers. PLAIN takes two
/// decisions: the user's, to lower the floor, and the caller's, that this channel is confidential.
///
/// ```
/// use xmppwire_sasl::{ChannelBindings, Credentials, Mechanism, Offer, MechanismPolicy, choose};
///
/// let none = ChannelBindings::none();
/// let juliet = Credentials::new("juliet", "r0m30myr0m30");
/// let offer = Offer::new(["PLAIN"]);
/// let policy = MechanismPolicy::default().with_floor(Mechanism::Plain);
/// assert_eq!(choose(&offer, &juliet, &none, MechanismPolicy::default()), None);
/// assert_eq!(choose(&offer, &juliet, &none, policy), None);
/// let policy = policy.on_confidential_channel(true);
/// assert_eq!(choose(&offer, &juliet, &none, policy), Some(Mechanism::Plain));
/// ```
///
/// # Channel binding
///
/// A server that offers `-PLUS` should announce its channel binding types (XEP-0440), and then the
/// best common one is used. Where it announces some and none is common, or none at all, the client
/// logs in without channel binding and says so honestly with the flag `n`: the flag `y` would
/// accuse the server of an attack that is not there (RFC 5802 §6).
///
/// Silence could be taken for the default instead: `tls-exporter` with TLS 1.3 (RFC 9266 §3). But
/// the servers that are silent are the old ones that do not know that type. ejabberd 23.01 offers
/// `-PLUS` with TLS 1.3, announces nothing, and accepts `tls-unique` alone, which TLS 1.3 does not
/// define; for every other type it says `not-authorized`, which cannot be told from a wrong
/// password. To guess there would lock the user out, and to try again without would be the very
/// downgrade that channel binding is there to prevent.
///
/// So an attacker who removes an announcement makes the client log in without channel binding, unless
/// the server protects its offer (XEP-0474), which [`ClientExchange`](crate::ClientExchange) checks
/// where it does. Against the rest there is the floor: one that is itself a `-PLUS` mechanism
/// insists on channel binding, with the default type where the server is silent.
///
/// | the server offers | it announces | floor without `-PLUS` | floor with `-PLUS` |
/// |---|---|---|---|
/// | `-PLUS` | a common type | that type | that type |
/// | `-PLUS` | others | flag `n` | no login |
/// | `-PLUS` | nothing, TLS 1.3 | flag `n` | `tls-exporter` |
/// | `-PLUS` | nothing, TLS 1.2 with `tls-unique` | `tls-unique` | `tls-unique` |
/// | `-PLUS` | nothing, TLS 1.2 without `tls-unique` | flag `n` | no login |
/// | no `-PLUS` | anything | flag `y` | no login |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MechanismPolicy {
    floor: Mechanism,
    /// Only what is weaker than this is left, because this was refused.
    refused: Option<Mechanism>,
    confidential: bool,
}

impl MechanismPolicy {
    /// Sets the weakest mechanism that is acceptable, in the order of [`Mechanism`]. ANONYMOUS
    /// needs no permission: it reveals nothing, and only [`Credentials::anonymous`] choose it.
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

    /// What is left to try after the server has refused a mechanism: what is weaker, but only
    /// within its kind. A refusal is not protected by anything, so it must not lead from a
    /// mechanism with channel binding to one without, or from SCRAM to PLAIN. A refused certificate
    /// leads to the password: nothing in it was weaker for it.
    ///
    /// ```
    /// use xmppwire_sasl::{Mechanism, MechanismPolicy};
    ///
    /// let policy = MechanismPolicy::default().after(Mechanism::ScramSha512Plus);
    /// assert!(policy.permits(Mechanism::ScramSha256Plus));
    /// assert!(!policy.permits(Mechanism::ScramSha512Plus));
    /// assert!(!policy.permits(Mechanism::ScramSha512));
    /// ```
    #[must_use]
    pub fn after(self, refused: Mechanism) -> Self {
        let least_of_kind = match refused {
            kind if kind.is_plus() => Mechanism::ScramSha1Plus,
            kind if kind.hash().is_some() => Mechanism::ScramSha1,
            _ => self.floor,
        };
        Self {
            floor: self.floor.max(least_of_kind),
            refused: Some(refused),
            ..self
        }
    }

    /// Whether a mechanism is acceptable.
    pub fn permits(&self, mechanism: Mechanism) -> bool {
        let strong = mechanism >= self.floor || mechanism == Mechanism::Anonymous;
        let safe = mechanism != Mechanism::Plain || self.confidential;
        strong && safe && self.refused.is_none_or(|refused| mechanism < refused)
    }
}

impl Default for MechanismPolicy {
    fn default() -> Self {
        Self {
            floor: Mechanism::ScramSha1,
            refused: None,
            confidential: false,
        }
    }
}

/// Picks the best mechanism that the server offers, this crate speaks, the credentials and the
/// connection can carry, and the policy permits. `None` if there is none: then do not log in.
///
/// ```
/// use xmppwire_sasl::{ChannelBindings, Credentials, Mechanism, Offer, MechanismPolicy, choose};
///
/// let offer = Offer::new(["EXTERNAL", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "PLAIN"])
///     .with_channel_bindings(["tls-exporter"]);
/// let tls = ChannelBindings::tls13([7; 32]);
/// let none = ChannelBindings::none();
/// let juliet = Credentials::new("juliet", "r0m30myr0m30");
/// let pick = |bindings| choose(&offer, &juliet, bindings, MechanismPolicy::default());
/// assert_eq!(pick(&tls), Some(Mechanism::ScramSha1Plus));
/// assert_eq!(pick(&none), Some(Mechanism::ScramSha256));
/// ```
pub fn choose(
    offer: &Offer,
    credentials: &Credentials,
    bindings: &ChannelBindings,
    policy: MechanismPolicy,
) -> Option<Mechanism> {
    let binding = if policy.floor.is_plus() {
        offer.binding(bindings)
    } else {
        offer.common_binding(bindings)
    };
    offer
        .mechanisms()
        .iter()
        .filter_map(|name| Mechanism::from_name(name))
        .filter(|mechanism| credentials.fit(*mechanism))
        .filter(|mechanism| !mechanism.is_plus() || binding.is_some())
        .filter(|mechanism| policy.permits(*mechanism))
        .max()
}
