//! What the pool wants done, and what it is told.

use std::fmt;

use xmppwire::s2s::{Pair, Refusal, VerifyAnswer, VerifyRequest};
use xmppwire::{
    CloseReason, ErrorType, InvalidStanza, Stanza, StanzaError, StanzaErrorCondition as Condition,
    StreamErrorCondition,
};

use super::DomainPolicy;
use crate::find::Redirect;
use crate::link::LinkError;

/// A connection to or from another server. Keys are not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub(super) u64);

/// What a stream is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To send stanzas.
    Stanzas,
    /// To ask the target domain, as the authoritative server, about keys: open it with
    /// [`only_verifies`](xmppwire::s2s::OutgoingConfig::only_verifies).
    Verification,
}

/// What the driver has to do next. It has to know every step, so the list is exhaustive.
#[derive(Debug)]
pub enum Step {
    /// Look up the servers of the pair's target domain, connect, and open a stream with the headers
    /// of this pair. [`Told::Closed`] has to follow once, however it ends.
    Connect {
        /// The name of the new stream.
        key: Key,
        /// The pair of the headers.
        pair: Pair,
        /// What the stream is for.
        purpose: Purpose,
        /// What is asked of the target domain.
        policy: DomainPolicy,
        /// Whether an open stream to the same address may carry the pair instead:
        /// [`Told::Joins`].
        joins: bool,
    },
    /// Ask for one more pair on an open stream: [`add_pair`](xmppwire::Endpoint::add_pair).
    AddPair(Key, Pair),
    /// Send the stanza on this stream. Its pair is ready.
    Send(Key, Stanza),
    /// Ask the peer of this stream about a key: [`verify`](xmppwire::Endpoint::verify).
    Verify(Key, VerifyRequest),
    /// Give the answer to the connection that the key arrived on:
    /// [`answer_verify`](xmppwire::Endpoint::answer_verify).
    Answer(Key, VerifyAnswer),
    /// The stanza could not be delivered: give [`Undelivered::reply`] to its sender.
    Bounce(Box<Undelivered>),
    /// Close the stream, or stop to open it. [`Told::Closed`] follows.
    Close(Key),
}

/// What became of a step.
#[derive(Debug)]
pub enum Told {
    /// The stream has its machine, so that it can be asked to [verify](Step::Verify) keys.
    Connected,
    /// Stanzas may be sent for the pair:
    /// [`OutgoingEvent::Ready`](xmppwire::s2s::OutgoingEvent::Ready), or
    /// [`PairAdded::Ready`](xmppwire::s2s::PairAdded::Ready).
    Ready(Pair),
    /// The peer refused the pair.
    Refused(Pair, Refusal),
    /// The stream cannot carry the pair that was to be added.
    NeedsOtherStream(Pair),
    /// Nothing was opened: the target domain has the address that this other stream leads to, and
    /// both domains have the same policy. The pair is asked of that stream (XEP-0220 §2.6.2).
    Joins(Key),
    /// A stanza arrived on the stream, which goes in both directions.
    Used,
    /// Everything that was given to the stream is written. Tell it whenever that becomes true.
    Flushed,
    /// The peer answered about a key; also where it could not be asked.
    Verified(VerifyAnswer),
    /// The stream has ended.
    Closed {
        /// How it ended.
        end: End,
        /// The stanzas that were given to the stream and not written to it, in their order. They
        /// wait for another stream.
        unsent: Vec<Stanza>,
    },
}

/// How a stream ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum End {
    /// The DNS knows no server of the domain.
    NotFound,
    /// No server of the domain could be reached, or the connection failed below XMPP.
    Unreachable,
    /// TLS showed no certificate that is accepted, or failed otherwise.
    Insecure,
    /// The stream came into being, and ended.
    Closed(CloseReason),
}

impl End {
    /// How a connection that failed below XMPP ended.
    pub(super) const fn of(error: &LinkError) -> Self {
        match error {
            LinkError::Io(_) => Self::Unreachable,
            _ => Self::Insecure,
        }
    }

    /// Where the peer sent this server to, if it did (RFC 6120 §4.9.3.19).
    pub(super) fn redirect(&self) -> Option<Redirect> {
        match self {
            Self::Closed(reason) => Redirect::in_reason(reason),
            _ => None,
        }
    }
}

/// Why stanzas cannot be delivered now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    condition: Condition,
    text: &'static str,
    /// Whether the next attempt would most likely fail alike, so that waiting for it is of no use.
    pub(super) lasting: bool,
}

impl Failure {
    pub(super) const EXPIRED: Self = Self::passing("The stanza could not be delivered in time.");
    pub(super) const CLOSING: Self = Self::passing("This server is shutting down.");

    const fn passing(text: &'static str) -> Self {
        Self {
            condition: Condition::RemoteServerTimeout,
            text,
            lasting: false,
        }
    }

    const fn lasting(text: &'static str) -> Self {
        Self {
            lasting: true,
            ..Self::passing(text)
        }
    }

    /// RFC 6120 §10.4: one condition where the name could not be resolved, another where the stream
    /// failed.
    pub(super) fn of(end: &End) -> Self {
        use StreamErrorCondition as E;
        match end {
            End::NotFound => Self {
                condition: Condition::RemoteServerNotFound,
                ..Self::lasting("The domain has no server.")
            },
            End::Unreachable => Self::passing("The server could not be reached."),
            End::Insecure => Self::lasting("The server could not be authenticated."),
            End::Closed(reason) => match reason {
                CloseReason::Incompatible(_) | CloseReason::TlsRefused => {
                    Self::lasting("The servers could not agree on a secure stream.")
                }
                CloseReason::AuthFailed(_) => {
                    Self::lasting("The server did not authenticate this one.")
                }
                CloseReason::PeerError(error) => match error.condition() {
                    E::HostUnknown | E::HostGone => {
                        Self::lasting("The server does not serve the domain.")
                    }
                    E::PolicyViolation | E::NotAuthorized | E::UnsupportedVersion => {
                        Self::lasting("The server does not accept this one.")
                    }
                    _ => Self::passing("The server ended the stream."),
                },
                _ => Self::passing("The stream to the server ended."),
            },
        }
    }

    pub(super) const fn refused(refusal: &Refusal) -> Self {
        Self {
            condition: refusal.bounce(),
            ..Self::lasting("The server did not accept the sender's domain.")
        }
    }

    /// RFC 6120 §8.3.3.17: the type is `wait` unless the error is of a more permanent nature.
    fn error(self) -> StanzaError {
        let error = StanzaError::new(self.condition).with_text(self.text);
        match self.lasting {
            true => error.with_type(ErrorType::Cancel),
            false => error,
        }
    }

    pub(super) const fn condition(self) -> Condition {
        self.condition
    }

    pub(super) fn bounce(self, stanza: Stanza) -> Step {
        let error = self.error();
        Step::Bounce(Box::new(Undelivered { stanza, error }))
    }
}

/// A stanza that could not be delivered.
#[derive(Debug)]
pub struct Undelivered {
    stanza: Stanza,
    error: StanzaError,
}

impl Undelivered {
    /// A stanza that cannot be sent over any stream: the sender has to change it.
    pub(super) fn invalid(stanza: Stanza, why: &InvalidStanza) -> Self {
        let condition = match why {
            InvalidStanza::TooLarge | InvalidStanza::TooLargeForPeer { .. } => {
                Condition::PolicyViolation
            }
            _ => Condition::BadRequest,
        };
        let error = StanzaError::new(condition).with_type(ErrorType::Modify);
        Self { stanza, error }
    }

    /// The stanza.
    pub const fn stanza(&self) -> &Stanza {
        &self.stanza
    }

    /// Why it could not be delivered: `remote-server-not-found`, `remote-server-timeout` or
    /// `internal-server-error` (RFC 6120 §10.4, XEP-0220 §2.1.1); `bad-request` where XML cannot carry
    /// it, `policy-violation` where it is longer than the other server accepts.
    pub const fn error(&self) -> &StanzaError {
        &self.error
    }

    /// What its sender is told; `None` for stanzas that must not be answered: errors and IQ results
    /// (RFC 6120 §8.3.1).
    pub fn reply(&self) -> Option<Stanza> {
        self.stanza.error_reply(&self.error)
    }

    /// The stanza itself.
    pub fn into_stanza(self) -> Stanza {
        self.stanza
    }
}

/// A stanza that the pool did not take: the caller has it back.
#[derive(Debug)]
pub struct NotRouted {
    /// The stanza.
    pub stanza: Stanza,
    /// Why it was not taken.
    pub why: Overload,
}

/// Why the pool did not take a stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overload {
    /// It lacks `from` or `to` (RFC 6120 §8.1.1.2, §8.1.2.2).
    Unaddressed,
    /// As much waits for its domain as may.
    Domain,
    /// As much waits for all domains as may, or as many domains are known.
    Pool,
    /// The pool was closed.
    Closed,
}

impl NotRouted {
    /// What the sender is told; `None` for stanzas that must not be answered.
    pub fn reply(&self) -> Option<Stanza> {
        let condition = match self.why {
            Overload::Unaddressed => Condition::BadRequest,
            Overload::Domain | Overload::Pool => Condition::ResourceConstraint,
            Overload::Closed => Condition::RemoteServerTimeout,
        };
        self.stanza.error_reply(&condition.into())
    }
}

impl fmt::Display for NotRouted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.why {
            Overload::Unaddressed => "the stanza lacks an address",
            Overload::Domain => "too much waits for the remote domain",
            Overload::Pool => "too much waits for all remote domains",
            Overload::Closed => "federation is closed",
        })
    }
}

impl std::error::Error for NotRouted {}
