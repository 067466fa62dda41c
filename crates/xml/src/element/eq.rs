//! Equality of meaning.
//!
//! Both trees hold their nodes in document order, text is never next to text and
//! no attribute occurs twice, so two walks side by side decide.

use super::tree::{Node, Tree};
use super::{Element, ElementRef};

impl PartialEq for ElementRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        let (Some(left), Some(right)) = (self.tree.node(self.index), other.tree.node(other.index))
        else {
            return false;
        };
        let size = left.end().saturating_sub(self.index);
        if size != right.end().saturating_sub(other.index) {
            return false;
        }
        (0..size).all(|step| {
            let left = self.index.saturating_add(step);
            let right = other.index.saturating_add(step);
            same_node(self.tree, left, other.tree, right)
        })
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

/// Compares two nodes and how far their subtrees reach; what is in these comes
/// later in the walk.
fn same_node(a: &Tree, a_index: u32, b: &Tree, b_index: u32) -> bool {
    let (Some(left), Some(right)) = (a.node(a_index), b.node(b_index)) else {
        return false;
    };
    left.is_text() == right.is_text()
        && left.end().saturating_sub(a_index) == right.end().saturating_sub(b_index)
        && a.content(left) == b.content(right)
        && (left.is_text() || a.ns(left.ns()) == b.ns(right.ns()))
        && same_attributes(a, left, b, right)
}

fn same_attributes(a: &Tree, left: &Node, b: &Tree, right: &Node) -> bool {
    left.attr_count() == right.attr_count()
        && a.attrs(left).iter().zip(b.attrs(right)).all(|(x, y)| {
            // Mostly they come in the same order; only else is a search due.
            let same = |y| {
                a.attr_name(x) == b.attr_name(y)
                    && a.ns(x.ns()) == b.ns(y.ns())
                    && a.attr_value(x) == b.attr_value(y)
            };
            same(y) || b.attrs(right).iter().any(same)
        })
}
