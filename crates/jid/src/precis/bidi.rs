//! The Bidi Rule: RFC 5893 §2, applied as RFC 8265 §3.3.2 says.

use icu_properties::CodePointMapData;
use icu_properties::props::BidiClass;

/// Whether `text` obeys the rule. The rule is not applied to text without right-to-left characters.
///
/// A left-to-right label must not have right-to-left characters (condition 5). So every string that
/// begins with L and to which the rule is applied fails, and only conditions 1 to 4 need a test.
pub(crate) fn check(text: &str) -> bool {
    let is_rtl = |class| {
        matches!(
            class,
            BidiClass::RightToLeft | BidiClass::ArabicLetter | BidiClass::ArabicNumber
        )
    };
    if !classes(text).any(is_rtl) {
        return true;
    }

    let begins_rtl = matches!(
        classes(text).next(),
        Some(BidiClass::RightToLeft | BidiClass::ArabicLetter)
    );
    let all_allowed = classes(text).all(|class| {
        is_rtl(class)
            || matches!(
                class,
                BidiClass::EuropeanNumber
                    | BidiClass::EuropeanSeparator
                    | BidiClass::CommonSeparator
                    | BidiClass::EuropeanTerminator
                    | BidiClass::OtherNeutral
                    | BidiClass::BoundaryNeutral
                    | BidiClass::NonspacingMark
            )
    });
    let ends_rtl = matches!(
        classes(text).rfind(|class| *class != BidiClass::NonspacingMark),
        Some(
            BidiClass::RightToLeft
                | BidiClass::ArabicLetter
                | BidiClass::EuropeanNumber
                | BidiClass::ArabicNumber
        )
    );
    let mixes_numbers = classes(text).any(|class| class == BidiClass::EuropeanNumber)
        && classes(text).any(|class| class == BidiClass::ArabicNumber);
    begins_rtl && all_allowed && ends_rtl && !mixes_numbers
}

fn classes(text: &str) -> impl DoubleEndedIterator<Item = BidiClass> {
    text.chars()
        .map(|c| CodePointMapData::<BidiClass>::new().get(c))
}
