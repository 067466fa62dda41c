//! Building elements.

use alloc::vec::Vec;

use super::namespaces::Recent;
use super::records::Span;
use super::tree::Tree;

use super::{Element, ElementRef};
use crate::ns::XML_NS;

/// Builds an [`Element`] from the outside in.
///
/// Attributes, text and children go to the innermost open element, until [`close`](Self::close).
/// Building cannot fail: the builder takes any string, and the [`Writer`](crate::Writer) refuses
/// what XML cannot carry.
///
/// ```
/// use xmppwire_xml::Element;
///
/// let iq = Element::builder("iq", "jabber:client")
///     .attr("type", "result")
///     .attr("id", "b1")
///     .open("bind", "urn:ietf:params:xml:ns:xmpp-bind")
///     .open("jid", "urn:ietf:params:xml:ns:xmpp-bind")
///     .text("juliet@example.org/balcony")
///     .build();
///
/// let bind = iq.first_child().unwrap();
/// assert_eq!(bind.first_child().unwrap().text(), "juliet@example.org/balcony");
/// ```
#[derive(Clone)]
#[must_use]
pub struct ElementBuilder {
    tree: Tree,
    recent: Recent,
    /// The open elements below the root, innermost last.
    open: Vec<u32>,
    /// The last addition was text of the innermost element, which more text continues.
    in_text: bool,
}

impl ElementBuilder {
    pub(super) fn new(name: &str, ns: &str) -> Self {
        let mut tree = Tree::with_room();
        let mut recent = Recent::default();
        let ns = recent.intern(&mut tree, ns);
        tree.open(name, ns);
        tree.count_declaration(ns);
        Self {
            tree,
            recent,
            open: Vec::new(),
            in_text: false,
        }
    }

    /// Sets an attribute without a namespace. A second value for a name replaces the first.
    pub fn attr(self, name: &str, value: &str) -> Self {
        self.attr_ns(name, "", value)
    }

    /// Sets an attribute in a namespace.
    pub fn attr_ns(mut self, name: &str, ns: &str, value: &str) -> Self {
        let current = self.open.last().copied().unwrap_or(0);
        let ns = self.recent.intern(&mut self.tree, ns);
        self.tree.set_attr(current, name, ns, Some(value));
        self
    }

    /// Sets `xml:lang`.
    pub fn lang(self, lang: &str) -> Self {
        self.attr_ns("lang", XML_NS, lang)
    }

    /// Adds text to the innermost open element.
    pub fn text(mut self, text: &str) -> Self {
        if !text.is_empty() {
            self.tree.push_text(self.in_text, text);
            self.in_text = true;
        }
        self
    }

    /// Opens a child element in a namespace. It receives what follows.
    pub fn open(mut self, name: &str, ns: &str) -> Self {
        let ns = self.recent.intern(&mut self.tree, ns);
        if self.ns() != ns {
            self.tree.count_declaration(ns);
        }
        self.open_in(name, ns)
    }

    /// Opens a child element in the namespace of the innermost open element. It receives what
    /// follows.
    ///
    /// ```
    /// use xmppwire_xml::Element;
    ///
    /// let info = Element::builder("query", "http://jabber.org/protocol/disco#info")
    ///     .open_child("identity").attr("category", "client").attr("type", "bot").close()
    ///     .open_child("feature").attr("var", "urn:xmpp:ping").close()
    ///     .build();
    /// assert!(info.child("feature", "http://jabber.org/protocol/disco#info").is_some());
    /// ```
    pub fn open_child(self, name: &str) -> Self {
        let ns = self.ns();
        self.open_in(name, ns)
    }

    /// Adds a child element that holds nothing but text, in the namespace of the innermost open
    /// element.
    ///
    /// ```
    /// use xmppwire_xml::Element;
    ///
    /// let version = Element::builder("query", "jabber:iq:version")
    ///     .text_child("name", "Exodus")
    ///     .text_child("version", "0.7")
    ///     .build();
    /// assert_eq!(version.child("version", "jabber:iq:version").unwrap().text(), "0.7");
    /// ```
    pub fn text_child(self, name: &str, text: &str) -> Self {
        self.open_child(name).text(text).close()
    }

    /// The namespace of the innermost open element.
    fn ns(&self) -> Span {
        let innermost = self.open.last().copied().unwrap_or(0);
        self.tree
            .node(innermost)
            .map_or(Span::NONE, |node| node.ns())
    }

    fn open_in(mut self, name: &str, ns: Span) -> Self {
        let index = self.tree.open(name, ns);
        self.open.push(index);
        self.in_text = false;
        self
    }

    /// Closes the innermost open element. Only [`build`](Self::build) closes the root.
    pub fn close(mut self) -> Self {
        if let Some(index) = self.open.pop() {
            self.tree.close(index);
            self.in_text = false;
        }
        self
    }

    /// Adds a copy of an element with its content.
    pub fn append<'a>(mut self, element: impl Into<ElementRef<'a>>) -> Self {
        let element = element.into();
        self.tree.copy_from(element.tree, element.index);
        self.in_text = false;
        self
    }

    /// Closes what is open and returns the element.
    pub fn build(mut self) -> Element {
        while let Some(index) = self.open.pop() {
            self.tree.close(index);
        }
        self.tree.close(0);
        Element::from_tree(self.tree)
    }
}

impl core::fmt::Debug for ElementBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.clone().build().fmt(f)
    }
}
