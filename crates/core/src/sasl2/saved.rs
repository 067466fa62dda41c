//! Tokens as bytes: how those of both sides begin.
//!
//! | bytes | meaning |
//! |---|---|
//! | 4 | `XWTK` for the token of a client, `XWTI` for one that a server has issued |
//! | 1 | version of the format: 1 |
//! | 4 | how often it was used |
//! | 8 | when it expires, in seconds since the beginning of 1970 in UTC |
//!
//! Numbers are big-endian. Texts follow, each as its length in 4 bytes, then UTF-8.

use alloc::vec::Vec;

use crate::saved_session::{Input, write};

const VERSION: u8 = 1;

/// Why bytes are no saved token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SavedTokenError {
    /// They do not begin as a token of this kind.
    #[error("not a saved token")]
    Kind,
    /// A later version of this library wrote them, or it has a mechanism that this one lacks.
    #[error("a saved token of another version")]
    Version,
    /// They are cut, too long, or contradict themselves.
    #[error("a damaged token")]
    Damaged,
}

/// What the token of either side is saved with besides its texts.
pub(super) struct Head {
    pub(super) count: u32,
    pub(super) expires: u64,
}

impl Head {
    /// The bytes of a token of the kind that `magic` names.
    pub(super) fn save(self, magic: [u8; 4], texts: &[&str]) -> Vec<u8> {
        let mut out = Vec::from(magic);
        out.push(VERSION);
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&self.expires.to_be_bytes());
        for text in texts {
            write(&mut out, text.as_bytes());
        }
        out
    }

    /// Reads the bytes of a token of this kind up to its texts.
    pub(super) fn load(input: &mut Input<'_>, magic: [u8; 4]) -> Result<Self, SavedTokenError> {
        use SavedTokenError as E;
        if input.array() != Some(magic) {
            return Err(E::Kind);
        }
        if input.array() != Some([VERSION]) {
            return Err(E::Version);
        }
        Ok(Self {
            count: input.number().ok_or(E::Damaged)?,
            expires: input.array().map(u64::from_be_bytes).ok_or(E::Damaged)?,
        })
    }
}
