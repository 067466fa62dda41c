//! The server's offer, on which both sides have to agree.

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::channel_binding::{ChannelBindingType, ChannelBindings};
use crate::mechanism::ScramHash;
use crate::scram::crypto;

/// The mechanisms that a server offers on a stream, and the channel binding types that it
/// announces.
///
/// The server builds an offer from the features that it sends, the client from those that it
/// receives. With SCRAM both sides compare their offers (XEP-0474), so include every name, also
/// those that this crate does not know. The order does not matter.
///
/// ```
/// use xmppwire_sasl::Offer;
///
/// let offer = Offer::new(["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"])
///     .with_channel_bindings(["tls-exporter", "tls-server-end-point"]);
/// assert!(offer.has_plus());
/// assert!(!Offer::new(["SCRAM-SHA-256"]).has_plus());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    mechanisms: Vec<String>,
    channel_bindings: Option<Vec<String>>,
}

impl Offer {
    /// Creates an offer of these mechanisms, by name, without an announcement of channel binding
    /// types.
    pub fn new(mechanisms: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            mechanisms: mechanisms.into_iter().map(Into::into).collect(),
            channel_bindings: None,
        }
    }

    /// Adds the announcement of channel binding types, by name (XEP-0440).
    #[must_use]
    pub fn with_channel_bindings(self, types: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            channel_bindings: Some(types.into_iter().map(Into::into).collect()),
            ..self
        }
    }

    /// The names of the mechanisms.
    pub fn mechanisms(&self) -> &[String] {
        &self.mechanisms
    }

    /// The names of the channel binding types; `None` if the server announced none.
    pub fn channel_bindings(&self) -> Option<&[String]> {
        self.channel_bindings.as_deref()
    }

    /// Whether the server offers channel binding.
    ///
    /// Every SCRAM name that ends in `-PLUS` counts, even with a hash that this crate lacks. Such a
    /// server would take the flag `y` for a sign of a downgrade attack, because `y` says that the
    /// client believes the server has no channel binding (RFC 5802 §6).
    pub fn has_plus(&self) -> bool {
        self.mechanisms
            .iter()
            .any(|name| name.starts_with("SCRAM-") && name.ends_with("-PLUS"))
    }

    /// The best channel binding type that both sides are known to have.
    ///
    /// A server that announces none is assumed to have `tls-unique` where the TLS version defines
    /// it, because RFC 5802 §6.1 requires it of every server. For TLS 1.3 see
    /// [`MechanismPolicy`](crate::MechanismPolicy).
    pub fn common_binding(&self, bindings: &ChannelBindings) -> Option<ChannelBindingType> {
        match &self.channel_bindings {
            Some(announced) => bindings
                .types()
                .find(|kind| announced.iter().any(|name| name == kind.name())),
            None => bindings
                .types()
                .find(|kind| *kind == ChannelBindingType::TlsUnique),
        }
    }

    /// The channel binding type that a `-PLUS` mechanism uses: the common one or, if the server
    /// announces none, the default of the TLS version.
    pub(crate) fn binding(&self, bindings: &ChannelBindings) -> Option<ChannelBindingType> {
        let silent = self.channel_bindings.is_none();
        let unannounced = || bindings.unannounced().filter(|_| silent);
        self.common_binding(bindings).or_else(unannounced)
    }

    /// The value of the SCRAM attribute `h` (XEP-0474 §5.1): the hash of all names, sorted by
    /// octets, in base64. XML 1.0 cannot represent the separators, so no name contains one, and no
    /// two offers give the same input to the hash.
    pub(crate) fn hash(&self, hash: ScramHash) -> String {
        let mut text = sorted(&self.mechanisms);
        if let Some(types) = &self.channel_bindings {
            text.push('\u{1f}');
            text.push_str(&sorted(types));
        }
        STANDARD.encode(crypto::digest(hash, text.as_bytes()))
    }
}

fn sorted(names: &[String]) -> String {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.join("\u{1e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first expected value is the example of XEP-0474; the others were computed with Python:
    /// `base64.b64encode(hashlib.sha256(b"...").digest())`.
    #[test]
    fn known_hashes() {
        let plus = Offer::new(["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"]);
        let announced = plus
            .clone()
            .with_channel_bindings(["tls-server-end-point", "tls-exporter"]);
        let nothing = plus.clone().with_channel_bindings([""; 0]);
        for (offer, hash, expected) in [
            (&announced, ScramHash::Sha1, "G6k/rBLDqgOhRRaCuuatSDFkJ08="),
            (
                &announced,
                ScramHash::Sha256,
                "H6VEQ+6wl/eYKuTjJn4D9/e9GTn1AcYGw/oiSJ3Yhy0=",
            ),
            (
                &announced,
                ScramHash::Sha512,
                "Q1q0WwH927l2RRoYIMiDY0g7R21hTZK+bfBgkhqek9JSTfIzUlnUZQRB2A6lZL3ER7ZMWRRdQzEJKVH671Bh0g==",
            ),
            (&plus, ScramHash::Sha1, "g00gt4Qd0gJ3EvnclTnY0KEYfRg="),
            (&nothing, ScramHash::Sha1, "81Lt9D7Wi7ps/dnrljHm5haHlmo="),
            (
                &Offer::default(),
                ScramHash::Sha1,
                "2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
            ),
        ] {
            assert_eq!(offer.hash(hash), expected);
        }
    }

    #[test]
    fn the_type_in_common() {
        use ChannelBindingType::{TlsExporter, TlsServerEndPoint, TlsUnique};
        let plus = || Offer::new(["SCRAM-SHA-1-PLUS"]);
        let tls13 = ChannelBindings::tls13([1; 32]).with_server_end_point(b"hash");
        let tls12 = ChannelBindings::tls12_unique(b"finished").with_server_end_point(b"hash");
        let tls12_exporter = ChannelBindings::tls12_extended_master_secret([1; 32]);
        let none = ChannelBindings::none();
        for (offer, bindings, common, used) in [
            (plus(), &tls13, None, Some(TlsExporter)),
            (plus(), &tls12, Some(TlsUnique), Some(TlsUnique)),
            (plus(), &tls12_exporter, None, None),
            (plus(), &none, None, None),
            (
                plus().with_channel_bindings(["tls-server-end-point", "tls-unique"]),
                &tls13,
                Some(TlsServerEndPoint),
                Some(TlsServerEndPoint),
            ),
            (
                plus().with_channel_bindings(["tls-server-end-point", "tls-exporter"]),
                &tls13,
                Some(TlsExporter),
                Some(TlsExporter),
            ),
            (
                plus().with_channel_bindings(["tls-unique", "TLS-EXPORTER"]),
                &tls13,
                None,
                None,
            ),
            (plus().with_channel_bindings([""; 0]), &tls12, None, None),
        ] {
            assert_eq!(offer.common_binding(bindings), common, "{offer:?}");
            assert_eq!(offer.binding(bindings), used, "{offer:?}");
        }
    }
}
