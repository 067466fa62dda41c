//! Stream headers.

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::WriteError;
use crate::escape::{self, Context, Unspeakable, is_ncname};
use crate::ns::{STREAMS_NS, XML_NS, XMLNS_NS};

/// A stream header: the XML declaration and the start tag of the root element (RFC 6120 §4.2,
/// §4.7).
///
/// The values are those received, neither checked nor prepared.
///
/// ```
/// use xmppwire_xml::StreamHeader;
///
/// let mut header = StreamHeader::new("jabber:client");
/// header.to = Some("example.org".into());
/// header.version = Some("1.0".into());
///
/// let mut out = Vec::new();
/// header.write(&mut out).unwrap();
/// assert_eq!(
///     String::from_utf8(out).unwrap(),
///     "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
///      xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0'>"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamHeader {
    /// The `to` attribute (§4.7.2).
    pub to: Option<String>,
    /// The `from` attribute (§4.7.1).
    pub from: Option<String>,
    /// The `id` attribute (§4.7.3).
    pub id: Option<String>,
    /// The `version` attribute (§4.7.5).
    pub version: Option<String>,
    /// The `xml:lang` attribute (§4.7.4). The reader keeps a language tag of RFC 5646 of up to 35
    /// bytes and drops any other value, so that a server does not copy it onto stanzas.
    pub lang: Option<String>,
    /// The content namespace, which the root declares as the default namespace (§4.8.2). Empty if
    /// the root declares none, or the stream namespace: then each stanza declares its own.
    pub content_ns: String,
    /// The prefix of the root element, `stream` by custom (§4.8.5). Empty in a received header
    /// whose default namespace is the stream namespace; such a header cannot be written.
    pub prefix: String,
    /// The other prefixes that the root declares, with their namespaces.
    pub(crate) prefixes: Vec<(String, String)>,
}

impl StreamHeader {
    /// Largest number of bytes that a received header may declare for the stanzas that follow.
    ///
    /// Each namespace except that of streams counts with its special characters escaped, plus 16
    /// bytes for the declaration. The limit exists because a stanza as short as `<p:a/>` can make a
    /// server write such a namespace. A header over the limit is a
    /// [`PolicyViolation`](crate::ReadErrorKind::PolicyViolation).
    pub const MAX_DECLARED_BYTES: usize = 1024;

    /// A header with its namespaces and no attributes.
    pub fn new(content_ns: &str) -> Self {
        Self {
            to: None,
            from: None,
            id: None,
            version: None,
            lang: None,
            content_ns: content_ns.into(),
            prefix: "stream".into(),
            prefixes: Vec::new(),
        }
    }

    /// The prefixes that the root declares besides its own, with their namespaces.
    pub fn prefixes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.prefixes
            .iter()
            .map(|(prefix, ns)| (prefix.as_str(), ns.as_str()))
    }

    /// Declares one more prefix on the root, as server dialback does with `db` for
    /// `jabber:server:dialback`. A later declaration of a prefix replaces an earlier one.
    pub fn declare_prefix(&mut self, prefix: &str, ns: &str) {
        self.prefixes.retain(|(known, _)| known != prefix);
        self.prefixes.push((prefix.into(), ns.into()));
    }

    /// Appends the XML declaration (§11.5) and the start tag to `out`.
    ///
    /// # Errors
    ///
    /// If a value has a character that XML cannot carry, if a prefix is not a name or is already in
    /// use, or if a namespace must not be declared. `out` is then unchanged.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let start = out.len();
        let result = self.write_parts(out);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    fn write_parts(&self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        if self.prefix.is_empty() {
            // Without a prefix the stream namespace would be the default namespace of the content
            // (RFC 6120 §4.8.5).
            return Err(WriteError::InvalidName);
        }
        out.extend_from_slice(b"<?xml version='1.0'?><");
        out.extend_from_slice(self.prefix.as_bytes());
        out.extend_from_slice(b":stream");
        if !self.content_ns.is_empty() {
            declare(out, "", &self.content_ns)?;
        }
        declare(out, &self.prefix, STREAMS_NS)?;
        for (prefix, ns) in &self.prefixes {
            if *prefix == self.prefix || prefix.is_empty() {
                return Err(WriteError::InvalidName);
            }
            declare(out, prefix, ns)?;
        }
        for (name, value) in [
            ("from", &self.from),
            ("to", &self.to),
            ("id", &self.id),
            ("version", &self.version),
            ("xml:lang", &self.lang),
        ] {
            if let Some(value) = value {
                attribute(out, name, value)?;
            }
        }
        out.push(b'>');
        Ok(())
    }
}

fn declare(out: &mut Vec<u8>, prefix: &str, ns: &str) -> Result<(), WriteError> {
    // Namespaces in XML 1.0 §3 reserves these prefixes and namespaces.
    if ns.is_empty() || ns == XML_NS || ns == XMLNS_NS {
        return Err(WriteError::UndeclarableNamespace);
    }
    if prefix.is_empty() {
        return attribute(out, "xmlns", ns);
    }
    if !is_ncname(prefix) || prefix == "xml" || prefix == "xmlns" {
        return Err(WriteError::InvalidName);
    }
    out.extend_from_slice(b" xmlns:");
    out.extend_from_slice(prefix.as_bytes());
    quoted(out, ns)
}

fn attribute(out: &mut Vec<u8>, name: &str, value: &str) -> Result<(), WriteError> {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    quoted(out, value)
}

fn quoted(out: &mut Vec<u8>, value: &str) -> Result<(), WriteError> {
    out.extend_from_slice(b"='");
    escape::write(out, value, Context::Attribute, Unspeakable::Refuse)?;
    out.push(b'\'');
    Ok(())
}
