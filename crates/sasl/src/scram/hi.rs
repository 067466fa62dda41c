//! `Hi` of RFC 5802 §2.2, which is PBKDF2 with an output of one block. It takes most of the time of a
//! login.
//!
//! After the first round, each HMAC is of a message as long as a hash: two blocks, which differ from
//! those of the round before only in the hash. So a round is two calls of the compression function
//! on a block that is already padded, from states in which the key was hashed before.

use core::slice;

use sha1::block_api::compress as compress1;
use sha2::block_api::{compress256, compress512};
use zeroize::Zeroizing;

use super::crypto::{Secret, digest, hmac};
use crate::mechanism::ScramHash;

/// The states that the hashes begin with (FIPS 180-4 §5.3.1, §5.3.3, §5.3.5).
const SHA1: [u32; 5] = [
    0x6745_2301,
    0xEFCD_AB89,
    0x98BA_DCFE,
    0x1032_5476,
    0xC3D2_E1F0,
];
const SHA256: [u32; 8] = [
    0x6A09_E667,
    0xBB67_AE85,
    0x3C6E_F372,
    0xA54F_F53A,
    0x510E_527F,
    0x9B05_688C,
    0x1F83_D9AB,
    0x5BE0_CD19,
];
const SHA512: [u64; 8] = [
    0x6A09_E667_F3BC_C908,
    0xBB67_AE85_84CA_A73B,
    0x3C6E_F372_FE94_F82B,
    0xA54F_F53A_5F1D_36F1,
    0x510E_527F_ADE6_82D1,
    0x9B05_688C_2B3E_6C1F,
    0x1F83_D9AB_FB41_BD6B,
    0x5BE0_CD19_137E_2179,
];

/// `Hi(password, salt, iterations)`
pub(crate) fn hi(hash: ScramHash, password: &[u8], salt: &[u8], iterations: u32) -> Secret {
    let first = hmac(hash, password, &[salt, &1_u32.to_be_bytes()]);
    match hash {
        ScramHash::Sha1 => sha1_rounds(password, first, iterations),
        ScramHash::Sha256 => sha256_rounds(password, first, iterations),
        ScramHash::Sha512 => sha512_rounds(password, first, iterations),
    }
}

/// Defines the rounds after the first for one hash: its words, its block and its functions.
macro_rules! rounds {
    ($name:ident, $hash:expr, $word:ty, $words:literal, $block:literal, $begin:ident, $compress:ident) => {
        fn $name(password: &[u8], first: Secret, iterations: u32) -> Secret {
            let key = match password.len() {
                0..=$block => Zeroizing::new(password.to_vec()),
                _ => digest($hash, password),
            };
            let keyed = |pad: u8| {
                let mut block = Zeroizing::new([pad; $block]);
                for (byte, key) in block.iter_mut().zip(&*key) {
                    *byte ^= key;
                }
                let mut state = Zeroizing::new($begin);
                $compress(&mut state, slice::from_ref(&*block));
                state
            };
            let (inner, outer) = (keyed(0x36), keyed(0x5C));

            // The message, a set bit, and the length in bits of the block of the key and the message.
            let mut block = Zeroizing::new([0; $block]);
            for (byte, first) in block.iter_mut().zip(first.iter().chain(&[0x80])) {
                *byte = *first;
            }
            let bits = 8 * ($block + $words * size_of::<$word>() as $word);
            if let Some(length) = block.last_chunk_mut() {
                *length = bits.to_be_bytes();
            }

            let mut sum = Zeroizing::new([0; $words]);
            let (words, _) = first.as_chunks();
            for (sum, word) in sum.iter_mut().zip(words) {
                *sum = <$word>::from_be_bytes(*word);
            }
            let mut state = Zeroizing::new($begin);
            for _ in 1..iterations {
                for keyed in [&inner, &outer] {
                    *state = **keyed;
                    $compress(&mut state, slice::from_ref(&*block));
                    let (words, _) = block.as_chunks_mut();
                    for (bytes, word) in words.iter_mut().zip(&*state) {
                        *bytes = word.to_be_bytes();
                    }
                }
                for (sum, word) in sum.iter_mut().zip(&*state) {
                    *sum ^= word;
                }
            }
            let bytes = sum.iter().flat_map(|word| word.to_be_bytes());
            let mut out = first;
            for (out, byte) in out.iter_mut().zip(bytes) {
                *out = byte;
            }
            out
        }
    };
}

rounds!(sha1_rounds, ScramHash::Sha1, u32, 5, 64, SHA1, compress1);
rounds!(
    sha256_rounds,
    ScramHash::Sha256,
    u32,
    8,
    64,
    SHA256,
    compress256
);
rounds!(
    sha512_rounds,
    ScramHash::Sha512,
    u64,
    8,
    128,
    SHA512,
    compress512
);

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// The result is that of an implementation by others, for passwords around the size of a block.
    #[test]
    fn it_is_pbkdf2() {
        for len in [0, 1, 20, 63, 64, 65, 127, 128, 129, 300] {
            let password = vec![b'p'; len];
            for (iterations, salt) in [(1, &b"salt"[..]), (2, b""), (1000, &[0xA5; 70])] {
                for hash in ScramHash::ALL {
                    let mut expected = vec![0; hash.output_len()];
                    let expect = match hash {
                        ScramHash::Sha1 => pbkdf2::pbkdf2_hmac::<sha1::Sha1>,
                        ScramHash::Sha256 => pbkdf2::pbkdf2_hmac::<sha2::Sha256>,
                        ScramHash::Sha512 => pbkdf2::pbkdf2_hmac::<sha2::Sha512>,
                    };
                    expect(&password, salt, iterations, &mut expected);
                    let found = hi(*hash, &password, salt, iterations);
                    assert_eq!(*found, expected, "{hash:?}, {len}, {iterations}");
                }
            }
        }
    }
}
