//! The server's side.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection};

use super::summary::{self, TlsSummary};
use super::{Identity, TlsError, end_point, provider, versions};
use crate::find::{Mode, Service};

/// How a server secures its connections: with one certificate, for all the domains that it names. Cheap to clone.
///
/// A server with a certificate for each domain keeps one `ServerTls` for each and chooses by the domain that the
/// client's stream header asked for, or, with direct TLS, by the server name in its first message, for which rustls
/// has [`Acceptor`](rustls::server::Acceptor).
#[derive(Clone, Debug)]
pub struct ServerTls {
    starttls: Arc<ServerConfig>,
    direct: Arc<ServerConfig>,
    end_point: Option<Vec<u8>>,
}

impl ServerTls {
    /// Starts from the certificate to show and its private key.
    pub fn builder(identity: Identity) -> ServerTlsBuilder {
        ServerTlsBuilder {
            identity,
            client_certificates: ClientCertificates::Ignored,
            tls13_only: false,
            weak_tls12: false,
            service: Service::CLIENT,
        }
    }

    /// Takes a rustls configuration made elsewhere, for what the builder does not offer, and the certificate that it
    /// always shows. Its application protocols are replaced by those of the service. On TLS 1.2, `require_ems` decides
    /// whether there is a `tls-exporter` binding.
    pub fn from_config(
        config: ServerConfig,
        certificate: &CertificateDer<'_>,
        service: &Service,
    ) -> Self {
        let mut starttls = config;
        starttls.alpn_protocols = Vec::new();
        let mut direct = starttls.clone();
        direct.alpn_protocols = vec![service.alpn.into()];
        Self {
            starttls: Arc::new(starttls),
            direct: Arc::new(direct),
            end_point: end_point::server_end_point(certificate),
        }
    }

    /// The rustls configuration for a connection that begins in this mode.
    pub fn config(&self, mode: Mode) -> &Arc<ServerConfig> {
        match mode {
            Mode::DirectTls => &self.direct,
            Mode::StartTls => &self.starttls,
        }
    }

    /// Begins to serve a connection.
    ///
    /// # Errors
    ///
    /// [`TlsError::Rustls`] if the system gives no random bits.
    pub fn accept(&self, mode: Mode) -> Result<ServerConnection, TlsError> {
        Ok(ServerConnection::new(Arc::clone(self.config(mode)))?)
    }

    /// What there is to know about a finished connection of this configuration.
    ///
    /// # Errors
    ///
    /// [`TlsError::Unfinished`] before the end of the handshake.
    pub fn summary(&self, connection: &ServerConnection) -> Result<TlsSummary, TlsError> {
        let end_point = self.end_point.clone();
        summary::read(connection, self.starttls.require_ems, end_point)
    }
}

/// What a server does about certificates of its clients.
#[derive(Clone, Debug)]
pub enum ClientCertificates {
    /// It does not ask for any.
    Ignored,
    /// It asks for one that these roots vouch for. A client without any is welcome, one that shows another is not.
    Requested(RootCertStore),
    /// It serves only clients that show one these roots vouch for.
    Required(RootCertStore),
}

/// What a [`ServerTls`] is made of.
#[derive(Clone, Debug)]
#[must_use]
pub struct ServerTlsBuilder {
    identity: Identity,
    client_certificates: ClientCertificates,
    tls13_only: bool,
    weak_tls12: bool,
    service: Service,
}

impl ServerTlsBuilder {
    /// Whether to ask clients for a certificate; they are ignored unless set. A host with SASL EXTERNAL among its
    /// mechanisms offers it to clients that have shown one.
    pub fn client_certificates(mut self, policy: ClientCertificates) -> Self {
        self.client_certificates = policy;
        self
    }

    /// Refuses TLS 1.2.
    pub fn tls13_only(mut self) -> Self {
        self.tls13_only = true;
        self
    }

    /// Talks TLS 1.2 even to a client that does not know the extended master secret (RFC 7627). No connection over TLS
    /// 1.2 then has a `tls-exporter` binding, because rustls does not tell whether the extension was used.
    pub fn allow_weak_tls12(mut self) -> Self {
        self.weak_tls12 = true;
        self
    }

    /// The service to name in direct TLS; [`Service::CLIENT`] unless set.
    pub fn service(mut self, service: Service) -> Self {
        self.service = service;
        self
    }

    /// Puts the configuration together.
    ///
    /// # Errors
    ///
    /// [`TlsError::Rustls`] if the private key is unusable or does not belong to the certificate,
    /// [`TlsError::ClientVerifier`] if there are no roots to verify client certificates with.
    pub fn build(self) -> Result<ServerTls, TlsError> {
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions(self.tls13_only))?;
        let verifier =
            |roots| WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        let config = match self.client_certificates {
            ClientCertificates::Ignored => config.with_no_client_auth(),
            ClientCertificates::Requested(roots) => {
                config.with_client_cert_verifier(verifier(roots).allow_unauthenticated().build()?)
            }
            ClientCertificates::Required(roots) => {
                config.with_client_cert_verifier(verifier(roots).build()?)
            }
        };
        let leaf = self.identity.certificate().clone();
        let (chain, key) = self.identity.into_parts();
        let mut config = config.with_single_cert(chain, key)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.require_ems = !self.weak_tls12;
        Ok(ServerTls::from_config(config, &leaf, &self.service))
    }
}
