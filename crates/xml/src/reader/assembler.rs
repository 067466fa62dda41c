//! Builds trees from the parser's events, within the limits.

use alloc::vec::Vec;

use rxml::NcName;

use super::namespaces::{Mark, Scope, check_declaration};
use crate::element::{Attribute, Recent, Span, Tree};
use crate::error::{ReadError, ReadErrorKind};
use crate::limits::XmlLimits;

/// Builds one tree after another.
#[derive(Default)]
pub(super) struct Assembler {
    pub(super) scope: Scope,
    tree: Tree,
    recent: Recent,
    /// Nodes of the tree.
    nodes: usize,
    /// Elements of the tree.
    elements: u32,
    /// The open elements, innermost last.
    open: Vec<Open>,
    /// The start tag that is being read.
    tag: Tag,
    /// The last record is text of the innermost element, which more text continues.
    in_text: bool,
    /// Scratch space to find duplicate attributes.
    order: Vec<Attribute>,
}

struct Open {
    index: u32,
    mark: Mark,
    /// The default namespace inside, unless it is that of the stream.
    default: Option<Span>,
}

/// A start tag until its end: an attribute can use a namespace that a later attribute declares.
#[derive(Default)]
struct Tag {
    prefix: Option<NcName>,
    /// The default namespace that this element declares.
    default: Option<Span>,
    /// Attributes and declarations so far.
    attributes: usize,
    /// The attributes that have a prefix: their number, and the prefix.
    prefixes: Vec<(usize, NcName)>,
    /// Attributes so far, without declarations.
    plain: usize,
}

impl Assembler {
    /// How many elements are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Begins a tree.
    pub(super) fn start(&mut self) {
        self.tree = Tree::with_room();
        self.recent = Recent::default();
        self.nodes = 0;
        self.elements = 0;
        self.scope.start_tree();
        self.open.clear();
        self.in_text = false;
    }

    /// The finished tree.
    pub(super) fn take(&mut self) -> Tree {
        self.tree.shrink();
        core::mem::take(&mut self.tree)
    }

    /// Makes the start tag just read that of the stream: its declarations stay in force for all
    /// later trees. Returns its prefix and a tree with its attributes only.
    pub(super) fn settle(&mut self) -> (Option<NcName>, Tree) {
        self.scope.settle(&self.tree, self.tag.default);
        self.open.clear();
        (self.tag.prefix.take(), self.take())
    }

    /// The name of a start tag.
    pub(super) fn open(
        &mut self,
        limits: &XmlLimits,
        prefix: Option<NcName>,
        name: &str,
    ) -> Result<(), ReadError> {
        if self.open.len() >= limits.max_depth {
            return Err(policy("elements are nested too deeply"));
        }
        check_name(limits, prefix.as_ref(), name)?;
        self.check_nodes(limits)?;
        let default = self.open.last().and_then(|parent| parent.default);
        let index = self.tree.open_checked(name, Span::NONE);
        self.nodes = self.nodes.saturating_add(1);
        self.elements = self.elements.saturating_add(1);
        self.open.push(Open {
            index,
            mark: self.scope.mark(),
            default,
        });
        self.in_text = false;
        self.tag.prefix = prefix;
        self.tag.default = None;
        self.tag.attributes = 0;
        self.tag.plain = 0;
        self.tag.prefixes.clear();
        Ok(())
    }

    /// An attribute of a start tag, or a namespace declaration.
    pub(super) fn attribute(
        &mut self,
        limits: &XmlLimits,
        prefix: Option<NcName>,
        name: &str,
        value: &str,
    ) -> Result<(), ReadError> {
        if self.tag.attributes >= limits.max_attributes {
            return Err(policy("an element has too many attributes"));
        }
        self.tag.attributes = self.tag.attributes.saturating_add(1);
        check_name(limits, prefix.as_ref(), name)?;
        if value.len() > limits.max_token_bytes {
            return Err(policy("an attribute value is too long"));
        }
        match prefix {
            None if name == "xmlns" => self.declare_default(value),
            Some(prefix) if prefix == "xmlns" => self.declare_prefix(limits, name, value),
            prefix => {
                if let Some(prefix) = prefix {
                    self.tag.prefixes.push((self.tag.plain, prefix));
                }
                self.tag.plain = self.tag.plain.saturating_add(1);
                let index = self.innermost();
                self.tree.push_attr_checked(index, name, Span::NONE, value);
                Ok(())
            }
        }
    }

    fn declare_default(&mut self, ns: &str) -> Result<(), ReadError> {
        check_declaration("", ns)?;
        if self.tag.default.is_some() {
            return Err(not_well_formed("the default namespace is declared twice"));
        }
        let ns = self.recent.intern(&mut self.tree, ns);
        self.tree.count_declaration(ns);
        self.tag.default = Some(ns);
        Ok(())
    }

    fn declare_prefix(
        &mut self,
        limits: &XmlLimits,
        name: &str,
        ns: &str,
    ) -> Result<(), ReadError> {
        check_declaration(name, ns)?;
        if self.scope.depth() >= limits.max_prefixes {
            return Err(policy("too many prefixes are declared"));
        }
        let Some(open) = self.open.last() else {
            return Ok(());
        };
        let ns = self.recent.intern(&mut self.tree, ns);
        self.tree.keep(self.elements.saturating_sub(1), name, ns);
        self.scope.declare(open.mark, name, ns)
    }

    /// The end of a start tag, where its namespaces are known.
    pub(super) fn head_done(&mut self) -> Result<(), ReadError> {
        let index = self.innermost();
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        open.default = self.tag.default.or(open.default);
        let ns = match &self.tag.prefix {
            None => match open.default {
                Some(ns) => ns,
                None => self.scope.outer_default(&mut self.tree),
            },
            Some(prefix) => self.scope.resolve(prefix, &mut self.tree)?,
        };
        self.tree.set_ns(index, ns);
        for (place, prefix) in &self.tag.prefixes {
            let ns = self.scope.resolve(prefix, &mut self.tree)?;
            self.tree.set_attr_ns(index, *place, ns);
        }
        self.check_duplicates(index)
    }

    /// Attributes must differ after their prefixes are resolved (Namespaces in XML 1.0 §6.3).
    fn check_duplicates(&mut self, index: u32) -> Result<(), ReadError> {
        let Some(node) = self.tree.node(index) else {
            return Ok(());
        };
        let key = |attr: &Attribute| (self.tree.str(attr.name), self.tree.str(attr.ns));
        // Sorting bounds the work whatever the limit on attributes is.
        self.order.clear();
        self.order.extend(self.tree.attrs(&node));
        self.order
            .sort_unstable_by(|left, right| key(left).cmp(&key(right)));
        let twice = self
            .order
            .windows(2)
            .any(|pair| matches!(pair, [left, right] if key(left) == key(right)));
        if twice {
            return Err(not_well_formed("an attribute is given twice"));
        }
        Ok(())
    }

    /// Text, or a part of it.
    pub(super) fn text(&mut self, limits: &XmlLimits, text: &str) -> Result<(), ReadError> {
        if text.is_empty() {
            return Ok(());
        }
        if !self.in_text {
            self.check_nodes(limits)?;
            self.nodes = self.nodes.saturating_add(1);
        }
        self.tree.push_text(self.in_text, text);
        self.in_text = true;
        Ok(())
    }

    /// The end of the innermost element. Returns true if it was the outermost.
    pub(super) fn close(&mut self) -> bool {
        if let Some(open) = self.open.pop() {
            self.tree.close(open.index);
            self.scope.return_to(open.mark);
        }
        self.in_text = false;
        self.open.is_empty()
    }

    fn innermost(&self) -> u32 {
        self.open.last().map_or(0, |open| open.index)
    }

    /// Checks that one more node is allowed. The outermost element does not count.
    fn check_nodes(&self, limits: &XmlLimits) -> Result<(), ReadError> {
        if self.nodes > limits.max_children {
            return Err(policy("a stanza has too many nodes"));
        }
        Ok(())
    }
}

fn check_name(limits: &XmlLimits, prefix: Option<&NcName>, name: &str) -> Result<(), ReadError> {
    let prefix = prefix.map_or(0, |prefix| prefix.len().saturating_add(1));
    if prefix.saturating_add(name.len()) > limits.max_token_bytes {
        return Err(policy("a name is too long"));
    }
    Ok(())
}

fn policy(detail: &'static str) -> ReadError {
    ReadError::new(ReadErrorKind::PolicyViolation, detail)
}

fn not_well_formed(detail: &'static str) -> ReadError {
    ReadError::new(ReadErrorKind::NotWellFormed, detail)
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use crate::element::{Element, STAMP_BYTES, STAMP_WORDS};
    use crate::limits::XmlLimits;
    use crate::reader::{Event, Reader};

    /// An unfinished stanza holds at most a small multiple of the limit on its bytes.
    #[test]
    fn memory_is_bounded_by_the_stanza_limit() {
        let limits = XmlLimits::default();
        let room = limits.max_stanza_bytes - 100;
        let fill = |unit: &str| unit.repeat(room / unit.len());
        let attributes = |count: usize| -> String {
            (0..count).map(|number| format!(" a{number}=''")).collect()
        };
        let many = format!("<b{}/>", attributes(64));
        for content in [
            fill("x"),
            fill("&amp;"),
            "<b/>".repeat(limits.max_children),
            "<b/>x".repeat(limits.max_children / 2),
            fill(&many),
            fill("<b xmlns='uuuuuuuuuuuuuuuuuuuu'/>"),
            fill("<b xmlns:p='u' xmlns:q='v' xmlns:r='w'/>"),
        ] {
            let mut reader = Reader::checked_only(limits);
            let mut header: &[u8] =
                b"<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'>";
            reader.read(&mut header).unwrap();
            let stanza = format!("<a>{content}");
            assert_eq!(reader.read(&mut stanza.as_bytes()), Ok(None));
            let checked = reader.checked.as_ref().unwrap();
            let held = checked.assembler.tree.held();
            assert!(
                held <= 8 * limits.max_stanza_bytes,
                "{held} for {}",
                &stanza[..40]
            );
            assert!(held >= stanza.len() / 8, "the test does not reach its aim");
        }
    }

    /// A finished tree does not keep unused room.
    #[test]
    fn large_finished_trees_are_shrunk() {
        let limits = XmlLimits::default();
        let header = "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'>";
        // One byte more than a power of two leaves the most unused room.
        let stanza = format!("<a>{}</a>", "x".repeat(65_537));
        let input = format!("{header}{stanza}");
        // In the fast lane, whole and in two reads, and in the checked lane.
        for (mut reader, first) in [
            (Reader::new(limits), input.len()),
            (Reader::new(limits), 40_000),
            (Reader::checked_only(limits), input.len()),
        ] {
            let (front, back) = input.as_bytes().split_at(first);
            let mut element = None;
            for mut piece in [front, back] {
                while let Some(event) = reader.read(&mut piece).unwrap() {
                    if let Event::Element(found) = event {
                        element = Some(found);
                    }
                }
            }
            let held = element.expect("the stanza is read").heap_size();
            assert!(held < 66_000, "{held} bytes for {}", stanza.len());
        }
        // The list of prefixes as well.
        let declarations = "<b xmlns:p='u'/>".repeat(1025);
        let content = format!("<a xmlns='u'>{declarations}</a>");
        let element = Element::parse(&content, &limits).unwrap();
        // A copy has no unused room.
        let room = STAMP_BYTES + STAMP_WORDS * size_of::<u32>();
        assert!(element.heap_size() <= element.clone().heap_size() + room);
    }
}
