//! What comes before the children of the root, and the first bytes of markup outside of them.

use alloc::boxed::Box;

use rxml::{NcName, RawEvent};

use super::classify::{MISPLACED_DECLARATION, judge_outside};
use super::declaration::Declaration;
use super::feed::Fed;
use super::header::RootTag;
use super::lead::{Lead, Markup, is_space};
use super::root::Root;
use super::{Event, LOOSE_TEXT, Level, OUTSIDE_ROOT, Place, Reader, Step, fast};
use crate::element::Element;
use crate::error::{ReadError, ReadErrorKind};
use crate::limits::XmlLimits;

impl Reader {
    /// Before the root only white space, a declaration and a start tag are allowed. The first byte
    /// identifies some encodings (XML 1.0 appendix F).
    pub(super) fn prolog(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        let at_start = matches!(self.place, Place::Start);
        if at_start && let Some(event) = self.plain_header(input) {
            return Ok(Step::Event(event));
        }
        let Some(byte) = self.next_byte(input, self.limits.max_header_bytes)? else {
            return Ok(Step::Wait);
        };
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
            byte => Err(judge_outside(byte, BEFORE_ROOT)),
        }
    }

    /// Reads a plain header that is whole in the input, in the fast lane.
    fn plain_header(&mut self, input: &mut &[u8]) -> Option<Event> {
        if self.checked_only {
            return None;
        }
        let (tag, len) = fast::header(input, &self.limits)?;
        let header = tag.header().ok()?;
        self.root = Some(Root::new(&tag));
        // An empty read may have begun it without the root.
        self.checked = None;
        *input = input.get(len..).unwrap_or_default();
        self.place = Place::Between;
        Some(Event::Header(Box::new(header)))
    }

    pub(super) fn declaration(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        while let Some(byte) = self.next_byte(input, self.limits.max_header_bytes)? {
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
    pub(super) fn lead(
        &mut self,
        input: &mut &[u8],
        mut lead: Lead,
        level: Level,
    ) -> Result<Step, ReadError> {
        let budget = match level {
            Level::Start | Level::Prolog => self.limits.max_header_bytes,
            Level::Stream | Level::After => self.limits.max_stanza_bytes,
        };
        let Some(byte) = self.next_byte(input, budget)? else {
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
                let mut declaration = Box::<Declaration>::default();
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
                let limits = self.limits;
                let checked = self.checked();
                checked.assembler.start();
                checked.feed.begin_tag(&lead, &limits)?;
                Ok(Step::Go)
            }
        }
    }

    pub(super) fn header(&mut self, input: &mut &[u8]) -> Result<Step, ReadError> {
        // A header is one start tag, to which the limits of trees do not apply.
        let limits = XmlLimits {
            max_depth: usize::MAX,
            max_prefixes: usize::MAX,
            ..self.limits
        };
        let checked = self.checked();
        loop {
            match checked.feed.next_event(input, limits.max_header_bytes)? {
                Fed::Hungry => return Ok(Step::Wait),
                Fed::Event(RawEvent::ElementHeadClose(_)) => {
                    checked.assembler.head_done()?;
                    break;
                }
                Fed::Event(event) => {
                    checked.assemble(&limits, event)?;
                }
            }
        }
        let (prefix, tree) = checked.assembler.settle();
        let element = Element::from_tree(tree);
        let prefix = prefix.as_ref().map_or("", NcName::as_str);
        let tag = RootTag::checked(prefix, &element, &checked.assembler.scope);
        let header = tag.header()?;
        let root = Root::new(&tag);
        checked.feed.set_root_tag(root.bare_tag());
        // The parser would return the end of `<stream:stream/>` without another byte. A driver that
        // waits for bytes would not ask for it, and a stream that ends at its start has no use.
        if checked.feed.stored_event().is_some() {
            return Err(EMPTY_ROOT);
        }
        self.root = Some(root);
        self.place = Place::Between;
        self.rest(true, input);
        Ok(Step::Event(Event::Header(Box::new(header))))
    }

    pub(super) fn begin_lead(
        &mut self,
        input: &mut &[u8],
        level: Level,
    ) -> Result<Step, ReadError> {
        self.checked().feed.begin_item();
        let mut lead = Lead::default();
        if let Some(byte) = self.next_byte(input, self.limits.max_stanza_bytes)? {
            lead.push(byte);
        }
        self.place = Place::Lead(lead, level);
        Ok(Step::Go)
    }

    /// Takes one byte without passing it to the parser.
    fn next_byte(&mut self, input: &mut &[u8], budget: usize) -> Result<Option<u8>, ReadError> {
        self.checked().feed.next_byte(input, budget)
    }
}

const OTHER_ENCODING: ReadError = ReadError::new(
    ReadErrorKind::UnsupportedEncoding,
    "the first bytes are not UTF-8",
);

const EMPTY_ROOT: ReadError = ReadError::new(
    ReadErrorKind::BadFormat,
    "the stream header is an empty element",
);

const BEFORE_ROOT: ReadError = ReadError::new(
    ReadErrorKind::NotWellFormed,
    "something other than markup before the root",
);
