//! Changes to the root of a finished element, and copies.
//!
//! Only the root can be changed. Forwarding needs to stamp an address on a stanza and to add an
//! error or a delay, and other changes of a table are not cheap.

use alloc::vec::Vec;

use super::namespaces::Recent;
use super::records::{Attribute, Span};
use super::tree::Tree;

use super::{Element, ElementRef, NodeRef};
use crate::ns::XML_NS;

impl Element {
    /// Sets an attribute of the root that has no namespace, or removes it with `None`.
    ///
    /// ```
    /// # use xmppwire_xml::Element;
    /// let mut message = Element::builder("message", "jabber:client")
    ///     .attr("from", "mallory@example.org")
    ///     .build();
    /// message.set_attr("from", Some("juliet@example.org/balcony"));
    /// assert_eq!(message.attr("from"), Some("juliet@example.org/balcony"));
    /// message.set_attr("from", None);
    /// assert_eq!(message.attr("from"), None);
    /// ```
    pub fn set_attr(&mut self, name: &str, value: Option<&str>) {
        self.set_attr_ns(name, "", value);
    }

    /// Sets an attribute of the root in a namespace, or removes it with `None`.
    pub fn set_attr_ns(&mut self, name: &str, ns: &str, value: Option<&str>) {
        let ns = self.tree.push_ns(ns);
        self.tree.set_attr(0, name, ns, value);
    }

    /// Adds a copy of `child` as the last child of the root.
    pub fn append<'a>(&mut self, child: impl Into<ElementRef<'a>>) {
        let child = child.into();
        self.tree.touch_content();
        self.tree.copy_from(child.tree, child.index);
        self.tree.close(0);
    }

    /// Changes the namespace of the root from `from` to `to`, and that of its descendants which are
    /// reached through elements of these two namespaces only. The content of other elements keeps
    /// its namespaces.
    ///
    /// A server does this to a stanza when it moves it from one content namespace to another (RFC
    /// 6120 §4.8.3). A stanza quoted in a payload must not change.
    ///
    /// Elements already in `to` change to `from`. Without this swap a peer could hide an element
    /// that only the next server would read as part of the stanza. Changing back restores the
    /// element.
    ///
    /// ```
    /// # use xmppwire_xml::Element;
    /// let mut message = Element::builder("message", "jabber:client")
    ///     .open("body", "jabber:client").text("Hi").close()
    ///     .build();
    /// message.requalify("jabber:client", "jabber:server");
    /// assert_eq!(message.to_xml(), "<message xmlns='jabber:server'><body>Hi</body></message>");
    /// ```
    pub fn requalify(&mut self, from: &str, to: &str) {
        self.tree.requalify(from, to);
    }

    /// Removes the child elements of the root for which `keep` returns false, each with its content.
    /// Text of the root stays.
    ///
    /// ```
    /// # use xmppwire_xml::Element;
    /// let mut message = Element::builder("message", "jabber:client")
    ///     .open("body", "jabber:client").text("Hi").close()
    ///     .open("body", "jabber:client").lang("de").text("Hallo").close()
    ///     .build();
    /// message.retain_children(|child| child.lang() != Some("de"));
    /// assert_eq!(message.to_xml(), "<message xmlns='jabber:client'><body>Hi</body></message>");
    /// ```
    pub fn retain_children(&mut self, mut keep: impl FnMut(ElementRef<'_>) -> bool) {
        let kept: Vec<bool> = self.children().map(&mut keep).collect();
        if kept.iter().all(|kept| *kept) {
            return;
        }
        let mut builder = Self::builder(self.name(), self.ns());
        for attr in self.attrs() {
            builder = builder.attr_ns(attr.name, attr.ns, attr.value);
        }
        let mut kept = kept.into_iter();
        for node in self.nodes() {
            match node {
                NodeRef::Text(text) => builder = builder.text(text),
                NodeRef::Element(child) if kept.next().unwrap_or(true) => {
                    builder = builder.append(child);
                }
                NodeRef::Element(_) => {}
            }
        }
        let old = core::mem::replace(self, builder.build());
        self.tree.keep_root(&old.tree);
    }

    /// Adds text at the end of the root's content.
    pub fn append_text(&mut self, text: &str) {
        self.tree.append_root_text(text);
    }
}

impl Tree {
    /// Sets an attribute of the element `index`, or removes it. The element is open or the root.
    pub(super) fn set_attr(&mut self, index: u32, name: &str, ns: Span, value: Option<&str>) {
        let is_it = |tree: &Self, attr: Attribute| {
            tree.is(attr.name, name) && tree.is(attr.ns, tree.str(ns))
        };
        if let Some(value) = value
            && self.replace_value(index, value, is_it)
        {
            return;
        }
        self.remove_attrs(index, is_it);
        if let Some(value) = value {
            if !ns.is_empty() && self.str(ns) != XML_NS {
                self.count_declaration(ns);
            }
            self.push_attr(index, name, ns, value);
        }
    }

    fn requalify(&mut self, from: &str, to: &str) {
        let Some(root) = self.node(0).filter(|root| self.str(root.ns()) == from) else {
            return;
        };
        let old = root.ns();
        self.touch_content();
        let new = self.push_ns(to);
        let mut place = 0;
        while let Some(node) = self.node(place) {
            place = node.content().max(place.saturating_add(1));
            if node.is_text() {
                place = node.end();
                continue;
            }
            match self.str(node.ns()) {
                ns if ns == from => self.set_ns(node.index, new),
                ns if ns == to => self.set_ns(node.index, old),
                _ => place = node.end().max(place),
            }
        }
    }

    /// Adds text at the end of the root.
    fn append_root_text(&mut self, string: &str) {
        self.touch_content();
        let joins = self.ends_in_root_text();
        self.push_text(joins, string);
        self.close(0);
    }

    /// Whether the last record is text that lies directly in the root.
    fn ends_in_root_text(&self) -> bool {
        let mut is_text = false;
        let mut place = self.node(0).map_or(0, |root| root.content());
        while let Some(node) = self.node(place) {
            is_text = node.is_text();
            place = node.end();
        }
        is_text
    }

    /// Copies a subtree of `source` to the end of this tree.
    pub(super) fn copy_from(&mut self, source: &Self, index: u32) {
        let Some(top) = source.node(index) else {
            return;
        };
        self.bad_names |= source.bad_names;
        self.overflown |= source.overflown;
        self.declared = self.declared.saturating_add(source.declared);
        let base = self.len();
        let mut recent = Recent::default();
        let mut place = index;
        while let Some(node) = source.node(place).filter(|_| place < top.end()) {
            if node.is_text() {
                self.push_text(false, source.content(&node));
                place = node.end();
                continue;
            }
            let ns = recent.intern(self, source.str(node.ns()));
            let copy = self.open_checked(source.content(&node), ns);
            for attr in source.attrs(&node) {
                let ns = recent.intern(self, source.str(attr.ns));
                let (name, value) = (source.str(attr.name), source.str(attr.value));
                self.push_attr_checked(copy, name, ns, value);
            }
            self.set_size(copy, node.size());
            debug_assert!(node.content() > place, "a record has a word");
            place = node.content();
        }
        self.keep_from(source, index, top.end(), base);
        debug_assert!(self.overflown || self.len().saturating_sub(base) == top.size());
    }
}
