//! The tokens that a server has issued (XEP-0484 §5).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use xmppwire_jid::BareJid;
use xmppwire_sasl::{ChannelBindings, Condition, Password, TokenMechanism, TokenProof};
use xmppwire_xml::{Element, ElementBuilder};

use super::UserAgent;
use super::saved::{Head, SavedTokenError};
use crate::entropy::Entropy;
use crate::ns;
use crate::saved_session::Input;
use crate::wire::date_time;

const MAGIC: [u8; 4] = *b"XWTI";

/// Which tokens a server issues and accepts (FAST, XEP-0484).
///
/// A machine reads no clock, so the application gives the time with which expiry is checked. A
/// [`Host`](crate::Host) is made for each connection, so this is the time at which that began.
///
/// ```
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
/// use xmppwire::{Sasl2, TokenPolicy};
///
/// let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
/// let tokens = TokenPolicy::new(now).with_lifetime(Duration::from_secs(30 * 86_400));
/// let sasl2 = Sasl2::new().with_tokens(tokens);
/// # let _ = sasl2;
/// # Ok::<_, std::time::SystemTimeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenPolicy {
    now: u64,
    lifetime: Duration,
    mechanisms: Vec<TokenMechanism>,
}

impl TokenPolicy {
    /// Tokens of 14 days, with every mechanism that the connection can use. `now` is the time in
    /// seconds since the beginning of 1970 in UTC.
    pub fn new(now: u64) -> Self {
        Self {
            now,
            lifetime: Duration::from_secs(14 * 86_400),
            mechanisms: TokenMechanism::ALL.to_vec(),
        }
    }

    /// Sets how long a token can be used. A token that is used after half of that time is replaced
    /// by a new one (XEP-0484 §3.5).
    #[must_use]
    pub const fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Offers only these mechanisms. `HT-SHA-256-NONE` is the only one for clients that know
    /// nothing of their TLS session, such as those in browsers.
    #[must_use]
    pub fn with_mechanisms(mut self, mechanisms: impl IntoIterator<Item = TokenMechanism>) -> Self {
        self.mechanisms = mechanisms.into_iter().collect();
        self
    }

    /// The mechanisms for a connection with these channel bindings.
    pub(crate) fn offered<'a>(
        &'a self,
        bindings: &'a ChannelBindings,
    ) -> impl Iterator<Item = TokenMechanism> + 'a {
        let mechanisms = self.mechanisms.iter().copied();
        mechanisms.filter(|mechanism| mechanism.fits(bindings))
    }

    /// Makes a token of 256 random bits.
    pub(crate) fn issue(&self, mechanism: TokenMechanism, entropy: &mut Entropy) -> IssuedToken {
        let mut secret = entropy.id();
        secret.push_str(&entropy.id());
        IssuedToken {
            secret: secret.into(),
            mechanism,
            expires: self.now.saturating_add(self.lifetime.as_secs()),
            count: 0,
        }
    }

    /// Whether a token that was used now is due for a new one.
    fn is_due(&self, token: &IssuedToken) -> bool {
        token.expires.saturating_sub(self.now) < self.lifetime.as_secs() / 2
    }
}

/// A token that a server has issued, as it stores it: a secret. `Debug` does not show it.
///
/// To store it, use [`to_bytes`](Self::to_bytes) or `serde` (feature `serde`).
#[derive(Clone)]
pub struct IssuedToken {
    secret: Password,
    mechanism: TokenMechanism,
    expires: u64,
    count: u32,
}

impl IssuedToken {
    /// The only mechanism with which it is accepted.
    pub const fn mechanism(&self) -> TokenMechanism {
        self.mechanism
    }

    /// When it expires, in seconds since the beginning of 1970 in UTC.
    pub const fn expires(&self) -> u64 {
        self.expires
    }

    /// The token as bytes, in a format with a version. They are as secret as the token.
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = Head {
            count: self.count,
            expires: self.expires,
        };
        head.save(MAGIC, &[self.mechanism.name(), self.secret.expose()])
    }

    /// Reads a token from bytes, which may be anything.
    ///
    /// # Errors
    /// [`SavedTokenError`] if they are no token.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SavedTokenError> {
        use SavedTokenError as E;
        let mut input = Input(bytes);
        let Head { count, expires } = Head::load(&mut input, MAGIC)?;
        let mechanism = input.text().ok_or(E::Damaged)?;
        let mechanism = TokenMechanism::from_name(mechanism).ok_or(E::Version)?;
        let secret = input.text().ok_or(E::Damaged)?;
        if secret.is_empty() || !input.0.is_empty() {
            return Err(E::Damaged);
        }
        Ok(Self {
            secret: secret.into(),
            mechanism,
            expires,
            count,
        })
    }

    /// `<token/>` (XEP-0484 §3.3).
    pub(crate) fn write(&self, builder: ElementBuilder) -> ElementBuilder {
        builder
            .open("token", ns::FAST)
            .attr("token", self.secret.expose())
            .attr("expiry", &date_time::format(self.expires))
            .close()
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            .field("mechanism", &self.mechanism)
            .field("expires", &self.expires)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "serde")]
crate::saved_session::impl_serde!(IssuedToken);

/// The tokens of one client of an account: the one that it uses, and the one that it was given last
/// and has not used yet (XEP-0484 §5). The first stays valid until the second is used, because a
/// connection may be lost before the client has stored the second.
#[derive(Clone, Debug, Default)]
pub struct TokenSlots {
    /// The token that the client has used.
    pub current: Option<IssuedToken>,
    /// The token that was issued last.
    pub new: Option<IssuedToken>,
}

/// A login by token.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    /// Names the token: which slot it is in may change before the slots are updated.
    secret: Password,
    pub(crate) mechanism: TokenMechanism,
    count: Option<u32>,
    pub(crate) invalidates: bool,
    /// Whether the token is due for a new one.
    pub(crate) is_due: bool,
}

/// `<fast/>` in a request (XEP-0484 §3.4, §3.6).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fast {
    pub(crate) count: Option<u32>,
    pub(crate) invalidates: bool,
}

impl Used {
    /// Whether this is the token that was used. Both secrets are the server's own, so the time of the
    /// comparison tells nothing to a peer.
    fn is(&self, token: &IssuedToken) -> bool {
        token.secret.expose() == self.secret.expose()
    }
}

impl TokenSlots {
    const fn is_empty(&self) -> bool {
        self.current.is_none() && self.new.is_none()
    }

    /// Finds the token of a login, and returns how it was used and what proves that the server
    /// knows it. The tokens of both slots are compared in constant time.
    pub(crate) fn check(
        &self,
        proof: &TokenProof,
        fast: Fast,
        policy: &TokenPolicy,
    ) -> Result<(Used, Vec<u8>), Condition> {
        // An empty slot costs the same as one with a token.
        let nothing = Password::from("");
        let answer = |slot: &Option<IssuedToken>| {
            let secret = slot.as_ref().map_or(&nothing, |token| &token.secret);
            let answer = proof.check(secret);
            Some((slot.clone()?, answer?))
        };
        let (new, current) = (answer(&self.new), answer(&self.current));
        let (token, answer) = new.or(current).ok_or(Condition::NotAuthorized)?;
        let repeated = fast.count.is_some_and(|count| count <= token.count);
        if token.mechanism != proof.mechanism() || repeated {
            return Err(Condition::NotAuthorized);
        }
        if token.expires <= policy.now {
            return Err(Condition::CredentialsExpired);
        }
        let used = Used {
            mechanism: token.mechanism,
            count: fast.count,
            invalidates: fast.invalidates,
            is_due: policy.is_due(&token),
            secret: token.secret,
        };
        Ok((used, answer))
    }
}

/// What has changed about the tokens of a client after its login: the application
/// [applies](Self::apply) it to the [`TokenSlots`] that it stores for this account and user agent.
#[derive(Clone, Debug)]
pub struct TokenUpdate {
    pub(crate) account: BareJid,
    pub(crate) user_agent: Box<UserAgent>,
    pub(crate) used: Option<Used>,
    pub(crate) issued: Option<IssuedToken>,
}

impl TokenUpdate {
    /// The account.
    pub const fn account(&self) -> &BareJid {
        &self.account
    }

    /// The installation of the client. Its id is not empty.
    pub fn user_agent(&self) -> &UserAgent {
        &self.user_agent
    }

    /// The token that the client was given with this login, if it was given one.
    pub const fn issued(&self) -> Option<&IssuedToken> {
        self.issued.as_ref()
    }

    /// Whether the client has invalidated its token, as at a logout (XEP-0484 §3.6).
    pub fn invalidates(&self) -> bool {
        self.used.as_ref().is_some_and(|used| used.invalidates)
    }

    /// Changes the stored tokens of this client. A token that was used for the first time takes the
    /// place of the one before it, and a new one takes the place of one that was never used.
    ///
    /// The slots may have changed since [`ServerEvent::Token`](crate::ServerEvent::Token), by another
    /// login of the client. Where they are empty, because the tokens were revoked meanwhile, they stay
    /// so: the client then has to log in without a token.
    pub fn apply(self, slots: &mut TokenSlots) {
        if let Some(used) = &self.used {
            if slots.is_empty() {
                return;
            }
            if used.invalidates {
                *slots = TokenSlots::default();
            }
            if slots.new.as_ref().is_some_and(|token| used.is(token)) {
                slots.current = slots.new.take();
            }
            let current = slots.current.as_mut().filter(|token| used.is(token));
            if let (Some(token), Some(count)) = (current, used.count) {
                token.count = token.count.max(count);
            }
        }
        if let Some(issued) = self.issued {
            slots.new = Some(issued);
        }
    }
}

/// `<fast/>` in the features (XEP-0484 §3.1).
pub(crate) fn offer(
    builder: ElementBuilder,
    mechanisms: impl Iterator<Item = TokenMechanism>,
) -> ElementBuilder {
    let fast = builder.open("fast", ns::FAST);
    mechanisms
        .fold(fast, |fast, mechanism| {
            fast.text_child("mechanism", mechanism.name())
        })
        .close()
}

impl Fast {
    /// Reads `<fast/>` in a request.
    pub(crate) fn parse(element: &Element) -> Option<Self> {
        let fast = element.child("fast", ns::FAST)?;
        let flag = |value| matches!(value, "true" | "1");
        Some(Self {
            count: fast.attr("count").and_then(|count| count.parse().ok()),
            invalidates: fast.attr("invalidate").is_some_and(flag),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmppwire_sasl::TokenLogin;

    const NOW: u64 = 1_000_000;

    fn policy(now: u64) -> TokenPolicy {
        TokenPolicy::new(now).with_lifetime(Duration::from_secs(100))
    }

    fn update(used: Option<Used>, issued: Option<IssuedToken>) -> TokenUpdate {
        TokenUpdate {
            account: BareJid::new("juliet@example.org").unwrap(),
            user_agent: Box::new(UserAgent::new(&mut Entropy::from_seed([3; 32]))),
            used,
            issued,
        }
    }

    fn issue(seed: u8, now: u64) -> IssuedToken {
        policy(now).issue(TokenMechanism::Unbound, &mut Entropy::from_seed([seed; 32]))
    }

    fn fast(count: u32) -> Fast {
        Fast {
            count: Some(count),
            invalidates: false,
        }
    }

    /// A login with the token, on slots as one connection has looked them up.
    fn log_in(
        slots: &TokenSlots,
        token: &IssuedToken,
        fast: Fast,
        now: u64,
    ) -> Result<Used, Condition> {
        let none = ChannelBindings::none();
        let login = TokenLogin::new(token.mechanism, "juliet", &token.secret, &none).unwrap();
        let message = login.initial_response();
        let proof = TokenProof::parse(token.mechanism, &message, &none).unwrap();
        slots
            .check(&proof, fast, &policy(now))
            .map(|(used, _)| used)
    }

    fn is(slot: &Option<IssuedToken>, token: &IssuedToken) -> bool {
        slot.as_ref()
            .is_some_and(|slot| slot.secret.expose() == token.secret.expose())
    }

    /// Two connections log in with a new token at the same time, as after a network change: both have
    /// looked the tokens up before either changes them.
    #[test]
    fn logins_at_the_same_time_lose_no_token() {
        let (first, second) = (issue(1, NOW), issue(2, NOW));
        let mut slots = TokenSlots {
            current: Some(first.clone()),
            new: Some(second.clone()),
        };
        let seen = slots.clone();
        for count in [1, 2] {
            let used = log_in(&seen, &second, fast(count), NOW).unwrap();
            update(Some(used), None).apply(&mut slots);
            assert!(is(&slots.current, &second) && slots.new.is_none());
        }
        assert!(log_in(&slots, &second, fast(2), NOW).is_err(), "a replay");
        assert!(log_in(&slots, &second, fast(3), NOW).is_ok());
        assert!(log_in(&slots, &first, fast(9), NOW).is_err());
    }

    /// The tokens of an account are revoked while a client logs in with one: no new one takes its place.
    #[test]
    fn a_token_that_was_revoked_meanwhile_is_not_replaced() {
        let token = issue(1, NOW);
        let slots = TokenSlots {
            current: Some(token.clone()),
            new: None,
        };
        for invalidates in [false, true] {
            let fast = Fast {
                count: Some(1),
                invalidates,
            };
            let used = log_in(&slots, &token, fast, NOW + 60).unwrap();
            assert!(used.is_due);
            let mut revoked = TokenSlots::default();
            update(Some(used), Some(issue(2, NOW + 60))).apply(&mut revoked);
            assert!(revoked.current.is_none() && revoked.new.is_none());
        }
    }

    /// A client that lost the answer to its first login uses the older token again, and is given
    /// another new one.
    #[test]
    fn a_lost_token_is_replaced() {
        let (first, lost, last) = (issue(1, NOW), issue(2, NOW + 60), issue(3, NOW + 61));
        let mut slots = TokenSlots {
            current: Some(first.clone()),
            new: None,
        };
        for (count, issued) in [(1, &lost), (2, &last)] {
            let used = log_in(&slots, &first, fast(count), NOW + 60).unwrap();
            update(Some(used), Some(issued.clone())).apply(&mut slots);
            assert!(is(&slots.current, &first) && is(&slots.new, issued));
        }
        let used = log_in(&slots, &last, fast(1), NOW + 62).unwrap();
        update(Some(used), None).apply(&mut slots);
        assert!(is(&slots.current, &last) && slots.new.is_none());
    }

    #[test]
    fn an_invalidated_token_is_gone() {
        let token = issue(1, NOW);
        let mut slots = TokenSlots {
            current: None,
            new: Some(token.clone()),
        };
        let invalidate = Fast {
            count: None,
            invalidates: true,
        };
        let used = log_in(&slots, &token, invalidate, NOW).unwrap();
        let change = update(Some(used), None);
        assert!(change.invalidates());
        change.apply(&mut slots);
        assert!(slots.current.is_none() && slots.new.is_none());
    }

    /// A token is replaced after half of its life, and not before.
    #[test]
    fn a_token_is_due_after_half_of_its_life() {
        let token = issue(1, NOW);
        let slots = TokenSlots {
            current: Some(token.clone()),
            new: None,
        };
        for (seconds, due) in [(0, false), (50, false), (51, true), (99, true)] {
            let used = log_in(&slots, &token, fast(1), NOW + seconds).unwrap();
            assert_eq!(used.is_due, due, "{seconds}");
            assert!(!update(Some(used), None).invalidates());
        }
        assert!(log_in(&slots, &token, fast(1), NOW + 100).is_err());
    }
}
