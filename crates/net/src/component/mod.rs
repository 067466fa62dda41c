//! Components (XEP-0114).
//!
//! A component exchanges stanzas with its server by the same machines as a client, with the role
//! [`Component`](xmppwire::component::Component): [`Attempts`](crate::find::Attempts),
//! [`Login`](crate::client::Login), [`Session`](crate::client::Session) and
//! [`Reconnecting`](crate::client::Reconnecting). Its [`ComponentConnector`] says where to connect
//! to.
//!
//! The server's end is a [`Link`] of the role [`Host`].

mod connector;

use std::io;

use xmppwire::component::{Host, HostConfig};
use xmppwire::{Entropy, Instant};

pub use connector::{ComponentConnector, ComponentSettings};

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
