//! The HT mechanisms: logins with tokens that the server issued (draft-schmaus-kitten-sasl-ht-09).
//!
//! One message each way. The client sends `authcid NUL HMAC(token, "Initiator" cb-data)`, and the
//! server proves with `HMAC(token, "Responder" cb-data)` that it knows the token. Later drafts
//! prefix the server's message under the same names; see [`TokenLogin::finish`].

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq;

use crate::channel_binding::{ChannelBindingType, ChannelBindings};
use crate::credentials::Password;
use crate::error::{ClientError, CredentialsError, MessageError, Rejection};
use crate::limits::{MAX_PASSWORD, MAX_USERNAME};
use crate::mechanism::ScramHash;
use crate::prepare;
use crate::scram::crypto::{Secret, hmac};

const INITIATOR: &[u8] = b"Initiator";
const RESPONDER: &[u8] = b"Responder";

/// Octets of the hash.
const HASH: usize = 32;

/// A SASL mechanism that authenticates with a token instead of a password (XEP-0484 §2). All of
/// them use SHA-256.
///
/// The order is the order of preference: `a > b` means that `a` is preferred. These mechanisms have
/// no challenge, so whoever reads a login could repeat it. Channel binding ties it to one TLS
/// session; without it, TLS alone protects the login.
///
/// ```
/// use xmppwire_sasl::{ChannelBindings, TokenMechanism};
///
/// let offered = ["HT-SHA-256-NONE", "HT-SHA-256-EXPR", "HT-SHA3-512-EXPR"];
/// let tls = ChannelBindings::tls13([7; 32]);
/// assert_eq!(TokenMechanism::choose(offered, &tls), Some(TokenMechanism::Exporter));
/// let none = ChannelBindings::none();
/// assert_eq!(TokenMechanism::choose(offered, &none), Some(TokenMechanism::Unbound));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TokenMechanism {
    /// `HT-SHA-256-NONE`: no channel binding.
    Unbound,
    /// `HT-SHA-256-ENDP`: bound to the server's certificate by `tls-server-end-point`.
    ServerEndPoint,
    /// `HT-SHA-256-UNIQ`: bound to a session of TLS 1.2 by `tls-unique`.
    Unique,
    /// `HT-SHA-256-EXPR`: bound to the TLS session by `tls-exporter`.
    Exporter,
}

impl TokenMechanism {
    /// Every mechanism, most preferred first: the order in which a server lists them.
    pub const ALL: &'static [Self] = &[
        Self::Exporter,
        Self::Unique,
        Self::ServerEndPoint,
        Self::Unbound,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unbound => "HT-SHA-256-NONE",
            Self::ServerEndPoint => "HT-SHA-256-ENDP",
            Self::Unique => "HT-SHA-256-UNIQ",
            Self::Exporter => "HT-SHA-256-EXPR",
        }
    }

    /// The mechanism with this name; `None` if this crate does not implement it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|m| m.name() == name)
    }

    /// The channel binding that the mechanism uses.
    pub const fn binding(self) -> Option<ChannelBindingType> {
        match self {
            Self::Unbound => None,
            Self::ServerEndPoint => Some(ChannelBindingType::TlsServerEndPoint),
            Self::Unique => Some(ChannelBindingType::TlsUnique),
            Self::Exporter => Some(ChannelBindingType::TlsExporter),
        }
    }

    /// Whether a connection with these channel bindings can use the mechanism.
    pub fn fits(self, bindings: &ChannelBindings) -> bool {
        self.data(bindings).is_some()
    }

    /// The most preferred mechanism that is offered and that the connection can use.
    pub fn choose<'a>(
        offered: impl IntoIterator<Item = &'a str>,
        bindings: &ChannelBindings,
    ) -> Option<Self> {
        offered
            .into_iter()
            .filter_map(Self::from_name)
            .filter(|mechanism| mechanism.fits(bindings))
            .max()
    }

    /// The octets of the channel binding; none without channel binding.
    fn data(self, bindings: &ChannelBindings) -> Option<&[u8]> {
        match self.binding() {
            Some(kind) => bindings.get(kind),
            None => Some(&[]),
        }
    }
}

impl fmt::Display for TokenMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A client's login with a token.
///
/// ```
/// use xmppwire_sasl::{ChannelBindings, Password, TokenLogin, TokenMechanism, TokenProof};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mechanism = TokenMechanism::Exporter;
/// let bindings = ChannelBindings::tls13([9; 32]);
/// let token = Password::from("a-random-text-of-the-server");
/// let login = TokenLogin::new(mechanism, "juliet", &token, &bindings)?;
///
/// let proof = TokenProof::parse(mechanism, &login.initial_response(), &bindings)
///     .map_err(|why| why.to_string())?;
/// assert_eq!(proof.username(), "juliet");
/// let answer = proof.check(&token).ok_or("another token")?;
/// login.finish(Some(&answer))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenLogin {
    mechanism: TokenMechanism,
    message: Secret,
    /// What the server has to answer.
    expected: Secret,
}

impl TokenLogin {
    /// Begins a login. `username` is the name that the token was issued for, prepared as for a
    /// password.
    ///
    /// # Errors
    /// [`ClientError::Credentials`] if the name cannot be prepared, or the token is empty or too
    /// long. [`ClientError::NoChannelBinding`] if `bindings` lacks the one of the mechanism.
    pub fn new(
        mechanism: TokenMechanism,
        username: &str,
        token: &Password,
        bindings: &ChannelBindings,
    ) -> Result<Self, ClientError> {
        let username = prepare::username(username)?;
        let key = token.expose().as_bytes();
        match key.len() {
            0 => return Err(CredentialsError::EmptyPassword.into()),
            1..=MAX_PASSWORD => {}
            _ => return Err(CredentialsError::TooLong.into()),
        }
        let data = mechanism
            .data(bindings)
            .ok_or(ClientError::NoChannelBinding)?;
        let proof = hmac(ScramHash::Sha256, key, &[INITIATOR, data]);
        Ok(Self {
            mechanism,
            message: Secret::new([username.as_bytes(), b"\0", &proof].concat()),
            expected: hmac(ScramHash::Sha256, key, &[RESPONDER, data]),
        })
    }

    /// The mechanism.
    pub const fn mechanism(&self) -> TokenMechanism {
        self.mechanism
    }

    /// The only message of the client. Every call returns the same message.
    pub fn initial_response(&self) -> Vec<u8> {
        self.message.to_vec()
    }

    /// Takes the server's success and its additional data.
    ///
    /// The data are the HMAC, as in draft 09, or a zero octet and the HMAC, as in the drafts since
    /// 10: both prove the same.
    ///
    /// # Errors
    /// [`ClientError`] if the server has not proven that it knows the token. Do not continue with
    /// the connection then.
    pub fn finish(&self, additional_data: Option<&[u8]>) -> Result<(), ClientError> {
        let data = additional_data.ok_or(ClientError::ServerSignatureMissing)?;
        let proof = match data.split_first() {
            Some((0, proof)) if data.len() == HASH + 1 => proof,
            _ => data,
        };
        if proof.ct_eq(&self.expected).into() {
            Ok(())
        } else {
            Err(ClientError::ServerSignatureMismatch)
        }
    }
}

impl fmt::Debug for TokenLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenLogin")
            .field("mechanism", &self.mechanism)
            .finish_non_exhaustive()
    }
}

/// A client's message, at a server that has not looked up the token yet. For an example see
/// [`TokenLogin`].
#[derive(Clone)]
pub struct TokenProof {
    mechanism: TokenMechanism,
    username: String,
    proof: [u8; HASH],
    data: Vec<u8>,
}

impl TokenProof {
    /// Reads the client's only message. `bindings` are those of the server's side of the
    /// connection.
    ///
    /// # Errors
    /// [`Rejection`] if the message does not follow the grammar, if the name cannot be prepared, or
    /// if the connection does not have the channel binding of the mechanism.
    pub fn parse(
        mechanism: TokenMechanism,
        message: &[u8],
        bindings: &ChannelBindings,
    ) -> Result<Self, Rejection> {
        let data = mechanism
            .data(bindings)
            .ok_or(Rejection::UnsupportedChannelBinding)?;
        // The proof may contain a NUL, and the name cannot.
        let end = message.iter().position(|octet| *octet == 0);
        let (username, proof) = end
            .and_then(|end| Some((message.get(..end)?, message.get(end + 1..)?)))
            .ok_or(MessageError::Syntax)?;
        if username.len() > MAX_USERNAME {
            return Err(MessageError::TooLong.into());
        }
        let proof = proof.try_into().map_err(|_| MessageError::Syntax)?;
        let username = core::str::from_utf8(username).map_err(|_| MessageError::NotUtf8)?;
        Ok(Self {
            mechanism,
            username: prepare::username(username).map_err(|_| Rejection::Username)?,
            proof,
            data: data.to_vec(),
        })
    }

    /// The mechanism.
    pub const fn mechanism(&self) -> TokenMechanism {
        self.mechanism
    }

    /// The user, prepared with SASLprep.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Compares the proof with a token of the user, in constant time. Returns the additional data
    /// of `<success/>`, which prove to the client that the server knows the token; `None` if the
    /// client has another token.
    pub fn check(&self, token: &Password) -> Option<Vec<u8>> {
        let key = token.expose().as_bytes();
        let expected = hmac(ScramHash::Sha256, key, &[INITIATOR, &self.data]);
        let fits: bool = expected.ct_eq(&self.proof).into();
        fits.then(|| hmac(ScramHash::Sha256, key, &[RESPONDER, &self.data]).to_vec())
    }
}

impl fmt::Debug for TokenProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenProof")
            .field("mechanism", &self.mechanism)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}
