//! Which end of TLS a link is.

use std::sync::{Arc, OnceLock};

use rustls::Connection;

use crate::find::{Domain, Mode};
use crate::tls::{ClientTls, ServerTls, TlsError, TlsSummary};

/// Which end of TLS a link is, and with what configuration.
#[derive(Clone, Debug)]
pub enum TlsSide {
    /// The client of a domain, whose certificate is verified.
    Client {
        /// The configuration.
        tls: LazyTls,
        /// Whom to verify: the domain of the JID, never a host name that the DNS gave.
        domain: Domain,
    },
    /// The server.
    Server(ServerTls),
}

/// A client configuration that reads the platform's root certificates once, when TLS first begins, unless it was given.
#[derive(Clone, Debug, Default)]
pub struct LazyTls(Arc<OnceLock<ClientTls>>);

impl LazyTls {
    /// The configuration.
    ///
    /// # Errors
    ///
    /// Those of [`ClientTls::platform`], where none was given.
    pub fn get(&self) -> Result<&ClientTls, TlsError> {
        if let Some(tls) = self.0.get() {
            return Ok(tls);
        }
        let tls = ClientTls::platform()?;
        Ok(self.0.get_or_init(|| tls))
    }
}

impl From<ClientTls> for LazyTls {
    fn from(tls: ClientTls) -> Self {
        Self(Arc::new(tls.into()))
    }
}

impl TlsSide {
    /// Begins a session.
    pub(super) fn begin(&self, mode: Mode) -> Result<Connection, TlsError> {
        Ok(match self {
            Self::Client { tls, domain } => tls.get()?.connect(domain, mode)?.into(),
            Self::Server(tls) => tls.accept(mode)?.into(),
        })
    }

    /// Reads a session that [`begin`](Self::begin) began.
    pub(super) fn summary(&self, session: &Connection) -> Result<TlsSummary, TlsError> {
        match (self, session) {
            (Self::Client { tls, .. }, Connection::Client(session)) => tls.get()?.summary(session),
            (Self::Server(tls), Connection::Server(session)) => tls.summary(session),
            _ => Err(TlsError::Unfinished),
        }
    }
}
