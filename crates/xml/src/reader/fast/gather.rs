//! Stanzas that arrive in several reads.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::scan::{Outcome, Scan};
use crate::element::Tree;
use crate::limits::XmlLimits;

/// The first bytes of a stanza and the state of their scan.
pub(crate) struct Gather {
    scan: Scan,
    bytes: Vec<u8>,
}

/// The result of more bytes.
pub(crate) enum Gathered {
    /// The stanza, and how many of the new bytes belong to it.
    Whole(Tree, usize),
    /// The stanza is still cut. All of the new bytes were taken.
    Cut(Box<Gather>),
    /// The checked lane has to read the stanza: the bytes before the new ones, of which none was
    /// taken.
    Doubt(Vec<u8>),
}

/// Smallest number of bytes gathered at once.
const STEP: usize = 256;

impl Gather {
    /// Keeps the first bytes of a stanza that is cut.
    pub(crate) fn new(scan: Scan, bytes: &[u8]) -> Self {
        Self {
            scan,
            bytes: bytes.to_vec(),
        }
    }

    /// Takes more bytes.
    pub(crate) fn push(mut self: Box<Self>, input: &[u8], limits: &XmlLimits) -> Gathered {
        let before = self.bytes.len();
        let mut rest = input;
        while !rest.is_empty() {
            // Bytes that follow the stanza are copied in vain, but no more than were gathered
            // before.
            let step = self.bytes.len().max(STEP).min(rest.len());
            let (step, tail) = rest.split_at_checked(step).unwrap_or((rest, &[]));
            self.bytes.extend_from_slice(step);
            rest = tail;
            match self.scan.run(&self.bytes, limits) {
                Outcome::Cut => {}
                Outcome::Whole(len) => return self.finish(len, before),
                Outcome::Doubt => return give_up(self.bytes, before),
            }
        }
        Gathered::Cut(self)
    }

    fn finish(self, len: usize, before: usize) -> Gathered {
        let Self { scan, mut bytes } = self;
        bytes.truncate(len);
        match scan.tree(bytes) {
            Ok(mut tree) => {
                tree.shrink();
                Gathered::Whole(tree, len.saturating_sub(before))
            }
            Err(bytes) => give_up(bytes, before),
        }
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.bytes.capacity() + self.scan.held()
    }
}

/// Returns the bytes that were gathered before this call.
fn give_up(mut bytes: Vec<u8>, before: usize) -> Gathered {
    bytes.truncate(before);
    Gathered::Doubt(bytes)
}
