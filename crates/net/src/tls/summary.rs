//! The results of a finished handshake.

use std::fmt;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{ConnectionCommon, ProtocolVersion};
use xmppwire::{CertificateIdentities, ChannelBindings, TlsInfo};

use super::{TlsError, validity};

/// The version of a connection. Older ones are not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// A finished handshake, as plain values.
///
/// There is no `tls-unique`: TLS 1.3 does not define it, and rustls does not give it for TLS 1.2.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct TlsSummary {
    /// The negotiated version.
    pub version: TlsVersion,
    /// The `tls-exporter` channel binding (RFC 9266): on TLS 1.3 always, on TLS 1.2 only where the
    /// extended master secret is certain.
    pub exporter: Option<[u8; 32]>,
    /// The `tls-server-end-point` channel binding (RFC 5929 §4), a hash of the server's
    /// certificate; `None` where the binding is not defined for the signature of the certificate,
    /// such as Ed25519.
    pub server_end_point: Option<Vec<u8>>,
    /// The negotiated application protocol, if there is one.
    pub alpn: Option<Vec<u8>>,
    /// The certificates of the other side as it sent them, its own first; empty if it sent none.
    /// They are verified unless [`unverified`](Self::unverified) says why not.
    pub peer_certificates: Vec<CertificateDer<'static>>,
    /// Why the certificate of the other side proves nothing, where the handshake went on without
    /// that proof: see [`ClientTls::for_dialback`](super::ClientTls::for_dialback) and
    /// [`ClientCertificates::Tolerated`](super::ClientCertificates::Tolerated). Even then the other
    /// side has the key of the certificate.
    pub unverified: Option<rustls::Error>,
    /// The names that count in the certificate of the other side; `None` if it sent none, and if it
    /// is not verified.
    ///
    /// An XMPP address or an SRV-ID counts only if no authority of the certificate has name
    /// constraints (RFC 5280 §4.2.1.10): neither a certificate in `peer_certificates` nor the trust
    /// anchor. See the [module](super).
    pub peer: Option<CertificateIdentities>,
    /// How long the verified certificate of the other side, and those above it, are still valid at
    /// the end of the handshake; `None` if it sent none, and if it is not verified.
    ///
    /// [`info`](Self::info) tells it to the connection, whose stream ends then (RFC 6120 §13.7.2.3).
    /// The end of a trust anchor is not known, and does not count.
    pub peer_valid_for: Option<Duration>,
}

impl TlsSummary {
    /// What a connection needs to know: the channel bindings, and the names of the peer.
    pub fn info(&self) -> TlsInfo {
        let mut info = TlsInfo::new(self.channel_bindings());
        if let Some(valid_for) = self.peer_valid_for {
            info = info.with_validity(valid_for);
        }
        match &self.peer {
            Some(identities) => info.with_peer(identities.clone()),
            None => info,
        }
    }

    /// The channel bindings of the session, as SASL takes them.
    pub fn channel_bindings(&self) -> ChannelBindings {
        let bindings = match (self.version, self.exporter) {
            (TlsVersion::Tls13, Some(exporter)) => ChannelBindings::tls13(exporter),
            // The exporter is there only with the extended master secret.
            (TlsVersion::Tls12, Some(exporter)) => {
                ChannelBindings::tls12_extended_master_secret(exporter)
            }
            (_, None) => ChannelBindings::none(),
        };
        match &self.server_end_point {
            Some(hash) => bindings.with_server_end_point(hash),
            None => bindings,
        }
    }
}

/// Leaves out the bytes of the exporter, a secret of the connection.
impl fmt::Debug for TlsSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSummary")
            .field("version", &self.version)
            .field("exporter", &self.exporter.map(|_| "[redacted]"))
            .field("server_end_point", &self.server_end_point)
            .field("alpn", &self.alpn.as_deref().map(String::from_utf8_lossy))
            .field("peer_certificates", &self.peer_certificates.len())
            .field("unverified", &self.unverified)
            .field("peer", &self.peer)
            .field("peer_valid_for", &self.peer_valid_for)
            .finish()
    }
}

/// Reads one side of a connection. `ems` says whether TLS 1.2 is certain to use the extended master
/// secret. `peer` has the names in the peer's certificate that count, or why it is not verified.
pub(super) fn read<Side>(
    connection: &ConnectionCommon<Side>,
    ems: bool,
    server_end_point: Option<Vec<u8>>,
    peer: Result<Option<CertificateIdentities>, rustls::Error>,
) -> Result<TlsSummary, TlsError> {
    if connection.is_handshaking() {
        return Err(TlsError::Unfinished);
    }
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
        Some(ProtocolVersion::TLSv1_2) => TlsVersion::Tls12,
        _ => return Err(TlsError::Unfinished),
    };
    let exporter = if version == TlsVersion::Tls13 || ems {
        // RFC 9266 §2: this label, a context of no octets (which on TLS 1.2 is not the same as no
        // context), 32 octets.
        let label = b"EXPORTER-Channel-Binding";
        Some(connection.export_keying_material([0; 32], label, Some(&[]))?)
    } else {
        None
    };
    let (peer, unverified) = match peer {
        Ok(peer) => (peer, None),
        Err(error) => (None, Some(error)),
    };
    let chain = connection.peer_certificates().unwrap_or_default();
    Ok(TlsSummary {
        version,
        exporter,
        server_end_point,
        alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
        peer_valid_for: match unverified {
            None => validity::valid_for(chain, UnixTime::now()),
            Some(_) => None,
        },
        peer_certificates: chain.to_vec(),
        unverified,
        peer,
    })
}
