//! How trees store namespaces.

use super::records::Span;
use super::tree::Tree;
use crate::ns::{STREAMS_NS, XML_NS};

/// Namespaces that are not stored in trees, because most elements are in one of them. Their spans
/// start at [`SHARED_START`] plus their place in this list.
const SHARED: [&str; 5] = [
    XML_NS,
    STREAMS_NS,
    "jabber:client",
    "jabber:server",
    "jabber:component:accept",
];

/// Greater than the length of any text.
pub(super) const SHARED_START: u32 = u32::MAX - 16;

/// The shared namespace of a span that is not in the text.
#[inline]
pub(super) fn shared(span: Span) -> &'static str {
    span.start
        .checked_sub(SHARED_START)
        .and_then(|place| SHARED.get(place as usize))
        .copied()
        .unwrap_or_default()
}

/// The span of a shared namespace.
pub(crate) fn shared_span(ns: &str) -> Option<Span> {
    let place = SHARED.iter().position(|shared| *shared == ns)?;
    Some(Span {
        start: SHARED_START.saturating_add(place as u32),
        len: ns.len() as u32,
    })
}

/// The namespaces used last, so that a tree stores them once and not at every use.
///
/// There are few of them: searching all of many different namespaces would take quadratic time, and
/// storing one twice only costs its bytes.
#[derive(Clone, Default)]
pub(crate) struct Recent {
    spans: [Span; 8],
    next: usize,
}

impl Recent {
    /// The span of `ns` in `tree`, which must be the same tree at every call.
    pub(crate) fn intern(&mut self, tree: &mut Tree, ns: &str) -> Span {
        if ns.is_empty() {
            return Span::NONE;
        }
        if let Some(span) = shared_span(ns) {
            return span;
        }
        let known = self.spans.iter().find(|span| tree.str(**span) == ns);
        if let Some(span) = known {
            return *span;
        }
        let span = tree.push_ns(ns);
        if let Some(slot) = self.spans.get_mut(self.next) {
            *slot = span;
        }
        self.next = self.next.saturating_add(1) % self.spans.len();
        span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree stores the eight namespaces that were used last once each.
    #[test]
    fn namespaces_are_stored_once() {
        let (mut tree, mut recent) = (Tree::default(), Recent::default());
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let first = names.map(|ns| recent.intern(&mut tree, ns));
        let again = names.map(|ns| recent.intern(&mut tree, ns));
        assert!(first == again, "{:?}", tree.text);
        assert_eq!(tree.text, names.concat());
        // One more takes the place of the oldest.
        recent.intern(&mut tree, "i");
        assert!(recent.intern(&mut tree, "b") == first[1]);
        assert!(recent.intern(&mut tree, "a") != first[0]);
    }
}
