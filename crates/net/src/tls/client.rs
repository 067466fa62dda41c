//! The client's side.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::summary::{self, TlsSummary};
use super::verify::ServerVerifier;
use super::{Identity, TlsError, end_point, platform_roots, provider, versions};
use crate::find::{Domain, Mode, Service};

/// How a client secures its connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ClientTls {
    starttls: Arc<ClientConfig>,
    direct: Arc<ClientConfig>,
}

impl ClientTls {
    /// Trusts the platform's root certificates, and shows no certificate.
    ///
    /// # Errors
    ///
    /// Those of [`platform_roots`].
    pub fn platform() -> Result<Self, TlsError> {
        Self::builder(platform_roots()?).build()
    }

    /// Starts from the certificates to trust: [`platform_roots`], [`roots_from_pem`](super::roots_from_pem), or any
    /// other store.
    pub fn builder(roots: RootCertStore) -> ClientTlsBuilder {
        ClientTlsBuilder {
            roots,
            identity: None,
            tls13_only: false,
            weak_tls12: false,
            service: Service::CLIENT,
        }
    }

    /// Takes a rustls configuration made elsewhere, for what the builder does not offer. Its application protocols are
    /// replaced by those of the service. On TLS 1.2, `require_ems` decides whether there is a `tls-exporter` binding.
    pub fn from_config(config: ClientConfig, service: &Service) -> Self {
        let mut starttls = config;
        starttls.alpn_protocols = Vec::new();
        let mut direct = starttls.clone();
        direct.alpn_protocols = vec![service.alpn.into()];
        Self {
            starttls: Arc::new(starttls),
            direct: Arc::new(direct),
        }
    }

    /// The rustls configuration for a target of this mode.
    pub fn config(&self, mode: Mode) -> &Arc<ClientConfig> {
        match mode {
            Mode::DirectTls => &self.direct,
            Mode::StartTls => &self.starttls,
        }
    }

    /// Begins a connection to the server of `domain`, and of no other.
    ///
    /// # Errors
    ///
    /// [`TlsError::Rustls`] if the system gives no random bits.
    pub fn connect(&self, domain: &Domain, mode: Mode) -> Result<ClientConnection, TlsError> {
        let config = Arc::clone(self.config(mode));
        Ok(ClientConnection::new(config, domain.server_name())?)
    }

    /// What there is to know about a finished connection of this configuration.
    ///
    /// # Errors
    ///
    /// [`TlsError::Unfinished`] before the end of the handshake.
    pub fn summary(&self, connection: &ClientConnection) -> Result<TlsSummary, TlsError> {
        let server_end_point = connection
            .peer_certificates()
            .and_then(<[_]>::first)
            .and_then(end_point::server_end_point);
        summary::read(connection, self.starttls.require_ems, server_end_point)
    }
}

/// What a [`ClientTls`] is made of.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientTlsBuilder {
    roots: RootCertStore,
    identity: Option<Identity>,
    tls13_only: bool,
    weak_tls12: bool,
    service: Service,
}

impl ClientTlsBuilder {
    /// Shows this certificate to servers that ask for one, as for SASL EXTERNAL (XEP-0178): for that, tell
    /// [`ClientConfig::with_certificate`](xmppwire::ClientConfig::with_certificate) of its [`Identity::identities`].
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Refuses TLS 1.2.
    pub fn tls13_only(mut self) -> Self {
        self.tls13_only = true;
        self
    }

    /// Talks TLS 1.2 even to a server that does not know the extended master secret (RFC 7627), which all current TLS
    /// libraries do. No connection over TLS 1.2 then has a `tls-exporter` binding, because rustls does not tell
    /// whether the extension was used.
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
    /// [`TlsError::Rustls`] if the private key of the identity is unusable or does not belong to its certificate.
    pub fn build(self) -> Result<ClientTls, TlsError> {
        let provider = provider();
        let verifier = ServerVerifier::new(self.roots, &provider, &self.service);
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions(self.tls13_only))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match self.identity {
            Some(identity) => {
                let (chain, key) = identity.into_parts();
                config.with_client_auth_cert(chain, key)?
            }
            None => config.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        config.require_ems = !self.weak_tls12;
        Ok(ClientTls::from_config(config, &self.service))
    }
}
