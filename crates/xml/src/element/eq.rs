//! Equality of elements.
//!
//! Both trees hold their records in document order, text is never next to text and no attribute
//! occurs twice, so two walks side by side decide.

use super::records::{Attribute, Node};
use super::tree::Tree;

use super::{Element, ElementRef};

impl PartialEq for ElementRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        let (Some(left), Some(right)) = (self.tree.node(self.index), other.tree.node(other.index))
        else {
            return false;
        };
        if left.size() != right.size() {
            return false;
        }
        // Equal elements have equal records, so both walks make the same steps.
        let mut step = 0;
        while step < left.size() {
            let places = (
                self.index.saturating_add(step),
                other.index.saturating_add(step),
            );
            let (Some(a), Some(b)) = (self.tree.node(places.0), other.tree.node(places.1)) else {
                return false;
            };
            if !same_node(self.tree, &a, other.tree, &b) {
                return false;
            }
            let next = if a.is_text() { a.end() } else { a.content() };
            debug_assert!(next > places.0, "a record has a word");
            step = next.saturating_sub(self.index);
        }
        true
    }
}

impl Eq for ElementRef<'_> {}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.root() == other.root()
    }
}

impl Eq for Element {}

impl PartialEq<Element> for ElementRef<'_> {
    fn eq(&self, other: &Element) -> bool {
        *self == other.root()
    }
}

impl PartialEq<ElementRef<'_>> for Element {
    fn eq(&self, other: &ElementRef<'_>) -> bool {
        self.root() == *other
    }
}

/// Compares two nodes and how far their subtrees reach; what is in these comes later in the walk.
fn same_node(a: &Tree, left: &Node, b: &Tree, right: &Node) -> bool {
    left.size() == right.size()
        && a.content(left) == b.content(right)
        && (left.is_text() || a.str(left.ns()) == b.str(right.ns()))
        && same_attributes(a, left, b, right)
}

fn same_attributes(a: &Tree, left: &Node, b: &Tree, right: &Node) -> bool {
    left.attr_count() == right.attr_count()
        && a.attrs(left).zip(b.attrs(right)).all(|(x, y)| {
            // Mostly they come in the same order; only otherwise a search is needed.
            let same = |y: Attribute| {
                a.str(x.name) == b.str(y.name)
                    && a.str(x.ns) == b.str(y.ns)
                    && a.str(x.value) == b.str(y.value)
            };
            same(y) || b.attrs(right).any(same)
        })
}
