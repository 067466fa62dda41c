//! What the errors of sockets and TLS mean for a user, and what to do about them.
//!
//! These are the texts of our own errors. The error of the system or of rustls is their source, and
//! its text is not repeated here: a chain of errors says everything once.

use std::io;

use rustls::{CertificateError as C, Error as R};

/// What an error of a socket means.
pub(crate) fn io(error: &io::Error) -> &'static str {
    use io::ErrorKind as K;
    match error.kind() {
        K::ConnectionRefused => "no server accepts connections at this address and port",
        K::TimedOut => "no answer came in time",
        K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe | K::NotConnected => {
            "the connection was cut"
        }
        K::UnexpectedEof => {
            "the other side closed the connection during the TLS handshake; \
             a port that begins in clear text needs `Mode::StartTls`"
        }
        K::HostUnreachable | K::NetworkUnreachable | K::NetworkDown | K::AddrNotAvailable => {
            "the network does not reach this address"
        }
        K::PermissionDenied => "the system does not permit the connection",
        _ => "the socket failed",
    }
}

/// What an error of TLS means.
pub(crate) const fn tls(error: &R) -> &'static str {
    match error {
        R::InvalidCertificate(error) => certificate(error),
        R::InvalidMessage(_) => {
            "the other side does not speak TLS here; \
             a port that begins in clear text needs `Mode::StartTls`"
        }
        R::AlertReceived(_) => "the other side ended TLS with an alert",
        R::PeerIncompatible(_) => "the other side has no TLS settings in common with this one",
        R::PeerMisbehaved(_) => "the other side broke the rules of TLS",
        R::NoCertificatesPresented => "the other side has no certificate",
        R::DecryptError => "a TLS record was changed on its way",
        _ => "TLS failed",
    }
}

const fn certificate(error: &C) -> &'static str {
    match error {
        C::UnknownIssuer => {
            "no trusted authority has signed the certificate; \
             `Connector::with_tls` takes roots, such as those of `tls::roots_from_pem`"
        }
        C::BadSignature => {
            "the certificate names a trusted authority that has not signed it; \
             `Connector::with_tls` takes roots, such as those of `tls::roots_from_pem`"
        }
        C::NotValidForName | C::NotValidForNameContext { .. } => {
            "the certificate is not for this domain; \
             it has to name the domain of the JID, whatever the host is called"
        }
        C::Expired | C::ExpiredContext { .. } => {
            "the certificate has expired, or the clock of this machine is wrong"
        }
        C::NotValidYet | C::NotValidYetContext { .. } => {
            "the certificate is not valid yet, or the clock of this machine is wrong"
        }
        C::Revoked => "the authority has revoked the certificate",
        C::UnknownRevocationStatus
        | C::ExpiredRevocationList
        | C::ExpiredRevocationListContext { .. } => {
            "no current revocation list says whether the certificate is revoked"
        }
        _ => "the certificate is not acceptable",
    }
}

/// An error and all of its sources, in one line.
#[cfg(feature = "tracing")]
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

#[cfg(feature = "tracing")]
impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
