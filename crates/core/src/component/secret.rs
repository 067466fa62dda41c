//! The shared secret, and the handshake that proves it (XEP-0114 §3).

use alloc::string::String;
use core::fmt;

use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The secret that a component and its server share.
///
/// It is zeroized when the last owner drops it, and never shown by `Debug`.
///
/// ```
/// use xmppwire::component::Secret;
///
/// let secret = Secret::new("sesame");
/// let handshake = secret.handshake("c0ffee42");
/// assert_eq!(handshake, "2b224017d947f2eabfe2f6afc8316cd7c6c5c0e5");
/// assert!(secret.made("c0ffee42", &handshake));
/// assert!(!secret.made("another stream", &handshake));
/// ```
#[derive(Clone)]
pub struct Secret {
    text: Zeroizing<String>,
}

/// Hexadecimal digits of a SHA-1 hash.
const DIGITS: usize = 40;

impl Secret {
    /// Fewest bytes of a secret that a [`Host`](super::Host) accepts: 128 bits in their shortest
    /// readable form, base64, are 22 characters; a random pass phrase has at least this length.
    pub const MIN_BYTES: usize = 16;

    /// The secret as the server is configured with it. A component takes one of any length.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: Zeroizing::new(text.into()),
        }
    }

    /// The number of bytes of the secret.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// The handshake for the stream with this id, in lower-case hexadecimal (XEP-0114 §3).
    ///
    /// `stream_id` is the id of the server's header after the XML escapes were resolved.
    pub fn handshake(&self, stream_id: &str) -> String {
        self.digits(stream_id)
            .iter()
            .copied()
            .map(char::from)
            .collect()
    }

    /// Whether `handshake` was made from this secret for the stream id. Takes the same time whether
    /// the handshake is right or wrong. Upper-case digits and white space around them do not matter.
    pub fn made(&self, stream_id: &str, handshake: &str) -> bool {
        let handshake = handshake.trim().as_bytes();
        let mut theirs = Zeroizing::new([0; DIGITS]);
        if handshake.len() != DIGITS {
            return false;
        }
        for (to, from) in theirs.iter_mut().zip(handshake) {
            *to = from.to_ascii_lowercase();
        }
        self.digits(stream_id).ct_eq(theirs.as_slice()).into()
    }

    fn digits(&self, stream_id: &str) -> Zeroizing<[u8; DIGITS]> {
        const HEX: [u8; 16] = *b"0123456789abcdef";
        let mut hash = Sha1::new();
        hash.update(stream_id);
        hash.update(self.text.as_bytes());
        let digit = |nibble: u8| HEX.get(usize::from(nibble & 15)).copied().unwrap_or(b'0');
        let mut digits = Zeroizing::new([0; DIGITS]);
        for (pair, byte) in digits.chunks_exact_mut(2).zip(hash.finalize()) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte)]);
        }
        digits
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The secret is shorter than [`Secret::MIN_BYTES`]. Who sees one handshake could guess it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret of a component needs at least {} bytes", Secret::MIN_BYTES)]
pub struct ShortSecret;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer() {
        let secret = Secret::new("sesame");
        let right = "2b224017d947f2eabfe2f6afc8316cd7c6c5c0e5";
        assert_eq!(secret.handshake("c0ffee42"), right);
        for accepted in [
            right,
            &right.to_uppercase(),
            &alloc::format!("\n\t {right} \n"),
        ] {
            assert!(secret.made("c0ffee42", accepted), "{accepted}");
        }
    }

    #[test]
    fn a_handshake_is_of_one_secret_and_one_stream() {
        let secret = Secret::new("sesame");
        let right = secret.handshake("c0ffee42");
        assert!(!Secret::new("sesamf").made("c0ffee42", &right));
        assert!(!secret.made("c0ffee43", &right));
        for wrong in ["", &right[1..], &alloc::format!("{right}0"), "\u{e9}"] {
            assert!(!secret.made("c0ffee42", wrong), "{wrong}");
        }
        for at in 0..DIGITS {
            let mut wrong = right.clone().into_bytes();
            wrong[at] ^= 1;
            assert!(!secret.made("c0ffee42", core::str::from_utf8(&wrong).unwrap()));
        }
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        let shown = alloc::format!("{:?}", Secret::new("sesame"));
        assert_eq!(shown, "Secret(..)");
    }
}
