//! The primitives of RFC 5802 §2.2, for every hash.

use alloc::vec::Vec;

use hmac::{EagerHash, Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use crate::mechanism::ScramHash;

/// Octets that are wiped when dropped.
pub(crate) type Secret = Zeroizing<Vec<u8>>;

/// `HMAC(key, part1 part2 …)`
pub(crate) fn hmac(hash: ScramHash, key: &[u8], parts: &[&[u8]]) -> Secret {
    let [mac] = hmacs(hash, key, [parts]);
    mac
}

/// The HMACs of several messages with one key, which is hashed only once.
pub(crate) fn hmacs<const N: usize>(
    hash: ScramHash,
    key: &[u8],
    messages: [&[&[u8]]; N],
) -> [Secret; N] {
    match hash {
        ScramHash::Sha1 => hmacs_with::<Sha1, N>(key, messages),
        ScramHash::Sha256 => hmacs_with::<Sha256, N>(key, messages),
        ScramHash::Sha512 => hmacs_with::<Sha512, N>(key, messages),
    }
}

fn hmacs_with<D, const N: usize>(key: &[u8], messages: [&[&[u8]]; N]) -> [Secret; N]
where
    D: EagerHash,
    Hmac<D>: Mac + KeyInit + Clone,
{
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes a key of any length (RFC 2104 §3)"
    )]
    let keyed = <Hmac<D> as KeyInit>::new_from_slice(key).expect("any length");
    messages.map(|parts| {
        let mut mac = keyed.clone();
        for part in parts {
            mac.update(part);
        }
        Zeroizing::new(mac.finalize().into_bytes().to_vec())
    })
}

/// `H(data)`
pub(crate) fn digest(hash: ScramHash, data: &[u8]) -> Secret {
    Zeroizing::new(match hash {
        ScramHash::Sha1 => Sha1::digest(data).to_vec(),
        ScramHash::Sha256 => Sha256::digest(data).to_vec(),
        ScramHash::Sha512 => Sha512::digest(data).to_vec(),
    })
}

/// `a XOR b`, as long as the shorter of the two.
pub(crate) fn xor(a: &[u8], b: &[u8]) -> Secret {
    Zeroizing::new(a.iter().zip(b).map(|(a, b)| a ^ b).collect())
}
