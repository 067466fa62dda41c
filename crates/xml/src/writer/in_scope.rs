//! The prefixes that the elements of the tree declare, at the place that is being written.

use alloc::vec::Vec;
use core::ops::Range;

use crate::element::{Declared, ElementRef, Node, Tree};

/// A prefix that is declared around the present element, or on it.
struct Entry<'a> {
    prefix: &'a str,
    ns: &'a str,
    /// Where the element that declares it ends.
    end: u32,
}

pub(super) struct InScope<'a> {
    tree: &'a Tree,
    /// The declarations of the elements to come, and of all elements.
    rest: &'a [Declared],
    all: &'a [Declared],
    /// The number of the next element, and of the first one.
    next: u32,
    first: u32,
    entries: Vec<Entry<'a>>,
    /// How many of `entries` are of elements around the present one.
    outer: usize,
}

impl<'a> InScope<'a> {
    pub(super) fn new(element: ElementRef<'a>) -> Self {
        let tree = element.tree;
        let mut first = 0;
        let mut all = tree.kept();
        if !all.is_empty() && element.index > 0 {
            first = tree.number(element.index);
            let start = all.partition_point(|declared| declared.element < first);
            all = all.get(start..).unwrap_or_default();
        }
        Self {
            tree,
            rest: all,
            all,
            next: first,
            first,
            entries: Vec::new(),
            outer: 0,
        }
    }

    /// Begins with the first element again.
    pub(super) fn restart(&mut self) {
        self.rest = self.all;
        self.next = self.first;
        self.entries.clear();
        self.outer = 0;
    }

    /// The next element in document order is the present one from now on.
    #[inline]
    pub(super) fn enter(&mut self, node: &Node) {
        if !self.all.is_empty() {
            self.enter_declaring(node);
        }
    }

    fn enter_declaring(&mut self, node: &Node) {
        while self
            .entries
            .last()
            .is_some_and(|entry| entry.end <= node.index())
        {
            self.entries.pop();
        }
        self.outer = self.entries.len();
        while let Some((declared, rest)) = self.rest.split_first() {
            if declared.element != self.next {
                break;
            }
            self.rest = rest;
            self.entries.push(Entry {
                prefix: self.tree.str(declared.prefix),
                ns: self.tree.str(declared.ns),
                end: node.end(),
            });
        }
        self.next = self.next.saturating_add(1);
    }

    /// The places of what the present element declares.
    pub(super) fn own(&self) -> Range<usize> {
        self.outer..self.entries.len()
    }

    pub(super) fn get(&self, place: usize) -> Option<(&'a str, &'a str)> {
        let entry = self.entries.get(place)?;
        Some((entry.prefix, entry.ns))
    }

    /// Whether the tree binds the prefix to another namespace here.
    pub(super) fn hides(&self, prefix: &str, ns: &str) -> bool {
        let nearest = self.entries.iter().rfind(|entry| entry.prefix == prefix);
        nearest.is_some_and(|entry| entry.ns != ns)
    }

    /// The prefix of a namespace, if the tree declares one here.
    pub(super) fn prefix_of(&self, ns: &str) -> Option<&'a str> {
        let mut bound = self.entries.iter().rev().filter(|entry| entry.ns == ns);
        bound
            .find(|entry| !self.hides(entry.prefix, ns))
            .map(|entry| entry.prefix)
    }

    /// The highest number of a prefix in the tree that looks like a made-up one, and 0 if there is
    /// none.
    pub(super) fn highest_made_up(&self) -> u64 {
        let number = |declared: &Declared| -> Option<u64> {
            let digits = self.tree.str(declared.prefix).strip_prefix("ns")?;
            // A longer number is never reached.
            let digits = digits.trim_start_matches('_');
            (digits.len() < 18).then(|| digits.parse().ok()).flatten()
        };
        self.all.iter().filter_map(number).max().unwrap_or(0)
    }
}
