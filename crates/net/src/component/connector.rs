//! Where a component connects to, and how.

use std::time::Duration;

use xmppwire::Instant;
use xmppwire::component::{Component, ComponentConfig};

use crate::client::Error;
use crate::find::Domain;
use crate::link::{Handshake, Link, Secured, TlsSide};
use crate::tls::ClientTls;

/// Where a component connects to, and how. Serves any number of connections.
///
/// ```
/// use xmppwire::Domainpart;
/// use xmppwire::component::{ComponentConfig, Secret};
/// use xmppwire_net::component::ComponentConnector;
///
/// let domain = Domainpart::new("echo.example.org")?;
/// let config = ComponentConfig::new(domain, Secret::new("correct horse battery staple"));
/// let connector = ComponentConnector::new(config, "localhost", 5347);
/// # let _ = connector;
/// # Ok::<_, xmppwire::JidError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ComponentConnector {
    component: ComponentConfig,
    host: String,
    port: u16,
    tls: Option<TlsSide>,
    connect_timeout: Duration,
}

impl ComponentConnector {
    /// Connects to this host and port without TLS, which is safe only on the loopback interface, in
    /// a private network, or inside a tunnel. There are no SRV records for components, and no
    /// registered port; 5347 is Prosody's.
    pub fn new(component: ComponentConfig, host: impl Into<String>, port: u16) -> Self {
        Self {
            component,
            host: host.into(),
            port,
            tls: None,
            connect_timeout: Duration::from_secs(10),
        }
    }

    /// Begins with TLS. The server has to show a certificate of `domain`, which is the name of the
    /// server and not that of the component. The protocol has no STARTTLS.
    pub fn with_direct_tls(mut self, tls: ClientTls, domain: Domain) -> Self {
        self.tls = Some(TlsSide::client(tls, domain));
        self
    }

    /// Sets how long each of these may take: to ask the system for the addresses of the host, to
    /// open a TCP connection to one address, and the TLS handshake. 10 seconds unless set. What
    /// follows is limited by the [`Limits`](xmppwire::Limits::negotiation_timeout) of the component.
    pub const fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The host to connect to.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How long each step may take; see [`with_connect_timeout`](Self::with_connect_timeout).
    pub const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// The TLS handshake that the connection begins with, if it does.
    pub(super) fn handshake(&self, now: Instant) -> Result<Option<Handshake>, Error> {
        let side = self.tls.clone();
        let handshake = side.map(|side| Handshake::new(side, now + self.connect_timeout));
        Ok(handshake.transpose()?)
    }

    /// The link over a connection: over TLS after a finished handshake, otherwise in clear text.
    pub(super) fn link(&self, now: Instant, secured: Option<Secured>) -> Link<Component> {
        let config = self.component.clone();
        match secured {
            Some(secured) => {
                let component = Component::with_direct_tls(config, now, secured.info());
                Link::over_tls(component, secured)
            }
            None => Link::new(Component::new(config, now), None),
        }
    }
}
