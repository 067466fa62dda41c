//! TLS between servers: what a certificate has to prove, in each role and under each policy.

use std::sync::Arc;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose as Usage, KeyPair, date_time_ymd};
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, Error, ServerConfig, SignatureScheme};
use xmppwire::Domainpart;
use xmppwire_net::find::{Mode, Service};
use xmppwire_net::tls::{
    ClientCertificates, ClientTls, Identity, KeyPurpose, RevocationLists, ServerTls, TlsSummary,
    TlsVersion,
};
use xmppwire_test_support::Authority;

use crate::handshake::{connect, domain, handshake};

/// The domain that the peer has to prove.
const PEER: &str = "peer.example";
const US: &str = "us.example";

/// What a certificate is worth as a proof of [`PEER`].
#[derive(Clone, Copy)]
enum Worth {
    Proof,
    /// It proves another domain.
    OfAnother,
    Unverified(fn(&CertificateError) -> bool),
}

use Worth::{OfAnother, Proof, Unverified};

const WRONG_PURPOSE: Worth =
    Unverified(|error| matches!(error, CertificateError::InvalidPurposeContext { .. }));
const UNTRUSTED: Worth = Unverified(|error| {
    matches!(
        error,
        CertificateError::UnknownIssuer | CertificateError::BadSignature
    )
});
const EXPIRED: Worth = Unverified(|error| matches!(error, CertificateError::ExpiredContext { .. }));
const TOO_EARLY: Worth =
    Unverified(|error| matches!(error, CertificateError::NotValidYetContext { .. }));

/// A certificate, and its worth to a server that opens a stream, to one that receives a stream, and
/// to one that receives a stream and wants `clientAuth`.
struct Certificate {
    name: &'static str,
    issue: fn(&Authority) -> Identity,
    of_receiver: Worth,
    of_initiator: Worth,
    of_client: Worth,
}

const fn same(name: &'static str, worth: Worth, issue: fn(&Authority) -> Identity) -> Certificate {
    Certificate {
        name,
        issue,
        of_receiver: worth,
        of_initiator: worth,
        of_client: worth,
    }
}

fn with_usage(authority: &Authority, usages: &[Usage]) -> Identity {
    authority.issue(PEER, |params| params.extended_key_usages = usages.to_vec())
}

fn self_signed() -> Identity {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([PEER.to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Identity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap()
}

const CERTIFICATES: &[Certificate] = &[
    same("any usage", Proof, |ca| ca.issue(PEER, |_| {})),
    same("both usages", Proof, |ca| {
        with_usage(ca, &[Usage::ServerAuth, Usage::ClientAuth])
    }),
    Certificate {
        name: "for servers",
        issue: |ca| with_usage(ca, &[Usage::ServerAuth]),
        of_receiver: Proof,
        of_initiator: Proof,
        of_client: WRONG_PURPOSE,
    },
    Certificate {
        name: "for clients",
        issue: |ca| with_usage(ca, &[Usage::ClientAuth]),
        of_receiver: WRONG_PURPOSE,
        of_initiator: Proof,
        of_client: Proof,
    },
    same("for code", WRONG_PURPOSE, |ca| {
        with_usage(ca, &[Usage::CodeSigning])
    }),
    same("of another domain", OfAnother, |ca| {
        ca.issue("other.example", |_| {})
    }),
    same("of another authority", UNTRUSTED, |_| {
        Authority::new().issue(PEER, |_| {})
    }),
    Certificate {
        name: "for servers, of another authority",
        issue: |_| with_usage(&Authority::new(), &[Usage::ServerAuth]),
        of_receiver: UNTRUSTED,
        of_initiator: UNTRUSTED,
        of_client: WRONG_PURPOSE,
    },
    same("self-signed", UNTRUSTED, |_| self_signed()),
    same("expired", EXPIRED, |ca| {
        ca.issue(PEER, |params| {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        })
    }),
    same("too early", TOO_EARLY, |ca| {
        ca.issue(PEER, |params| params.not_before = date_time_ymd(4000, 1, 1))
    }),
];

/// Cryptography for one version of TLS alone.
fn only(version: TlsVersion) -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    let is_of = |suite: &rustls::SupportedCipherSuite| match version {
        TlsVersion::Tls12 => suite.tls13().is_none(),
        TlsVersion::Tls13 => suite.tls13().is_some(),
    };
    provider.cipher_suites.retain(is_of);
    Arc::new(provider)
}

/// Calls it for every version of TLS and both ways to begin.
fn everywhere(run: impl Fn(TlsVersion, Mode)) {
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        for mode in [Mode::StartTls, Mode::DirectTls] {
            run(version, mode);
        }
    }
}

/// Compares what the summary says of the peer with what its certificate is worth.
fn check(summary: &TlsSummary, worth: Worth, what: &str) {
    assert_eq!(summary.peer_certificates.len(), 1, "{what}");
    let is_of_peer = summary
        .peer
        .as_ref()
        .map(|names| names.is_of_server(&Domainpart::new(PEER).unwrap()));
    assert_eq!(summary.info().peer().is_some(), is_of_peer.is_some());
    match worth {
        Proof => assert_eq!(
            (is_of_peer, &summary.unverified),
            (Some(true), &None),
            "{what}"
        ),
        OfAnother => assert_eq!(
            (is_of_peer, &summary.unverified),
            (Some(false), &None),
            "{what}"
        ),
        Unverified(is_why) => {
            assert_eq!(is_of_peer, None, "{what}");
            match &summary.unverified {
                Some(Error::InvalidCertificate(error)) => assert!(is_why(error), "{what}: {error}"),
                other => panic!("{what}: {other:?}"),
            }
        }
    }
}

/// Compares the result of a handshake that goes on only with a proof.
fn check_strict<T>(result: Result<T, Error>, worth: Worth, what: &str) -> Option<T> {
    match (result, worth) {
        (Ok(summary), Proof) => Some(summary),
        (Err(Error::InvalidCertificate(error)), Unverified(is_why)) => {
            assert!(is_why(&error), "{what}: {error}");
            None
        }
        (Err(Error::InvalidCertificate(error)), OfAnother) => {
            let is_name = matches!(error, CertificateError::NotValidForNameContext { .. });
            assert!(is_name, "{what}: {error}");
            None
        }
        (Ok(_), _) => panic!("{what}: the handshake goes on"),
        (Err(error), _) => panic!("{what}: {error}"),
    }
}

#[test]
fn a_server_that_opens_a_stream() {
    let authority = Authority::new();
    for certificate in CERTIFICATES {
        let receiver = (certificate.issue)(&authority);
        everywhere(|version, mode| {
            let what = format!("{} {version:?} {mode:?}", certificate.name);
            let server = ServerTls::builder(receiver.clone()).service(Service::SERVER);
            let server = server.provider(only(version)).build().unwrap();
            let client = ClientTls::builder(authority.roots()).service(Service::SERVER);
            let client = client.build().unwrap();

            let tolerant = client.for_dialback();
            let (summary, _) = connect(&tolerant, &server, PEER, mode).unwrap();
            assert_eq!(summary.version, version);
            check(&summary, certificate.of_receiver, &what);

            let result = connect(&client, &server, PEER, mode);
            if let Some((summary, _)) = check_strict(result, certificate.of_receiver, &what) {
                check(&summary, Proof, &what);
            }
        });
    }
}

#[test]
fn a_server_that_receives_a_stream() {
    let authority = Authority::new();
    let us = authority.issue(US, |_| {});
    let server = |version, policy, purpose| {
        ServerTls::builder(us.clone())
            .service(Service::SERVER)
            .client_certificates(policy)
            .key_purpose(purpose)
            .provider(only(version))
            .build()
            .unwrap()
    };
    for certificate in CERTIFICATES {
        let initiator = (certificate.issue)(&authority);
        everywhere(|version, mode| {
            let client = ClientTls::builder(authority.roots())
                .service(Service::SERVER)
                .identity(initiator.clone())
                .build()
                .unwrap();
            for (purpose, worth) in [
                (KeyPurpose::ClientOrServer, certificate.of_initiator),
                (KeyPurpose::Client, certificate.of_client),
            ] {
                let what = format!("{} {version:?} {mode:?} {purpose:?}", certificate.name);
                let tolerant = ClientCertificates::Tolerated(authority.roots());
                let tolerant = server(version, tolerant, purpose);
                let (_, summary) = connect(&client, &tolerant, US, mode).unwrap();
                assert_eq!(summary.version, version);
                check(&summary, worth, &what);

                for policy in [
                    ClientCertificates::Requested(authority.roots()),
                    ClientCertificates::Required(authority.roots()),
                ] {
                    // In the handshake a server compares no name.
                    let in_handshake = match worth {
                        OfAnother => Proof,
                        worth => worth,
                    };
                    let result = connect(&client, &server(version, policy, purpose), US, mode);
                    if let Some((_, summary)) = check_strict(result, in_handshake, &what) {
                        check(&summary, worth, &what);
                    }
                }
            }
        });
    }
}

#[test]
fn a_server_that_opens_a_stream_without_a_certificate() {
    let authority = Authority::new();
    let server = |policy| {
        let server = ServerTls::builder(authority.issue(US, |_| {})).client_certificates(policy);
        server.build().unwrap()
    };
    let tolerant = server(ClientCertificates::Tolerated(authority.roots()));
    let (_, summary) = connect(&authority.client(), &tolerant, US, Mode::StartTls).unwrap();
    assert!(summary.peer_certificates.is_empty());
    assert_eq!((summary.peer, summary.unverified), (None, None));
    let strict = server(ClientCertificates::Required(authority.roots()));
    assert!(connect(&authority.client(), &strict, US, Mode::StartTls).is_err());
}

#[test]
fn a_revoked_certificate_is_no_proof() {
    let (authority, serial) = (Authority::new(), 7);
    let issue = |usage: Usage| {
        authority.issue(PEER, |params| {
            params.serial_number = Some(serial.into());
            params.extended_key_usages = vec![usage];
        })
    };
    let lists = authority.revocation_list(&[serial], 3001);
    let lists = || RevocationLists::from_pem(lists.as_bytes()).unwrap();
    let is_revoked = |summary: &TlsSummary| {
        assert_eq!(summary.peer, None);
        let revoked = Error::InvalidCertificate(CertificateError::Revoked);
        assert_eq!(summary.unverified, Some(revoked));
    };

    let client = ClientTls::builder(authority.roots()).revocation_lists(lists());
    let client = client.build().unwrap().for_dialback();
    let server = ServerTls::builder(issue(Usage::ServerAuth))
        .build()
        .unwrap();
    is_revoked(&connect(&client, &server, PEER, Mode::StartTls).unwrap().0);

    let server = ServerTls::builder(authority.issue(US, |_| {}))
        .client_certificates(ClientCertificates::Tolerated(authority.roots()))
        .key_purpose(KeyPurpose::ClientOrServer)
        .revocation_lists(lists());
    let server = server.build().unwrap();
    for usage in [Usage::ServerAuth, Usage::ClientAuth] {
        let client = ClientTls::builder(authority.roots()).identity(issue(usage));
        let client = client.build().unwrap();
        is_revoked(&connect(&client, &server, US, Mode::StartTls).unwrap().1);
    }
}

/// A certificate and a key that are shown without a check.
#[derive(Debug)]
struct Unchecked(Arc<CertifiedKey>);

impl Unchecked {
    fn new(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Arc<Self> {
        let provider = rustls::crypto::ring::default_provider();
        let key = provider.key_provider.load_private_key(key).unwrap();
        Arc::new(Self(Arc::new(CertifiedKey::new(vec![certificate], key))))
    }

    /// The certificate of the victim, with another key.
    fn stolen(victim: &Identity) -> Arc<Self> {
        let key = PrivateKeyDer::Pkcs8(KeyPair::generate().unwrap().serialize_der().into());
        Self::new(victim.certificate().clone(), key)
    }

    fn server(self: Arc<Self>, version: TlsVersion) -> ServerTls {
        let certificate = self.0.cert[0].clone();
        let config = ServerConfig::builder_with_provider(only(version))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(self);
        ServerTls::from_config(config, &certificate, &Service::SERVER)
    }

    fn client(self: Arc<Self>, version: TlsVersion, authority: &Authority) -> ClientTls {
        let config = ClientConfig::builder_with_provider(only(version))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(authority.roots())
            .with_client_cert_resolver(self);
        ClientTls::from_config(config, &Service::SERVER)
    }
}

impl ResolvesServerCert for Unchecked {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl ResolvesClientCert for Unchecked {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn a_certificate_without_its_key_ends_every_handshake() {
    let authority = Authority::new();
    let victim = authority.issue(PEER, |_| {});
    let bad_signature = Error::InvalidCertificate(CertificateError::BadSignature);
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let server = Unchecked::stolen(&victim).server(version);
        for client in [authority.client(), authority.client().for_dialback()] {
            let result = connect(&client, &server, PEER, Mode::StartTls);
            assert_eq!(result, Err(bad_signature.clone()), "{version:?}");
        }

        for policy in [
            ClientCertificates::Requested(authority.roots()),
            ClientCertificates::Required(authority.roots()),
            ClientCertificates::Tolerated(authority.roots()),
        ] {
            for purpose in [KeyPurpose::Client, KeyPurpose::ClientOrServer] {
                let client = Unchecked::stolen(&victim).client(version, &authority);
                let server = ServerTls::builder(authority.issue(US, |_| {}))
                    .client_certificates(policy.clone())
                    .key_purpose(purpose)
                    .build()
                    .unwrap();
                let mut to_server = client.connect(&domain(US), Mode::StartTls).unwrap();
                let mut to_client = server.accept(Mode::StartTls).unwrap();
                let result = handshake(&mut to_server, &mut to_client);
                assert_eq!(result, Err(bad_signature.clone()), "{version:?} {policy:?}");
            }
        }
    }
}

/// Without the key in the certificate nothing proves that the peer has it.
#[test]
fn a_certificate_that_cannot_be_read_ends_every_handshake() {
    let authority = Authority::new();
    // Of version 1: servers that were set up by hand have such certificates.
    let pem = include_bytes!("../data/version-1.pem");
    let old = || {
        let certificate = CertificateDer::from_pem_slice(pem).unwrap();
        Unchecked::new(certificate, PrivateKeyDer::from_pem_slice(pem).unwrap())
    };
    let is_refused = |result: Result<(), Error>| {
        assert!(
            matches!(result, Err(Error::InvalidCertificate(_))),
            "{result:?}"
        );
    };
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let (client, server) = (authority.client().for_dialback(), old().server(version));
        is_refused(connect(&client, &server, PEER, Mode::StartTls).map(drop));

        let client = old().client(version, &authority);
        let server = ServerTls::builder(authority.issue(US, |_| {}))
            .client_certificates(ClientCertificates::Tolerated(authority.roots()))
            .build()
            .unwrap();
        let mut to_server = client.connect(&domain(US), Mode::StartTls).unwrap();
        let mut to_client = server.accept(Mode::StartTls).unwrap();
        is_refused(handshake(&mut to_server, &mut to_client));
    }
}

#[test]
fn a_server_that_tolerates_certificates_names_no_authority() {
    #[derive(Debug)]
    struct Hints(std::sync::Mutex<Vec<usize>>);
    impl ResolvesClientCert for Hints {
        fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
            self.0.lock().unwrap().push(hints.len());
            None
        }
        fn has_certs(&self) -> bool {
            true
        }
    }

    let authority = Authority::new();
    let hints = Arc::new(Hints(Vec::new().into()));
    for policy in [
        ClientCertificates::Requested(authority.roots()),
        ClientCertificates::Tolerated(authority.roots()),
    ] {
        let client = ClientConfig::builder_with_provider(only(TlsVersion::Tls13))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(authority.roots())
            .with_client_cert_resolver(hints.clone());
        let client = ClientTls::from_config(client, &Service::SERVER);
        let server = ServerTls::builder(authority.issue(US, |_| {})).client_certificates(policy);
        connect(&client, &server.build().unwrap(), US, Mode::StartTls).unwrap();
    }
    assert_eq!(*hints.0.lock().unwrap(), [1, 0]);
}
