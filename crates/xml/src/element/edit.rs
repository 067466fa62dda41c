//! Changes to the root of a finished element, and copies.
//!
//! Only the root can be changed: stamping an address on a stanza and adding an
//! error or a delay to it is what forwarding needs, and nothing else in a flat
//! tree is cheap.

use alloc::vec;
use alloc::vec::Vec;

use super::tree::{Attribute, Node, NsId, Tree};
use super::{Element, ElementRef};
use crate::ns::XML_NS;

impl Element {
    /// Sets an attribute of the root that has no namespace, or removes it with
    /// `None`.
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
        self.tree.set_attr(0, name, ns, value);
    }

    /// Adds a copy of `child` as the last child of the root.
    pub fn append<'a>(&mut self, child: impl Into<ElementRef<'a>>) {
        let child = child.into();
        self.tree.copy_from(child.tree, child.index);
        self.tree.close(0);
    }

    /// Moves the root from the namespace `from` to `to`, and with it the descendants that are reached
    /// through elements of these two alone. What lies inside another namespace's element keeps its own.
    ///
    /// A server does that with a stanza that it takes from one content namespace to another (RFC 6120
    /// §4.8.3), and must not do it to a stanza that is quoted in a payload.
    ///
    /// What is of `to` already goes to `from`: it was foreign there and stays so. Else somebody could hide
    /// in a stanza what only the next server takes for a part of it. So nothing is lost either, and the
    /// way back leads to the same element.
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

    /// Adds text at the end of the root's content.
    pub fn append_text(&mut self, text: &str) {
        self.tree.append_root_text(text);
    }
}

impl Tree {
    /// Sets an attribute of the element `index`, or removes it.
    pub(super) fn set_attr(&mut self, index: u32, name: &str, ns: &str, value: Option<&str>) {
        self.remove_attr(index, name, ns);
        if let Some(value) = value {
            let ns = self.intern(ns);
            if ns != NsId::NONE && self.ns(ns) != XML_NS {
                self.count_declaration(ns);
            }
            self.push_attr(index, name, ns, value);
        }
    }

    /// Removes an attribute and sees to it that the others are the last of the
    /// table, where more can follow. If they have to move there, their old
    /// places are lost, which is cheaper than moving everyone else's.
    fn remove_attr(&mut self, index: u32, name: &str, ns: &str) {
        let Some(node) = self.node(index) else {
            return;
        };
        let range = node.attr_range();
        let named = |attr: &Attribute| self.attr_name(attr) == name && self.ns(attr.ns()) == ns;
        let at_end = range.end == self.attrs.len();
        if at_end && !self.attrs(node).iter().any(named) {
            return;
        }
        let kept: Vec<Attribute> = self
            .attrs(node)
            .iter()
            .filter(|attr| !named(attr))
            .copied()
            .collect();
        if at_end {
            self.attrs.truncate(range.start);
        }
        let Some(first) = self.room(self.attrs.len(), kept.len()) else {
            return;
        };
        if let Some(node) = self.nodes.get_mut(index as usize) {
            node.first_attr = first;
            node.attr_count = kept.len() as u32;
        }
        self.attrs.extend(kept);
    }

    fn requalify(&mut self, from: &str, to: &str) {
        if self.node(0).is_none_or(|root| self.ns(root.ns) != from) {
            return;
        }
        let (old, new) = (self.intern(from), self.intern(to));
        let mut place = 0;
        while let Some(node) = self.node(place) {
            let swapped = match self.ns(node.ns) {
                _ if node.is_text() => None,
                ns if ns == from => Some(new),
                ns if ns == to => Some(old),
                // `end` lies behind its node in every tree; the bound is for the eye.
                _ => {
                    place = node.end.max(place + 1);
                    continue;
                }
            };
            if let (Some(ns), Some(node)) = (swapped, self.nodes.get_mut(place as usize)) {
                node.ns = ns;
            }
            place += 1;
        }
    }

    /// Adds text at the end of the root.
    fn append_root_text(&mut self, string: &str) {
        let joins = self.ends_in_root_text();
        self.push_text(joins, string);
        self.close(0);
    }

    /// Whether the last node is text that lies directly in the root.
    fn ends_in_root_text(&self) -> bool {
        let mut last = None;
        let mut child = 1;
        while let Some(node) = self.node(child) {
            last = Some(node);
            child = node.end;
        }
        last.is_some_and(Node::is_text)
    }

    /// Copies a subtree of `source` to the end of this tree.
    pub(super) fn copy_from(&mut self, source: &Self, index: u32) {
        let Some(top) = source.node(index) else {
            return;
        };
        self.bad_names |= source.bad_names;
        self.overflown |= source.overflown;
        self.declared = self.declared.saturating_add(source.declared);
        // Each namespace is copied once, however often it is used.
        let mut known = vec![None; source.namespaces.len()];
        let Some(base) = self.room(self.nodes.len(), (top.end - index) as usize) else {
            return;
        };
        for place in index..top.end {
            let Some(node) = source.node(place) else {
                return;
            };
            if node.is_text() {
                self.push_text(false, source.content(node));
                continue;
            }
            let ns = self.translate(source, node.ns, &mut known);
            let copy = self.open_checked(source.content(node), ns);
            for attr in source.attrs(node) {
                let ns = self.translate(source, attr.ns(), &mut known);
                self.push_attr_checked(copy, source.attr_name(attr), ns, source.attr_value(attr));
            }
            if let Some(copied) = self.nodes.get_mut(copy as usize) {
                copied.end = base.saturating_add(node.end - index);
            }
        }
    }

    fn translate(&mut self, source: &Self, ns: NsId, known: &mut [Option<NsId>]) -> NsId {
        let Some(place) = ns.0.checked_sub(1) else {
            return NsId::NONE;
        };
        match known.get(place as usize) {
            Some(Some(ns)) => *ns,
            _ => {
                let copy = self.intern(source.ns(ns));
                if let Some(entry) = known.get_mut(place as usize) {
                    *entry = Some(copy);
                }
                copy
            }
        }
    }
}
