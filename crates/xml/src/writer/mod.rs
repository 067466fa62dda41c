//! Writes elements.
//!
//! [`Writer`] knows the stream, [`job`] writes the tags of one element and its content, and
//! [`names`] finds the prefixes and declares the namespaces, [`in_scope`] has those that the tree
//! itself declares.

mod in_scope;
mod job;
mod names;
mod open;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use self::job::write;
use self::names::Scope;
use crate::element::ElementRef;
use crate::error::WriteError;
use crate::escape::Unspeakable;
use crate::header::StreamHeader;

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
    header: Declared,
}

/// What the header declares. The usual headers need no memory of their own.
#[derive(Clone, Debug)]
enum Declared {
    /// One of the usual content namespaces, and `stream` as the only prefix.
    Usual(Usual),
    Unusual(Box<Unusual>),
}

/// The content namespaces of RFC 6120 §4.8.2 and XEP-0114 §2.
#[derive(Clone, Copy, Debug)]
enum Usual {
    Client,
    Server,
    Component,
}

impl Usual {
    const ALL: [Self; 3] = [Self::Client, Self::Server, Self::Component];

    const fn content_ns(self) -> &'static str {
        match self {
            Self::Client => "jabber:client",
            Self::Server => "jabber:server",
            Self::Component => "jabber:component:accept",
        }
    }
}

#[derive(Clone, Debug)]
struct Unusual {
    content_ns: String,
    /// The root's prefix, which is that of the stream namespace.
    root: String,
    /// The other prefixes that the root declares, with their namespaces.
    prefixes: Vec<(String, String)>,
    /// New prefixes start with `ns` and so many underscores; none that the root declares does.
    underscores: usize,
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
        let taken = |start: &str| {
            let mut others = header.prefixes.iter();
            header.prefix.starts_with(start) || others.any(|(known, _)| known.starts_with(start))
        };
        let mut made_up = String::from("ns");
        while taken(&made_up) {
            made_up.push('_');
        }
        let underscores = made_up.len().saturating_sub("ns".len());
        let mut usual = Usual::ALL.into_iter();
        let usual = usual.find(|usual| usual.content_ns() == header.content_ns);
        let alone = header.prefix == "stream" && header.prefixes.is_empty();
        let header = match usual.filter(|_| alone) {
            Some(usual) => Declared::Usual(usual),
            None => Declared::Unusual(Box::new(Unusual {
                content_ns: header.content_ns.clone(),
                root: header.prefix.clone(),
                prefixes: header.prefixes.clone(),
                underscores,
            })),
        };
        Self { header }
    }

    /// Appends an element to `out`.
    ///
    /// The content of an element from a [`Reader`](crate::Reader) that was not changed since is
    /// copied byte by byte where that means the same: attributes of the element itself may have
    /// been changed, as by a server that stamps an address.
    ///
    /// A prefix that an element declared where it was read is declared there again, because content
    /// may use it in values (RFC 6120 §8.4), and names of its namespace have it; but elements in the
    /// content namespace have no prefix (§4.8.5).
    ///
    /// Any other namespace is declared on the elements that need it. If that takes more bytes than
    /// the declarations took on the wire, all of them move to the outermost element and get prefixes.
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
        let scope = match &self.header {
            Declared::Usual(usual) => Scope {
                default: usual.content_ns(),
                root: Some(self.root()),
                others: &[],
                underscores: 0,
                offset: 0,
            },
            Declared::Unusual(unusual) => Scope {
                default: &unusual.content_ns,
                root: Some(self.root()),
                others: &unusual.prefixes,
                underscores: unusual.underscores,
                offset: 0,
            },
        };
        write(out, element, scope, Unspeakable::Refuse)
    }

    /// Appends the end tag of the stream to `out`.
    pub fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</");
        out.extend_from_slice(self.root().as_bytes());
        out.extend_from_slice(b":stream>");
    }

    /// The prefix of the root.
    fn root(&self) -> &str {
        match &self.header {
            Declared::Usual(_) => "stream",
            Declared::Unusual(unusual) => &unusual.root,
        }
    }
}

/// Writes an element as an XML document, whatever it has.
pub(crate) fn to_xml(element: ElementRef<'_>) -> String {
    let scope = Scope {
        default: "",
        root: None,
        others: &[],
        underscores: 0,
        offset: 0,
    };
    let mut out = Vec::new();
    // This mode refuses nothing.
    let _ = write(&mut out, element, scope, Unspeakable::Show);
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server has a writer for each connection.
    #[test]
    fn writers_of_usual_headers_hold_no_memory() {
        for ns in ["jabber:client", "jabber:server", "jabber:component:accept"] {
            assert!(matches!(Writer::new(ns).header, Declared::Usual(_)), "{ns}");
        }
    }
}
