//! The namespace declarations in force at the place that is being read (Namespaces in XML 1.0).

use alloc::string::String;
use alloc::vec::Vec;

use crate::element::{Span, Tree};
use crate::error::{ReadError, ReadErrorKind};
use crate::ns::{XML_NS, XMLNS_NS};

/// The declarations of the stream header, which hold for all stanzas, and those of the open
/// elements of a stanza.
#[derive(Default)]
pub(super) struct Scope {
    default: Option<Outer>,
    outer: Vec<Outer>,
    inner: Vec<Inner>,
}

/// A declaration of the stream header.
struct Outer {
    /// Empty for the default namespace.
    prefix: String,
    ns: String,
    /// The namespace in the current tree, if it is used there.
    place: Option<Span>,
}

/// A declaration inside the current tree.
struct Inner {
    prefix: String,
    ns: Span,
}

/// The declarations to return to when an element ends.
#[derive(Clone, Copy)]
pub(super) struct Mark(usize);

impl Scope {
    /// Makes the declarations of `inner` those of the stream header. `default` is the default
    /// namespace.
    pub(super) fn settle(&mut self, tree: &Tree, default: Option<Span>) {
        let outer = |prefix: String, ns: Span| Outer {
            prefix,
            ns: tree.str(ns).into(),
            place: None,
        };
        self.default = default.map(|ns| outer(String::new(), ns));
        self.outer = self
            .inner
            .drain(..)
            .map(|inner| outer(inner.prefix, inner.ns))
            .collect();
    }

    /// Forgets the declarations of the stream header, and declares this default namespace instead.
    pub(super) fn replace_with_default(&mut self, ns: &str) {
        self.outer.clear();
        self.default = (!ns.is_empty()).then(|| Outer {
            prefix: String::new(),
            ns: ns.into(),
            place: None,
        });
    }

    /// The default namespace that the stream header declared.
    pub(super) fn default_ns(&self) -> &str {
        self.default.as_ref().map_or("", |outer| &outer.ns)
    }

    /// The prefixes that the stream header declared.
    pub(super) fn declared(&self) -> impl Iterator<Item = (&str, &str)> {
        self.outer
            .iter()
            .map(|outer| (outer.prefix.as_str(), outer.ns.as_str()))
    }

    /// Forgets what belonged to the last tree.
    pub(super) fn start_tree(&mut self) {
        self.inner.clear();
        for outer in self.default.iter_mut().chain(&mut self.outer) {
            outer.place = None;
        }
    }

    /// The default namespace of the stream, added to `tree`.
    pub(super) fn outer_default(&mut self, tree: &mut Tree) -> Span {
        self.default
            .as_mut()
            .map_or(Span::NONE, |outer| outer.place_in(tree))
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.inner.len())
    }

    pub(super) fn return_to(&mut self, mark: Mark) {
        self.inner.truncate(mark.0);
    }

    pub(super) fn depth(&self) -> usize {
        self.inner.len()
    }

    /// Declares a prefix on the element whose declarations begin at `mark`.
    pub(super) fn declare(&mut self, mark: Mark, prefix: &str, ns: Span) -> Result<(), ReadError> {
        let own = self.inner.get(mark.0..).unwrap_or_default();
        if own.iter().any(|inner| inner.prefix == prefix) {
            return Err(not_well_formed("a prefix is declared twice"));
        }
        self.inner.push(Inner {
            prefix: prefix.into(),
            ns,
        });
        Ok(())
    }

    /// The namespace of a prefix, added to `tree`.
    pub(super) fn resolve(&mut self, prefix: &str, tree: &mut Tree) -> Result<Span, ReadError> {
        if prefix == "xml" {
            return Ok(tree.push_ns(XML_NS));
        }
        if let Some(inner) = self.inner.iter().rfind(|inner| inner.prefix == prefix) {
            return Ok(inner.ns);
        }
        self.outer
            .iter_mut()
            .find(|outer| outer.prefix == prefix)
            .map(|outer| outer.place_in(tree))
            .ok_or(not_well_formed("a prefix is not declared"))
    }
}

impl Outer {
    fn place_in(&mut self, tree: &mut Tree) -> Span {
        *self.place.get_or_insert_with(|| tree.push_ns(&self.ns))
    }
}

/// Namespaces in XML 1.0 §3, "Reserved Prefixes and Namespace Names" and "No Prefix Undeclaring".
/// `prefix` is empty for the default namespace.
pub(super) fn check_declaration(prefix: &str, ns: &str) -> Result<(), ReadError> {
    if prefix == "xmlns" || (prefix == "xml") != (ns == XML_NS) || ns == XMLNS_NS {
        return Err(not_well_formed("a reserved prefix or namespace"));
    }
    if ns.is_empty() && !prefix.is_empty() {
        return Err(not_well_formed("a prefix is bound to no namespace"));
    }
    Ok(())
}

fn not_well_formed(detail: &'static str) -> ReadError {
    ReadError::new(ReadErrorKind::NotWellFormed, detail)
}
