//! Which failures may not happen again at another attempt.

use xmppwire::{CloseReason, ErrorType, PeerMisbehaved, StreamErrorCondition};

use super::{ConnectError, Error, Verdict};
use crate::tls::TlsError;

impl Error {
    /// Whether another attempt can succeed later. A client must not try a refused password for
    /// ever.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Io(_) | Self::NotConnected | Self::InboxFull => Verdict::Retryable,
            Self::Tls(error) => tls(error),
            Self::Closed(reason) | Self::ClosedInClear(reason) => closed(reason),
            Self::Connect(error) => error.verdict(),
            Self::Misuse(_) | Self::NoRequest | Self::Entropy(_) => Verdict::Fatal,
        }
    }

    /// Whether there is no session any more.
    pub(crate) const fn ends_session(&self) -> bool {
        !matches!(
            self,
            Self::Misuse(_) | Self::NoRequest | Self::InboxFull | Self::Entropy(_)
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
            Self::Address(_) | Self::NoAccount(_) | Self::Domain(_) | Self::NoServer(_) => {
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
    use xmppwire::{SaslCondition, SaslFailure, StreamError, Timer};

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
