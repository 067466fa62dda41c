//! Keys of Server Dialback (XEP-0185).

use alloc::string::String;
use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::s2s::Pair;

/// The secret from which the dialback keys of a server's domains are made.
///
/// Every machine that answers for the same domains needs the same secret, because any of them may
/// be asked about a key that another one made (XEP-0220 §1). A server of one machine can take a
/// random secret at every start.
///
/// ```
/// use xmppwire::Domainpart;
/// use xmppwire::s2s::{DialbackSecret, Pair};
///
/// let secret = DialbackSecret::new("s3cr3tf0rd14lb4ck");
/// let pair = Pair::new(Domainpart::new("example.org")?, Domainpart::new("xmpp.example.com")?);
/// let key = secret.key(&pair, "D60000229F");
/// assert!(secret.made(&pair, "D60000229F", &key));
/// assert!(!secret.made(&pair, "another stream", &key));
/// # Ok::<_, xmppwire::JidError>(())
/// ```
#[derive(Clone)]
pub struct DialbackSecret {
    /// SHA-256 of the secret in lower-case hexadecimal: in this form it is the key of the HMAC
    /// (XEP-0185 §2).
    hash: Zeroizing<[u8; 64]>,
}

impl DialbackSecret {
    /// Takes the secret: text or random bytes, of which at least 16 are recommended.
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        Self {
            hash: Zeroizing::new(hex(&Sha256::digest(secret).into())),
        }
    }

    /// The key for a pair on the stream with this id, in hexadecimal (XEP-0185 §2).
    ///
    /// `stream_id` is the id in the response header of the stream that the pair is to be authorised
    /// on.
    pub fn key(&self, pair: &Pair, stream_id: &str) -> String {
        self.digits(pair, stream_id)
            .iter()
            .copied()
            .map(char::from)
            .collect()
    }

    /// Whether `key` was made from this secret for the pair and the stream id. Takes the same time
    /// whether the key is right or wrong. White space around the key does not matter.
    pub fn made(&self, pair: &Pair, stream_id: &str, key: &str) -> bool {
        let ours = self.digits(pair, stream_id);
        ours.as_slice().ct_eq(key.trim().as_bytes()).into()
    }

    fn digits(&self, pair: &Pair, stream_id: &str) -> Zeroizing<[u8; 64]> {
        #[expect(
            clippy::expect_used,
            reason = "HMAC takes a key of any length (RFC 2104 §3)"
        )]
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&*self.hash).expect("a key of any length");
        // A domain holds no space, so the three parts cannot be shifted against each other.
        for part in [
            pair.target().as_str(),
            " ",
            pair.sender().as_str(),
            " ",
            stream_id,
        ] {
            mac.update(part.as_bytes());
        }
        Zeroizing::new(hex(&mac.finalize().into_bytes().into()))
    }
}

/// Lower-case hexadecimal digits.
fn hex(bytes: &[u8; 32]) -> [u8; 64] {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |nibble: u8| {
        DIGITS
            .get(usize::from(nibble & 15))
            .copied()
            .unwrap_or(b'0')
    };
    let mut digits = [0; 64];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(*byte)]);
    }
    digits
}

impl fmt::Debug for DialbackSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DialbackSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use xmppwire_jid::Domainpart;

    use super::*;

    fn pair(sender: &str, target: &str) -> Pair {
        Pair::new(
            Domainpart::new(sender).unwrap(),
            Domainpart::new(target).unwrap(),
        )
    }

    /// XEP-0185 §3, XEP-0220 §2.1.1 and §2.2.2.
    const VECTORS: [(&str, &str, &str, &str, &str); 4] = [
        (
            "s3cr3tf0rd14lb4ck",
            "example.org",
            "xmpp.example.com",
            "D60000229F",
            "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643",
        ),
        (
            "s3cr3tf0rd14lb4ck",
            "capulet.example",
            "montague.example",
            "D60000229F",
            "b4835385f37fe2895af6c196b59097b16862406db80559900d96bf6fa7d23df3",
        ),
        (
            "d14lb4ck43v3r",
            "montague.example",
            "capulet.example",
            "417GAF25",
            "225cc5aa6a071133249d25fef42ae516fc7a86c523aa1c6980a7f73e784c972d",
        ),
        (
            "xyzzy",
            "a.example",
            "b.example",
            "r1",
            "3013d7518f46e37d63171fb13131b4760f56d055d085d3f1bec3a6e67b7932f1",
        ),
    ];

    #[test]
    fn known_answers() {
        for (secret, sender, target, id, key) in VECTORS {
            let secret = DialbackSecret::new(secret);
            assert_eq!(secret.key(&pair(sender, target), id), key);
            assert!(secret.made(&pair(sender, target), id, key));
        }
    }

    #[test]
    fn a_key_is_of_one_secret_one_pair_and_one_stream() {
        let secret = DialbackSecret::new("xyzzy");
        let (ours, id) = (pair("a.example", "b.example"), "r1");
        let key = secret.key(&ours, id);
        assert!(secret.made(&ours, id, &alloc::format!("\n  {key}\n")));
        assert!(!DialbackSecret::new("xyzzz").made(&ours, id, &key));
        assert!(!secret.made(&ours.inverse(), id, &key));
        assert!(!secret.made(&pair("a.example", "c.example"), id, &key));
        assert!(!secret.made(&pair("c.example", "b.example"), id, &key));
        assert!(!secret.made(&ours, "r2", &key));
        assert!(!secret.made(&ours, id, &key[..63]));
        assert!(!secret.made(&ours, id, &alloc::format!("{key}0")));
        assert!(!secret.made(&ours, id, &key.to_uppercase()));
        assert!(!secret.made(&ours, id, ""));
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        let shown = alloc::format!("{:?}", DialbackSecret::new("xyzzy"));
        assert_eq!(shown, "DialbackSecret(..)");
    }
}
