//! The server's end of the connections of components (XEP-0114).

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use xmppwire::component::{Host, HostConfig};
use xmppwire_net::link::{Handshake, Link, LinkError};
use xmppwire_net::tls::ServerTls;

use crate::Driver;
use crate::clock::Clock;
use crate::pump::Pump;

/// A component's connection to a server made with this library.
///
/// Its events are [`HostEvent`](xmppwire::component::HostEvent)s. Answer the questions among them
/// through [`connection_mut`](Driver::connection_mut), at once or later.
pub type ComponentHostConnection<T = TcpStream> = Driver<Host, T>;

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<Host, T> {
    /// Serves a component that begins without TLS. Listen on the loopback interface or in a private
    /// network: the protocol has no STARTTLS.
    ///
    /// # Errors
    ///
    /// [`LinkError::Io`] if the operating system gives no randomness.
    pub fn accept(socket: T, config: HostConfig) -> Result<Self, LinkError> {
        let clock = Clock::start();
        let link = Link::accept_component(config, clock.now())?;
        Ok(Self::new(Pump::new(socket, clock), link))
    }

    /// Serves a component that begins with TLS. The handshake has to be done within `limit`.
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the handshake fails.
    pub async fn accept_direct_tls(
        socket: T,
        config: HostConfig,
        tls: ServerTls,
        limit: Duration,
    ) -> Result<Self, LinkError> {
        let clock = Clock::start();
        let mut pump = Pump::new(socket, clock);
        let mut handshake = Handshake::new(tls.into(), clock.now() + limit)?;
        let secured = pump.until(&mut handshake, Handshake::poll).await?;
        let link = Link::accept_component_over_tls(config, secured, clock.now())?;
        Ok(Self::new(pump, link))
    }
}
