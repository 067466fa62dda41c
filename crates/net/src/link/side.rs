//! Which end of TLS a link is.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use rustls::Connection;
use rustls::server::Accepted;

use crate::find::{Domain, Mode};
use crate::tls::{ClientTls, ServerTls, TlsError, TlsSummary};

/// Which end of TLS a link is, and with what configuration.
#[derive(Clone, Debug)]
pub struct TlsSide(Side);

#[derive(Clone, Debug)]
enum Side {
    Client {
        tls: LazyTls,
        domain: Domain,
    },
    Server(ServerTls),
    /// Chosen by the server name that the client asks for.
    Servers(Arc<Servers>),
}

#[derive(Debug)]
struct Servers {
    by_name: BTreeMap<String, ServerTls>,
    otherwise: ServerTls,
}

impl TlsSide {
    /// The client's end. The server has to prove that it is the server of `domain`: the domain of
    /// the JID, never a host name that the DNS gave (RFC 6120 §13.7.2.1). A configuration
    /// [for dialback](ClientTls::for_dialback) demands no such proof.
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

    /// The server's end of a server with several certificates. With direct TLS it is chosen by the
    /// server name in the client's first message (RFC 6066 §3), `otherwise` where that is missing or
    /// not in the list. With STARTTLS it is `otherwise`; the stream header names the domain, and
    /// [`Link::set_tls`](super::Link::set_tls) replaces it.
    pub fn server_by_name(
        names: impl IntoIterator<Item = (Domain, ServerTls)>,
        otherwise: ServerTls,
    ) -> Self {
        let names = names.into_iter().map(|(name, tls)| (name.to_string(), tls));
        let by_name = names.collect();
        Self(Side::Servers(Arc::new(Servers { by_name, otherwise })))
    }

    /// Whether the client's first message decides which configuration is used.
    pub(super) const fn chooses(&self) -> bool {
        matches!(self.0, Side::Servers(_))
    }

    /// Begins a session of direct TLS that answers this first message, and returns the side that
    /// it has from now on. The error comes with the alert to send.
    pub(super) fn answer(self, hello: Accepted) -> Result<(Self, Connection), (TlsError, Vec<u8>)> {
        let tls = match self.0 {
            Side::Client { .. } => return Err((TlsError::Unfinished, Vec::new())),
            Side::Server(tls) => tls,
            Side::Servers(servers) => {
                let hello = hello.client_hello();
                let asked = hello.server_name().map(str::to_ascii_lowercase);
                let chosen = asked.and_then(|name| servers.by_name.get(&name));
                chosen.unwrap_or(&servers.otherwise).clone()
            }
        };
        let session = hello.into_connection(Arc::clone(tls.config(Mode::DirectTls)));
        match session {
            Ok(session) => Ok((tls.into(), session.into())),
            Err((error, mut alert)) => {
                let mut bytes = Vec::new();
                // Writing to a vector does not fail.
                let _ = alert.write_all(&mut bytes);
                Err((error.into(), bytes))
            }
        }
    }

    /// Begins a session.
    pub(super) fn begin(&self, mode: Mode) -> Result<Connection, TlsError> {
        Ok(match &self.0 {
            Side::Client { tls, domain } => tls.get()?.connect(domain, mode)?.into(),
            Side::Server(tls) => tls.accept(mode)?.into(),
            Side::Servers(servers) => servers.otherwise.accept(mode)?.into(),
        })
    }

    /// Reads a session that [`begin`](Self::begin) began.
    pub(super) fn summary(&self, session: &Connection) -> Result<TlsSummary, TlsError> {
        match (&self.0, session) {
            (Side::Client { tls, .. }, Connection::Client(session)) => tls.get()?.summary(session),
            (Side::Server(tls), Connection::Server(session)) => tls.summary(session),
            (Side::Servers(servers), Connection::Server(session)) => {
                servers.otherwise.summary(session)
            }
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
