//! The servers of a domain, one after the other.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::{
    Domain, Mode, NameServers, Origin, Plan, PlanError, Redirect, Service, SrvAnswers, SrvNames,
    Target,
};
use crate::client::{ConnectError, Connector, Error, Verdict};
use crate::log::log;

/// How often `<see-other-host/>` is followed before somebody is led round in circles: RFC 6120 §4.9.3.19 wants two to
/// five times.
const MAX_REDIRECTS: u8 = 3;

/// What is left to try, and what came of the rest.
///
/// ```
/// use xmppwire_net::client::{ConnectError, Connector, Error};
/// use xmppwire_net::find::{Attempt, Attempts, SrvAnswers, SrvNames, Step};
///
/// fn connect<T>(
///     connector: &Connector,
///     look_up: impl Fn(&SrvNames) -> SrvAnswers,
///     log_in: impl Fn(&Attempt) -> Result<T, Error>,
/// ) -> Result<T, ConnectError> {
///     let mut attempts = Attempts::new(connector);
///     while let Some(step) = attempts.next_step() {
///         match step {
///             Step::LookUp(names) => attempts.looked_up(look_up(&names)),
///             Step::Connect(attempt) => match log_in(&attempt) {
///                 Ok(client) => return Ok(client),
///                 Err(error) => attempts.failed(attempt, error),
///             },
///         }
///     }
///     Err(attempts.into_error())
/// }
/// ```
#[derive(Debug)]
pub struct Attempts {
    connector: Arc<Connector>,
    left: VecDeque<Left>,
    /// Whose records are being looked up.
    asking: Option<(Domain, Whose)>,
    redirects: u8,
    no_server: Option<PlanError>,
    failures: Failures,
}

/// What to do next on the way to a server.
#[derive(Debug)]
pub enum Step {
    /// Look both names up, with these [name servers](Attempts::name_servers), and tell [`Attempts::looked_up`].
    LookUp(SrvNames),
    /// Connect and log in, or tell [`Attempts::failed`].
    Connect(Attempt),
}

/// A server to try, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The server.
    pub target: Target,
    /// How to log in there. Not always what the caller has said: who was redirected insists on TLS.
    pub connector: Arc<Connector>,
}

#[derive(Debug)]
enum Left {
    LookUp(Domain, Whose),
    Connect(Target, Whose),
}

/// Who has named a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// The user or the DNS.
    Own,
    /// A server.
    Redirected,
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
    /// Everything is left: the servers that the connector names, or else those that the DNS names for its domain.
    pub fn new(connector: &Connector) -> Self {
        let mut attempts = Self {
            connector: Arc::new(connector.clone()),
            left: VecDeque::new(),
            asking: None,
            redirects: 0,
            no_server: None,
            failures: Failures {
                failures: Vec::new(),
                origin: Origin::Given,
            },
        };
        match connector.servers() {
            [] => {
                let lookup = Left::LookUp(connector.domain().clone(), Whose::Own);
                attempts.left.push_back(lookup);
            }
            given => attempts.plan(Plan::given(given.iter().cloned()), Whose::Own),
        }
        attempts
    }

    /// Tries the server first that the last one pointed to.
    pub(crate) fn after(connector: &Connector, redirect: Redirect, mode: Mode) -> Self {
        let mut attempts = Self::new(connector);
        attempts.follow(redirect, mode);
        attempts
    }

    /// What to do next; `None` when nothing is left.
    pub fn next_step(&mut self) -> Option<Step> {
        loop {
            match self.left.pop_front()? {
                Left::Connect(target, whose) => {
                    let connector = match whose {
                        Whose::Own => Arc::clone(&self.connector),
                        Whose::Redirected => {
                            Arc::new(Connector::clone(&self.connector).redirected())
                        }
                    };
                    return Some(Step::Connect(Attempt { target, connector }));
                }
                Left::LookUp(domain, whose) => match Service::CLIENT.srv_names(&domain) {
                    Some(names) => {
                        self.asking = Some((domain, whose));
                        return Some(Step::LookUp(names));
                    }
                    None => self.plan(Plan::fallback(&Service::CLIENT, &domain), whose),
                },
            }
        }
    }

    /// The name servers to ask, if not those of the system.
    pub fn name_servers(&self) -> Option<&NameServers> {
        self.connector.name_servers()
    }

    /// Takes the answers to the look-up that was the last step.
    pub fn looked_up(&mut self, answers: SrvAnswers) {
        let Some((domain, whose)) = self.asking.take() else {
            return;
        };
        match Plan::from_answers(&Service::CLIENT, &domain, answers, crate::jitter) {
            Ok(plan) => self.plan(plan, whose),
            Err(error) => {
                log!(info, domain = %domain, %error, "there is no server");
                if whose == Whose::Own {
                    self.no_server = Some(error);
                }
            }
        }
    }

    /// Takes down what came of an attempt. Where the domain's answer is final, such as to a wrong password, the other
    /// servers are not bothered with the same question. A server that cannot prove who it is speaks for nobody, and
    /// the next one may do better.
    ///
    /// `<see-other-host/>` is followed at most three times, always to a server with the certificate of the domain
    /// itself: it can be said in clear text, by anybody on the way.
    pub fn failed(&mut self, attempt: Attempt, error: Error) {
        let target = attempt.target;
        log!(info, host = target.host, port = target.port, %error, "could not connect");
        if error.verdict() == Verdict::Fatal && !matches!(error, Error::Tls(_)) {
            self.left.clear();
        }
        if let Some(redirect) = Redirect::of(&error) {
            self.follow(redirect, target.mode);
        }
        self.failures.failures.push(Failure { target, error });
    }

    fn follow(&mut self, redirect: Redirect, mode: Mode) {
        if self.redirects >= MAX_REDIRECTS {
            log!(info, "redirected too often");
            return;
        }
        self.redirects = self.redirects.saturating_add(1);
        log!(info, host = %redirect.host, port = redirect.port, "redirected");
        self.left.push_front(match redirect.port {
            Some(port) => {
                let host = redirect.host.to_string();
                Left::Connect(Target { host, port, mode }, Whose::Redirected)
            }
            None => Left::LookUp(redirect.host, Whose::Redirected),
        });
    }

    /// What a plan names comes before the rest.
    fn plan(&mut self, plan: Plan, whose: Whose) {
        log!(debug, targets = ?plan.targets(), origin = ?plan.origin(), "where to connect to");
        if whose == Whose::Own {
            self.failures.origin = plan.origin().clone();
        }
        let targets = plan.into_iter().map(|target| Left::Connect(target, whose));
        let rest = std::mem::take(&mut self.left);
        self.left = targets.chain(rest).collect();
    }

    /// What the failures amount to.
    pub fn into_error(self) -> ConnectError {
        match self.no_server {
            Some(error) if self.failures.failures.is_empty() => ConnectError::NoServer(error),
            _ => ConnectError::Failed(self.failures),
        }
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
    pub(crate) fn verdict(&self) -> Verdict {
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
    use crate::find::SrvRecord;
    use crate::tls::TlsError;
    use std::io;
    use xmppwire::{
        ClientConfig, CloseReason, Jid, SaslCondition, SaslFailure, StreamError, TlsPolicy,
    };

    fn connector() -> Connector {
        Connector::account("juliet@example.org", "s3cr3t").unwrap()
    }

    fn two_servers() -> Connector {
        connector()
            .with_server("a.example", 5222, Mode::StartTls)
            .with_server("b.example", 5222, Mode::StartTls)
    }

    fn refused() -> Error {
        io::Error::from(io::ErrorKind::ConnectionRefused).into()
    }

    fn elsewhere(host: &str) -> Error {
        CloseReason::PeerError(StreamError::see_other_host(host)).into()
    }

    /// The next target, as text.
    fn next(attempts: &mut Attempts) -> Option<(Attempt, String)> {
        match attempts.next_step()? {
            Step::Connect(attempt) => {
                let Target { host, port, .. } = &attempt.target;
                let text = format!("{host} {port}");
                Some((attempt, text))
            }
            Step::LookUp(names) => panic!("{names:?} are looked up"),
        }
    }

    fn run(errors: impl IntoIterator<Item = Error>) -> (usize, ConnectError) {
        let mut attempts = Attempts::new(&two_servers());
        let mut tried = 0;
        for error in errors {
            let Some((attempt, _)) = next(&mut attempts) else {
                break;
            };
            tried += 1;
            attempts.failed(attempt, error);
        }
        (tried, attempts.into_error())
    }

    fn answers(starttls: &str) -> SrvAnswers {
        let record = SrvRecord::new(1, 1, 5222, (starttls != ".").then_some(starttls));
        SrvAnswers {
            direct_tls: Ok(vec![]),
            starttls: Ok(vec![record]),
        }
    }

    #[test]
    fn a_domain_without_given_servers_is_looked_up() {
        let mut attempts = Attempts::new(&connector());
        let Some(Step::LookUp(names)) = attempts.next_step() else {
            panic!("nothing is looked up");
        };
        assert_eq!(names.starttls, "_xmpp-client._tcp.example.org");
        attempts.looked_up(answers("im.example.net"));
        assert_eq!(next(&mut attempts).unwrap().1, "im.example.net 5222");
        assert!(attempts.next_step().is_none());
    }

    #[test]
    fn a_domain_without_servers_says_so() {
        let mut attempts = Attempts::new(&connector());
        assert!(matches!(attempts.next_step(), Some(Step::LookUp(_))));
        attempts.looked_up(answers("."));
        assert!(attempts.next_step().is_none());
        let error = attempts.into_error();
        assert!(matches!(
            error,
            ConnectError::NoServer(PlanError::Unavailable)
        ));
    }

    #[test]
    fn a_redirection_comes_first_and_insists_on_tls() {
        let account = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t").unwrap();
        let connector = Connector::new(account.with_tls(TlsPolicy::Forbidden))
            .unwrap()
            .with_server("a.example", 5222, Mode::DirectTls)
            .with_server("b.example", 5222, Mode::StartTls);
        let insists =
            |attempt: &Attempt| format!("{:?}", attempt.connector).contains("tls: Required");
        let mut attempts = Attempts::new(&connector);
        let (first, _) = next(&mut attempts).unwrap();
        assert!(!insists(&first));
        attempts.failed(first, elsewhere("[2001:db8::1]:9222"));
        let (second, target) = next(&mut attempts).unwrap();
        assert_eq!(target, "2001:db8::1 9222");
        assert_eq!(second.target.mode, Mode::DirectTls);
        assert!(insists(&second));
        attempts.failed(second, refused());
        let (third, target) = next(&mut attempts).unwrap();
        assert_eq!(target, "b.example 5222");
        assert!(!insists(&third));
    }

    #[test]
    fn a_redirection_without_a_port_is_looked_up() {
        let mut attempts = Attempts::new(&two_servers());
        let (first, _) = next(&mut attempts).unwrap();
        attempts.failed(first, elsewhere("other.example"));
        let Some(Step::LookUp(names)) = attempts.next_step() else {
            panic!("nothing is looked up");
        };
        assert_eq!(names.starttls, "_xmpp-client._tcp.other.example");
        attempts.looked_up(answers("im.other.example"));
        let (redirected, target) = next(&mut attempts).unwrap();
        assert_eq!(target, "im.other.example 5222");
        attempts.failed(redirected, elsewhere("127.0.0.1"));
        assert_eq!(next(&mut attempts).unwrap().1, "127.0.0.1 5222");
        assert_eq!(next(&mut attempts).unwrap().1, "b.example 5222");
    }

    #[test]
    fn redirections_are_followed_three_times() {
        let mut attempts = Attempts::new(&two_servers());
        let mut seen = Vec::new();
        while let Some((attempt, target)) = next(&mut attempts) {
            seen.push(target);
            attempts.failed(attempt, elsewhere("a.example:1"));
        }
        let round = "a.example 1";
        assert_eq!(
            seen,
            ["a.example 5222", round, round, round, "b.example 5222"]
        );
        // Somebody on the way may have said all of that, who may be gone tomorrow.
        assert_eq!(attempts.into_error().verdict(), Verdict::Retryable);
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
