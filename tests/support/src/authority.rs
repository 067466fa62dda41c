//! Certificates.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use xmppwire_net::tls::rustls::RootCertStore;
use xmppwire_net::tls::{ClientTls, Identity, ServerTls, roots_from_pem};

/// A certificate authority of its own for each test.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for this name, with its key.
    pub fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    }

    /// For a server that proves to be this domain's.
    pub fn server(&self, domain: &str) -> ServerTls {
        ServerTls::builder(self.issue(domain, |_| {}))
            .build()
            .unwrap()
    }

    /// For a client that trusts this authority and no other.
    pub fn client(&self) -> ClientTls {
        ClientTls::builder(self.roots()).build().unwrap()
    }

    pub fn roots(&self) -> RootCertStore {
        roots_from_pem(self.0.pem().as_bytes()).unwrap()
    }
}
