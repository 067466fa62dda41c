//! The services that domains publish with SRV records.

use super::Domain;

/// A service that domains publish with SRV records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Service {
    /// The `_service._proto` labels for direct TLS (XEP-0368).
    pub direct_tls: &'static str,
    /// The `_service._proto` labels for STARTTLS (RFC 6120 §14.7).
    pub starttls: &'static str,
    /// The port of the domain itself, for domains without records (RFC 6120 §3.2.2).
    pub fallback_port: u16,
    /// The ALPN protocol name for direct TLS (XEP-0368 §3).
    pub alpn: &'static str,
}

impl Service {
    /// Client to server.
    pub const CLIENT: Self = Self {
        direct_tls: "_xmpps-client._tcp",
        starttls: "_xmpp-client._tcp",
        fallback_port: 5222,
        alpn: "xmpp-client",
    };

    /// Server to server.
    pub const SERVER: Self = Self {
        direct_tls: "_xmpps-server._tcp",
        starttls: "_xmpp-server._tcp",
        fallback_port: 5269,
        alpn: "xmpp-server",
    };

    /// The label before the domain in an SRV-ID (RFC 4985 §2), such as `_xmpp-client`.
    pub fn srv_id_label(&self) -> &'static str {
        self.starttls.split('.').next().unwrap_or(self.starttls)
    }

    /// The names to look SRV records up for, or `None` for addresses and `localhost`, which are not
    /// in the DNS. Use [`Plan::fallback`](super::Plan::fallback) for those.
    pub fn srv_names(&self, domain: &Domain) -> Option<SrvNames> {
        if domain.is_localhost() {
            return None;
        }
        let name = domain.name()?;
        Some(SrvNames {
            direct_tls: format!("{}.{name}", self.direct_tls),
            starttls: format!("{}.{name}", self.starttls),
        })
    }
}

/// The two names to look up for a domain. Neither has a trailing dot; both are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SrvNames {
    /// The name for direct TLS.
    pub direct_tls: String,
    /// The name for STARTTLS.
    pub starttls: String,
}
