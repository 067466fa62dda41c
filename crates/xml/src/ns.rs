//! The namespaces that XML and XMPP Core themselves reserve.

/// The namespace of the prefix `xml`, as in `xml:lang` (Namespaces in XML 1.0 §3).
pub const XML_NS: &str = "http://www.w3.org/XML/1998/namespace";

/// The namespace of namespace declarations. It cannot be declared, and no element can be in it
/// (Namespaces in XML 1.0 §3).
pub(crate) const XMLNS_NS: &str = "http://www.w3.org/2000/xmlns/";

/// The namespace of the stream's root element, of `<features/>` and of `<error/>` (RFC 6120
/// §4.8.1).
pub const STREAMS_NS: &str = "http://etherx.jabber.org/streams";
