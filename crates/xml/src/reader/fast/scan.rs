//! The scan of one stanza. It can stop at the end of its bytes and resume when there are more.

use alloc::string::String;
use alloc::vec::Vec;

use super::text;
use crate::element::{ATTR_WORDS, STAMP_WORDS, Span, TEXT_WORDS, Tree, shared_span};
use crate::limits::XmlLimits;

/// The result of a scan.
pub(crate) enum Outcome {
    /// The stanza is complete; its number of bytes.
    Whole(usize),
    /// The bytes end inside the stanza, which is plain so far.
    Cut,
    /// The stanza is not plain, or has a fault.
    Doubt,
}

/// Why a step ends the scan.
pub(super) enum Stop {
    Cut,
    Doubt,
}

/// Marks places in `resolved`, which will follow the stanza: see [`Scan::settle`].
const BEHIND: u32 = 1 << 31;

/// Longest stanza: places in it do not reach [`BEHIND`].
const MAX_BYTES: usize = 1 << 30;

/// The parent of the outermost element.
const NO_ELEMENT: u32 = u32::MAX;

#[derive(Default)]
pub(crate) struct Scan {
    /// The records of the tree: see [`Tree`]. While an element is open, its first word is the place
    /// of its parent.
    pub(super) words: Vec<u32>,
    /// Values and texts with references, resolved.
    pub(super) resolved: Vec<u8>,
    /// The default namespace around the stanza or, if the outermost element has the stream's prefix,
    /// in it.
    pub(super) default: Span,
    /// Bytes of the prefix of the outermost element, with the colon. It is that of the stream
    /// namespace.
    pub(super) prefix: u32,
    /// The innermost open element.
    pub(super) current: u32,
    pub(super) depth: usize,
    /// Elements and texts so far.
    pub(super) nodes: usize,
    pub(super) declared: u32,
    /// The bytes between the outermost start tag and its end tag.
    pub(super) content: Span,
    /// Start of the token that is scanned next.
    pub(super) at: usize,
    /// Place up to which the token at `at` was searched for its end.
    pub(super) searched: usize,
    /// Place up to which the bytes are valid characters.
    checked: usize,
    pub(super) place: Place,
}

#[derive(Clone, Copy, Default)]
pub(super) enum Place {
    #[default]
    Content,
    /// In text, of which a part is in `resolved` from this place on.
    Text(usize),
    Tag(Tag),
}

/// In a start tag, after its name or an attribute.
#[derive(Clone, Copy, Default)]
pub(super) struct Tag {
    /// White space followed.
    pub(super) spaced: bool,
    /// Attributes and declarations so far.
    pub(super) attributes: usize,
    /// It declares a default namespace.
    pub(super) declares: bool,
}

impl Scan {
    /// Begins a stanza in a stream with the default namespace `default`, with the memory of another
    /// scan.
    pub(crate) fn new((mut words, mut resolved): (Vec<u32>, Vec<u8>), default: &str) -> Self {
        words.clear();
        resolved.clear();
        let mut scan = Self {
            words,
            resolved,
            current: NO_ELEMENT,
            ..Self::default()
        };
        scan.default = if default.is_empty() {
            Span::NONE
        } else {
            shared_span(default).unwrap_or_else(|| {
                scan.resolved.extend_from_slice(default.as_bytes());
                scan.span_behind(0)
            })
        };
        scan
    }

    /// Says that the outermost element has the prefix of the stream namespace.
    pub(crate) fn set_prefix(&mut self, prefix: &str) {
        // The bytes of a header are fewer than 2^30.
        self.prefix = (prefix.len() as u32).saturating_add(1);
    }

    /// The memory, for another scan.
    pub(crate) fn into_memory(self) -> (Vec<u32>, Vec<u8>) {
        (self.words, self.resolved)
    }

    /// Reserves room for the records of a stanza that may have this many bytes.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        // Most stanzas need three words for eight bytes.
        let words = (bytes / 8).saturating_mul(3).clamp(64, 4096);
        if self.words.capacity() == 0 {
            self.words.reserve_exact(words);
        }
    }

    /// Continues the scan. `bytes` are those of the stanza from its first `<` on: the bytes of the
    /// last call, and those that arrived since.
    pub(crate) fn run(&mut self, bytes: &[u8], limits: &XmlLimits) -> Outcome {
        let most = limits.max_stanza_bytes.min(MAX_BYTES);
        let bytes = bytes.get(..most.saturating_add(1)).unwrap_or(bytes);
        match self.advance(bytes, limits) {
            Ok(())
                if self.at <= most
                    && self.check_whole(bytes.get(..self.at).unwrap_or_default()) =>
            {
                Outcome::Whole(self.at)
            }
            Err(Stop::Cut) if bytes.len() <= most && self.check(bytes) => Outcome::Cut,
            _ => Outcome::Doubt,
        }
    }

    /// Bytes that [`Scan::tree`] adds to the stanza.
    pub(crate) fn resolved_len(&self) -> usize {
        self.resolved.len()
    }

    /// The tree of a complete stanza. `text` are its bytes, which are returned if they are not UTF-8. The
    /// table of records is copied, unless the tree can have it without wasting memory and `is_last` says
    /// that no other stanza needs it.
    pub(crate) fn tree(&mut self, mut text: Vec<u8>, is_last: bool) -> Result<Tree, Vec<u8>> {
        let len = text.len() as u32;
        if !self.resolved.is_empty() {
            text.extend_from_slice(&self.resolved);
            self.settle(len);
        }
        let text = String::from_utf8(text).map_err(|error| error.into_bytes())?;
        let words = if is_last && self.words.len() >= self.words.capacity() / 2 {
            core::mem::take(&mut self.words)
        } else {
            let mut words = Vec::with_capacity(self.words.len().saturating_add(STAMP_WORDS));
            words.extend_from_slice(&self.words);
            words
        };
        Ok(Tree::from_parts(text, words, self.declared, self.content))
    }

    /// Bytes of memory that the scan holds.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.words.capacity() * size_of::<u32>() + self.resolved.capacity()
    }

    // --- Characters ---

    /// Whether the bytes that were not checked before are valid characters, if they are UTF-8, which
    /// [`Scan::tree`] finds out.
    fn check_whole(&mut self, bytes: &[u8]) -> bool {
        self.survey(bytes).is_some()
    }

    /// Whether the bytes that were not checked before are valid characters. `bytes` may end in the
    /// middle of a character.
    fn check(&mut self, bytes: &[u8]) -> bool {
        let Some(is_ascii) = self.survey(bytes) else {
            return false;
        };
        let new = bytes.get(self.checked..).unwrap_or_default();
        if is_ascii {
            self.checked = bytes.len();
            return true;
        }
        let (valid, is_valid) = match core::str::from_utf8(new) {
            Ok(valid) => (valid.len(), true),
            Err(error) => (error.valid_up_to(), error.error_len().is_none()),
        };
        self.checked = self.checked.saturating_add(valid);
        is_valid
    }

    /// Examines the bytes that were not checked before. `None` if there is a character that XML does
    /// not allow; otherwise whether all of them are ASCII.
    fn survey(&self, bytes: &[u8]) -> Option<bool> {
        let new = bytes.get(self.checked..).unwrap_or_default();
        let found = text::survey(new);
        let is_wrong = found.control
            || found.high && text::has_noncharacter(new)
            || self.ends_section(bytes, found.bracket);
        (!is_wrong).then_some(!found.high)
    }

    /// Whether there is a `]]>`. An attribute value may have one, but does not in practice.
    fn ends_section(&self, bytes: &[u8], bracket: bool) -> bool {
        // Its first byte may be among those checked before.
        let from = bytes.get(self.checked.saturating_sub(2)..);
        let from = from.unwrap_or_default();
        let may_end = bracket || from.starts_with(b"]]");
        may_end && memchr::memmem::find(from, b"]]>").is_some()
    }

    // --- Tokens ---

    /// Scans tokens up to the end of the stanza.
    fn advance(&mut self, bytes: &[u8], limits: &XmlLimits) -> Result<(), Stop> {
        loop {
            let (before, in_text) = (self.at, matches!(self.place, Place::Text(_)));
            match self.place {
                Place::Content => match bytes.get(self.at..) {
                    Some([b'<', b'/', ..]) => self.end_tag(bytes)?,
                    Some([b'<', _, ..]) => self.start_tag(bytes, limits)?,
                    None | Some([] | [b'<']) => return Err(Stop::Cut),
                    Some(_) => self.text(bytes, limits, None)?,
                },
                Place::Text(start) => self.text(bytes, limits, Some(start))?,
                Place::Tag(tag) => self.resume_tag(bytes, limits, tag)?,
            }
            // The rest of a text that was cut may be empty.
            debug_assert!(self.at > before || in_text, "a token has a byte");
            if self.current == NO_ELEMENT {
                return Ok(());
            }
        }
    }

    /// Text up to the next tag. `behind` is the place of its resolved part.
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
            let end = from + found;
            self.searched = 0;
            let run = bytes.get(self.at..end).unwrap_or_default();
            if rest.get(found) == Some(&b'&') {
                let start = *behind.get_or_insert(self.resolved.len());
                self.resolved.extend_from_slice(run);
                let len = self.reference(bytes, end)?;
                debug_assert!(end + len > self.at, "a reference has a byte");
                self.at = end + len;
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
            self.nodes += 1;
            self.at = end;
            self.place = Place::Content;
            return Ok(());
        }
    }

    /// Resolves the reference at `at` and returns its length.
    pub(super) fn reference(&mut self, bytes: &[u8], at: usize) -> Result<usize, Stop> {
        let rest = bytes.get(at..).unwrap_or_default();
        let (c, len) = text::reference(rest).ok_or(Stop::Doubt)?;
        let mut utf8 = [0; 4];
        self.resolved
            .extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
        Ok(len)
    }

    /// The part of `resolved` from `start` on.
    pub(super) fn span_behind(&self, start: usize) -> Span {
        Span {
            start: BEHIND | start as u32,
            len: (self.resolved.len() - start) as u32,
        }
    }

    // --- The finished table ---

    /// The default namespace at the present place: the namespace of the innermost element, unless
    /// that has a prefix.
    pub(super) fn default_here(&self) -> Span {
        match self.words.get(self.current as usize..) {
            Some([_, _, _, _, start, len, ..]) if !self.is_in_prefixed() => Span {
                start: *start,
                len: *len,
            },
            _ => self.default,
        }
    }

    /// Whether the innermost element is the outermost one and has a prefix.
    pub(super) fn is_in_prefixed(&self) -> bool {
        self.prefix > 0 && self.depth == 1
    }

    /// Gives the places in `resolved` their final values, now that the length of the stanza is
    /// known.
    fn settle(&mut self, stanza: u32) {
        let settled = |start: &mut u32| {
            // Shared namespaces have both of the two highest bits.
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
