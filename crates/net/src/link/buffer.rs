//! A queue of bytes.

/// A queue of bytes that gives its memory back when it is empty, because most connections are idle
/// most of the time.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    taken: usize,
}

/// Bytes of memory that an empty buffer keeps.
const KEPT: usize = 4 * 1024;

impl Buffer {
    pub(super) fn pending(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending().is_empty()
    }

    /// The vector to append to.
    pub(super) const fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.taken = self.taken.saturating_add(n);
        if self.taken >= self.bytes.len() {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        self.taken = 0;
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
    }
}
