//! SASLprep (RFC 4013), the stringprep profile (RFC 3454) for usernames and passwords.
//!
//! Everything but normalisation is defined over Unicode 3.2 and comes from the tables of RFC 3454.
//! Normalisation uses current data, which by Unicode's stability policy gives the same result for
//! every character that 3.2 has, save for five CJK compatibility ideographs whose mapping was
//! corrected later (Corrigendum 4). A character that 3.2 does not have is passed through as
//! RFC 3454, Section 7 wants it, whatever it decomposes to today.

mod tables;

use alloc::borrow::Cow;
use alloc::string::String;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use tables::Table;

/// What becomes of the prepared string, which decides about characters that Unicode 3.2 lacks
/// (RFC 3454, Section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StringKind {
    /// It is kept, or keys are derived from it: unassigned characters are refused, since a later
    /// version of Unicode may normalise them to something else.
    Stored,
    /// It is compared with a stored string: unassigned characters are let through.
    Query,
}

/// Why a string cannot be prepared.
///
/// Says nothing of the character at fault: the string may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SaslPrepError {
    /// A control, private use, non-character or other prohibited character (RFC 4013, Section 2.3).
    #[error("prohibited character")]
    Prohibited,
    /// Right-to-left and left-to-right text mixed, or right-to-left text that does not both start
    /// and end with a right-to-left character (RFC 3454, Section 6).
    #[error("text of mixed or unclear direction")]
    Bidirectional,
    /// A character that Unicode 3.2 does not have, in a stored string (RFC 4013, Section 2.5).
    #[error("character unknown to Unicode 3.2")]
    Unassigned,
}

/// Prepares a username or password. ASCII text without controls is returned as it is.
///
/// The result may be empty (of an empty string, or of one that only has characters which are mapped
/// to nothing); SASL mechanisms refuse that themselves. It can be up to eighteen times as long as
/// the input, so bound the input.
///
/// ```
/// use xmppwire_sasl::{StringKind, saslprep};
///
/// assert_eq!(saslprep("I\u{ad}X", StringKind::Stored).as_deref(), Ok("IX"));
/// assert_eq!(saslprep("\u{2168}", StringKind::Stored).as_deref(), Ok("IX"));
/// assert!(saslprep("\u{7}", StringKind::Query).is_err());
/// ```
///
/// # Errors
///
/// [`SaslPrepError`] when the string has characters that the profile does not allow.
pub fn saslprep(text: &str, kind: StringKind) -> Result<Cow<'_, str>, SaslPrepError> {
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Ok(Cow::Borrowed(text));
    }
    // The string may be a password, so the intermediate form is wiped as well.
    let mapped: Zeroizing<String> = Zeroizing::new(text.chars().filter_map(map).collect());
    let prepared = normalize(&mapped);
    match check(&prepared, kind) {
        Ok(()) => Ok(Cow::Owned(prepared)),
        Err(error) => {
            drop(Zeroizing::new(prepared));
            Err(error)
        }
    }
}

/// RFC 4013, Section 2.1. U+200B is in both tables; the spaces are listed first and win, as they do
/// in the implementations that are widely deployed.
fn map(c: char) -> Option<char> {
    if contains(tables::NON_ASCII_SPACE, c) {
        return Some(' ');
    }
    (!contains(tables::MAPPED_TO_NOTHING, c)).then_some(c)
}

/// Normalisation form KC of Unicode 3.2 (RFC 4013, Section 2.2). A character that 3.2 does not have
/// neither composes nor reorders there, so it cuts the text into runs that are normalised alone.
fn normalize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, c)) = rest
        .char_indices()
        .find(|(_, c)| contains(tables::UNASSIGNED, *c))
    {
        let (run, tail) = rest.split_at(at);
        out.extend(run.nfkc());
        out.push(c);
        rest = tail.get(c.len_utf8()..).unwrap_or_default();
    }
    out.extend(rest.nfkc());
    out
}

/// RFC 4013, Sections 2.3 to 2.5.
fn check(text: &str, kind: StringKind) -> Result<(), SaslPrepError> {
    if text.chars().any(|c| contains(tables::PROHIBITED, c)) {
        return Err(SaslPrepError::Prohibited);
    }
    if kind == StringKind::Stored && text.chars().any(|c| contains(tables::UNASSIGNED, c)) {
        return Err(SaslPrepError::Unassigned);
    }
    let right_to_left = |c| contains(tables::RAND_AL_CAT, c);
    if text.chars().any(right_to_left) {
        let ends = text.chars().next().is_some_and(right_to_left)
            && text.chars().next_back().is_some_and(right_to_left);
        if !ends || text.chars().any(|c| contains(tables::L_CAT, c)) {
            return Err(SaslPrepError::Bidirectional);
        }
    }
    Ok(())
}

fn contains(table: &Table, c: char) -> bool {
    let code = u32::from(c);
    table
        .binary_search_by(|(first, last)| {
            if *last < code {
                core::cmp::Ordering::Less
            } else if *first > code {
                core::cmp::Ordering::Greater
            } else {
                core::cmp::Ordering::Equal
            }
        })
        .is_ok()
}
