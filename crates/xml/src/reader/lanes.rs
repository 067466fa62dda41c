//! Chooses the lane that reads a child of the root: the fast lane, and the checked lane if that gives
//! up.

use super::fast::{Found, Gathered};
use super::{Event, Level, Place, Reader, Step};
use crate::element::{Element, Tree};
use crate::error::ReadError;

impl Reader {
    /// Reads a child of the root from its first byte in the fast lane.
    pub(super) fn fast(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        let root = self.root.as_ref();
        let found = match root.and_then(|root| Some((root.default_ns()?, root.stream_prefix()))) {
            Some((default, prefix)) => {
                self.lane
                    .get_or_insert_default()
                    .read(input, default, prefix, &self.limits)
            }
            None => Found::Doubt,
        };
        match found {
            Found::Whole(tree, len) => {
                *input = input.get(len..).unwrap_or_default();
                Ok(self.finished(tree, true, input))
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
        match self.lane.get_or_insert_default().push(input, &self.limits) {
            Gathered::Cut => {
                *input = &[];
                Ok(Step::Wait)
            }
            Gathered::Whole(tree, len) => {
                *input = input.get(len..).unwrap_or_default();
                Ok(self.finished(tree, true, input))
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

    /// Forgets what the root declares. `ns` is the default namespace.
    pub(super) fn replace_declarations(&mut self, ns: &str) {
        if let Some(root) = &mut self.root {
            root.replace_with_default(ns);
        }
        // It is made again when it is needed.
        self.checked = None;
    }

    /// Returns a child of the root that the checked lane has finished. `rest` is the input that
    /// follows it.
    pub(super) fn element(&mut self, tree: Tree, rest: &[u8]) -> Step {
        self.finished(tree, false, rest)
    }

    fn finished(&mut self, tree: Tree, is_plain: bool, rest: &[u8]) -> Step {
        self.place = Place::Between;
        self.rest(is_plain, rest);
        Step::Event(Event::Element(Element::from_tree(tree)))
    }

    /// Frees memory if no input is left: thousands of idle connections should cost little. The
    /// checked lane is kept where the last stanza needed it: a peer whose stanzas are not plain
    /// will need it again.
    pub(super) fn rest(&mut self, is_plain: bool, rest: &[u8]) {
        if !rest.is_empty() {
            return;
        }
        self.lane = None;
        if is_plain && !self.checked_only {
            self.checked = None;
        } else if let Some(checked) = &mut self.checked {
            checked.feed.rest();
        }
    }
}

#[cfg(all(test, not(feature = "checked-only")))]
mod tests {
    use crate::limits::XmlLimits;
    use crate::reader::{Event, Reader};

    /// The lanes hold memory while a stanza is cut or another one follows. A stanza with a prefix of
    /// its own is for the checked lane.
    #[test]
    fn an_idle_reader_holds_no_lane() {
        let mut reader = Reader::new(XmlLimits::default());
        let header = "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'>";
        reader.read(&mut header.as_bytes()).unwrap();
        assert!(reader.lane.is_none() && reader.checked.is_none());
        for cut in [1, 3, 5] {
            let (front, rest) = "<a>b</a>".split_at(cut);
            assert_eq!(reader.read(&mut front.as_bytes()), Ok(None));
            assert!(reader.lane.is_some());
            let mut rest = rest.as_bytes();
            let found = reader.read(&mut rest);
            assert!(matches!(found, Ok(Some(Event::Element(_)))));
            assert!(reader.lane.is_none() && reader.checked.is_none());
        }
        let mut two: &[u8] = b"<a/><b/>";
        reader.read(&mut two).unwrap();
        assert!(reader.lane.is_some(), "another stanza follows");
        reader.read(&mut two).unwrap();
        assert!(reader.lane.is_none());
        // The next stanza of this peer will need it again.
        reader.read(&mut &b"<p:a xmlns:p='u'/>"[..]).unwrap();
        assert!(reader.checked.is_some());
        reader.read(&mut &b"<a/>"[..]).unwrap();
        assert!(reader.checked.is_none());
    }
}
