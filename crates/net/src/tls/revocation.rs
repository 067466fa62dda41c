//! Certificate revocation lists (RFC 5280 §5).

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};

use super::TlsError;

/// The certificate revocation lists (CRLs) that the certificates of the other side are checked
/// against (RFC 6120 §13.7.2, RFC 5280 §6.3). Without a list nothing is checked.
///
/// With a list, the certificate and every intermediate on its path must be known not to be revoked,
/// so each of their issuers needs a list here, signed by that issuer and not past its `nextUpdate`.
/// The methods relax this one by one. A revoked certificate fails the handshake with the alert
/// `certificate_revoked`; where a list is missing or expired, the alert is `unknown_ca`.
///
/// Lists are read when a configuration is built, and are not fetched. An application that fetches
/// newer ones builds another configuration for the next connections. Only the handshake checks:
/// closing a stream whose certificate is revoked later, with `<reset/>`, is for the application (RFC
/// 6120 §13.7.2.3); a stream whose certificate expires ends by itself. OCSP is not supported: a
/// stapled response is ignored, even for a certificate that demands one (RFC 7633).
///
/// ```
/// use xmppwire_net::tls::{ClientTls, RevocationLists, platform_roots};
///
/// # fn build(pem: &[u8]) -> Result<ClientTls, xmppwire_net::tls::TlsError> {
/// let lists = RevocationLists::from_pem(pem)?.only_end_entity();
/// ClientTls::builder(platform_roots()?).revocation_lists(lists).build()
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct RevocationLists {
    lists: Vec<CertificateRevocationListDer<'static>>,
    only_end_entity: bool,
    allow_unknown: bool,
    allow_expired: bool,
}

/// Gives lists and policy to a verifier's builder. rustls has two, whose methods have the same
/// names.
macro_rules! with_lists {
    ($lists:ident, $builder:ident) => {{
        let mut builder = $builder.with_crls($lists.lists.iter().cloned());
        if $lists.only_end_entity {
            builder = builder.only_check_end_entity_revocation();
        }
        if $lists.allow_unknown {
            builder = builder.allow_unknown_revocation_status();
        }
        if !$lists.allow_expired {
            builder = builder.enforce_revocation_expiration();
        }
        builder
    }};
}

impl RevocationLists {
    /// Takes DER. Whether a list can be read is checked when a configuration is built.
    pub fn from_der(
        lists: impl IntoIterator<Item = CertificateRevocationListDer<'static>>,
    ) -> Self {
        Self {
            lists: lists.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Reads all lists of a PEM text.
    ///
    /// # Errors
    ///
    /// [`TlsError::Pem`] if the text cannot be read, [`TlsError::NoRevocationList`] if there is
    /// none in it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TlsError> {
        let lists = CertificateRevocationListDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(TlsError::Pem)?;
        if lists.is_empty() {
            return Err(TlsError::NoRevocationList);
        }
        Ok(Self::from_der(lists))
    }

    /// Checks the peer's own certificate and no intermediate.
    pub const fn only_end_entity(mut self) -> Self {
        self.only_end_entity = true;
        self
    }

    /// Accepts a certificate whose issuer has no list here. Only those that a list revokes are
    /// refused.
    pub const fn allow_unknown(mut self) -> Self {
        self.allow_unknown = true;
        self
    }

    /// Goes on to use a list after its `nextUpdate`. Certificates that were revoked later are
    /// accepted.
    pub const fn allow_expired(mut self) -> Self {
        self.allow_expired = true;
        self
    }

    /// A verifier of servers' certificates by these trust anchors.
    pub(super) fn server_verifier(
        &self,
        roots: Arc<RootCertStore>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<WebPkiServerVerifier>, VerifierBuilderError> {
        let builder = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
        with_lists!(self, builder).build()
    }

    /// A verifier of clients' certificates by these trust anchors.
    pub(super) fn client_verifier(
        &self,
        roots: Arc<RootCertStore>,
        provider: &Arc<CryptoProvider>,
        required: bool,
    ) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
        let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
        let mut builder = with_lists!(self, builder);
        if !required {
            builder = builder.allow_unauthenticated();
        }
        builder.build()
    }
}

/// Shows the number of lists in place of their bytes.
impl fmt::Debug for RevocationLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationLists")
            .field("lists", &self.lists.len())
            .field("only_end_entity", &self.only_end_entity)
            .field("allow_unknown", &self.allow_unknown)
            .field("allow_expired", &self.allow_expired)
            .finish()
    }
}
