//! Elements: their tables, and the ways to read, build and change them.

mod builder;
mod cursor;
mod edit;
mod eq;
mod kept;
mod namespaces;
mod records;
#[cfg(test)]
mod tests;
mod tree;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

pub use builder::ElementBuilder;
pub use cursor::{Attr, Attrs, Children, ElementRef, NodeRef, Nodes};
pub(crate) use kept::Declared;
pub(crate) use namespaces::{Recent, shared_span};
pub(crate) use records::{ATTR_WORDS, Attribute, ELEMENT_WORDS, Node, Span, TEXT_WORDS};
pub(crate) use tree::{STAMP_BYTES, STAMP_WORDS, Tree, declaration_bytes};

use crate::error::ParseError;
use crate::limits::XmlLimits;
use crate::reader::text;

/// An owned element with its attributes and its content.
///
/// Two allocations hold it, however many nodes it has: a text, and a table of records that point
/// into the text. Names are expanded: reading resolves prefixes and namespace declarations. Writing
/// repeats the declarations of prefixes that were read, for content that uses them in values, and
/// makes new ones where they are missing.
///
/// [`ElementRef`], a `Copy` cursor, reads it; the methods of the cursor on the root exist here as
/// well. Two elements are equal if they have the same expanded names, the same attributes in any
/// order and the same content.
///
/// ```
/// use xmppwire_xml::Element;
///
/// let message = Element::builder("message", "jabber:client")
///     .attr("to", "romeo@example.net")
///     .open("body", "jabber:client")
///     .text("Wherefore art thou?")
///     .close()
///     .build();
///
/// assert!(message.is("message", "jabber:client"));
/// assert_eq!(message.attr("to"), Some("romeo@example.net"));
/// let body = message.child("body", "jabber:client").unwrap();
/// assert_eq!(body.text(), "Wherefore art thou?");
/// assert_eq!(
///     message.to_xml(),
///     "<message xmlns='jabber:client' to='romeo@example.net'>\
///      <body>Wherefore art thou?</body></message>"
/// );
/// ```
#[derive(Clone)]
pub struct Element {
    /// Never empty: the first record is the root element.
    tree: Tree,
}

impl Element {
    /// Starts building the element `name` in the namespace `ns`, which is empty for none.
    pub fn builder(name: &str, ns: &str) -> ElementBuilder {
        ElementBuilder::new(name, ns)
    }

    /// Reads a document: one element, which may have white space around it and an XML declaration
    /// before it. [`FromStr`] and `TryFrom<&[u8]>` do so under the default limits.
    ///
    /// The text has to be XML as it is allowed on a stream: UTF-8 without comments, processing
    /// instructions and document types (RFC 6120 §11.1).
    ///
    /// # Errors
    ///
    /// [`ParseError`] with the place, if it is not, or if it exceeds a limit.
    ///
    /// ```
    /// use xmppwire_xml::{Element, XmlLimits};
    ///
    /// let delay: Element = "<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/>".parse()?;
    /// assert!(delay.is("delay", "urn:xmpp:delay"));
    ///
    /// let mut limits = XmlLimits::default();
    /// limits.max_depth = 1;
    /// assert!(Element::parse("<a><b/></a>", &limits).is_err());
    /// # Ok::<_, xmppwire_xml::ParseError>(())
    /// ```
    pub fn parse(text: impl AsRef<[u8]>, limits: &XmlLimits) -> Result<Self, ParseError> {
        text::document(text.as_ref(), limits)
    }

    /// Reads a fragment: any number of elements, with white space around them. Names without a
    /// prefix are in the namespace `ns`, unless the text says otherwise. Each element has the limits
    /// for itself.
    ///
    /// # Errors
    ///
    /// [`ParseError`] as for [`parse`](Self::parse). An XML declaration is an error here.
    ///
    /// ```
    /// use xmppwire_xml::{Element, XmlLimits};
    ///
    /// let log = "<presence/>\n<message><body>Hi</body></message>\n";
    /// let stanzas = Element::parse_fragment(log, "jabber:client", &XmlLimits::default())?;
    /// assert_eq!(stanzas.len(), 2);
    /// assert!(stanzas[1].child("body", "jabber:client").is_some());
    /// # Ok::<_, xmppwire_xml::ParseError>(())
    /// ```
    pub fn parse_fragment(
        text: impl AsRef<[u8]>,
        ns: &str,
        limits: &XmlLimits,
    ) -> Result<Vec<Self>, ParseError> {
        text::fragment(text.as_ref(), ns, limits)
    }

    pub(crate) fn from_tree(tree: Tree) -> Self {
        Self { tree }
    }

    /// A copy in as little memory as it needs, for an element that is kept for long: the text of one
    /// that was read has its markup too.
    #[doc(hidden)]
    #[must_use]
    pub fn compacted(&self) -> Self {
        let mut tree = Tree::default();
        tree.copy_from(&self.tree, 0);
        tree.text.shrink_to_fit();
        tree.words.shrink_to_fit();
        Self::from_tree(tree)
    }

    /// A cursor on the root.
    pub fn root(&self) -> ElementRef<'_> {
        ElementRef {
            tree: &self.tree,
            index: 0,
        }
    }

    /// Bytes of heap memory that the element holds, which is what a queue has to count: the text
    /// and the table of records, with their unused room. An element that was read holds at most a
    /// small multiple of its bytes on the wire.
    ///
    /// ```
    /// use xmppwire_xml::Element;
    ///
    /// let body = Element::builder("body", "jabber:client").text(&"x".repeat(1000)).build();
    /// assert!(body.heap_size() > 1000);
    /// ```
    pub fn heap_size(&self) -> usize {
        self.tree.held()
    }

    /// See [`ElementRef::name`].
    pub fn name(&self) -> &str {
        self.root().name()
    }

    /// See [`ElementRef::ns`].
    pub fn ns(&self) -> &str {
        self.root().ns()
    }

    /// See [`ElementRef::is`].
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.root().is(name, ns)
    }

    /// See [`ElementRef::attr`].
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.root().attr(name)
    }

    /// See [`ElementRef::attr_ns`].
    pub fn attr_ns(&self, name: &str, ns: &str) -> Option<&str> {
        self.root().attr_ns(name, ns)
    }

    /// See [`ElementRef::attrs`].
    pub fn attrs(&self) -> Attrs<'_> {
        self.root().attrs()
    }

    /// See [`ElementRef::lang`].
    pub fn lang(&self) -> Option<&str> {
        self.root().lang()
    }

    /// See [`ElementRef::nodes`].
    pub fn nodes(&self) -> Nodes<'_> {
        self.root().nodes()
    }

    /// See [`ElementRef::children`].
    pub fn children(&self) -> Children<'_> {
        self.root().children()
    }

    /// See [`ElementRef::child`].
    pub fn child(&self, name: &str, ns: &str) -> Option<ElementRef<'_>> {
        self.root().child(name, ns)
    }

    /// See [`ElementRef::first_child`].
    pub fn first_child(&self) -> Option<ElementRef<'_>> {
        self.root().first_child()
    }

    /// See [`ElementRef::text`].
    pub fn text(&self) -> Cow<'_, str> {
        self.root().text()
    }

    /// See [`ElementRef::has_text`].
    pub fn has_text(&self) -> bool {
        self.root().has_text()
    }

    /// See [`ElementRef::to_xml`].
    pub fn to_xml(&self) -> String {
        self.root().to_xml()
    }
}

impl<'a> From<&'a Element> for ElementRef<'a> {
    fn from(element: &'a Element) -> Self {
        element.root()
    }
}

/// Reads a document under the default limits: see [`Element::parse`].
impl FromStr for Element {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text, &XmlLimits::DEFAULT)
    }
}

/// Reads a document under the default limits: see [`Element::parse`].
impl TryFrom<&[u8]> for Element {
    type Error = ParseError;

    fn try_from(text: &[u8]) -> Result<Self, ParseError> {
        Self::parse(text, &XmlLimits::DEFAULT)
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root().fmt(f)
    }
}
