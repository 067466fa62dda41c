//! Revoked certificates in both roles (RFC 6120 §13.7.2).

use xmppwire_blocking::tls::rustls::{AlertDescription, CertificateError, ConnectionCommon};
use xmppwire_blocking::tls::rustls::{Error as Rustls, SideData};
use xmppwire_blocking::tls::{
    ClientCertificates, ClientTls, Identity, KeyPurpose, RevocationLists, ServerTls, TlsError,
};
use xmppwire_blocking::{
    Client, CloseReason, Connector, DomainPolicy, Domainpart, Error, FederationConfig, LinkError,
    LocalDomain, Mode, Pair, PeerIncompatible, Policies, Trust,
};
use xmppwire_conformance::case::Case;
use xmppwire_conformance::feature::Role;
use xmppwire_net::find::{Domain, Service};
use xmppwire_test_support::adapter::Blocking;
use xmppwire_test_support::servers::{Outcome, open};
use xmppwire_test_support::site::{Site, serve, visit};
use xmppwire_test_support::{Authority, DOMAIN, JULIET, PASSWORD, Porter, both};

/// The certificate of the other side comes from an authority below the root.
struct Status {
    name: &'static str,
    about: &'static str,
    /// The lists of the root and of the authority below it.
    lists: fn(&Authority, &Authority) -> RevocationLists,
    refused: Option<Refusal>,
}

struct Refusal {
    why: fn(&CertificateError) -> bool,
    alert: AlertDescription,
}

/// The serial number of the certificate.
const SERIAL: u64 = 7;
/// A year to come, and one that is over.
const VALID: i32 = 3001;
const EXPIRED: i32 = 2002;

const REVOKED: Option<Refusal> = Some(Refusal {
    why: |error| matches!(error, CertificateError::Revoked),
    alert: AlertDescription::CertificateRevoked,
});
const UNKNOWN: Option<Refusal> = Some(Refusal {
    why: |error| matches!(error, CertificateError::UnknownRevocationStatus),
    alert: AlertDescription::UnknownCA,
});
const LIST_EXPIRED: Option<Refusal> = Some(Refusal {
    why: |error| matches!(error, CertificateError::ExpiredRevocationListContext { .. }),
    alert: AlertDescription::UnknownCA,
});

fn lists(pem: &[String]) -> RevocationLists {
    RevocationLists::from_pem(pem.concat().as_bytes()).unwrap()
}

const STATUSES: &[Status] = &[
    Status {
        name: "revoked",
        about: "A certificate in the revocation list of its issuer: refused (§13.7.2).",
        lists: |root, issuer| {
            let root = root.revocation_list(&[], VALID);
            lists(&[root, issuer.revocation_list(&[SERIAL], VALID)])
        },
        refused: REVOKED,
    },
    Status {
        name: "revoked-authority",
        about: "A certificate whose issuer is in the list of the root: refused (§13.7.2).",
        lists: |root, issuer| {
            let root = root.revocation_list(&[Authority::SERIAL], VALID);
            lists(&[root, issuer.revocation_list(&[], VALID)])
        },
        refused: REVOKED,
    },
    Status {
        name: "not-revoked",
        about: "Revocation lists with other certificates: accepted (§13.7.2).",
        lists: |root, issuer| {
            let root = root.revocation_list(&[SERIAL], VALID);
            lists(&[root, issuer.revocation_list(&[SERIAL + 1], VALID)])
        },
        refused: None,
    },
    Status {
        name: "revocation-unknown",
        about: "A certificate whose issuer has no revocation list: refused where there are lists (§13.7.2).",
        lists: |root, _| lists(&[root.revocation_list(&[], VALID)]),
        refused: UNKNOWN,
    },
    Status {
        name: "revocation-unknown-allowed",
        about: "The same, allowed by the application: accepted.",
        lists: |root, _| lists(&[root.revocation_list(&[], VALID)]).allow_unknown(),
        refused: None,
    },
    Status {
        name: "revocation-list-expired",
        about: "A revocation list past its next update: refused (RFC 5280 §6.3.3).",
        lists: |root, issuer| {
            let root = root.revocation_list(&[], VALID);
            lists(&[root, issuer.revocation_list(&[], EXPIRED)])
        },
        refused: LIST_EXPIRED,
    },
    Status {
        name: "revocation-list-expired-allowed",
        about: "The same, allowed by the application: accepted.",
        lists: |root, issuer| {
            let root = root.revocation_list(&[], VALID);
            lists(&[root, issuer.revocation_list(&[], EXPIRED)]).allow_expired()
        },
        refused: None,
    },
    Status {
        name: "revocation-by-expired-list",
        about: "A certificate in an expired revocation list that the application allows: refused.",
        lists: |root, issuer| {
            let root = root.revocation_list(&[], VALID);
            lists(&[root, issuer.revocation_list(&[SERIAL], EXPIRED)]).allow_expired()
        },
        refused: REVOKED,
    },
    Status {
        name: "revoked-authority-unchecked",
        about: "A revoked issuer, where the application has only the certificate itself checked: accepted.",
        lists: |root, issuer| {
            let root = root.revocation_list(&[Authority::SERIAL], VALID);
            lists(&[root, issuer.revocation_list(&[], VALID)]).only_end_entity()
        },
        refused: None,
    },
];

pub(crate) fn cases() -> Vec<Case> {
    let of = |status: &'static Status| {
        let case = |role, check: fn(&'static Status, Mode)| {
            let name = format!("certificates/{}", status.name);
            Case::new(&name, status.about, role, &["tls-certs"], move || {
                check(status, Mode::StartTls);
                check(status, Mode::DirectTls);
            })
        };
        [
            case(Role::Client, client_meets_server),
            case(Role::Server, |status, mode| {
                server_meets_client(status, mode);
                server_meets_server(status, mode);
            }),
        ]
    };
    STATUSES.iter().flat_map(of).collect()
}

/// A certificate with this status, its root, and the lists that tell the status.
fn certificate(status: &Status) -> (Authority, Identity, RevocationLists) {
    let root = Authority::new();
    let issuer = root.unlimited();
    let identity = issuer.issue(DOMAIN, |params| params.serial_number = Some(SERIAL.into()));
    let lists = (status.lists)(&root, &issuer);
    (root, identity, lists)
}

fn client_meets_server(status: &'static Status, mode: Mode) {
    let (root, identity, lists) = certificate(status);
    for service in [Service::CLIENT, Service::SERVER] {
        let server = ServerTls::builder(identity.clone()).service(service.clone());
        let client = ClientTls::builder(root.roots()).revocation_lists(lists.clone());
        let (client, server) = (client.service(service).build(), server.build());
        let (client, server) = (client.unwrap(), server.unwrap());
        let (by_client, by_server) = handshake(&client, &server, mode);
        check(status, by_client, by_server);
    }

    let server = ServerTls::builder(identity).build().unwrap();
    let client = ClientTls::builder(root.roots()).revocation_lists(lists);
    let (by_client, _) = log_in(client.build().unwrap(), server, mode);
    match (by_client, &status.refused) {
        (Ok(()), None) => {}
        (Err(Error::Tls(TlsError::Rustls(error))), Some(refusal)) => refusal.matches(&error),
        (result, _) => panic!("{mode:?}: {}: {result:?}", status.name),
    }
}

fn server_meets_client(status: &'static Status, mode: Mode) {
    let (root, identity, lists) = certificate(status);
    let tls = || {
        let server = ServerTls::builder(root.issue(DOMAIN, |_| {}))
            .client_certificates(ClientCertificates::Requested(root.roots()))
            .revocation_lists(lists.clone());
        let client = ClientTls::builder(root.roots()).identity(identity.clone());
        (client.build().unwrap(), server.build().unwrap())
    };
    let (client, server) = tls();
    let (by_client, by_server) = handshake(&client, &server, mode);
    check(status, by_server, by_client);

    let (client, server) = tls();
    // The client may not get to read the alert: the server closes a socket that it has not read to
    // the end.
    let (by_client, by_server) = log_in(client, server, mode);
    match (by_server, &status.refused) {
        (Ok(true), None) => by_client.unwrap(),
        (Err(LinkError::Tls(TlsError::Rustls(error))), Some(refusal)) => refusal.matches(&error),
        (result, _) => panic!("{mode:?}: {}: {result:?}", status.name),
    }
}

/// Opens streams between a server with this certificate and one that has the lists, in both
/// directions.
fn server_meets_server(status: &'static Status, mode: Mode) {
    let (root, identity, lists) = certificate(status);
    let other = "other.example";
    let theirs = server(DOMAIN, identity, &root, &RevocationLists::default());
    let ours = server(other, root.issue(other, |_| {}), &root, &lists);
    let domain = |name: &str| Domainpart::new(name).unwrap();
    let pair = Pair::new(domain(other), domain(DOMAIN));
    let certified = DomainPolicy::default().without_dialback();

    match (
        open(&ours, &theirs, &pair, certified, mode),
        &status.refused,
    ) {
        (Outcome::Ready(Trust::Certificate, _), None) => {}
        (Outcome::NoTls(error), Some(refusal)) => refusal.matches(&error),
        (outcome, _) => panic!("{mode:?}: {}: {outcome:?}", status.name),
    }
    let outcome = open(&theirs, &ours, &pair.inverse(), certified, mode);
    match (outcome, &status.refused) {
        (Outcome::Ready(_, Trust::Certificate), None) => {}
        (Outcome::Closed(CloseReason::Incompatible(PeerIncompatible::NoProof)), Some(_)) => {}
        (outcome, _) => panic!("{mode:?}: {}: {outcome:?}", status.name),
    }
}

/// A server of this domain that uses certificates alone, and checks them against these lists.
fn server(
    name: &str,
    identity: Identity,
    root: &Authority,
    lists: &RevocationLists,
) -> FederationConfig {
    let outgoing = ClientTls::builder(root.roots())
        .identity(identity.clone())
        .revocation_lists(lists.clone())
        .service(Service::SERVER);
    let incoming = ServerTls::builder(identity)
        .client_certificates(ClientCertificates::Tolerated(root.roots()))
        .key_purpose(KeyPurpose::ClientOrServer)
        .revocation_lists(lists.clone())
        .service(Service::SERVER);
    let tls = LocalDomain::with_tls(outgoing.build().unwrap(), incoming.build().unwrap(), true);
    FederationConfig::new()
        .with_domain(Domainpart::new(name).unwrap(), tls)
        .with_policies(Policies::new(DomainPolicy::default().without_dialback()))
}

/// Compares the status with the result of the side that verifies and with the alert that the other
/// side gets.
fn check(status: &Status, verifying: Result<(), Rustls>, other: Result<(), Rustls>) {
    match (&status.refused, verifying, other) {
        (None, Ok(()), Ok(())) => {}
        (Some(refusal), Err(error), Err(Rustls::AlertReceived(alert))) => {
            refusal.matches(&error);
            assert_eq!(alert, refusal.alert, "{}", status.name);
        }
        (_, verifying, other) => panic!("{}: {verifying:?}, {other:?}", status.name),
    }
}

impl Refusal {
    fn matches(&self, error: &Rustls) {
        match error {
            Rustls::InvalidCertificate(error) => assert!((self.why)(error), "{error}"),
            other => panic!("{other}"),
        }
    }
}

/// A handshake in memory, up to the end or to the alert, as both sides see it.
fn handshake(
    client: &ClientTls,
    server: &ServerTls,
    mode: Mode,
) -> (Result<(), Rustls>, Result<(), Rustls>) {
    let domain = Domain::parse(DOMAIN).unwrap();
    let mut client = client.connect(&domain, mode).unwrap();
    let mut server = server.accept(mode).unwrap();
    let (mut by_client, mut by_server) = (Ok(()), Ok(()));
    while client.wants_write() || server.wants_write() {
        by_server = by_server.and(carry(&mut client, &mut server));
        by_client = by_client.and(carry(&mut server, &mut client));
    }
    (by_client, by_server)
}

fn carry<A: SideData, B: SideData>(
    from: &mut ConnectionCommon<A>,
    to: &mut ConnectionCommon<B>,
) -> Result<(), Rustls> {
    let mut records = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut records).unwrap();
    }
    let mut records = records.as_slice();
    while !records.is_empty() {
        to.read_tls(&mut records).unwrap();
        to.process_new_packets()?;
    }
    Ok(())
}

/// The results of a login over a socket on both sides; the server's is true if the client was
/// bound.
fn log_in(
    client: ClientTls,
    server: ServerTls,
    mode: Mode,
) -> (Result<(), Error>, Result<bool, LinkError>) {
    let site = Site::at("127.0.0.1", Authority::new(), server).unwrap();
    let port = site.port;
    let serve = move || serve::<Blocking>(site.socket(), &site.tls, mode, Porter::default());
    let call = move || {
        let connector = Connector::account(JULIET, PASSWORD).unwrap();
        Client::over(visit(port), mode, &connector.with_tls(client))?.close()
    };
    let (by_server, by_client) = both(serve, call);
    (by_client, by_server)
}
