//! The tables behind an element.
//!
//! All strings of a tree lie in one buffer and all nodes in one table in
//! document order, so that a subtree is a range and moving over it needs no
//! pointers: `end` leads past it.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use crate::escape::is_ncname;

/// A piece of [`Tree::text`].
#[derive(Clone, Copy, Default)]
pub(crate) struct Span {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl Span {
    pub(super) fn end(self) -> usize {
        (self.start as usize).saturating_add(self.len as usize)
    }
}

/// A namespace of one tree: a place in its table, or none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct NsId(pub(super) u32);

impl NsId {
    /// The empty name: in no namespace.
    pub(crate) const NONE: Self = Self(0);
    /// Marks a node that is text.
    const TEXT: Self = Self(u32::MAX);

    /// A small number that is different for each namespace of a tree.
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Node {
    /// An element's name, or the text.
    pub(super) span: Span,
    pub(super) ns: NsId,
    /// One past the last node of the subtree.
    pub(super) end: u32,
    pub(super) first_attr: u32,
    pub(super) attr_count: u32,
}

impl Node {
    pub(crate) fn is_text(&self) -> bool {
        self.ns == NsId::TEXT
    }

    pub(crate) fn ns(&self) -> NsId {
        self.ns
    }

    pub(crate) fn end(&self) -> u32 {
        self.end
    }

    pub(crate) fn attr_count(&self) -> u32 {
        self.attr_count
    }

    pub(super) fn attr_range(&self) -> Range<usize> {
        let first = self.first_attr as usize;
        first..first.saturating_add(self.attr_count as usize)
    }
}

/// The value lies in the buffer right behind the name.
#[derive(Clone, Copy)]
pub(crate) struct Attribute {
    start: u32,
    name_len: u32,
    value_len: u32,
    ns: NsId,
}

impl Attribute {
    pub(crate) fn ns(&self) -> NsId {
        self.ns
    }

    pub(crate) fn set_ns(&mut self, ns: NsId) {
        self.ns = ns;
    }
}

/// How far back [`Tree::intern`] looks. A bound, because a search of the whole
/// table for each of many different namespaces would be quadratic; missing one
/// costs a few bytes and nothing else, since names are compared, not places.
const INTERN_WINDOW: usize = 16;

#[derive(Clone, Default)]
pub(crate) struct Tree {
    pub(super) text: String,
    pub(super) nodes: Vec<Node>,
    pub(super) attrs: Vec<Attribute>,
    pub(super) namespaces: Vec<Span>,
    /// Some name is no NCName: writing has to find out which elements it may
    /// still write. Kept here so that names are checked once, when they come in.
    pub(super) bad_names: bool,
    /// Something did not fit into 32-bit places and was left out.
    pub(super) overflown: bool,
    /// Bytes that namespace declarations took where this tree comes from: see [`Tree::declared`].
    pub(super) declared: u32,
}

/// Bytes of ` xmlns=''`.
const DECLARATION: usize = 9;

impl Tree {
    /// Room for a stanza of ordinary size, so that it costs one allocation a
    /// table.
    pub(crate) fn with_room() -> Self {
        Self {
            text: String::with_capacity(256),
            nodes: Vec::with_capacity(8),
            attrs: Vec::with_capacity(8),
            namespaces: Vec::with_capacity(4),
            bad_names: false,
            overflown: false,
            declared: 0,
        }
    }

    // --- looking ---

    pub(crate) fn node(&self, index: u32) -> Option<&Node> {
        self.nodes.get(index as usize)
    }

    pub(crate) fn len(&self) -> u32 {
        // Tables never grow past u32::MAX entries: see `room`.
        self.nodes.len() as u32
    }

    pub(crate) fn attrs(&self, node: &Node) -> &[Attribute] {
        self.attrs.get(node.attr_range()).unwrap_or_default()
    }

    pub(crate) fn str(&self, span: Span) -> &str {
        self.text
            .get(span.start as usize..span.end())
            .unwrap_or_default()
    }

    /// An element's local name, or a text node's text.
    pub(crate) fn content(&self, node: &Node) -> &str {
        self.str(node.span)
    }

    pub(crate) fn attr_name(&self, attr: &Attribute) -> &str {
        self.str(Span {
            start: attr.start,
            len: attr.name_len,
        })
    }

    pub(crate) fn attr_value(&self, attr: &Attribute) -> &str {
        self.str(Span {
            start: attr.start.saturating_add(attr.name_len),
            len: attr.value_len,
        })
    }

    pub(crate) fn ns(&self, ns: NsId) -> &str {
        match ns.0.checked_sub(1) {
            None => "",
            Some(place) => self
                .namespaces
                .get(place as usize)
                .map_or("", |span| self.str(*span)),
        }
    }

    pub(crate) fn namespace_count(&self) -> usize {
        self.namespaces.len()
    }

    /// All entries of the namespace table; a name may be there twice.
    pub(crate) fn namespace_ids(&self) -> impl Iterator<Item = NsId> + use<> {
        (1..=self.namespaces.len() as u32).map(NsId)
    }

    pub(crate) fn has_bad_names(&self) -> bool {
        self.bad_names
    }

    pub(crate) fn is_overflown(&self) -> bool {
        self.overflown
    }

    /// Bytes that namespace declarations took on the wire this tree was read from, or would take if
    /// a tree that was built declared each namespace where it begins. Never more than the peer sent.
    pub(crate) fn declared(&self) -> usize {
        self.declared as usize
    }

    /// Bytes of memory that the tables hold, unused room included.
    pub(crate) fn held(&self) -> usize {
        let table = |capacity: usize, size: usize| capacity.saturating_mul(size);
        [
            self.text.capacity(),
            table(self.nodes.capacity(), size_of::<Node>()),
            table(self.attrs.capacity(), size_of::<Attribute>()),
            table(self.namespaces.capacity(), size_of::<Span>()),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    /// Gives back the room that growing left over, unless the tree is small: most are, and for them
    /// moving the tables costs more than the room is worth.
    pub(crate) fn shrink(&mut self) {
        const SMALL: usize = 4 * 1024;
        if self.held() > SMALL {
            self.text.shrink_to_fit();
            self.nodes.shrink_to_fit();
            self.attrs.shrink_to_fit();
            self.namespaces.shrink_to_fit();
        }
    }

    // --- growing ---

    /// Whether `more` entries (or bytes) fit behind `len` of them.
    pub(super) fn room(&mut self, len: usize, more: usize) -> Option<u32> {
        // The highest value is the mark of text nodes.
        let fits = len
            .checked_add(more)
            .is_some_and(|sum| sum < u32::MAX as usize);
        if !fits {
            self.overflown = true;
            return None;
        }
        u32::try_from(len).ok()
    }

    pub(super) fn push_str(&mut self, string: &str) -> Span {
        match self.room(self.text.len(), string.len()) {
            None => Span::default(),
            Some(start) => {
                self.text.push_str(string);
                Span {
                    start,
                    len: string.len() as u32,
                }
            }
        }
    }

    pub(crate) fn intern(&mut self, namespace: &str) -> NsId {
        if namespace.is_empty() {
            return NsId::NONE;
        }
        let recent = self
            .namespaces
            .iter()
            .enumerate()
            .rev()
            .take(INTERN_WINDOW)
            .find(|(_, span)| self.str(**span) == namespace);
        if let Some((place, _)) = recent {
            return NsId(place as u32 + 1);
        }
        self.add_namespace(namespace)
    }

    /// Counts the declaration of a namespace: see [`Tree::declared`].
    pub(crate) fn count_declaration(&mut self, ns: NsId) {
        let bytes = self.ns(ns).len().saturating_add(DECLARATION);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.declared = self.declared.saturating_add(bytes);
    }

    fn add_namespace(&mut self, namespace: &str) -> NsId {
        match self.room(self.namespaces.len(), 1) {
            None => NsId::NONE,
            Some(place) => {
                let span = self.push_str(namespace);
                self.namespaces.push(span);
                NsId(place.saturating_add(1))
            }
        }
    }

    /// Starts an element; its place in the table. Attributes and then children
    /// come next, and at last [`Tree::close`].
    pub(crate) fn open(&mut self, name: &str, ns: NsId) -> u32 {
        self.bad_names |= !is_ncname(name);
        self.open_checked(name, ns)
    }

    /// Like [`Tree::open`] with a name that is known to be an NCName.
    pub(crate) fn open_checked(&mut self, name: &str, ns: NsId) -> u32 {
        let span = self.push_str(name);
        self.push_node(span, ns)
    }

    fn push_node(&mut self, span: Span, ns: NsId) -> u32 {
        let Some(index) = self.room(self.nodes.len(), 1) else {
            return u32::MAX;
        };
        let first_attr = self.room(self.attrs.len(), 0).unwrap_or_default();
        self.nodes.push(Node {
            span,
            ns,
            end: index.saturating_add(1),
            first_attr,
            attr_count: 0,
        });
        index
    }

    /// Everything that came since `open` gave `index` is inside it.
    pub(crate) fn close(&mut self, index: u32) {
        let end = self.len();
        if let Some(node) = self.nodes.get_mut(index as usize) {
            node.end = end;
        }
    }

    pub(crate) fn set_ns(&mut self, index: u32, ns: NsId) {
        if let Some(node) = self.nodes.get_mut(index as usize) {
            node.ns = ns;
        }
    }

    /// Adds an attribute to the element `index`, whose attributes must be the
    /// last in the table.
    pub(crate) fn push_attr(&mut self, index: u32, name: &str, ns: NsId, value: &str) {
        self.bad_names |= !is_ncname(name) || (ns == NsId::NONE && name == "xmlns");
        self.push_attr_checked(index, name, ns, value);
    }

    /// Like [`Tree::push_attr`] with a name that is known to be lawful.
    pub(crate) fn push_attr_checked(&mut self, index: u32, name: &str, ns: NsId, value: &str) {
        let bytes = name.len().saturating_add(value.len());
        let (Some(start), Some(_)) = (
            self.room(self.text.len(), bytes),
            self.room(self.attrs.len(), 1),
        ) else {
            return;
        };
        let Some(node) = self.nodes.get_mut(index as usize) else {
            return;
        };
        self.text.push_str(name);
        self.text.push_str(value);
        self.attrs.push(Attribute {
            start,
            name_len: name.len() as u32,
            value_len: value.len() as u32,
            ns,
        });
        node.attr_count = node.attr_count.saturating_add(1);
    }

    /// The attributes of an element, to resolve their namespaces.
    pub(crate) fn attrs_mut(&mut self, index: u32) -> &mut [Attribute] {
        let range = self
            .nodes
            .get(index as usize)
            .map(Node::attr_range)
            .unwrap_or_default();
        self.attrs.get_mut(range).unwrap_or_default()
    }

    /// Adds text to the element that is open. `joins` says that the last thing
    /// added was text of the same element, which this continues.
    pub(crate) fn push_text(&mut self, joins: bool, string: &str) {
        if string.is_empty() {
            return;
        }
        if !joins {
            let span = self.push_str(string);
            self.push_node(span, NsId::TEXT);
            return;
        }
        let Some(last) = self.nodes.last().copied() else {
            return;
        };
        if last.span.end() != self.text.len() {
            // It can only grow at the end of the buffer: move it there.
            let moved = String::from(self.content(&last));
            let span = self.push_str(&moved);
            self.set_last_span(span);
        }
        let more = self.push_str(string);
        if let Some(last) = self.nodes.last_mut() {
            last.span.len = last.span.len.saturating_add(more.len);
        }
    }

    fn set_last_span(&mut self, span: Span) {
        if let Some(last) = self.nodes.last_mut() {
            last.span = span;
        }
    }
}
