//! Where the input of a session is cut.

/// How the input is cut.
#[derive(Clone, Copy, Debug)]
pub enum Split {
    Whole,
    Bytes,
    /// Pieces of 1 to 37 bytes, chosen by a generator with this state.
    Random(u64),
}

impl Split {
    /// Whole, byte by byte, and so many times at random.
    pub fn all(random: u64) -> impl Iterator<Item = Self> {
        let splits = [Self::Whole, Self::Bytes].into_iter();
        splits.chain((0..random).map(Self::Random))
    }

    /// Returns the length of the next piece.
    pub fn cut(&mut self) -> usize {
        match self {
            Self::Whole => usize::MAX,
            Self::Bytes => 1,
            Self::Random(state) => {
                // Knuth's MMIX generator: the cuts have to be varied, not unpredictable.
                *state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                1 + (*state >> 33) as usize % 37
            }
        }
    }
}
