//! The server's side.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use xmppwire::CertificateIdentities;

use super::client_verifier::{ClientVerifier, KeyPurpose};
use super::summary::{self, TlsSummary};
use super::trust::{self, Verifiers};
use super::{Identity, RevocationLists, TlsError, end_point, provider, versions};
use crate::find::{Mode, Service};

/// Configuration of TLS for a server: one certificate, for all the domains that it names. Cheap to
/// clone.
///
/// A server with a certificate for each domain keeps one `ServerTls` for each. It chooses by the
/// domain that the client's stream header asked for, or, with direct TLS, by the server name in the
/// client's first message, for which rustls has [`Acceptor`](rustls::server::Acceptor).
#[derive(Clone, Debug)]
pub struct ServerTls {
    starttls: Arc<ServerConfig>,
    direct: Arc<ServerConfig>,
    end_point: Option<Vec<u8>>,
    /// Verifies clients after the handshake, where the handshake goes on with any certificate.
    examiner: Option<Arc<dyn ClientCertVerifier>>,
    /// Verifies clients by the trust anchors that have no name constraints, if there are any.
    unconstrained: Option<Arc<dyn ClientCertVerifier>>,
}

impl ServerTls {
    /// Starts from the certificate to show and its private key.
    pub fn builder(identity: Identity) -> ServerTlsBuilder {
        ServerTlsBuilder {
            identity,
            client_certificates: ClientCertificates::Ignored,
            key_purpose: KeyPurpose::default(),
            revocation: RevocationLists::default(),
            provider: None,
            tls13_only: false,
            weak_tls12: false,
            service: Service::CLIENT,
        }
    }

    /// Takes a rustls configuration made elsewhere, for what the builder does not offer, and the
    /// certificate that it always shows. Its application protocols are replaced by those of the
    /// service. On TLS 1.2, `require_ems` decides whether there is a `tls-exporter` binding.
    ///
    /// The trust anchors of its verifier are not known here, so no certificate of a client names an
    /// account, until [`with_unconstrained_verifier`](Self::with_unconstrained_verifier) is called.
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
            examiner: None,
            unconstrained: None,
        }
    }

    /// Lets XMPP addresses and SRV-IDs count in the certificates of clients that this verifier
    /// accepts as well. Give the verifier of the configuration if none of its trust anchors has
    /// name constraints, or one without those that do.
    #[must_use]
    pub fn with_unconstrained_verifier(mut self, verifier: Arc<dyn ClientCertVerifier>) -> Self {
        self.unconstrained = Some(verifier);
        self
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

    /// Reads a finished connection of this configuration.
    ///
    /// # Errors
    ///
    /// [`TlsError::Unfinished`] before the end of the handshake.
    pub fn summary(&self, connection: &ServerConnection) -> Result<TlsSummary, TlsError> {
        let chain = connection.peer_certificates().unwrap_or_default();
        let peer = match chain.split_first() {
            Some((certificate, intermediates)) => self.examine(certificate, intermediates),
            None => Ok(None),
        };
        let end_point = self.end_point.clone();
        summary::read(connection, self.starttls.require_ems, end_point, peer)
    }

    /// The names that count in the certificate of a client.
    fn examine(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<Option<CertificateIdentities>, rustls::Error> {
        let now = UnixTime::now();
        let verify = |verifier: &Arc<dyn ClientCertVerifier>| {
            verifier.verify_client_cert(certificate, intermediates, now)
        };
        if let Some(examiner) = &self.examiner {
            verify(examiner)?;
        }
        Ok(trust::identities(certificate, intermediates, || {
            self.unconstrained
                .as_ref()
                .is_some_and(|verifier| verify(verifier).is_ok())
        }))
    }
}

/// What a server does about certificates of its clients.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientCertificates {
    /// Asks for none.
    Ignored,
    /// Asks for one by these roots. A client without a certificate is served, one with another
    /// certificate is refused.
    Requested(RootCertStore),
    /// Serves only clients with a certificate by these roots.
    Required(RootCertStore),
    /// Asks for one, and serves every client, whatever it shows. Only a certificate by these roots
    /// names it; [`TlsSummary::unverified`] says why another one does not. The client has to have
    /// the key of the certificate that it shows, in any case.
    ///
    /// Between servers: a peer whose certificate proves nothing can still be known by dialback
    /// (XEP-0220), over TLS.
    Tolerated(RootCertStore),
}

/// Builder of a [`ServerTls`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ServerTlsBuilder {
    identity: Identity,
    client_certificates: ClientCertificates,
    key_purpose: KeyPurpose,
    revocation: RevocationLists,
    provider: Option<Arc<CryptoProvider>>,
    tls13_only: bool,
    weak_tls12: bool,
    service: Service,
}

impl ServerTlsBuilder {
    /// Whether to ask clients for a certificate; [`ClientCertificates::Ignored`] unless set. A host
    /// with SASL EXTERNAL among its mechanisms offers it to clients that have shown one.
    pub fn client_certificates(mut self, policy: ClientCertificates) -> Self {
        self.client_certificates = policy;
        self
    }

    /// What the certificate of a client has to be made for; [`KeyPurpose::Client`] unless set.
    pub const fn key_purpose(mut self, purpose: KeyPurpose) -> Self {
        self.key_purpose = purpose;
        self
    }

    /// Does not accept certificates of clients that these lists revoke; none are checked unless
    /// set.
    pub fn revocation_lists(mut self, lists: RevocationLists) -> Self {
        self.revocation = lists;
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

    /// Accepts TLS 1.2 without the extended master secret (RFC 7627). No connection over TLS 1.2
    /// then has a `tls-exporter` binding, because rustls does not tell whether the extension was
    /// used.
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
    /// [`TlsError::Verifier`] if there are no roots for client certificates or a revocation list
    /// cannot be read, [`TlsError::NoProvider`] without any cryptography, and [`TlsError::Rustls`]
    /// if the private key is unusable or does not belong to the certificate.
    pub fn build(self) -> Result<ServerTls, TlsError> {
        let provider = self.provider.map_or_else(provider::default, Ok)?;
        let (roots, required, tolerant) = match self.client_certificates {
            ClientCertificates::Ignored => (None, false, false),
            ClientCertificates::Requested(roots) => (Some(roots), false, false),
            ClientCertificates::Required(roots) => (Some(roots), true, false),
            ClientCertificates::Tolerated(roots) => (Some(roots), false, true),
        };
        let (lists, purpose) = (&self.revocation, self.key_purpose);
        let build = |roots| ClientVerifier::new(roots, lists, &provider, required, purpose);
        let verifiers = roots
            .map(|roots| Verifiers::new(roots, build))
            .transpose()?;
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions(self.tls13_only))?;
        let config = match &verifiers {
            None => config.with_no_client_auth(),
            Some(verifiers) => config.with_client_cert_verifier(match tolerant {
                true => verifiers.all.tolerant(),
                false => Arc::clone(&verifiers.all) as _,
            }),
        };
        let leaf = self.identity.certificate().clone();
        let (chain, key) = self.identity.into_parts();
        let mut config = config.with_single_cert(chain, key)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.require_ems = !self.weak_tls12;
        let (examiner, unconstrained) = match verifiers {
            Some(Verifiers { all, unconstrained }) => (tolerant.then_some(all), unconstrained),
            None => (None, None),
        };
        Ok(ServerTls {
            examiner: examiner.map(|verifier| verifier as _),
            unconstrained: unconstrained.map(|verifier| verifier as _),
            ..ServerTls::from_config(config, &leaf, &self.service)
        })
    }
}
