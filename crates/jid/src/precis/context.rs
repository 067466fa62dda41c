//! The rules for characters that are allowed only in certain contexts: RFC 5892 appendix A.

use icu_properties::CodePointMapData;
use icu_properties::props::{CanonicalCombiningClass, JoiningType, Script};

use crate::error::Reason;

/// Checks every contextual character of `text`.
///
/// Rules about the whole string are checked after the loop, so the cost is linear in the length.
pub(crate) fn check(text: &str) -> Result<(), Reason> {
    let mut arabic_indic = None;
    let mut extended_arabic_indic = None;
    let mut katakana_dot = None;
    let mut has_kana_or_han = false;

    for (at, c) in text.char_indices() {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + c.len_utf8()..).unwrap_or_default();
        let holds = match c {
            // A.1 and A.2
            '\u{200C}' => follows_virama(before) || is_between_joining(before, after),
            '\u{200D}' => follows_virama(before),
            // A.3: the Catalan `l·l`
            '\u{B7}' => before.ends_with('l') && after.starts_with('l'),
            // A.4
            '\u{375}' => after.chars().next().map(script) == Some(Script::Greek),
            // A.5 and A.6
            '\u{5F3}' | '\u{5F4}' => before.chars().next_back().map(script) == Some(Script::Hebrew),
            // A.7, A.8 and A.9
            '\u{30FB}' => remember(&mut katakana_dot, c),
            '\u{660}'..='\u{669}' => remember(&mut arabic_indic, c),
            '\u{6F0}'..='\u{6F9}' => remember(&mut extended_arabic_indic, c),
            _ => {
                has_kana_or_han |=
                    matches!(script(c), Script::Hiragana | Script::Katakana | Script::Han);
                true
            }
        };
        if !holds {
            return Err(Reason::OutOfContext(c));
        }
    }

    match (arabic_indic, extended_arabic_indic, katakana_dot) {
        (Some(_), Some(c), _) => Err(Reason::OutOfContext(c)),
        (_, _, Some(c)) if !has_kana_or_han => Err(Reason::OutOfContext(c)),
        _ => Ok(()),
    }
}

fn remember(seen: &mut Option<char>, c: char) -> bool {
    *seen = Some(c);
    true
}

fn script(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}

fn joining_type(c: char) -> JoiningType {
    CodePointMapData::<JoiningType>::new().get(c)
}

fn follows_virama(before: &str) -> bool {
    before.chars().next_back().is_some_and(|c| {
        CodePointMapData::<CanonicalCombiningClass>::new().get(c) == CanonicalCombiningClass::Virama
    })
}

/// Whether the characters on both sides would join if they were adjacent. Transparent characters
/// are skipped.
fn is_between_joining(before: &str, after: &str) -> bool {
    let previous = before
        .chars()
        .rev()
        .map(joining_type)
        .find(|joining| *joining != JoiningType::Transparent);
    let next = after
        .chars()
        .map(joining_type)
        .find(|joining| *joining != JoiningType::Transparent);
    matches!(
        previous,
        Some(JoiningType::LeftJoining | JoiningType::DualJoining)
    ) && matches!(
        next,
        Some(JoiningType::RightJoining | JoiningType::DualJoining)
    )
}
