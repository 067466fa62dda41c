//! The errors of a client, by what can be done about them.

use std::{fmt, io};

use thiserror::Error;
use xmppwire::{
    AccountError, ApiMisuse, CloseReason, EntropyUnavailable, JidError, PeerIncompatible,
    PeerMisbehaved, Stanza, StanzaError, Unacknowledged,
};

use crate::find::{Failures, InvalidDomain, PlanError};
use crate::link::LinkError;
use crate::tls::TlsError;
use crate::told;

/// Why a connection failed or a stanza could not be sent.
///
/// The text says what happened and, where that is known, what to do. Its
/// [`source`](std::error::Error::source) is the error of the system or of rustls, whose text is not
/// repeated in it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The network: refused, reset, timed out.
    #[error("{}", told::io(.0))]
    Io(#[from] io::Error),
    /// The system has no address for a host.
    #[error("the host has no address that the name service of the system would know")]
    NoAddress(#[source] io::Error),
    /// TLS. Most importantly, the server could not prove that it is the server of the domain.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The stream ended in another way than by an orderly close: by refused credentials, a stream
    /// error, or the end of the connection. The reason says which.
    #[error("{}", Ended(.0))]
    Closed(Box<CloseReason>),
    /// The same before TLS. The reason is not proven: the connection was in clear text.
    #[error("{}", EndedInClear(.0))]
    ClosedInClear(Box<CloseReason>),
    /// There is no stream to send on: it has ended, or a client that reconnects has none at the
    /// moment. Nothing was sent.
    #[error("not connected")]
    NotConnected,
    /// The caller asked for something impossible, such as a stanza that XML cannot carry. Nothing
    /// was sent.
    #[error(transparent)]
    Misuse(#[from] ApiMisuse),
    /// The IQ to send is an answer, not a request. Nothing was sent.
    #[error("an answer is no request")]
    NoRequest,
    /// As many requests wait for their answers as the connector allows
    /// ([`Connector::with_max_requests`](super::Connector::with_max_requests)). Nothing was sent.
    #[error("too many requests wait for their answers")]
    TooManyRequests,
    /// The stanzas that arrived while the caller waited for something else, or the answers that it did
    /// not take, have used up their budget
    /// ([`Connector::with_inbox_bytes`](super::Connector::with_inbox_bytes)). Take them, stanzas with
    /// `next`, then go on.
    #[error("too many stanzas wait to be taken")]
    InboxFull,
    /// The operating system gave no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
    /// Connecting failed.
    #[error(transparent)]
    Connect(Box<ConnectError>),
    /// The client was closed, and the server may not have handled everything that was sent: it has not
    /// acknowledged it (XEP-0198), even where the stream was closed in order.
    #[error(transparent)]
    Unacknowledged(Box<NotAllAcknowledged>),
}

/// What a client that was closed leaves behind.
#[derive(Debug, Error)]
#[error("the server has not acknowledged {} of the stanzas that were sent", .stanzas.len())]
#[non_exhaustive]
pub struct NotAllAcknowledged {
    /// The stanzas that the server has not acknowledged, in the order in which they were sent: it
    /// may have handled them or not. They are given back here and nowhere else.
    pub stanzas: Vec<Unacknowledged>,
    /// Why the stream ended, if it was not closed in order.
    pub source: Option<Error>,
}

/// Why a stanza is not known to be handled by the server.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NotAcknowledged {
    /// It was not sent.
    #[error("the stanza was not sent")]
    NotSent(#[source] Error),
    /// The server does not manage the stream (XEP-0198), so it acknowledges nothing. The stanza was
    /// not sent, unless the server had offered management and refused it afterwards.
    #[error("the server does not manage the stream, so it acknowledges nothing")]
    Unmanaged,
    /// The session is over. The server may have handled the stanza or not. It is given back here and
    /// nowhere else.
    #[error("the session is over, and the server may have got the stanza or not")]
    Unknown(Box<Stanza>),
    /// The connection was lost, or nothing more can be read from it, before the stanza was
    /// acknowledged. It is a part of the session: sent again where that is resumed, and given back
    /// where it is over.
    #[error("the connection was lost before the stanza was acknowledged")]
    Lost(#[source] Error),
}

/// How a stream ended, after TLS or without it by choice.
struct Ended<'a>(&'a CloseReason);

impl fmt::Display for Ended<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            reason @ CloseReason::AuthFailed(_) => write!(f, "{reason}"),
            reason @ CloseReason::Incompatible(PeerIncompatible::NoMechanism { .. }) => write!(
                f,
                "the stream ended: {reason}; `ClientConfig::with_mechanisms` says which are"
            ),
            reason => write!(f, "the stream ended: {reason}"),
        }
    }
}

/// How a stream ended before TLS.
struct EndedInClear<'a>(&'a CloseReason);

impl fmt::Display for EndedInClear<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stream ended before TLS: {}", self.0)?;
        match self.0 {
            // A server that expects TLS at once answers a stream header with a TLS alert.
            CloseReason::Violation {
                why: PeerMisbehaved::Xml(_),
                ..
            } => f.write_str("; a port that begins with TLS needs `Mode::DirectTls`"),
            _ => Ok(()),
        }
    }
}

impl From<LinkError> for Error {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Io(error) => Self::Io(error),
            LinkError::Tls(error) => Self::Tls(error),
            // Unreachable: a client always has a TLS configuration.
            LinkError::NoTlsConfigured => Self::Io(io::Error::other(LinkError::NoTlsConfigured)),
        }
    }
}

impl From<CloseReason> for Error {
    fn from(reason: CloseReason) -> Self {
        Self::Closed(Box::new(reason))
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::Connect(Box::new(error))
    }
}

impl Error {
    /// The end of a client that was closed and has these stanzas left.
    pub(super) fn unless_acknowledged(
        stanzas: Vec<Unacknowledged>,
        end: Result<(), Self>,
    ) -> Result<(), Self> {
        let (more, source) = match end {
            Err(Self::Unacknowledged(left)) => (left.stanzas, left.source),
            end => (Vec::new(), end.err()),
        };
        let stanzas: Vec<_> = stanzas.into_iter().chain(more).collect();
        match (stanzas.is_empty(), source) {
            (true, None) => Ok(()),
            (true, Some(error)) => Err(error),
            (false, source) => {
                let left = NotAllAcknowledged { stanzas, source };
                Err(Self::Unacknowledged(Box::new(left)))
            }
        }
    }

    /// How the stream ended, if the error is about that.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        match self {
            Self::Closed(reason) | Self::ClosedInClear(reason) => Some(reason),
            Self::Connect(error) => error.close_reason(),
            Self::Unacknowledged(left) => left.source.as_ref()?.close_reason(),
            _ => None,
        }
    }
}

/// Why connecting failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is not a JID.
    #[error("the address is not a JID")]
    Address(#[from] JidError),
    /// The address has no localpart, or the password is empty.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The domain of the address cannot be a host name.
    #[error("the domain of the address cannot be looked up")]
    Domain(#[from] InvalidDomain),
    /// The DNS says that there is no server.
    #[error(transparent)]
    NoServer(#[from] PlanError),
    /// No server could be logged in to.
    #[error(transparent)]
    Failed(Failures),
}

impl ConnectError {
    /// What went wrong with the last server that was tried.
    pub fn last(&self) -> Option<&Error> {
        match self {
            Self::Failed(failures) => failures.last().map(|failure| &failure.error),
            _ => None,
        }
    }

    /// How the stream with the last server ended, if there was one. Refused credentials are
    /// [`CloseReason::AuthFailed`] here.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        self.last().and_then(Error::close_reason)
    }
}

/// Why a request has no result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The answer is an error (RFC 6120 §8.3).
    #[error("refused: {0}")]
    Refused(Box<StanzaError>),
    /// No answer came in time. A late one is dropped.
    #[error("no answer came in time")]
    TimedOut,
    /// The connection failed or could not be used.
    #[error(transparent)]
    Connection(#[from] Error),
}
