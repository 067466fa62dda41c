//! The start tag of the root, which holds for all stanzas.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::header::RootTag;
use crate::escape::{self, Context, Unspeakable};
use crate::ns::STREAMS_NS;

/// The start tag of the root: its name and what it declares, without its attributes.
pub(super) struct Root {
    tag: Cow<'static, str>,
    /// The name with its prefix ends here.
    name_end: u32,
    /// The prefix ends here. 0 if there is none.
    prefix_end: u32,
    /// The place of the default namespace, unless it has characters that are escaped.
    default: Option<(u32, u32)>,
    /// The default namespace of a text that is no stream, which declares nothing else.
    text_ns: Option<Box<TextNs>>,
}

/// In a box of its own, because streams have none.
struct TextNs(String);

/// What most streams have, which needs no memory: the default namespace, and the tag.
const USUAL: [(&str, &str); 2] = [
    (
        "jabber:client",
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
    ),
    (
        "jabber:server",
        "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>",
    ),
];

/// Where the prefix and the name end and where the default namespace begins in a tag of [`USUAL`].
const USUAL_PREFIX_END: u32 = 7;
const USUAL_NAME_END: u32 = 14;
const USUAL_DEFAULT: u32 = 22;

impl Root {
    /// The start tag without its attributes.
    pub(super) fn new(root: &RootTag<'_>) -> Self {
        let is_usual = root.prefix == "stream"
            && root.name == "stream"
            && matches!(*root.declared, [("stream", STREAMS_NS)]);
        let usual = USUAL.into_iter().find(|(ns, _)| *ns == root.default_ns);
        if let Some((ns, tag)) = usual.filter(|_| is_usual) {
            return Self {
                tag: tag.into(),
                name_end: USUAL_NAME_END,
                prefix_end: USUAL_PREFIX_END,
                default: Some((USUAL_DEFAULT, USUAL_DEFAULT.saturating_add(ns.len() as u32))),
                text_ns: None,
            };
        }
        let mut tag = Vec::new();
        tag.push(b'<');
        let mut prefix_end = 0;
        if !root.prefix.is_empty() {
            tag.extend_from_slice(root.prefix.as_bytes());
            prefix_end = tag.len();
            tag.push(b':');
        }
        tag.extend_from_slice(root.name.as_bytes());
        let name_end = tag.len();
        let default = declare(&mut tag, "", root.default_ns);
        for (prefix, ns) in &root.declared {
            declare(&mut tag, prefix, ns);
        }
        tag.push(b'>');
        // All of it was UTF-8.
        let tag = String::from_utf8(tag).unwrap_or_default();
        // The header is shorter than 4 GiB, or places are cut off and lead nowhere.
        let place = (default.start as u32, default.end as u32);
        Self {
            default: (default.len() == root.default_ns.len()).then_some(place),
            tag: tag.into_boxed_str().into_string().into(),
            name_end: name_end as u32,
            prefix_end: prefix_end as u32,
            text_ns: None,
        }
    }

    /// The prefix of the stream namespace. Empty if there is none that the children may use.
    pub(super) fn stream_prefix(&self) -> &str {
        if self.text_ns.is_some() {
            return "";
        }
        let prefix = self.tag.get(1..self.prefix_end as usize);
        prefix.unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The tags that need no memory are those that would be made.
    #[test]
    fn usual_tags() {
        for (ns, tag) in USUAL {
            let root = Root::new(&RootTag {
                prefix: "stream",
                name: "stream",
                default_ns: ns,
                declared: [("stream", STREAMS_NS)].into(),
                ..RootTag::default()
            });
            let mut made = b"<stream:stream".to_vec();
            declare(&mut made, "", ns);
            declare(&mut made, "stream", STREAMS_NS);
            made.push(b'>');
            assert_eq!((root.tag(), tag.as_bytes()), (tag, &*made));
            assert_eq!(root.default_ns(), Some(ns));
            assert_eq!(root.bare_tag(), "<stream:stream>");
            assert_eq!(root.stream_prefix(), "stream");
        }
    }
}
