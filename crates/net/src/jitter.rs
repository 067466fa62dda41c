//! Randomness that spreads load.

use std::hash::{BuildHasher, RandomState};

/// Returns 32 random bits to spread load with: for the order of equal SRV records and for reconnection delays.
///
/// The bits come from the operating system. Should it refuse, the standard library's per-process hash keys stand in, so
/// that this never fails: many clients choosing alike is worse than choosing by weaker bits. Nothing secret may depend
/// on the result, and nothing in this crate does; query ids are drawn from the operating system alone.
pub fn jitter() -> u32 {
    getrandom::u32().unwrap_or_else(|_| {
        let hash = RandomState::new().hash_one(());
        u32::try_from(hash >> 32).unwrap_or_default()
    })
}
