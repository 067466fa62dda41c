//! Verification of a server's certificate (RFC 6120 §13.7.2.1).

use std::net::Ipv4Addr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::VerifierBuilderError;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use xmppwire::CertificateIdentities;

use super::RevocationLists;
use super::trust::{self, Verifiers};
use crate::find::{Domain, Service};

/// Accepts a certificate by its DNS-IDs and addresses, as every TLS client does, and by the two
/// other kinds of names that RFC 6120 §13.7.1.2.1 has for servers: the SRV-ID of the service, and
/// the XMPP address that is the domain.
///
/// The other kinds count only where [`trust::identities`] says so.
#[derive(Clone, Debug)]
pub(super) struct ServerVerifier {
    verifiers: Verifiers<Arc<WebPkiServerVerifier>>,
    /// The first label of the SRV-ID, such as `_xmpp-client`.
    label: &'static str,
    /// Lets the handshake go on with any certificate.
    tolerant: bool,
}

impl ServerVerifier {
    pub(super) fn new(
        roots: RootCertStore,
        revocation: &RevocationLists,
        provider: &Arc<CryptoProvider>,
        service: &Service,
    ) -> Result<Arc<Self>, VerifierBuilderError> {
        Ok(Arc::new(Self {
            verifiers: Verifiers::new(roots, |roots| revocation.server_verifier(roots, provider))?,
            label: service.srv_id_label(),
            tolerant: false,
        }))
    }

    /// The same for a handshake that goes on with any certificate. What the certificate is worth
    /// has to be found out afterwards, by [`verify`](Self::verify).
    pub(super) fn tolerant(&self) -> Arc<Self> {
        Arc::new(Self {
            tolerant: true,
            ..self.clone()
        })
    }

    /// Verifies a certificate whose key the peer has proven, and returns the names that count in it.
    pub(super) fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Option<CertificateIdentities>, Error> {
        if self.tolerant {
            verify_path(&self.verifiers.all, certificate, intermediates, now)?;
        }
        Ok(self.identities(certificate, intermediates, now))
    }

    /// The names that count in a certificate that a handshake has verified.
    fn identities(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Option<CertificateIdentities> {
        let is_verified = |verifier: &Arc<WebPkiServerVerifier>| {
            verify_path(verifier, certificate, intermediates, now).is_ok()
        };
        trust::identities(certificate, intermediates, || {
            self.verifiers
                .unconstrained
                .as_ref()
                .is_some_and(is_verified)
        })
    }

    /// Whether these names include the domain in another way than as a DNS-ID.
    fn include(&self, identities: &CertificateIdentities, domain: &str) -> bool {
        let is_domain =
            |name: &str| Domain::parse(name).is_ok_and(|name| name.name() == Some(domain));
        let is_service = |name: &str| {
            name.split_once('.').is_some_and(|(label, name)| {
                label.eq_ignore_ascii_case(self.label) && is_domain(name)
            })
        };
        identities.srv_ids().iter().any(|name| is_service(name))
            || identities.xmpp_addrs().iter().any(|name| is_domain(name))
    }
}

/// Verifies everything but the name: the path, the time, the purpose, and that nothing on the path
/// is revoked.
pub(super) fn verify_path(
    verifier: &WebPkiServerVerifier,
    certificate: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<(), Error> {
    // Any name will do: the path is verified before the name.
    let name = ServerName::from(Ipv4Addr::UNSPECIFIED);
    match verifier.verify_server_cert(certificate, intermediates, &name, &[], now) {
        Err(error) if !is_mismatch(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Whether a certificate is in order but for its names: rustls compares them last.
fn is_mismatch(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    )
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.tolerant {
            return Ok(ServerCertVerified::assertion());
        }
        let all = &self.verifiers.all;
        let verified =
            all.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let (Err(error), ServerName::DnsName(domain)) = (&verified, server_name) else {
            return verified;
        };
        if !is_mismatch(error) {
            return verified;
        }
        let domain = domain.as_ref().to_ascii_lowercase();
        match self.identities(end_entity, intermediates, now) {
            Some(names) if self.include(&names, &domain) => Ok(ServerCertVerified::assertion()),
            _ => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let all = &self.verifiers.all;
        all.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let all = &self.verifiers.all;
        all.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifiers.all.supported_verify_schemes()
    }
}
