//! The errors: one type for the client, one for the server, and the types that both use.

use alloc::string::String;

use crate::condition::Condition;
use crate::saslprep::SaslPrepError;

/// Why a client's exchange failed. No error text contains a secret.
///
/// After an error from [`respond`](crate::ClientExchange::respond) the client aborts the exchange.
/// After an error from [`finish`](crate::ClientExchange::finish) it must not continue with the
/// stream, because the server has not proved that it knows the password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The credentials cannot be sent with this mechanism. The cause is local; nothing was sent.
    #[error("unusable credentials: {0}")]
    Credentials(CredentialsError),
    /// The caller picked a `-PLUS` mechanism for a connection without channel binding. Nothing was
    /// sent.
    #[error("no channel binding to use with this mechanism")]
    NoChannelBinding,
    /// The server's message does not follow the mechanism's grammar.
    #[error("malformed message from the server: {0}")]
    Malformed(MessageError),
    /// The offer that arrived is not the offer that the server sent: an attacker removed or added
    /// mechanisms or channel binding types (XEP-0474).
    #[error("the server's offer was changed on its way")]
    Downgrade,
    /// The server's nonce does not start with the client's, or adds nothing to it (RFC 5802 §5.1).
    #[error("the server's nonce does not extend ours")]
    NonceMismatch,
    /// The server asks for fewer iterations than the client accepts, which would make an
    /// eavesdropped login cheap to attack (RFC 5802 §5.1).
    #[error("{asked} iterations are too few, the least is {least}")]
    TooFewIterations {
        /// The number that the server asked for.
        asked: u32,
        /// The least number that the client accepts.
        least: u32,
    },
    /// The server asks for more iterations than the client is willing to compute.
    #[error("{asked} iterations are too many, the most is {most}")]
    TooManyIterations {
        /// The number that the server asked for.
        asked: u32,
        /// The greatest number that the client accepts.
        most: u32,
    },
    /// The server reported an error inside the mechanism.
    #[error("the server refused: {0}")]
    Refused(ScramServerError),
    /// The server reported success without proof that it knows the password's keys (RFC 5802 §3).
    #[error("success without the server's signature")]
    ServerSignatureMissing,
    /// The server's signature is wrong: it does not know the password's keys, or an attacker
    /// changed the messages (RFC 5802 §3).
    #[error("the server's signature is wrong")]
    ServerSignatureMismatch,
    /// Success carried data although the mechanism has none left to send.
    #[error("unexpected data with success")]
    UnexpectedData,
    /// A challenge came after the mechanism's last message, or a call came after the end of the
    /// exchange.
    #[error("the exchange has nothing more to say")]
    OutOfOrder,
    /// The caller gave a salted password while no derivation was open, or one with a different
    /// salt, hash or number of iterations.
    #[error("the salted password does not fit the challenge")]
    Misuse,
}

// Not by `#[from]`: the text of an error has that of its cause, so the cause is not its source, or
// a chain of sources would say it twice.
impl From<CredentialsError> for ClientError {
    fn from(cause: CredentialsError) -> Self {
        Self::Credentials(cause)
    }
}

impl From<MessageError> for ClientError {
    fn from(cause: MessageError) -> Self {
        Self::Malformed(cause)
    }
}

impl From<MessageError> for Rejection {
    fn from(cause: MessageError) -> Self {
        Self::Malformed(cause)
    }
}

/// Why credentials cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// SASLprep refuses the username.
    #[error("username: {0}")]
    Username(SaslPrepError),
    /// The username is empty after preparation.
    #[error("empty username")]
    EmptyUsername,
    /// SASLprep refuses the password.
    #[error("password: {0}")]
    Password(SaslPrepError),
    /// The password is empty after preparation.
    #[error("empty password")]
    EmptyPassword,
    /// The authorization identity contains a NUL, which no mechanism can carry.
    #[error("NUL in the authorization identity")]
    Authzid,
    /// The credentials do not fit the mechanism: they have no password, have no certificate, or are
    /// not anonymous.
    #[error("not for this mechanism")]
    Unfit,
    /// The trace contains `@` but is not an address, or contains a character that RFC 4505 §3
    /// prohibits.
    #[error("unusable trace")]
    Trace,
    /// The username, password, trace or authorization identity exceeds its cap; see the crate's
    /// `MAX_…` constants.
    #[error("username, password, trace or authorization identity too long")]
    TooLong,
}

/// How a peer's message breaks the mechanism's grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The message is longer than [`MAX_MESSAGE`](crate::MAX_MESSAGE), or one of its fields exceeds
    /// its own cap.
    #[error("too long")]
    TooLong,
    /// The message is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The message does not have the parts that the mechanism prescribes.
    #[error("wrong syntax")]
    Syntax,
    /// A required attribute is missing or out of order.
    #[error("attribute `{0}` missing or out of order")]
    Missing(char),
    /// An attribute appears twice.
    #[error("attribute `{0}` twice")]
    Duplicate(char),
    /// An attribute of RFC 5802 appears where the grammar does not permit it.
    #[error("attribute `{0}` out of place")]
    Misplaced(char),
    /// The attribute's value does not follow its grammar: base64, number, nonce, or name.
    #[error("malformed value of attribute `{0}`")]
    Value(char),
    /// `m=`: a mandatory extension. This crate supports none (RFC 5802 §5.1).
    #[error("unknown mandatory extension")]
    MandatoryExtension,
    /// The flag at the start of the first message is none of `n`, `y` and `p=…` (RFC 5802 §7).
    #[error("malformed channel binding flag")]
    ChannelBindingFlag,
}

/// An error that a server reports in `e=` (RFC 5802 §7, `server-error-value`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScramServerError {
    /// `invalid-encoding`: malformed message or base64.
    #[error("invalid-encoding")]
    InvalidEncoding,
    /// `extensions-not-supported`: the server does not support a mandatory extension.
    #[error("extensions-not-supported")]
    ExtensionsNotSupported,
    /// `invalid-proof`: wrong password.
    #[error("invalid-proof")]
    InvalidProof,
    /// `channel-bindings-dont-match`: the two sides see different TLS sessions.
    #[error("channel-bindings-dont-match")]
    ChannelBindingsDontMatch,
    /// `server-does-support-channel-binding`: an attacker removed `-PLUS` from the server's offer.
    #[error("server-does-support-channel-binding")]
    ServerDoesSupportChannelBinding,
    /// `channel-binding-not-supported`: the server has no channel binding.
    #[error("channel-binding-not-supported")]
    ChannelBindingNotSupported,
    /// `unsupported-channel-binding-type`: the server does not support this type.
    #[error("unsupported-channel-binding-type")]
    UnsupportedChannelBindingType,
    /// `unknown-user`.
    #[error("unknown-user")]
    UnknownUser,
    /// `invalid-username-encoding`: SASLprep refused the username.
    #[error("invalid-username-encoding")]
    InvalidUsernameEncoding,
    /// `no-resources`: the server is out of resources.
    #[error("no-resources")]
    NoResources,
    /// `other-error`: the server gives no reason.
    #[error("other-error")]
    OtherError,
    /// A value that RFC 5802 does not define. The server wrote this text: do not trust it.
    #[error("{0:?}")]
    Extension(String),
}

impl ClientError {
    /// Whether the error shows a man in the middle or a false server. After such an error, do not
    /// try a weaker mechanism on any connection without asking the user.
    pub const fn is_alarm(&self) -> bool {
        matches!(
            self,
            Self::Downgrade
                | Self::ServerSignatureMissing
                | Self::ServerSignatureMismatch
                | Self::Refused(
                    ScramServerError::ChannelBindingsDontMatch
                        | ScramServerError::ServerDoesSupportChannelBinding
                )
        )
    }
}

impl ScramServerError {
    pub(crate) fn from_value(value: &str) -> Self {
        match value {
            "invalid-encoding" => Self::InvalidEncoding,
            "extensions-not-supported" => Self::ExtensionsNotSupported,
            "invalid-proof" => Self::InvalidProof,
            "channel-bindings-dont-match" => Self::ChannelBindingsDontMatch,
            "server-does-support-channel-binding" => Self::ServerDoesSupportChannelBinding,
            "channel-binding-not-supported" => Self::ChannelBindingNotSupported,
            "unsupported-channel-binding-type" => Self::UnsupportedChannelBindingType,
            "unknown-user" => Self::UnknownUser,
            "invalid-username-encoding" => Self::InvalidUsernameEncoding,
            "no-resources" => Self::NoResources,
            "other-error" => Self::OtherError,
            other => Self::Extension(String::from(other)),
        }
    }
}

/// Why a server refused a login, in more detail than the server tells the peer.
///
/// Use it for logs and counters. Like the peer's condition, it does not distinguish an unknown user
/// from a wrong password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The client's message does not follow the mechanism's grammar.
    #[error("malformed message from the client: {0}")]
    Malformed(MessageError),
    /// A message came after the end of the exchange or while a question was open, or a required
    /// message is missing.
    #[error("message out of order")]
    OutOfOrder,
    /// SASLprep refuses the username, or it is empty after preparation.
    #[error("unusable username")]
    Username,
    /// SASLprep refuses the password, or it is empty after preparation.
    #[error("unusable password")]
    Password,
    /// `p=` with a mechanism without `-PLUS`, or `n` or `y` with one (RFC 5802 §6).
    #[error("channel binding flag does not fit the mechanism")]
    ChannelBindingFlag,
    /// The client believes that the server has no channel binding, although the server offered
    /// `-PLUS`: an attacker removed it from the offer (RFC 5802 §6).
    #[error("the offer of channel binding did not reach the client")]
    Downgrade,
    /// A channel binding type that is unknown, or that this connection does not have.
    #[error("unsupported channel binding type")]
    UnsupportedChannelBinding,
    /// The client is bound to another channel, or an attacker changed its first message.
    #[error("channel binding mismatch")]
    ChannelBindingMismatch,
    /// The trace of an anonymous client contains `@` but is not an address, or contains a character
    /// that RFC 4505 §3 prohibits.
    #[error("unusable trace")]
    Trace,
    /// The client did not return the nonce that the server sent.
    #[error("nonce mismatch")]
    NonceMismatch,
    /// Wrong password or unknown user.
    #[error("wrong credentials")]
    WrongCredentials,
    /// The application refused the login with this condition.
    #[error("refused by the application: {0}")]
    Application(Condition),
    /// The application's answer does not fit the question: keys for a different hash, acceptance of
    /// a SCRAM login without keys, or an answer while no question was open.
    #[error("the application's answer does not fit the question")]
    Misuse,
}

impl Rejection {
    /// The condition that the server sends to the client.
    pub const fn condition(self) -> Condition {
        match self {
            Self::Malformed(_)
            | Self::OutOfOrder
            | Self::ChannelBindingFlag
            | Self::UnsupportedChannelBinding
            | Self::Trace => Condition::MalformedRequest,
            Self::Username
            | Self::Password
            | Self::Downgrade
            | Self::ChannelBindingMismatch
            | Self::NonceMismatch
            | Self::WrongCredentials => Condition::NotAuthorized,
            Self::Application(condition) => condition,
            Self::Misuse => Condition::TemporaryAuthFailure,
        }
    }
}

/// Why [`ScramKeys`](crate::ScramKeys) cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// SASLprep refuses the password.
    #[error("password: {0}")]
    Password(SaslPrepError),
    /// The password is empty after preparation, or exceeds [`MAX_PASSWORD`](crate::MAX_PASSWORD).
    #[error("empty or too long password")]
    PasswordLength,
    /// The salt is empty or exceeds [`MAX_SALT`](crate::MAX_SALT).
    #[error("empty or too long salt")]
    SaltLength,
    /// The number of iterations is zero.
    #[error("no iterations")]
    Iterations,
    /// A key does not have the length of the hash.
    #[error("key of the wrong length")]
    KeyLength,
    /// The text does not have the form that [`ScramKeys::to_text`](crate::ScramKeys::to_text)
    /// writes.
    #[error("malformed text form")]
    Text,
}

/// The operating system gave no entropy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no entropy")]
pub struct EntropyUnavailable;

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use core::error::Error;

    use super::*;

    #[test]
    fn no_text_is_said_twice_in_a_chain_of_sources() {
        let errors: [&dyn Error; 5] = [
            &ClientError::from(CredentialsError::Username(SaslPrepError::Prohibited)),
            &ClientError::from(MessageError::Duplicate('r')),
            &ClientError::Refused(ScramServerError::InvalidEncoding),
            &Rejection::from(MessageError::NotUtf8),
            &KeysError::Password(SaslPrepError::Prohibited),
        ];
        for error in errors {
            let text = error.to_string();
            assert!(text.contains(": "), "the cause is missing in {text}");
            let mut next = error.source();
            while let Some(source) = next {
                assert!(!text.contains(&source.to_string()), "{text}: {source}");
                next = source.source();
            }
        }
    }
}
