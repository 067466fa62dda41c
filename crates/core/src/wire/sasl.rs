//! SASL data inside XML elements (RFC 6120 §6.4.2, §13.9.1).

use alloc::string::String;
use alloc::vec::Vec;

use xmppwire_sasl::wire::{self, DecodeError};
use xmppwire_xml::Element;

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

/// The text of a challenge or response.
pub(crate) fn encode(data: &[u8]) -> String {
    match data {
        [] => String::new(),
        data => wire::encode(data),
    }
}
