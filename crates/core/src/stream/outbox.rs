//! Bytes that wait to be written.

use alloc::vec::Vec;
use core::fmt;

/// A queue of bytes at whose end stanzas are written and from whose front a driver takes.
#[derive(Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    taken: usize,
}

/// From here on it is worth to move what is left to the front.
const COMPACT_FROM: usize = 64 * 1024;

impl Outbox {
    pub(crate) fn pending(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending().is_empty()
    }

    /// The buffer to append to.
    pub(crate) const fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(crate) fn consume(&mut self, n: usize) {
        self.taken = self.taken.saturating_add(n).min(self.bytes.len());
        if self.taken == self.bytes.len() {
            self.bytes.clear();
            self.taken = 0;
        } else if self.taken >= COMPACT_FROM && self.taken > self.bytes.len() / 2 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }

    pub(crate) fn take(&mut self) -> Vec<u8> {
        if self.taken > 0 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        core::mem::take(&mut self.bytes)
    }
}

impl fmt::Debug for Outbox {
    /// Shows no content: it may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("pending", &self.pending().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_how_much_waits_and_not_what() {
        let mut outbox = Outbox::default();
        outbox.end().extend_from_slice(b"s3cr3t");
        outbox.consume(1);
        assert_eq!(alloc::format!("{outbox:?}"), "Outbox { pending: 5, .. }");
    }

    #[test]
    fn partial_writes_lose_and_repeat_nothing() {
        let mut outbox = Outbox::default();
        outbox.end().extend_from_slice(b"abcdef");
        outbox.consume(2);
        assert_eq!(outbox.pending(), b"cdef");
        outbox.end().extend_from_slice(b"gh");
        assert_eq!(outbox.take(), b"cdefgh");
        assert!(outbox.is_empty());
        outbox.consume(usize::MAX);
        assert!(outbox.is_empty());
    }

    #[test]
    fn the_taken_front_is_given_back() {
        let mut outbox = Outbox::default();
        for _ in 0..100 {
            outbox.end().extend_from_slice(&[b'x'; COMPACT_FROM]);
            outbox.consume(COMPACT_FROM - 1);
        }
        assert_eq!(outbox.pending().len(), 100);
        assert!(outbox.end().len() < 3 * COMPACT_FROM);
    }
}
