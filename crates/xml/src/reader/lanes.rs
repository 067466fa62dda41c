//! Which lane reads a child of the root: the fast lane first, and the checked lane what that gives up.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::fast::{Gather, Gathered, Outcome, Scan};
use super::{Event, Level, Place, Reader, Step};
use crate::element::{Element, Tree};
use crate::error::ReadError;

impl Reader {
    /// At the first byte of a child of the root, in the fast lane.
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

    /// Inside a child of the root that was cut, in the fast lane.
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

    /// Gives the checked lane what the fast lane had gathered before the input at hand. The fast lane
    /// found it plain so far, so it has neither an error nor an end.
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

    /// A finished child of the root; `rest` is what follows it.
    fn element(&mut self, tree: Tree, rest: &[u8]) -> Step {
        self.place = Place::Between;
        if rest.is_empty() {
            self.spare = Vec::new();
        }
        self.feed.rest(rest);
        Step::Event(Event::Element(Element::from_tree(tree)))
    }
}

/// Words that the records of a stanza of so many bytes take, with some to spare: most take three for eight
/// bytes.
fn expected_words(bytes: usize) -> usize {
    (bytes / 8).saturating_mul(3).clamp(64, 4096)
}
