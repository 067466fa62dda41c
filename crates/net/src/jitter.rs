//! Randomness that spreads load.

use std::hash::{BuildHasher, RandomState};

/// Returns 32 random bits that spread load: for the order of equal SRV records and for reconnection
/// delays.
///
/// The bits come from the operating system. If it refuses, they come from the per-process hash keys
/// of the standard library: weak bits spread the load better than none. No secret may depend on the
/// result.
pub fn jitter() -> u32 {
    getrandom::u32().unwrap_or_else(|_| {
        let hash = RandomState::new().hash_one(());
        u32::try_from(hash >> 32).unwrap_or_default()
    })
}
