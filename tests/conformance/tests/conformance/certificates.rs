//! Which certificates prove the identity of a server (RFC 6120 §13.7), each made for its case.

use xmppwire_blocking::tls::{Identity, ServerTls, rustls};
use xmppwire_blocking::{
    Client, CloseReason, Connector, DomainPolicy, Domainpart, Error, FederationConfig, LocalDomain,
    Mode, Pair, PeerIncompatible, Policies, Trust,
};
use xmppwire_conformance::case::Case;
use xmppwire_conformance::feature::Role;
use xmppwire_net::find::Service;
use xmppwire_test_support::adapter::Blocking;
use xmppwire_test_support::servers::{Outcome, open};
use xmppwire_test_support::site::{Site, serve, visit};
use xmppwire_test_support::{Authority, DOMAIN, PASSWORD, Porter, both};

/// A certificate with which a server tries to prove that it is the domain's.
struct Proof {
    name: &'static str,
    about: &'static str,
    domain: &'static str,
    accepted: bool,
    /// Makes it, for a service with this SRV-ID label, such as `_xmpp-client`.
    identity: fn(&Authority, &str) -> Identity,
}

impl Proof {
    /// A server with it, signed by this authority or by one below it.
    fn shown_by(&self, authority: &Authority, service: &Service) -> ServerTls {
        ServerTls::builder((self.identity)(authority, service.srv_id_label()))
            .service(service.clone())
            .build()
            .unwrap()
    }
}

const PROOFS: &[Proof] = &[
    Proof {
        name: "dns-id",
        about: "The certificate names the domain: accepted (§13.7.1.2.1).",
        domain: DOMAIN,
        accepted: true,
        identity: |authority, _| authority.issue(DOMAIN, |_| {}),
    },
    Proof {
        name: "wildcard",
        about: "A wildcard stands for one label: not for the domain without one (§13.7.1.2.1).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority, _| authority.issue("*.example.org", |_| {}),
    },
    Proof {
        name: "wildcard-of-the-domain",
        about: "A wildcard that stands for the domain's first label: accepted (§13.7.1.2.1).",
        domain: "im.example.org",
        accepted: true,
        identity: |authority, _| authority.issue("*.example.org", |_| {}),
    },
    Proof {
        name: "wrong-name",
        about: "The certificate of another domain: refused (§13.7.2.1).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority, _| authority.issue("example.com", |_| {}),
    },
    Proof {
        name: "name-of-the-srv-target",
        about: "The certificate of the host that SRV led to, and not of the domain: refused, since DNS is not secure (§13.7.2.1).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority, _| authority.issue("localhost", |_| {}),
    },
    Proof {
        name: "subdomain",
        about: "The certificate of a subdomain: refused (§13.7.2.1).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority, _| authority.issue("xmpp.example.org", |_| {}),
    },
    Proof {
        name: "expired",
        about: "A certificate whose time is over: refused (§13.7.2).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority, _| {
            authority.issue(DOMAIN, |params| {
                params.not_before = rcgen::date_time_ymd(2001, 1, 1);
                params.not_after = rcgen::date_time_ymd(2002, 1, 1);
            })
        },
    },
    Proof {
        name: "not-yet-valid",
        about: "A certificate whose time is to come: refused (§13.7.2).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority, _| {
            authority.issue(DOMAIN, |params| {
                params.not_before = rcgen::date_time_ymd(3001, 1, 1);
                params.not_after = rcgen::date_time_ymd(3002, 1, 1);
            })
        },
    },
    Proof {
        name: "unknown-authority",
        about: "The right name by an authority that nobody trusts: refused (§13.7.2).",
        domain: DOMAIN,
        accepted: false,
        identity: |_, _| Authority::new().issue(DOMAIN, |_| {}),
    },
    Proof {
        name: "srv-id",
        about: "The service on the domain as an SRV-ID alone: accepted (§13.7.1.2.1).",
        domain: DOMAIN,
        accepted: true,
        identity: |authority, label| srv_id(authority, &format!("{label}.example.org")),
    },
    Proof {
        name: "srv-id-of-another-service",
        about: "The SRV-ID of another service on the domain: refused (RFC 6125 §6.5).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority, _| srv_id(authority, "_imaps.example.org"),
    },
    Proof {
        name: "srv-id-of-another-domain",
        about: "The SRV-ID of the service on another domain: refused (§13.7.2.1).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority, label| srv_id(authority, &format!("{label}.example.com")),
    },
    Proof {
        name: "xmpp-addr",
        about: "The domain as an XMPP address alone: accepted (§13.7.1.2.1).",
        domain: DOMAIN,
        accepted: true,
        identity: |authority, _| other_name(authority, XMPP_ADDR, 0x0C, "Example.org"),
    },
    Proof {
        name: "xmpp-addr-of-an-account",
        about: "The certificate of a user of the domain: refused (§13.7.2.1).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority, _| other_name(authority, XMPP_ADDR, 0x0C, "romeo@example.org"),
    },
    Proof {
        name: "limited-authority-within",
        about: "An authority that may speak for the domain alone names it: accepted (RFC 5280 §4.2.1.10).",
        domain: DOMAIN,
        accepted: true,
        identity: |authority, _| authority.limited_to(DOMAIN).issue(DOMAIN, |_| {}),
    },
    Proof {
        name: "limited-authority-beyond",
        about: "An authority that may speak for another domain alone names this one: refused (RFC 5280 §4.2.1.10).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority, _| authority.limited_to("example.com").issue(DOMAIN, |_| {}),
    },
    Proof {
        name: "limited-authority-by-srv-id",
        about: "The same by an SRV-ID, of which its limits say nothing: refused.",
        domain: DOMAIN,
        accepted: false,
        identity: |authority, label| {
            srv_id(
                &authority.limited_to("example.com"),
                &format!("{label}.example.org"),
            )
        },
    },
    Proof {
        name: "common-name",
        about: "The domain as the common name alone: refused, as RFC 9525 wants it (§13.7.2.1).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority, _| {
            authority.issue("example.com", |params| {
                params
                    .distinguished_name
                    .push(rcgen::DnType::CommonName, DOMAIN);
            })
        },
    },
];

/// id-on-xmppAddr (RFC 6120 §13.7.1.4).
const XMPP_ADDR: u8 = 5;
/// id-on-dnsSRV (RFC 4985 §2).
const DNS_SRV: u8 = 7;

fn srv_id(authority: &Authority, name: &str) -> Identity {
    other_name(authority, DNS_SRV, 0x16, name)
}

/// A certificate whose only name is of a kind below id-on, 1.3.6.1.5.5.7.8, as a string of that
/// tag.
fn other_name(authority: &Authority, kind: u8, tag: u8, name: &str) -> Identity {
    let der = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).unwrap();
        assert!(length < 0x80, "one octet says the length");
        [&[tag, length], content].concat()
    };
    let id = der(0x06, &[0x2B, 6, 1, 5, 5, 7, 8, kind]);
    let value = der(0xA0, &der(tag, name.as_bytes()));
    let names = der(0x30, &der(0xA0, &[id, value].concat()));
    authority.issue(DOMAIN, |params| {
        params.subject_alt_names.clear();
        let extension = rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 17], names);
        params.custom_extensions.push(extension);
    })
}

pub(crate) fn cases() -> Vec<Case> {
    let of = |proof: &'static Proof| {
        let case = |role, shows: &[&str], check: fn(&'static Proof, Mode)| {
            let name = format!("certificates/{}", proof.name);
            Case::new(&name, proof.about, role, shows, move || {
                check(proof, Mode::StartTls);
                check(proof, Mode::DirectTls);
            })
        };
        [
            case(Role::Client, &["tls-certs"], client_meets),
            case(
                Role::Server,
                &["tls-certs", "tls-correlate", "security-mti-both-external"],
                server_meets,
            ),
        ]
    };
    PROOFS.iter().flat_map(of).collect()
}

/// Connects a client to a server with this certificate.
fn client_meets(proof: &'static Proof, mode: Mode) {
    let authority = Authority::new();
    let tls = proof.shown_by(&authority, &Service::CLIENT);
    let jid = format!("juliet@{}", proof.domain);
    let connector = Connector::account(&jid, PASSWORD)
        .unwrap()
        .with_tls(authority.client());
    let site = Site::at("127.0.0.1", authority, tls).unwrap();
    let port = site.port;
    let server = move || {
        let porter = Porter::for_domain(proof.domain);
        serve::<Blocking>(site.socket(), &site.tls, mode, porter)
    };
    let client = move || match Client::over(visit(port), mode, &connector) {
        Ok(client) => {
            assert!(proof.accepted, "{mode:?}: {} is accepted", proof.name);
            client.close().unwrap();
        }
        Err(Error::Tls(why)) => assert!(!proof.accepted, "{mode:?}: {}: {why}", proof.name),
        Err(other) => panic!("{mode:?}: {}: {other}", proof.name),
    };
    let (logged_in, ()) = both(server, client);
    assert_eq!(
        logged_in.unwrap_or(false),
        proof.accepted,
        "{mode:?}: {}",
        proof.name
    );
}

/// A server of this domain with this certificate, which uses certificates alone.
fn server(name: &str, identity: Identity, authority: &Authority) -> FederationConfig {
    let tls = LocalDomain::new(identity, authority.roots()).unwrap();
    FederationConfig::new()
        .with_domain(Domainpart::new(name).unwrap(), tls)
        .with_policies(Policies::new(certified()))
}

fn certified() -> DomainPolicy {
    DomainPolicy::default().without_dialback()
}

/// Lets a server open a stream to one with this certificate, and one with this certificate open a
/// stream to a server. Stanzas may pass if the certificate proves the domain.
fn server_meets(proof: &'static Proof, mode: Mode) {
    let authority = Authority::new();
    let identity = (proof.identity)(&authority, Service::SERVER.srv_id_label());
    let other = "other.example";
    let theirs = server(proof.domain, identity, &authority);
    let ours = server(other, authority.issue(other, |_| {}), &authority);
    let domain = |name: &str| Domainpart::new(name).unwrap();
    let pair = Pair::new(domain(other), domain(proof.domain));

    match (
        open(&ours, &theirs, &pair, certified(), mode),
        proof.accepted,
    ) {
        (Outcome::Ready(Trust::Certificate, Trust::Certificate), true) => {}
        (Outcome::NoTls(rustls::Error::InvalidCertificate(_)), false) => {}
        (outcome, _) => panic!("{mode:?}: {}: {outcome:?}", proof.name),
    }
    let pair = pair.inverse();
    match (
        open(&theirs, &ours, &pair, certified(), mode),
        proof.accepted,
    ) {
        (Outcome::Ready(Trust::Certificate, Trust::Certificate), true) => {}
        // The handshake goes on, and EXTERNAL is not offered.
        (Outcome::Closed(CloseReason::Incompatible(PeerIncompatible::NoProof)), false) => {}
        (outcome, _) => panic!("{mode:?}: {}: {outcome:?}", proof.name),
    }
}
