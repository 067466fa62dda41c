//! Chooses the lane that reads a child of the root: the fast lane, and the checked lane if that
//! gives up.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::fast::{Gather, Gathered, Outcome, Scan};
use super::{Event, Level, Place, Reader, Step};
use crate::element::{Element, Tree};
use crate::error::ReadError;

impl Reader {
    /// Reads a child of the root from its first byte in the fast lane.
    pub(super) fn fast(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        let mut words = core::mem::take(&mut self.spare);
        if words.capacity() == 0 {
            words.reserve_exact(expected_words(input.len()));
        }
        let mut scan = Scan::new(words, self.assembler.scope.default_ns());
        match scan.run(input, &self.limits) {
            Outcome::Whole(len) => {
                if let Some((stanza, rest)) = input.split_at_checked(len) {
                    let (tree, spare) = scan.tree_of(stanza);
                    if let Some(tree) = tree {
                        *input = rest;
                        if !rest.is_empty() {
                            self.spare = spare;
                        }
                        return Ok(self.element(tree, input));
                    }
                }
                self.begin_lead(input, Level::Stream)
            }
            Outcome::Cut => {
                self.place = Place::Gather(Box::new(Gather::new(scan, input)));
                *input = &[];
                Ok(Step::Wait)
            }
            Outcome::Doubt => {
                self.spare = scan.into_words();
                self.begin_lead(input, Level::Stream)
            }
        }
    }

    /// Continues a child of the root that was cut in the fast lane.
    pub(super) fn gather(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        let gather = match core::mem::replace(&mut self.place, Place::Between) {
            Place::Gather(gather) => gather,
            other => {
                self.place = other;
                return Ok(Step::Go);
            }
        };
        match gather.push(input, &self.limits) {
            Gathered::Cut(gather) => {
                self.place = Place::Gather(gather);
                *input = &[];
                Ok(Step::Wait)
            }
            Gathered::Whole(tree, len) => {
                *input = input.get(len..).unwrap_or_default();
                Ok(self.element(tree, input))
            }
            Gathered::Doubt(bytes) => self.replay(&bytes),
        }
    }

    /// Passes the checked lane the bytes that the fast lane gathered before the present input. They
    /// were plain so far and therefore have neither an error nor an end.
    fn replay(&mut self, bytes: &[u8]) -> Result<Step, ReadError> {
        let mut rest = bytes;
        self.begin_lead(&mut rest, Level::Stream)?;
        while !rest.is_empty() {
            if let Step::Event(event) = self.step(&mut rest)? {
                return Ok(Step::Event(event));
            }
        }
        Ok(Step::Go)
    }

    /// Returns a finished child of the root. `rest` is the input that follows it.
    fn element(&mut self, tree: Tree, rest: &[u8]) -> Step {
        self.place = Place::Between;
        if rest.is_empty() {
            self.spare = Vec::new();
        }
        self.feed.rest(rest);
        Step::Event(Event::Element(Element::from_tree(tree)))
    }
}

/// Words to reserve for the records of a stanza of this many bytes. Most need three words for eight
/// bytes.
fn expected_words(bytes: usize) -> usize {
    (bytes / 8).saturating_mul(3).clamp(64, 4096)
}
