//! The connections that a server accepts.

use std::io;

use xmppwire::{Entropy, Instant, Server, ServerConfig};

use super::{Link, LinkError, Secured, TlsSide};
use crate::tls::ServerTls;

impl Link<Server> {
    /// The connection of a client that begins in clear text. Without `tls`, the answer to STARTTLS
    /// is `<failure/>`.
    ///
    /// # Errors
    ///
    /// [`LinkError::Io`] if the operating system gives no randomness.
    pub fn accept(
        config: ServerConfig,
        tls: Option<ServerTls>,
        now: Instant,
    ) -> Result<Self, LinkError> {
        let server = Server::new(config, entropy()?, now);
        Ok(Self::new(server, tls.map(TlsSide::from)))
    }

    /// The connection of a client that began with TLS (XEP-0368).
    ///
    /// # Errors
    ///
    /// [`LinkError::Io`] if the operating system gives no randomness.
    pub fn accept_over_tls(
        config: ServerConfig,
        secured: Secured,
        now: Instant,
    ) -> Result<Self, LinkError> {
        let server = Server::with_direct_tls(config, entropy()?, now, secured.info());
        Ok(Self::over_tls(server, secured))
    }
}

fn entropy() -> Result<Entropy, LinkError> {
    Entropy::from_os().map_err(|error| LinkError::Io(io::Error::other(error)))
}
