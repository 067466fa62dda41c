//! Reading elements.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use super::Element;
use super::records::{AttrIter, Node};
use super::tree::Tree;

use crate::lang;
use crate::ns::XML_NS;
use crate::writer;

/// A cursor on one element of an [`Element`]. It is cheap to copy, and what it returns lives as
/// long as the `Element`.
#[derive(Clone, Copy)]
pub struct ElementRef<'a> {
    pub(crate) tree: &'a Tree,
    /// The record of an element, never of text.
    pub(crate) index: u32,
}

/// One node of an element's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeRef<'a> {
    /// A child element.
    Element(ElementRef<'a>),
    /// A run of text before, between or after child elements. Never empty and never next to another
    /// run.
    Text(&'a str),
}

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr<'a> {
    /// The local name.
    pub name: &'a str,
    /// The namespace, which is empty for an attribute without a prefix.
    pub ns: &'a str,
    /// The value, with references resolved.
    pub value: &'a str,
}

impl<'a> ElementRef<'a> {
    #[inline]
    fn node(self) -> Option<Node> {
        self.tree.node(self.index)
    }

    /// The local name.
    pub fn name(self) -> &'a str {
        self.node().map_or("", |node| self.tree.content(&node))
    }

    /// The namespace, empty if there is none.
    pub fn ns(self) -> &'a str {
        self.node().map_or("", |node| self.tree.str(node.ns()))
    }

    /// Whether this is the element `name` of the namespace `ns`.
    pub fn is(self, name: &str, ns: &str) -> bool {
        self.node().is_some_and(|node| {
            !node.is_text() && self.tree.is(node.span, name) && self.tree.is(node.ns(), ns)
        })
    }

    /// The value of the attribute `name` that has no namespace.
    pub fn attr(self, name: &str) -> Option<&'a str> {
        let node = self.node()?;
        let mut attrs = self.tree.attrs(&node);
        let attr = attrs.find(|attr| attr.ns.is_empty() && self.tree.is(attr.name, name))?;
        Some(self.tree.str(attr.value))
    }

    /// The value of the attribute `name` of the namespace `ns`.
    pub fn attr_ns(self, name: &str, ns: &str) -> Option<&'a str> {
        let node = self.node()?;
        let mut attrs = self.tree.attrs(&node);
        let attr = attrs.find(|attr| self.tree.is(attr.name, name) && self.tree.is(attr.ns, ns))?;
        Some(self.tree.str(attr.value))
    }

    /// The element's own `xml:lang`, not an inherited one. `None` if it has none, or if its value
    /// is neither empty (XML 1.0 §2.12) nor a language tag of RFC 5646 of up to 35 bytes, which is
    /// all that RFC 6120 §8.1.5 allows. [`attr_ns`](Self::attr_ns) returns any value.
    pub fn lang(self) -> Option<&'a str> {
        self.attr_ns("lang", XML_NS)
            .filter(|tag| tag.is_empty() || lang::is_language_tag(tag))
    }

    /// All attributes, without namespace declarations.
    pub fn attrs(self) -> Attrs<'a> {
        Attrs {
            tree: self.tree,
            rest: self
                .node()
                .map(|node| self.tree.attrs(&node))
                .unwrap_or_default(),
        }
    }

    /// The child elements and the text between them, in order.
    pub fn nodes(self) -> Nodes<'a> {
        Nodes {
            tree: self.tree,
            next: self.node().map_or(0, |node| node.content()),
            end: self.node().map_or(0, |node| node.end()),
        }
    }

    /// The child elements, in order.
    pub fn children(self) -> Children<'a> {
        Children {
            nodes: self.nodes(),
        }
    }

    /// The first child element `name` of the namespace `ns`.
    pub fn child(self, name: &str, ns: &str) -> Option<Self> {
        self.children().find(|child| child.is(name, ns))
    }

    /// The first child element.
    pub fn first_child(self) -> Option<Self> {
        self.children().next()
    }

    /// The element's own text, without that of child elements. Borrowed unless child elements
    /// divide it.
    pub fn text(self) -> Cow<'a, str> {
        let mut runs = self.runs();
        let first = runs.next().unwrap_or_default();
        match runs.next() {
            None => Cow::Borrowed(first),
            Some(second) => {
                let mut joined = String::from(first);
                joined.push_str(second);
                joined.extend(runs);
                Cow::Owned(joined)
            }
        }
    }

    /// Whether the element has text of its own.
    pub fn has_text(self) -> bool {
        self.runs().next().is_some()
    }

    fn runs(self) -> impl Iterator<Item = &'a str> {
        self.nodes().filter_map(|node| match node {
            NodeRef::Text(text) => Some(text),
            NodeRef::Element(_) => None,
        })
    }

    /// Copies this element with its content.
    pub fn to_element(self) -> Element {
        if self.index == 0 {
            return Element::from_tree(self.tree.clone());
        }
        let mut tree = Tree::default();
        tree.copy_from(self.tree, self.index);
        Element::from_tree(tree)
    }

    /// The element as an XML document, for logs and tests.
    ///
    /// It shows everything: a character that XML cannot carry appears as a reference that parsers
    /// refuse, such as `&#x0;`. Use [`Writer`](crate::Writer) for the wire.
    pub fn to_xml(self) -> String {
        writer::to_xml(self)
    }
}

impl fmt::Debug for ElementRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_xml())
    }
}

/// The attributes of an element: see [`ElementRef::attrs`].
#[derive(Clone)]
pub struct Attrs<'a> {
    tree: &'a Tree,
    rest: AttrIter<'a>,
}

impl<'a> Iterator for Attrs<'a> {
    type Item = Attr<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let attr = self.rest.next()?;
        Some(Attr {
            name: self.tree.str(attr.name),
            ns: self.tree.str(attr.ns),
            value: self.tree.str(attr.value),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

impl ExactSizeIterator for Attrs<'_> {}

/// The content of an element: see [`ElementRef::nodes`].
#[derive(Clone)]
pub struct Nodes<'a> {
    tree: &'a Tree,
    next: u32,
    end: u32,
}

impl<'a> Iterator for Nodes<'a> {
    type Item = NodeRef<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let index = self.next;
        let node = self.tree.node(index)?;
        self.next = node.end();
        Some(if node.is_text() {
            NodeRef::Text(self.tree.content(&node))
        } else {
            NodeRef::Element(ElementRef {
                tree: self.tree,
                index,
            })
        })
    }
}

/// The child elements of an element: see [`ElementRef::children`].
#[derive(Clone)]
pub struct Children<'a> {
    nodes: Nodes<'a>,
}

impl<'a> Iterator for Children<'a> {
    type Item = ElementRef<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.nodes.find_map(|node| match node {
            NodeRef::Element(element) => Some(element),
            NodeRef::Text(_) => None,
        })
    }
}

macro_rules! debug_as_list {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.clone()).finish()
            }
        }
    )*};
}

debug_as_list!(Attrs, Nodes, Children);
