//! The checked lane: the parser, and the trees that are built of its events.

use rxml::RawEvent;

use super::assembler::Assembler;
use super::classify::MISPLACED_DECLARATION;
use super::feed::{Fed, Feed};
use super::root::Root;
use crate::error::ReadError;
use crate::limits::XmlLimits;

/// What the checked lane keeps. It is large, so an idle reader has none.
pub(super) struct Checked {
    pub(super) feed: Feed,
    pub(super) assembler: Assembler,
}

/// The limits that a start tag meets which was read before.
const NONE: XmlLimits = XmlLimits {
    max_stanza_bytes: usize::MAX,
    max_depth: usize::MAX,
    max_attributes: usize::MAX,
    max_children: usize::MAX,
    max_prefixes: usize::MAX,
    max_token_bytes: usize::MAX,
    max_header_bytes: usize::MAX,
};

impl Checked {
    /// At the start of a stream, or after the start tag of the root.
    pub(super) fn new(limits: &XmlLimits, root: Option<&Root>) -> Self {
        let Some(root) = root else {
            return Self {
                feed: Feed::new(limits),
                assembler: Assembler::default(),
            };
        };
        let wide = XmlLimits {
            // The parser is replaced with the next stanza if this is too much.
            max_token_bytes: limits.max_token_bytes.max(root.tag().len()),
            ..*limits
        };
        let mut checked = Self {
            feed: Feed::new(&wide),
            assembler: Assembler::default(),
        };
        // The tag was good when it was read, so nothing here fails.
        let _ = checked.enter(root);
        checked
    }

    fn enter(&mut self, root: &Root) -> Result<(), ReadError> {
        self.assembler.start();
        let mut tag = root.tag().as_bytes();
        while let Fed::Event(event) = self.feed.next_event(&mut tag, usize::MAX)? {
            self.assemble(&NONE, event)?;
        }
        self.assembler.settle();
        if let Some(ns) = root.text_ns() {
            self.assembler.scope.replace_with_default(ns);
        }
        self.feed.set_root_tag(root.bare_tag());
        Ok(())
    }

    /// Adds the parser's event to the tree. Returns true if the tree is complete.
    pub(super) fn assemble(
        &mut self,
        limits: &XmlLimits,
        event: RawEvent,
    ) -> Result<bool, ReadError> {
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
}
