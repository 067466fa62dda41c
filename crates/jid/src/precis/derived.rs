//! The derived property of a code point (RFC 8264 §8), computed from the Unicode properties that §9
//! names, so that no further table is stored.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{
    DefaultIgnorableCodePoint, GeneralCategory, HangulSyllableType, NoncharacterCodePoint,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The values of the derived property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Property {
    /// PVALID: allowed in both string classes.
    Valid,
    /// ID_DIS or FREE_PVAL: allowed only in free-form text.
    FreeformOnly,
    /// CONTEXTJ or CONTEXTO: allowed in both classes where its contextual rule holds.
    Contextual,
    /// DISALLOWED in both classes.
    Disallowed,
    /// UNASSIGNED in the Unicode data.
    Unassigned,
}

/// The derived property of `c`. The tests are in the order of RFC 8264 §8.
pub(crate) fn property(c: char) -> Property {
    if let Some(exception) = exception(c) {
        return exception;
    }
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    let is_noncharacter = CodePointSetData::new::<NoncharacterCodePoint>().contains(c);
    if category == GeneralCategory::Unassigned && !is_noncharacter {
        Property::Unassigned
    } else if c.is_ascii_graphic() {
        Property::Valid
    } else if is_join_control(c) {
        Property::Contextual
    } else if is_old_hangul_jamo(c)
        || is_noncharacter
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        || category == GeneralCategory::Control
    {
        Property::Disallowed
    } else if has_compatibility_mapping(c) {
        Property::FreeformOnly
    } else {
        by_category(category)
    }
}

/// Exceptions (RFC 8264 §9.6). The category BackwardCompatible (§9.7) is empty.
fn exception(c: char) -> Option<Property> {
    match c {
        '\u{DF}' | '\u{3C2}' | '\u{6FD}' | '\u{6FE}' | '\u{F0B}' | '\u{3007}' => {
            Some(Property::Valid)
        }
        '\u{B7}'
        | '\u{375}'
        | '\u{5F3}'
        | '\u{5F4}'
        | '\u{30FB}'
        | '\u{660}'..='\u{669}'
        | '\u{6F0}'..='\u{6F9}' => Some(Property::Contextual),
        '\u{640}' | '\u{7FA}' | '\u{302E}' | '\u{302F}' | '\u{3031}'..='\u{3035}' | '\u{303B}' => {
            Some(Property::Disallowed)
        }
        _ => None,
    }
}

/// JoinControl (§9.8): ZERO WIDTH NON-JOINER and ZERO WIDTH JOINER.
const fn is_join_control(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// OldHangulJamo (§9.9).
fn is_old_hangul_jamo(c: char) -> bool {
    matches!(
        CodePointMapData::<HangulSyllableType>::new().get(c),
        HangulSyllableType::LeadingJamo
            | HangulSyllableType::VowelJamo
            | HangulSyllableType::TrailingJamo
    )
}

/// HasCompat (§9.17): NFKC changes the character.
fn has_compatibility_mapping(c: char) -> bool {
    const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfkc();
    !NFKC.is_normalized(c.encode_utf8(&mut [0; 4]))
}

/// LetterDigits (§9.1), OtherLetterDigits (§9.18), Spaces (§9.14), Symbols (§9.15) and Punctuation
/// (§9.16).
const fn by_category(category: GeneralCategory) -> Property {
    use GeneralCategory as Gc;
    match category {
        Gc::LowercaseLetter
        | Gc::UppercaseLetter
        | Gc::OtherLetter
        | Gc::DecimalNumber
        | Gc::ModifierLetter
        | Gc::NonspacingMark
        | Gc::SpacingMark => Property::Valid,
        Gc::TitlecaseLetter
        | Gc::LetterNumber
        | Gc::OtherNumber
        | Gc::EnclosingMark
        | Gc::SpaceSeparator
        | Gc::MathSymbol
        | Gc::CurrencySymbol
        | Gc::ModifierSymbol
        | Gc::OtherSymbol
        | Gc::ConnectorPunctuation
        | Gc::DashPunctuation
        | Gc::OpenPunctuation
        | Gc::ClosePunctuation
        | Gc::InitialPunctuation
        | Gc::FinalPunctuation
        | Gc::OtherPunctuation => Property::FreeformOnly,
        _ => Property::Disallowed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code point in the IANA registry has the value given there. Later Unicode versions have
    /// added characters but changed none of these values.
    #[test]
    fn agrees_with_the_registry() {
        let registry = include_str!("../../tests/data/precis-tables-6.3.0.txt");
        for line in registry.lines().filter(|line| !line.starts_with('#')) {
            let (range, value) = line.split_once(' ').unwrap();
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let code = |digits| u32::from_str_radix(digits, 16).unwrap();
            let expected = match value {
                "PVALID" => Property::Valid,
                "FREE_PVAL" => Property::FreeformOnly,
                "CONTEXTJ" | "CONTEXTO" => Property::Contextual,
                "DISALLOWED" => Property::Disallowed,
                other => panic!("unknown value {other}"),
            };
            // The registry lists surrogates, which are not `char`s.
            for c in (code(first)..=code(last)).filter_map(char::from_u32) {
                assert_eq!(property(c), expected, "U+{:04X}", u32::from(c));
            }
        }
    }
}
