//! The token of a client (XEP-0484).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use xmppwire_jid::BareJid;
use xmppwire_sasl::{Password, TokenMechanism};
use xmppwire_xml::ElementRef;

use super::saved::{Head, SavedTokenError};
use crate::saved_session::Input;
use crate::wire::date_time;

const MAGIC: [u8; 4] = *b"XWTK";

/// The longest token that a client keeps, in bytes.
const MAX_TOKEN: usize = 1024;

/// A token with which a client logs in to an account without its password, in one round trip (FAST,
/// XEP-0484).
///
/// It comes in [`ClientEvent::Token`](crate::ClientEvent::Token), to be stored, and goes into
/// [`ClientConfig::with_token`](crate::ClientConfig::with_token) of later connections. It is as
/// secret as a password, and `Debug` does not show it. It is for one account and one
/// [`UserAgent`](crate::UserAgent), and for one mechanism; the client never shows it to another
/// server, nor without TLS.
///
/// To store it, use [`to_bytes`](Self::to_bytes) or `serde` (feature `serde`).
///
/// ```
/// use xmppwire::{SavedTokenError, Token};
///
/// // What a file holds may be anything.
/// assert_eq!(Token::from_bytes(b"not a token").unwrap_err(), SavedTokenError::Kind);
/// ```
#[derive(Clone)]
pub struct Token {
    pub(crate) account: BareJid,
    pub(crate) user_agent: Box<str>,
    pub(crate) mechanism: TokenMechanism,
    pub(crate) secret: Password,
    pub(crate) expires: Option<u64>,
    pub(crate) count: u32,
}

impl Token {
    /// The account.
    pub const fn account(&self) -> &BareJid {
        &self.account
    }

    /// The id of the [`UserAgent`](crate::UserAgent) for which it was issued.
    pub const fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// The mechanism to which the server has bound it.
    pub const fn mechanism(&self) -> TokenMechanism {
        self.mechanism
    }

    /// When it expires, in seconds since the beginning of 1970 in UTC; `None` if the server did not
    /// tell.
    pub const fn expires(&self) -> Option<u64> {
        self.expires
    }

    /// Whether it has expired at this time, in seconds since the beginning of 1970 in UTC.
    ///
    /// The client tries an expired token all the same: local clocks are often wrong, and a refusal
    /// costs one round trip. An application that trusts its clock leaves it out.
    pub fn is_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// How often a client tried to log in with it.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Reads `<token/>`; `None` if it holds none that can be used.
    pub(crate) fn parse(
        element: ElementRef<'_>,
        account: &BareJid,
        user_agent: &str,
        mechanism: TokenMechanism,
    ) -> Option<Self> {
        let secret = element.attr("token")?;
        if secret.is_empty() || secret.len() > MAX_TOKEN {
            return None;
        }
        Some(Self {
            account: account.clone(),
            user_agent: user_agent.into(),
            mechanism,
            secret: secret.into(),
            expires: element.attr("expiry").and_then(date_time::parse),
            count: 0,
        })
    }

    /// The token as bytes, in a format with a version. They are as secret as the token.
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = Head {
            count: self.count,
            expires: self.expires.unwrap_or(u64::MAX),
        };
        let texts = [
            self.account.as_str(),
            &self.user_agent,
            self.mechanism.name(),
            self.secret.expose(),
        ];
        head.save(MAGIC, &texts)
    }

    /// Reads a token from bytes, which may be anything.
    ///
    /// # Errors
    /// [`SavedTokenError`] if they are no token.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SavedTokenError> {
        use SavedTokenError as E;
        let mut input = Input(bytes);
        let Head { count, expires } = Head::load(&mut input, MAGIC)?;
        let mut text = || input.text().ok_or(E::Damaged);
        let account = BareJid::new(text()?).map_err(|_| E::Damaged)?;
        let user_agent = text()?.into();
        let mechanism = TokenMechanism::from_name(text()?).ok_or(E::Version)?;
        let secret = text()?;
        if secret.is_empty() || secret.len() > MAX_TOKEN || !input.0.is_empty() {
            return Err(E::Damaged);
        }
        Ok(Self {
            account,
            user_agent,
            mechanism,
            secret: secret.into(),
            expires: (expires != u64::MAX).then_some(expires),
            count,
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("account", &self.account)
            .field("mechanism", &self.mechanism)
            .field("expires", &self.expires)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "serde")]
crate::saved_session::impl_serde!(Token);

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn token() -> Token {
        Token {
            account: BareJid::new("juliet@example.org").unwrap(),
            user_agent: "9d6f2c1e-0b2a-4c5e-8f0a-3a1b2c3d4e5f".into(),
            mechanism: TokenMechanism::Exporter,
            secret: "hush".into(),
            expires: Some(1_796_083_200),
            count: 7,
        }
    }

    #[test]
    fn bytes_round_trip() {
        for expires in [None, Some(0), Some(1_796_083_200)] {
            let token = Token { expires, ..token() };
            let bytes = token.to_bytes();
            let read = Token::from_bytes(&bytes).unwrap();
            assert_eq!(read.to_bytes(), bytes);
            assert_eq!(read.expires(), expires);
            assert_eq!(read.count(), 7);
        }
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let bytes = token().to_bytes();
        for end in 0..bytes.len() {
            assert!(Token::from_bytes(&bytes[..end]).is_err(), "{end}");
        }
        let longer = [bytes.as_slice(), b"x"].concat();
        assert_eq!(
            Token::from_bytes(&longer).unwrap_err(),
            SavedTokenError::Damaged
        );
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x80;
            // It must not panic, and may be another token.
            let _ = Token::from_bytes(&changed);
        }
        let mut later = bytes;
        later[4] = 2;
        assert_eq!(
            Token::from_bytes(&later).unwrap_err(),
            SavedTokenError::Version
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", token());
        assert!(
            shown.contains("juliet") && !shown.contains("hush"),
            "{shown}"
        );
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_round_trip() {
        let text = serde_json::to_string(&token()).unwrap();
        assert!(!text.contains("hush"));
        let read: Token = serde_json::from_str(&text).unwrap();
        assert_eq!(read.to_bytes(), token().to_bytes());
    }
}
