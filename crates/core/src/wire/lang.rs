//! The languages of a stream (RFC 6120 §4.7.4).

use alloc::string::String;

use xmppwire_xml::is_language_tag;

/// The text if it is a language tag, which is all that may be written as `xml:lang`.
pub(crate) fn tag(text: impl Into<String>) -> Option<String> {
    Some(text.into()).filter(|text| is_language_tag(text))
}

/// The first of `spoken` that fits what the peer asked for, by the lookup of RFC 4647 §3.4: the
/// whole tag counts first, then ever shorter beginnings of it.
pub(crate) fn lookup<'a>(asked: &str, spoken: &'a [String]) -> Option<&'a str> {
    let mut range = asked;
    loop {
        if let Some(found) = spoken.iter().find(|tag| tag.eq_ignore_ascii_case(range)) {
            return Some(found);
        }
        range = range.rsplit_once('-')?.0;
        // A single letter or digit begins an extension, which is gone now.
        if let Some((shorter, last)) = range.rsplit_once('-')
            && last.len() == 1
        {
            range = shorter;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_is_found() {
        let spoken = ["en", "de", "zh-Hant", "DE-ch"].map(String::from);
        for (asked, found) in [
            ("en", Some("en")),
            ("de-CH", Some("DE-ch")),
            ("de-CH-1996", Some("DE-ch")),
            ("de-AT", Some("de")),
            ("zh-Hant-CN-x-private1-private2", Some("zh-Hant")),
            ("zh", None),
            ("it", None),
            ("", None),
        ] {
            assert_eq!(lookup(asked, &spoken), found, "{asked}");
        }
    }
}
