//! What came of the servers that were tried.

use std::fmt;

use super::{Origin, Target};
use crate::client::{Error, Verdict};

/// The failures of all servers that were tried, in order. The last one decided.
#[derive(Debug)]
pub struct Failures {
    pub(super) failures: Vec<Failure>,
    pub(super) origin: Origin,
    /// The time to connect was over before everything was tried.
    pub(super) out_of_time: bool,
}

/// What went wrong with one server.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The server.
    pub target: Target,
    /// What went wrong with it.
    pub error: Error,
}

impl Failures {
    pub(super) const fn new() -> Self {
        Self {
            failures: Vec::new(),
            origin: Origin::Given,
            out_of_time: false,
        }
    }

    /// Each failure, in the order of the attempts.
    pub fn iter(&self) -> std::slice::Iter<'_, Failure> {
        self.failures.iter()
    }

    /// The failure that decided.
    pub fn last(&self) -> Option<&Failure> {
        self.failures.last()
    }

    /// Where the names of the servers came from.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether the [time to connect](crate::client::Connector::with_total_timeout) was over before
    /// everything was tried.
    pub const fn is_out_of_time(&self) -> bool {
        self.out_of_time
    }

    /// Fatal where the last failure is final, or where no failure can end better later.
    pub(crate) fn verdict(&self) -> Verdict {
        let mut verdicts = self.iter().map(|failure| failure.error.verdict());
        let decided = self.last().is_some_and(|last| last.error.ends_attempts());
        let retry = self.out_of_time || verdicts.any(|verdict| verdict == Verdict::Retryable);
        match !decided && retry {
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

/// The source is that of the last failure: the error of the system or of rustls.
impl std::error::Error for Failures {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.last()?.error)
    }
}

/// Each server with its failure, and how the DNS contributed.
impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.failures.is_empty() && !self.out_of_time {
            f.write_str("no server to connect to")?;
        }
        let mut separator = "";
        for Failure { target, error } in self {
            write!(
                f,
                "{separator}{}, port {}: {error}",
                target.host, target.port
            )?;
            separator = "; ";
        }
        if self.out_of_time {
            write!(f, "{separator}the time to connect is over")?;
        }
        if let Origin::NoAnswer(error) = &self.origin {
            write!(f, " (the SRV records could not be looked up: {error})")?;
        }
        Ok(())
    }
}
