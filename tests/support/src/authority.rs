//! Certificates.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, GeneralSubtree, IsCa, KeyPair,
    NameConstraints,
};
use xmppwire_net::tls::rustls::RootCertStore;
use xmppwire_net::tls::{ClientTls, Identity, ServerTls, roots_from_pem};

/// A certificate authority of its own for each test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// The certificates that a server has to show beside its own.
    chain: String,
}

/// What every authority is.
fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        Self {
            issuer: CertifiedIssuer::self_signed(authority(), key).unwrap(),
            chain: String::new(),
        }
    }

    /// An authority below this one that may speak for this domain alone (RFC 5280 §4.2.1.10).
    pub fn limited_to(&self, domain: &str) -> Self {
        let mut params = authority();
        params
            .distinguished_name
            .push(DnType::CommonName, "limited");
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())],
            excluded_subtrees: Vec::new(),
        });
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::signed_by(params, key, &self.issuer).unwrap();
        Self {
            chain: issuer.pem() + &self.chain,
            issuer,
        }
    }

    /// A certificate for this name, with its key.
    pub fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let chain = params.signed_by(&key, &self.issuer).unwrap().pem() + &self.chain;
        Identity::from_pem(chain.as_bytes(), key.serialize_pem().as_bytes()).unwrap()
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
        roots_from_pem(self.issuer.pem().as_bytes()).unwrap()
    }
}
