//! The fast lane of one reader: a scan, and the bytes of a stanza that arrives in several reads.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use super::scan::{Outcome, Scan};
use crate::element::{STAMP_BYTES, Tree};
use crate::limits::XmlLimits;

/// What a reader keeps for the fast lane. It is small while no stanza is cut.
#[derive(Default)]
pub(crate) struct Lane {
    /// The memory of the last scan, for the next one.
    words: Vec<u32>,
    resolved: Vec<u8>,
    /// The scan of the stanza that is cut. It is kept for the next such stanza.
    cut: Option<Box<Scan>>,
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

impl Lane {
    /// Reads the stanza at the front of the input, in a stream with the default namespace `default`
    /// and with `prefix` for the stream namespace, which is empty for none.
    pub(crate) fn read(
        &mut self,
        input: &[u8],
        default: &str,
        prefix: &str,
        limits: &XmlLimits,
    ) -> Found {
        let memory = (mem::take(&mut self.words), mem::take(&mut self.resolved));
        let mut scan = Scan::new(memory, default);
        // A stanza that is cut inside of the prefix is for the checked lane.
        if has_prefix(input, prefix) {
            scan.set_prefix(prefix);
        }
        scan.reserve(input.len());
        let found = match scan.run(input, limits) {
            Outcome::Whole(len) => {
                let stanza = input.get(..len).unwrap_or_default();
                match copied(&mut scan, stanza, len == input.len()) {
                    Some(tree) => Found::Whole(tree, len),
                    None => Found::Doubt,
                }
            }
            Outcome::Cut => {
                self.bytes.clear();
                self.bytes.extend_from_slice(input);
                match &mut self.cut {
                    Some(place) => **place = scan,
                    place => *place = Some(Box::new(scan)),
                }
                return Found::Cut;
            }
            Outcome::Doubt => Found::Doubt,
        };
        (self.words, self.resolved) = scan.into_memory();
        found
    }

    /// Continues with more bytes of a stanza that was cut.
    pub(crate) fn push(&mut self, input: &[u8], limits: &XmlLimits) -> Gathered {
        let before = self.bytes.len();
        let mut rest = input;
        let Some(scan) = &mut self.cut else {
            return Gathered::Doubt(mem::take(&mut self.bytes));
        };
        while !rest.is_empty() {
            // Bytes that follow the stanza are copied in vain, but no more than were gathered before.
            let step = self.bytes.len().max(STEP).min(rest.len());
            let (step, tail) = rest.split_at_checked(step).unwrap_or((rest, &[]));
            self.bytes.extend_from_slice(step);
            rest = tail;
            let tree = match scan.run(&self.bytes, limits) {
                Outcome::Cut => continue,
                Outcome::Whole(len) => {
                    let is_last = len.saturating_sub(before) == input.len();
                    gathered(scan, &mut self.bytes, len, is_last)
                }
                Outcome::Doubt => None,
            };
            (self.words, self.resolved) = mem::take(&mut **scan).into_memory();
            if let Some((tree, len)) = tree {
                return Gathered::Whole(tree, len.saturating_sub(before));
            }
            let mut bytes = mem::take(&mut self.bytes);
            bytes.truncate(before);
            return Gathered::Doubt(bytes);
        }
        Gathered::Cut
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        let spare = self.words.capacity() * size_of::<u32>() + self.resolved.capacity();
        spare + self.bytes.capacity() + self.cut.as_ref().map_or(0, |scan| scan.held())
    }
}

/// Whether the outermost element has the prefix.
fn has_prefix(input: &[u8], prefix: &str) -> bool {
    let name = input.get(1..).unwrap_or_default();
    let rest = name.strip_prefix(prefix.as_bytes());
    !prefix.is_empty() && rest.is_some_and(|rest| rest.first() == Some(&b':'))
}

/// The tree of a stanza of `len` gathered bytes, and that length. It takes the buffer if no input is
/// left; otherwise another stanza is likely to need it.
fn gathered(
    scan: &mut Scan,
    buffer: &mut Vec<u8>,
    len: usize,
    is_last: bool,
) -> Option<(Tree, usize)> {
    if !is_last {
        return Some((copied(scan, buffer.get(..len)?, false)?, len));
    }
    let mut bytes = mem::take(buffer);
    bytes.truncate(len);
    match scan.tree(bytes, true) {
        Ok(mut tree) => {
            tree.shrink();
            Some((tree, len))
        }
        Err(bytes) => {
            *buffer = bytes;
            None
        }
    }
}

/// The tree of a stanza, with a copy of its bytes.
fn copied(scan: &mut Scan, stanza: &[u8], is_last: bool) -> Option<Tree> {
    let len = stanza.len().saturating_add(scan.resolved_len());
    let mut text = Vec::with_capacity(len.saturating_add(STAMP_BYTES));
    text.extend_from_slice(stanza);
    scan.tree(text, is_last).ok()
}
