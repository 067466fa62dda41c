//! The identities in a TLS certificate (RFC 6120 §13.7.1).

use alloc::string::String;
use alloc::vec::Vec;

use core::net::IpAddr;

use xmppwire_jid::{BareJid, Domainpart};

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

    /// The [`accounts`](Self::accounts) at this domain. A server lets a client log in to one of these
    /// by certificate; addresses of other domains tell it nothing (RFC 6120 §13.7.2.2.1).
    pub fn accounts_at(&self, domain: &Domainpart) -> Vec<BareJid> {
        let mut accounts = self.accounts();
        accounts.retain(|account| account.domainpart() == domain.as_str());
        accounts
    }

    /// Whether the certificate belongs to a server of this domain, for streams between servers
    /// (RFC 6120 §13.7.2.1).
    ///
    /// True if a dNSName is the domain, or has `*` for its whole first label (RFC 6125 §6.4.3); if an
    /// SRV-ID names the service `_xmpp-server` of the domain (RFC 4985); or if an XMPP address is the
    /// domain (RFC 6120 §13.7.1.4). A common name does not count.
    ///
    /// ```
    /// use xmppwire::{CertificateIdentities, Domainpart};
    ///
    /// let certificate = CertificateIdentities::new().with_dns_id("*.example.org");
    /// assert!(certificate.is_of_server(&Domainpart::new("chat.example.org")?));
    /// assert!(!certificate.is_of_server(&Domainpart::new("example.org")?));
    /// # Ok::<_, xmppwire::JidError>(())
    /// ```
    pub fn is_of_server(&self, domain: &Domainpart) -> bool {
        let is = |name: &str| Domainpart::new(name).is_ok_and(|name| name == *domain);
        let by_xmpp_addr = || self.xmpp_addrs.iter().any(|address| is(address));
        let by_srv_id = || {
            let on_domain = |name: &String| service_domain(name).is_some_and(is);
            self.srv_ids.iter().any(on_domain)
        };
        let by_dns_id = || {
            !is_ip_address(domain)
                && self
                    .dns_ids
                    .iter()
                    .any(|name| match name.strip_prefix("*.") {
                        Some(parent) => {
                            let above = domain.as_str().split_once('.').map(|(_, above)| above);
                            Domainpart::new(parent)
                                .is_ok_and(|parent| Some(parent.as_str()) == above)
                        }
                        None => is(name),
                    })
        };
        by_dns_id() || by_srv_id() || by_xmpp_addr()
    }

    /// Whether the certificate names this account and no other.
    pub fn is_of(&self, account: &BareJid) -> bool {
        self.accounts() == core::slice::from_ref(account)
    }
}

/// The domain of an SRV-ID for the service between servers. Names of services do not depend on case
/// (RFC 6335 §5.1).
fn service_domain(srv_id: &str) -> Option<&str> {
    let (service, domain) = srv_id.split_once('.')?;
    service
        .eq_ignore_ascii_case("_xmpp-server")
        .then_some(domain)
}

/// An IP address is no domain name, so no dNSName can stand for it (RFC 6125 §1.7.2).
fn is_ip_address(domain: &Domainpart) -> bool {
    let domain = domain.as_str();
    domain.starts_with('[') || domain.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(certificate: &CertificateIdentities, domain: &str) -> bool {
        certificate.is_of_server(&Domainpart::new(domain).unwrap())
    }

    #[test]
    fn a_dns_id_is_the_domain_in_any_spelling() {
        let certificate = CertificateIdentities::new()
            .with_dns_id("Example.ORG")
            .with_dns_id("xn--fuball-cta.example");
        assert!(names(&certificate, "example.org"));
        assert!(names(&certificate, "EXAMPLE.org."));
        assert!(names(&certificate, "fußball.example"));
        for other in [
            "chat.example.org",
            "example.org.evil.example",
            "org",
            "xample.org",
        ] {
            assert!(!names(&certificate, other), "{other}");
        }
    }

    #[test]
    fn a_wildcard_is_one_whole_first_label() {
        let certificate = CertificateIdentities::new().with_dns_id("*.example.org");
        assert!(names(&certificate, "chat.example.org"));
        assert!(names(&certificate, "fußball.example.org"));
        for other in [
            "example.org",
            "a.chat.example.org",
            "chatexample.org",
            "chat.example.com",
        ] {
            assert!(!names(&certificate, other), "{other}");
        }
        for odd in [
            "c*.example.org",
            "chat.*.org",
            "*",
            "*.",
            "*chat.example.org",
            "*.*.org",
        ] {
            let certificate = CertificateIdentities::new().with_dns_id(odd);
            assert!(!names(&certificate, "chat.example.org"), "{odd}");
        }
    }

    #[test]
    fn an_srv_id_is_of_the_service_between_servers() {
        let srv = |name| CertificateIdentities::new().with_srv_id(name);
        assert!(names(&srv("_xmpp-server.example.org"), "example.org"));
        assert!(names(&srv("_XMPP-Server.Example.Org"), "example.org"));
        for other in [
            "_xmpp-client.example.org",
            "_xmpp-server.*.org",
            "_xmpp-server.sub.example.org",
            "_xmpp-server",
            "example.org",
        ] {
            assert!(!names(&srv(other), "example.org"), "{other}");
        }
    }

    #[test]
    fn an_xmpp_address_of_a_server_has_no_other_part() {
        let address = |name| CertificateIdentities::new().with_xmpp_addr(name);
        assert!(names(&address("Example.org"), "example.org"));
        for other in [
            "juliet@example.org",
            "example.org/x",
            "*.org",
            "*.example.org",
        ] {
            assert!(!names(&address(other), "example.org"), "{other}");
        }
    }

    #[test]
    fn a_dns_id_is_no_ip_address() {
        let certificate = CertificateIdentities::new()
            .with_dns_id("192.0.2.1")
            .with_dns_id("[2001:db8::1]")
            .with_dns_id("*.0.2.1");
        assert!(!names(&certificate, "192.0.2.1"));
        assert!(!names(&certificate, "[2001:db8::1]"));
    }
}
