//! Where a component connects to, and how.

use std::time::Duration;

use xmppwire::component::{Component, ComponentConfig};
use xmppwire::{Instant, KeepAlive};

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
    request_timeout: Duration,
    max_requests: usize,
    inbox_bytes: usize,
    keep_alive: Option<KeepAlive>,
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
            request_timeout: Duration::from_secs(30),
            max_requests: 16 * 1024,
            inbox_bytes: 1024 * 1024,
            keep_alive: Some(KeepAlive::ping()),
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

    /// Sets how long the answer to a request may take; 30 seconds unless set.
    pub const fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Sets how many requests may be open at once; 16,384 unless set.
    pub const fn with_max_requests(mut self, requests: usize) -> Self {
        self.max_requests = requests;
        self
    }

    /// Sets the budget, in bytes of memory, for stanzas that arrive while the caller waits for
    /// something else than the next one; 1 MiB unless set. See
    /// [`Connector::with_inbox_bytes`](crate::client::Connector::with_inbox_bytes).
    pub const fn with_inbox_bytes(mut self, bytes: usize) -> Self {
        self.inbox_bytes = bytes;
        self
    }

    /// Sets how a silent server is checked, or that it is not: [`KeepAlive::ping`] unless set. A
    /// server that hangs is noticed only where the component knows the
    /// [domain of its server](ComponentConfig::with_server).
    pub fn with_keep_alive(mut self, keep_alive: impl Into<Option<KeepAlive>>) -> Self {
        self.keep_alive = keep_alive.into();
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

    pub(crate) const fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    pub(crate) const fn max_requests(&self) -> usize {
        self.max_requests
    }

    pub(crate) const fn inbox_bytes(&self) -> usize {
        self.inbox_bytes
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
        let mut link = match secured {
            Some(secured) => {
                let component = Component::with_direct_tls(config, now, secured.info());
                Link::over_tls(component, secured)
            }
            None => Link::new(Component::new(config, now), None),
        };
        link.connection_mut().set_keep_alive(self.keep_alive);
        link
    }
}
