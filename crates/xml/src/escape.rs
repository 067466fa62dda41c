//! Characters: which may be written, and how.

use alloc::vec::Vec;

use crate::error::WriteError;

/// Where a string is going; the answers differ for quotes and white space.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    Text,
    /// A value in single quotes. Line breaks and tabs would come out of any
    /// parser as spaces (XML 1.0 §3.3.3), unless written as references.
    Attribute,
}

/// What to do about characters that XML 1.0 has no way to carry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unspeakable {
    Refuse,
    /// Write a reference that no parser takes but a person can read.
    Show,
}

/// Writes a string with everything in it that means something to XML replaced by
/// a reference.
pub(crate) fn write(
    out: &mut Vec<u8>,
    string: &str,
    context: Context,
    unspeakable: Unspeakable,
) -> Result<(), WriteError> {
    let mut rest = string;
    while let Some(at) = rest.bytes().position(|byte| needs_look(byte, context)) {
        // All bytes that need a look start a character.
        let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.extend_from_slice(plain.as_bytes());
        let mut chars = special.chars();
        match chars.next() {
            Some('&') => out.extend_from_slice(b"&amp;"),
            Some('<') => out.extend_from_slice(b"&lt;"),
            // Only `]]>` needs it, but a rule without exception is cheaper.
            Some('>') => out.extend_from_slice(b"&gt;"),
            Some('\'') => out.extend_from_slice(b"&apos;"),
            Some('\t') => out.extend_from_slice(b"&#x9;"),
            Some('\n') => out.extend_from_slice(b"&#xA;"),
            // Parsers turn a bare CR into LF even in text (XML 1.0 §2.11).
            Some('\r') => out.extend_from_slice(b"&#xD;"),
            Some(other) if is_char(other) => {
                out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Some(other) => match unspeakable {
                Unspeakable::Refuse => return Err(WriteError::InvalidCharacter(other)),
                Unspeakable::Show => {
                    out.extend_from_slice(alloc::format!("&#x{:X};", u32::from(other)).as_bytes());
                }
            },
            None => {}
        }
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(())
}

fn needs_look(byte: u8, context: Context) -> bool {
    match byte {
        b'&' | b'<' | b'>' => true,
        b'\'' | b'\t' | b'\n' => context == Context::Attribute,
        // Control characters, and the first byte of U+FFFE and U+FFFF.
        0..0x20 | 0xEF => true,
        _ => false,
    }
}

/// XML 1.0 §2.2, production `Char`.
fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// Namespaces in XML 1.0 §3, production `NCName`.
pub(crate) fn is_ncname(name: &str) -> bool {
    let ascii =
        |byte: u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.');
    match name.as_bytes() {
        [b'a'..=b'z' | b'A'..=b'Z' | b'_', rest @ ..] if rest.iter().all(|byte| ascii(*byte)) => {
            true
        }
        _ => rxml::strings::validate_ncname(name).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn escaped(string: &str, context: Context) -> String {
        let mut out = Vec::new();
        write(&mut out, string, context, Unspeakable::Show).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_and_attributes_differ_in_quotes_and_white_space() {
        let all = "a&b<c>d'e\"f\tg\nh\ri";
        assert_eq!(
            escaped(all, Context::Text),
            "a&amp;b&lt;c&gt;d'e\"f\tg\nh&#xD;i"
        );
        assert_eq!(
            escaped(all, Context::Attribute),
            "a&amp;b&lt;c&gt;d&apos;e\"f&#x9;g&#xA;h&#xD;i"
        );
    }

    #[test]
    fn every_character_is_written_or_refused_as_the_parser_has_it() {
        for c in (0..=0x10_FFFF).filter_map(char::from_u32) {
            let mut out = Vec::new();
            let mut buffer = [0; 4];
            let string = &*c.encode_utf8(&mut buffer);
            let refused = write(&mut out, string, Context::Text, Unspeakable::Refuse);
            assert_eq!(
                refused.is_err(),
                rxml::strings::validate_cdata(string).is_err(),
                "{c:?}"
            );
            if refused.is_ok() && !matches!(c, '<' | '>' | '&' | '\r') {
                assert_eq!(out, string.as_bytes());
            }
        }
    }

    #[test]
    fn names_are_judged_as_the_parser_judges_them() {
        for name in [
            "a", "_", "a-b.c", "é", "名", "a1", "", "1a", "-a", ".a", "a b", "a:b", ":", "a<",
            "a\0",
        ] {
            assert_eq!(
                is_ncname(name),
                rxml::strings::validate_ncname(name).is_ok(),
                "{name:?}"
            );
        }
    }
}
