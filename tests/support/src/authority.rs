//! Certificates.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    DistinguishedName, DnType, GeneralSubtree, IsCa, KeyIdMethod, KeyPair, NameConstraints,
    RevokedCertParams, date_time_ymd,
};
use xmppwire_net::tls::rustls::RootCertStore;
use xmppwire_net::tls::{ClientTls, Identity, ServerTls, roots_from_pem};

/// A certificate authority of its own for each test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    name: DistinguishedName,
    /// The certificates between those that it issues and the root.
    chain: String,
}

/// The parameters of every authority.
fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Authority {
    /// The serial number of every authority below another.
    pub const SERIAL: u64 = 1;

    pub fn new() -> Self {
        Self::of(authority())
    }

    /// An authority of another name than all others have.
    pub fn named(name: &str) -> Self {
        let mut params = authority();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        Self::of(params)
    }

    fn of(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        Self {
            name: params.distinguished_name.clone(),
            issuer: CertifiedIssuer::self_signed(params, key).unwrap(),
            chain: String::new(),
        }
    }

    /// An authority below this one, limited to these DNS names by a critical extension (RFC 5280
    /// §4.2.1.10).
    pub fn limited_to(&self, domain: &str) -> Self {
        self.below(|params| {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())],
                excluded_subtrees: Vec::new(),
            });
        })
    }

    /// An authority below this one, limited to all DNS names but these.
    pub fn limited_to_others_than(&self, domain: &str) -> Self {
        self.below(|params| {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: Vec::new(),
                excluded_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())],
            });
        })
    }

    /// An authority below this one without limits.
    pub fn unlimited(&self) -> Self {
        self.below(|_| {})
    }

    /// The same authority, which shows the certificates of the other one behind its own.
    pub fn with_chain_of(mut self, other: &Self) -> Self {
        self.chain.push_str(&other.chain);
        self
    }

    /// The same authority as a trust anchor: what it issues is shown without its certificate.
    pub fn into_root(self) -> Self {
        Self {
            chain: String::new(),
            ..self
        }
    }

    /// The same authority with a second certificate, signed by `other` and without limits.
    pub fn cross_signed_by(&self, other: &Self) -> Self {
        let key = || KeyPair::from_pem(&self.issuer.key().serialize_pem()).unwrap();
        let mut params = authority();
        params.distinguished_name = self.name.clone();
        let issuer = CertifiedIssuer::signed_by(params, key(), &other.issuer).unwrap();
        Self {
            chain: issuer.pem() + &self.chain,
            name: self.name.clone(),
            issuer,
        }
    }

    /// An authority below this one, whose certificate is changed before it is signed.
    pub fn below(&self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority();
        let depth = self.chain.matches("BEGIN").count() + 1;
        let name = format!("authority {depth} below");
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(Self::SERIAL.into());
        change(&mut params);
        let name = params.distinguished_name.clone();
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::signed_by(params, key, &self.issuer).unwrap();
        Self {
            chain: issuer.pem() + &self.chain,
            name,
            issuer,
        }
    }

    /// A certificate for this name, with its key.
    pub fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        self.issue_for(&[name], &KeyPair::generate().unwrap(), change)
    }

    /// A certificate for these names and this key.
    pub fn issue_for(
        &self,
        names: &[&str],
        key: &KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let chain = params.signed_by(key, &self.issuer).unwrap().pem() + &self.chain;
        Identity::from_pem(chain.as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    }

    /// A certificate for this name that no authority has signed.
    pub fn self_signed(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Identity::from_pem(certificate.as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    }

    /// A revocation list with these serial numbers as PEM, valid until the beginning of that year.
    pub fn revocation_list(&self, serials: &[u64], year: i32) -> String {
        let revoked = |&serial: &u64| RevokedCertParams {
            serial_number: serial.into(),
            revocation_time: date_time_ymd(2001, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2001, 1, 1),
            next_update: date_time_ymd(year, 1, 1),
            crl_number: 1.into(),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    /// TLS of a server with a certificate for this domain.
    pub fn server(&self, domain: &str) -> ServerTls {
        ServerTls::builder(self.issue(domain, |_| {}))
            .build()
            .unwrap()
    }

    /// TLS of a client that trusts this authority and no other.
    pub fn client(&self) -> ClientTls {
        ClientTls::builder(self.roots()).build().unwrap()
    }

    pub fn roots(&self) -> RootCertStore {
        roots_from_pem(self.pem().as_bytes()).unwrap()
    }

    /// The certificate of the authority.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }
}
