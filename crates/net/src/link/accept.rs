//! The connections that a server accepts.

use std::io;
use std::time::Duration;

use xmppwire::{Connection, Entropy, Instant, KeepAlive, Server, ServerConfig};

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
        Ok(Self::new(patient(server), tls.map(TlsSide::from)))
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
        Ok(Self::over_tls(patient(server), secured))
    }
}

/// A server checks its clients twice as rarely as they check it, because checks are better begun by
/// clients (RFC 6120 §4.6.4): a client that checks its server is never checked.
fn patient(mut server: Connection<Server>) -> Connection<Server> {
    let keep_alive = KeepAlive::ping()
        .with_silence(KeepAlive::ping().silence() * 2)
        .with_patience(Duration::from_secs(60));
    server.set_keep_alive(Some(keep_alive));
    server
}

fn entropy() -> Result<Entropy, LinkError> {
    Entropy::from_os().map_err(|error| LinkError::Io(io::Error::other(error)))
}
