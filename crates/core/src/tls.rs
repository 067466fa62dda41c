//! The hand-off of a stream to TLS (RFC 6120 §5) and what TLS tells the stream in return.

use xmppwire_sasl::ChannelBindings;

use crate::identities::CertificateIdentities;
use crate::stream::leading_white_space;

/// The machine asks the driver to start TLS. Emitted only when the output has drained, so nothing
/// can overtake `<proceed/>`.
///
/// Give it to [`Connection::begin_tls`](crate::Connection::begin_tls); a dropped one ends the
/// connection by time-out.
#[must_use = "a dropped request ends the connection by time-out"]
#[derive(Debug, PartialEq, Eq)]
pub struct StartTls {
    pub(crate) serial: u64,
}

/// The machine's word that the transport may change to TLS: no byte is owed and none was left over.
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
    /// How many bytes at the front of `input` come before the first TLS record and have to be dropped.
    ///
    /// Clients in use end `<starttls/>` with a line feed, which may arrive after
    /// [`begin_tls`](crate::Connection::begin_tls) too. So a driver asks this about everything that it
    /// reads, and gives what follows to TLS, until something does follow. A server drops white space
    /// (the bytes 0x09, 0x0A, 0x0D and 0x20, none of which begins a TLS record); for a client the answer
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
/// Channel bindings are secrets of the connection in the sense that a wrong one breaks SCRAM-PLUS;
/// without any, the -PLUS mechanisms are neither offered nor chosen.
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
}

impl TlsInfo {
    /// TLS with the given channel bindings; [`ChannelBindings::none`] where the library offers none.
    pub const fn new(bindings: ChannelBindings) -> Self {
        Self {
            bindings,
            peer: None,
        }
    }

    /// Adds whom the peer's certificate names.
    ///
    /// Only for a certificate that the TLS library has verified, its chain and its key: a server lets
    /// the client log in with it (SASL EXTERNAL, XEP-0178).
    #[must_use]
    pub fn with_peer(mut self, identities: CertificateIdentities) -> Self {
        self.peer = Some(identities);
        self
    }

    /// Whom the peer's certificate names; `None` where it showed none.
    pub const fn peer(&self) -> Option<&CertificateIdentities> {
        self.peer.as_ref()
    }
}
