//! Randomness as an input: one seed for each connection, stretched with SHA-256.

use alloc::string::String;
use core::fmt;

use sha2::{Digest, Sha256};
#[cfg(feature = "std")]
use xmppwire_sasl::EntropyUnavailable;
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

    /// The next `N` bytes, at most 32: more does not compile.
    ///
    /// ```
    /// # use xmppwire::Entropy;
    /// let mut entropy = Entropy::from_os()?;
    /// let salt: [u8; 16] = entropy.bytes();
    /// assert_ne!(salt, entropy.bytes());
    /// # Ok::<_, xmppwire::EntropyUnavailable>(())
    /// ```
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        const { assert!(N <= 32, "one block has 32 bytes") };
        let block = self.block();
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(block) {
            *to = from;
        }
        bytes
    }

    /// A salt for [`ScramKeys::derive`](crate::ScramKeys::derive), of the length that a
    /// [`DecoyKey`](crate::DecoyKey) pretends.
    ///
    /// ```
    /// use xmppwire::{Entropy, ScramHash, ScramKeys};
    ///
    /// let mut entropy = Entropy::from_os()?;
    /// let keys = ScramKeys::derive(ScramHash::Sha256, "r0m30", &entropy.salt(), 4096)?;
    /// assert!(keys.verify("r0m30"));
    /// # Ok::<_, Box<dyn core::error::Error>>(())
    /// ```
    pub fn salt(&mut self) -> [u8; 16] {
        self.bytes()
    }

    /// An identifier of 128 random bits in lower-case hexadecimal, for streams and stanzas.
    pub fn id(&mut self) -> String {
        hexadecimal(&self.bytes::<16>())
    }

    /// An identifier that [`made`](Self::made) recognizes later without a list of identifiers: 96
    /// random bits and a tag of 32 bits, which depends on them and on the seed.
    pub(crate) fn tagged_id(&mut self) -> String {
        let mut id = hexadecimal(&self.bytes::<12>());
        let tag = self.tag(&id);
        id.push_str(&tag);
        id
    }

    /// Whether [`tagged_id`](Self::tagged_id) of this value made the identifier. One in 2^32 other
    /// identifiers of the same form has the right tag by accident.
    pub(crate) fn made(&self, id: &str) -> bool {
        let random = id
            .len()
            .checked_sub(8)
            .and_then(|end| id.split_at_checked(end));
        random.is_some_and(|(random, tag)| random.len() == 24 && self.tag(random) == tag)
    }

    fn tag(&self, random: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(self.seed);
        // Longer than the counter of a block, so that no block is the hash of the same bytes.
        hash.update(random);
        let hash = hash.finalize();
        hexadecimal(hash.first_chunk::<4>().map_or(&[], |tag| tag))
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

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_salt_is_another() {
        let mut entropy = Entropy::from_seed([7; 32]);
        assert_ne!(entropy.salt(), entropy.salt());
    }

    #[test]
    fn every_nibble_is_a_digit() {
        assert_eq!(hexadecimal(&[0x01, 0x9a, 0xf0]), "019af0");
    }

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

    #[test]
    fn an_identifier_with_a_tag_is_recognized() {
        let mut one = Entropy::from_seed([7; 32]);
        let mut two = Entropy::from_seed([8; 32]);
        let id = one.tagged_id();
        assert_eq!(id.len(), 32);
        assert!(one.made(&id));
        let other = if id.ends_with('0') { "1" } else { "0" };
        let changed = format!("{}{other}", id.get(..31).unwrap());
        for foreign in [
            &changed,
            &two.tagged_id(),
            &one.id(),
            "",
            "roster",
            "öööööööööööööööö",
        ] {
            assert!(!one.made(foreign), "{foreign}");
        }
        assert_ne!(one.tagged_id(), id);
    }
}
