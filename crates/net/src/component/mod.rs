//! Components (XEP-0114): where to attach, and when to attach again.
//!
//! | type | what it decides |
//! |---|---|
//! | [`ComponentConnector`] | where to connect to and how |
//! | [`Attaching`] | direct TLS and the handshake, until the component is attached |
//! | [`Session`](crate::client::Session) | what an arriving stanza is: the answer to a request, or something for the application |
//! | [`ReconnectingComponent`] | when to connect, to sleep and to drive, and why a connection ended |
//!
//! The server's end is a [`Link`] of the role [`Host`].

mod attaching;
mod connector;
mod reconnecting;

use std::io;

use xmppwire::component::{Host, HostConfig};
use xmppwire::{Entropy, Instant};

pub use attaching::Attaching;
pub use connector::ComponentConnector;
pub use reconnecting::{ComponentUpdate, ReconnectingComponent};

use crate::link::{Link, LinkError, Secured};

impl Link<Host> {
    /// The connection of a component that begins without TLS.
    ///
    /// # Errors
    ///
    /// [`LinkError::Io`] if the operating system gives no randomness.
    pub fn accept_component(config: HostConfig, now: Instant) -> Result<Self, LinkError> {
        Ok(Self::new(Host::new(config, entropy()?, now), None))
    }

    /// The connection of a component that began with TLS.
    ///
    /// # Errors
    ///
    /// [`LinkError::Io`] if the operating system gives no randomness.
    pub fn accept_component_over_tls(
        config: HostConfig,
        secured: Secured,
        now: Instant,
    ) -> Result<Self, LinkError> {
        let host = Host::with_direct_tls(config, entropy()?, now, secured.info());
        Ok(Self::over_tls(host, secured))
    }
}

fn entropy() -> Result<Entropy, LinkError> {
    Entropy::from_os().map_err(|error| LinkError::Io(io::Error::other(error)))
}
