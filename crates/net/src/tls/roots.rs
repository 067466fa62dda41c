//! Root certificates.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::TlsError;

/// The root certificates of the platform, or those that the environment variables `SSL_CERT_FILE`
/// and `SSL_CERT_DIR` name. Reading them takes milliseconds, so share what is built with them.
///
/// # Errors
///
/// [`TlsError::NoPlatformRoots`] if there is no usable certificate. Unreadable ones are skipped.
pub fn platform_roots() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(TlsError::NoPlatformRoots);
    }
    Ok(roots)
}

/// Mozilla's root certificates as of the version of the `webpki-roots` package compiled in.
#[cfg(feature = "webpki-roots")]
pub fn bundled_roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

/// The certificates of a PEM text as roots: for a private certificate authority, or a self-signed
/// certificate.
///
/// # Errors
///
/// [`TlsError::Pem`] if the text cannot be read, [`TlsError::NoCertificate`] if there is none in
/// it, and [`TlsError::Rustls`] if one cannot serve as a root.
pub fn roots_from_pem(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(TlsError::Pem)?)?;
    }
    if roots.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    Ok(roots)
}
