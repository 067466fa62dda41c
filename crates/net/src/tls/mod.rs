//! TLS for XMPP: rustls configurations, and the results of a handshake that the core needs.
//!
//! [`ClientTls`] verifies a server against the [`Domain`](crate::find::Domain) of the JID, never
//! against the host name that an SRV record gave (RFC 6120 §13.7.2.1), with the root certificates
//! it was built with. [`ServerTls`] shows an [`Identity`], and may ask clients for theirs. Both
//! give two rustls configurations, since only direct TLS negotiates an application protocol
//! (XEP-0368), and both read a finished connection into a [`TlsSummary`]: its version and the
//! channel bindings that SCRAM-PLUS ties the authentication to.
//!
//! The configurations are cheap to clone and meant to be built once: reading the platform's roots
//! takes milliseconds. They use TLS 1.2 or 1.3. Choices made for XMPP:
//!
//! - TLS 1.2 only with the extended master secret. Without it, two connections can be made to share
//!   their secrets (RFC 7627 §1), so `tls-exporter` is not defined for them (RFC 9266 §2). See
//!   [`ClientTlsBuilder::allow_weak_tls12`].
//! - No session resumption and no early data. XMPP connections are long, so there is little to gain,
//!   and a resumed session would not verify the certificate again.
//! - A server is accepted by a DNS-ID or an address, or by the SRV-ID or the XMPP address that RFC
//!   6120 §13.7.1.2.1 adds. A client is known by the XMPP addresses of its certificate (SASL
//!   EXTERNAL, XEP-0178). In both roles, XMPP addresses and SRV-IDs count only where no authority
//!   of the certificate has name constraints, which limit DNS names and say nothing of these two
//!   (RFC 5280 §4.2.1.10): see [`TlsSummary::peer`].
//! - Between servers a certificate that proves nothing need not end the connection, because
//!   dialback can prove the domain: [`ClientTls::for_dialback`] and
//!   [`ClientCertificates::Tolerated`]. An unverified certificate names no one in any mode.
//! - [`RevocationLists`] are checked in both roles where the application gives some. OCSP is not
//!   supported, stapled or not.
//!
//! # Cryptography
//!
//! rustls takes its cryptography from a provider. The cargo feature `ring`, on by default, brings
//! the *ring* provider; `aws-lc-rs` brings that library's, which is used where both are on. The
//! process-wide default of rustls counts only where neither is on. Any other provider is given to
//! [`ClientTlsBuilder::provider`] and [`ServerTlsBuilder::provider`].
//!
//! ```
//! use xmppwire_net::find::Mode;
//! use xmppwire_net::tls::{self, ClientTls, TlsError};
//! use xmppwire_net::find::Domain;
//!
//! # fn connect(pem: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! let tls = ClientTls::builder(tls::roots_from_pem(pem)?).build()?;
//! let domain = Domain::parse("example.org")?;
//! // With tokio-rustls: TlsConnector::from(tls.config(Mode::StartTls).clone()).connect(domain.server_name(), tcp)
//! let mut connection = tls.connect(&domain, Mode::StartTls)?;
//! // … the handshake runs …
//! let summary = tls.summary(&connection)?;
//! # Ok(())
//! # }
//! # assert!(matches!(tls::roots_from_pem(b""), Err(TlsError::NoCertificate)));
//! ```

mod client;
mod client_verifier;
mod end_point;
mod identity;
mod names;
mod provider;
mod revocation;
mod roots;
mod server;
mod summary;
mod trust;
mod validity;
mod verify;

pub use client::{ClientTls, ClientTlsBuilder};
pub use client_verifier::KeyPurpose;
pub use end_point::server_end_point;
pub use identity::Identity;
pub use names::certificate_identities;
pub use revocation::RevocationLists;
#[cfg(feature = "webpki-roots")]
pub use roots::bundled_roots;
pub use roots::{platform_roots, roots_from_pem};
pub use server::{ClientCertificates, ServerTls, ServerTlsBuilder};
pub use summary::{TlsSummary, TlsVersion};

/// The TLS library, for configurations made elsewhere and for the details of an error.
pub use rustls;

use rustls::SupportedProtocolVersion;
use rustls::pki_types::pem;
use rustls::server::VerifierBuilderError;
use thiserror::Error;

use crate::told;

/// Why TLS cannot be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The PEM text cannot be read.
    #[error("the PEM text cannot be read: {0}")]
    Pem(pem::Error),
    /// There is no certificate in the PEM text, or none that can be a root.
    #[error("there is no usable certificate in the PEM text")]
    NoCertificate,
    /// There is no certificate revocation list in the PEM text.
    #[error("there is no certificate revocation list in the PEM text")]
    NoRevocationList,
    /// The platform has no root certificates, so no server can be verified.
    #[error("the platform has no root certificates")]
    NoPlatformRoots,
    /// The certificates of the other side cannot be verified: no root is trusted, or a revocation
    /// list cannot be read.
    #[error("the certificates of the other side cannot be verified")]
    Verifier(#[from] VerifierBuilderError),
    /// There is no cryptography: the cargo features `ring` and `aws-lc-rs` are off, the builder was
    /// given no provider, and the process has no default.
    #[error("there is no cryptography provider for TLS")]
    NoProvider,
    /// The handshake is not finished.
    #[error("the TLS handshake is not finished")]
    Unfinished,
    /// rustls refuses: the certificate of the other side, its messages, or what was configured, such
    /// as a private key that does not belong to its certificate.
    #[error("{}", told::tls(.0))]
    Rustls(#[from] rustls::Error),
}

const TLS13_ONLY: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

fn versions(tls13_only: bool) -> &'static [&'static SupportedProtocolVersion] {
    if tls13_only {
        TLS13_ONLY
    } else {
        rustls::DEFAULT_VERSIONS
    }
}
