//! The two PRECIS profiles: localparts (RFC 8265 §3.3) and resourceparts (RFC 8265 §4.2).

use xmppwire_jid::{Localpart, Reason, Resourcepart};

fn local(text: &str) -> Result<String, Reason> {
    Localpart::new(text)
        .map(|part| part.to_string())
        .map_err(|error| error.reason())
}

fn resource(text: &str) -> Result<String, Reason> {
    Resourcepart::new(text)
        .map(|part| part.to_string())
        .map_err(|error| error.reason())
}

fn unchanged(text: &str) -> Result<String, Reason> {
    Ok(text.to_owned())
}

/// RFC 8265 §3.5, tables 1 and 2, without the character that RFC 7622 §3.3.1 excludes in addition
/// (`@`).
#[test]
fn username_examples() {
    for name in ["fussball", "fu\u{DF}ball", "\u{3C0}", "\u{3C3}", "\u{3C2}"] {
        assert_eq!(local(name), unchanged(name));
    }
    assert_eq!(local("\u{3A3}"), unchanged("\u{3C3}"));
    assert_eq!(local("foo bar"), Err(Reason::Forbidden(' ')));
    assert_eq!(local(""), Err(Reason::Empty));
    assert_eq!(local("henry\u{2163}"), Err(Reason::Forbidden('\u{2163}')));
    assert_eq!(local("\u{221E}"), Err(Reason::Forbidden('\u{221E}')));
    assert_eq!(local("juliet@example.com"), Err(Reason::Forbidden('@')));
}

/// RFC 8265 §4.3, tables 3 and 4.
#[test]
fn password_examples() {
    for text in [
        "correct horse battery staple",
        "Correct Horse Battery Staple",
        "\u{3C0}\u{DF}\u{E5}",
        "Jack of \u{2666}s",
    ] {
        assert_eq!(resource(text), unchanged(text));
    }
    assert_eq!(resource("foo\u{1680}bar"), unchanged("foo bar"));
    assert_eq!(resource(""), Err(Reason::Empty));
    assert_eq!(
        resource("my cat is a \u{9}by"),
        Err(Reason::Forbidden('\t'))
    );
}

#[test]
fn every_ascii_character_in_a_localpart() {
    for c in '\0'..='\x7F' {
        let expected = if c.is_ascii_graphic() && !"\"&'/:<>@".contains(c) {
            Ok(format!("a{}", c.to_ascii_lowercase()))
        } else {
            Err(Reason::Forbidden(c))
        };
        assert_eq!(local(&format!("a{c}")), expected, "{c:?}");
        // The slow path must give the same result.
        assert_eq!(
            local(&format!("\u{E9}{c}")),
            expected
                .map(|text| text.replace('a', "\u{E9}"))
                .map(|text| {
                    if c.eq_ignore_ascii_case(&'a') {
                        "\u{E9}a".into()
                    } else {
                        text
                    }
                }),
            "{c:?}"
        );
    }
}

#[test]
fn every_ascii_character_in_a_resourcepart() {
    for c in '\0'..='\x7F' {
        let allowed = c == ' ' || c.is_ascii_graphic();
        for text in [format!("x{c}"), format!("\u{E9}{c}")] {
            let expected = if allowed {
                Ok(text.clone())
            } else {
                Err(Reason::Forbidden(c))
            };
            assert_eq!(resource(&text), expected, "{c:?}");
        }
    }
}

#[test]
fn width() {
    assert_eq!(local("\u{FF2A}\u{FF55}liet\u{FF11}"), unchanged("juliet1"));
    // Halfwidth katakana, with a voiced sound mark that composes.
    assert_eq!(local("\u{FF76}\u{FF9E}"), unchanged("\u{30AC}"));
    // A character that maps to an excluded character is refused.
    assert_eq!(local("a\u{FF20}b"), Err(Reason::Forbidden('@')));
    assert_eq!(local("a\u{FF0F}b"), Err(Reason::Forbidden('/')));
    // The ideographic space maps to a space, and the wide macron to two characters.
    assert_eq!(local("a\u{3000}b"), Err(Reason::Forbidden(' ')));
    assert_eq!(local("\u{FFE3}"), Err(Reason::Forbidden('\u{FFE3}')));
    // Halfwidth Hangul maps to compatibility jamo.
    assert!(local("\u{FFA1}").is_err());
    // Resourceparts have no width mapping.
    assert_eq!(resource("\u{FF2A}\u{FF76}"), unchanged("\u{FF2A}\u{FF76}"));
}

#[test]
fn case() {
    assert_eq!(
        local("\u{C9}\u{416}\u{10400}"),
        unchanged("\u{E9}\u{436}\u{10428}")
    );
    // The capital sharp s maps to one character, the dotted capital I to two.
    assert_eq!(local("\u{1E9E}"), unchanged("\u{DF}"));
    assert_eq!(local("\u{130}"), unchanged("i\u{307}"));
    // A capital sigma maps to the same letter in every position.
    assert_eq!(
        local("\u{39F}\u{394}\u{3A3}"),
        unchanged("\u{3BF}\u{3B4}\u{3C3}")
    );
    // Title-case digraphs are compatibility characters, and so are the Kelvin and Angstrom signs.
    for c in ['\u{1C5}', '\u{212A}', '\u{212B}', '\u{2126}'] {
        assert_eq!(local(&c.to_string()), Err(Reason::Forbidden(c)));
    }
    assert_eq!(resource("\u{C9}a\u{3A3}"), unchanged("\u{C9}a\u{3A3}"));
}

/// An upper-case letter assigned in Unicode 18. If the standard library cannot map it to lower
/// case, it must be refused, because a later release would map it and so change the address.
#[test]
fn no_upper_case_letter_remains() {
    for c in ['\u{A7DD}', '\u{A7E2}', '\u{10400}', '\u{1C89}'] {
        assert_ne!(local(&c.to_string()), unchanged(&c.to_string()), "{c:?}");
    }
}

#[test]
fn normalization() {
    assert_eq!(local("e\u{301}"), unchanged("\u{E9}"));
    assert_eq!(local("E\u{301}"), unchanged("\u{E9}"));
    assert_eq!(resource("e\u{301}"), unchanged("\u{E9}"));
    // NFC reorders combining marks.
    assert_eq!(resource("a\u{301}\u{323}"), unchanged("\u{1EA1}\u{301}"));
    // NFC replaces singletons in free-form text.
    assert_eq!(resource("\u{212B}"), unchanged("\u{C5}"));
    assert_eq!(resource("\u{FB01}"), unchanged("\u{FB01}"));
}

/// The text is allowed, but its normalized form is not: RFC 8264 §7 requires stable results.
#[test]
fn text_that_normalization_makes_invalid() {
    assert_eq!(resource("\u{387}"), Err(Reason::OutOfContext('\u{B7}')));
    assert_eq!(resource("l\u{387}l"), unchanged("l\u{B7}l"));
    assert_eq!(local("\u{387}"), Err(Reason::Forbidden('\u{387}')));
    // `<` and a stroke compose to a symbol.
    assert_eq!(local("<\u{338}"), Err(Reason::Forbidden('\u{226E}')));
}

#[test]
fn spaces() {
    for c in [
        ' ', '\u{A0}', '\u{1680}', '\u{2000}', '\u{2001}', '\u{2003}', '\u{200A}', '\u{202F}',
        '\u{205F}', '\u{3000}',
    ] {
        assert_eq!(resource(&format!("{c}a{c}")), unchanged(" a "));
        assert!(local(&format!("a{c}")).is_err());
    }
    for c in [
        '\t', '\n', '\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{200B}', '\u{FEFF}',
    ] {
        assert_eq!(resource(&format!("a{c}")), Err(Reason::Forbidden(c)));
    }
}

#[test]
fn middle_dot() {
    assert_eq!(local("l\u{B7}l"), unchanged("l\u{B7}l"));
    assert_eq!(local("L\u{B7}L"), unchanged("l\u{B7}l"));
    for text in [
        "\u{B7}",
        "l\u{B7}",
        "\u{B7}l",
        "a\u{B7}l",
        "l\u{B7}a",
        "l\u{B7}\u{B7}l",
    ] {
        assert_eq!(local(text), Err(Reason::OutOfContext('\u{B7}')));
        assert_eq!(resource(text), Err(Reason::OutOfContext('\u{B7}')));
    }
    // Resourceparts keep the case, and the rule permits the dot only between two lower-case `l`.
    assert_eq!(resource("L\u{B7}L"), Err(Reason::OutOfContext('\u{B7}')));
}

#[test]
fn greek_keraia_and_hebrew_punctuation() {
    assert_eq!(local("\u{375}\u{3B1}"), unchanged("\u{375}\u{3B1}"));
    assert_eq!(
        local("\u{3B1}\u{375}"),
        Err(Reason::OutOfContext('\u{375}'))
    );
    assert_eq!(resource("\u{375}a"), Err(Reason::OutOfContext('\u{375}')));
    for c in ['\u{5F3}', '\u{5F4}'] {
        let text = format!("\u{5D0}{c}\u{5D1}");
        assert_eq!(local(&text), unchanged(&text));
        assert_eq!(resource(&format!("a{c}")), Err(Reason::OutOfContext(c)));
        assert_eq!(
            resource(&format!("{c}\u{5D0}")),
            Err(Reason::OutOfContext(c))
        );
    }
}

#[test]
fn katakana_middle_dot() {
    for kana_or_han in ["\u{3042}", "\u{30A2}", "\u{6F22}"] {
        let text = format!("\u{30FB}a{kana_or_han}");
        assert_eq!(local(&text), unchanged(&text));
    }
    assert_eq!(local("a\u{30FB}b"), Err(Reason::OutOfContext('\u{30FB}')));
    // A localpart maps the halfwidth form to the same character.
    assert_eq!(local("\u{FF65}\u{30A2}"), unchanged("\u{30FB}\u{30A2}"));
}

#[test]
fn arabic_digits_of_two_kinds_do_not_mix() {
    assert_eq!(
        local("\u{627}\u{660}\u{669}"),
        unchanged("\u{627}\u{660}\u{669}")
    );
    assert_eq!(
        local("\u{627}\u{6F0}\u{6F9}"),
        unchanged("\u{627}\u{6F0}\u{6F9}")
    );
    for text in ["\u{660}\u{6F0}", "\u{6F0}x\u{660}"] {
        assert!(matches!(resource(text), Err(Reason::OutOfContext(_))));
    }
}

#[test]
fn joiners() {
    // Both joiners are allowed after a virama.
    for c in ['\u{200C}', '\u{200D}'] {
        let text = format!("\u{915}\u{94D}{c}\u{937}");
        assert_eq!(local(&text), unchanged(&text));
        assert_eq!(resource(&text), unchanged(&text));
        for text in [format!("{c}"), format!("a{c}b"), format!("{c}\u{94D}")] {
            assert_eq!(local(&text), Err(Reason::OutOfContext(c)));
            assert_eq!(resource(&text), Err(Reason::OutOfContext(c)));
        }
    }
    // The non-joiner is also allowed between letters that would join: two beh, with or without
    // marks between them.
    for text in [
        "\u{628}\u{200C}\u{628}",
        "\u{628}\u{64E}\u{200C}\u{64E}\u{628}",
        "\u{628}\u{200C}\u{627}",
    ] {
        assert_eq!(local(text), unchanged(text));
    }
    // Alef joins only to the right, so nothing joins after it.
    for text in [
        "\u{627}\u{200C}\u{628}",
        "\u{628}\u{200C}",
        "\u{628}\u{200C}a",
    ] {
        assert_eq!(resource(text), Err(Reason::OutOfContext('\u{200C}')));
    }
    assert_eq!(
        resource("\u{628}\u{200D}\u{628}"),
        Err(Reason::OutOfContext('\u{200D}'))
    );
}

#[test]
fn bidi_rule() {
    for text in [
        "\u{5D0}",
        "\u{5D0}1",
        "\u{5D0}-\u{5D1}",
        "\u{627}\u{660}",
        "\u{627}\u{64E}",
        "\u{5D0}1\u{5B0}",
    ] {
        assert_eq!(local(text), unchanged(text), "{text:?}");
    }
    for text in [
        // Condition 1: the first character is neither R nor AL.
        "a\u{5D0}",
        "1\u{5D0}",
        "-\u{5D0}",
        "\u{660}\u{627}",
        "\u{660}",
        // Condition 2: L is not allowed.
        "\u{5D0}a\u{5D1}",
        // Condition 3: the last character before any marks is none of R, AL, EN and AN.
        "\u{5D0}-",
        "\u{5D0}-\u{5B0}",
        // Condition 4: EN and AN together.
        "\u{627}1\u{660}",
    ] {
        assert_eq!(local(text), Err(Reason::Directionality), "{text:?}");
    }
    // The rule is not applied to text without right-to-left characters or to resourceparts.
    assert_eq!(local("-1-"), unchanged("-1-"));
    assert_eq!(local("1\u{E9}-"), unchanged("1\u{E9}-"));
    assert_eq!(resource("a\u{5D0}1-"), unchanged("a\u{5D0}1-"));
}

#[test]
fn characters_outside_both_classes() {
    for c in [
        '\0',
        '\u{7F}',
        '\u{80}',
        '\u{AD}',
        '\u{34F}',
        '\u{600}',
        '\u{61C}',
        '\u{640}',
        '\u{7FA}',
        '\u{1100}',
        '\u{115F}',
        '\u{11A8}',
        '\u{200E}',
        '\u{202E}',
        '\u{2028}',
        '\u{302E}',
        '\u{3031}',
        '\u{303B}',
        '\u{3164}',
        '\u{E000}',
        '\u{FDD0}',
        '\u{FE0F}',
        '\u{FEFF}',
        '\u{FFF9}',
        '\u{FFFE}',
        '\u{E0001}',
        '\u{F0000}',
        '\u{10FFFF}',
    ] {
        let text = format!("a{c}");
        assert_eq!(local(&text), Err(Reason::Forbidden(c)), "{c:?}");
        assert_eq!(resource(&text), Err(Reason::Forbidden(c)), "{c:?}");
    }
    for c in ['\u{378}', '\u{E0080}', '\u{2FE0}'] {
        let text = format!("a{c}");
        assert_eq!(local(&text), Err(Reason::Unassigned(c)), "{c:?}");
        assert_eq!(resource(&text), Err(Reason::Unassigned(c)), "{c:?}");
    }
}

#[test]
fn exceptions() {
    for c in ['\u{DF}', '\u{3C2}', '\u{F0B}', '\u{3007}'] {
        assert_eq!(local(&c.to_string()), unchanged(&c.to_string()));
    }
    for c in ['\u{6FD}', '\u{6FE}'] {
        // Both have the direction AL.
        assert_eq!(local(&c.to_string()), unchanged(&c.to_string()));
    }
}

/// Only free-form text may have symbols, punctuation and compatibility characters.
#[test]
fn characters_of_free_form_text() {
    for c in [
        '\u{A3}',
        '\u{BD}',
        '\u{2019}',
        '\u{2116}',
        '\u{2665}',
        '\u{1F37A}',
        '\u{1D400}',
        '\u{FB01}',
        '\u{20DD}',
        '\u{FFFD}',
    ] {
        let text = format!("x{c}");
        assert_eq!(local(&text), Err(Reason::Forbidden(c)), "{c:?}");
        assert_eq!(resource(&text), unchanged(&text), "{c:?}");
    }
}
