//! The stanzas that the peer has not acknowledged, as bytes, each of which is held once.

use alloc::collections::VecDeque;
use core::fmt;

use crate::stream::outbox::Outbox;

/// The unacknowledged stanzas of a session, oldest first.
///
/// The bytes of a stanza are in the output until they are written; as they leave it they come here.
/// So the output and this queue together hold each byte once, apart from the moment of the move.
#[derive(Default)]
pub(crate) struct Queue {
    entries: VecDeque<Entry>,
    /// The written bytes of the entries, without gaps.
    written: Outbox,
    /// Entries that were written whole.
    done: usize,
    /// Bytes of the next entry, its gap included, that were written.
    partial: usize,
    /// Bytes of the output before the next entry's gap that belong to no entry.
    skip: usize,
    /// Bytes of the output up to the end of the last entry.
    tracked: usize,
    /// Bytes of all entries.
    bytes: usize,
}

/// One stanza.
#[derive(Clone, Copy)]
struct Entry {
    /// Bytes of the output between the stanza before it and this one.
    gap: usize,
    len: u32,
    /// The machine made it: the application knows nothing of it.
    own: bool,
}

/// Bytes of memory that an entry takes besides its stanza.
pub(crate) const OVERHEAD: usize = size_of::<Entry>();

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether nothing has to be remembered: no stanza, and no byte of the output.
    pub(super) fn is_idle(&self) -> bool {
        self.entries.is_empty() && self.tracked == 0
    }

    /// Bytes that the stanzas hold, here or in the output, with [`OVERHEAD`] for each.
    pub(crate) fn held(&self) -> usize {
        let entries = self.entries.len().saturating_mul(OVERHEAD);
        self.bytes.saturating_add(entries)
    }

    /// Adds a stanza that lies in the output between these two places.
    pub(super) fn push(&mut self, from: usize, to: usize, own: bool) {
        let len = to.saturating_sub(from);
        self.entries.push_back(Entry {
            gap: from.saturating_sub(self.tracked),
            len: u32::try_from(len).unwrap_or(u32::MAX),
            own,
        });
        self.tracked = to;
        self.bytes = self.bytes.saturating_add(len);
    }

    /// Adds a stanza that is not in the output. Nothing of the queue may be there.
    pub(crate) fn push_bytes(&mut self, stanza: &[u8], own: bool) {
        self.written.end().extend_from_slice(stanza);
        self.entries.push_back(Entry {
            gap: 0,
            len: u32::try_from(stanza.len()).unwrap_or(u32::MAX),
            own,
        });
        self.done = self.entries.len();
        self.bytes = self.bytes.saturating_add(stanza.len());
    }

    /// Keeps what belongs to stanzas of these bytes, which leave the output.
    pub(super) fn consume(&mut self, bytes: &[u8]) {
        self.tracked = self.tracked.saturating_sub(bytes.len());
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        let mut rest = bytes.get(skipped..).unwrap_or_default();
        for entry in self.entries.iter().skip(self.done) {
            if rest.is_empty() {
                break;
            }
            let whole = entry.gap.saturating_add(entry.len as usize);
            let taken = whole.saturating_sub(self.partial).min(rest.len());
            let gap = entry.gap.saturating_sub(self.partial).min(taken);
            let (now, later) = rest.split_at(taken);
            self.written
                .end()
                .extend_from_slice(now.get(gap..).unwrap_or_default());
            self.partial = self.partial.saturating_add(taken);
            if self.partial >= whole {
                self.done += 1;
                self.partial = 0;
            }
            rest = later;
        }
    }

    /// Drops the oldest stanzas, which the peer has acknowledged.
    pub(super) fn acknowledge(&mut self, count: usize) {
        let mut written: usize = 0;
        for _ in 0..count {
            let Some(entry) = self.entries.pop_front() else {
                break;
            };
            let len = entry.len as usize;
            self.bytes = self.bytes.saturating_sub(len);
            if self.done > 0 {
                self.done -= 1;
                written = written.saturating_add(len);
            } else {
                // What of it is still in the output is skipped there.
                let whole = entry.gap.saturating_add(len);
                let unwritten = whole.saturating_sub(self.partial);
                self.skip = self.skip.saturating_add(unwritten);
                written = written.saturating_add(self.partial.saturating_sub(entry.gap));
                self.partial = 0;
            }
        }
        self.written.consume(written);
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }

    /// Takes the rest of the stanzas out of the output, which is not written any more.
    pub(super) fn salvage(&mut self, output: &[u8]) {
        self.consume(output);
        (self.tracked, self.skip) = (0, 0);
    }

    /// Moves all stanzas to the end of the output, to be written again.
    pub(super) fn resend(&mut self, output: &mut Outbox) {
        let mut gap = output.len();
        for entry in &mut self.entries {
            entry.gap = gap;
            gap = 0;
        }
        let written = core::mem::take(&mut self.written);
        if !written.is_empty() {
            output.end().extend_from_slice(written.pending());
        }
        (self.done, self.partial, self.skip) = (0, 0, 0);
        self.tracked = if self.entries.is_empty() {
            0
        } else {
            output.len()
        };
    }

    /// The stanzas, and whether the machine made each. Nothing of them may be in the output.
    pub(crate) fn stanzas(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let mut rest = self.written.pending();
        self.entries.iter().map(move |entry| {
            let len = (entry.len as usize).min(rest.len());
            let (stanza, later) = rest.split_at(len);
            rest = later;
            (stanza, entry.own)
        })
    }
}

impl fmt::Debug for Queue {
    /// Shows no content: stanzas are private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("stanzas", &self.entries.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// A queue with its output.
    #[derive(Default)]
    struct Both {
        queue: Queue,
        output: Outbox,
    }

    impl Both {
        fn other(&mut self, text: &str) {
            self.output.end().extend_from_slice(text.as_bytes());
        }

        fn stanza(&mut self, text: &str) {
            let from = self.output.len();
            self.other(text);
            self.queue.push(from, self.output.len(), false);
        }

        fn write(&mut self, n: usize) {
            let n = n.min(self.output.len());
            self.queue.consume(&self.output.pending()[..n]);
            self.output.consume(n);
        }

        fn rest(mut self) -> Vec<u8> {
            self.queue.salvage(self.output.pending());
            self.queue.stanzas().flat_map(|(s, _)| s.to_vec()).collect()
        }
    }

    /// Three stanzas between other elements, written up to every byte, acknowledged at every count:
    /// what is left is always the rest, and the other elements never are.
    #[test]
    fn what_is_not_acknowledged_is_kept_wherever_it_is() {
        const STANZAS: [&str; 3] = ["AAAA", "BBB", "CCCCC"];
        const WIRE: usize = "xxAAAAyBBBCCCCCzz".len();
        for written in 0..=WIRE {
            for acknowledged in 0..=3 {
                for later in 0..=WIRE {
                    let mut both = Both::default();
                    both.other("xx");
                    both.stanza("AAAA");
                    both.other("y");
                    both.stanza("BBB");
                    both.stanza("CCCCC");
                    both.other("zz");
                    both.write(written);
                    both.queue.acknowledge(acknowledged);
                    both.write(later);
                    both.stanza("DD");
                    assert_eq!(both.queue.len(), 4 - acknowledged);
                    let expected = STANZAS[acknowledged..].concat() + "DD";
                    assert_eq!(both.queue.bytes, expected.len());
                    let rest = both.rest();
                    assert_eq!(rest, expected.as_bytes(), "{written} {acknowledged}");
                }
            }
        }
    }

    #[test]
    fn what_is_sent_again_is_the_same() {
        let mut both = Both::default();
        both.stanza("AAAA");
        both.stanza("BBB");
        both.write(5);
        both.queue.salvage(both.output.pending());
        both.output.take();
        both.other("resumed");
        both.queue.resend(&mut both.output);
        both.other("r");
        both.stanza("CC");
        assert_eq!(both.output.pending(), b"resumedAAAABBBrCC");
        both.write(13);
        both.queue.acknowledge(1);
        assert_eq!(both.rest(), b"BBBCC");
    }

    #[test]
    fn an_idle_queue_holds_nothing() {
        let mut both = Both::default();
        both.stanza("AAAA");
        assert!(!both.queue.is_idle());
        both.write(4);
        both.queue.acknowledge(1);
        assert!(both.queue.is_idle());
        assert_eq!(both.queue.held(), 0);
    }
}
