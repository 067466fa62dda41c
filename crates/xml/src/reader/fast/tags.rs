//! Start tags with their attributes, and end tags.
//!
//! Places are at most the length of the stanza, which is below 2^30 (see `MAX_BYTES`), so sums of
//! them do not overflow.

use super::scan::{Place, Scan, Stop, Tag};
use super::text::{NAME_START, SPACE, is, skip, skip_name, skip_value};
use crate::element::{ATTR_WORDS, ELEMENT_WORDS, Span, declaration_bytes, shared_span};
use crate::limits::XmlLimits;
use crate::ns::{STREAMS_NS, XML_NS, XMLNS_NS};

/// Longest name that may be cut, because the scan resumes at its first byte.
const MAX_CUT_NAME: usize = 128;

/// Largest number of attributes that are compared pairwise to find duplicates.
const MAX_ATTRS: u32 = 24;

impl Scan {
    /// A start tag.
    pub(super) fn start_tag(&mut self, bytes: &[u8], limits: &XmlLimits) -> Result<(), Stop> {
        let is_prefixed = self.prefix > 0 && self.depth == 0;
        let start = match is_prefixed {
            true => self.at + 1 + self.prefix as usize,
            false => self.at + 1,
        };
        let end = self.name(bytes, start, limits)?;
        if end - self.at > limits.max_token_bytes {
            return Err(Stop::Doubt);
        }
        let follows = bytes.get(end).copied().unwrap_or_default();
        // The checked lane reads prefixes.
        if !is(follows, SPACE) && follows != b'>' && follows != b'/' {
            return Err(Stop::Doubt);
        }
        if self.depth >= limits.max_depth || self.nodes > limits.max_children {
            return Err(Stop::Doubt);
        }
        let ns = match is_prefixed {
            true => shared_span(STREAMS_NS).unwrap_or_default(),
            false => self.default_here(),
        };
        let index = self.words.len() as u32;
        self.words.extend_from_slice(&[
            self.current,
            0,
            start as u32,
            (end - start) as u32,
            ns.start,
            ns.len,
        ]);
        self.current = index;
        self.depth += 1;
        self.nodes += 1;
        self.at = end;
        self.tag(bytes, limits, Tag::default())
    }

    /// The end of the name that starts at `start`, if another byte follows.
    fn name(&self, bytes: &[u8], start: usize, limits: &XmlLimits) -> Result<usize, Stop> {
        match bytes.get(start) {
            Some(byte) if is(*byte, NAME_START) => {}
            Some(_) => return Err(Stop::Doubt),
            None => return Err(Stop::Cut),
        }
        let end = skip_name(bytes, start);
        let len = end - start;
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

    /// The rest of a start tag that was cut.
    #[cold]
    pub(super) fn resume_tag(
        &mut self,
        bytes: &[u8],
        limits: &XmlLimits,
        tag: Tag,
    ) -> Result<(), Stop> {
        self.tag(bytes, limits, tag)
    }

    /// The rest of a start tag.
    #[inline(always)]
    fn tag(&mut self, bytes: &[u8], limits: &XmlLimits, mut tag: Tag) -> Result<(), Stop> {
        let outcome = self.attributes(bytes, limits, &mut tag);
        self.place = match outcome {
            Ok(()) => Place::Content,
            Err(_) => Place::Tag(tag),
        };
        outcome
    }

    /// Attributes up to the end of the start tag. If it is cut, `tag` and `at` are those of the last
    /// whole attribute.
    fn attributes(&mut self, bytes: &[u8], limits: &XmlLimits, tag: &mut Tag) -> Result<(), Stop> {
        loop {
            let start = match bytes.get(self.at..) {
                Some([b' ', next, ..]) if !is(*next, SPACE) => self.at + 1,
                _ => skip(bytes, self.at, SPACE),
            };
            tag.spaced |= start > self.at;
            self.at = start;
            match bytes.get(start..) {
                Some([b'>', ..]) => {
                    self.check_duplicates(bytes)?;
                    self.at = start + 1;
                    if self.depth == 1 && self.prefix == 0 {
                        self.content.start = self.at as u32;
                    }
                    return Ok(());
                }
                Some([b'/', rest @ ..]) => {
                    self.check_duplicates(bytes)?;
                    match rest.first() {
                        Some(b'>') => {}
                        Some(_) => return Err(Stop::Doubt),
                        None => return Err(Stop::Cut),
                    }
                    self.at = start + 2;
                    self.close();
                    return Ok(());
                }
                None | Some([]) => return Err(Stop::Cut),
                Some(_) if tag.spaced => self.attribute(bytes, limits, tag)?,
                Some(_) => return Err(Stop::Doubt),
            }
            debug_assert!(self.at > start, "an attribute has a byte");
        }
    }

    fn attribute(&mut self, bytes: &[u8], limits: &XmlLimits, tag: &mut Tag) -> Result<(), Stop> {
        let start = self.at;
        let mut end = self.name(bytes, start, limits)?;
        let mut name = Span {
            start: start as u32,
            len: (end - start) as u32,
        };
        let mut ns = Span::NONE;
        let mut is_declaration = false;
        match bytes.get(start..end) {
            Some(b"xmlns") => is_declaration = true,
            Some(b"xml") if bytes.get(end) == Some(&b':') => {
                let local = end + 1;
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
        let too_long = end - start >= limits.max_token_bytes;
        if too_long || tag.attributes >= limits.max_attributes {
            return Err(Stop::Doubt);
        }
        let quote = match bytes.get(end..) {
            Some([b'=', quote @ (b'\'' | b'"'), ..]) => *quote,
            Some([b'='] | []) => return Err(Stop::Cut),
            _ => return Err(Stop::Doubt),
        };
        let value_start = end + 2;
        let (value, end) = self.value(bytes, value_start, quote, limits)?;
        self.searched = 0;
        self.at = end;
        tag.attributes += 1;
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
            *count += 1;
        }
        Ok(())
    }

    /// The value that starts at `start`, and the place after its closing quote.
    fn value(
        &mut self,
        bytes: &[u8],
        start: usize,
        quote: u8,
        limits: &XmlLimits,
    ) -> Result<(Span, usize), Stop> {
        let at = skip_value(bytes, start.max(self.searched), quote);
        let len = at - start;
        if len >= limits.max_token_bytes {
            return Err(Stop::Doubt);
        }
        match bytes.get(at) {
            Some(byte) if *byte == quote => {
                let span = Span {
                    start: start as u32,
                    len: len as u32,
                };
                Ok((span, at + 1))
            }
            Some(b'&') => self.value_with_references(bytes, start, at, quote, limits),
            Some(_) => Err(Stop::Doubt),
            None => {
                self.searched = at;
                Err(Stop::Cut)
            }
        }
    }

    /// The value that starts at `start` and has its first reference at `at`. The checked lane reads
    /// such a value if it is cut.
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
                Some(b'&') => {
                    self.resolved.extend_from_slice(run);
                    at += self.reference(bytes, at)?;
                    debug_assert!(at > from, "a reference has a byte");
                    from = at;
                }
                _ => return Err(Stop::Doubt),
            }
            at = skip_value(bytes, at, quote);
            if at - start >= limits.max_token_bytes {
                return Err(Stop::Doubt);
            }
        }
        Ok((self.span_behind(behind), at + 1))
    }

    /// Declares a default namespace.
    fn declare(&mut self, bytes: &[u8], ns: Span, tag: &mut Tag) -> Result<(), Stop> {
        let range = ns.start as usize..(ns.start as usize).saturating_add(ns.len as usize);
        // A value with references is not a place in the stanza.
        let value = bytes.get(range).ok_or(Stop::Doubt)?;
        if tag.declares || value == XML_NS.as_bytes() || value == XMLNS_NS.as_bytes() {
            return Err(Stop::Doubt);
        }
        tag.declares = true;
        self.declared = self.declared.saturating_add(declaration_bytes(ns.len));
        let ns = if ns.is_empty() { Span::NONE } else { ns };
        if self.is_in_prefixed() {
            self.default = ns;
        } else if let Some([_, _, _, _, start, len, ..]) =
            self.words.get_mut(self.current as usize..)
        {
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
                bytes.get(start..start + *len as usize)
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

    pub(super) fn end_tag(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let Some([_, _, start, len, ..]) = self.words.get(self.current as usize..) else {
            return Err(Stop::Doubt);
        };
        let end = (*start + *len) as usize;
        let start = match self.is_in_prefixed() {
            // The stanza begins with the prefix.
            true => 1,
            false => *start as usize,
        };
        let name = bytes.get(start..end).unwrap_or_default();
        let tail = bytes.get(self.at + 2..).unwrap_or_default();
        match tail.strip_prefix(name) {
            Some([b'>', ..]) => {}
            Some([]) => return Err(Stop::Cut),
            None if name.starts_with(tail) && tail.len() < MAX_CUT_NAME => return Err(Stop::Cut),
            _ => return Err(Stop::Doubt),
        }
        if self.depth == 1 && self.prefix == 0 {
            self.content.len = (self.at as u32).saturating_sub(self.content.start);
        }
        self.at += name.len() + 3;
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
}
