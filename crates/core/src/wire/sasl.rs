//! SASL data inside XML elements (RFC 6120 §6.4.2, §13.9.1; XEP-0388 §2.2).

use alloc::string::String;
use alloc::vec::Vec;

use xmppwire_sasl::wire::{self, DecodeError};
use xmppwire_xml::{Element, ElementRef};

use crate::negotiation::Phase;
use crate::ns;

/// The way in which SASL travels in XML. One exchange uses one of them from its begin to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// That of RFC 6120 §6, after which the stream is restarted.
    Sasl,
    /// SASL2 (XEP-0388), only under TLS.
    Sasl2,
}

impl Profile {
    /// The namespace of its elements.
    pub(crate) const fn ns(self) -> &'static str {
        match self {
            Self::Sasl => ns::SASL,
            Self::Sasl2 => ns::SASL2,
        }
    }

    /// The phase while an exchange is under way.
    pub(crate) const fn phase(self) -> Phase {
        match self {
            Self::Sasl => Phase::Sasl,
            Self::Sasl2 => Phase::Sasl2,
        }
    }

    /// An element without content, such as `<abort/>`.
    pub(crate) fn empty(self, name: &str) -> Element {
        Element::builder(name, self.ns()).build()
    }

    /// `<challenge/>` or `<response/>` with its data.
    pub(crate) fn message(self, name: &str, data: &[u8]) -> Element {
        Element::builder(name, self.ns())
            .text(&encode(data))
            .build()
    }

    /// The data of `<challenge/>` or `<response/>`.
    pub(crate) fn data(self, element: &Element) -> Result<Vec<u8>, DecodeError> {
        match self {
            Self::Sasl => data(element),
            Self::Sasl2 => decode2(element.root()),
        }
    }

    /// The additional data of `<success/>` or `<continue/>`.
    pub(crate) fn additional_data(self, element: &Element) -> Result<Option<Vec<u8>>, DecodeError> {
        match self {
            Self::Sasl => optional_data(element),
            Self::Sasl2 => child_data(element.root(), "additional-data"),
        }
    }
}

/// The data in a child of an element of SASL2. Where the child is missing there are none, and an
/// empty child has data of length zero (XEP-0388 §2.2).
pub(crate) fn child_data(
    element: ElementRef<'_>,
    name: &str,
) -> Result<Option<Vec<u8>>, DecodeError> {
    element.child(name, ns::SASL2).map(decode2).transpose()
}

/// The data of an element of SASL2, in which `=` has no special meaning.
fn decode2(element: ElementRef<'_>) -> Result<Vec<u8>, DecodeError> {
    match element.text() {
        text if text == "=" => Err(DecodeError::Padding),
        text => wire::decode(&text),
    }
}

/// The data of a challenge or response. An empty element has data of length zero.
pub(crate) fn data(element: &Element) -> Result<Vec<u8>, DecodeError> {
    optional_data(element).map(Option::unwrap_or_default)
}

/// The data of `<auth/>` or `<success/>`. An empty element has no data, and `=` stands for data of
/// length zero (RFC 6120 §6.4.2, §6.4.6).
pub(crate) fn optional_data(element: &Element) -> Result<Option<Vec<u8>>, DecodeError> {
    match element.text() {
        text if text.is_empty() => Ok(None),
        text => wire::decode(&text).map(Some),
    }
}

/// The text of a challenge or response, and of every element of SASL2 with data.
pub(crate) fn encode(data: &[u8]) -> String {
    match data {
        [] => String::new(),
        data => wire::encode(data),
    }
}
