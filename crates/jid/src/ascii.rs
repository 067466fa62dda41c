//! The fast path: a table of bytes classifies the characters of an ASCII part.

use alloc::string::String;

/// The part has bytes beyond ASCII, so it needs the Unicode tables.
pub(crate) const NON_ASCII: u8 = 1;
/// The part has ASCII upper-case letters.
pub(crate) const UPPER: u8 = 1 << 1;
/// The part has ASCII characters that no localpart may have.
pub(crate) const NOT_LOCAL: u8 = 1 << 2;
/// The part has characters other than ASCII letters, digits, hyphens, underscores and dots.
pub(crate) const NOT_HOST: u8 = 1 << 3;
/// The part has ASCII control characters.
pub(crate) const CONTROL: u8 = 1 << 4;

/// The union of the flags of all bytes of `text`, in one pass.
pub(crate) fn survey(text: &str) -> u8 {
    text.bytes().fold(0, |seen, byte| seen | flags(byte))
}

/// The first character of `text` that has one of the flags in `mask`.
pub(crate) fn first(text: &str, mask: u8) -> Option<char> {
    text.chars()
        .find(|c| u8::try_from(*c).is_ok_and(|byte| flags(byte) & mask != 0))
}

/// Appends `text` in lower case. `text` is ASCII, and `seen` holds its flags.
pub(crate) fn push_lowercase(text: &str, seen: u8, out: &mut String) {
    let start = out.len();
    out.push_str(text);
    if seen & UPPER != 0
        && let Some(tail) = out.get_mut(start..)
    {
        tail.make_ascii_lowercase();
    }
}

/// Whether RFC 7622 §3.3.1 excludes this printable ASCII character from localparts: `"&'/:<>@`.
pub(crate) const fn is_excluded_from_localparts(c: char) -> bool {
    matches!(c, '"' | '&' | '\'' | '/' | ':' | '<' | '>' | '@')
}

#[expect(
    clippy::indexing_slicing,
    reason = "the table has an entry for every value of a byte"
)]
const fn flags(byte: u8) -> u8 {
    TABLE[byte as usize]
}

static TABLE: [u8; 256] = table();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, with every index below the length"
)]
const fn table() -> [u8; 256] {
    let mut table = [NON_ASCII; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte as usize] = ascii_flags(byte);
        byte += 1;
    }
    table
}

const fn ascii_flags(byte: u8) -> u8 {
    let mut flags = 0;
    if byte.is_ascii_uppercase() {
        flags |= UPPER;
    }
    // PRECIS allows U+0021 to U+007E (ASCII7) in both string classes, and a space only in free-form
    // text (RFC 8264 §9.11).
    if !byte.is_ascii_graphic() || is_excluded_from_localparts(byte as char) {
        flags |= NOT_LOCAL;
    }
    if !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        flags |= NOT_HOST;
    }
    if byte.is_ascii_control() {
        flags |= CONTROL;
    }
    flags
}
