//! Chooses the lane that reads a child of the root: the fast lane, and the checked lane if that gives
//! up.

use super::fast::{Found, Gathered};
use super::{Event, Level, Place, Reader, Step};
use crate::element::{Element, Tree};
use crate::error::ReadError;

impl Reader {
    /// Reads a child of the root from its first byte in the fast lane.
    pub(super) fn fast(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        let default = self.assembler.scope.default_ns();
        match self.lane.read(input, default, &self.limits) {
            Found::Whole(tree, len) => {
                *input = input.get(len..).unwrap_or_default();
                Ok(self.element(tree, input))
            }
            Found::Cut => {
                self.place = Place::Gather;
                *input = &[];
                Ok(Step::Wait)
            }
            Found::Doubt => self.begin_lead(input, Level::Stream),
        }
    }

    /// Continues a child of the root that was cut in the fast lane.
    pub(super) fn gather(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        match self.lane.push(input, &self.limits) {
            Gathered::Cut => {
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

    /// Returns a finished child of the root. `rest` is the input that follows it. Without any, buffers
    /// are freed: thousands of idle connections should cost little.
    pub(super) fn element(&mut self, tree: Tree, rest: &[u8]) -> Step {
        self.place = Place::Between;
        if rest.is_empty() {
            self.lane.release();
        }
        self.feed.rest(rest);
        Step::Event(Event::Element(Element::from_tree(tree)))
    }
}
