//! The prefixes that the elements of a tree declare.
//!
//! Names are resolved, but content may use prefixes in values, as `xsi:type='xs:string'` does. A
//! server passes such a stanza on unmodified (RFC 6120 §8.4), so the writer writes each declaration
//! where it stood.
//!
//! Most stanzas have none, so the list is apart from the records. It names elements by their number
//! in document order, because stamping an address on the root moves the records behind it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::records::Span;
use super::tree::Tree;

/// A prefix that an element declares.
#[derive(Clone, Copy)]
pub(crate) struct Declared {
    /// The number of the element; the root has 0.
    pub(crate) element: u32,
    pub(crate) prefix: Span,
    pub(crate) ns: Span,
}

/// The declarations in document order, and how far the elements are counted.
#[derive(Clone, Default)]
pub(crate) struct Kept {
    list: Vec<Declared>,
    /// The elements before a place. Growth at the end leaves it true.
    counted: (u32, u32),
}

impl Tree {
    /// The prefixes that elements declare, in document order.
    pub(crate) fn kept(&self) -> &[Declared] {
        self.kept.as_ref().map_or(&[], |kept| &kept.list)
    }

    /// Bytes of memory that the declarations hold.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| {
            let list = kept.list.capacity().saturating_mul(size_of::<Declared>());
            list.saturating_add(size_of::<Kept>())
        })
    }

    pub(super) fn shrink_kept(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.list.shrink_to_fit();
        }
    }

    /// Keeps a declaration of the element with that number, which is the last one so far that has
    /// any.
    pub(crate) fn keep(&mut self, element: u32, prefix: &str, ns: Span) {
        let prefix = self.push_str(prefix);
        let declared = Declared {
            element,
            prefix,
            ns,
        };
        self.kept
            .get_or_insert_with(Box::default)
            .list
            .push(declared);
    }

    /// Says that records before the end have moved.
    pub(super) fn moved(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.counted = (0, 0);
        }
    }

    /// The number of the element at `place`, or the number of elements before it.
    pub(crate) fn number(&self, place: u32) -> u32 {
        let counted = self.kept.as_ref().map_or((0, 0), |kept| kept.counted);
        let (mut index, mut number) = if counted.0 <= place { counted } else { (0, 0) };
        while let Some(node) = self.node(index).filter(|_| index < place) {
            index = node.end();
            if !node.is_text() {
                index = node.content();
                number = number.saturating_add(1);
            }
        }
        number
    }

    /// Keeps the declarations of the subtree that `copy_from` has copied from `index` of `source` to
    /// `base`.
    pub(super) fn keep_from(&mut self, source: &Self, index: u32, end: u32, base: u32) {
        if source.kept().is_empty() {
            return;
        }
        let (first, last) = (source.number(index), source.number(end));
        let at = self.number(base);
        for declared in source.kept() {
            if (first..last).contains(&declared.element) {
                let ns = self.push_ns(source.str(declared.ns));
                let element = declared.element.saturating_sub(first).saturating_add(at);
                self.keep(element, source.str(declared.prefix), ns);
            }
        }
        if let Some(kept) = &mut self.kept {
            kept.counted = (base, at);
        }
    }

    /// Keeps the declarations of the root of `source` as those of the own root, which has none yet.
    pub(super) fn keep_root(&mut self, source: &Self) {
        let of_content = self.kept().len();
        for declared in source.kept().iter().take_while(|it| it.element == 0) {
            let ns = self.push_ns(source.str(declared.ns));
            self.keep(0, source.str(declared.prefix), ns);
        }
        if let Some(kept) = &mut self.kept {
            kept.list.rotate_left(of_content);
        }
    }
}
