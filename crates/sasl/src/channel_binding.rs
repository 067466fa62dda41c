//! Channel bindings: the data that ties a login to one TLS session (RFC 5056).

use alloc::boxed::Box;
use core::fmt;

/// A kind of channel binding, in ascending order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ChannelBindingType {
    /// The hash of the server's certificate (RFC 5929 §4). It is the same for every session with
    /// that certificate, so it does not detect a man in the middle who holds the certificate's key.
    TlsServerEndPoint,
    /// The first TLS Finished message (RFC 5929 §3). Undefined for TLS 1.3.
    TlsUnique,
    /// Keying material exported from the session (RFC 9266).
    TlsExporter,
}

impl ChannelBindingType {
    /// Every type, most preferred first.
    pub const ALL: &'static [Self] = &[Self::TlsExporter, Self::TlsUnique, Self::TlsServerEndPoint];

    /// The registered name, which follows `p=` in a SCRAM message.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TlsServerEndPoint => "tls-server-end-point",
            Self::TlsUnique => "tls-unique",
            Self::TlsExporter => "tls-exporter",
        }
    }

    /// The type with this name. Names are case-sensitive (RFC 5802 §7).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| t.name() == name)
    }
}

/// The channel bindings that a connection has.
///
/// The constructors are named after TLS versions, so a caller cannot build a set that no TLS
/// session has: `tls-unique` does not exist in TLS 1.3 (RFC 9266 §3), and in TLS 1.2 the exporter
/// is unique to a session only with the extended master secret (RFC 9266 §2).
///
/// ```
/// use xmppwire_sasl::{ChannelBindingType, ChannelBindings};
///
/// let exporter = [7; 32]; // the TLS library's export_keying_material(…)
/// let bindings = ChannelBindings::tls13(exporter).with_server_end_point(b"hash of the certificate");
/// assert_eq!(bindings.best(), Some(ChannelBindingType::TlsExporter));
/// assert_eq!(bindings.get(ChannelBindingType::TlsUnique), None);
/// ```
///
/// `Debug` names the types that are present and never their octets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ChannelBindings {
    exporter: Option<[u8; 32]>,
    unique: Option<Box<[u8]>>,
    server_end_point: Option<Box<[u8]>>,
    /// Whether the session uses TLS 1.3.
    tls13: bool,
}

impl ChannelBindings {
    /// No channel binding: no TLS, or a TLS library that does not reveal any.
    pub const fn none() -> Self {
        Self {
            exporter: None,
            unique: None,
            server_end_point: None,
            tls13: false,
        }
    }

    /// A TLS 1.3 session, with 32 octets exported under the label `EXPORTER-Channel-Binding` and an
    /// empty context (RFC 9266 §2).
    pub const fn tls13(exporter: [u8; 32]) -> Self {
        Self {
            exporter: Some(exporter),
            unique: None,
            server_end_point: None,
            tls13: true,
        }
    }

    /// A TLS 1.2 session without channel binding data. Add the server's certificate with
    /// [`with_server_end_point`](Self::with_server_end_point).
    pub const fn tls12() -> Self {
        Self::none()
    }

    /// A TLS 1.2 session with the extended master secret (RFC 7627) and without renegotiation: only
    /// then is the exporter bound to this session. Label and context as for [`tls13`](Self::tls13).
    pub const fn tls12_extended_master_secret(exporter: [u8; 32]) -> Self {
        Self {
            exporter: Some(exporter),
            unique: None,
            server_end_point: None,
            tls13: false,
        }
    }

    /// A TLS 1.2 session with the first Finished message of its handshake (RFC 5929 §3).
    ///
    /// Use it only for a session with the extended master secret, or for one that was not resumed.
    /// Otherwise an attacker can make two sessions share this message (RFC 7627 §1). Empty octets
    /// add nothing.
    pub fn tls12_unique(finished: &[u8]) -> Self {
        Self {
            unique: non_empty(finished),
            ..Self::none()
        }
    }

    /// Adds the hash of the server's certificate (RFC 5929 §4): SHA-256, or the hash function of
    /// the certificate's signature where that is stronger. Empty octets add nothing.
    #[must_use]
    pub fn with_server_end_point(self, hash: &[u8]) -> Self {
        Self {
            server_end_point: non_empty(hash),
            ..self
        }
    }

    /// Keeps only the types for which `keep` returns true, for instance those that the server has
    /// announced (XEP-0440).
    #[must_use]
    pub fn retain(mut self, keep: impl Fn(ChannelBindingType) -> bool) -> Self {
        self.exporter
            .take_if(|_| !keep(ChannelBindingType::TlsExporter));
        self.unique
            .take_if(|_| !keep(ChannelBindingType::TlsUnique));
        self.server_end_point
            .take_if(|_| !keep(ChannelBindingType::TlsServerEndPoint));
        self
    }

    /// The octets of one type, if present.
    pub fn get(&self, kind: ChannelBindingType) -> Option<&[u8]> {
        match kind {
            ChannelBindingType::TlsExporter => self.exporter.as_ref().map(|e| e.as_slice()),
            ChannelBindingType::TlsUnique => self.unique.as_deref(),
            ChannelBindingType::TlsServerEndPoint => self.server_end_point.as_deref(),
        }
    }

    /// The types that are present, most preferred first.
    pub fn types(&self) -> impl Iterator<Item = ChannelBindingType> + '_ {
        ChannelBindingType::ALL
            .iter()
            .copied()
            .filter(|kind| self.get(*kind).is_some())
    }

    /// The most preferred type that is present.
    pub fn best(&self) -> Option<ChannelBindingType> {
        self.types().next()
    }

    /// The type that both sides use if the server announces none: `tls-exporter` with TLS 1.3 (RFC
    /// 9266 §3), and `tls-unique` before that (RFC 5802 §6.1). `None` when this session does not
    /// have it, as with TLS libraries that do not reveal `tls-unique`.
    ///
    /// ```
    /// use xmppwire_sasl::{ChannelBindingType, ChannelBindings};
    ///
    /// let tls13 = ChannelBindings::tls13([7; 32]);
    /// assert_eq!(tls13.unannounced(), Some(ChannelBindingType::TlsExporter));
    /// let tls12 = ChannelBindings::tls12_extended_master_secret([7; 32]);
    /// assert_eq!(tls12.unannounced(), None);
    /// ```
    pub fn unannounced(&self) -> Option<ChannelBindingType> {
        let kind = match self.tls13 {
            true => ChannelBindingType::TlsExporter,
            false => ChannelBindingType::TlsUnique,
        };
        self.get(kind).map(|_| kind)
    }

    /// Whether no type is present.
    pub fn is_empty(&self) -> bool {
        self.best().is_none()
    }
}

fn non_empty(bytes: &[u8]) -> Option<Box<[u8]>> {
    (!bytes.is_empty()).then(|| bytes.into())
}

impl fmt::Debug for ChannelBindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelBindings")?;
        f.debug_list().entries(self.types()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;

    #[test]
    fn prefers_what_is_unique_to_the_session() {
        let bindings = ChannelBindings::tls12_unique(b"finished").with_server_end_point(b"hash");
        assert_eq!(
            bindings.types().collect::<Vec<_>>(),
            [
                ChannelBindingType::TlsUnique,
                ChannelBindingType::TlsServerEndPoint
            ]
        );
        let bindings = ChannelBindings::tls12_extended_master_secret([1; 32]);
        assert_eq!(bindings.best(), Some(ChannelBindingType::TlsExporter));
    }

    #[test]
    fn empty_octets_are_no_binding() {
        assert!(ChannelBindings::tls12_unique(b"").is_empty());
        assert!(
            ChannelBindings::tls12()
                .with_server_end_point(b"")
                .is_empty()
        );
        assert!(ChannelBindings::default().is_empty());
    }

    #[test]
    fn retains_what_the_server_announced() {
        let bindings = ChannelBindings::tls13([1; 32])
            .with_server_end_point(b"hash")
            .retain(|kind| kind == ChannelBindingType::TlsServerEndPoint);
        assert_eq!(bindings.best(), Some(ChannelBindingType::TlsServerEndPoint));
        assert_eq!(bindings.get(ChannelBindingType::TlsExporter), None);
    }

    #[test]
    fn debug_shows_no_octets() {
        let bindings = ChannelBindings::tls13([171; 32]);
        assert_eq!(format!("{bindings:?}"), "ChannelBindings[TlsExporter]");
    }

    #[test]
    fn names_round_trip() {
        for kind in ChannelBindingType::ALL {
            assert_eq!(ChannelBindingType::from_name(kind.name()), Some(*kind));
        }
        assert_eq!(ChannelBindingType::from_name("TLS-EXPORTER"), None);
    }
}
