//! Writing elements.

use alloc::string::String;
use alloc::vec::Vec;

use crate::element::{ElementRef, Node, Span, Tree};
use crate::error::WriteError;
use crate::escape::{self, Context, Unspeakable, is_ncname};
use crate::header::StreamHeader;
use crate::ns::{STREAMS_NS, XML_NS, XMLNS_NS};

/// Writes elements to a stream whose header was sent.
///
/// It declares only what the header did not: an element in the content namespace has neither prefix
/// nor declaration, one in the stream namespace has the stream's prefix, and any other declares its
/// namespace as the default for itself and its content.
///
/// ```
/// use xmppwire_xml::{Element, STREAMS_NS, Writer};
///
/// let features = Element::builder("features", STREAMS_NS)
///     .open("starttls", "urn:ietf:params:xml:ns:xmpp-tls")
///     .open("required", "urn:ietf:params:xml:ns:xmpp-tls")
///     .build();
///
/// let mut out = Vec::new();
/// let writer = Writer::new("jabber:client");
/// writer.element(&mut out, features.root()).unwrap();
/// assert_eq!(
///     String::from_utf8(out).unwrap(),
///     "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>\
///      <required/></starttls></stream:features>"
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Writer {
    content_ns: String,
    /// The root's prefix, then the others that it declares, with their namespaces.
    prefixes: Vec<(String, String)>,
    /// The start of new prefixes; none of the above starts with it.
    made_up: String,
}

impl Writer {
    /// A writer for a stream with a header of [`StreamHeader::new`] with the same namespace: the
    /// root's prefix is `stream`.
    pub fn new(content_ns: &str) -> Self {
        Self::for_header(&StreamHeader::new(content_ns))
    }

    /// A writer for the stream that `header` starts. It must be the header that was sent, not the
    /// one received.
    pub fn for_header(header: &StreamHeader) -> Self {
        let mut prefixes = Vec::with_capacity(1 + header.prefixes.len());
        prefixes.push((header.prefix.clone(), STREAMS_NS.into()));
        prefixes.extend(header.prefixes.iter().cloned());
        let mut made_up = String::from("ns");
        while prefixes
            .iter()
            .any(|(prefix, _)| prefix.starts_with(&*made_up))
        {
            made_up.push('_');
        }
        Self {
            content_ns: header.content_ns.clone(),
            prefixes,
            made_up,
        }
    }

    /// Appends an element to `out`.
    ///
    /// A namespace is declared on the elements that need it. If that takes more bytes than the
    /// declarations took on the wire, all of them move to the outermost element and get prefixes.
    /// With the limit on what a received header declares ([`StreamHeader::MAX_DECLARED_BYTES`])
    /// this bounds what a peer can make a server write: an element from a [`Reader`](crate::Reader)
    /// takes at most 8 times its own bytes plus 2 KiB in any content namespace, also when stamped
    /// with the language of the header and an address of up to 900 bytes.
    ///
    /// # Errors
    ///
    /// If a name is not a name, XML cannot carry a character, or a namespace cannot be declared.
    /// `out` is then unchanged. An element from a [`Reader`](crate::Reader) can be written.
    pub fn element(&self, out: &mut Vec<u8>, element: ElementRef<'_>) -> Result<(), WriteError> {
        let scope = Scope {
            default: &self.content_ns,
            prefixes: &self.prefixes,
            made_up: &self.made_up,
        };
        write(out, element, scope, Unspeakable::Refuse)
    }

    /// Appends the end tag of the stream to `out`.
    pub fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</");
        if let Some((prefix, _)) = self.prefixes.first() {
            out.extend_from_slice(prefix.as_bytes());
        }
        out.extend_from_slice(b":stream>");
    }
}

/// Writes an element as an XML document, whatever it has.
pub(crate) fn to_xml(element: ElementRef<'_>) -> String {
    let scope = Scope {
        default: "",
        prefixes: &[],
        made_up: "ns",
    };
    let mut out = Vec::new();
    // This mode refuses nothing.
    let _ = write(&mut out, element, scope, Unspeakable::Show);
    String::from_utf8(out).unwrap_or_default()
}

/// The declarations around the element.
#[derive(Clone, Copy)]
struct Scope<'a> {
    default: &'a str,
    prefixes: &'a [(String, String)],
    made_up: &'a str,
}

impl<'a> Scope<'a> {
    fn prefix_of(self, ns: &str) -> Option<&'a str> {
        if ns == XML_NS {
            return Some("xml");
        }
        self.prefixes
            .iter()
            .find(|(_, known)| known == ns)
            .map(|(prefix, _)| prefix.as_str())
    }
}

/// Where namespaces are declared that the scope lacks.
enum Style<'a> {
    /// As the default namespace on each element that needs one, as other implementations do.
    Local,
    /// Once on the outermost element, with prefixes: the namespaces, sorted and without duplicates.
    Hoisted(Vec<&'a str>),
}

/// Largest number of bytes that escaping makes of one byte: `'` becomes `&apos;`.
const ESCAPED: usize = 6;

/// Bytes of declarations that any element may take in addition to those of the wire, for namespaces
/// that the peer's stream header declared.
const FREE_DECLARATIONS: usize = 512;

fn write(
    out: &mut Vec<u8>,
    element: ElementRef<'_>,
    scope: Scope<'_>,
    unspeakable: Unspeakable,
) -> Result<(), WriteError> {
    if element.tree.is_overflown() && unspeakable == Unspeakable::Refuse {
        return Err(WriteError::TooLarge);
    }
    let start = out.len();
    let budget = element
        .tree
        .declared()
        .saturating_mul(ESCAPED)
        .saturating_add(FREE_DECLARATIONS);
    let mut job = Job {
        out,
        tree: element.tree,
        scope,
        unspeakable,
        style: Style::Local,
        declarations_left: budget,
        made_up: Vec::new(),
    };
    let mut outcome = job.run(element.index);
    if outcome == Err(Stop::Amplified) {
        job.out.truncate(start);
        job.declarations_left = usize::MAX;
        job.style = Style::Hoisted(job.missing_namespaces(element.index));
        outcome = job.run(element.index);
    }
    outcome.map_err(|stop| {
        job.out.truncate(start);
        match stop {
            Stop::Refused(error) => error,
            // Hoisted declarations have no budget.
            Stop::Amplified => WriteError::TooLarge,
        }
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Refused(WriteError),
    /// Declaring namespaces where they are needed took more bytes than it may: siblings that
    /// alternate between prefixes of the wire would make a small stanza enormous.
    Amplified,
}

impl From<WriteError> for Stop {
    fn from(error: WriteError) -> Self {
        Self::Refused(error)
    }
}

struct Job<'a, 'o> {
    out: &'o mut Vec<u8>,
    tree: &'a Tree,
    scope: Scope<'a>,
    unspeakable: Unspeakable,
    style: Style<'a>,
    declarations_left: usize,
    /// The namespaces of the current element's attributes that got a new prefix.
    made_up: Vec<&'a str>,
}

/// An element whose end tag is not written yet.
struct Open<'a> {
    end: u32,
    /// The place of its name with its prefix in the output.
    name_start: usize,
    name_len: usize,
    /// Its namespace, if that is the default namespace in its content.
    default_span: Option<Span>,
    /// The default namespace in its content.
    default: &'a str,
}

#[derive(Clone, Copy)]
enum Prefix<'a> {
    None,
    Known(&'a str),
    MadeUp(usize),
}

impl<'a> Job<'a, '_> {
    fn run(&mut self, top: u32) -> Result<(), Stop> {
        let tree = self.tree;
        let end = tree.node(top).map_or(top, |node| node.end());
        let mut open: Vec<Open<'a>> = Vec::with_capacity(8);
        let mut index = top;
        while let Some(node) = tree.node(index).filter(|_| index < end) {
            self.close_until(&mut open, index);
            if node.is_text() {
                let text = tree.content(&node);
                escape::write(self.out, text, Context::Text, self.unspeakable)?;
                index = node.end();
                continue;
            }
            let tag = self.start_tag(&node, open.last(), index == top)?;
            index = node.content();
            if tag.end > index {
                self.out.push(b'>');
                open.push(tag);
            } else {
                self.out.extend_from_slice(b"/>");
            }
        }
        self.close_until(&mut open, end);
        Ok(())
    }

    /// Writes the end tags that are due before the record `index`.
    fn close_until(&mut self, open: &mut Vec<Open<'a>>, index: u32) {
        while let Some(tag) = open.pop_if(|tag| tag.end <= index) {
            self.out.extend_from_slice(b"</");
            let name = tag.name_start..tag.name_start.saturating_add(tag.name_len);
            self.out.extend_from_within(name);
            self.out.push(b'>');
        }
    }

    /// Writes a start tag without its `>`.
    fn start_tag(
        &mut self,
        node: &Node,
        parent: Option<&Open<'a>>,
        is_top: bool,
    ) -> Result<Open<'a>, Stop> {
        let tree = self.tree;
        let name = tree.content(node);
        self.check_name(name)?;
        let mut default = parent.map_or(self.scope.default, |open| open.default);
        let mut default_span = None;
        let mut declared = None;
        let prefix = if parent.is_some_and(|open| open.default_span == Some(node.ns())) {
            default_span = Some(node.ns());
            Prefix::None
        } else {
            let ns = tree.str(node.ns());
            if ns == default {
                default_span = Some(node.ns());
                Prefix::None
            } else if let Some(prefix) = self.prefix_of(ns) {
                prefix
            } else {
                default = ns;
                default_span = Some(node.ns());
                declared = Some(ns);
                Prefix::None
            }
        };
        self.out.push(b'<');
        let name_start = self.out.len();
        self.qualified_name(prefix, name);
        let name_len = self.out.len().saturating_sub(name_start);
        if let Some(ns) = declared {
            self.declare(None, ns)?;
        }
        if is_top {
            self.declare_hoisted()?;
        }
        if node.attr_count() > 0 {
            self.attributes(node)?;
        }
        Ok(Open {
            end: node.end(),
            name_start,
            name_len,
            default_span,
            default,
        })
    }

    fn attributes(&mut self, node: &Node) -> Result<(), Stop> {
        let tree = self.tree;
        self.made_up.clear();
        for attr in tree.attrs(node) {
            let name = tree.str(attr.name);
            self.check_name(name)?;
            let prefix = if attr.ns.is_empty() {
                if name == "xmlns" && self.unspeakable == Unspeakable::Refuse {
                    return Err(WriteError::InvalidName.into());
                }
                Prefix::None
            } else {
                self.attribute_prefix(tree.str(attr.ns))?
            };
            self.out.push(b' ');
            self.qualified_name(prefix, name);
            self.quoted(tree.str(attr.value))?;
        }
        Ok(())
    }

    /// The prefix of an attribute. The default namespace does not apply to attributes.
    fn attribute_prefix(&mut self, ns: &'a str) -> Result<Prefix<'a>, Stop> {
        if let Some(prefix) = self.prefix_of(ns) {
            return Ok(prefix);
        }
        let known = self.made_up.iter().position(|known| *known == ns);
        let number = match known {
            Some(number) => number,
            None => {
                self.made_up.push(ns);
                let number = self.made_up.len().saturating_sub(1);
                self.declare(Some(number), ns)?;
                number
            }
        };
        Ok(Prefix::MadeUp(number))
    }

    /// The prefix of a namespace in the scope or among the hoisted.
    fn prefix_of(&self, ns: &str) -> Option<Prefix<'a>> {
        if let Some(prefix) = self.scope.prefix_of(ns) {
            return Some(Prefix::Known(prefix));
        }
        match &self.style {
            Style::Local => None,
            Style::Hoisted(hoisted) => hoisted.binary_search(&ns).ok().map(Prefix::MadeUp),
        }
    }

    /// The namespaces that the subtree needs and the scope lacks.
    fn missing_namespaces(&self, top: u32) -> Vec<&'a str> {
        let tree = self.tree;
        let end = tree.node(top).map_or(top, |node| node.end());
        let mut spans = Vec::new();
        let mut index = top;
        while let Some(node) = tree.node(index).filter(|_| index < end) {
            index = node.end();
            if !node.is_text() {
                index = node.content();
                let of_attrs = tree.attrs(&node).map(|attr| attr.ns);
                spans.extend(of_attrs.chain([node.ns()]));
            }
        }
        spans.sort_unstable_by_key(|span| (span.start, span.len));
        spans.dedup();
        let mut missing: Vec<&str> = spans.into_iter().map(|span| tree.str(span)).collect();
        missing.retain(|ns| !ns.is_empty() && self.scope.prefix_of(ns).is_none());
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Declares the hoisted namespaces.
    fn declare_hoisted(&mut self) -> Result<(), Stop> {
        let Style::Hoisted(hoisted) = &mut self.style else {
            return Ok(());
        };
        let hoisted = core::mem::take(hoisted);
        for (number, ns) in hoisted.iter().enumerate() {
            self.declare(Some(number), ns)?;
        }
        self.style = Style::Hoisted(hoisted);
        Ok(())
    }

    /// Writes a namespace declaration, for the new prefix `number` or as the default.
    fn declare(&mut self, number: Option<usize>, ns: &str) -> Result<(), Stop> {
        if ns == XMLNS_NS && self.unspeakable == Unspeakable::Refuse {
            return Err(WriteError::UndeclarableNamespace.into());
        }
        let start = self.out.len();
        match number {
            None => self.out.extend_from_slice(b" xmlns"),
            Some(number) => {
                self.out.extend_from_slice(b" xmlns:");
                self.made_up_prefix(number);
            }
        }
        self.quoted(ns)?;
        self.declarations_left = self
            .declarations_left
            .checked_sub(self.out.len().saturating_sub(start))
            .ok_or(Stop::Amplified)?;
        Ok(())
    }

    fn qualified_name(&mut self, prefix: Prefix<'_>, name: &str) {
        match prefix {
            Prefix::None => {}
            Prefix::Known(prefix) => {
                self.out.extend_from_slice(prefix.as_bytes());
                self.out.push(b':');
            }
            Prefix::MadeUp(number) => {
                self.made_up_prefix(number);
                self.out.push(b':');
            }
        }
        self.out.extend_from_slice(name.as_bytes());
    }

    fn made_up_prefix(&mut self, number: usize) {
        self.out.extend_from_slice(self.scope.made_up.as_bytes());
        // Prefixes count from one.
        let number = alloc::format!("{}", number.saturating_add(1));
        self.out.extend_from_slice(number.as_bytes());
    }

    fn quoted(&mut self, value: &str) -> Result<(), Stop> {
        self.out.extend_from_slice(b"='");
        escape::write(self.out, value, Context::Attribute, self.unspeakable)?;
        self.out.push(b'\'');
        Ok(())
    }

    /// Checks a name if the tree has a bad one. Names are checked when they are added to a tree.
    fn check_name(&self, name: &str) -> Result<(), WriteError> {
        let must_look = self.tree.has_bad_names() && self.unspeakable == Unspeakable::Refuse;
        if must_look && !is_ncname(name) {
            return Err(WriteError::InvalidName);
        }
        Ok(())
    }
}
