//! The profile UsernameCaseMapped: RFC 8265 §3.3.

use alloc::string::String;

use icu_normalizer::ComposingNormalizerBorrowed;

use super::class::Class;
use super::facts::Facts;
use super::{bidi, nfc};
use crate::error::Reason;

/// Prepares by width mapping and the check of the class (§3.3.1), then enforces by case mapping,
/// NFC and the Bidi Rule (§3.3.2).
///
/// Case is mapped character by character, so a final `Σ` becomes `σ`, as it does elsewhere: §3.5
/// notes that the rules do not consider the special status of `ς`.
pub(crate) fn enforce(input: &str) -> Result<String, Reason> {
    let mut mapped = String::with_capacity(input.len());
    for c in input.chars() {
        let wide = map_width(c);
        Class::Identifier.admits(wide)?;
        match Facts::of(wide).is_mapped() {
            true => mapped.extend(wide.to_lowercase()),
            false => mapped.push(wide),
        }
    }
    let text = nfc(&mapped).into_owned();
    check_stable(&text)?;
    if !bidi::check(&text) {
        return Err(Reason::Directionality);
    }
    Ok(text)
}

/// Whether a second enforcement would leave `text` as it is (RFC 8264 §7).
///
/// NFC is idempotent, and the class has no fullwidth or halfwidth forms, so two causes of change
/// remain. NFC may have produced a character that the class does not contain. And case is mapped by
/// the tables of the standard library, whose Unicode version may be older than that of the
/// properties: an upper-case letter without an entry in those tables must not pass as a lower-case
/// letter.
fn check_stable(text: &str) -> Result<(), Reason> {
    Class::Identifier.check(text)?;
    let changes = |c: &char| Facts::of(*c).changes_when_lowercased();
    match text.chars().find(changes) {
        Some(c) => Err(Reason::Forbidden(c)),
        None => Ok(()),
    }
}

/// Maps fullwidth and halfwidth forms to their decompositions.
///
/// These are the characters of the block Halfwidth and Fullwidth Forms, and the ideographic space.
/// The few whose compatibility mapping has more than one character are left unchanged, because the
/// class contains neither form.
fn map_width(c: char) -> char {
    const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfkc();
    if !matches!(c, '\u{3000}' | '\u{FF01}'..='\u{FFEE}') {
        return c;
    }
    let mut forms = NFKC.normalize_iter(core::iter::once(c));
    match (forms.next(), forms.next()) {
        (Some(form), None) => form,
        _ => c,
    }
}
