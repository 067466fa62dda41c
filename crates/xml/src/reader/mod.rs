//! Reads streams.
//!
//! Two lanes read the children of the root, with the same result. In the checked lane ([`checked`])
//! `rxml` decides what is XML: [`feed`] passes it the bytes within the budget and with line ends
//! normalised, and [`assembler`] resolves namespaces and builds the tree. [`fast`] reads plain
//! children in one pass. [`Reader`] knows the place in the stream and looks itself at what is
//! between stanzas; [`prolog`] is what comes before them, and the start of markup.

mod assembler;
mod checked;
mod classify;
mod declaration;
mod fast;
mod feed;
mod header;
mod lanes;
mod lead;
mod namespaces;
mod prolog;
mod root;
pub(crate) mod text;

use alloc::boxed::Box;
use core::fmt;

use rxml::RawEvent;

use self::checked::Checked;
use self::classify::judge_outside;
use self::declaration::Declaration;
use self::fast::Lane;
use self::feed::Fed;
use self::lead::{Lead, is_space};
use self::root::Root;
use crate::element::Element;
use crate::error::{ReadError, ReadErrorKind};
use crate::header::StreamHeader;
use crate::limits::XmlLimits;

/// What [`Reader::read`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The stream header is complete (RFC 6120 §4.2).
    Header(Box<StreamHeader>),
    /// A child of the root is complete: a stanza, or an element of negotiation.
    Element(Element),
    /// White space between the children of the root or after its end: the number of bytes. It is
    /// reported when it arrives, so reads may divide it into several events. It has no meaning (RFC
    /// 6120 §11.7) and serves as a keep-alive.
    Whitespace(usize),
    /// The end tag of the root (RFC 6120 §4.4).
    End,
}

/// Reads one stream, from its header to its end.
///
/// It takes bytes in pieces of any size, and the events do not depend on the pieces. A stream
/// restart (RFC 6120 §4.3.3) needs a new reader.
pub struct Reader {
    limits: XmlLimits,
    place: Place,
    /// Whether the fast lane is left out.
    checked_only: bool,
    /// The fast lane, while it holds memory.
    lane: Option<Box<Lane>>,
    /// The checked lane, while it is needed.
    checked: Option<Box<Checked>>,
    /// The start tag of the root, once it was read.
    root: Option<Root>,
}

/// Where in the document the next byte belongs.
enum Place {
    /// Before the first byte.
    Start,
    /// Before the root, after white space or the XML declaration.
    Prolog,
    /// Inside the XML declaration.
    Declaration(Box<Declaration>),
    /// After a `<` outside of stanzas.
    Lead(Lead, Level),
    /// Inside the root's start tag.
    Header,
    /// Between the children of the root.
    Between,
    /// Inside character data between the children of the root, which ends the stream.
    Loose,
    /// Inside a child of the root that the fast lane found to be cut.
    Gather,
    /// Inside a child of the root, or in its end tag.
    Item,
    /// After the root.
    After,
    /// After an error.
    Failed(ReadError),
}

/// Where a `<` was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// Before anything else.
    Start,
    Prolog,
    Stream,
    After,
}

impl Reader {
    /// A reader at the start of a stream.
    pub fn new(limits: XmlLimits) -> Self {
        Self {
            limits,
            place: Place::Start,
            checked_only: cfg!(feature = "checked-only"),
            lane: None,
            checked: None,
            root: None,
        }
    }

    /// A reader without the fast lane, for tests that compare the two. It reads the same and takes
    /// longer.
    #[doc(hidden)]
    pub fn checked_only(limits: XmlLimits) -> Self {
        Self {
            checked_only: true,
            ..Self::new(limits)
        }
    }

    /// Sets other limits, as after an authentication that does not restart the stream. They also
    /// hold for what is partly read, except that another
    /// [`max_token_bytes`](XmlLimits::max_token_bytes) waits for the next stanza.
    pub fn set_limits(&mut self, limits: XmlLimits) {
        self.limits = limits;
    }

    /// Returns true if no header, element or tag is partly read: nothing is lost if the stream is
    /// replaced here.
    pub fn is_idle(&self) -> bool {
        matches!(self.place, Place::Start | Place::Between | Place::After)
    }

    /// Reads up to the next event and moves `input` past the bytes it took.
    ///
    /// The bytes after an event are not taken and have no influence on it. `Ok(None)` means that
    /// all of `input` was taken and more is needed.
    ///
    /// # Errors
    ///
    /// If the peer broke a rule of XML, of RFC 6120 §11 or of the limits. Every later call returns
    /// the same error and takes nothing.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Event>, ReadError> {
        if let Place::Failed(error) = self.place {
            return Err(error);
        }
        let before = input.len();
        let outcome = self.advance(input);
        let is_event = matches!(outcome, Ok(Some(_)));
        debug_assert!(!is_event || input.len() < before, "an event takes a byte");
        if let Err(error) = outcome {
            // Frees what was collected, which is not needed any more.
            *self = Self::new(self.limits);
            self.place = Place::Failed(error);
        }
        outcome
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<Event>, ReadError> {
        loop {
            match self.step(input)? {
                Step::Go => {}
                Step::Wait => return Ok(None),
                Step::Event(event) => return Ok(Some(event)),
            }
        }
    }

    /// The checked lane, at the present place of the stream.
    fn checked(&mut self) -> &mut Checked {
        self.checked
            .get_or_insert_with(|| Box::new(Checked::new(&self.limits, self.root.as_ref())))
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        match &self.place {
            Place::Start | Place::Prolog => self.prolog(input),
            Place::Declaration(_) => self.declaration(input),
            Place::Lead(lead, level) => {
                let (lead, level) = (*lead, *level);
                self.lead(input, lead, level)
            }
            Place::Header => self.header(input),
            Place::Between => self.between(input),
            Place::Loose => self.loose(input),
            Place::Item => self.item(input),
            Place::After => self.after(input),
            Place::Gather => self.gather(input),
            Place::Failed(error) => Err(*error),
        }
    }

    fn between(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        if let Some(count) = take_space(input) {
            return Ok(Step::Event(Event::Whitespace(count)));
        }
        match input.first() {
            None => Ok(Step::Wait),
            Some(b'<') if self.checked_only => self.begin_lead(input, Level::Stream),
            Some(b'<') => self.fast(input),
            Some(_) => {
                let feed = &mut self.checked().feed;
                feed.begin_item();
                feed.by_single_bytes();
                self.place = Place::Loose;
                Ok(Step::Go)
            }
        }
    }

    /// Something other than white space or markup between stanzas, which is an error; the parser
    /// decides which. It receives single bytes, so that the answer does not depend on how many
    /// there are.
    fn loose(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        let budget = self.limits.max_stanza_bytes;
        match self.checked().feed.next_event(input, budget)? {
            Fed::Hungry => Ok(Step::Wait),
            Fed::Event(_) => Err(LOOSE_TEXT),
        }
    }

    fn item(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        let limits = self.limits;
        let checked = self.checked();
        loop {
            let event = match checked.feed.next_event(input, limits.max_stanza_bytes)? {
                Fed::Hungry => return Ok(Step::Wait),
                Fed::Event(event) => event,
            };
            if matches!(event, RawEvent::ElementFoot(_)) && checked.assembler.depth() == 0 {
                return Ok(self.end());
            }
            if checked.assemble(&limits, event)? {
                let tree = checked.assembler.take();
                return Ok(self.element(tree, input));
            }
        }
    }

    fn end(&mut self) -> Step {
        self.place = Place::After;
        Step::Event(Event::End)
    }

    /// Only white space may follow the root (XML 1.0 §2.1).
    fn after(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        if let Some(count) = take_space(input) {
            return Ok(Step::Event(Event::Whitespace(count)));
        }
        match input.first() {
            None => Ok(Step::Wait),
            // It may be a comment, which is restricted and not malformed.
            Some(b'<') => self.begin_lead(input, Level::After),
            Some(byte) => Err(judge_outside(*byte, OUTSIDE_ROOT)),
        }
    }
}

impl fmt::Debug for Reader {
    /// Leaves out content, which may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match self.place {
            Place::Failed(error) => Some(error),
            _ => None,
        };
        f.debug_struct("Reader")
            .field("limits", &self.limits)
            .field("is_idle", &self.is_idle())
            .field("error", &error)
            .finish_non_exhaustive()
    }
}

/// The result of one step.
enum Step {
    /// The place changed; another step is needed.
    Go,
    /// All input is used up.
    Wait,
    Event(Event),
}

/// Removes white space from the front of the input. Returns the number of bytes, or `None` if there
/// are none.
fn take_space(input: &mut &[u8]) -> Option<usize> {
    let count = input
        .iter()
        .position(|byte| !is_space(*byte))
        .unwrap_or(input.len());
    let (_, rest) = input.split_at_checked(count)?;
    *input = rest;
    (count > 0).then_some(count)
}

const LOOSE_TEXT: ReadError =
    ReadError::new(ReadErrorKind::BadFormat, "character data between stanzas");

const OUTSIDE_ROOT: ReadError = ReadError::new(
    ReadErrorKind::NotWellFormed,
    "something outside of the root",
);
