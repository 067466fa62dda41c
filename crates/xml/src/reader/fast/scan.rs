//! The scan of one stanza, which can stop at the end of its bytes and go on when there are more.

use alloc::string::String;
use alloc::vec::Vec;

use super::text::{self, NAME, NAME_START, SPACE, VALUE, is, skip};
use crate::element::{
    ATTR_WORDS, ELEMENT_WORDS, Span, TEXT_WORDS, Tree, declaration_bytes, shared_span,
};
use crate::limits::XmlLimits;
use crate::ns::{XML_NS, XMLNS_NS};

/// What became of a scan.
pub(crate) enum Outcome {
    /// The stanza ends behind so many bytes.
    Whole(usize),
    /// The bytes end before the stanza, which is plain so far.
    Cut,
    /// Not plain, or wrong.
    Doubt,
}

/// Why a step does not go on.
enum Stop {
    Cut,
    Doubt,
}

/// Marks the places behind the stanza, which are counted from its end: see [`Scan::resolved`].
const BEHIND: u32 = 1 << 31;

/// The longest stanza, so that no place in it is taken for a place behind it.
const MAX_BYTES: usize = 1 << 30;

/// The longest name that a read may cut, because the scan resumes at its first byte.
const MAX_CUT_NAME: usize = 128;

/// Attributes that are compared with one another to find duplicates.
const MAX_ATTRS: u32 = 24;

/// Room that a tree keeps for what a server stamps on a stanza, an address and perhaps a language.
const STAMP_BYTES: usize = 64;
const STAMP_WORDS: usize = 2 * ATTR_WORDS;

/// The parent of the outermost element.
const NO_ELEMENT: u32 = u32::MAX;

pub(crate) struct Scan {
    /// The records of the tree: see [`Tree`]. The first word of an element that is open is the place of
    /// its parent.
    words: Vec<u32>,
    /// What references were resolved to.
    resolved: Vec<u8>,
    /// The default namespace around the stanza.
    default: Span,
    /// The innermost open element.
    current: u32,
    depth: usize,
    /// Elements and texts so far.
    nodes: usize,
    declared: u32,
    /// Bytes that are done with.
    at: usize,
    /// How far the token at `at` was searched for its end.
    searched: usize,
    /// Bytes that are known to be characters.
    checked: usize,
    place: Place,
}

#[derive(Clone, Copy)]
enum Place {
    Content,
    /// In text of which a part is at this place of `resolved`.
    Text(usize),
    Tag(Tag),
}

/// In a start tag, behind its name or an attribute.
#[derive(Clone, Copy, Default)]
struct Tag {
    /// White space came since.
    spaced: bool,
    /// Attributes and declarations so far.
    attributes: usize,
    /// It declares a default namespace.
    declares: bool,
}

impl Scan {
    /// Begins a stanza in a stream whose default namespace is `default`, in a table whose memory is used
    /// again.
    pub(crate) fn new(mut words: Vec<u32>, default: &str) -> Self {
        words.clear();
        let mut resolved = Vec::new();
        let default = if default.is_empty() {
            Span::NONE
        } else {
            shared_span(default).unwrap_or_else(|| {
                resolved.extend_from_slice(default.as_bytes());
                Span {
                    start: BEHIND,
                    len: default.len() as u32,
                }
            })
        };
        Self {
            words,
            resolved,
            default,
            current: NO_ELEMENT,
            depth: 0,
            nodes: 0,
            declared: 0,
            at: 0,
            searched: 0,
            checked: 0,
            place: Place::Content,
        }
    }

    /// Goes on with the stanza. `bytes` are those from its first `<` on: the same as at the last call, and
    /// what came since.
    pub(crate) fn run(&mut self, bytes: &[u8], limits: &XmlLimits) -> Outcome {
        let most = limits.max_stanza_bytes.min(MAX_BYTES);
        let bytes = bytes.get(..most.saturating_add(1)).unwrap_or(bytes);
        match self.advance(bytes, limits) {
            Ok(()) if self.at <= most && self.check(bytes.get(..self.at).unwrap_or_default()) => {
                Outcome::Whole(self.at)
            }
            Err(Stop::Cut) if bytes.len() <= most && self.check(bytes) => Outcome::Cut,
            _ => Outcome::Doubt,
        }
    }

    /// The tree, once the stanza is whole. `text` are its bytes; they come back if they are no UTF-8.
    pub(crate) fn tree(mut self, mut text: Vec<u8>) -> Result<Tree, Vec<u8>> {
        let len = text.len() as u32;
        if !self.resolved.is_empty() {
            text.extend_from_slice(&self.resolved);
            self.settle(len);
        }
        let text = String::from_utf8(text).map_err(|error| error.into_bytes())?;
        Ok(Tree::from_parts(text, self.words, self.declared))
    }

    /// The tree, as [`Scan::tree`], of bytes that are copied. Gives a large table back for the next
    /// stanza.
    pub(crate) fn tree_of(mut self, bytes: &[u8]) -> (Option<Tree>, Vec<u32>) {
        let len = bytes.len().saturating_add(self.resolved.len());
        let mut text = Vec::with_capacity(len.saturating_add(STAMP_BYTES));
        text.extend_from_slice(bytes);
        let mut spare = Vec::new();
        if self.words.len() < self.words.capacity() / 2 {
            spare = core::mem::take(&mut self.words);
            self.words
                .reserve_exact(spare.len().saturating_add(STAMP_WORDS));
            self.words.extend_from_slice(&spare);
        }
        (self.tree(text).ok(), spare)
    }

    /// The table, to be used again.
    pub(crate) fn into_words(self) -> Vec<u32> {
        self.words
    }

    /// Bytes of memory that the scan holds.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.words.capacity() * size_of::<u32>() + self.resolved.capacity()
    }

    // --- Characters ---

    /// Whether the bytes that were not checked yet are characters of XML. A character that the end of
    /// `bytes` cuts is one so far.
    fn check(&mut self, bytes: &[u8]) -> bool {
        let new = bytes.get(self.checked..).unwrap_or_default();
        let found = text::survey(new);
        if found.control {
            return false;
        }
        // It may have begun before these bytes.
        let before = bytes.get(self.checked.saturating_sub(2)..);
        let before = before.unwrap_or_default();
        let may_end =
            found.bracket || before.first() == Some(&b']') || before.get(1) == Some(&b']');
        // A `]]>` in an attribute value is lawful, but nobody writes one.
        if may_end && memchr::memmem::find(before, b"]]>").is_some() {
            return false;
        }
        self.checked = bytes.len();
        if found.high {
            if text::has_noncharacter(new) {
                return false;
            }
            if let Err(error) = core::str::from_utf8(new) {
                let cut = new.len().saturating_sub(error.valid_up_to());
                self.checked = bytes.len().saturating_sub(cut);
                // What is whole ends with a `>`.
                return error.error_len().is_none();
            }
        }
        true
    }

    // --- Tokens ---

    /// Goes on to the end of the stanza.
    fn advance(&mut self, bytes: &[u8], limits: &XmlLimits) -> Result<(), Stop> {
        loop {
            match self.place {
                Place::Content => match bytes.get(self.at..) {
                    Some([b'<', b'/', ..]) => self.end_tag(bytes)?,
                    Some([b'<', _, ..]) => self.start_tag(bytes, limits)?,
                    None | Some([] | [b'<']) => return Err(Stop::Cut),
                    Some(_) => self.text(bytes, limits, None)?,
                },
                Place::Text(start) => self.text(bytes, limits, Some(start))?,
                Place::Tag(tag) => self.tag(bytes, limits, tag)?,
            }
            if self.current == NO_ELEMENT {
                return Ok(());
            }
        }
    }

    /// A start tag up to the end of the name.
    fn start_tag(&mut self, bytes: &[u8], limits: &XmlLimits) -> Result<(), Stop> {
        let start = self.at.saturating_add(1);
        let end = self.name(bytes, start, limits)?;
        let follows = bytes.get(end).copied().unwrap_or_default();
        // A prefix is for the other lane.
        if !is(follows, SPACE) && follows != b'>' && follows != b'/' {
            return Err(Stop::Doubt);
        }
        if self.depth >= limits.max_depth || self.nodes > limits.max_children {
            return Err(Stop::Doubt);
        }
        let default = self.ns_of(self.current).unwrap_or(self.default);
        let index = self.words.len() as u32;
        self.words.extend_from_slice(&[
            self.current,
            0,
            start as u32,
            end.saturating_sub(start) as u32,
            default.start,
            default.len,
        ]);
        self.current = index;
        self.depth = self.depth.saturating_add(1);
        self.nodes = self.nodes.saturating_add(1);
        self.at = end;
        self.place = Place::Tag(Tag::default());
        Ok(())
    }

    /// The end of the name that starts at `start`; something follows there.
    fn name(&self, bytes: &[u8], start: usize, limits: &XmlLimits) -> Result<usize, Stop> {
        match bytes.get(start) {
            Some(byte) if is(*byte, NAME_START) => {}
            Some(_) => return Err(Stop::Doubt),
            None => return Err(Stop::Cut),
        }
        let end = skip(bytes, start, NAME);
        let len = end.saturating_sub(start);
        if len >= limits.max_token_bytes {
            return Err(Stop::Doubt);
        }
        if end >= bytes.len() {
            return Err(match len {
                0..MAX_CUT_NAME => Stop::Cut,
                _ => Stop::Doubt,
            });
        }
        Ok(end)
    }

    /// The rest of a start tag.
    fn tag(&mut self, bytes: &[u8], limits: &XmlLimits, mut tag: Tag) -> Result<(), Stop> {
        loop {
            let start = skip(bytes, self.at, SPACE);
            tag.spaced |= start > self.at;
            self.at = start;
            self.place = Place::Tag(tag);
            match bytes.get(start..) {
                Some([b'>', ..]) => {
                    self.check_duplicates(bytes)?;
                    self.at = start.saturating_add(1);
                    self.place = Place::Content;
                    return Ok(());
                }
                Some([b'/', rest @ ..]) => {
                    self.check_duplicates(bytes)?;
                    match rest.first() {
                        Some(b'>') => {}
                        Some(_) => return Err(Stop::Doubt),
                        None => return Err(Stop::Cut),
                    }
                    self.at = start.saturating_add(2);
                    self.place = Place::Content;
                    self.close();
                    return Ok(());
                }
                None | Some([]) => return Err(Stop::Cut),
                Some(_) if tag.spaced => self.attribute(bytes, limits, &mut tag)?,
                Some(_) => return Err(Stop::Doubt),
            }
        }
    }

    fn attribute(&mut self, bytes: &[u8], limits: &XmlLimits, tag: &mut Tag) -> Result<(), Stop> {
        let start = self.at;
        let mut end = self.name(bytes, start, limits)?;
        let mut name = Span {
            start: start as u32,
            len: end.saturating_sub(start) as u32,
        };
        let mut ns = Span::NONE;
        let mut is_declaration = false;
        match bytes.get(start..end) {
            Some(b"xmlns") => is_declaration = true,
            Some(b"xml") if bytes.get(end) == Some(&b':') => {
                let local = end.saturating_add(1);
                end = self.name(bytes, local, limits)?;
                if bytes.get(local..end) != Some(b"lang") {
                    return Err(Stop::Doubt);
                }
                name = Span {
                    start: local as u32,
                    len: 4,
                };
                ns = shared_span(XML_NS).unwrap_or_default();
            }
            _ => {}
        }
        let too_long = end.saturating_sub(start) >= limits.max_token_bytes;
        if too_long || tag.attributes >= limits.max_attributes {
            return Err(Stop::Doubt);
        }
        let quote = match bytes.get(end..) {
            Some([b'=', quote @ (b'\'' | b'"'), ..]) => *quote,
            Some([b'='] | []) => return Err(Stop::Cut),
            _ => return Err(Stop::Doubt),
        };
        let value_start = end.saturating_add(2);
        let (value, end) = self.value(bytes, value_start, quote, limits)?;
        self.searched = 0;
        self.at = end;
        tag.attributes = tag.attributes.saturating_add(1);
        tag.spaced = false;
        if is_declaration {
            return self.declare(bytes, value, tag);
        }
        self.words.extend_from_slice(&[
            name.start,
            name.len,
            value.start,
            value.len,
            ns.start,
            ns.len,
        ]);
        if let Some([_, count, ..]) = self.words.get_mut(self.current as usize..) {
            *count = count.saturating_add(1);
        }
        Ok(())
    }

    /// The value that starts at `start`, and where its end is passed.
    fn value(
        &mut self,
        bytes: &[u8],
        start: usize,
        quote: u8,
        limits: &XmlLimits,
    ) -> Result<(Span, usize), Stop> {
        let mut at = start.max(self.searched);
        loop {
            at = skip(bytes, at, VALUE);
            if at.saturating_sub(start) >= limits.max_token_bytes {
                return Err(Stop::Doubt);
            }
            match bytes.get(at) {
                Some(byte) if *byte == quote => {
                    let span = Span {
                        start: start as u32,
                        len: at.saturating_sub(start) as u32,
                    };
                    return Ok((span, at.saturating_add(1)));
                }
                // The other quote.
                Some(b'\'' | b'"') => at = at.saturating_add(1),
                Some(b'&') => return self.value_with_references(bytes, start, at, quote, limits),
                Some(_) => return Err(Stop::Doubt),
                None => {
                    self.searched = at;
                    return Err(Stop::Cut);
                }
            }
        }
    }

    /// The value that starts at `start` and has its first reference at `at`. One that a read cuts is for
    /// the other lane.
    fn value_with_references(
        &mut self,
        bytes: &[u8],
        start: usize,
        mut at: usize,
        quote: u8,
        limits: &XmlLimits,
    ) -> Result<(Span, usize), Stop> {
        let behind = self.resolved.len();
        let mut from = start;
        loop {
            let run = bytes.get(from..at).unwrap_or_default();
            match bytes.get(at) {
                Some(byte) if *byte == quote => {
                    self.resolved.extend_from_slice(run);
                    break;
                }
                Some(b'\'' | b'"') => at = at.saturating_add(1),
                Some(b'&') => {
                    self.resolved.extend_from_slice(run);
                    at = at.saturating_add(self.reference(bytes, at)?);
                    from = at;
                }
                _ => return Err(Stop::Doubt),
            }
            at = skip(bytes, at, VALUE);
            if at.saturating_sub(start) >= limits.max_token_bytes {
                return Err(Stop::Doubt);
            }
        }
        Ok((self.span_behind(behind), at.saturating_add(1)))
    }

    /// Resolves the reference at `at`; its length.
    fn reference(&mut self, bytes: &[u8], at: usize) -> Result<usize, Stop> {
        let rest = bytes.get(at..).unwrap_or_default();
        let (c, len) = text::reference(rest).ok_or(Stop::Doubt)?;
        let mut utf8 = [0; 4];
        self.resolved
            .extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
        Ok(len)
    }

    /// What was resolved from `start` on.
    fn span_behind(&self, start: usize) -> Span {
        Span {
            start: BEHIND | start as u32,
            len: self.resolved.len().saturating_sub(start) as u32,
        }
    }

    /// A default namespace.
    fn declare(&mut self, bytes: &[u8], ns: Span, tag: &mut Tag) -> Result<(), Stop> {
        let range = ns.start as usize..(ns.start as usize).saturating_add(ns.len as usize);
        // One with references lies behind the stanza.
        let value = bytes.get(range).ok_or(Stop::Doubt)?;
        if tag.declares || value == XML_NS.as_bytes() || value == XMLNS_NS.as_bytes() {
            return Err(Stop::Doubt);
        }
        tag.declares = true;
        self.declared = self.declared.saturating_add(declaration_bytes(ns.len));
        let ns = if ns.is_empty() { Span::NONE } else { ns };
        if let Some([_, _, _, _, start, len, ..]) = self.words.get_mut(self.current as usize..) {
            (*start, *len) = (ns.start, ns.len);
        }
        Ok(())
    }

    /// Attributes must differ (XML 1.0 §3.1). Only `xml:lang` is in a namespace.
    fn check_duplicates(&self, bytes: &[u8]) -> Result<(), Stop> {
        let record = self.words.get(self.current as usize..).unwrap_or_default();
        let count = record.get(1).copied().unwrap_or_default();
        if count > MAX_ATTRS {
            return Err(Stop::Doubt);
        }
        let attrs = record.get(ELEMENT_WORDS..).unwrap_or_default();
        let (attrs, _) = attrs.as_chunks::<ATTR_WORDS>();
        let mut rest = attrs.iter();
        while let Some([start, len, .., ns]) = rest.next() {
            let name = |start: u32| {
                let start = start as usize;
                bytes.get(start..start.saturating_add(*len as usize))
            };
            let is_same = |[other, other_len, .., other_ns]: &[u32; ATTR_WORDS]| {
                len == other_len && ns == other_ns && name(*start) == name(*other)
            };
            if rest.clone().any(is_same) {
                return Err(Stop::Doubt);
            }
        }
        Ok(())
    }

    fn end_tag(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let Some([_, _, start, len, ..]) = self.words.get(self.current as usize..) else {
            return Err(Stop::Doubt);
        };
        let start = *start as usize;
        let name = bytes.get(start..start.saturating_add(*len as usize));
        let name = name.unwrap_or_default();
        let tail = bytes.get(self.at.saturating_add(2)..).unwrap_or_default();
        match tail.strip_prefix(name) {
            Some([b'>', ..]) => {}
            Some([]) => return Err(Stop::Cut),
            None if name.starts_with(tail) && tail.len() < MAX_CUT_NAME => return Err(Stop::Cut),
            _ => return Err(Stop::Doubt),
        }
        self.at = self.at.saturating_add(name.len()).saturating_add(3);
        self.close();
        Ok(())
    }

    /// Closes the innermost element.
    fn close(&mut self) {
        let size = (self.words.len() as u32).saturating_sub(self.current);
        if let Some(word) = self.words.get_mut(self.current as usize) {
            self.current = core::mem::replace(word, size);
        }
        self.depth = self.depth.saturating_sub(1);
    }

    /// Text up to the next tag. `behind` is where a part of it was resolved to.
    fn text(
        &mut self,
        bytes: &[u8],
        limits: &XmlLimits,
        mut behind: Option<usize>,
    ) -> Result<(), Stop> {
        if self.current == NO_ELEMENT || self.nodes > limits.max_children {
            return Err(Stop::Doubt);
        }
        loop {
            let from = self.at.max(self.searched);
            let rest = bytes.get(from..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'<', b'&', rest) else {
                self.searched = bytes.len();
                return Err(Stop::Cut);
            };
            let end = from.saturating_add(found);
            self.searched = 0;
            let run = bytes.get(self.at..end).unwrap_or_default();
            if rest.get(found) == Some(&b'&') {
                let start = *behind.get_or_insert(self.resolved.len());
                self.resolved.extend_from_slice(run);
                let len = self.reference(bytes, end)?;
                self.at = end.saturating_add(len);
                self.place = Place::Text(start);
                continue;
            }
            let span = match behind {
                None => Span {
                    start: self.at as u32,
                    len: run.len() as u32,
                },
                Some(start) => {
                    self.resolved.extend_from_slice(run);
                    self.span_behind(start)
                }
            };
            self.words
                .extend_from_slice(&[TEXT_WORDS as u32, span.start, span.len]);
            self.nodes = self.nodes.saturating_add(1);
            self.at = end;
            self.place = Place::Content;
            return Ok(());
        }
    }

    // --- The finished table ---

    /// The namespace of the element `index`, which is the default namespace in it.
    fn ns_of(&self, index: u32) -> Option<Span> {
        let [_, _, _, _, start, len, ..] = *self.words.get(index as usize..)? else {
            return None;
        };
        Some(Span { start, len })
    }

    /// Moves what lies behind the stanza to where it is now that the stanza's length is known.
    fn settle(&mut self, stanza: u32) {
        let settled = |start: &mut u32| {
            // Shared namespaces have both of the highest bits.
            if *start >> 30 == BEHIND >> 30 {
                *start = (*start & !BEHIND).saturating_add(stanza);
            }
        };
        let mut rest = self.words.as_mut_slice();
        while let Some((size, _)) = rest.split_first() {
            let is_text = *size as usize == TEXT_WORDS;
            let (record, tail) = match (is_text, rest) {
                (true, [_, start, _, tail @ ..]) => {
                    settled(start);
                    (&mut [][..], tail)
                }
                (false, [_, count, _, _, ns, _, tail @ ..]) => {
                    settled(ns);
                    let attrs = (*count as usize).saturating_mul(ATTR_WORDS);
                    match tail.split_at_mut_checked(attrs) {
                        Some(parts) => parts,
                        None => return,
                    }
                }
                _ => return,
            };
            for [_, _, value, ..] in record.as_chunks_mut::<ATTR_WORDS>().0 {
                settled(value);
            }
            rest = tail;
        }
    }
}
