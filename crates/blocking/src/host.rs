//! The server's end of the connections of components (XEP-0114).

use std::net::TcpStream;
use std::time::Duration;

use xmppwire::component::{Host, HostConfig};
use xmppwire_net::link::{Handshake, Link, LinkError};
use xmppwire_net::tls::ServerTls;

use crate::Driver;
use crate::clock::Clock;
use crate::pump::Pump;
use crate::waker::Waker;

/// A component's connection to a server made with this library.
///
/// Its events are [`HostEvent`](xmppwire::component::HostEvent)s. Answer the questions among them
/// through [`connection_mut`](Driver::connection_mut), at once or later.
pub type ComponentHostConnection = Driver<Host>;

impl Driver<Host> {
    /// Serves a component that begins without TLS. Listen on the loopback interface or in a private
    /// network: the protocol has no STARTTLS. Sets the socket to non-blocking mode.
    ///
    /// # Errors
    ///
    /// [`LinkError::Io`] if the operating system gives no randomness or no more descriptors.
    pub fn accept(socket: TcpStream, config: HostConfig) -> Result<Self, LinkError> {
        let pump = Pump::new(socket, Clock::start(), Waker::new())?;
        let link = Link::accept_component(config, pump.now())?;
        Ok(Self::new(pump, link))
    }

    /// Serves a component that begins with TLS. The handshake has to be done within `limit`, and is
    /// waited for: accept the next connection in another thread.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the handshake fails.
    pub fn accept_direct_tls(
        socket: TcpStream,
        config: HostConfig,
        tls: ServerTls,
        limit: Duration,
    ) -> Result<Self, LinkError> {
        let mut pump = Pump::new(socket, Clock::start(), Waker::new())?;
        let mut handshake = Handshake::new(tls.into(), pump.now() + limit)?;
        let secured = pump.until(&mut handshake, Handshake::poll)?;
        let link = Link::accept_component_over_tls(config, secured, pump.now())?;
        Ok(Self::new(pump, link))
    }
}
