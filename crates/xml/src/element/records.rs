//! The records of an element's table.
//!
//! The records are in document order, each a few words long:
//!
//! | record | words |
//! |---|---|
//! | element | size of the subtree in words, number of attributes, name, namespace |
//! | attribute, after its element | name, value, namespace |
//! | text | 3, the text |
//!
//! A name, a value, a namespace and a text are [`Span`]s of two words. A subtree is a range of
//! words, and its size leads to its end. Sizes are relative, so that subtrees can be copied and
//! words inserted before them without changing them.

/// A part of a tree's text, or one of the namespaces that all trees share.
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

    pub(super) fn end(self) -> usize {
        (self.start as usize).saturating_add(self.len as usize)
    }
}

/// Words of an element's record without its attributes.
pub(crate) const ELEMENT_WORDS: usize = 6;
/// Words of an attribute's record.
pub(crate) const ATTR_WORDS: usize = 6;
/// Words of a text's record, and its first word. No element is that small.
pub(crate) const TEXT_WORDS: usize = 3;

/// An element or a run of text.
#[derive(Clone, Copy)]
pub(crate) struct Node {
    pub(super) index: u32,
    /// Words of the subtree.
    pub(super) size: u32,
    pub(super) attr_count: u32,
    /// An element's name, or the text.
    pub(super) span: Span,
    pub(super) ns: Span,
}

impl Node {
    pub(crate) fn is_text(&self) -> bool {
        self.size as usize == TEXT_WORDS
    }

    pub(crate) fn is_root(&self) -> bool {
        self.index == 0
    }

    /// The place of its record.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// Its name, or the text.
    pub(crate) fn content_span(&self) -> Span {
        self.span
    }

    pub(crate) fn ns(&self) -> Span {
        self.ns
    }

    /// The place after the subtree.
    pub(crate) fn end(&self) -> u32 {
        self.index.saturating_add(self.size)
    }

    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    pub(crate) fn attr_count(&self) -> u32 {
        self.attr_count
    }

    /// The place of the first child, or the end if there is none.
    pub(crate) fn content(&self) -> u32 {
        self.attrs_start()
            .saturating_add(self.attr_count.saturating_mul(ATTR_WORDS as u32))
    }

    pub(super) fn attrs_start(&self) -> u32 {
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
    pub(super) fn load(words: &[u32; ATTR_WORDS]) -> Self {
        let [a, b, c, d, e, f] = *words;
        Self {
            name: Span { start: a, len: b },
            value: Span { start: c, len: d },
            ns: Span { start: e, len: f },
        }
    }

    pub(super) fn words(self) -> [u32; ATTR_WORDS] {
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

/// The attributes of an element.
#[derive(Clone, Default)]
pub(crate) struct AttrIter<'a>(pub(super) core::slice::Iter<'a, [u32; ATTR_WORDS]>);

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
