//! Randomness as an input: one seed for each connection, stretched with SHA-256.

use core::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroize;

/// The randomness of one connection: nonces, stream ids, stanza ids and resources come from it.
///
/// A seed of 32 bytes is stretched by hashing it with a counter. A connection is therefore
/// reproducible bit for bit from its seed, and needs the operating system only once. Never use one
/// seed twice outside of tests: SCRAM nonces (RFC 5802 §5.1) and stream ids (RFC 6120 §4.7.3) have
/// to be unpredictable.
pub struct Entropy {
    seed: [u8; 32],
    blocks: u64,
}

impl Entropy {
    /// Stretches the given seed.
    pub const fn from_seed(seed: [u8; 32]) -> Self {
        Self { seed, blocks: 0 }
    }

    /// Takes a seed from the operating system.
    ///
    /// # Errors
    /// [`EntropyUnavailable`] if the system gives none. On common systems that happens only in a
    /// broken sandbox.
    #[cfg(feature = "std")]
    pub fn from_os() -> Result<Self, EntropyUnavailable> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| EntropyUnavailable)?;
        Ok(Self::from_seed(seed))
    }

    /// The next 32 bytes of the stretched seed.
    pub(crate) fn block(&mut self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.blocks.to_be_bytes());
        self.blocks = self.blocks.wrapping_add(1);
        hash.finalize().into()
    }

    /// The next `N` bytes, at most 32.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        const { assert!(N <= 32, "one block has 32 bytes") };
        let block = self.block();
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(block) {
            *to = from;
        }
        bytes
    }

    /// An identifier of 128 random bits in lower-case hexadecimal, for streams and stanzas.
    pub(crate) fn id(&mut self) -> alloc::string::String {
        const DIGITS: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
        ];
        let digit = |value: u8| DIGITS.get(usize::from(value & 15)).copied().unwrap_or('0');
        self.bytes::<16>()
            .into_iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte)])
            .collect()
    }
}

impl Drop for Entropy {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(..)")
    }
}

/// The operating system gave no entropy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no entropy")]
pub struct EntropyUnavailable;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_everything_and_blocks_differ() {
        let mut one = Entropy::from_seed([7; 32]);
        let mut two = Entropy::from_seed([7; 32]);
        let first = one.id();
        assert_eq!(first, two.id());
        assert_ne!(first, one.id());
        assert_eq!(first.len(), 32);
        assert_ne!(Entropy::from_seed([8; 32]).id(), first);
    }
}
