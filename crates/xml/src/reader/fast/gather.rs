//! The fast lane of one reader: a scan, and the bytes of a stanza that arrives in several reads.

use alloc::vec::Vec;

use super::scan::{Outcome, STAMP_BYTES, Scan};
use crate::element::Tree;
use crate::limits::XmlLimits;

/// What a reader keeps for the fast lane.
#[derive(Default)]
pub(crate) struct Lane {
    scan: Scan,
    /// The first bytes of a stanza that is cut.
    bytes: Vec<u8>,
}

/// What became of a stanza that is whole in the input.
pub(crate) enum Found {
    /// Its tree, and how many bytes it has.
    Whole(Tree, usize),
    /// It is cut, and all of the input was kept.
    Cut,
    /// The checked lane has to read the stanza, from the first byte of the input.
    Doubt,
}

/// What became of more bytes of a stanza that was cut.
pub(crate) enum Gathered {
    /// Its tree, and how many of the new bytes belong to it.
    Whole(Tree, usize),
    /// It is still cut, and all of the new bytes were kept.
    Cut,
    /// The checked lane has to read the stanza: the bytes before the new ones, of which none was taken.
    Doubt(Vec<u8>),
}

/// Smallest number of bytes gathered at once.
const STEP: usize = 256;

/// Largest stanza whose gathered bytes are copied to keep their buffer. A larger one takes the buffer.
const MAX_COPY: usize = 32 * 1024;

impl Lane {
    /// Reads the stanza at the front of the input, in a stream with the default namespace `default`.
    pub(crate) fn read(&mut self, input: &[u8], default: &str, limits: &XmlLimits) -> Found {
        self.scan.begin(default);
        self.scan.reserve(input.len());
        match self.scan.run(input, limits) {
            Outcome::Whole(len) => {
                let stanza = input.get(..len).unwrap_or_default();
                match self.copied(stanza, len == input.len()) {
                    Some(tree) => Found::Whole(tree, len),
                    None => Found::Doubt,
                }
            }
            Outcome::Cut => {
                self.bytes.clear();
                self.bytes.extend_from_slice(input);
                Found::Cut
            }
            Outcome::Doubt => Found::Doubt,
        }
    }

    /// Continues with more bytes of a stanza that was cut.
    pub(crate) fn push(&mut self, input: &[u8], limits: &XmlLimits) -> Gathered {
        let before = self.bytes.len();
        let mut rest = input;
        while !rest.is_empty() {
            // Bytes that follow the stanza are copied in vain, but no more than were gathered before.
            let step = self.bytes.len().max(STEP).min(rest.len());
            let (step, tail) = rest.split_at_checked(step).unwrap_or((rest, &[]));
            self.bytes.extend_from_slice(step);
            rest = tail;
            let tree = match self.scan.run(&self.bytes, limits) {
                Outcome::Cut => continue,
                Outcome::Whole(len) => {
                    self.gathered(len, len.saturating_sub(before) == input.len())
                }
                Outcome::Doubt => None,
            };
            if let Some((tree, len)) = tree {
                return Gathered::Whole(tree, len.saturating_sub(before));
            }
            let mut bytes = core::mem::take(&mut self.bytes);
            bytes.truncate(before);
            return Gathered::Doubt(bytes);
        }
        Gathered::Cut
    }

    /// The tree of a stanza of `len` gathered bytes, and that length.
    fn gathered(&mut self, len: usize, is_last: bool) -> Option<(Tree, usize)> {
        let mut bytes = core::mem::take(&mut self.bytes);
        if len <= MAX_COPY {
            let tree = self.copied(bytes.get(..len)?, is_last);
            self.bytes = bytes;
            return Some((tree?, len));
        }
        bytes.truncate(len);
        match self.scan.tree(bytes, is_last) {
            Ok(mut tree) => {
                tree.shrink();
                Some((tree, len))
            }
            Err(bytes) => {
                self.bytes = bytes;
                None
            }
        }
    }

    fn copied(&mut self, stanza: &[u8], is_last: bool) -> Option<Tree> {
        let len = stanza.len().saturating_add(self.scan.resolved_len());
        let mut text = Vec::with_capacity(len.saturating_add(STAMP_BYTES));
        text.extend_from_slice(stanza);
        self.scan.tree(text, is_last).ok()
    }

    /// Frees the memory.
    pub(crate) fn release(&mut self) {
        *self = Self::default();
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.bytes.capacity() + self.scan.held()
    }
}
