//! Prefixes, and the declarations of namespaces.

use alloc::string::String;
use alloc::vec::Vec;

use super::job::{Job, Stop};
use crate::error::WriteError;
use crate::escape::Unspeakable;
use crate::ns::{STREAMS_NS, XML_NS, XMLNS_NS};

/// The declarations around the element.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) default: &'a str,
    /// The prefix of the stream namespace.
    pub(super) root: Option<&'a str>,
    pub(super) others: &'a [(String, String)],
    /// Of new prefixes.
    pub(super) underscores: usize,
    /// Added to the numbers of new prefixes, because the tree declares such prefixes itself.
    pub(super) offset: u64,
}

impl<'a> Scope<'a> {
    pub(super) fn prefix_of(self, ns: &str) -> Option<&'a str> {
        if ns == XML_NS {
            return Some("xml");
        }
        if ns == STREAMS_NS && self.root.is_some() {
            return self.root;
        }
        self.others
            .iter()
            .find(|(_, known)| known == ns)
            .map(|(prefix, _)| prefix.as_str())
    }
}

/// Where namespaces are declared that the scope lacks.
pub(super) enum Style<'a> {
    /// As the default namespace on each element that needs one, as other implementations do.
    Local,
    /// Nowhere: the namespaces are collected, to be hoisted. What is written is thrown away.
    Collected(Vec<&'a str>),
    /// Once on the outermost element, with prefixes: the namespaces, sorted and without duplicates.
    Hoisted(Vec<&'a str>),
}

#[derive(Clone, Copy)]
pub(super) enum Prefix<'a> {
    None,
    Known(&'a str),
    MadeUp(usize),
}

impl<'a> Job<'a, '_> {
    /// The prefix of an attribute. The default namespace does not apply to attributes.
    pub(super) fn attribute_prefix(&mut self, ns: &'a str) -> Result<Prefix<'a>, Stop> {
        if let Some(prefix) = self.prefix_of(ns) {
            return Ok(prefix);
        }
        let known = self.made_up.iter().position(|known| *known == ns);
        let number = match known {
            Some(number) => number,
            None => {
                self.made_up.push(ns);
                let number = self.made_up.len().saturating_sub(1);
                self.declare(Some(number), ns)?;
                number
            }
        };
        Ok(Prefix::MadeUp(number))
    }

    /// The prefix of a namespace in the scope, in the tree or among the hoisted.
    pub(super) fn prefix_of(&mut self, ns: &'a str) -> Option<Prefix<'a>> {
        if ns.is_empty() {
            return None;
        }
        let known = self.scope.prefix_of(ns);
        if let Some(prefix) = known.filter(|prefix| !self.in_scope.hides(prefix, ns)) {
            return Some(Prefix::Known(prefix));
        }
        // Elements of the content namespace have no prefix (RFC 6120 §4.8.5).
        let is_content = self.scope.root.is_some() && ns == self.scope.default;
        if let Some(prefix) = self.in_scope.prefix_of(ns).filter(|_| !is_content) {
            return Some(Prefix::Known(prefix));
        }
        match &mut self.style {
            Style::Local => None,
            Style::Collected(namespaces) => {
                namespaces.push(ns);
                Some(Prefix::MadeUp(0))
            }
            Style::Hoisted(hoisted) => hoisted.binary_search(&ns).ok().map(Prefix::MadeUp),
        }
    }

    /// Hoists the namespaces that were collected.
    pub(super) fn hoist(&mut self) {
        if let Style::Collected(namespaces) = &mut self.style {
            let mut namespaces = core::mem::take(namespaces);
            namespaces.sort_unstable();
            namespaces.dedup();
            self.style = Style::Hoisted(namespaces);
        }
    }

    /// Declares the prefixes that the present element declared where it was read.
    pub(super) fn declare_kept(&mut self) -> Result<(), Stop> {
        for place in self.in_scope.own() {
            let Some((prefix, ns)) = self.in_scope.get(place) else {
                break;
            };
            self.out.extend_from_slice(b" xmlns:");
            self.out.extend_from_slice(prefix.as_bytes());
            self.quoted(ns)?;
        }
        Ok(())
    }

    /// Declares the hoisted namespaces.
    pub(super) fn declare_hoisted(&mut self) -> Result<(), Stop> {
        let Style::Hoisted(hoisted) = &mut self.style else {
            return Ok(());
        };
        let hoisted = core::mem::take(hoisted);
        for (number, ns) in hoisted.iter().enumerate() {
            self.declare(Some(number), ns)?;
        }
        self.style = Style::Hoisted(hoisted);
        Ok(())
    }

    /// Writes a namespace declaration, for the new prefix `number` or as the default.
    pub(super) fn declare(&mut self, number: Option<usize>, ns: &str) -> Result<(), Stop> {
        if ns == XMLNS_NS && self.unspeakable == Unspeakable::Refuse {
            return Err(WriteError::UndeclarableNamespace.into());
        }
        let start = self.out.len();
        match number {
            None => self.out.extend_from_slice(b" xmlns"),
            Some(number) => {
                self.out.extend_from_slice(b" xmlns:");
                self.made_up_prefix(number);
            }
        }
        self.quoted(ns)?;
        self.declarations_left = self
            .declarations_left
            .checked_sub(self.out.len().saturating_sub(start))
            .ok_or(Stop::Amplified)?;
        Ok(())
    }

    #[inline]
    pub(super) fn qualified_name(&mut self, prefix: Prefix<'_>, name: &[u8]) {
        if !matches!(prefix, Prefix::None) {
            self.prefix(prefix);
        }
        self.out.extend_from_slice(name);
    }

    /// Writes a prefix with its colon.
    fn prefix(&mut self, prefix: Prefix<'_>) {
        match prefix {
            Prefix::None => {}
            Prefix::Known(prefix) => {
                self.out.extend_from_slice(prefix.as_bytes());
                self.out.push(b':');
            }
            Prefix::MadeUp(number) => {
                self.made_up_prefix(number);
                self.out.push(b':');
            }
        }
    }

    pub(super) fn made_up_prefix(&mut self, number: usize) {
        self.out.extend_from_slice(b"ns");
        for _ in 0..self.scope.underscores {
            self.out.push(b'_');
        }
        // Prefixes count from one.
        let number = (number as u64).saturating_add(1);
        let number = alloc::format!("{}", number.saturating_add(self.scope.offset));
        self.out.extend_from_slice(number.as_bytes());
    }
}
