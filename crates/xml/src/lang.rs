//! The form of language tags (RFC 5646).

/// Largest length of a language tag: 35 bytes are enough for all tags in use (RFC 5646 §4.4.1).
pub(crate) const MAX_BYTES: usize = 35;

/// Returns true if `tag` has the form of a language tag (RFC 5646 §2.1) of at most 35 bytes:
/// subtags of one to eight letters and digits, joined by hyphens, the first of letters alone. It
/// does not look up subtags. RFC 6120 §4.7.4 and §8.1.5 allow nothing else in `xml:lang`.
///
/// ```
/// use xmppwire_xml::is_language_tag;
///
/// assert!(is_language_tag("de-CH"));
/// assert!(!is_language_tag("de_CH"));
/// ```
pub fn is_language_tag(tag: &str) -> bool {
    let subtag = |part: &str| {
        matches!(part.len(), 1..=8) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    tag.len() <= MAX_BYTES
        && tag.split('-').all(subtag)
        && tag
            .split('-')
            .next()
            .is_some_and(|first| first.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        for good in [
            "en",
            "EN-us",
            "zh-Hant-TW",
            "de-CH-1996",
            "x-klingon",
            "i-default",
            "sl-rozaj-biske-1994",
            "en-a-bbb-ccc-dddddd-eeeeeee-ffffffff"
                .get(..35)
                .unwrap_or_default(),
        ] {
            assert!(is_language_tag(good), "{good}");
        }
        for bad in [
            "",
            "-",
            "en-",
            "-en",
            "en--us",
            "en_US",
            "de DE",
            "1en",
            "englishes",
            "en-abcdefghi",
            "é",
            "en'",
            "en-a-bbb-ccc-dddddd-eeeeeee-ffffffff",
        ] {
            assert!(!is_language_tag(bad), "{bad}");
        }
    }
}
