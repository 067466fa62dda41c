//! The errors of a client, by what can be done about them.

use std::io;

use thiserror::Error;
use xmppwire::{ApiMisuse, CloseReason, EntropyUnavailable, JidError, NoAccount, StanzaError};

use crate::find::{Failures, InvalidDomain, PlanError};
use crate::link::LinkError;
use crate::tls::TlsError;

/// Why a connection failed or a stanza could not be sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The network: refused, reset, timed out.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// TLS. Most importantly, the server could not prove that it is the server of the domain.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// The stream ended in another way than by an orderly close: by refused credentials, a stream
    /// error, or the end of the connection. The reason says which.
    #[error("the stream ended: {0}")]
    Closed(Box<CloseReason>),
    /// The same before TLS. The reason is not proven: the connection was in clear text.
    #[error("the stream ended before TLS: {0}")]
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
    /// The stanzas that arrived while the caller waited for something else have used up their
    /// budget ([`Connector::with_inbox_bytes`](super::Connector::with_inbox_bytes)). Take them with
    /// `next`, then go on.
    #[error("too many stanzas wait to be taken")]
    InboxFull,
    /// The operating system gave no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
    /// Connecting failed.
    #[error(transparent)]
    Connect(Box<ConnectError>),
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
    /// How the stream ended, if the error is about that.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        match self {
            Self::Closed(reason) | Self::ClosedInClear(reason) => Some(reason),
            Self::Connect(error) => error.close_reason(),
            _ => None,
        }
    }
}

/// Why connecting failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is not a JID.
    #[error("the address is not a JID: {0}")]
    Address(#[from] JidError),
    /// The address has no localpart.
    #[error(transparent)]
    NoAccount(#[from] NoAccount),
    /// The domain of the address cannot be a host name.
    #[error("the domain is {0}")]
    Domain(#[from] InvalidDomain),
    /// The DNS says that there is no server.
    #[error(transparent)]
    NoServer(#[from] PlanError),
    /// No server could be logged in to.
    #[error("{0}")]
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
