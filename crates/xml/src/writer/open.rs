//! The elements whose end tags are not written yet.

use alloc::vec::Vec;
use core::ops::Range;

use crate::element::Span;

/// An element whose end tag is not written yet.
#[derive(Clone, Copy, Default)]
pub(super) struct Open<'a> {
    pub(super) end: u32,
    /// The place of its name with its prefix in the output.
    pub(super) name_start: usize,
    pub(super) name_len: usize,
    /// Its namespace, if that is the default namespace in its content.
    pub(super) default_span: Option<Span>,
    /// The default namespace in its content.
    pub(super) default: &'a str,
}

/// Most stanzas are no deeper, and need no memory for the list.
const INLINE: usize = 6;

/// All of them, the innermost last.
#[derive(Default)]
pub(super) struct OpenTags<'a> {
    outer: [Open<'a>; INLINE],
    len: usize,
    /// Those that have no place in `outer`.
    inner: Vec<Open<'a>>,
}

impl<'a> OpenTags<'a> {
    pub(super) fn last(&self) -> Option<&Open<'a>> {
        let place = self.len.checked_sub(1)?;
        self.inner.last().or_else(|| self.outer.get(place))
    }

    pub(super) fn push(&mut self, tag: Open<'a>) {
        match self.outer.get_mut(self.len) {
            Some(place) => {
                *place = tag;
                self.len = self.len.saturating_add(1);
            }
            None => self.inner.push(tag),
        }
    }

    /// Removes the innermost element if it ends at `index` or before. Returns the place of its name.
    pub(super) fn pop_ended(&mut self, index: u32) -> Option<Range<usize>> {
        let last = self.last().filter(|tag| tag.end <= index)?;
        let name = last.name_start..last.name_start.saturating_add(last.name_len);
        if self.inner.pop().is_none() {
            self.len = self.len.saturating_sub(1);
        }
        Some(name)
    }
}
