//! A certificate to show.

use std::fmt;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use xmppwire::CertificateIdentities;

use super::{TlsError, certificate_identities};

/// A certificate, the chain that leads from it to a root, and its private key.
///
/// The certificate of a server should name each domain that it serves as a DNS-ID, and for a domain
/// with SRV records also as an SRV-ID: ask the authority for both (RFC 6120 §13.7.1.2.1). That of a
/// client should name the JID of its user as an XMPP address (§13.7.1.3), which is the only place
/// where servers look for one.
pub struct Identity {
    pub(super) leaf: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Takes DER: first the certificate of the identity itself, then those of its issuers.
    ///
    /// # Errors
    ///
    /// [`TlsError::NoCertificate`] for an empty chain. Whether the key belongs to the certificate
    /// is checked when a configuration is built.
    pub fn from_der(
        chain: impl IntoIterator<Item = CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, TlsError> {
        let mut chain = chain.into_iter();
        Ok(Self {
            leaf: chain.next().ok_or(TlsError::NoCertificate)?,
            intermediates: chain.collect(),
            key,
        })
    }

    /// Reads the usual PEM files: all certificates of the first text, beginning with the identity's
    /// own, and the first private key (PKCS #8, PKCS #1 or SEC 1) of the second. Both may be the
    /// same text.
    ///
    /// # Errors
    ///
    /// [`TlsError::Pem`] if a text cannot be read or has no private key,
    /// [`TlsError::NoCertificate`] if there is no certificate.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(TlsError::Pem)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Pem)?;
        Self::from_der(chain, key)
    }

    /// The certificate of the identity itself.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.leaf
    }

    /// The names in the certificate, for
    /// [`ClientConfig::with_certificate`](xmppwire::ClientConfig::with_certificate).
    pub fn identities(&self) -> CertificateIdentities {
        certificate_identities(&self.leaf).unwrap_or_default()
    }

    pub(super) fn into_parts(self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let mut chain = vec![self.leaf];
        chain.extend(self.intermediates);
        (chain, self.key)
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            leaf: self.leaf.clone(),
            intermediates: self.intermediates.clone(),
            key: self.key.clone_key(),
        }
    }
}

/// Leaves the private key out.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("leaf", &self.leaf)
            .field("intermediates", &self.intermediates.len())
            .finish_non_exhaustive()
    }
}
