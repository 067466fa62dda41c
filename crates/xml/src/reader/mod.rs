//! Reads streams.
//!
//! Two lanes read the children of the root, with the same result. In the checked lane `rxml`
//! decides what is XML: [`feed`] passes it the bytes within the budget and with line ends
//! normalised, and [`assembler`] resolves namespaces and builds the tree. [`fast`] reads plain
//! children in one pass. [`Reader`] knows the place in the stream and looks itself at what is
//! between stanzas.

mod assembler;
mod classify;
mod declaration;
mod fast;
mod feed;
mod header;
mod lanes;
mod lead;
mod namespaces;
pub(crate) mod text;

use core::fmt;

use rxml::RawEvent;

use self::assembler::Assembler;
use self::classify::MISPLACED_DECLARATION;
use self::declaration::Declaration;
use self::fast::Lane;
use self::feed::{Fed, Feed};
use self::lead::{Lead, Markup, is_space};
use crate::element::Element;
use crate::error::{ReadError, ReadErrorKind};
use crate::header::StreamHeader;
use crate::limits::XmlLimits;

/// What [`Reader::read`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The stream header is complete (RFC 6120 §4.2).
    Header(StreamHeader),
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
    feed: Feed,
    assembler: Assembler,
    place: Place,
    error: Option<ReadError>,
    /// Whether the fast lane is left out.
    checked_only: bool,
    lane: Lane,
}

/// Where in the document the next byte belongs.
enum Place {
    /// Before the first byte.
    Start,
    /// Before the root, after white space or the XML declaration.
    Prolog,
    /// Inside the XML declaration.
    Declaration(Declaration),
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
            feed: Feed::new(&limits),
            assembler: Assembler::default(),
            place: Place::Start,
            error: None,
            checked_only: cfg!(feature = "checked-only"),
            lane: Lane::default(),
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
        self.error.is_none() && matches!(self.place, Place::Start | Place::Between | Place::After)
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
        if let Some(error) = self.error {
            return Err(error);
        }
        self.feed.new_input();
        let outcome = self.advance(input);
        if let Err(error) = outcome {
            // Frees what was collected, which is not needed any more.
            *self = Self::new(self.limits);
            self.error = Some(error);
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
        }
    }

    /// Before the root only white space, a declaration and a start tag are allowed. The first byte
    /// identifies some encodings (XML 1.0 appendix F).
    fn prolog(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        let Some(byte) = self.feed.next_byte(input, self.limits.max_header_bytes)? else {
            return Ok(Step::Wait);
        };
        let at_start = matches!(self.place, Place::Start);
        match byte {
            b'<' => {
                let level = if at_start {
                    Level::Start
                } else {
                    Level::Prolog
                };
                let mut lead = Lead::default();
                lead.push(byte);
                self.place = Place::Lead(lead, level);
                Ok(Step::Go)
            }
            byte if is_space(byte) => {
                self.place = Place::Prolog;
                Ok(Step::Go)
            }
            // UTF-16 and UTF-32, identified by their byte order marks or by the zeros in their `<`.
            // UTF-8 has neither FE nor FF.
            0x00 | 0xFE | 0xFF if at_start => Err(OTHER_ENCODING),
            // This includes U+FEFF in UTF-8, which RFC 6120 §11.6 treats as a character and not as
            // a byte order mark.
            _ => Err(ReadError::new(
                ReadErrorKind::NotWellFormed,
                "something other than markup before the root",
            )),
        }
    }

    fn declaration(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        while let Some(byte) = self.feed.next_byte(input, self.limits.max_header_bytes)? {
            if let Place::Declaration(declaration) = &mut self.place
                && declaration.push(byte)?
            {
                self.place = Place::Prolog;
                return Ok(Step::Go);
            }
        }
        Ok(Step::Wait)
    }

    /// After a `<` outside of stanzas: collects bytes until it is known what they begin, and passes
    /// them to the parser if they begin a tag.
    fn lead(&mut self, input: &mut &[u8], mut lead: Lead, level: Level) -> Result<Step, ReadError> {
        let budget = match level {
            Level::Start | Level::Prolog => self.limits.max_header_bytes,
            Level::Stream | Level::After => self.limits.max_stanza_bytes,
        };
        let Some(byte) = self.feed.next_byte(input, budget)? else {
            return Ok(Step::Wait);
        };
        if level == Level::Start && byte == 0 && lead.bytes() == b"<" {
            return Err(OTHER_ENCODING);
        }
        lead.push(byte);
        let (markup, outside) = (lead.markup(), level != Level::Stream);
        match markup {
            Markup::Unclear => {
                self.place = Place::Lead(lead, level);
                Ok(Step::Go)
            }
            Markup::Fault(error) => Err(error),
            Markup::Declaration if level == Level::Start => {
                let mut declaration = Declaration::default();
                declaration.push(byte)?;
                self.place = Place::Declaration(declaration);
                Ok(Step::Go)
            }
            Markup::Declaration => Err(MISPLACED_DECLARATION),
            // RFC 6120 does not allow text between stanzas, so an empty section is refused too, and
            // one of white space is not a keep-alive.
            Markup::CharacterData if !outside => Err(LOOSE_TEXT),
            Markup::CharacterData => Err(OUTSIDE_ROOT),
            Markup::StartTag | Markup::EndTag if level == Level::After => Err(OUTSIDE_ROOT),
            Markup::EndTag if outside => Err(OUTSIDE_ROOT),
            Markup::StartTag | Markup::EndTag => {
                self.place = if outside { Place::Header } else { Place::Item };
                self.assembler.start();
                self.feed.begin_tag(&lead, &self.limits)?;
                Ok(Step::Go)
            }
        }
    }

    fn header(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        // A header is one start tag, to which the limits of trees do not apply.
        let limits = XmlLimits {
            max_depth: usize::MAX,
            max_prefixes: usize::MAX,
            max_children: usize::MAX,
            ..self.limits
        };
        loop {
            match self.feed.next_event(input, limits.max_header_bytes)? {
                Fed::Hungry => return Ok(Step::Wait),
                Fed::Event(RawEvent::ElementHeadClose(_)) => {
                    self.assembler.head_done()?;
                    break;
                }
                Fed::Event(event) => {
                    self.assemble(&limits, event)?;
                }
            }
        }
        let (prefix, tree) = self.assembler.settle();
        let root = Element::from_tree(tree);
        let header = header::header(prefix, &root, &self.assembler.scope)?;
        self.feed.set_root(&header.prefix, root.name());
        // The parser would return the end of `<stream:stream/>` without another byte. A driver that
        // waits for bytes would not ask for it, and a stream that ends at its start has no use.
        if self.feed.stored_event().is_some() {
            return Err(EMPTY_ROOT);
        }
        self.place = Place::Between;
        self.feed.rest(input);
        Ok(Step::Event(Event::Header(header)))
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
                self.feed.begin_item();
                self.feed.by_single_bytes();
                self.place = Place::Loose;
                Ok(Step::Go)
            }
        }
    }

    fn begin_lead(&mut self, input: &mut &[u8], level: Level) -> Result<Step, ReadError> {
        self.feed.begin_item();
        let mut lead = Lead::default();
        if let Some(byte) = self.feed.next_byte(input, self.limits.max_stanza_bytes)? {
            lead.push(byte);
        }
        self.place = Place::Lead(lead, level);
        Ok(Step::Go)
    }

    /// Something other than white space or markup between stanzas, which is an error; the parser
    /// decides which. It receives single bytes, so that the answer does not depend on how many
    /// there are.
    fn loose(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        match self.feed.next_event(input, self.limits.max_stanza_bytes)? {
            Fed::Hungry => Ok(Step::Wait),
            Fed::Event(_) => Err(LOOSE_TEXT),
        }
    }

    fn item(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        loop {
            let event = match self.feed.next_event(input, self.limits.max_stanza_bytes)? {
                Fed::Hungry => return Ok(Step::Wait),
                Fed::Event(event) => event,
            };
            if matches!(event, RawEvent::ElementFoot(_)) && self.assembler.depth() == 0 {
                return Ok(self.end());
            }
            let limits = self.limits;
            if self.assemble(&limits, event)? {
                let tree = self.assembler.take();
                return Ok(self.element(tree, input));
            }
        }
    }

    /// Adds the parser's event to the tree. Returns true if the tree is complete.
    fn assemble(&mut self, limits: &XmlLimits, event: RawEvent) -> Result<bool, ReadError> {
        match event {
            RawEvent::ElementHeadOpen(_, (prefix, name)) => {
                self.assembler.open(limits, prefix, &name)?;
            }
            RawEvent::Attribute(_, (prefix, name), value) => {
                self.assembler.attribute(limits, prefix, &name, &value)?;
            }
            RawEvent::ElementHeadClose(_) => self.assembler.head_done()?,
            RawEvent::Text(_, text) => self.assembler.text(limits, &text)?,
            RawEvent::ElementFoot(_) => return Ok(self.assembler.close()),
            // The parser never receives a declaration.
            RawEvent::XmlDeclaration(..) => return Err(MISPLACED_DECLARATION),
        }
        Ok(false)
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
            Some(_) => Err(OUTSIDE_ROOT),
        }
    }
}

impl fmt::Debug for Reader {
    /// Leaves out content, which may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("limits", &self.limits)
            .field("is_idle", &self.is_idle())
            .field("error", &self.error)
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

const OTHER_ENCODING: ReadError = ReadError::new(
    ReadErrorKind::UnsupportedEncoding,
    "the first bytes are not UTF-8",
);

const LOOSE_TEXT: ReadError =
    ReadError::new(ReadErrorKind::BadFormat, "character data between stanzas");

const EMPTY_ROOT: ReadError = ReadError::new(
    ReadErrorKind::BadFormat,
    "the stream header is an empty element",
);

const OUTSIDE_ROOT: ReadError = ReadError::new(
    ReadErrorKind::NotWellFormed,
    "something outside of the root",
);
