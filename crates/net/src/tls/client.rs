//! The client's side.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::summary::{self, TlsSummary};
use super::verify::ServerVerifier;
use super::{
    Identity, RevocationLists, TlsError, end_point, platform_roots, provider, trust, versions,
};
use crate::find::{Domain, Mode, Service};

/// Configuration of TLS for a client. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ClientTls {
    starttls: Arc<ClientConfig>,
    direct: Arc<ClientConfig>,
    /// The verifier of the configuration; `None` in one that was made elsewhere.
    verifier: Option<Arc<ServerVerifier>>,
}

impl ClientTls {
    /// Trusts the platform's root certificates, and shows no certificate.
    ///
    /// # Errors
    ///
    /// Those of [`platform_roots`] and of [`ClientTlsBuilder::build`].
    pub fn platform() -> Result<Self, TlsError> {
        Self::builder(platform_roots()?).build()
    }

    /// Starts from the certificates to trust: [`platform_roots`],
    /// [`roots_from_pem`](super::roots_from_pem), or any other store.
    pub fn builder(roots: RootCertStore) -> ClientTlsBuilder {
        ClientTlsBuilder {
            roots,
            revocation: RevocationLists::default(),
            identity: None,
            provider: None,
            tls13_only: false,
            weak_tls12: false,
            service: Service::CLIENT,
        }
    }

    /// Takes a rustls configuration made elsewhere, for what the builder does not offer. Its
    /// application protocols are replaced by those of the service. On TLS 1.2, `require_ems`
    /// decides whether there is a `tls-exporter` binding.
    ///
    /// The trust anchors of its verifier are not known here, so [`TlsSummary::peer`] has only
    /// DNS-IDs.
    pub fn from_config(config: ClientConfig, service: &Service) -> Self {
        let mut starttls = config;
        starttls.alpn_protocols = Vec::new();
        let mut direct = starttls.clone();
        direct.alpn_protocols = vec![service.alpn.into()];
        Self {
            starttls: Arc::new(starttls),
            direct: Arc::new(direct),
            verifier: None,
        }
    }

    /// The same for streams between servers that dialback proves (XEP-0220): the handshake goes on
    /// with any certificate, because encryption without authentication is better than none (RFC
    /// 7590 §3.4).
    ///
    /// The peer still has to have the key of the certificate that it shows, so the handshake fails
    /// where the TLS library cannot read the certificate, as one of version 1. What the certificate is
    /// worth is known afterwards: a name in [`TlsSummary::peer`] is verified as ever, but nothing
    /// has compared it with the domain, and [`TlsSummary::unverified`] says why no name counts. A
    /// client must never use this. A configuration [made elsewhere](Self::from_config) goes on as
    /// it did before.
    #[must_use]
    pub fn for_dialback(&self) -> Self {
        let Some(verifier) = &self.verifier else {
            return self.clone();
        };
        let verifier = verifier.tolerant();
        let tolerant = |config: &ClientConfig| {
            let mut config = config.clone();
            let shared = Arc::clone(&verifier);
            config.dangerous().set_certificate_verifier(shared);
            Arc::new(config)
        };
        Self {
            starttls: tolerant(&self.starttls),
            direct: tolerant(&self.direct),
            verifier: Some(verifier),
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

    /// Reads a finished connection of this configuration.
    ///
    /// # Errors
    ///
    /// [`TlsError::Unfinished`] before the end of the handshake.
    pub fn summary(&self, connection: &ClientConnection) -> Result<TlsSummary, TlsError> {
        let chain = connection.peer_certificates().unwrap_or_default();
        let (server_end_point, peer) = match chain.split_first() {
            Some((certificate, intermediates)) => (
                end_point::server_end_point(certificate),
                match &self.verifier {
                    Some(verifier) => verifier.verify(certificate, intermediates, UnixTime::now()),
                    None => Ok(trust::identities(certificate, intermediates, || false)),
                },
            ),
            None => (None, Ok(None)),
        };
        summary::read(
            connection,
            self.starttls.require_ems,
            server_end_point,
            peer,
        )
    }
}

/// Builder of a [`ClientTls`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientTlsBuilder {
    roots: RootCertStore,
    revocation: RevocationLists,
    identity: Option<Identity>,
    provider: Option<Arc<CryptoProvider>>,
    tls13_only: bool,
    weak_tls12: bool,
    service: Service,
}

impl ClientTlsBuilder {
    /// Refuses servers whose certificates these lists revoke; none are checked unless set.
    pub fn revocation_lists(mut self, lists: RevocationLists) -> Self {
        self.revocation = lists;
        self
    }

    /// Shows this certificate to servers that ask for one, as for SASL EXTERNAL (XEP-0178): for
    /// that, also give its [`Identity::identities`] to
    /// [`ClientConfig::with_certificate`](xmppwire::ClientConfig::with_certificate).
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The cryptography to use; unless set, the one that the cargo features choose (see the
    /// [module](super)).
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Refuses TLS 1.2.
    pub const fn tls13_only(mut self) -> Self {
        self.tls13_only = true;
        self
    }

    /// Accepts TLS 1.2 without the extended master secret (RFC 7627), which all current TLS
    /// libraries know. No connection over TLS 1.2 then has a `tls-exporter` binding, because rustls
    /// does not tell whether the extension was used.
    pub const fn allow_weak_tls12(mut self) -> Self {
        self.weak_tls12 = true;
        self
    }

    /// The service to name in direct TLS; [`Service::CLIENT`] unless set.
    pub fn service(mut self, service: Service) -> Self {
        self.service = service;
        self
    }

    /// Builds the configuration.
    ///
    /// # Errors
    ///
    /// [`TlsError::Verifier`] if there are no roots or a revocation list cannot be read,
    /// [`TlsError::NoProvider`] without any cryptography, and [`TlsError::Rustls`] if the private
    /// key of the identity is unusable or does not belong to its certificate.
    pub fn build(self) -> Result<ClientTls, TlsError> {
        let provider = self.provider.map_or_else(provider::default, Ok)?;
        let verifier = ServerVerifier::new(self.roots, &self.revocation, &provider, &self.service)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions(self.tls13_only))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as _);
        let mut config = match self.identity {
            Some(identity) => {
                let (chain, key) = identity.into_parts();
                config.with_client_auth_cert(chain, key)?
            }
            None => config.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        config.require_ems = !self.weak_tls12;
        Ok(ClientTls {
            verifier: Some(verifier),
            ..ClientTls::from_config(config, &self.service)
        })
    }
}
