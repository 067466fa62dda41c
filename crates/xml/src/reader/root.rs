//! The start tag of the root, which holds for all stanzas.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::namespaces::Scope;
use crate::escape::{self, Context, Unspeakable};

/// The start tag of the root: its name and what it declares, without its attributes.
pub(super) struct Root {
    tag: Cow<'static, str>,
    /// The name with its prefix ends here.
    name_end: u32,
    /// The place of the default namespace, unless it has characters that are escaped.
    default: Option<(u32, u32)>,
    /// The default namespace of a text that is no stream, which declares nothing else.
    text_ns: Option<Box<TextNs>>,
}

/// In a box of its own, because streams have none.
struct TextNs(String);

/// What most streams have. They need no memory for it.
const USUAL: [&str; 2] = [
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
    "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>",
];

impl Root {
    /// The start tag with that prefix and name, and with the declarations of `scope`.
    pub(super) fn new(prefix: &str, name: &str, scope: &Scope) -> Self {
        let mut tag = Vec::new();
        tag.push(b'<');
        if !prefix.is_empty() {
            tag.extend_from_slice(prefix.as_bytes());
            tag.push(b':');
        }
        tag.extend_from_slice(name.as_bytes());
        let name_end = tag.len();
        let default_ns = scope.default_ns();
        let default = declare(&mut tag, "", default_ns);
        for (prefix, ns) in scope.declared() {
            declare(&mut tag, prefix, ns);
        }
        tag.push(b'>');
        // All of it was UTF-8.
        let tag = String::from_utf8(tag).unwrap_or_default();
        let usual = USUAL.into_iter().find(|usual| *usual == tag);
        // The header is shorter than 4 GiB, or places are cut off and lead nowhere.
        let place = (default.start as u32, default.end as u32);
        Self {
            default: (default.len() == default_ns.len()).then_some(place),
            tag: match usual {
                Some(usual) => usual.into(),
                None => tag.into_boxed_str().into_string().into(),
            },
            name_end: name_end as u32,
            text_ns: None,
        }
    }

    /// Forgets what the tag declares. `ns` is the default namespace.
    pub(super) fn replace_with_default(&mut self, ns: &str) {
        self.text_ns = Some(Box::new(TextNs(ns.into())));
    }

    /// What replaces the declarations, if something does.
    pub(super) fn text_ns(&self) -> Option<&str> {
        self.text_ns.as_ref().map(|ns| &*ns.0)
    }

    /// The whole tag.
    pub(super) fn tag(&self) -> &str {
        &self.tag
    }

    /// The tag without declarations.
    pub(super) fn bare_tag(&self) -> String {
        let mut tag = String::from(self.tag.get(..self.name_end as usize).unwrap_or_default());
        tag.push('>');
        tag
    }

    /// The default namespace. `None` if it is so unusual that the fast lane does not know it.
    pub(super) fn default_ns(&self) -> Option<&str> {
        if let Some(ns) = self.text_ns() {
            return Some(ns);
        }
        let (start, end) = self.default?;
        self.tag.get(start as usize..end as usize)
    }
}

/// Adds a declaration, and returns the place of the namespace.
fn declare(tag: &mut Vec<u8>, prefix: &str, ns: &str) -> Range<usize> {
    tag.extend_from_slice(b" xmlns");
    if !prefix.is_empty() {
        tag.push(b':');
        tag.extend_from_slice(prefix.as_bytes());
    }
    tag.extend_from_slice(b"='");
    let start = tag.len();
    // This mode refuses nothing.
    let _ = escape::write(tag, ns, Context::Attribute, Unspeakable::Show);
    let place = start..tag.len();
    tag.push(b'\'');
    place
}
