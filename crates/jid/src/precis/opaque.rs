//! The profile OpaqueString: RFC 8265 §4.2.

use alloc::string::String;

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

use super::class::Class;
use super::nfc;
use crate::error::Reason;

/// Prepares and enforces: maps every space to U+0020, then applies NFC.
///
/// The class is checked again at the end, because NFC can produce characters that the class does
/// not contain or does not allow in that context: U+0387 becomes U+00B7, which is allowed only
/// between two `l`.
pub(crate) fn enforce(input: &str) -> Result<String, Reason> {
    let mut mapped = String::with_capacity(input.len());
    for c in input.chars() {
        Class::Freeform.admits(c)?;
        mapped.push(if is_space(c) { ' ' } else { c });
    }
    let text = nfc(&mapped).into_owned();
    Class::Freeform.check(&text)?;
    Ok(text)
}

fn is_space(c: char) -> bool {
    CodePointMapData::<GeneralCategory>::new().get(c) == GeneralCategory::SpaceSeparator
}
