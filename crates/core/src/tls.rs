//! The hand-off of a stream to TLS (RFC 6120 §5), and what the stream learns about TLS afterwards.

use core::time::Duration;

use xmppwire_sasl::ChannelBindings;

use crate::identities::CertificateIdentities;
use crate::stream::leading_white_space;

/// A request to the driver to start TLS. It comes only when the output has drained, so that
/// `<proceed/>` is the last byte in clear text.
///
/// Give it to [`Connection::begin_tls`](crate::Connection::begin_tls). If it is dropped, the
/// connection ends by time-out.
#[must_use = "a dropped request ends the connection by time-out"]
#[derive(Debug, PartialEq, Eq)]
pub struct StartTls {
    pub(crate) serial: u64,
}

/// Proof that the transport may change to TLS: all output was written, and all input was consumed.
///
/// Give it back to [`Connection::tls_established`](crate::Connection::tls_established) once the
/// handshake is done.
#[must_use = "the stream goes on only after tls_established"]
#[derive(Debug, PartialEq, Eq)]
pub struct TlsHandoff {
    pub(crate) serial: u64,
    pub(crate) skips_white_space: bool,
}

impl TlsHandoff {
    /// How many bytes at the front of `input` come before the first TLS record and have to be
    /// dropped.
    ///
    /// Some deployed clients end `<starttls/>` with a line feed, which may also arrive after
    /// [`begin_tls`](crate::Connection::begin_tls). A driver therefore calls this for each piece of
    /// input and gives the rest to TLS, until a piece has a rest. A server drops white space (the
    /// bytes 0x09, 0x0A, 0x0D and 0x20, none of which begins a TLS record); for a client the answer
    /// is always 0, and TLS fails on such bytes.
    pub fn white_space_before_tls(&self, input: &[u8]) -> usize {
        if self.skips_white_space {
            leading_white_space(input)
        } else {
            0
        }
    }
}

/// What an established TLS connection offers to the stream above it.
///
/// A wrong channel binding makes logins with SCRAM-PLUS fail. Without any, the -PLUS mechanisms are
/// neither offered nor chosen.
///
/// ```
/// use xmppwire::{ChannelBindings, TlsInfo};
///
/// let exporter = [0x5a; 32]; // from the TLS library, label "EXPORTER-Channel-Binding" (RFC 9266)
/// let tls = TlsInfo::new(ChannelBindings::tls13(exporter));
/// # let _ = tls;
/// ```
#[derive(Clone, Debug, Default)]
pub struct TlsInfo {
    pub(crate) bindings: ChannelBindings,
    pub(crate) peer: Option<CertificateIdentities>,
    pub(crate) valid_for: Option<Duration>,
}

impl TlsInfo {
    /// TLS with the given channel bindings; [`ChannelBindings::none`] if the TLS library offers
    /// none.
    pub const fn new(bindings: ChannelBindings) -> Self {
        Self {
            bindings,
            peer: None,
            valid_for: None,
        }
    }

    /// Adds the identities in the peer's certificate.
    ///
    /// The TLS library must have verified the certificate, both its chain and the possession of its
    /// key: a server lets the client log in with it (SASL EXTERNAL, XEP-0178).
    #[must_use]
    pub fn with_peer(mut self, identities: CertificateIdentities) -> Self {
        self.peer = Some(identities);
        self
    }

    /// Sets how long the certificates that prove the peer's identity are still valid, from the end of
    /// the handshake on.
    ///
    /// After that time the stream ends as [`TimedOut(Timer::Certificate)`](crate::Timer::Certificate),
    /// with `<reset/>`, so that the peer has to prove itself anew (RFC 6120 §13.7.2.3).
    #[must_use]
    pub const fn with_validity(mut self, valid_for: Duration) -> Self {
        self.valid_for = Some(valid_for);
        self
    }

    /// The identities in the peer's certificate; `None` if it showed none.
    pub const fn peer(&self) -> Option<&CertificateIdentities> {
        self.peer.as_ref()
    }
}
