//! Base64 in `<auth/>`, `<challenge/>`, `<response/>` and `<success/>`.
//!
//! RFC 6120 §13.9.1 requires strict base64 (RFC 4648 §4), because lenient decoders have been used
//! as covert channels and to evade filters. RFC 6120 §6.4.2 represents zero octets as a single `=`.

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Encodes octets. Zero octets give `=`.
///
/// ```
/// use xmppwire_sasl::wire;
///
/// assert_eq!(wire::encode(b"\0juliet\0r0m30"), "AGp1bGlldAByMG0zMA==");
/// assert_eq!(wire::encode(b""), "=");
/// ```
pub fn encode(octets: &[u8]) -> String {
    if octets.is_empty() {
        return String::from("=");
    }
    STANDARD.encode(octets)
}

/// Decodes the text of an element. Both `=` and an empty text give zero octets. Only the caller,
/// who sees the element, can distinguish an empty message from an absent one.
///
/// The result is at most three quarters as long as the text. The caller bounds the text.
///
/// ```
/// use xmppwire_sasl::wire;
///
/// assert_eq!(wire::decode("Yml1").as_deref(), Ok(b"biu".as_slice()));
/// assert_eq!(wire::decode("=").as_deref(), Ok(b"".as_slice()));
/// assert_eq!(wire::decode("Yml1\n"), Err(wire::DecodeError::Character));
/// ```
///
/// # Errors
///
/// [`DecodeError`] for every text that [`encode`] cannot write: white space and other foreign
/// characters; missing, superfluous or misplaced padding; non-zero bits before the padding. The
/// XMPP condition is [`IncorrectEncoding`](crate::Condition::IncorrectEncoding).
pub fn decode(text: &str) -> Result<Vec<u8>, DecodeError> {
    match text {
        "=" => Ok(Vec::new()),
        text => decode_base64(text),
    }
}

/// Base64 without the special case of `=`, for SCRAM attributes.
pub(crate) fn decode_base64(text: &str) -> Result<Vec<u8>, DecodeError> {
    STANDARD.decode(text).map_err(|error| match error {
        base64::DecodeError::InvalidByte(..) => DecodeError::Character,
        base64::DecodeError::InvalidLastSymbol { .. } => DecodeError::TrailingBits,
        base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => {
            DecodeError::Padding
        }
    })
}

/// Why a text is not base64 as RFC 6120 requires it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A character outside of the alphabet, such as white space, or padding before the end.
    #[error("a character that does not belong into base64")]
    Character,
    /// Missing or wrong padding, or a length that no encoding has.
    #[error("missing or wrong base64 padding")]
    Padding,
    /// The unused bits before the padding are not zero.
    #[error("stray bits at the end of base64")]
    TrailingBits,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strictness() {
        use DecodeError::{Character, Padding, TrailingBits};
        let table: &[(&str, Result<&[u8], DecodeError>)] = &[
            ("", Ok(b"")),
            ("=", Ok(b"")),
            ("Zg==", Ok(b"f")),
            ("Zm8=", Ok(b"fo")),
            ("Zm9v", Ok(b"foo")),
            ("+/+/", Ok(b"\xfb\xff\xbf")),
            // White space anywhere.
            (" Zm9v", Err(Character)),
            ("Zm9v ", Err(Character)),
            ("Zm9v\n", Err(Character)),
            ("Zm\t9v", Err(Character)),
            ("Zm9v\r\nZm9v", Err(Character)),
            // Foreign alphabets.
            ("-_-_", Err(Character)),
            ("Zm9\u{e9}", Err(Character)),
            ("Zm9\0", Err(Character)),
            // Padding that is missing, too much, or in the middle.
            ("Zg", Err(Padding)),
            ("Zg=", Err(Padding)),
            ("Zm8", Err(Padding)),
            ("Zg===", Err(Character)),
            ("Zm9v=", Err(Character)),
            ("Zm9v====", Err(Character)),
            ("Zg==Zg==", Err(Character)),
            ("Zm8=Zm9v", Err(Character)),
            ("Z", Err(Padding)),
            ("Zm9vZ", Err(Padding)),
            ("==", Err(Character)),
            ("====", Err(Character)),
            ("=Zm9", Err(Character)),
            // The same octets written with stray bits.
            ("Zh==", Err(TrailingBits)),
            ("Zm9=", Err(TrailingBits)),
        ];
        for (text, expected) in table {
            let got = decode(text);
            match expected {
                Ok(octets) => assert_eq!(got.as_deref(), Ok(*octets), "{text:?}"),
                Err(_) => assert!(got.is_err(), "{text:?}"),
            }
            if let Err(expected) = expected {
                assert_eq!(got, Err(*expected), "{text:?}");
            }
        }
    }
}
