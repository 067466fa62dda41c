//! The two tables behind an element: a text and the records that point into it.
//!
//! Records lie in document order, each a few words long:
//!
//! | record | words |
//! |---|---|
//! | element | size of the subtree in words, number of attributes, name, namespace |
//! | attribute, behind its element | name, value, namespace |
//! | text | 3, the text |
//!
//! A name, a value, a namespace and a text are a [`Span`], two words. A subtree is a range, and its size
//! leads past it. Sizes are relative, so that a subtree can be copied, and words can be inserted before
//! it.

use alloc::string::String;
use alloc::vec::Vec;

use crate::escape::is_ncname;
use crate::ns::{STREAMS_NS, XML_NS};

/// A piece of [`Tree::text`], or one of the [`SHARED`] namespaces.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Span {
    /// The empty string: as a namespace, none.
    pub(crate) const NONE: Self = Self { start: 0, len: 0 };

    pub(crate) fn is_empty(self) -> bool {
        self.len == 0
    }

    fn end(self) -> usize {
        (self.start as usize).saturating_add(self.len as usize)
    }
}

/// Namespaces that no tree has to hold: most elements of most stanzas are in one of them. A span of
/// one starts at [`SHARED_START`] and its place in this list.
const SHARED: [&str; 5] = [
    XML_NS,
    STREAMS_NS,
    "jabber:client",
    "jabber:server",
    "jabber:component:accept",
];

/// Behind the end of every text.
const SHARED_START: u32 = u32::MAX - 16;

/// Words of an element's record without its attributes.
pub(crate) const ELEMENT_WORDS: usize = 6;
/// Words of an attribute's record.
pub(crate) const ATTR_WORDS: usize = 6;
/// Words of a text's record. The first word has the same value, which no element's can have.
pub(crate) const TEXT_WORDS: usize = 3;

/// An element or a run of text.
#[derive(Clone, Copy)]
pub(crate) struct Node {
    index: u32,
    /// Words of the subtree.
    size: u32,
    attr_count: u32,
    /// An element's name, or the text.
    pub(super) span: Span,
    ns: Span,
}

impl Node {
    pub(crate) fn is_text(&self) -> bool {
        self.size as usize == TEXT_WORDS
    }

    pub(crate) fn ns(&self) -> Span {
        self.ns
    }

    /// One past the subtree's last word.
    pub(crate) fn end(&self) -> u32 {
        self.index.saturating_add(self.size)
    }

    pub(super) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    pub(crate) fn attr_count(&self) -> u32 {
        self.attr_count
    }

    /// Where its first child is, if it has one; else this is its end.
    pub(crate) fn content(&self) -> u32 {
        self.attrs_start()
            .saturating_add(self.attr_count.saturating_mul(ATTR_WORDS as u32))
    }

    fn attrs_start(&self) -> u32 {
        self.index.saturating_add(ELEMENT_WORDS as u32)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Attribute {
    pub(crate) name: Span,
    pub(crate) value: Span,
    pub(crate) ns: Span,
}

impl Attribute {
    fn load(words: &[u32; ATTR_WORDS]) -> Self {
        let [a, b, c, d, e, f] = *words;
        Self {
            name: Span { start: a, len: b },
            value: Span { start: c, len: d },
            ns: Span { start: e, len: f },
        }
    }

    fn words(self) -> [u32; ATTR_WORDS] {
        [
            self.name.start,
            self.name.len,
            self.value.start,
            self.value.len,
            self.ns.start,
            self.ns.len,
        ]
    }
}

#[derive(Clone, Default)]
pub(crate) struct Tree {
    pub(super) text: String,
    pub(super) words: Vec<u32>,
    /// See [`Tree::declared`].
    pub(super) declared: u32,
    /// Some name is no NCName: writing has to find out which elements it may still write. Kept here
    /// so that names are checked once, when they come in.
    pub(super) bad_names: bool,
    /// Something did not fit into 32-bit places and was left out.
    pub(super) overflown: bool,
}

/// Bytes of ` xmlns=''`.
const DECLARATION: usize = 9;

impl Tree {
    /// Room for a stanza of ordinary size, so that it costs one allocation a table.
    pub(crate) fn with_room() -> Self {
        Self {
            text: String::with_capacity(256),
            words: Vec::with_capacity(96),
            ..Self::default()
        }
    }

    /// A tree of finished tables with good names.
    pub(crate) fn from_parts(text: String, words: Vec<u32>, declared: u32) -> Self {
        Self {
            text,
            words,
            declared,
            bad_names: false,
            overflown: false,
        }
    }

    // --- looking ---

    #[inline]
    pub(crate) fn node(&self, index: u32) -> Option<Node> {
        let rest = self.words.get(index as usize..)?;
        let [size, b, c, ..] = *rest else {
            return None;
        };
        if size as usize == TEXT_WORDS {
            return Some(Node {
                index,
                size,
                attr_count: 0,
                span: Span { start: b, len: c },
                ns: Span::NONE,
            });
        }
        let [_, attr_count, start, len, ns_start, ns_len] = *rest.first_chunk()?;
        Some(Node {
            index,
            size,
            attr_count,
            span: Span { start, len },
            ns: Span {
                start: ns_start,
                len: ns_len,
            },
        })
    }

    /// How many words there are: where the next record will be.
    pub(crate) fn len(&self) -> u32 {
        // `room` keeps the table below this.
        self.words.len() as u32
    }

    /// The records of an element's attributes.
    #[inline]
    fn raw_attrs(&self, node: &Node) -> &[[u32; ATTR_WORDS]] {
        let range = node.attrs_start() as usize..node.content() as usize;
        let words = self.words.get(range).unwrap_or_default();
        words.as_chunks().0
    }

    #[inline]
    pub(crate) fn attrs(&self, node: &Node) -> AttrIter<'_> {
        AttrIter(self.raw_attrs(node).iter())
    }

    #[inline]
    pub(crate) fn str(&self, span: Span) -> &str {
        match self.text.get(span.start as usize..span.end()) {
            Some(string) => string,
            None => shared(span),
        }
    }

    /// An element's local name, or a text node's text.
    pub(crate) fn content(&self, node: &Node) -> &str {
        self.str(node.span)
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
        let words = self.words.capacity().saturating_mul(size_of::<u32>());
        self.text.capacity().saturating_add(words)
    }

    /// Gives back the room that growing left over, unless the tree is small: most are, and for them
    /// moving the tables costs more than the room is worth.
    pub(crate) fn shrink(&mut self) {
        const SMALL: usize = 4 * 1024;
        if self.held() > SMALL {
            self.text.shrink_to_fit();
            self.words.shrink_to_fit();
        }
    }

    // --- growing ---

    /// Whether `more` words or bytes fit behind `len` of them.
    fn room(&mut self, len: usize, more: usize) -> Option<u32> {
        let fits = len
            .checked_add(more)
            .is_some_and(|sum| sum < SHARED_START as usize);
        if !fits {
            self.overflown = true;
            return None;
        }
        u32::try_from(len).ok()
    }

    pub(super) fn push_str(&mut self, string: &str) -> Span {
        match self.room(self.text.len(), string.len()) {
            None => Span::NONE,
            Some(start) => {
                self.text.push_str(string);
                Span {
                    start,
                    len: string.len() as u32,
                }
            }
        }
    }

    /// Takes a namespace into the text, unless every tree has it.
    pub(crate) fn push_ns(&mut self, ns: &str) -> Span {
        if ns.is_empty() {
            return Span::NONE;
        }
        shared_span(ns).unwrap_or_else(|| self.push_str(ns))
    }

    /// Counts the declaration of a namespace: see [`Tree::declared`].
    pub(crate) fn count_declaration(&mut self, ns: Span) {
        self.declared = self.declared.saturating_add(declaration_bytes(ns.len));
    }

    /// Starts an element; its place in the table. Attributes and then children come next, and at last
    /// [`Tree::close`].
    pub(crate) fn open(&mut self, name: &str, ns: Span) -> u32 {
        self.bad_names |= !is_ncname(name);
        self.open_checked(name, ns)
    }

    /// Like [`Tree::open`] with a name that is known to be an NCName.
    pub(crate) fn open_checked(&mut self, name: &str, ns: Span) -> u32 {
        let name = self.push_str(name);
        let Some(index) = self.room(self.words.len(), ELEMENT_WORDS) else {
            return u32::MAX;
        };
        self.words.extend_from_slice(&[
            ELEMENT_WORDS as u32,
            0,
            name.start,
            name.len,
            ns.start,
            ns.len,
        ]);
        index
    }

    /// Everything that came since `open` gave `index` is inside it.
    pub(crate) fn close(&mut self, index: u32) {
        let size = self.len().saturating_sub(index);
        if let Some(word) = self.words.get_mut(index as usize) {
            *word = size;
        }
    }

    /// Sets the size of a copied element, whose content follows.
    pub(super) fn set_size(&mut self, index: u32, size: u32) {
        if let Some(word) = self.words.get_mut(index as usize) {
            *word = size;
        }
    }

    /// Gives the element `index` a namespace.
    pub(crate) fn set_ns(&mut self, index: u32, ns: Span) {
        let words = self.words.get_mut(index as usize..);
        if let Some([_, _, _, _, start, len, ..]) = words {
            (*start, *len) = (ns.start, ns.len);
        }
    }

    /// Adds an attribute to the element `index`, behind its others and before its content.
    pub(crate) fn push_attr(&mut self, index: u32, name: &str, ns: Span, value: &str) {
        self.bad_names |= !is_ncname(name) || (ns.is_empty() && name == "xmlns");
        self.push_attr_checked(index, name, ns, value);
    }

    /// Like [`Tree::push_attr`] with a name that is known to be lawful.
    pub(crate) fn push_attr_checked(&mut self, index: u32, name: &str, ns: Span, value: &str) {
        let bytes = name.len().saturating_add(value.len());
        let fits = self.room(self.text.len(), bytes).is_some()
            && self.room(self.words.len(), ATTR_WORDS).is_some();
        let Some(node) = self.node(index).filter(|_| fits) else {
            return;
        };
        let attr = Attribute {
            name: self.push_str(name),
            value: self.push_str(value),
            ns,
        };
        let place = node.content() as usize;
        if place == self.words.len() {
            self.words.extend_from_slice(&attr.words());
        } else if place < self.words.len() {
            self.words.splice(place..place, attr.words());
        }
        self.resize_attrs(index, node.attr_count.saturating_add(1));
    }

    /// Removes the attributes of the element `index` that `is_gone` holds for.
    pub(super) fn remove_attrs(&mut self, index: u32, is_gone: impl Fn(&Self, Attribute) -> bool) {
        let Some(node) = self.node(index) else {
            return;
        };
        let mut place = node.attrs_start() as usize;
        let mut count = node.attr_count;
        for _ in 0..node.attr_count {
            let words = self.words.get(place..).and_then(|rest| rest.first_chunk());
            let Some(attr) = words.map(Attribute::load) else {
                return;
            };
            if is_gone(self, attr) {
                self.words.drain(place..place.saturating_add(ATTR_WORDS));
                count = count.saturating_sub(1);
            } else {
                place = place.saturating_add(ATTR_WORDS);
            }
        }
        self.resize_attrs(index, count);
    }

    /// Notes that the element `index` has another number of attributes now. The element is open or the
    /// root, so that no other subtree changes its size.
    fn resize_attrs(&mut self, index: u32, count: u32) {
        let words = self.words.get_mut(index as usize..);
        if let Some([size, attr_count, ..]) = words {
            let attrs = |count: u32| count.saturating_mul(ATTR_WORDS as u32);
            *size = size
                .saturating_sub(attrs(*attr_count))
                .saturating_add(attrs(count));
            *attr_count = count;
        }
    }

    /// Gives the attribute number `place` of the element `index` a namespace.
    pub(crate) fn set_attr_ns(&mut self, index: u32, place: usize, ns: Span) {
        let at = place
            .saturating_mul(ATTR_WORDS)
            .saturating_add(ELEMENT_WORDS)
            .saturating_add(index as usize);
        let words = self.words.get_mut(at..);
        if let Some([_, _, _, _, start, len, ..]) = words {
            (*start, *len) = (ns.start, ns.len);
        }
    }

    /// Adds text to the element that is open. `joins` says that the last record is text of the same
    /// element, which this continues.
    pub(crate) fn push_text(&mut self, joins: bool, string: &str) {
        if string.is_empty() {
            return;
        }
        if joins {
            self.join_text(string);
            return;
        }
        let span = self.push_str(string);
        if self.room(self.words.len(), TEXT_WORDS).is_some() {
            self.words
                .extend_from_slice(&[TEXT_WORDS as u32, span.start, span.len]);
        }
    }

    fn join_text(&mut self, string: &str) {
        let Some([_, start, len]) = self.words.last_chunk().copied() else {
            return;
        };
        let mut span = Span { start, len };
        if span.end() != self.text.len() {
            // It can only grow at the end of the text: move it there.
            let moved = String::from(self.str(span));
            span = self.push_str(&moved);
        }
        let more = self.push_str(string);
        span.len = span.len.saturating_add(more.len);
        if let Some(last) = self.words.last_chunk_mut() {
            *last = [TEXT_WORDS as u32, span.start, span.len];
        }
    }
}

/// Bytes that a declaration of a namespace of `len` bytes takes.
pub(crate) fn declaration_bytes(len: u32) -> u32 {
    len.saturating_add(DECLARATION as u32)
}

/// The namespace that a span stands for which lies behind the text.
#[inline]
fn shared(span: Span) -> &'static str {
    span.start
        .checked_sub(SHARED_START)
        .and_then(|place| SHARED.get(place as usize))
        .copied()
        .unwrap_or_default()
}

/// The span of a namespace that no tree has to hold.
pub(crate) fn shared_span(ns: &str) -> Option<Span> {
    let place = SHARED.iter().position(|shared| *shared == ns)?;
    Some(Span {
        start: SHARED_START.saturating_add(place as u32),
        len: ns.len() as u32,
    })
}

/// The attributes of an element.
#[derive(Clone, Default)]
pub(crate) struct AttrIter<'a>(core::slice::Iter<'a, [u32; ATTR_WORDS]>);

impl Iterator for AttrIter<'_> {
    type Item = Attribute;

    #[inline]
    fn next(&mut self) -> Option<Attribute> {
        self.0.next().map(Attribute::load)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for AttrIter<'_> {}

/// Namespaces that were used last, so that a tree holds each of them once and not at every use.
///
/// It remembers a few: a search among all for each of many different namespaces would be quadratic, and
/// one that is held twice costs its bytes and nothing else.
#[derive(Clone, Default)]
pub(crate) struct Recent {
    spans: [Span; 8],
    next: usize,
}

impl Recent {
    /// The span of `ns` in `tree`, which is the same tree at every call.
    pub(crate) fn intern(&mut self, tree: &mut Tree, ns: &str) -> Span {
        if ns.is_empty() {
            return Span::NONE;
        }
        if let Some(span) = shared_span(ns) {
            return span;
        }
        let known = self.spans.iter().find(|span| tree.str(**span) == ns);
        if let Some(span) = known {
            return *span;
        }
        let span = tree.push_ns(ns);
        if let Some(slot) = self.spans.get_mut(self.next) {
            *slot = span;
        }
        self.next = self.next.saturating_add(1) % self.spans.len();
        span
    }
}
