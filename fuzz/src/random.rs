//! Numbers that are varied and the same every time.

/// Marsaglia's xorshift generator.
pub struct Random(u64);

impl Random {
    /// Begins anywhere but at zero, where the generator would stay.
    pub const fn new(seed: u64) -> Self {
        Self(seed | 1 << 63)
    }

    /// A number below `end`, which is not zero.
    pub const fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}
