//! From SRV answers to an ordered list of hosts.

use thiserror::Error;

use super::order::{Ranked, order};
use super::{Domain, LookupError, Service, SrvRecord};

/// Most targets of a plan. Of a domain that publishes more, those of the best priorities are tried.
const MAX_TARGETS: usize = 16;

/// How a connection to a target begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// With a TLS handshake (XEP-0368).
    DirectTls,
    /// With a stream header in clear text. TLS begins when STARTTLS is negotiated (RFC 6120 §5).
    StartTls,
}

/// One host to try. The operating system's resolver finds its addresses. TLS verifies the
/// [`Domain`] that the plan was made for and never this name, because an attacker on the network
/// path can forge it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Target {
    /// A host name in ASCII without a trailing dot, or an address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// How the connection begins.
    pub mode: Mode,
}

impl Target {
    /// A target of this host and port.
    pub fn new(host: impl Into<String>, port: u16, mode: Mode) -> Self {
        let host = host.into();
        Self { host, port, mode }
    }
}

/// Where the targets of a plan come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// SRV records. If all of these targets fail, there is no further fallback (RFC 6120 §3.2.1).
    Records,
    /// The domain itself, because there are no SRV records for STARTTLS.
    NoRecords,
    /// The domain itself, because there was no usable answer to the SRV query. The user should
    /// learn of it if the connection fails.
    NoAnswer(LookupError),
    /// The domain itself, because it is an address or `localhost`.
    Literal,
    /// The caller's choice.
    Given,
}

/// The results of both SRV look-ups. An empty list means that the domain has no such records.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SrvAnswers {
    /// The answer for [`SrvNames::direct_tls`](super::SrvNames::direct_tls).
    pub direct_tls: Result<Vec<SrvRecord>, LookupError>,
    /// The answer for [`SrvNames::starttls`](super::SrvNames::starttls).
    pub starttls: Result<Vec<SrvRecord>, LookupError>,
}

impl SrvAnswers {
    /// The two answers.
    pub const fn new(
        direct_tls: Result<Vec<SrvRecord>, LookupError>,
        starttls: Result<Vec<SrvRecord>, LookupError>,
    ) -> Self {
        Self {
            direct_tls,
            starttls,
        }
    }

    /// Both look-ups failed for the same reason.
    pub fn failed(error: LookupError) -> Self {
        Self {
            direct_tls: Err(error.clone()),
            starttls: Err(error),
        }
    }
}

/// The targets to try, in this order, until one works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    targets: Vec<Target>,
    origin: Origin,
}

impl Plan {
    /// Makes the plan from the answers of both look-ups.
    ///
    /// Records of both kinds are mixed by priority and weight (XEP-0368 §3); `random` gives 32
    /// uniform bits a call, and [`jitter`](crate::jitter) is good enough. If neither look-up gave a
    /// usable target, the STARTTLS look-up decides:
    ///
    /// | it gave | then |
    /// |---|---|
    /// | no records | the domain itself, on the default port (RFC 6120 §3.2.2) |
    /// | no answer: a time-out, a failing or unreachable name server | likewise (RFC 6120 §3.2.1, point 9) |
    /// | the target `.` | [`PlanError::Unavailable`] (point 3) |
    /// | only unusable records | [`PlanError::NoUsableRecord`]: it answered, so there is no fallback (point 8) |
    ///
    /// # Errors
    ///
    /// The two errors in the table.
    pub fn from_answers(
        service: &Service,
        domain: &Domain,
        answers: SrvAnswers,
        random: impl FnMut() -> u32,
    ) -> Result<Self, PlanError> {
        let direct_tls = answers.direct_tls.iter().flatten();
        let starttls = answers.starttls.iter().flatten();
        let candidates = direct_tls
            .filter_map(|record| candidate(record, Mode::DirectTls))
            .chain(starttls.filter_map(|record| candidate(record, Mode::StartTls)))
            .collect();
        let targets = order(candidates, MAX_TARGETS, random);
        if !targets.is_empty() {
            let origin = Origin::Records;
            return Ok(Self { targets, origin });
        }
        match answers.starttls {
            Ok(records) if records.is_empty() => {
                Ok(Self::domain_itself(service, domain, Origin::NoRecords))
            }
            Ok(records) if records.iter().all(|record| record.target.is_none()) => {
                Err(PlanError::Unavailable)
            }
            Ok(_) => Err(PlanError::NoUsableRecord),
            Err(error) => Ok(Self::domain_itself(
                service,
                domain,
                Origin::NoAnswer(error),
            )),
        }
    }

    /// The plan without DNS: the domain itself on the default port of the service, with STARTTLS.
    /// For addresses and `localhost`, where [`Service::srv_names`] gives no names.
    pub fn fallback(service: &Service, domain: &Domain) -> Self {
        Self::domain_itself(service, domain, Origin::Literal)
    }

    /// The targets that the caller chose, in this order, without DNS.
    pub fn given(targets: impl IntoIterator<Item = Target>) -> Self {
        Self {
            targets: targets.into_iter().collect(),
            origin: Origin::Given,
        }
    }

    /// The targets, best first. Only a plan that was given no targets has none.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Where the targets come from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    fn domain_itself(service: &Service, domain: &Domain, origin: Origin) -> Self {
        let target = Target {
            host: domain.to_string(),
            port: service.fallback_port,
            mode: Mode::StartTls,
        };
        Self {
            targets: vec![target],
            origin,
        }
    }
}

impl IntoIterator for Plan {
    type Item = Target;
    type IntoIter = std::vec::IntoIter<Target>;

    fn into_iter(self) -> Self::IntoIter {
        self.targets.into_iter()
    }
}

/// Why a domain has no server to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The domain does not offer the service: its SRV target is `.` (RFC 2782).
    #[error("the domain does not offer this service")]
    Unavailable,
    /// The domain has SRV records, but none names a usable host and port.
    #[error("the domain's SRV records name no usable host")]
    NoUsableRecord,
}

/// The target of a usable record. Next to other records, the target `.` means nothing and is
/// skipped.
fn candidate(record: &SrvRecord, mode: Mode) -> Option<Ranked<Target>> {
    let host = record.target.as_deref().filter(|host| is_host(host))?;
    if record.port == 0 {
        return None;
    }
    let item = Target {
        host: host.to_owned(),
        port: record.port,
        mode,
    };
    Some(Ranked {
        priority: record.priority,
        weight: record.weight,
        item,
    })
}

/// Whether the name may be given to the operating system's resolver: a name in the DNS can have any
/// octets.
fn is_host(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = Result<Vec<SrvRecord>, LookupError>;

    fn plan(direct_tls: Answer, starttls: Answer) -> Result<Plan, PlanError> {
        let domain = Domain::parse("example.org").unwrap();
        let answers = SrvAnswers {
            direct_tls,
            starttls,
        };
        Plan::from_answers(&Service::CLIENT, &domain, answers, || 0)
    }

    fn record(priority: u16, port: u16, target: &str) -> SrvRecord {
        SrvRecord::new(priority, 0, port, (target != ".").then_some(target))
    }

    fn target(host: &str, port: u16, mode: Mode) -> Target {
        let host = host.to_owned();
        Target { host, port, mode }
    }

    #[test]
    fn both_kinds_are_mixed_by_priority() {
        let plan = plan(
            Ok(vec![record(10, 5223, "a.net"), record(30, 443, "c.net")]),
            Ok(vec![record(20, 5222, "b.net"), record(40, 5222, "d.net")]),
        )
        .unwrap();
        let expected = [
            target("a.net", 5223, Mode::DirectTls),
            target("b.net", 5222, Mode::StartTls),
            target("c.net", 443, Mode::DirectTls),
            target("d.net", 5222, Mode::StartTls),
        ];
        assert_eq!(plan.targets(), expected);
        assert_eq!(*plan.origin(), Origin::Records);
    }

    #[test]
    fn one_kind_is_enough_whatever_became_of_the_other() {
        let some = || Ok(vec![record(1, 443, "a.net")]);
        for other in [
            Ok(vec![]),
            Ok(vec![record(0, 0, ".")]),
            Err(LookupError::TimedOut),
        ] {
            assert_eq!(
                plan(some(), other.clone()).unwrap().targets(),
                [target("a.net", 443, Mode::DirectTls)]
            );
            assert_eq!(
                plan(other, some()).unwrap().targets(),
                [target("a.net", 443, Mode::StartTls)]
            );
        }
    }

    #[test]
    fn without_records_or_without_an_answer_the_domain_itself_is_tried() {
        let itself = [target("example.org", 5222, Mode::StartTls)];
        for direct_tls in [
            Ok(vec![]),
            Ok(vec![record(0, 0, ".")]),
            Err(LookupError::TimedOut),
        ] {
            let none = plan(direct_tls.clone(), Ok(vec![])).unwrap();
            assert_eq!(none.targets(), itself);
            assert_eq!(*none.origin(), Origin::NoRecords);

            let failed = plan(direct_tls, Err(LookupError::Server(2))).unwrap();
            assert_eq!(failed.targets(), itself);
            assert_eq!(*failed.origin(), Origin::NoAnswer(LookupError::Server(2)));
        }
    }

    #[test]
    fn a_lone_dot_means_not_available() {
        for direct_tls in [
            Ok(vec![]),
            Ok(vec![record(0, 0, ".")]),
            Err(LookupError::TimedOut),
        ] {
            assert_eq!(
                plan(direct_tls, Ok(vec![record(0, 0, ".")])),
                Err(PlanError::Unavailable)
            );
        }
    }

    #[test]
    fn a_dot_beside_records_is_passed_over() {
        let plan = plan(
            Ok(vec![]),
            Ok(vec![record(0, 0, "."), record(9, 5222, "a.net")]),
        );
        assert_eq!(
            plan.unwrap().targets(),
            [target("a.net", 5222, Mode::StartTls)]
        );
    }

    #[test]
    fn unusable_records_are_no_reason_to_fall_back() {
        for unusable in [
            record(1, 0, "a.net"),
            record(1, 5222, "a b"),
            record(1, 5222, r"a\.b"),
            record(1, 5222, ""),
        ] {
            assert_eq!(
                plan(Ok(vec![]), Ok(vec![unusable])),
                Err(PlanError::NoUsableRecord)
            );
        }
    }

    #[test]
    fn the_number_of_targets_is_capped() {
        let many = (0..100).map(|n| record(n, 5222, "a.net")).collect();
        assert_eq!(
            plan(Ok(vec![]), Ok(many)).unwrap().targets().len(),
            MAX_TARGETS
        );
    }

    #[test]
    fn addresses_and_localhost_are_not_looked_up() {
        for (domainpart, host) in [
            ("192.0.2.1", "192.0.2.1"),
            ("[::1]", "::1"),
            ("localhost", "localhost"),
        ] {
            let domain = Domain::parse(domainpart).unwrap();
            assert_eq!(Service::CLIENT.srv_names(&domain), None);
            let plan = Plan::fallback(&Service::SERVER, &domain);
            assert_eq!(plan.targets(), [target(host, 5269, Mode::StartTls)]);
        }
    }
}
