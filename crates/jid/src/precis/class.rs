//! The two string classes (RFC 8264 §4): safe identifiers and free-form text.

use super::context;
use super::derived::Property;
use super::facts::Facts;
use crate::error::Reason;

/// A string class of RFC 8264 §4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// IdentifierClass: letters, digits and printable ASCII (§4.2).
    Identifier,
    /// FreeformClass: spaces, symbols, punctuation and compatibility characters too (§4.3).
    Freeform,
}

impl Class {
    /// Whether the class can contain `c` in some context. The actual context is not checked.
    pub(crate) fn admits(self, c: char) -> Result<(), Reason> {
        self.admit(Facts::of(c).property(), c)
    }

    /// Whether `text` belongs to the class and its contextual characters obey their rules.
    pub(crate) fn check(self, text: &str) -> Result<(), Reason> {
        let mut contextual = false;
        for c in text.chars() {
            let property = Facts::of(c).property();
            self.admit(property, c)?;
            contextual |= property == Property::Contextual;
        }
        if contextual {
            context::check(text)
        } else {
            Ok(())
        }
    }

    fn admit(self, property: Property, c: char) -> Result<(), Reason> {
        match property {
            Property::Valid | Property::Contextual => Ok(()),
            Property::FreeformOnly if self == Self::Freeform => Ok(()),
            Property::FreeformOnly | Property::Disallowed => Err(Reason::Forbidden(c)),
            Property::Unassigned => Err(Reason::Unassigned(c)),
        }
    }
}
