//! Where a component connects to, and how.

use xmppwire::component::{Component, ComponentConfig};

use crate::client::SessionConnector;
use crate::find::{Domain, Mode, Target};
use crate::link::TlsSide;
use crate::tls::ClientTls;

/// Where a component connects to, and how. Serves any number of connections.
///
/// ```
/// use xmppwire_net::component::ComponentConnector;
/// use xmppwire::Domainpart;
/// use xmppwire::component::{ComponentConfig, Secret};
///
/// let domain = Domainpart::new("echo.example.org")?;
/// let config = ComponentConfig::new(domain, Secret::new("correct horse battery staple"));
/// let connector = ComponentConnector::new(config, "localhost", 5347);
/// # let _ = connector;
/// # Ok::<_, xmppwire::JidError>(())
/// ```
///
/// A server that hangs is noticed only where the component knows the
/// [domain of its server](ComponentConfig::with_server); see
/// [`with_keep_alive`](SessionConnector::with_keep_alive).
pub type ComponentConnector = SessionConnector<Component>;

/// What a connector has for components alone.
#[derive(Clone, Debug)]
pub struct ComponentSettings {
    pub(crate) component: ComponentConfig,
    pub(crate) tls: Option<TlsSide>,
}

impl ComponentConnector {
    /// Connects to this host and port without TLS, which is safe only on the loopback interface, in
    /// a private network, or inside a tunnel. There are no SRV records for components, and no
    /// registered port; 5347 is Prosody's.
    pub fn new(component: ComponentConfig, host: impl Into<String>, port: u16) -> Self {
        let settings = ComponentSettings {
            component,
            tls: None,
        };
        Self::with_role(settings, Vec::new()).with_server(host, port)
    }

    /// Tries this server after the others, such as another machine of the same cluster.
    pub fn with_server(mut self, host: impl Into<String>, port: u16) -> Self {
        self.servers.push(Target::new(host, port, self.mode()));
        self
    }

    /// Begins with TLS. The server has to show a certificate of `domain`, which is the name of the
    /// server and not that of the component. The protocol has no STARTTLS.
    pub fn with_direct_tls(mut self, tls: ClientTls, domain: Domain) -> Self {
        self.role.tls = Some(TlsSide::client(tls, domain));
        for server in &mut self.servers {
            server.mode = Mode::DirectTls;
        }
        self
    }

    /// How the connection begins: with TLS, or in clear text and so to its end.
    pub const fn mode(&self) -> Mode {
        match self.role.tls {
            Some(_) => Mode::DirectTls,
            None => Mode::StartTls,
        }
    }
}
