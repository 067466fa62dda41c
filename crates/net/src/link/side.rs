//! Which end of TLS a link is.

use std::sync::{Arc, OnceLock};

use rustls::Connection;

use crate::find::{Domain, Mode};
use crate::tls::{ClientTls, ServerTls, TlsError, TlsSummary};

/// Which end of TLS a link is, and with what configuration.
#[derive(Clone, Debug)]
pub struct TlsSide(Side);

#[derive(Clone, Debug)]
enum Side {
    Client { tls: LazyTls, domain: Domain },
    Server(ServerTls),
}

impl TlsSide {
    /// The client's end. The server has to prove that it is the server of `domain`: the domain of
    /// the JID, never a host name that the DNS gave (RFC 6120 §13.7.2.1).
    pub fn client(tls: ClientTls, domain: Domain) -> Self {
        Self::lazy_client(tls.into(), domain)
    }

    pub(crate) const fn lazy_client(tls: LazyTls, domain: Domain) -> Self {
        Self(Side::Client { tls, domain })
    }

    /// The server's end.
    pub const fn server(tls: ServerTls) -> Self {
        Self(Side::Server(tls))
    }

    /// Begins a session.
    pub(super) fn begin(&self, mode: Mode) -> Result<Connection, TlsError> {
        Ok(match &self.0 {
            Side::Client { tls, domain } => tls.get()?.connect(domain, mode)?.into(),
            Side::Server(tls) => tls.accept(mode)?.into(),
        })
    }

    /// Reads a session that [`begin`](Self::begin) began.
    pub(super) fn summary(&self, session: &Connection) -> Result<TlsSummary, TlsError> {
        match (&self.0, session) {
            (Side::Client { tls, .. }, Connection::Client(session)) => tls.get()?.summary(session),
            (Side::Server(tls), Connection::Server(session)) => tls.summary(session),
            _ => Err(TlsError::Unfinished),
        }
    }
}

impl From<ServerTls> for TlsSide {
    fn from(tls: ServerTls) -> Self {
        Self::server(tls)
    }
}

/// A client configuration that reads the platform's root certificates when TLS first begins, unless
/// it was given.
#[derive(Clone, Debug, Default)]
pub(crate) struct LazyTls(Arc<OnceLock<ClientTls>>);

impl LazyTls {
    /// The configuration.
    ///
    /// # Errors
    ///
    /// Those of [`ClientTls::platform`], where none was given.
    fn get(&self) -> Result<&ClientTls, TlsError> {
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
