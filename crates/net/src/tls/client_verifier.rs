//! Verification of a client's certificate, and what it has to be made for.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::VerifierBuilderError;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

use super::{RevocationLists, verify};

/// What a certificate has to be made for to count where its owner is the client of TLS: its
/// extended key usages, where it names any (RFC 5280 §4.2.1.12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyPurpose {
    /// `clientAuth`.
    #[default]
    Client,
    /// `clientAuth` or `serverAuth`, for streams between servers.
    ///
    /// A server shows the same certificate in both roles, and public authorities no longer issue
    /// certificates with both usages. Each usage proves the same: the authority issued the
    /// certificate to the domain, and the peer has its key. RFC 6120 §13.7.1 demands neither.
    ClientOrServer,
}

/// Verifies the certificates of clients.
#[derive(Clone, Debug)]
pub(super) struct ClientVerifier {
    client: Arc<dyn ClientCertVerifier>,
    /// Verifies certificates that are made for servers; `None` where they do not count.
    server: Option<Arc<WebPkiServerVerifier>>,
    /// Lets clients through with any certificate and with none.
    tolerant: bool,
}

impl ClientVerifier {
    pub(super) fn new(
        roots: Arc<RootCertStore>,
        revocation: &RevocationLists,
        provider: &Arc<CryptoProvider>,
        required: bool,
        purpose: KeyPurpose,
    ) -> Result<Arc<Self>, VerifierBuilderError> {
        let client = revocation.client_verifier(Arc::clone(&roots), provider, required)?;
        let server = match purpose {
            KeyPurpose::Client => None,
            KeyPurpose::ClientOrServer => Some(revocation.server_verifier(roots, provider)?),
        };
        Ok(Arc::new(Self {
            client,
            server,
            tolerant: false,
        }))
    }

    /// The same for the handshake alone, which goes on with any certificate. What the certificate
    /// is worth has to be found out afterwards, by the verifier that this one was made of.
    pub(super) fn tolerant(&self) -> Arc<Self> {
        Arc::new(Self {
            tolerant: true,
            ..self.clone()
        })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        !self.tolerant && self.client.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        match self.tolerant {
            // Hints would keep some clients from showing a certificate of another authority.
            true => &[],
            false => self.client.root_hint_subjects(),
        }
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.tolerant {
            return Ok(ClientCertVerified::assertion());
        }
        let error = match self
            .client
            .verify_client_cert(end_entity, intermediates, now)
        {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        let Some(server) = &self.server else {
            return Err(error);
        };
        match verify::verify_path(server, end_entity, intermediates, now) {
            Ok(()) => Ok(ClientCertVerified::assertion()),
            // Another fault than the purpose says more.
            Err(other) if is_about_purpose(&error) => Err(other),
            Err(_) => Err(error),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let client = &self.client;
        client.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let client = &self.client;
        client.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.client.supported_verify_schemes()
    }
}

/// Whether a certificate is refused because it was made for another purpose.
fn is_about_purpose(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. }
        )
    )
}
