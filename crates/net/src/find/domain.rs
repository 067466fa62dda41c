//! The domain of a JID in the form that DNS and TLS use.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::{fmt, str::FromStr};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use rustls::pki_types::{DnsName, ServerName};
use thiserror::Error;
use xmppwire::Domainpart;

/// The domain that a connection is for, in the form that DNS and TLS use.
///
/// A JID's domainpart holds U-labels (`bücher.example`), DNS queries and certificates hold A-labels
/// (`xn--bcher-kva.example`). A domainpart may also be an IPv4 address or an IPv6 address in
/// brackets (RFC 7622 §3.2). A `Domain` is made once, from the domainpart of the JID. It is then
/// both the name that SRV records are looked up for and the reference identity that the server's
/// certificate has to match (RFC 6120 §13.7.2.1). It is never a name that the DNS gave in answer.
///
/// The rules for labels are those of [`Domainpart`], which says what it accepts and why:
/// underscores, for example, but no hyphen at the beginning or end of a label. Two kinds of
/// domainparts are no `Domain`, because no certificate can name them: an IPv6 address with a zone
/// (`[fe80::1%25eth0]`), and a name whose last label is a number (`a.1234`).
///
/// ```
/// use xmppwire_net::find::Domain;
///
/// assert_eq!(Domain::parse("Bücher.example.")?.to_string(), "xn--bcher-kva.example");
/// assert!(Domain::parse("[2001:db8::1]")?.ip().is_some());
/// # Ok::<(), xmppwire_net::find::InvalidDomain>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Domain(Kind);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Kind {
    Name(DnsName<'static>),
    Ip(IpAddr),
}

impl Domain {
    /// Reads a domainpart: a name of A-labels or U-labels, an IPv4 address, or an IPv6 address in
    /// brackets. One trailing dot is dropped (RFC 7622 §3.2).
    ///
    /// # Errors
    ///
    /// [`InvalidDomain`] for what is no [`Domainpart`], for an IPv6 address with a zone, and for a
    /// name whose last label is a number.
    pub fn parse(domainpart: &str) -> Result<Self, InvalidDomain> {
        let prepared = Domainpart::new(domainpart).map_err(|_| InvalidDomain)?;
        let name = prepared.as_str();
        if let Some(address) = name.strip_prefix('[') {
            let address = address.strip_suffix(']').ok_or(InvalidDomain)?;
            let address: Ipv6Addr = address.parse().map_err(|_| InvalidDomain)?;
            return Ok(Self(Kind::Ip(address.into())));
        }
        if let Ok(address) = Ipv4Addr::from_str(name) {
            return Ok(Self(Kind::Ip(address.into())));
        }
        // The domainpart has checked characters, hyphens and lengths already.
        let ascii = Uts46::new()
            .to_ascii(
                name.as_bytes(),
                AsciiDenyList::URL,
                Hyphens::Allow,
                DnsLength::Verify,
            )
            .map_err(|_| InvalidDomain)?;
        let name = DnsName::try_from(ascii.into_owned()).map_err(|_| InvalidDomain)?;
        Ok(Self(Kind::Name(name)))
    }

    /// The name in lower-case A-labels and without a trailing dot, or `None` for an address.
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            Kind::Name(name) => Some(name.as_ref()),
            Kind::Ip(_) => None,
        }
    }

    /// The address, if the domain is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match &self.0 {
            Kind::Name(_) => None,
            Kind::Ip(address) => Some(*address),
        }
    }

    /// The name that the server's certificate has to match. A name that is no address also goes
    /// into the TLS server name indication.
    pub fn server_name(&self) -> ServerName<'static> {
        match &self.0 {
            Kind::Name(name) => ServerName::DnsName(name.clone()),
            Kind::Ip(address) => ServerName::IpAddress((*address).into()),
        }
    }

    /// Whether the name is `localhost` or below it. Such names mean this host and are never looked
    /// up in the DNS (RFC 6761 §6.3).
    pub fn is_localhost(&self) -> bool {
        self.name()
            .and_then(|name| name.rsplit('.').next())
            .is_some_and(|last| last == "localhost")
    }
}

/// The host in the form for resolvers: A-labels, or an address without brackets.
impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Name(name) => f.write_str(name.as_ref()),
            Kind::Ip(address) => address.fmt(f),
        }
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Domain({self})")
    }
}

impl FromStr for Domain {
    type Err = InvalidDomain;

    fn from_str(domainpart: &str) -> Result<Self, InvalidDomain> {
        Self::parse(domainpart)
    }
}

/// The error of a domainpart that is neither a host name nor an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("neither a host name nor an IP address")]
#[non_exhaustive]
pub struct InvalidDomain;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(domainpart: &str) -> Option<String> {
        Domain::parse(domainpart)
            .ok()
            .map(|domain| domain.to_string())
    }

    #[test]
    fn names_become_lower_case_a_labels() {
        for (domainpart, name) in [
            ("example.org", "example.org"),
            ("EXAMPLE.org.", "example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("a。example", "a.example"),
            ("my_host.example", "my_host.example"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(parse(domainpart).as_deref(), Some(name), "{domainpart}");
        }
    }

    #[test]
    fn addresses_are_recognised() {
        assert_eq!(
            Domain::parse("192.0.2.7").unwrap().ip(),
            Some([192, 0, 2, 7].into())
        );
        assert_eq!(parse("[2001:DB8::1]").as_deref(), Some("2001:db8::1"));
        assert!(matches!(
            Domain::parse("[::1]").unwrap().server_name(),
            ServerName::IpAddress(_)
        ));
    }

    #[test]
    fn what_no_resolver_takes_is_refused() {
        let long_label = "a".repeat(64);
        let long_name = "a.".repeat(127) + "aa";
        for domainpart in [
            "",
            ".",
            "a..b",
            "a b",
            "a/b",
            "a@b",
            "a\0b",
            "a*b",
            "[::1",
            "::1",
            "[192.0.2.7]",
            "[fe80::1%eth0]",
            "xn--a\u{80}",
            &long_label,
            &long_name,
        ] {
            assert_eq!(parse(domainpart), None, "{domainpart:?}");
        }
    }

    #[test]
    fn labels_have_the_rules_of_a_jid() {
        for domainpart in [
            "my_host.example",
            "_",
            "-a.example",
            "a-.example",
            "r3---sn.example",
            "xn--a",
            "b\u{FC}_cher.example",
            "\u{2603}.example",
            "256.0.0.1",
            "01.2.3.4",
            "1234.example",
            "a\u{3002}b",
        ] {
            let is_domainpart = Domainpart::new(domainpart).is_ok();
            assert_eq!(parse(domainpart).is_some(), is_domainpart, "{domainpart}");
        }
        for unnameable in ["[fe80::1%25eth0]", "1234", "a.1234"] {
            assert!(Domainpart::new(unnameable).is_ok(), "{unnameable}");
            assert_eq!(parse(unnameable), None, "{unnameable}");
        }
    }

    #[test]
    fn localhost_is_known() {
        for (domainpart, is) in [
            ("localhost", true),
            ("xmpp.LocalHost", true),
            ("localhost.example", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(Domain::parse(domainpart).unwrap().is_localhost(), is);
        }
    }
}
