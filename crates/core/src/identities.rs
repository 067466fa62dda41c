//! The identities in a TLS certificate (RFC 6120 §13.7.1).

use alloc::string::String;
use alloc::vec::Vec;

use xmppwire_jid::BareJid;

/// The identities in a certificate, as strings.
///
/// They come from a TLS library that has verified the certificate; this type verifies nothing.
/// `xmppwire-net` reads them from the octets of a certificate.
///
/// ```
/// use xmppwire::CertificateIdentities;
///
/// let identities = CertificateIdentities::new().with_xmpp_addr("Juliet@example.org");
/// assert_eq!(identities.accounts()[0].as_str(), "juliet@example.org");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateIdentities {
    xmpp_addrs: Vec<String>,
    srv_ids: Vec<String>,
    dns_ids: Vec<String>,
}

impl CertificateIdentities {
    /// A certificate without identities.
    pub const fn new() -> Self {
        Self {
            xmpp_addrs: Vec::new(),
            srv_ids: Vec::new(),
            dns_ids: Vec::new(),
        }
    }

    /// Adds an XMPP address: an otherName of type id-on-xmppAddr (RFC 6120 §13.7.1.4).
    #[must_use]
    pub fn with_xmpp_addr(mut self, address: impl Into<String>) -> Self {
        self.xmpp_addrs.push(address.into());
        self
    }

    /// Adds a service on a domain, such as `_xmpp-client.example.org`: an otherName of type
    /// id-on-dnsSRV (RFC 4985; RFC 6120 §13.7.1.2).
    #[must_use]
    pub fn with_srv_id(mut self, name: impl Into<String>) -> Self {
        self.srv_ids.push(name.into());
        self
    }

    /// Adds a domain: a dNSName (RFC 6125 §1.8; RFC 6120 §13.7.1.2).
    #[must_use]
    pub fn with_dns_id(mut self, name: impl Into<String>) -> Self {
        self.dns_ids.push(name.into());
        self
    }

    /// The XMPP addresses.
    pub fn xmpp_addrs(&self) -> &[String] {
        &self.xmpp_addrs
    }

    /// The services.
    pub fn srv_ids(&self) -> &[String] {
        &self.srv_ids
    }

    /// The domains; the first label may be `*`.
    pub fn dns_ids(&self) -> &[String] {
        &self.dns_ids
    }

    /// The accounts among the XMPP addresses: bare JIDs with a localpart, each once. Other
    /// addresses are left out.
    pub fn accounts(&self) -> Vec<BareJid> {
        let mut accounts: Vec<BareJid> = Vec::new();
        for address in &self.xmpp_addrs {
            if let Ok(account) = BareJid::new(address)
                && account.localpart().is_some()
                && !accounts.contains(&account)
            {
                accounts.push(account);
            }
        }
        accounts
    }

    /// Whether the certificate names this account and no other.
    pub fn is_of(&self, account: &BareJid) -> bool {
        self.accounts() == core::slice::from_ref(account)
    }
}
