//! PRECIS, the framework for internationalized strings (RFC 8264), and the two profiles that
//! addresses use.

use alloc::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

mod bidi;
pub(crate) mod class;
mod context;
mod derived;
mod facts;
pub(crate) mod opaque;
pub(crate) mod username;

/// Normalization Form C, which both profiles prescribe.
fn nfc(text: &str) -> Cow<'_, str> {
    const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
    NFC.normalize(text)
}
