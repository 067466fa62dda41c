//! The tables of an element: a text, and records that point into it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::kept::Kept;
use super::namespaces::{SHARED_START, shared, shared_span};
use super::records::{ATTR_WORDS, AttrIter, Attribute, ELEMENT_WORDS, Node, Span, TEXT_WORDS};
use crate::escape::is_ncname;

#[derive(Clone, Default)]
pub(crate) struct Tree {
    pub(super) text: String,
    pub(super) words: Vec<u32>,
    pub(super) kept: Option<Box<Kept>>,
    /// See [`Tree::verbatim`].
    verbatim: Span,
    /// See [`Tree::declared`].
    pub(super) declared: u32,
    /// A name is not an NCName, so the writer has to check names. Names are checked once, when they
    /// are added.
    pub(super) bad_names: bool,
    /// Something was left out because places are 32-bit numbers.
    pub(super) overflown: bool,
}

/// Room in a tree for what a server stamps on a stanza: an address and a language.
pub(crate) const STAMP_BYTES: usize = 64;
pub(crate) const STAMP_WORDS: usize = 2 * ATTR_WORDS;

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

    /// A tree of finished tables with good names. For `verbatim` see [`Tree::verbatim`].
    pub(crate) fn from_parts(text: String, words: Vec<u32>, declared: u32, verbatim: Span) -> Self {
        Self {
            text,
            words,
            kept: None,
            verbatim,
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

    /// The number of words, which is the place of the next record.
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

    /// The bytes of a part.
    #[inline]
    pub(crate) fn bytes(&self, span: Span) -> &[u8] {
        let bytes = self.text.as_bytes();
        match bytes.get(span.start as usize..span.end()) {
            Some(bytes) => bytes,
            None => shared(span).as_bytes(),
        }
    }

    /// Whether the part is this string. Most differ in length already.
    #[inline]
    pub(crate) fn is(&self, span: Span, string: &str) -> bool {
        if span.len as usize != string.len() {
            return false;
        }
        self.bytes(span) == string.as_bytes()
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

    /// Bytes that declarations of default namespaces took on the wire this tree was read from. In a tree that
    /// was built: bytes that they would take if each namespace were declared where it begins.
    pub(crate) fn declared(&self) -> usize {
        self.declared as usize
    }

    /// The content of the root as it arrived, which the writer may copy: it has no prefix except
    /// `xml`, and needs the root's namespace as the default namespace. Empty if there is none such:
    /// the tree was built or changed, or came through the checked lane.
    pub(crate) fn verbatim(&self) -> &str {
        self.str(self.verbatim)
    }

    /// Notes that the content changes.
    pub(super) fn touch_content(&mut self) {
        self.verbatim = Span::NONE;
    }

    /// Bytes of memory that the tables hold, unused room included.
    pub(crate) fn held(&self) -> usize {
        let words = self.words.capacity().saturating_mul(size_of::<u32>());
        let kept = self.kept_bytes();
        self.text
            .capacity()
            .saturating_add(words)
            .saturating_add(kept)
    }

    /// Frees unused room, except for what a server stamps on a stanza, and unless the tree is small:
    /// for a small tree the copy costs more than the room is worth.
    pub(crate) fn shrink(&mut self) {
        const SMALL: usize = 4 * 1024;
        if self.held() > SMALL {
            let (bytes, words) = (self.text.len(), self.words.len());
            self.text.shrink_to(bytes.saturating_add(STAMP_BYTES));
            self.words.shrink_to(words.saturating_add(STAMP_WORDS));
            self.shrink_kept();
        }
    }

    // --- growing ---

    /// Returns `len` as a place if `more` words or bytes fit after it.
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

    /// Adds a namespace to the text, unless it is a shared one.
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

    /// Starts an element and returns its place. Its attributes and then its content follow, and at
    /// last [`Tree::close`].
    pub(crate) fn open(&mut self, name: &str, ns: Span) -> u32 {
        self.bad_names |= !is_ncname(name);
        self.open_checked(name, ns)
    }

    /// Like [`Tree::open`], for a name that is an NCName.
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

    /// Closes the element that `open` returned as `index`. All records since are its content.
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

    /// Adds an attribute to the element `index`, after its other attributes.
    pub(crate) fn push_attr(&mut self, index: u32, name: &str, ns: Span, value: &str) {
        self.bad_names |= !is_ncname(name);
        self.push_attr_checked(index, name, ns, value);
    }

    /// Like [`Tree::push_attr`], for a name that is allowed.
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

    /// Gives another value to the attribute of the element `index` that `is_it` holds for, and makes
    /// it the last. Returns false if there is none, or no room.
    pub(super) fn replace_value(
        &mut self,
        index: u32,
        value: &str,
        is_it: impl Fn(&Self, Attribute) -> bool,
    ) -> bool {
        let Some(node) = self.node(index) else {
            return false;
        };
        let found = self
            .attrs(&node)
            .enumerate()
            .find(|(_, attr)| is_it(self, *attr));
        let Some((number, attr)) = found else {
            return false;
        };
        let mut attr = attr;
        if !self.is(attr.value, value) {
            if self.room(self.text.len(), value.len()).is_none() {
                return false;
            }
            attr.value = self.push_str(value);
        }
        let at = (node.attrs_start() as usize).saturating_add(number.saturating_mul(ATTR_WORDS));
        let Some(rest) = self.words.get_mut(at..node.content() as usize) else {
            return false;
        };
        rest.rotate_left(ATTR_WORDS);
        if let Some(last) = rest.last_chunk_mut() {
            *last = attr.words();
        }
        true
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

    /// Sets the number of attributes of the element `index`. The element is open or the root, so no
    /// other size changes.
    fn resize_attrs(&mut self, index: u32, count: u32) {
        let words = self.words.get_mut(index as usize..);
        if let Some([size, attr_count, ..]) = words {
            let attrs = |count: u32| count.saturating_mul(ATTR_WORDS as u32);
            *size = size
                .saturating_sub(attrs(*attr_count))
                .saturating_add(attrs(count));
            *attr_count = count;
        }
        if index == 0 {
            self.moved();
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

    /// Adds text to the open element. `joins` says that the last record is text of the same
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
            // Text can grow only at the end of the buffer: move it there.
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
