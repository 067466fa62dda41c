//! Two servers that open a stream over TLS in memory: how well they know each other in the end, by
//! the certificate of each and the policy of each.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

use rcgen::ExtendedKeyUsagePurpose as Usage;
use xmppwire::s2s::{DialbackSecret, Pair, Refusal, Trust};
use xmppwire::{CloseReason, Domainpart, PeerIncompatible, StanzaErrorCondition};
use xmppwire_net::federation::{DomainPolicy, FederationConfig, LocalDomain, Policies};
use xmppwire_net::find::Mode;
use xmppwire_net::tls::{Identity, rustls};
use xmppwire_test_support::Authority;
use xmppwire_test_support::servers::{self, Outcome};

const A: &str = "a.example";
const B: &str = "b.example";

fn domain(name: &str) -> Domainpart {
    Domainpart::new(name).unwrap()
}

/// How a server is known.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shown {
    /// A certificate of the domain for TLS servers alone, as public authorities issue them.
    Own,
    /// A certificate of the domain by another authority.
    Untrusted,
    /// A certificate of another domain.
    OfAnother,
}

const SHOWN: [Shown; 3] = [Shown::Own, Shown::Untrusted, Shown::OfAnother];

impl Shown {
    fn issue(self, authority: &Authority, name: &str) -> Identity {
        let usage = |params: &mut rcgen::CertificateParams| {
            params.extended_key_usages = vec![Usage::ServerAuth];
        };
        match self {
            Self::Own => authority.issue(name, usage),
            Self::Untrusted => Authority::new().issue(name, usage),
            Self::OfAnother => authority.issue("other.example", usage),
        }
    }
}

fn server(
    authority: &Authority,
    name: &str,
    shown: Shown,
    policy: DomainPolicy,
) -> FederationConfig {
    let identity = shown.issue(authority, name);
    let tls = LocalDomain::new(identity, authority.roots()).unwrap();
    FederationConfig::new()
        .with_domain(domain(name), tls)
        .with_dialback(DialbackSecret::new("xyzzy"))
        .with_policies(Policies::new(policy))
}

/// Opens a stream from `a` to `b`.
fn open(a: &FederationConfig, b: &FederationConfig, policy: DomainPolicy) -> Outcome {
    let pair = Pair::new(domain(A), domain(B));
    servers::open(a, b, &pair, policy, Mode::StartTls)
}

#[test]
fn by_default_every_certificate_encrypts_and_a_verified_one_proves() {
    let (authority, policy) = (Authority::new(), DomainPolicy::default());
    for of_a in SHOWN {
        for of_b in SHOWN {
            let a = server(&authority, A, of_a, policy);
            let b = server(&authority, B, of_b, policy);
            let known_b = match (of_a, of_b) {
                (Shown::Own, Shown::Own) => Trust::Certificate,
                (_, Shown::Own) => Trust::CertifiedDialback,
                _ => Trust::Dialback { tls: true },
            };
            let known_a = match of_a {
                Shown::Own => Trust::Certificate,
                _ => Trust::Dialback { tls: true },
            };
            match open(&a, &b, policy) {
                Outcome::Ready(b, a) => assert_eq!((b, a), (known_b, known_a), "{of_a:?} {of_b:?}"),
                other => panic!("{of_a:?} {of_b:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_server_that_wants_a_certificate_opens_no_stream_without() {
    let authority = Authority::new();
    for policy in [
        DomainPolicy::default().with_certified_peer(),
        DomainPolicy::default().without_dialback(),
    ] {
        for of_b in SHOWN {
            let a = server(&authority, A, Shown::Own, policy);
            let b = server(&authority, B, of_b, DomainPolicy::default());
            match open(&a, &b, policy) {
                Outcome::Ready(Trust::Certificate, Trust::Certificate) => {
                    assert_eq!(of_b, Shown::Own);
                }
                Outcome::NoTls(rustls::Error::InvalidCertificate(_)) => {
                    assert_ne!(of_b, Shown::Own);
                }
                other => panic!("{of_b:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_server_without_a_secret_relies_on_certificates() {
    let (authority, policy) = (Authority::new(), DomainPolicy::default());
    for of_b in SHOWN {
        let identity = Shown::Own.issue(&authority, A);
        let tls = LocalDomain::new(identity, authority.roots()).unwrap();
        let a = FederationConfig::new().with_domain(domain(A), tls);
        let b = server(&authority, B, of_b, policy);
        match open(&a, &b, policy) {
            Outcome::Ready(Trust::Certificate, _) => assert_eq!(of_b, Shown::Own),
            Outcome::NoTls(_) => assert_ne!(of_b, Shown::Own),
            other => panic!("{of_b:?}: {other:?}"),
        }
    }
}

#[test]
fn a_server_that_wants_a_certificate_accepts_no_key_without() {
    let (authority, policy) = (Authority::new(), DomainPolicy::default());
    for strict in [
        DomainPolicy::default().with_certified_peer(),
        DomainPolicy::default().without_dialback(),
    ] {
        for of_a in SHOWN {
            let a = server(&authority, A, of_a, policy);
            let b = server(&authority, B, Shown::Own, strict);
            match open(&a, &b, policy) {
                Outcome::Ready(_, known) => {
                    assert_eq!((of_a, known), (Shown::Own, Trust::Certificate));
                }
                Outcome::Refused(refusal) => {
                    assert_ne!(of_a, Shown::Own);
                    let not_authorized = StanzaErrorCondition::NotAuthorized.into();
                    assert_eq!(refusal, Refusal::Error(not_authorized));
                }
                other => panic!("{of_a:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_server_without_a_proof_of_its_own_closes() {
    // Neither a certificate that counts nor a secret for keys.
    let (authority, policy) = (Authority::new(), DomainPolicy::default());
    let tls = LocalDomain::new(Shown::Untrusted.issue(&authority, A), authority.roots());
    let a = FederationConfig::new().with_domain(domain(A), tls.unwrap());
    let b = server(&authority, B, Shown::Own, policy);
    match open(&a, &b, policy) {
        Outcome::Closed(CloseReason::Incompatible(PeerIncompatible::NoProof)) => {}
        other => panic!("{other:?}"),
    }
}
