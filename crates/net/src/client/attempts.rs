//! The servers of a plan, one after the other.

use std::collections::VecDeque;
use std::fmt;

use super::{ConnectError, Error};
use crate::backoff::Verdict;
use crate::log::log;
use crate::srv::{Origin, Plan, Target};

/// What is left to try, and what came of the rest.
#[derive(Debug)]
pub struct Attempts {
    left: VecDeque<Target>,
    failures: Failures,
}

/// The failures of all the servers that were tried, in order. The last one decided.
#[derive(Debug)]
pub struct Failures {
    failures: Vec<Failure>,
    origin: Origin,
}

/// What came of one server.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The server.
    pub target: Target,
    /// What went wrong with it.
    pub error: Error,
}

impl Attempts {
    /// All of the plan is left.
    pub fn new(plan: Plan) -> Self {
        log!(debug, targets = ?plan.targets(), origin = ?plan.origin(), "where to connect to");
        let origin = plan.origin().clone();
        Self {
            left: plan.into_iter().collect(),
            failures: Failures {
                failures: Vec::new(),
                origin,
            },
        }
    }

    /// The next server to try.
    pub fn next_target(&mut self) -> Option<Target> {
        self.left.pop_front()
    }

    /// Takes down what came of it. Where the domain's answer is final, such as to a wrong password, the other servers
    /// are not bothered with the same question. A server that cannot prove who it is speaks for nobody, and the next
    /// one may do better.
    pub fn failed(&mut self, target: Target, error: Error) {
        log!(info, host = target.host, port = target.port, %error, "could not connect");
        if error.verdict() == Verdict::Fatal && !matches!(error, Error::Tls(_)) {
            self.left.clear();
        }
        self.failures.failures.push(Failure { target, error });
    }

    /// What the failures amount to.
    pub fn into_error(self) -> ConnectError {
        ConnectError::Failed(self.failures)
    }
}

impl Failures {
    /// Each failure, in the order of the attempts.
    pub fn iter(&self) -> std::slice::Iter<'_, Failure> {
        self.failures.iter()
    }

    /// The failure that decided.
    pub fn last(&self) -> Option<&Failure> {
        self.failures.last()
    }

    /// Where the servers' names came from.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Fatal where the last word was, or where there is nothing else.
    pub(super) fn verdict(&self) -> Verdict {
        let mut verdicts = self.iter().map(|failure| failure.error.verdict());
        let decided = self.last().is_some_and(|last| {
            last.error.verdict() == Verdict::Fatal && !matches!(last.error, Error::Tls(_))
        });
        match !decided && verdicts.any(|verdict| verdict == Verdict::Retryable) {
            true => Verdict::Retryable,
            false => Verdict::Fatal,
        }
    }
}

impl<'a> IntoIterator for &'a Failures {
    type Item = &'a Failure;
    type IntoIter = std::slice::Iter<'a, Failure>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Each server with its failure, and what the DNS has to do with it.
impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.failures.is_empty() {
            f.write_str("no server to connect to")?;
        }
        for (n, Failure { target, error }) in self.iter().enumerate() {
            let separator = if n == 0 { "" } else { "; " };
            write!(
                f,
                "{separator}{}, port {}: {error}",
                target.host, target.port
            )?;
        }
        if let Origin::NoAnswer(error) = &self.origin {
            write!(f, " (the SRV records could not be looked up: {error})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srv::Mode;
    use crate::tls::TlsError;
    use std::io;
    use xmppwire::{CloseReason, SaslCondition, SaslFailure};

    fn attempts() -> Attempts {
        let target = |host: &str| Target {
            host: host.into(),
            port: 5222,
            mode: Mode::StartTls,
        };
        Attempts::new(Plan::given([target("a.example"), target("b.example")]))
    }

    fn refused() -> Error {
        io::Error::from(io::ErrorKind::ConnectionRefused).into()
    }

    fn run(errors: impl IntoIterator<Item = Error>) -> (usize, ConnectError) {
        let mut attempts = attempts();
        let mut tried = 0;
        for error in errors {
            let Some(target) = attempts.next_target() else {
                break;
            };
            tried += 1;
            attempts.failed(target, error);
        }
        (tried, attempts.into_error())
    }

    #[test]
    fn a_final_answer_is_not_asked_for_twice() {
        let failure = SaslFailure::new(SaslCondition::NotAuthorized);
        let (tried, error) = run([CloseReason::AuthFailed(failure).into(), refused()]);
        assert_eq!(tried, 1);
        assert_eq!(error.verdict(), Verdict::Fatal);
        assert!(matches!(
            error.close_reason(),
            Some(CloseReason::AuthFailed(_))
        ));
    }

    #[test]
    fn every_server_has_its_turn_and_its_line() {
        let (tried, error) = run([Error::Tls(TlsError::NoPlatformRoots), refused()]);
        assert_eq!(tried, 2);
        assert_eq!(error.verdict(), Verdict::Retryable);
        assert_eq!(
            error.to_string(),
            "a.example, port 5222: TLS: the platform has no root certificates; \
             b.example, port 5222: connection refused"
        );
    }

    #[test]
    fn servers_that_can_only_fail_are_not_tried_again() {
        let untrusted = || Error::Tls(TlsError::NoPlatformRoots);
        assert_eq!(run([untrusted(), untrusted()]).1.verdict(), Verdict::Fatal);
    }
}
