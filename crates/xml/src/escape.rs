//! Escapes characters, and says which ones XML can carry.

use alloc::vec::Vec;

use crate::error::WriteError;

/// Where a string is written: quotes and white space are escaped in values only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    Text,
    /// A value in single quotes. Line breaks and tabs are written as references, because parsers
    /// read bare ones as spaces (XML 1.0 §3.3.3).
    Attribute,
}

/// What to do about characters that XML 1.0 cannot carry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unspeakable {
    Refuse,
    /// Write a reference that parsers refuse and people can read.
    Show,
}

/// Writes a string and replaces the characters that are markup by references.
pub(crate) fn write(
    out: &mut Vec<u8>,
    string: &str,
    context: Context,
    unspeakable: Unspeakable,
) -> Result<(), WriteError> {
    let bytes = string.as_bytes();
    // The start of the run that is copied next, and the place up to which it is plain.
    let (mut start, mut at) = (0, 0);
    loop {
        let tail = bytes.get(at..).unwrap_or_default();
        at = at.saturating_add(match context {
            Context::Text => plain_text(tail),
            Context::Attribute => plain_value(tail),
        });
        // Every byte that stops the search is the first of a character.
        let Some(c) = string.get(at..).and_then(|rest| rest.chars().next()) else {
            break;
        };
        let after = at.saturating_add(c.len_utf8());
        if let Some(reference) = reference(c, context) {
            out.extend_from_slice(bytes.get(start..at).unwrap_or_default());
            out.extend_from_slice(reference);
            start = after;
        } else if !is_char(c) {
            out.extend_from_slice(bytes.get(start..at).unwrap_or_default());
            match unspeakable {
                Unspeakable::Refuse => return Err(WriteError::InvalidCharacter(c)),
                Unspeakable::Show => {
                    out.extend_from_slice(alloc::format!("&#x{:X};", u32::from(c)).as_bytes());
                }
            }
            start = after;
        }
        at = after;
    }
    out.extend_from_slice(bytes.get(start..).unwrap_or_default());
    Ok(())
}

fn reference(c: char, context: Context) -> Option<&'static [u8]> {
    let is_value = context == Context::Attribute;
    Some(match c {
        '&' => b"&amp;",
        '<' => b"&lt;",
        // XML needs this in `]]>` only; always escaping it is cheaper than looking.
        '>' => b"&gt;",
        '\'' if is_value => b"&apos;",
        '\t' if is_value => b"&#x9;",
        '\n' if is_value => b"&#xA;",
        // Parsers turn a bare CR into LF even in text (XML 1.0 §2.11).
        '\r' => b"&#xD;",
        _ => return None,
    })
}

/// Number of bytes at the front of a text that can be copied as they are.
fn plain_text(bytes: &[u8]) -> usize {
    plain(bytes, |byte| {
        (byte == b'&') | (byte == b'<') | (byte == b'>') | is_control(byte) | is_high(byte)
    })
}

/// Number of bytes at the front of a value that can be copied as they are.
fn plain_value(bytes: &[u8]) -> usize {
    plain(bytes, |byte| {
        (byte == b'&')
            | (byte == b'<')
            | (byte == b'>')
            | (byte == b'\'')
            | (byte < 0x20)
            | is_high(byte)
    })
}

/// Control characters other than tab and line feed, which text carries as they are.
fn is_control(byte: u8) -> bool {
    (byte < 0x20) & (byte != b'\n') & (byte != b'\t')
}

/// The first byte of U+FFFE and U+FFFF, which are no characters.
fn is_high(byte: u8) -> bool {
    byte == 0xEF
}

/// Number of bytes at the front for which `stops` is false. Whole blocks are tested without
/// branches, which the compiler turns into vector instructions.
fn plain(bytes: &[u8], stops: impl Fn(u8) -> bool) -> usize {
    let (blocks, _) = bytes.as_chunks::<32>();
    let clean = blocks
        .iter()
        .take_while(|block| !block.iter().fold(false, |stop, byte| stop | stops(*byte)))
        .count()
        .saturating_mul(32);
    let tail = bytes.get(clean..).unwrap_or_default();
    let more = tail.iter().position(|byte| stops(*byte));
    clean.saturating_add(more.unwrap_or(tail.len()))
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
