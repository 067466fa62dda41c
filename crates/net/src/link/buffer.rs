//! A queue of bytes.

/// A queue of bytes that gives its memory back when it is empty, because most connections are idle
/// most of the time.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    taken: usize,
}

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
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_buffer_holds_no_memory() {
        let mut buffer = Buffer::default();
        buffer.end().extend_from_slice(b"twelve bytes");
        buffer.consume(5);
        assert_eq!(buffer.pending(), b"e bytes");
        buffer.consume(7);
        assert!(buffer.is_empty());
        assert_eq!(buffer.bytes.capacity(), 0);
    }
}
