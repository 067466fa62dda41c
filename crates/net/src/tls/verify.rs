//! Whether a server's certificate names the domain (RFC 6120 §13.7.2.1).

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::names::{certificate_identities, constrains_names};
use crate::find::{Domain, Service};

/// Verifies as every TLS client does, by DNS-ID, and by the two other names that RFC 6120 §13.7.1.2.1 has for
/// servers: the SRV-ID of the service, and the XMPP address that is the domain.
///
/// Authorities that may speak for some names only are told so in names that the DNS knows, and such a limit says
/// nothing of the other two. So they count only where nobody in the chain is limited.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    roots: RootCertStore,
    /// Those of the roots that may speak for every name.
    unlimited: RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
    /// The first label of the SRV-ID, such as `_xmpp-client`.
    label: &'static str,
}

impl ServerVerifier {
    pub(super) fn new(
        roots: RootCertStore,
        provider: &CryptoProvider,
        service: &Service,
    ) -> Arc<Self> {
        let all = roots.roots.iter();
        let unlimited = all.filter(|root| root.name_constraints.is_none()).cloned();
        Arc::new(Self {
            unlimited: unlimited.collect(),
            roots,
            algorithms: provider.signature_verification_algorithms,
            label: service.srv_id_label(),
        })
    }

    /// Whether the certificate names the domain otherwise than by a DNS-ID.
    fn names_otherwise(&self, certificate: &CertificateDer<'_>, domain: &str) -> bool {
        let Some(identities) = certificate_identities(certificate) else {
            return false;
        };
        let is_domain =
            |name: &str| Domain::parse(name).is_ok_and(|name| name.name() == Some(domain));
        let srv_id = |name: &String| {
            let service = name.split_once('.');
            service.is_some_and(|(label, name)| {
                label.eq_ignore_ascii_case(self.label) && is_domain(name)
            })
        };
        identities.srv_ids().iter().any(srv_id)
            || identities
                .xmpp_addrs()
                .iter()
                .any(|address| is_domain(address))
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let signed_by = |roots| {
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                intermediates,
                now,
                algorithms,
            )
        };
        signed_by(&self.roots)?;
        let Err(mismatch) = verify_server_name(&certificate, server_name) else {
            return Ok(ServerCertVerified::assertion());
        };
        match server_name {
            ServerName::DnsName(domain)
                if self.names_otherwise(end_entity, &domain.as_ref().to_ascii_lowercase())
                    && !intermediates.iter().any(constrains_names)
                    && signed_by(&self.unlimited).is_ok() =>
            {
                Ok(ServerCertVerified::assertion())
            }
            _ => Err(mismatch),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
