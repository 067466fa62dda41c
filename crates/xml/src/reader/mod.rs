//! Bytes to events.
//!
//! `rxml` is the authority on what is XML. Around it stand, from the outside in:
//! [`Reader`], which knows where in the stream it is and looks itself at what
//! stands between stanzas; [`feed`], which hands the parser its bytes within the
//! budget and with line ends normalised; and [`assembler`], which resolves
//! namespaces and builds the tree.

mod assembler;
mod classify;
mod declaration;
mod fast;
mod feed;
mod header;
mod lanes;
mod lead;
mod namespaces;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use rxml::RawEvent;

use self::assembler::Assembler;
use self::classify::MISPLACED_DECLARATION;
use self::declaration::Declaration;
use self::fast::Gather;
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
    /// So many bytes of white space between the children of the root, or after
    /// its end. Reported as soon as seen, so the same white space may come as
    /// one event or as several. It means nothing (RFC 6120 §11.7) and serves as
    /// a keep-alive.
    Whitespace(usize),
    /// The end tag of the root (RFC 6120 §4.4).
    End,
}

/// Reads one stream, from its header to its end.
///
/// Bytes go in as they come, in pieces of any size; the events do not depend on
/// the pieces. A stream restart (RFC 6120 §4.3.3) needs a new reader.
pub struct Reader {
    limits: XmlLimits,
    feed: Feed,
    assembler: Assembler,
    place: Place,
    error: Option<ReadError>,
    /// Leaves the fast lane out.
    checked_only: bool,
    /// A table of the fast lane, to be used again while there is input.
    spare: Vec<u32>,
}

/// Where in the document the next byte belongs.
enum Place {
    /// At its very first byte.
    Start,
    /// Further on before the root: behind white space or the XML declaration.
    Prolog,
    /// Inside the XML declaration.
    Declaration(Declaration),
    /// Behind a `<` that is not in any stanza.
    Lead(Lead, Level),
    /// Inside the root's start tag.
    Header,
    /// Between the children of the root.
    Between,
    /// Inside character data there, with which the stream must end.
    Loose,
    /// Inside a child of the root that the fast lane found to be cut.
    Gather(Box<Gather>),
    /// Inside a child of the root, or in its end tag.
    Item,
    /// Behind the root.
    After,
}

/// Where a `<` was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// At the very start.
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
            spare: Vec::new(),
        }
    }

    /// A reader that leaves the fast lane out, to compare the two. Not for other uses: it reads the same
    /// and takes longer.
    #[doc(hidden)]
    pub fn checked_only(limits: XmlLimits) -> Self {
        Self {
            checked_only: true,
            ..Self::new(limits)
        }
    }

    /// Puts other limits in force, as after an authentication that does not restart the stream. They hold for
    /// what is half read, too, except that another [`max_token_bytes`](XmlLimits::max_token_bytes) waits for the
    /// next stanza.
    pub fn set_limits(&mut self, limits: XmlLimits) {
        self.limits = limits;
    }

    /// Whether nothing is half read: the stream could fall silent here, or be
    /// replaced, with nothing lost.
    pub fn is_idle(&self) -> bool {
        self.error.is_none() && matches!(self.place, Place::Start | Place::Between | Place::After)
    }

    /// Reads up to the next event and moves `input` past what it took.
    ///
    /// After an event the rest of `input` is untouched: of what follows an
    /// element's last `>`, not one byte is taken or has any influence. `Ok(None)`
    /// means that all of `input` was taken and more is needed.
    ///
    /// # Errors
    ///
    /// If the peer broke a rule of XML, of RFC 6120 §11 or of the limits. The
    /// stream is then beyond help: every further call returns the same error
    /// and takes nothing.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Event>, ReadError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.feed.new_input();
        let outcome = self.advance(input);
        if let Err(error) = outcome {
            // What the peer had us collect is of no use any more.
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
            Place::Gather(_) => self.gather(input),
        }
    }

    /// Before the root: white space, a declaration, and then nothing but its
    /// start tag. The first byte tells of some encodings (XML 1.0 appendix F).
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
            // UTF-16 and UTF-32, by their byte order marks or by the zeros in
            // their `<`. Neither FE nor FF is ever part of UTF-8.
            0x00 | 0xFE | 0xFF if at_start => Err(OTHER_ENCODING),
            // Among these is U+FEFF in UTF-8, which RFC 6120 §11.6 has us read as
            // a character like any other and never as a byte order mark.
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

    /// Behind a `<` outside of all stanzas: collects bytes until it is clear what
    /// it begins, and hands them to the parser if it is a tag.
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
            // RFC 6120 has no use for text between stanzas in any spelling, so an
            // empty section or one of white space is none of a keep-alive either.
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
        // A header is one start tag: the limits of trees have no meaning for it.
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
        // The parser has the end of `<stream:stream/>` in store already. A stream that ends where it
        // begins is of no use to anybody, and an end without a byte of its own would wait for the next
        // one, which need not come.
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

    /// Something else than white space or markup between stanzas. It cannot end
    /// well; the parser says whether it was at least XML. One byte at a time, so
    /// that the answer does not depend on how many there are.
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
                self.place = Place::Between;
                self.feed.rest(input);
                return Ok(Step::Event(Event::Element(Element::from_tree(tree))));
            }
        }
    }

    /// Takes the parser's next event into the tree; `true` if this completes it.
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
            // Never shown to the parser, so never reported by it.
            RawEvent::XmlDeclaration(..) => return Err(MISPLACED_DECLARATION),
        }
        Ok(false)
    }

    fn end(&mut self) -> Step {
        self.place = Place::After;
        Step::Event(Event::End)
    }

    /// A document ends with its root but for white space (XML 1.0 §2.1).
    fn after(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        if let Some(count) = take_space(input) {
            return Ok(Step::Event(Event::Whitespace(count)));
        }
        match input.first() {
            None => Ok(Step::Wait),
            // It may still be a comment, which is restricted and not malformed.
            Some(b'<') => self.begin_lead(input, Level::After),
            Some(_) => Err(OUTSIDE_ROOT),
        }
    }
}

impl fmt::Debug for Reader {
    /// Shows no content: it may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("limits", &self.limits)
            .field("is_idle", &self.is_idle())
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// What became of one look at the input.
enum Step {
    /// Something changed: look again.
    Go,
    /// All input is used up.
    Wait,
    Event(Event),
}

/// Takes white space off the front of the input.
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
