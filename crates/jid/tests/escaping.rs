//! Escaping of localparts: XEP-0106.

use std::borrow::Cow;

use proptest::prelude::*;
use xmppwire_jid::Localpart;
use xmppwire_jid::escaping::{escape, unescape};

/// The localparts of the examples in §3, §4 and §5. Backslashes that do not begin a sequence are
/// unchanged (§4.3). The table in §5.1 escapes some of them nevertheless; the second column follows
/// the rule.
#[test]
fn examples() {
    for (plain, escaped) in [
        ("space cadet", r"space\20cadet"),
        ("call me \"ishmael\"", r"call\20me\20\22ishmael\22"),
        ("at&t guy", r"at\26t\20guy"),
        ("d'artagnan", r"d\27artagnan"),
        ("/.fanboy", r"\2f.fanboy"),
        ("::foo::", r"\3a\3afoo\3a\3a"),
        ("<foo>", r"\3cfoo\3e"),
        ("user@host", r"user\40host"),
        (r"c:\net", r"c\3a\net"),
        (r"c:\\net", r"c\3a\\net"),
        (r"c:\cool stuff", r"c\3a\cool\20stuff"),
        (r"c:\5commas", r"c\3a\5c5commas"),
        (
            "here's_a_wild_&_/cr%zy/_address",
            r"here\27s_a_wild_\26_\2fcr%zy\2f_address",
        ),
        (
            "here's_a_wild_&_/cr%zy/_address_for:<wv>(\"IMPS\")",
            r"here\27s_a_wild_\26_\2fcr%zy\2f_address_for\3a\3cwv\3e(\22IMPS\22)",
        ),
        (r"\3and\2is\5cool", r"\5c3and\2is\5c5cool"),
        (
            "tr\u{E9}ville@musketeers.lit",
            "tr\u{E9}ville\\40musketeers.lit",
        ),
        (r"\2plus\2is\4", r"\2plus\2is\4"),
        (r"foo\bar", r"foo\bar"),
        (r"foob\41r", r"foob\41r"),
    ] {
        assert_eq!(escape(plain).unwrap(), escaped);
        assert_eq!(unescape(escaped), plain);
        assert!(Localpart::new(escaped).is_ok());
    }
}

/// The escaped forms in the table of §5.1 that differ from the rule in §4.3.
#[test]
fn needlessly_escaped_backslashes_are_unescaped() {
    assert_eq!(unescape(r"c\3a\5cnet"), r"c:\net");
    assert_eq!(unescape(r"c\3a\5c\5cnet"), r"c:\\net");
    assert_eq!(unescape(r"c\3a\5ccool\20stuff"), r"c:\cool stuff");
}

#[test]
fn sequences_are_read_once_from_left_to_right() {
    assert_eq!(unescape(r"\5c20"), r"\20");
    assert_eq!(unescape(r"\5c5c20"), r"\5c20");
    assert_eq!(unescape(r"\\40"), r"\@");
    assert_eq!(escape(r"\5c5c").unwrap(), r"\5c5c5c");
    assert_eq!(escape(r"\").unwrap(), r"\");
    assert_eq!(escape(r"\2").unwrap(), r"\2");
    assert_eq!(escape(r"\ 0").unwrap(), r"\\200");
}

#[test]
fn case_is_significant() {
    assert_eq!(unescape(r"a\2Fb\3Ac\5Cd"), r"a\2Fb\3Ac\5Cd");
    // Preparation maps the digit to lower case, and the result must not be a sequence.
    let local = Localpart::new(&escape(r"a\2Fb").unwrap()).unwrap();
    assert_eq!(unescape(local.as_str()), r"a\2fb");
}

#[test]
fn no_space_at_either_end() {
    for text in [" a", "a ", " ", "  "] {
        assert_eq!(
            escape(text).unwrap_err().to_string(),
            "localpart: character U+0020 is not allowed"
        );
    }
    assert_eq!(unescape(r"\20a\20b\20"), r"\20a b\20");
    assert_eq!(unescape(r"\20"), r"\20");
}

#[test]
fn text_without_special_characters_is_borrowed() {
    assert!(matches!(escape("juliet"), Ok(Cow::Borrowed("juliet"))));
    assert!(matches!(unescape("juliet"), Cow::Borrowed("juliet")));
    assert!(matches!(escape(""), Ok(Cow::Borrowed(""))));
}

proptest! {
    #[test]
    fn unescaping_undoes_escaping(text in r#"([ -~]|\\[2345][02567acef]|\PC)*"#) {
        if let Ok(escaped) = escape(&text) {
            prop_assert_eq!(unescape(&escaped), text.as_str());
            prop_assert!(!escaped.contains(['"', '&', '\'', '/', ':', '<', '>', '@', ' ']));
        } else {
            prop_assert!(text.starts_with(' ') || text.ends_with(' '));
        }
    }
}
