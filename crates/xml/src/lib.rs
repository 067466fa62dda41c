//! The XML of XMPP streams (RFC 6120 §11), sans I/O.
//!
//! An XMPP stream is one XML document that lasts as long as the connection (RFC 6120 §4).
//! [`Reader`] takes its bytes as they arrive and returns the [`StreamHeader`], each complete child
//! of the root as an [`Element`], the white space between them, and the end. [`Writer`] writes
//! elements.
//!
//! ```
//! use xmppwire_xml::{Event, XmlLimits, Reader};
//!
//! let mut reader = Reader::new(XmlLimits::default());
//! let mut input: &[u8] = b"<?xml version='1.0'?>\
//!     <stream:stream xmlns='jabber:client' version='1.0' \
//!     xmlns:stream='http://etherx.jabber.org/streams'>\
//!     <message to='romeo@example.net'><body>Good night</body></message> <presen";
//!
//! let Some(Event::Header(header)) = reader.read(&mut input)? else { panic!() };
//! assert_eq!(header.version.as_deref(), Some("1.0"));
//!
//! let Some(Event::Element(message)) = reader.read(&mut input)? else { panic!() };
//! assert_eq!(message.child("body", "jabber:client").unwrap().text(), "Good night");
//! // The reader took nothing after the element: here TLS could begin.
//! assert_eq!(input, b" <presen");
//!
//! assert!(matches!(reader.read(&mut input)?, Some(Event::Whitespace(1))));
//! assert!(reader.read(&mut input)?.is_none());
//! assert!(input.is_empty() && !reader.is_idle());
//! # Ok::<(), xmppwire_xml::ReadError>(())
//! ```
//!
//! The reader refuses what RFC 6120 §11.1 restricts, and everything that a peer can make grow has
//! one of the [`XmlLimits`]. An error carries its stream error condition ([`ReadErrorKind`]) and is
//! final.
//!
//! The crate does not know stanzas, addresses or negotiation. It needs `alloc`, not `std`.

#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

mod element;
mod error;
mod escape;
mod header;
mod lang;
mod limits;
mod ns;
mod reader;
mod writer;

pub use element::{Attr, Attrs, Children, Element, ElementBuilder, ElementRef, NodeRef, Nodes};
pub use error::{ParseError, ReadError, ReadErrorKind, WriteError};
pub use header::StreamHeader;
pub use lang::is_language_tag;
pub use limits::XmlLimits;
pub use ns::{STREAMS_NS, XML_NS};
pub use reader::{Event, Reader};
pub use writer::Writer;
