//! Escapes characters, and says which ones XML can carry.

use alloc::vec::Vec;

use crate::element::{Span, Tree};
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
#[inline]
pub(crate) fn write(
    out: &mut Vec<u8>,
    string: &str,
    context: Context,
    unspeakable: Unspeakable,
) -> Result<(), WriteError> {
    match write_plain(out, string.as_bytes(), context) {
        Ok(()) => Ok(()),
        Err(plain) => escape(out, string, plain, context, unspeakable),
    }
}

/// Writes bytes of UTF-8 if none of them needs an escape. The error is the place of the first that
/// may need one, and nothing was written.
#[inline]
fn write_plain(out: &mut Vec<u8>, bytes: &[u8], context: Context) -> Result<(), usize> {
    let plain = skip(bytes, 0, context);
    if plain < bytes.len() {
        return Err(plain);
    }
    out.extend_from_slice(bytes);
    Ok(())
}

/// Writes a part of a tree like [`write`].
#[inline]
pub(crate) fn write_part(
    out: &mut Vec<u8>,
    tree: &Tree,
    part: Span,
    context: Context,
    unspeakable: Unspeakable,
) -> Result<(), WriteError> {
    match write_plain(out, tree.bytes(part), context) {
        Ok(()) => Ok(()),
        Err(plain) => escape(out, tree.str(part), plain, context, unspeakable),
    }
}

/// Writes a string whose first characters up to `plain` need no escape.
#[inline(never)]
fn escape(
    out: &mut Vec<u8>,
    string: &str,
    plain: usize,
    context: Context,
    unspeakable: Unspeakable,
) -> Result<(), WriteError> {
    let bytes = string.as_bytes();
    // The start of the run that is copied next, and the place up to which it is plain.
    let (mut start, mut at) = (0, plain);
    // Every byte that stops the search is the first of a character. In text, none is a quote or white
    // space that only values escape.
    while let Some(c) = string.get(at..).and_then(|rest| rest.chars().next()) {
        let after = at.saturating_add(c.len_utf8());
        if let Some(reference) = reference(c) {
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
        at = skip(bytes, after, context);
        debug_assert!(at >= after, "the search goes on");
    }
    out.extend_from_slice(bytes.get(start..).unwrap_or_default());
    Ok(())
}

fn reference(c: char) -> Option<&'static [u8]> {
    Some(match c {
        '&' => b"&amp;",
        '<' => b"&lt;",
        // XML needs this in `]]>` only; always escaping it is cheaper than looking.
        '>' => b"&gt;",
        '\'' => b"&apos;",
        '\t' => b"&#x9;",
        '\n' => b"&#xA;",
        // Parsers turn a bare CR into LF even in text (XML 1.0 §2.11).
        '\r' => b"&#xD;",
        _ => return None,
    })
}

/// Bytes that stop the search in text, and in values.
const TEXT: u8 = 1;
const VALUE: u8 = 2;

static STOPS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let stops = match byte as u8 {
            // The first byte of U+FFFE and U+FFFF, which are no characters.
            b'&' | b'<' | b'>' | 0xEF => TEXT | VALUE,
            b'\'' | b'\n' | b'\t' => VALUE,
            0..0x20 => TEXT | VALUE,
            _ => 0,
        };
        #[expect(
            clippy::indexing_slicing,
            reason = "the loop ends at the table's length"
        )]
        {
            table[byte] = stops;
        }
        byte += 1;
    }
    table
};

fn stops(byte: u8, context: u8) -> bool {
    #[expect(
        clippy::indexing_slicing,
        reason = "a byte is always in a table of 256"
    )]
    let stops = STOPS[byte as usize];
    stops & context != 0
}

const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Marks bytes in their highest bits: the first one that stops the search in text or in values, if
/// there is one, and perhaps bytes after it, from which the subtraction borrows.
const fn find(word: u64, context: Context) -> u64 {
    /// Each byte that is zero.
    const fn zero(word: u64) -> u64 {
        word.wrapping_sub(all(1))
    }
    let control = word.wrapping_sub(all(0x20));
    // `<` and `>` differ in one bit, and so do `&` and `'`.
    let angle = zero((word | all(0x02)) ^ all(b'>'));
    let quoted = match context {
        Context::Text => zero(word ^ all(b'&')),
        Context::Attribute => zero((word | all(0x01)) ^ all(b'\'')),
    };
    let ascii = (control | angle | quoted) & !word;
    let other = zero(word ^ all(0xEF)) & word;
    (ascii | other) & all(0x80)
}

/// The place from `at` on up to which a string can be copied as it is.
#[inline]
fn skip(bytes: &[u8], mut at: usize, context: Context) -> usize {
    /// Bytes that are tested together, in vector registers.
    const BLOCK: usize = 64;
    let class = match context {
        Context::Text => TEXT,
        Context::Attribute => VALUE,
    };
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.len() >= BLOCK {
        let (blocks, _) = rest.as_chunks::<BLOCK>();
        let clean = |block: &[u8; BLOCK]| {
            !block.iter().fold(false, |stop, byte| {
                let escaped = (*byte == b'&') | (*byte == b'<') | (*byte == b'>') | (*byte == 0xEF);
                let in_value = (class == VALUE) & (*byte == b'\'');
                stop | escaped | in_value | (*byte < 0x20)
            })
        };
        at += BLOCK * blocks.iter().take_while(|block| clean(block)).count();
    }
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let before = at;
        let found = find(u64::from_le_bytes(*word), context);
        if found == 0 {
            at += 8;
        } else {
            at += (found.trailing_zeros() / 8) as usize;
            match bytes.get(at) {
                // A line feed in text, for instance.
                Some(byte) if !stops(*byte, class) => at += 1,
                _ => return at,
            }
        }
        debug_assert!(at > before, "the search goes on");
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let found = rest.iter().position(|byte| stops(*byte, class));
    at + found.unwrap_or(rest.len())
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

    /// Only bytes that stop the search, and in text what only values escape, end the plain part of a
    /// word.
    #[test]
    fn a_word_is_plain_up_to_its_first_stop() {
        for byte in 0..=255 {
            for place in 0..8 {
                for (context, class) in [(Context::Text, TEXT), (Context::Attribute, VALUE)] {
                    for fill in *b"a\x7F %;=" {
                        let mut word = [fill; 8];
                        word[place] = byte;
                        let is_stop = stops(byte, class) || byte < 0x20;
                        let plain = if is_stop { place } else { 8 };
                        let found = find(u64::from_le_bytes(word), context);
                        assert_eq!(found.trailing_zeros() as usize / 8, plain, "{word:?}");
                    }
                }
            }
        }
    }

    /// A byte is found at every place of a word and of a block, whatever stands around it.
    #[test]
    fn no_byte_escapes() {
        for byte in 0..0x80 {
            let c = char::from(byte);
            for before in [0, 1, 5, 8, 9, 63, 64, 70] {
                for after in [0, 1, 8, 70] {
                    for fill in ["x", "\n", "é", "%", "'", "&"] {
                        let (front, back) = (fill.repeat(before), fill.repeat(after));
                        for context in [Context::Text, Context::Attribute] {
                            let whole = escaped(&alloc::format!("{front}{c}{back}"), context);
                            let fill = escaped(fill, context);
                            let mut parts = fill.repeat(before);
                            parts += &escaped(&alloc::format!("{c}"), context);
                            parts += &fill.repeat(after);
                            assert_eq!(whole, parts, "{c:?} after {before} {fill:?}");
                        }
                    }
                }
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
