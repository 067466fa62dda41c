//! Which servers a client trusts, and what TLS tells both ends, in handshakes in memory.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod handshake;
mod old_versions;
mod servers;
mod usage;
mod validity;

use std::sync::Arc;

use rcgen::{
    ExtendedKeyUsagePurpose, KeyPair, OtherNameValue, SanType, SignatureAlgorithm, date_time_ymd,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, CipherSuite, ClientConfig, ServerConfig, version};
use xmppwire::CertificateIdentities;
use xmppwire_net::find::{Mode, Service};
use xmppwire_net::tls::{
    ClientCertificates, ClientTls, Identity, RevocationLists, ServerTls, TlsError, TlsVersion,
    roots_from_pem,
};
use xmppwire_test_support::Authority;

use crate::handshake::{connect, domain, handshake};

/// A server with a certificate for these names.
fn server_for(authority: &Authority, names: &[&str]) -> ServerTls {
    let identity = authority.issue_for(names, &KeyPair::generate().unwrap(), |_| {});
    ServerTls::builder(identity).build().unwrap()
}

fn refusal(client: &ClientTls, server: &ServerTls, domainpart: &str) -> CertificateError {
    match connect(client, server, domainpart, Mode::StartTls) {
        Err(rustls::Error::InvalidCertificate(error)) => error,
        other => panic!("{domainpart}: {other:?}"),
    }
}

#[test]
fn the_domain_is_accepted_in_every_spelling() {
    let authority = Authority::new();
    let names = [
        "example.org",
        "xn--bcher-kva.example",
        "*.wild.example",
        "127.0.0.1",
        "::1",
    ];
    let (client, server) = (authority.client(), server_for(&authority, &names));
    for name in [
        "example.org",
        "Example.ORG.",
        "bücher.example",
        "a.wild.example",
        "127.0.0.1",
        "[::1]",
    ] {
        connect(&client, &server, name, Mode::StartTls).unwrap();
    }
}

#[test]
fn another_name_is_refused() {
    let authority = Authority::new();
    let (client, server) = (
        authority.client(),
        server_for(&authority, &["example.org", "*.wild.example"]),
    );
    for name in [
        "example.com",
        "xmpp.example.org",
        "wild.example",
        "a.b.wild.example",
        "127.0.0.1",
    ] {
        let error = refusal(&client, &server, name);
        assert!(
            matches!(error, CertificateError::NotValidForNameContext { .. }),
            "{name}: {error:?}"
        );
    }
}

#[test]
fn certificates_out_of_their_time_are_refused() {
    let authority = Authority::new();
    let expired = authority.issue("example.org", |params| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    let server = ServerTls::builder(expired).build().unwrap();
    let error = refusal(&authority.client(), &server, "example.org");
    assert!(
        matches!(error, CertificateError::ExpiredContext { .. }),
        "{error:?}"
    );

    let future = authority.issue("example.org", |params| {
        params.not_before = date_time_ymd(4000, 1, 1);
    });
    let server = ServerTls::builder(future).build().unwrap();
    let error = refusal(&authority.client(), &server, "example.org");
    assert!(
        matches!(error, CertificateError::NotValidYetContext { .. }),
        "{error:?}"
    );
}

#[test]
fn another_authority_is_refused() {
    let server = Authority::new().server("example.org");
    let error = refusal(&Authority::new().client(), &server, "example.org");
    assert!(
        matches!(
            error,
            CertificateError::UnknownIssuer | CertificateError::BadSignature
        ),
        "{error:?}"
    );
}

#[test]
fn a_certificate_for_clients_is_no_certificate_for_servers() {
    let authority = Authority::new();
    let identity = authority.issue("example.org", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let server = ServerTls::builder(identity).build().unwrap();
    let error = refusal(&authority.client(), &server, "example.org");
    assert!(
        matches!(error, CertificateError::InvalidPurposeContext { .. }),
        "{error:?}"
    );
}

#[test]
fn both_ends_have_the_same_bindings_on_tls_1_3() {
    let authority = Authority::new();
    let (client, server) = (authority.client(), authority.server("example.org"));
    let (of_client, of_server) = connect(&client, &server, "example.org", Mode::StartTls).unwrap();
    assert_eq!(of_client.version, TlsVersion::Tls13);
    assert_eq!(of_server.version, TlsVersion::Tls13);
    assert!(of_client.exporter.is_some());
    assert_eq!(of_client.exporter, of_server.exporter);
    assert_eq!(of_client.server_end_point.as_ref().map(Vec::len), Some(32));
    assert_eq!(of_client.server_end_point, of_server.server_end_point);
    assert_eq!(of_client.peer_certificates.len(), 1);
    assert!(of_server.peer_certificates.is_empty());
    assert!(!format!("{of_client:?}").contains(&format!("{:?}", of_client.exporter.unwrap())));

    let (again, _) = connect(&client, &server, "example.org", Mode::StartTls).unwrap();
    assert_ne!(again.exporter, of_client.exporter);
    assert_eq!(again.server_end_point, of_client.server_end_point);
}

/// A server with TLS 1.2 alone, for which the builder has no method.
fn tls12_server(identity: &Identity, key: PrivateKeyDer<'static>, ems: bool) -> ServerTls {
    let provider = rustls::crypto::ring::default_provider();
    let mut config = ServerConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[&version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate().clone()], key)
        .unwrap();
    config.require_ems = ems;
    ServerTls::from_config(config, identity.certificate(), &Service::CLIENT)
}

fn identity_and_key(
    authority: &Authority,
    algorithm: &'static SignatureAlgorithm,
) -> (Identity, PrivateKeyDer<'static>) {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let identity = authority.issue_for(&["example.org"], &key, |_| {});
    (identity, PrivateKeyDer::Pkcs8(key.serialize_der().into()))
}

#[test]
fn both_ends_have_the_same_bindings_on_tls_1_2() {
    let authority = Authority::new();
    let (identity, key) = identity_and_key(&authority, &rcgen::PKCS_ECDSA_P256_SHA256);
    let server = tls12_server(&identity, key, true);
    let (of_client, of_server) =
        connect(&authority.client(), &server, "example.org", Mode::StartTls).unwrap();
    assert_eq!(of_client.version, TlsVersion::Tls12);
    assert!(of_client.exporter.is_some());
    assert_eq!(of_client.exporter, of_server.exporter);
    assert!(of_client.server_end_point.is_some());
    assert_eq!(of_client.server_end_point, of_server.server_end_point);
}

#[test]
fn without_certain_extended_master_secret_tls_1_2_has_no_exporter() {
    let authority = Authority::new();
    let (identity, key) = identity_and_key(&authority, &rcgen::PKCS_ECDSA_P256_SHA256);
    let server = tls12_server(&identity, key, false);
    let client = ClientTls::builder(authority.roots())
        .allow_weak_tls12()
        .build()
        .unwrap();
    let (of_client, of_server) = connect(&client, &server, "example.org", Mode::StartTls).unwrap();
    assert_eq!((of_client.exporter, of_server.exporter), (None, None));
    assert!(of_client.server_end_point.is_some());

    let new_server = authority.server("example.org");
    let (of_client, _) = connect(&client, &new_server, "example.org", Mode::StartTls).unwrap();
    assert!(of_client.exporter.is_some(), "TLS 1.3 needs no extension");
}

#[test]
fn tls_1_2_can_be_refused() {
    let authority = Authority::new();
    let (identity, key) = identity_and_key(&authority, &rcgen::PKCS_ECDSA_P256_SHA256);
    let server = tls12_server(&identity, key, true);
    let client = ClientTls::builder(authority.roots())
        .tls13_only()
        .build()
        .unwrap();
    assert!(connect(&client, &server, "example.org", Mode::StartTls).is_err());
}

#[test]
fn the_end_point_hash_is_that_of_the_issuers_signature() {
    // The authority signs with ECDSA and SHA-256, whatever the key of the certificate is.
    let authority = Authority::new();
    for algorithm in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let (identity, _) = identity_and_key(&authority, algorithm);
        let server = ServerTls::builder(identity).build().unwrap();
        let (of_client, of_server) =
            connect(&authority.client(), &server, "example.org", Mode::StartTls).unwrap();
        assert_eq!(of_client.server_end_point.as_ref().map(Vec::len), Some(32));
        assert_eq!(of_client.server_end_point, of_server.server_end_point);
    }
}

#[test]
fn only_direct_tls_names_the_protocol() {
    let authority = Authority::new();
    let (client, server) = (authority.client(), authority.server("example.org"));
    let (of_client, of_server) = connect(&client, &server, "example.org", Mode::DirectTls).unwrap();
    assert_eq!(of_client.alpn.as_deref(), Some(&b"xmpp-client"[..]));
    assert_eq!(of_server.alpn, of_client.alpn);

    let (of_client, of_server) = connect(&client, &server, "example.org", Mode::StartTls).unwrap();
    assert_eq!((of_client.alpn, of_server.alpn), (None, None));

    let other = ServerTls::builder(authority.issue("example.org", |_| {}))
        .service(Service::SERVER)
        .build()
        .unwrap();
    assert!(connect(&client, &other, "example.org", Mode::DirectTls).is_err());
}

#[test]
fn peers_that_name_no_protocol_are_served_over_direct_tls() {
    let authority = Authority::new();
    let (client, server) = (authority.client(), authority.server("example.org"));
    let mut silent = client
        .connect(&domain("example.org"), Mode::StartTls)
        .unwrap();
    let mut to_client = server.accept(Mode::DirectTls).unwrap();
    handshake(&mut silent, &mut to_client).unwrap();
    assert_eq!(server.summary(&to_client).unwrap().alpn, None);
}

#[test]
fn client_certificates_are_ignored_requested_or_required() {
    let authority = Authority::new();
    let server = |policy| {
        ServerTls::builder(authority.issue("example.org", |_| {}))
            .client_certificates(policy)
            .build()
            .unwrap()
    };
    let client_of = |issuer: &Authority| {
        let identity = issuer.issue("juliet.example.org", |_| {});
        let certificate = identity.certificate().clone();
        let client = ClientTls::builder(authority.roots()).identity(identity);
        (client.build().unwrap(), certificate)
    };
    let (known, certificate) = client_of(&authority);
    let (stranger, _) = client_of(&Authority::new());
    let anonymous = authority.client();
    let seen = |client: &ClientTls, policy| {
        connect(client, &server(policy), "example.org", Mode::StartTls)
            .map(|(_, of_server)| of_server.peer_certificates)
    };
    let requested = || ClientCertificates::Requested(authority.roots());
    let required = || ClientCertificates::Required(authority.roots());

    assert_eq!(seen(&known, ClientCertificates::Ignored), Ok(vec![]));
    assert_eq!(seen(&known, requested()), Ok(vec![certificate.clone()]));
    assert_eq!(seen(&known, required()), Ok(vec![certificate]));
    assert_eq!(seen(&anonymous, requested()), Ok(vec![]));
    assert!(seen(&anonymous, required()).is_err());
    assert!(seen(&stranger, requested()).is_err());
}

#[test]
fn the_features_choose_the_cryptography() {
    let authority = Authority::new();
    let expected = if cfg!(feature = "aws-lc-rs") {
        "AwsLcRs"
    } else {
        "Ring"
    };
    let (client, server) = (authority.client(), authority.server("example.org"));
    let providers = [
        client.config(Mode::StartTls).crypto_provider(),
        server.config(Mode::StartTls).crypto_provider(),
    ];
    for provider in providers {
        assert_eq!(format!("{:?}", provider.secure_random), expected);
    }
    connect(&client, &server, "example.org", Mode::StartTls).unwrap();
}

#[test]
fn a_given_provider_is_used() {
    let authority = Authority::new();
    let mut provider = rustls::crypto::ring::default_provider();
    let only = CipherSuite::TLS13_CHACHA20_POLY1305_SHA256;
    provider.cipher_suites.retain(|suite| suite.suite() == only);
    let provider = Arc::new(provider);
    let server = ServerTls::builder(authority.issue("example.org", |_| {}))
        .tls13_only()
        .provider(provider.clone());
    let client = ClientTls::builder(authority.roots())
        .tls13_only()
        .provider(provider);
    let [one, other] = [
        (
            client.clone().build().unwrap(),
            authority.server("example.org"),
        ),
        (authority.client(), server.build().unwrap()),
    ]
    .map(|(client, server)| {
        let domain = domain("example.org");
        let mut to_server = client.connect(&domain, Mode::StartTls).unwrap();
        let mut to_client = server.accept(Mode::StartTls).unwrap();
        handshake(&mut to_server, &mut to_client).unwrap();
        to_server.negotiated_cipher_suite().unwrap().suite()
    });
    assert_eq!((one, other), (only, only));
}

#[test]
fn no_session_is_resumed() {
    let authority = Authority::new();
    let (client, server) = (authority.client(), authority.server("example.org"));
    for _ in 0..2 {
        let mut to_server = client
            .connect(&domain("example.org"), Mode::StartTls)
            .unwrap();
        let mut to_client = server.accept(Mode::StartTls).unwrap();
        handshake(&mut to_server, &mut to_client).unwrap();
        assert_ne!(
            to_server.handshake_kind(),
            Some(rustls::HandshakeKind::Resumed)
        );
    }
}

#[test]
fn a_configuration_made_elsewhere_keeps_its_settings() {
    let authority = Authority::new();
    let provider = rustls::crypto::ring::default_provider();
    let mut config = ClientConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[&version::TLS12])
        .unwrap()
        .with_root_certificates(authority.roots())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let client = ClientTls::from_config(config, &Service::CLIENT);
    let server = authority.server("example.org");
    let (of_client, of_server) = connect(&client, &server, "example.org", Mode::DirectTls).unwrap();
    assert_eq!(of_client.version, TlsVersion::Tls12);
    assert_eq!(of_client.alpn.as_deref(), Some(&b"xmpp-client"[..]));
    assert_eq!(of_client.exporter, None, "it does not demand the extension");
    assert!(of_server.exporter.is_some());
}

/// The constraints of a trust anchor say nothing of XMPP addresses, so none counts below it.
#[test]
fn a_constrained_trust_anchor_names_no_server_by_xmpp_address() {
    let anchor = Authority::new().limited_to("example.org").into_root();
    for (issuer, accepted) in [(Authority::new(), true), (anchor, false)] {
        let identity = issuer.issue("example.org", |params| {
            let value = OtherNameValue::Utf8String("example.org".into());
            let xmpp_addr = SanType::OtherName((vec![1, 3, 6, 1, 5, 5, 7, 8, 5], value));
            params.subject_alt_names = vec![xmpp_addr];
        });
        let server = ServerTls::builder(identity).build().unwrap();
        match connect(&issuer.client(), &server, "example.org", Mode::StartTls) {
            Ok((of_client, _)) => {
                let names = of_client.peer.unwrap();
                assert!(accepted && names.xmpp_addrs().len() == 1);
            }
            Err(error) => assert!(!accepted, "{error}"),
        }
    }
}

/// Unknown trust anchors may have name constraints.
#[test]
fn a_server_configuration_made_elsewhere_has_to_vouch_for_xmpp_addresses() {
    let authority = Authority::new();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::new(authority.roots());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
    let verifier = verifier.build().unwrap();
    let (identity, key) = identity_and_key(&authority, &rcgen::PKCS_ECDSA_P256_SHA256);
    let certificate = identity.certificate();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.clone())
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let server = ServerTls::from_config(config, certificate, &Service::CLIENT);

    let juliet = authority.issue("juliet.example.org", |params| {
        let value = OtherNameValue::Utf8String("juliet@example.org".into());
        let xmpp_addr = SanType::OtherName((vec![1, 3, 6, 1, 5, 5, 7, 8, 5], value));
        params.subject_alt_names.push(xmpp_addr);
    });
    let names = juliet.identities();
    let client = ClientTls::builder(authority.roots()).identity(juliet);
    let client = client.build().unwrap();
    let seen = |server: ServerTls| {
        let ends = connect(&client, &server, "example.org", Mode::StartTls);
        ends.unwrap().1.peer.unwrap()
    };
    let dns_ids = CertificateIdentities::new().with_dns_id("juliet.example.org");
    assert_eq!(seen(server.clone()), dns_ids);
    assert_eq!(seen(server.with_unconstrained_verifier(verifier)), names);
}

#[test]
fn unusable_identities_and_roots_are_refused() {
    let authority = Authority::new();
    let one = authority.issue("example.org", |_| {});
    let other_key = KeyPair::generate().unwrap().serialize_der();
    let mismatched = Identity::from_der(
        [one.certificate().clone()],
        PrivateKeyDer::Pkcs8(other_key.into()),
    )
    .unwrap();
    assert!(matches!(
        ServerTls::builder(mismatched.clone()).build(),
        Err(TlsError::Rustls(_))
    ));
    assert!(matches!(
        ClientTls::builder(authority.roots())
            .identity(mismatched)
            .build(),
        Err(TlsError::Rustls(_))
    ));

    let key = KeyPair::generate().unwrap().serialize_pem();
    assert!(matches!(
        Identity::from_pem(b"", key.as_bytes()),
        Err(TlsError::NoCertificate)
    ));
    let certificate = authority.pem();
    assert!(matches!(
        Identity::from_pem(certificate.as_bytes(), b"nothing"),
        Err(TlsError::Pem(_))
    ));
    assert!(matches!(
        roots_from_pem(b"nothing"),
        Err(TlsError::NoCertificate)
    ));
    let no_roots = ClientCertificates::Required(rustls::RootCertStore::empty());
    assert!(matches!(
        ServerTls::builder(one)
            .client_certificates(no_roots)
            .build(),
        Err(TlsError::Verifier(_))
    ));
}

#[test]
fn unusable_revocation_lists_are_refused() {
    let lists = |der: &[u8]| RevocationLists::from_der([der.to_vec().into()]);
    let authority = Authority::new();
    let client = ClientTls::builder(authority.roots()).revocation_lists(lists(b"no list"));
    assert!(matches!(client.build(), Err(TlsError::Verifier(_))));
    let server = ServerTls::builder(authority.issue("example.org", |_| {}))
        .client_certificates(ClientCertificates::Requested(authority.roots()))
        .revocation_lists(lists(b""));
    assert!(matches!(server.build(), Err(TlsError::Verifier(_))));
    assert!(matches!(
        RevocationLists::from_pem(authority.pem().as_bytes()),
        Err(TlsError::NoRevocationList)
    ));
}

#[test]
fn debug_output_has_no_private_key() {
    let authority = Authority::new();
    let (identity, key) = identity_and_key(&authority, &rcgen::PKCS_ECDSA_P256_SHA256);
    let shown = format!("{identity:?}{:?}", ServerTls::builder(identity.clone()));
    let secret = format!("{:?}", &key.secret_der()[40..60]);
    assert!(!shown.contains(secret.trim_matches(['[', ']'])));
}

#[test]
fn platforms_have_roots_or_say_so() {
    assert!(matches!(
        ClientTls::platform(),
        Ok(_) | Err(TlsError::NoPlatformRoots)
    ));
}

#[cfg(feature = "webpki-roots")]
#[test]
fn bundled_roots_know_nothing_of_a_private_authority() {
    let client = ClientTls::builder(xmppwire_net::tls::bundled_roots());
    let server = Authority::new().server("example.org");
    let error = refusal(&client.build().unwrap(), &server, "example.org");
    assert_eq!(error, CertificateError::UnknownIssuer);
}
