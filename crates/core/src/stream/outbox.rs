//! Bytes that wait to be written.

use alloc::vec::Vec;
use core::fmt;

/// A queue of bytes: elements are appended at its end, a driver takes bytes from its front.
///
/// It gives memory back as it drains: while `n` bytes wait it holds at most `5 * n + 3 KiB`, and
/// none when nothing waits.
#[derive(Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    taken: usize,
}

/// Bytes of memory that an outbox begins with. A usual stanza fits, so one allocation is enough for it.
const FIRST: usize = 512;

impl Outbox {
    pub(crate) fn pending(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.taken)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending().is_empty()
    }

    /// The buffer to append to.
    pub(crate) fn end(&mut self) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(FIRST);
        }
        &mut self.bytes
    }

    pub(crate) fn consume(&mut self, n: usize) {
        self.taken = self.taken.saturating_add(n).min(self.bytes.len());
        let waiting = self.len();
        // Moving costs what waits. It is done once a quarter of that was taken, so that a byte moves at
        // most four times on average.
        if self.taken >= (waiting / 4).max(FIRST) || waiting == 0 {
            self.compact();
        }
    }

    /// Takes back what was appended last, so that `len` bytes wait.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(self.taken.saturating_add(len));
        self.compact();
        self.bytes.shrink_to(len.max(FIRST).saturating_mul(2));
    }

    /// Takes everything that waits.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        core::mem::take(&mut self.bytes)
    }

    /// Moves the waiting bytes to the front and shrinks the memory where it is much more than they need.
    fn compact(&mut self) {
        if self.is_empty() {
            *self = Self::default();
            return;
        }
        self.bytes.drain(..self.taken);
        self.taken = 0;
        let needed = self.bytes.len().max(FIRST);
        if self.bytes.capacity() / 4 > needed {
            self.bytes.shrink_to(needed);
        }
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
    use alloc::vec;

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

    /// What the documentation of the type says of its memory.
    fn check_memory(outbox: &Outbox) {
        let waiting = outbox.pending().len();
        let (held, most) = (outbox.bytes.capacity(), 5 * waiting + 3 * 1024);
        assert!(held <= most, "{held} bytes held while {waiting} wait");
        assert!(waiting > 0 || held == 0, "{held} bytes held for nothing");
    }

    #[test]
    fn a_drained_outbox_keeps_little() {
        let mut outbox = Outbox::default();
        for piece in [1, 100, 16 * 1024, usize::MAX] {
            while outbox.pending().len() < 4 * 1024 * 1024 {
                outbox.end().extend_from_slice(&[b'x'; 307]);
                check_memory(&outbox);
            }
            for _ in 0..10_000 {
                outbox.consume(piece);
                check_memory(&outbox);
            }
            outbox.consume(usize::MAX);
            check_memory(&outbox);
        }
    }

    #[test]
    fn what_is_taken_back_leaves_no_memory_behind() {
        for waiting in [0, 1, 1000, 3_000_000] {
            let mut outbox = Outbox::default();
            outbox.end().extend_from_slice(&vec![b'x'; waiting + 300]);
            outbox.consume(300);
            outbox.end().extend_from_slice(&vec![b'y'; 8 * 1024 * 1024]);
            outbox.truncate(waiting);
            assert_eq!(outbox.pending(), vec![b'x'; waiting]);
            assert!(outbox.bytes.capacity() <= 2 * waiting.max(FIRST));
        }
    }

    /// A driver that always lags one byte behind never empties it.
    #[test]
    fn an_outbox_that_is_never_empty_does_not_grow() {
        let mut outbox = Outbox::default();
        for length in [100, 64 * 1024, 100, 10, 1] {
            for _ in 0..100 {
                outbox.end().extend_from_slice(&vec![b'x'; length]);
                check_memory(&outbox);
                outbox.consume(outbox.pending().len() - 1);
                check_memory(&outbox);
            }
        }
    }
}
