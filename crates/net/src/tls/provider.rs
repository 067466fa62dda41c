//! The cryptography that rustls uses.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use super::TlsError;

/// The provider of a configuration that was given none.
#[cfg(feature = "aws-lc-rs")]
pub(super) fn default() -> Result<Arc<CryptoProvider>, TlsError> {
    Ok(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
}

/// The provider of a configuration that was given none.
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
pub(super) fn default() -> Result<Arc<CryptoProvider>, TlsError> {
    Ok(Arc::new(rustls::crypto::ring::default_provider()))
}

/// The provider of a configuration that was given none: that of the process.
#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
pub(super) fn default() -> Result<Arc<CryptoProvider>, TlsError> {
    CryptoProvider::get_default()
        .cloned()
        .ok_or(TlsError::NoProvider)
}
