//! What can go wrong: one type for the client, one for the server, and what they share.

use alloc::string::String;

use crate::condition::Condition;
use crate::saslprep::SaslPrepError;

/// Why a client's exchange failed. None of the texts contains a secret.
///
/// After any error from [`respond`](crate::ClientExchange::respond) the client aborts the exchange;
/// after one from [`finish`](crate::ClientExchange::finish) it must not go on with the stream, for
/// the server has not proved that it knows the password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The credentials cannot be sent with this mechanism. The caller's side; nothing was sent.
    #[error("unusable credentials: {0}")]
    Credentials(#[from] CredentialsError),
    /// A `-PLUS` mechanism was picked for a connection that has no channel binding. The caller's
    /// side; nothing was sent.
    #[error("no channel binding to use with this mechanism")]
    NoChannelBinding,
    /// The server's message does not follow the mechanism's grammar.
    #[error("malformed message from the server: {0}")]
    Malformed(#[from] MessageError),
    /// The server did not offer what arrived here: an attacker took mechanisms or channel binding
    /// types out of its offer, or put others in (XEP-0474).
    #[error("the server's offer was changed on its way")]
    Downgrade,
    /// The server's nonce does not start with ours, or adds nothing to it (RFC 5802 §5.1).
    #[error("the server's nonce does not extend ours")]
    NonceMismatch,
    /// The server asks for fewer iterations than the client accepts, which would make an
    /// eavesdropped login cheap to attack (RFC 5802 §5.1).
    #[error("{asked} iterations are too few, the least is {least}")]
    TooFewIterations {
        /// What the server asked for.
        asked: u32,
        /// The least that is accepted.
        least: u32,
    },
    /// The server asks for more iterations than the client is willing to compute.
    #[error("{asked} iterations are too many, the most is {most}")]
    TooManyIterations {
        /// What the server asked for.
        asked: u32,
        /// The most that is accepted.
        most: u32,
    },
    /// The server reported an error inside the mechanism.
    #[error("the server refused: {0}")]
    Refused(ScramServerError),
    /// The server reported success without proof that it knows the password's keys
    /// (RFC 5802 §3).
    #[error("success without the server's signature")]
    ServerSignatureMissing,
    /// The server's signature is wrong: it does not know the password's keys, or someone changed
    /// the messages (RFC 5802 §3).
    #[error("the server's signature is wrong")]
    ServerSignatureMismatch,
    /// Data came with success where the mechanism has none left to send.
    #[error("unexpected data with success")]
    UnexpectedData,
    /// A challenge after the mechanism's last message, or any call after the exchange ended.
    #[error("the exchange has nothing more to say")]
    OutOfOrder,
    /// The caller gave a salted password that was not asked for, or that is for another salt, hash
    /// or number of iterations.
    #[error("the salted password does not fit the challenge")]
    Misuse,
}

/// Why credentials cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// SASLprep refuses the username.
    #[error("username: {0}")]
    Username(SaslPrepError),
    /// The username is empty once it is prepared.
    #[error("empty username")]
    EmptyUsername,
    /// SASLprep refuses the password.
    #[error("password: {0}")]
    Password(SaslPrepError),
    /// The password is empty once it is prepared.
    #[error("empty password")]
    EmptyPassword,
    /// The authorization identity has a NUL, which no mechanism can carry.
    #[error("NUL in the authorization identity")]
    Authzid,
    /// They are of another kind than the mechanism needs: no password, no certificate, or not
    /// anonymous.
    #[error("not for this mechanism")]
    Unfit,
    /// The trace has `@` without being an address, or a character that RFC 4505 §3 prohibits.
    #[error("unusable trace")]
    Trace,
    /// Username, password, trace or authorization identity is over its cap; see the crate's `MAX_…`
    /// constants.
    #[error("username, password, trace or authorization identity too long")]
    TooLong,
}

/// How a peer's message breaks the mechanism's grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Longer than [`MAX_MESSAGE`](crate::MAX_MESSAGE), or one field of it is over its own cap.
    #[error("too long")]
    TooLong,
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Not cut into parts as the mechanism prescribes.
    #[error("wrong syntax")]
    Syntax,
    /// The attribute that has to stand next does not.
    #[error("attribute `{0}` missing or out of order")]
    Missing(char),
    /// An attribute twice.
    #[error("attribute `{0}` twice")]
    Duplicate(char),
    /// An attribute of RFC 5802 where it does not belong.
    #[error("attribute `{0}` out of place")]
    Misplaced(char),
    /// The attribute's value does not follow its grammar: base64, number, nonce, or name.
    #[error("malformed value of attribute `{0}`")]
    Value(char),
    /// `m=`: an extension that must be understood, and none is (RFC 5802 §5.1).
    #[error("unknown mandatory extension")]
    MandatoryExtension,
    /// The flag in front of the first message is none of `n`, `y` and `p=…` (RFC 5802 §7).
    #[error("malformed channel binding flag")]
    ChannelBindingFlag,
}

/// What a server may report in `e=` (RFC 5802 §7, `server-error-value`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScramServerError {
    /// `invalid-encoding`: malformed message or base64.
    #[error("invalid-encoding")]
    InvalidEncoding,
    /// `extensions-not-supported`: it did not understand a mandatory extension.
    #[error("extensions-not-supported")]
    ExtensionsNotSupported,
    /// `invalid-proof`: wrong password.
    #[error("invalid-proof")]
    InvalidProof,
    /// `channel-bindings-dont-match`: the two sides see different TLS sessions.
    #[error("channel-bindings-dont-match")]
    ChannelBindingsDontMatch,
    /// `server-does-support-channel-binding`: its offer of `-PLUS` was taken away on the path.
    #[error("server-does-support-channel-binding")]
    ServerDoesSupportChannelBinding,
    /// `channel-binding-not-supported`: it has no channel binding.
    #[error("channel-binding-not-supported")]
    ChannelBindingNotSupported,
    /// `unsupported-channel-binding-type`: not this type.
    #[error("unsupported-channel-binding-type")]
    UnsupportedChannelBindingType,
    /// `unknown-user`.
    #[error("unknown-user")]
    UnknownUser,
    /// `invalid-username-encoding`: SASLprep refused the username.
    #[error("invalid-username-encoding")]
    InvalidUsernameEncoding,
    /// `no-resources`: it is too busy.
    #[error("no-resources")]
    NoResources,
    /// `other-error`: it does not say.
    #[error("other-error")]
    OtherError,
    /// A value that RFC 5802 does not define. Written by the server: do not trust its wording.
    #[error("{0:?}")]
    Extension(String),
}

impl ClientError {
    /// Whether the error says that an attacker is between the two sides, or that the server is not
    /// who it claims to be. Nothing weaker may be tried after that, on this or another connection,
    /// without asking the user.
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

/// Why a server refused a login, in more detail than the peer is told.
///
/// For logs and counters. An unknown user and a wrong password are one and the same here too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The client's message does not follow the mechanism's grammar.
    #[error("malformed message from the client: {0}")]
    Malformed(#[from] MessageError),
    /// A message after the exchange ended, while a question was open, or missing where one is due.
    #[error("message out of order")]
    OutOfOrder,
    /// SASLprep refuses the username, or nothing is left of it.
    #[error("unusable username")]
    Username,
    /// SASLprep refuses the password, or nothing is left of it.
    #[error("unusable password")]
    Password,
    /// `p=` with a mechanism without `-PLUS`, or `n` or `y` with one (RFC 5802 §6).
    #[error("channel binding flag does not fit the mechanism")]
    ChannelBindingFlag,
    /// The client believes that the server has no channel binding, although `-PLUS` was offered:
    /// someone took it out of the offer (RFC 5802 §6).
    #[error("the offer of channel binding did not reach the client")]
    Downgrade,
    /// A channel binding type that is unknown, or that this connection does not have.
    #[error("unsupported channel binding type")]
    UnsupportedChannelBinding,
    /// The client is bound to another channel, or its first message was changed on the path.
    #[error("channel binding mismatch")]
    ChannelBindingMismatch,
    /// The trace of an anonymous client has `@` without being an address, or a character that RFC
    /// 4505 §3 prohibits.
    #[error("unusable trace")]
    Trace,
    /// The nonce that came back is not the one that was sent.
    #[error("nonce mismatch")]
    NonceMismatch,
    /// Wrong password or unknown user.
    #[error("wrong credentials")]
    WrongCredentials,
    /// The application refused, with this condition.
    #[error("refused by the application: {0}")]
    Application(Condition),
    /// The application answered what was not asked: keys for another hash, acceptance without a
    /// password having been shown, or an answer without a question.
    #[error("the application's answer does not fit the question")]
    Misuse,
}

impl Rejection {
    /// What the client is told.
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
    /// The password is empty once it is prepared, or over [`MAX_PASSWORD`](crate::MAX_PASSWORD).
    #[error("empty or too long password")]
    PasswordLength,
    /// No salt, or more than [`MAX_SALT`](crate::MAX_SALT).
    #[error("empty or too long salt")]
    SaltLength,
    /// No iterations.
    #[error("no iterations")]
    Iterations,
    /// A key is not as long as the hash.
    #[error("key of the wrong length")]
    KeyLength,
    /// The text form is not as [`ScramKeys::to_text`](crate::ScramKeys::to_text) writes it.
    #[error("malformed text form")]
    Text,
}
