//! Errors, sorted by who caused them.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use xmppwire_sasl::{ClientError, Condition};
use xmppwire_xml::{ReadError, WriteError};

use crate::s2s::Pair;
use crate::stanza::StanzaError;
use crate::wire::sasl_failure::SaslFailure;
use crate::wire::stream_error::StreamError;

/// A mistake of the caller. The peer can never cause one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiMisuse {
    /// A stanza was sent before a resource was bound (RFC 6120 §7.3.1).
    #[error("no stanza may be sent before a resource is bound")]
    NotBound,
    /// A stanza was sent between servers without an address, or before the peer authorised its pair
    /// of domains (RFC 6120 §8.1, XEP-0220 §2.1.1).
    #[error("the stanza's pair of domains is not ready")]
    PairNotReady,
    /// A stanza on a component's stream lacks an address, or its address of the component is of
    /// another domain (XEP-0114 §3).
    #[error("the stanza's addresses do not fit the component's stream")]
    Misaddressed,
    /// The token is not the open one: it was answered already, or belongs to another connection.
    #[error("the request is not the open one")]
    StaleRequest,
    /// The answer does not fit the question, such as `Accept` where SCRAM keys were asked for.
    #[error("the answer does not fit the question")]
    WrongAnswer,
    /// The stanza cannot be written.
    #[error(transparent)]
    InvalidStanza(#[from] InvalidStanza),
}

/// Why a stanza of the caller cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidStanza {
    /// The stanza has a name or character that XML does not allow.
    #[error(transparent)]
    Xml(#[from] WriteError),
    /// The stanza is of type `error` and has no `<error/>` (RFC 6120 §8.3.1).
    #[error("a stanza of type 'error' needs an <error/> child")]
    NoError,
    /// The `<error/>` of the stanza has no condition that RFC 6120 defines (§8.3.2).
    #[error("an <error/> needs a defined condition")]
    NoCondition,
    /// The stanza has an `<error/>` and is not of type `error` (RFC 6120 §8.3.1).
    #[error("only a stanza of type 'error' has an <error/> child")]
    StrayError,
    /// A payload, or a condition of the application, is in the namespace of stanzas or of the
    /// stream, or in none (RFC 6120 §8.3.2, §8.4).
    #[error("a payload needs a namespace of its own")]
    PayloadNamespace,
    /// `xml:lang` is not a language tag of up to 35 bytes (RFC 6120 §8.1.5).
    #[error("xml:lang is not a language tag")]
    Lang,
    /// The written stanza is longer than the part of the output that the application may fill; see
    /// [`Limits::output_backlog`](crate::Limits::output_backlog).
    #[error("the stanza is longer than the output may be")]
    TooLarge,
    /// The written stanza is longer than the peer accepts
    /// ([`StreamLimits::max_bytes`](crate::StreamLimits::max_bytes)). It would end the stream.
    #[error("the stanza is longer than the {max} bytes that the peer accepts")]
    TooLargeForPeer {
        /// Bytes that it accepts.
        max: u32,
    },
}

/// Why a transport cannot be handed to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandoffError {
    /// Clear text followed the STARTTLS exchange and is not white space that a server drops. It was
    /// injected, because the peer has to wait for the handshake (RFC 6120 §5.4.2.3). The connection
    /// has ended.
    #[error("{0} bytes of clear text follow the STARTTLS exchange")]
    UnreadInput(usize),
    /// The request is not the open one.
    #[error("the request is not the open one")]
    Stale,
}

/// Why a connection ended. Every connection ends with exactly one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// This side closed the stream, and the peer agreed or was sent a stream error.
    Local,
    /// The peer closed with `</stream:stream>`.
    Peer,
    /// The peer closed with a stream error.
    PeerError(StreamError),
    /// The peer broke the protocol.
    Violation {
        /// The stream error that was sent to the peer, if one could be sent.
        sent: Option<StreamError>,
        /// What the peer did.
        why: PeerMisbehaved,
    },
    /// The peer follows the protocol, but lacks something that is needed.
    Incompatible(PeerIncompatible),
    /// The transport ended without a closing tag.
    TransportEof,
    /// A time-out passed.
    TimedOut(Timer),
    /// The server refused the credentials (RFC 6120 §6.5).
    AuthFailed(SaslFailure),
    /// The server refused to bind a resource or to start a session (RFC 6120 §7.6.2, §7.7.2).
    BindFailed(StanzaError),
    /// The server cannot start TLS (RFC 6120 §5.4.2.2). A client learns it from the server, and a
    /// server from [`Connection::set_tls_available`](crate::Connection::set_tls_available).
    TlsRefused,
}

/// Why the stream ended, as the rest of a sentence such as "the stream ended: …".
impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("closed by this side"),
            Self::Peer => f.write_str("closed by the peer"),
            Self::PeerError(error) => write!(f, "stream error from the peer: {error}"),
            Self::Violation { why, .. } => write!(f, "the peer broke the protocol: {why}"),
            Self::Incompatible(why) => write!(f, "incompatible: {why}"),
            Self::TransportEof => f.write_str("the transport ended without a closing tag"),
            Self::TimedOut(Timer::Negotiation) => f.write_str("negotiation took too long"),
            Self::TimedOut(Timer::Close) => f.write_str("the peer did not close in time"),
            Self::TimedOut(Timer::Idle) => f.write_str("the peer was silent for too long"),
            Self::TimedOut(Timer::Certificate) => {
                f.write_str("the certificate of the peer has expired")
            }
            Self::TimedOut(Timer::KeepAlive) => {
                f.write_str("the peer was silent and did not answer a check")
            }
            Self::TimedOut(Timer::Acknowledgement) => {
                f.write_str("the peer did not acknowledge what it was sent in time")
            }
            Self::AuthFailed(failure) => write!(f, "{} ({failure})", login(failure.condition())),
            Self::BindFailed(error) => write!(f, "no resource could be bound: {error}"),
            Self::TlsRefused => f.write_str("the server cannot start TLS"),
        }
    }
}

/// What a refused login means for the user.
const fn login(condition: Condition) -> &'static str {
    match condition {
        Condition::NotAuthorized => "the server refused the user name or the password",
        Condition::CredentialsExpired => "the password has expired",
        Condition::AccountDisabled => "the account is disabled",
        Condition::TemporaryAuthFailure => "the server cannot check the password at the moment",
        _ => "the login failed",
    }
}

/// A time-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timer {
    /// The time for negotiation, from the start of the connection to the bound resource.
    Negotiation,
    /// The time for the peer's answer to this side's closing tag.
    Close,
    /// The time without a byte from the peer on a bound stream.
    Idle,
    /// The time for a sign of life after a silent peer was checked; see
    /// [`KeepAlive`](crate::KeepAlive).
    KeepAlive,
    /// The time for the peer to say how many stanzas it has handled; see
    /// [`StreamManagement`](crate::StreamManagement).
    Acknowledgement,
    /// The time for which the peer's certificate is valid; see
    /// [`TlsInfo::with_validity`](crate::TlsInfo::with_validity).
    Certificate,
}

/// How a peer broke the protocol.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// It sent XML that XMPP does not allow, or that exceeds a budget.
    #[error("malformed input: {0}")]
    Xml(ReadError),
    /// It sent an element that has no place in this phase of the stream.
    #[error("<{name} xmlns='{ns}'/> has no place in this phase")]
    UnexpectedElement {
        /// The element's local name.
        name: String,
        /// The element's namespace.
        ns: String,
    },
    /// Its stream header lacks or misstates something.
    #[error("unacceptable stream header: {0}")]
    Header(&'static str),
    /// A negotiation element does not have the form that its RFC gives it.
    #[error("malformed negotiation: {0}")]
    Negotiation(&'static str),
    /// It sent clear text after the STARTTLS exchange.
    #[error("clear text after the STARTTLS exchange")]
    ClearTextAfterStartTls,
    /// Its part of the SASL exchange is wrong; for example, it could not prove that it knows the
    /// user's keys.
    #[error("SASL: {0}")]
    Sasl(ClientError),
    /// It tried to log in too often.
    #[error("too many failed attempts")]
    TooManyAttempts,
    /// It sent a stanza for a pair of domains that it was not authorised for, or without an address
    /// (RFC 6120 §8.1.1.2, §8.1.2.2).
    #[error("a stanza from '{from}' to '{to}' is not authorised")]
    Unauthorised {
        /// The stanza's `from`, as received; empty if there is none.
        from: String,
        /// The stanza's `to`, as received; empty if there is none.
        to: String,
    },
    /// A component's handshake was not made from the secret of its domain (XEP-0114 §3).
    #[error("the component's handshake is wrong")]
    WrongHandshake,
    /// It sent a dialback key that the authoritative server did not make (XEP-0220 §2.2.1).
    #[error("the dialback key for {0} is invalid")]
    InvalidKey(Pair),
    /// It sent too much white space in one second.
    #[error("too much white space between stanzas")]
    WhiteSpaceFlood,
    /// It did not read, so that the output reached its limit, or did not acknowledge, so that the
    /// queue of unacknowledged stanzas did.
    #[error("the peer does not read its stanzas")]
    BacklogExceeded,
    /// It acknowledged stanzas that it was not sent (XEP-0198 §4). Both numbers are modulo 2^32.
    #[error("the peer acknowledged {handled} stanzas of {sent}")]
    HandledTooHigh {
        /// What it says that it has handled.
        handled: u32,
        /// What it was sent.
        sent: u32,
    },
}

/// What a peer lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerIncompatible {
    /// Its stream has no version, or one below 1.0: a server older than RFC 3920 (RFC 6120 §4.7.5).
    #[error("the server does not speak XMPP 1.0")]
    Version,
    /// It offers no STARTTLS, and the configuration requires TLS.
    #[error("the server offers no TLS")]
    NoTls,
    /// It requires STARTTLS, and the configuration forbids TLS.
    #[error("the server insists on TLS")]
    TlsRequired,
    /// It offers no SASL at all (RFC 6120 §6.3.1).
    #[error("the server offers no authentication")]
    NoSasl,
    /// None of the mechanisms that it offers is acceptable.
    #[error("no acceptable SASL mechanism among: {}", .offered.join(", "))]
    NoMechanism {
        /// The mechanisms that it offered.
        offered: Vec<String>,
    },
    /// It offers -PLUS mechanisms in SASL2 without channel binding types, or types without -PLUS
    /// mechanisms. Either it is broken, or an attacker removed a part of the offer (XEP-0440 §3).
    #[error("the server's offer of channel binding is incomplete")]
    ChannelBinding,
    /// The mechanism succeeded, and it asks for tasks that the client cannot do, such as a second
    /// factor (XEP-0388 §2.6.3).
    #[error("the server asks for more than the password: {}", .tasks.join(", "))]
    Tasks {
        /// The names of the tasks, of which it wants one.
        tasks: Vec<String>,
    },
    /// It has no verified certificate of its domain, and one is required (RFC 6120 §13.7.2).
    #[error("the server shows no verified certificate of its domain")]
    Uncertified,
    /// It offers no way in which this server could prove its domain: neither SASL EXTERNAL for its
    /// certificate nor dialback for its secret.
    #[error("the server offers no way to prove the sender domain")]
    NoProof,
    /// It offers no resource binding (RFC 6120 §7.3.1).
    #[error("the server offers no resource binding")]
    NoBind,
    /// It requires a feature that this library does not know.
    #[error("the server insists on the unknown feature <{name} xmlns='{ns}'/>")]
    UnknownRequiredFeature {
        /// The feature's local name.
        name: String,
        /// The feature's namespace.
        ns: String,
    },
    /// The local credentials cannot be used with the mechanism, such as a password that SASLprep
    /// refuses.
    #[error("the credentials cannot be used: {0}")]
    Credentials(ClientError),
}
