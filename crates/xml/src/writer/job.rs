//! Writes one element with its content.

use alloc::vec::Vec;

use super::in_scope::InScope;
use super::names::{Prefix, Scope, Style};
use super::open::{Open, OpenTags};
use crate::element::{ElementRef, Node, Span, Tree};
use crate::error::WriteError;
use crate::escape::{self, Context, Unspeakable, is_ncname};

/// Largest number of bytes that escaping makes of one byte: `'` becomes `&apos;`.
const ESCAPED: usize = 6;

/// Bytes of declarations that any element may take in addition to those of the wire, for namespaces
/// that the peer's stream header declared.
const FREE_DECLARATIONS: usize = 512;

pub(super) fn write(
    out: &mut Vec<u8>,
    element: ElementRef<'_>,
    scope: Scope<'_>,
    unspeakable: Unspeakable,
) -> Result<(), WriteError> {
    if element.tree.is_overflown() && unspeakable == Unspeakable::Refuse {
        return Err(WriteError::TooLarge);
    }
    let start = out.len();
    let in_scope = InScope::new(element);
    let mut scope = scope;
    scope.offset = in_scope.highest_made_up();
    let budget = element
        .tree
        .declared()
        .saturating_mul(ESCAPED)
        .saturating_add(FREE_DECLARATIONS);
    let mut job = Job {
        out,
        tree: element.tree,
        scope,
        unspeakable,
        style: Style::Local,
        declarations_left: budget,
        in_scope,
        made_up: Vec::new(),
    };
    let mut outcome = job.run(element.index);
    if outcome == Err(Stop::Amplified) {
        job.out.truncate(start);
        job.declarations_left = usize::MAX;
        job.style = Style::Collected(Vec::new());
        outcome = job.run(element.index);
        job.out.truncate(start);
        job.hoist();
        if outcome.is_ok() {
            outcome = job.run(element.index);
        }
    }
    outcome.map_err(|stop| {
        job.out.truncate(start);
        match stop {
            Stop::Refused(error) => error,
            // Hoisted declarations have no budget.
            Stop::Amplified => WriteError::TooLarge,
        }
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Refused(WriteError),
    /// Declaring namespaces where they are needed took more bytes than it may: siblings that
    /// alternate between prefixes of the wire would make a small stanza enormous.
    Amplified,
}

impl From<WriteError> for Stop {
    fn from(error: WriteError) -> Self {
        Self::Refused(error)
    }
}

pub(super) struct Job<'a, 'o> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) tree: &'a Tree,
    pub(super) scope: Scope<'a>,
    pub(super) unspeakable: Unspeakable,
    pub(super) style: Style<'a>,
    pub(super) declarations_left: usize,
    /// The prefixes that the tree declares.
    pub(super) in_scope: InScope<'a>,
    /// The namespaces of the current element's attributes that got a new prefix.
    pub(super) made_up: Vec<&'a str>,
}

impl<'a> Job<'a, '_> {
    fn run(&mut self, top: u32) -> Result<(), Stop> {
        let tree = self.tree;
        let end = tree.node(top).map_or(top, |node| node.end());
        let mut open = OpenTags::default();
        self.in_scope.restart();
        let mut index = top;
        while let Some(node) = tree.node(index).filter(|_| index < end) {
            self.close_until(&mut open, index);
            if node.is_text() {
                let text = node.content_span();
                escape::write_part(self.out, tree, text, Context::Text, self.unspeakable)?;
                index = node.end();
                continue;
            }
            let tag = self.start_tag(&node, open.last(), index == top)?;
            debug_assert!(node.content() > index, "a record has a word");
            index = node.content();
            if tag.end > index {
                self.out.push(b'>');
                if let Some(content) = self.verbatim(&node, &tag) {
                    // The end tag follows, and would make the output grow once more.
                    let more = content.len().saturating_add(tag.name_len).saturating_add(3);
                    self.out.reserve(more);
                    self.out.extend_from_slice(content.as_bytes());
                    index = tag.end;
                }
                open.push(tag);
            } else {
                self.out.extend_from_slice(b"/>");
            }
        }
        self.close_until(&mut open, end);
        Ok(())
    }

    /// The content of an element as it was read, if it means the same here: the element is the root
    /// of a tree whose content did not change, and its namespace is the default namespace in its
    /// content, as it was where it was read.
    fn verbatim(&self, node: &Node, tag: &Open<'a>) -> Option<&'a str> {
        if !node.is_root() || self.unspeakable != Unspeakable::Refuse {
            return None;
        }
        let same_default = tag.default_span == Some(node.ns());
        let content = self.tree.verbatim();
        (same_default && !content.is_empty()).then_some(content)
    }

    /// Writes the end tags that are due before the record `index`.
    fn close_until(&mut self, open: &mut OpenTags<'a>, index: u32) {
        while let Some(name) = open.pop_ended(index) {
            self.out.extend_from_slice(b"</");
            self.out.extend_from_within(name);
            self.out.push(b'>');
        }
    }

    /// Writes a start tag without its `>`.
    fn start_tag(
        &mut self,
        node: &Node,
        parent: Option<&Open<'a>>,
        is_top: bool,
    ) -> Result<Open<'a>, Stop> {
        let tree = self.tree;
        self.check_name(node.content_span())?;
        self.in_scope.enter(node);
        let mut default = parent.map_or(self.scope.default, |open| open.default);
        let mut default_span = None;
        let mut declared = None;
        let prefix = if parent.is_some_and(|open| open.default_span == Some(node.ns())) {
            default_span = Some(node.ns());
            Prefix::None
        } else {
            let ns = tree.str(node.ns());
            if ns == default {
                default_span = Some(node.ns());
                Prefix::None
            } else if let Some(prefix) = self.prefix_of(ns) {
                prefix
            } else {
                default = ns;
                default_span = Some(node.ns());
                declared = Some(ns);
                Prefix::None
            }
        };
        self.out.push(b'<');
        let name_start = self.out.len();
        self.qualified_name(prefix, tree.bytes(node.content_span()));
        let name_len = self.out.len().saturating_sub(name_start);
        if let Some(ns) = declared {
            self.declare(None, ns)?;
        }
        self.declare_kept()?;
        if is_top {
            self.declare_hoisted()?;
        }
        if node.attr_count() > 0 {
            self.attributes(node)?;
        }
        Ok(Open {
            end: node.end(),
            name_start,
            name_len,
            default_span,
            default,
        })
    }

    fn attributes(&mut self, node: &Node) -> Result<(), Stop> {
        let tree = self.tree;
        self.made_up.clear();
        for attr in tree.attrs(node) {
            self.check_name(attr.name)?;
            let prefix = if attr.ns.is_empty() {
                if tree.is(attr.name, "xmlns") && self.unspeakable == Unspeakable::Refuse {
                    return Err(WriteError::InvalidName.into());
                }
                Prefix::None
            } else {
                self.attribute_prefix(tree.str(attr.ns))?
            };
            self.out.push(b' ');
            self.qualified_name(prefix, tree.bytes(attr.name));
            self.out.extend_from_slice(b"='");
            let context = Context::Attribute;
            escape::write_part(self.out, tree, attr.value, context, self.unspeakable)?;
            self.out.push(b'\'');
        }
        Ok(())
    }

    pub(super) fn quoted(&mut self, value: &str) -> Result<(), Stop> {
        self.out.extend_from_slice(b"='");
        escape::write(self.out, value, Context::Attribute, self.unspeakable)?;
        self.out.push(b'\'');
        Ok(())
    }

    /// Checks a name if the tree has a bad one. Names are checked when they are added to a tree.
    fn check_name(&self, name: Span) -> Result<(), WriteError> {
        let must_look = self.tree.has_bad_names() && self.unspeakable == Unspeakable::Refuse;
        if must_look && !is_ncname(self.tree.str(name)) {
            return Err(WriteError::InvalidName);
        }
        Ok(())
    }
}
