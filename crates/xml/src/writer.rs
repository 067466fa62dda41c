//! Elements to bytes.

use alloc::string::String;
use alloc::vec::Vec;

use crate::element::{ElementRef, NsId, Tree};
use crate::error::WriteError;
use crate::escape::{self, Context, Unspeakable, is_ncname};
use crate::header::StreamHeader;
use crate::ns::{STREAMS_NS, XML_NS, XMLNS_NS};

/// Writes elements into a stream whose header has been sent.
///
/// It knows what the header declared and declares no more than is missing: an
/// element in the content namespace goes out bare, one in the stream namespace
/// with the stream's prefix, and any other declares its namespace as the
/// default for itself and what is inside it.
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
    /// The root's prefix, and then the others that it declares.
    prefixes: Vec<(String, String)>,
    /// What the prefixes made up here start with; none of the above does.
    made_up: String,
}

impl Writer {
    /// For the stream that [`StreamHeader::new`] starts with the same
    /// namespace: the root's prefix is `stream`.
    pub fn new(content_ns: &str) -> Self {
        Self::for_header(&StreamHeader::new(content_ns))
    }

    /// For the stream that `header` starts. It must be the header that was
    /// sent, not the one received.
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
    /// A namespace is declared where an element needs it. Where that would take more bytes than the
    /// declarations of the stanza took on the wire, all of them move to the outermost element and
    /// get prefixes. With the cap on what a stream header declares (see
    /// [`StreamHeader::MAX_DECLARED_BYTES`]) this bounds what a peer can make us write: an element from
    /// a [`Reader`](crate::Reader) takes at most 8 times its own bytes plus 2 KiB, in any content
    /// namespace, stamped with a language of the header and an address of up to 900 bytes.
    ///
    /// # Errors
    ///
    /// If a name is no name, a character is none of XML's or a namespace cannot
    /// be declared. `out` is then as it was. An element from a
    /// [`Reader`](crate::Reader) that was not changed has none of these.
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

/// An element as a document of its own, whatever is in it.
pub(crate) fn to_xml(element: ElementRef<'_>) -> String {
    let scope = Scope {
        default: "",
        prefixes: &[],
        made_up: "ns",
    };
    let mut out = Vec::new();
    // Nothing is refused in this mode.
    let _ = write(&mut out, element, scope, Unspeakable::Show);
    String::from_utf8(out).unwrap_or_default()
}

/// What is declared around the element to be written.
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

/// Where the namespaces that the scope lacks are declared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// As the default on each element that needs it, as everybody on the
    /// network does.
    Local,
    /// Once on the outermost element, with prefixes.
    Hoisted,
}

/// Bytes that one byte becomes when it is escaped, at most: `'` to `&apos;`.
const ESCAPED: usize = 6;

/// Bytes of declarations that any element may take, beyond what it took on the wire. They pay for
/// namespaces that the peer's stream header declared.
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
    let mut outcome = Err(Stop::Amplified);
    for style in [Style::Local, Style::Hoisted] {
        if outcome == Err(Stop::Amplified) {
            out.truncate(start);
            outcome = Job {
                out,
                tree: element.tree,
                scope,
                unspeakable,
                style,
                declarations_left: element
                    .tree
                    .declared()
                    .saturating_mul(ESCAPED)
                    .saturating_add(FREE_DECLARATIONS),
                made_up: Vec::new(),
            }
            .run(element.index);
        }
    }
    outcome.map_err(|stop| {
        out.truncate(start);
        match stop {
            Stop::Refused(error) => error,
            // Hoisted declarations are written once each.
            Stop::Amplified => WriteError::TooLarge,
        }
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Refused(WriteError),
    /// Declaring namespaces where they are used takes more bytes than it took on the wire: siblings
    /// that alternate between namespaces bound to prefixes make a small stanza enormous.
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
    style: Style,
    declarations_left: usize,
    /// The namespaces of the current element's attributes that got a prefix.
    made_up: Vec<NsId>,
}

/// An element whose end tag is still to come.
struct Open<'a> {
    end: u32,
    prefix: Prefix<'a>,
    name: &'a str,
    /// The default namespace inside it.
    default: &'a str,
}

#[derive(Clone, Copy)]
enum Prefix<'a> {
    None,
    Known(&'a str),
    MadeUp(u32),
}

impl<'a> Job<'a, '_> {
    fn run(&mut self, top: u32) -> Result<(), Stop> {
        let end = self.tree.node(top).map_or(top, |node| node.end());
        let mut open: Vec<Open<'a>> = Vec::with_capacity(8);
        for index in top..end {
            self.close_until(&mut open, index);
            let Some(node) = self.tree.node(index) else {
                break;
            };
            if node.is_text() {
                let text = self.tree.content(node);
                escape::write(self.out, text, Context::Text, self.unspeakable)?;
                continue;
            }
            let default = open.last().map_or(self.scope.default, |open| open.default);
            let element = ElementRef {
                tree: self.tree,
                index,
            };
            let tag = self.start_tag(element, default, index == top)?;
            if tag.end > index.saturating_add(1) {
                self.out.push(b'>');
                open.push(tag);
            } else {
                self.out.extend_from_slice(b"/>");
            }
        }
        self.close_until(&mut open, end);
        Ok(())
    }

    /// Writes the end tags that are due before the node `index`.
    fn close_until(&mut self, open: &mut Vec<Open<'a>>, index: u32) {
        while let Some(tag) = open.pop_if(|tag| tag.end <= index) {
            self.out.extend_from_slice(b"</");
            self.qualified_name(tag.prefix, tag.name);
            self.out.push(b'>');
        }
    }

    /// Writes a start tag up to, but without, its `>`.
    fn start_tag(
        &mut self,
        element: ElementRef<'a>,
        default: &'a str,
        is_top: bool,
    ) -> Result<Open<'a>, Stop> {
        let node = self.tree.node(element.index);
        let ns_id = node.map_or(NsId::NONE, |node| node.ns());
        let ns = element.ns();
        let name = element.name();
        self.check_name(name)?;
        let mut inner_default = default;
        let mut declares = false;
        let prefix = if ns == default {
            Prefix::None
        } else if let Some(prefix) = self.scope.prefix_of(ns) {
            Prefix::Known(prefix)
        } else if self.style == Style::Hoisted && ns_id != NsId::NONE {
            Prefix::MadeUp(ns_id.number())
        } else {
            inner_default = ns;
            declares = true;
            Prefix::None
        };
        self.out.push(b'<');
        self.qualified_name(prefix, name);
        if declares {
            self.declare(None, ns)?;
        }
        self.made_up.clear();
        if is_top && self.style == Style::Hoisted {
            self.hoist(element.index)?;
        }
        self.attributes(element)?;
        Ok(Open {
            end: node.map_or(0, |node| node.end()),
            prefix,
            name,
            default: inner_default,
        })
    }

    fn attributes(&mut self, element: ElementRef<'a>) -> Result<(), Stop> {
        let Some(node) = self.tree.node(element.index) else {
            return Ok(());
        };
        for attr in self.tree.attrs(node) {
            let name = self.tree.attr_name(attr);
            let ns = self.tree.ns(attr.ns());
            self.check_name(name)?;
            if ns.is_empty() && name == "xmlns" && self.unspeakable == Unspeakable::Refuse {
                return Err(WriteError::InvalidName.into());
            }
            let prefix = if ns.is_empty() {
                Prefix::None
            } else if let Some(prefix) = self.scope.prefix_of(ns) {
                Prefix::Known(prefix)
            } else {
                // An attribute without a prefix has no namespace, so the
                // default namespace is of no use to it.
                if self.style == Style::Local && !self.made_up.contains(&attr.ns()) {
                    self.made_up.push(attr.ns());
                    self.declare(Some(attr.ns().number()), ns)?;
                }
                Prefix::MadeUp(attr.ns().number())
            };
            self.out.push(b' ');
            self.qualified_name(prefix, name);
            self.quoted(self.tree.attr_value(attr))?;
        }
        Ok(())
    }

    /// Declares every namespace that the subtree needs and the scope lacks.
    fn hoist(&mut self, top: u32) -> Result<(), Stop> {
        let end = self.tree.node(top).map_or(top, |node| node.end());
        let mut needed = alloc::vec![false; self.tree.namespace_count().saturating_add(1)];
        for node in (top..end).filter_map(|index| self.tree.node(index)) {
            let of_attrs = self.tree.attrs(node).iter().map(|attr| attr.ns());
            for ns in of_attrs.chain((!node.is_text()).then(|| node.ns())) {
                if let Some(entry) = needed.get_mut(ns.number() as usize) {
                    *entry = true;
                }
            }
        }
        for ns in self.tree.namespace_ids() {
            let is_needed = needed.get(ns.number() as usize).copied().unwrap_or(false);
            if is_needed && self.scope.prefix_of(self.tree.ns(ns)).is_none() {
                self.declare(Some(ns.number()), self.tree.ns(ns))?;
            }
        }
        Ok(())
    }

    /// Writes a namespace declaration: for the prefix made up for `number`, or
    /// the default.
    fn declare(&mut self, number: Option<u32>, ns: &str) -> Result<(), Stop> {
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
        if self.style == Style::Local {
            self.declarations_left = self
                .declarations_left
                .checked_sub(self.out.len().saturating_sub(start))
                .ok_or(Stop::Amplified)?;
        }
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

    fn made_up_prefix(&mut self, number: u32) {
        let prefix = alloc::format!("{}{number}", self.scope.made_up);
        self.out.extend_from_slice(prefix.as_bytes());
    }

    fn quoted(&mut self, value: &str) -> Result<(), Stop> {
        self.out.extend_from_slice(b"='");
        escape::write(self.out, value, Context::Attribute, self.unspeakable)?;
        self.out.push(b'\'');
        Ok(())
    }

    /// Names are checked when they come into a tree; only one that has a bad
    /// name somewhere needs to be searched for it.
    fn check_name(&self, name: &str) -> Result<(), WriteError> {
        let must_look = self.tree.has_bad_names() && self.unspeakable == Unspeakable::Refuse;
        if must_look && !is_ncname(name) {
            return Err(WriteError::InvalidName);
        }
        Ok(())
    }
}
