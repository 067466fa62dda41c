//! The client's choice of one of the offered mechanisms.

use crate::channel_binding::ChannelBindings;
use crate::credentials::Credentials;
use crate::mechanism::Mechanism;
use crate::offer::Offer;

/// The mechanisms that a client accepts for its login.
///
/// By default the client accepts nothing weaker than SCRAM-SHA-1, whatever the server offers. PLAIN
/// requires two decisions: the user lowers the floor, and the caller states that this channel is
/// confidential.
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
/// A server that offers `-PLUS` should announce its channel binding types (XEP-0440); the client
/// uses the best common one. If no announced type is common, or the server announces none, the
/// client logs in without channel binding and sends the flag `n`. The flag `y` would make the
/// server report a downgrade attack (RFC 5802 §6).
///
/// The client does not assume the default type, `tls-exporter` with TLS 1.3 (RFC 9266 §3), if the
/// server announces none, because the servers that announce none are old and do not support that
/// type. ejabberd 23.01 offers `-PLUS` with TLS 1.3, announces nothing, and accepts only
/// `tls-unique`, which TLS 1.3 does not define. It answers every other type with `not-authorized`,
/// as it answers a wrong password. A guess would lock the user out, and a second attempt without
/// channel binding would be the downgrade that channel binding prevents.
///
/// So an attacker who removes an announcement makes the client log in without channel binding,
/// unless the server protects its offer (XEP-0474): [`ClientExchange`](crate::ClientExchange) then
/// detects the change. With other servers, a floor that is itself a `-PLUS` mechanism prevents this
/// attack: the client then requires channel binding, and uses the default type if the server
/// announces none.
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
    /// The server refused this mechanism, so only weaker ones remain.
    refused: Option<Mechanism>,
    confidential: bool,
}

impl MechanismPolicy {
    /// Sets the weakest mechanism that is acceptable, in the order of [`Mechanism`]. The floor does
    /// not apply to ANONYMOUS, which reveals nothing and is chosen only with
    /// [`Credentials::anonymous`].
    #[must_use]
    pub const fn with_floor(self, floor: Mechanism) -> Self {
        Self { floor, ..self }
    }

    /// States whether this connection is confidential: it uses TLS with a verified certificate, or
    /// it never leaves the machine.
    #[must_use]
    pub const fn on_confidential_channel(self, confidential: bool) -> Self {
        Self {
            confidential,
            ..self
        }
    }

    /// The policy after the server has refused a mechanism: it accepts only weaker mechanisms of
    /// the same kind. Nothing protects a refusal against forgery, so a refusal must not lead from a
    /// mechanism with channel binding to one without, or from SCRAM to PLAIN. After a refused
    /// certificate every password mechanism that the policy accepts remains.
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

    /// Whether the policy accepts a mechanism.
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

/// Returns the best mechanism that the server offers, this crate implements, the credentials and
/// the connection support, and the policy accepts. If it returns `None`, do not log in.
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
