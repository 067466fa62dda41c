//! Which failures may not happen again at another attempt, and how soon it makes sense.

use std::io;

use xmppwire::{CloseReason, ErrorType, PeerMisbehaved, StreamErrorCondition, Timer};

use super::{Cause, ConnectError, Error, Verdict};
use crate::tls::TlsError;

impl Error {
    /// Whether another attempt can succeed later. A client must not try a refused password for
    /// ever.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Io(_)
            | Self::NoAddress(_)
            | Self::NotConnected
            | Self::InboxFull
            | Self::TooManyRequests
            | Self::Unacknowledged(_) => Verdict::Retryable,
            Self::Tls(error) => tls(error),
            Self::Closed(reason) | Self::ClosedInClear(reason) => closed(reason),
            Self::Connect(error) => error.verdict(),
            Self::Misuse(_) | Self::NoRequest | Self::Entropy(_) => Verdict::Fatal,
        }
    }

    /// What the end of a session says about the next attempt, or, without one, the failure of an
    /// attempt.
    ///
    /// | | cause |
    /// |---|---|
    /// | a session that broke without a word, or fell silent | network |
    /// | a session that the server took for dead, reset or redirected (RFC 6120 §4.9.3) | network |
    /// | attempts of which no packet came back, and failed look-ups | network |
    /// | every other word of the server, refused connections, failed logins | server |
    pub fn cause(&self, had_session: bool) -> Cause {
        let network = match self {
            Self::Io(error) => error.kind() != io::ErrorKind::ConnectionRefused,
            Self::NoAddress(_) | Self::NotConnected => true,
            Self::Closed(reason) | Self::ClosedInClear(reason) => had_session && is_brief(reason),
            Self::Connect(error) => match &**error {
                ConnectError::Failed(failures) => failures
                    .iter()
                    .all(|failure| failure.error.cause(false) == Cause::Network),
                _ => false,
            },
            _ => false,
        };
        match network {
            true => Cause::Network,
            false => Cause::Server,
        }
    }

    /// Whether there is no session any more.
    pub(crate) const fn ends_session(&self) -> bool {
        !matches!(
            self,
            Self::Misuse(_)
                | Self::NoRequest
                | Self::InboxFull
                | Self::TooManyRequests
                | Self::Entropy(_)
        )
    }

    /// Whether the other servers of the domain would give the same answer. A server that cannot
    /// prove its identity does not speak for the domain.
    pub(crate) fn ends_attempts(&self) -> bool {
        self.verdict() == Verdict::Fatal && !matches!(self, Self::Tls(_))
    }

    /// Whether the domain itself caused the error. Without this proof, anyone on the network path
    /// may have caused it.
    pub(crate) fn is_proven(&self) -> bool {
        match self {
            Self::Tls(_) => false,
            // Credentials go over clear text only if the user trusts the server without TLS.
            Self::ClosedInClear(reason) => matches!(**reason, CloseReason::AuthFailed(_)),
            // The DNS is not proven, so its part does not count.
            Self::Connect(error) => error.last().is_some_and(Self::is_proven),
            _ => true,
        }
    }
}

impl ConnectError {
    /// Whether another attempt can succeed later.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Address(_) | Self::Account(_) | Self::Domain(_) | Self::NoServer(_) => {
                Verdict::Fatal
            }
            Self::Failed(failures) => failures.verdict(),
        }
    }
}

fn tls(error: &TlsError) -> Verdict {
    match error {
        // An alert or a malformed record: some hop on the path may be broken today.
        TlsError::Rustls(error) if !matches!(error, rustls::Error::InvalidCertificate(_)) => {
            Verdict::Retryable
        }
        _ => Verdict::Fatal,
    }
}

fn closed(reason: &CloseReason) -> Verdict {
    let fatal = match reason {
        CloseReason::Peer | CloseReason::TransportEof | CloseReason::TimedOut(_) => false,
        CloseReason::PeerError(error) => is_final(error.condition()),
        CloseReason::AuthFailed(failure) => !failure.is_temporary(),
        CloseReason::BindFailed(error) => error.error_type() != ErrorType::Wait,
        // A server that cannot prove that it knows the password is not the user's server.
        CloseReason::Violation { why, .. } => matches!(why, PeerMisbehaved::Sasl(_)),
        _ => true,
    };
    match fatal {
        true => Verdict::Fatal,
        false => Verdict::Retryable,
    }
}

/// Whether a session that ended so may well be followed by another one at once.
fn is_brief(reason: &CloseReason) -> bool {
    use StreamErrorCondition as E;
    match reason {
        CloseReason::TransportEof
        | CloseReason::TimedOut(Timer::KeepAlive | Timer::Idle | Timer::Certificate) => true,
        CloseReason::PeerError(error) => matches!(
            error.condition(),
            E::ConnectionTimeout | E::Reset | E::SeeOtherHost
        ),
        _ => false,
    }
}

/// Stream errors that would end the next stream as well (RFC 6120 §4.9.3). After a conflict, a new
/// session would end the other session of the same resource, and the two would take turns for ever.
const fn is_final(condition: StreamErrorCondition) -> bool {
    use StreamErrorCondition as E;
    matches!(
        condition,
        E::Conflict
            | E::HostGone
            | E::HostUnknown
            | E::ImproperAddressing
            | E::InvalidFrom
            | E::InvalidNamespace
            | E::NotAuthorized
            | E::UnsupportedEncoding
            | E::UnsupportedFeature
            | E::UnsupportedVersion
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmppwire::{SaslCondition, SaslFailure, StreamError};

    #[test]
    fn only_a_word_of_the_server_or_its_absence_means_that_it_went_away() {
        use StreamErrorCondition as E;
        let said = |condition: E| Error::from(CloseReason::PeerError(condition.into()));
        let io = |kind| Error::from(io::Error::from(kind));
        for (error, had_session, cause) in [
            (CloseReason::TransportEof.into(), true, Cause::Network),
            (CloseReason::TransportEof.into(), false, Cause::Server),
            (
                CloseReason::TimedOut(Timer::KeepAlive).into(),
                true,
                Cause::Network,
            ),
            (
                CloseReason::TimedOut(Timer::Negotiation).into(),
                false,
                Cause::Server,
            ),
            (CloseReason::Peer.into(), true, Cause::Server),
            (said(E::SystemShutdown), true, Cause::Server),
            (said(E::ConnectionTimeout), true, Cause::Network),
            (said(E::SeeOtherHost), true, Cause::Network),
            (io(io::ErrorKind::ConnectionReset), true, Cause::Network),
            (io(io::ErrorKind::NetworkUnreachable), false, Cause::Network),
            (io(io::ErrorKind::TimedOut), false, Cause::Network),
            (io(io::ErrorKind::ConnectionRefused), false, Cause::Server),
        ] {
            assert_eq!(error.cause(had_session), cause, "{error} {had_session}");
        }
    }

    #[test]
    fn what_a_person_has_to_change_is_fatal() {
        for (reason, verdict) in [
            (
                CloseReason::AuthFailed(SaslFailure::new(SaslCondition::NotAuthorized)),
                Verdict::Fatal,
            ),
            (
                CloseReason::AuthFailed(SaslFailure::new(SaslCondition::TemporaryAuthFailure)),
                Verdict::Retryable,
            ),
            (
                CloseReason::PeerError(StreamError::new(StreamErrorCondition::Conflict)),
                Verdict::Fatal,
            ),
            (
                CloseReason::PeerError(StreamError::see_other_host("b.example")),
                Verdict::Retryable,
            ),
            (
                CloseReason::PeerError(StreamError::new(StreamErrorCondition::SystemShutdown)),
                Verdict::Retryable,
            ),
            (CloseReason::TransportEof, Verdict::Retryable),
            (
                CloseReason::TimedOut(Timer::Negotiation),
                Verdict::Retryable,
            ),
            (CloseReason::TlsRefused, Verdict::Fatal),
        ] {
            let error = Error::from(reason);
            assert_eq!(error.verdict(), verdict, "{error:?}");
        }
    }
}
