//! Typed payloads: every type of [`xso`] goes straight in and out of the [`Element`]s of
//! [`xmppwire`], without text in between. `xmpp-parsers` has such types for about 70 extensions
//! ([`parsers`]), and `#[derive(FromXml, AsXml)]` makes more.
//!
//! ```
//! use xmppwire::{Element, Iq, Message};
//! use xmppwire_xso::parsers::chatstates::ChatState;
//! use xmppwire_xso::parsers::delay::Delay;
//! use xmppwire_xso::parsers::version::{VersionQuery, VersionResult};
//! use xmppwire_xso::{IqExt, StanzaExt};
//!
//! // What a stanza carries.
//! let message = Message::chat("romeo@example.net", "Ciao")?.with(&ChatState::Active)?;
//! assert_eq!(message.get::<ChatState>()?, Some(ChatState::Active));
//! assert_eq!(message.get::<Delay>()?, None);
//!
//! // What a request asks, and its answer.
//! let request = Iq::get_with("v1", &VersionQuery)?;
//! let _: VersionQuery = request.parse()?;
//! let answer = request.result_with(&VersionResult {
//!     name: "Exodus".into(),
//!     version: "0.7".into(),
//!     os: None,
//! })?;
//! # let _ = answer;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Errors
//!
//! A payload that arrives can be anything, so reading one gives a [`Result`]. Its [`Error`] is a
//! value to look at, never a reason to end the stream. Answer a request with its
//! [condition](Error::condition).
//!
//! # Limits
//!
//! What arrived has passed the limits of the stream ([`xmppwire::XmlLimits`]) before it comes here.
//! Reading and writing need no stack for the depth of an element, but types of others may, so
//! elements of more than [`MAX_DEPTH`] levels are refused in both directions.
//!
//! # Addresses
//!
//! The types of `xmpp-parsers` hold addresses of the crate `jid`. Both crates make theirs from a
//! text: `xmppwire::Jid::new(theirs.as_str())` and `parsers::jid::Jid::new(ours.as_str())`.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod read;
mod stanza;
mod write;

pub use xso;

/// The payload types of xmpp-parsers.
#[cfg(feature = "xmpp-parsers")]
pub use xmpp_parsers as parsers;

use xmppwire::{Element, ElementRef};
use xso::{AsXml, FromXml};

pub use error::Error;
pub use stanza::{IqExt, StanzaExt};

/// The number of levels that an element may have, itself included.
pub const MAX_DEPTH: usize = 256;

/// Reads a typed value from an element.
///
/// # Errors
///
/// [`Error::Mismatch`] if it is an element of another type, others if its content is wrong.
///
/// ```
/// use xmppwire::Element;
/// use xmppwire_xso::parsers::delay::Delay;
///
/// let element: Element = "<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/>".parse()?;
/// let delay: Delay = xmppwire_xso::from_element(&element)?;
/// assert_eq!(delay.from, None);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn from_element<'a, T: FromXml>(element: impl Into<ElementRef<'a>>) -> Result<T, Error> {
    read::read(element.into(), None)
}

/// Makes an element of a typed value.
///
/// # Errors
///
/// [`Error::NotOne`] if the value is not exactly one element, as an empty `Vec` is;
/// [`Error::Invalid`] if it has no form in XML; [`Error::TooDeep`].
pub fn to_element<T: AsXml + ?Sized>(value: &T) -> Result<Element, Error> {
    write::write(value)
}
