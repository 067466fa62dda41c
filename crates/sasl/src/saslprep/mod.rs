//! SASLprep (RFC 4013), the stringprep profile (RFC 3454) for usernames and passwords.
//!
//! All steps except normalisation use the tables of RFC 3454, which are defined over Unicode 3.2.
//! Normalisation uses current data. By Unicode's stability policy this gives the same result for
//! every character of Unicode 3.2, except for five CJK compatibility ideographs whose mapping was
//! corrected later (Corrigendum 4). A character that Unicode 3.2 does not have is passed through
//! unchanged, as RFC 3454 §7 requires, even if it has a decomposition today.

mod tables;

use alloc::borrow::Cow;
use alloc::string::String;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use tables::Table;

/// The use of the prepared string. It determines whether characters that Unicode 3.2 lacks are
/// allowed (RFC 3454 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StringKind {
    /// The string is stored, or keys are derived from it. Unassigned characters are refused,
    /// because a later version of Unicode may normalise them differently.
    Stored,
    /// The string is compared with a stored string. Unassigned characters are allowed.
    Query,
}

/// Why a string cannot be prepared.
///
/// It does not name the character at fault, because the string may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SaslPrepError {
    /// A control, private use, non-character or other prohibited character (RFC 4013 §2.3).
    #[error("prohibited character")]
    Prohibited,
    /// The string mixes right-to-left and left-to-right text, or contains right-to-left text but
    /// does not both start and end with a right-to-left character (RFC 3454 §6).
    #[error("text of mixed or unclear direction")]
    Bidirectional,
    /// A character that Unicode 3.2 does not have, in a stored string (RFC 4013 §2.5).
    #[error("character unknown to Unicode 3.2")]
    Unassigned,
}

/// Prepares a username or password. ASCII text without control characters is returned unchanged.
///
/// The result is empty for an empty string and for one whose characters are all mapped to nothing;
/// SASL mechanisms refuse an empty result themselves. The result can be up to eighteen times as
/// long as the input, so bound the input.
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
/// [`SaslPrepError`] if the profile does not allow the string.
pub fn saslprep(text: &str, kind: StringKind) -> Result<Cow<'_, str>, SaslPrepError> {
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Ok(Cow::Borrowed(text));
    }
    // The string may be a password, so the intermediate form is wiped too.
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

/// Mapping: RFC 4013 §2.1. U+200B is in both tables. The spaces are checked first and so take
/// precedence, as in the widely deployed implementations.
fn map(c: char) -> Option<char> {
    if contains(tables::NON_ASCII_SPACE, c) {
        return Some(' ');
    }
    (!contains(tables::MAPPED_TO_NOTHING, c)).then_some(c)
}

/// Normalisation form KC of Unicode 3.2 (RFC 4013 §2.2). In Unicode 3.2 an unassigned character
/// neither composes nor reorders, so such characters split the text into runs that are normalised
/// separately.
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

/// Prohibited output, bidirectional characters and unassigned characters: RFC 4013 §2.3 to §2.5.
fn check(text: &str, kind: StringKind) -> Result<(), SaslPrepError> {
    if text.chars().any(|c| contains(tables::PROHIBITED, c)) {
        return Err(SaslPrepError::Prohibited);
    }
    if kind == StringKind::Stored && text.chars().any(|c| contains(tables::UNASSIGNED, c)) {
        return Err(SaslPrepError::Unassigned);
    }
    if !is_of_one_direction(text) {
        return Err(SaslPrepError::Bidirectional);
    }
    Ok(())
}

/// Bidirectional characters: RFC 3454 §6.
fn is_of_one_direction(text: &str) -> bool {
    let right_to_left = |c| contains(tables::RAND_AL_CAT, c);
    if !text.chars().any(right_to_left) {
        return true;
    }
    text.chars().next().is_some_and(right_to_left)
        && text.chars().next_back().is_some_and(right_to_left)
        && !text.chars().any(|c| contains(tables::L_CAT, c))
}

/// Whether the profile "trace" of RFC 4505 §3 allows a text. The profile has no mapping and no
/// normalisation. It prohibits the same characters as SASLprep, except for the spaces of table
/// C.1.2 and the ideographic description characters of table C.7.
pub(crate) fn is_traceable(text: &str) -> bool {
    let spared = |c| matches!(c, '\u{2ff0}'..='\u{2ffb}') || contains(tables::NON_ASCII_SPACE, c);
    let prohibited = |c| contains(tables::PROHIBITED, c) && !spared(c);
    !text.chars().any(prohibited) && is_of_one_direction(text)
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

#[cfg(test)]
mod tests {
    use super::SaslPrepError::{Bidirectional, Prohibited, Unassigned};
    use super::StringKind::{Query, Stored};
    use super::*;

    #[test]
    fn examples_of_rfc4013() {
        let table: &[(&str, Result<&str, SaslPrepError>)] = &[
            ("I\u{ad}X", Ok("IX")),
            ("user", Ok("user")),
            ("USER", Ok("USER")),
            ("\u{aa}", Ok("a")),
            ("\u{2168}", Ok("IX")),
            ("\u{7}", Err(Prohibited)),
            ("\u{627}1", Err(Bidirectional)),
        ];
        for (text, expected) in table {
            for kind in [Stored, Query] {
                assert_eq!(saslprep(text, kind).as_deref(), expected.as_deref());
            }
        }
    }

    #[test]
    fn known_answers() {
        let table: &[(&str, StringKind, Result<&str, SaslPrepError>)] = &[
            ("", Stored, Ok("")),
            ("\u{ad}", Stored, Ok("")),
            (" \u{a0}\u{2003}\u{3000}", Stored, Ok("    ")),
            ("\u{200b}", Stored, Ok(" ")),
            ("a\u{200d}\u{feff}b", Stored, Ok("ab")),
            ("e\u{301}", Stored, Ok("\u{e9}")),
            ("\u{fb01}", Stored, Ok("fi")),
            ("\u{1f82}", Stored, Ok("\u{1f82}")),
            ("\u{ff21}\u{ff11}", Stored, Ok("A1")),
            // RFC 4013 §2.3, one character of each table.
            ("\u{7f}", Stored, Err(Prohibited)),
            ("\u{85}", Stored, Err(Prohibited)),
            ("\u{e000}", Stored, Err(Prohibited)),
            ("\u{fdd0}", Stored, Err(Prohibited)),
            ("\u{10ffff}", Stored, Err(Prohibited)),
            ("\u{fffd}", Stored, Err(Prohibited)),
            ("\u{2ff0}", Stored, Err(Prohibited)),
            ("\u{202e}", Stored, Err(Prohibited)),
            ("\u{e0001}", Stored, Err(Prohibited)),
            // Table C.8 prohibits this character, but normalisation replaces it first.
            ("\u{340}", Stored, Ok("\u{300}")),
            // RFC 4013 §2.4.
            ("\u{627}\u{628}", Stored, Ok("\u{627}\u{628}")),
            ("\u{627}1\u{628}", Stored, Ok("\u{627}1\u{628}")),
            ("1\u{627}", Stored, Err(Bidirectional)),
            ("\u{627}a\u{628}", Stored, Err(Bidirectional)),
            ("\u{5d0}\u{3b1}", Stored, Err(Bidirectional)),
            ("\u{fdfa}\u{fdfa}", Query, Ok(FDFA_TWICE)),
            // RFC 4013 §2.5: unassigned in Unicode 3.2.
            ("\u{221}", Stored, Err(Unassigned)),
            ("\u{221}", Query, Ok("\u{221}")),
            ("\u{1f600}", Stored, Err(Unassigned)),
            (
                "e\u{301}\u{1f600}e\u{301}",
                Query,
                Ok("\u{e9}\u{1f600}\u{e9}"),
            ),
            // U+1D2C decomposes to A today; in Unicode 3.2 it was unassigned and did not decompose.
            ("\u{1d2c}", Query, Ok("\u{1d2c}")),
            // U+0358 is a combining mark today; in Unicode 3.2 it was unassigned, so its neighbours
            // neither compose nor reorder across it.
            ("a\u{358}\u{301}", Query, Ok("a\u{358}\u{301}")),
        ];
        for (text, kind, expected) in table {
            assert_eq!(
                saslprep(text, *kind).as_deref(),
                expected.as_deref(),
                "{text:?}"
            );
        }
    }

    const FDFA_TWICE: &str = "\u{635}\u{644}\u{649} \u{627}\u{644}\u{644}\u{647} \
        \u{639}\u{644}\u{64a}\u{647} \u{648}\u{633}\u{644}\u{645}\
        \u{635}\u{644}\u{649} \u{627}\u{644}\u{644}\u{647} \
        \u{639}\u{644}\u{64a}\u{647} \u{648}\u{633}\u{644}\u{645}";

    #[test]
    fn ascii_is_borrowed() {
        let printable: String = (' '..='~').collect();
        assert!(matches!(
            saslprep(&printable, Stored),
            Ok(Cow::Borrowed(text)) if text == printable
        ));
    }

    #[test]
    fn tables_are_ascending_and_disjoint() {
        for table in [
            tables::UNASSIGNED,
            tables::MAPPED_TO_NOTHING,
            tables::NON_ASCII_SPACE,
            tables::PROHIBITED,
            tables::RAND_AL_CAT,
            tables::L_CAT,
        ] {
            assert!(table.iter().all(|(first, last)| first <= last));
            assert!(table.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }
}
