//! What a certificate may be used for (RFC 6120 §13.7.1.1, §13.7.2.2), in both roles.

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, IsCa};
use rustls::CertificateError;
use xmppwire_net::find::Mode;
use xmppwire_net::tls::{ClientCertificates, ClientTls, Identity, ServerTls};
use xmppwire_test_support::Authority;

use crate::handshake::connect;

/// The error of the client about the server's certificate, and that of the server about the
/// client's, when each shows this one and the other side trusts the authority.
fn errors(authority: &Authority, identity: &Identity) -> [rustls::Error; 2] {
    let good = || authority.issue("example.org", |_| {});
    let run = |server: Identity, client: Identity| {
        let server = ServerTls::builder(server)
            .client_certificates(ClientCertificates::Requested(authority.roots()))
            .build()
            .unwrap();
        let client = ClientTls::builder(authority.roots()).identity(client);
        let client = client.build().unwrap();
        connect(&client, &server, "example.org", Mode::StartTls)
    };
    run(good(), good()).unwrap();
    [
        run(identity.clone(), good()).unwrap_err(),
        run(good(), identity.clone()).unwrap_err(),
    ]
}

fn is_authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

#[test]
fn an_authority_is_no_end_entity() {
    let authority = Authority::new();
    let identity = authority.issue("example.org", is_authority);
    for error in errors(&authority, &identity) {
        let text = format!("{error:?}");
        assert!(text.contains("CaUsedAsEndEntity"), "{text}");
    }
}

#[test]
fn an_end_entity_is_no_authority() {
    let authority = Authority::new();
    let issuer = authority.below(|params| params.is_ca = IsCa::ExplicitNoCa);
    let identity = issuer.issue("example.org", |_| {});
    for error in errors(&authority, &identity) {
        let text = format!("{error:?}");
        assert!(text.contains("EndEntityUsedAsCa"), "{text}");
    }
}

/// Where a client shows such a certificate, it is no client of a known authority (RFC 6120
/// §13.7.2.2.3).
#[test]
fn a_self_signed_certificate_proves_nothing() {
    let authority = Authority::new();
    let identity = Authority::self_signed("example.org", |params| {
        params.distinguished_name = DistinguishedName::new();
    });
    for error in errors(&authority, &identity) {
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        assert_eq!(error, unknown);
    }
}
