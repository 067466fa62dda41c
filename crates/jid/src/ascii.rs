//! The fast path: a table of bytes classifies the characters of an ASCII address or part.

use alloc::string::String;

use crate::MAX_PART_LEN;

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
/// The part has a hyphen.
const HYPHEN: u8 = 1 << 5;

/// Where the parts of an address are that needs no preparation except lower case.
pub(crate) struct Places {
    /// The length of the localpart; 0 if there is none.
    pub(crate) local_len: usize,
    /// The length of everything before the `/` of the resourcepart.
    pub(crate) bare_len: usize,
    /// Something before that has upper case.
    pub(crate) upper: bool,
}

/// Where the parts of an address are. `None` if it is not plain: not ASCII, an IP address, an
/// internationalized label, or wrong.
pub(crate) fn places(input: &str) -> Option<Places> {
    let bytes = input.as_bytes();
    // The first part, which is the localpart if an `@` follows.
    let (mut seen, mut end) = (0, 0);
    // Most localparts begin with lower-case letters and digits, which need no flags.
    let (words, _) = bytes.as_chunks();
    for word in words {
        let count = lowercase(u64::from_le_bytes(*word));
        end += count;
        if count < 8 {
            break;
        }
    }
    for byte in bytes.get(end..)? {
        let flags = flags(*byte);
        if flags & (NOT_LOCAL | NON_ASCII) != 0 {
            break;
        }
        seen |= flags;
        end += 1;
    }
    let (local_len, start) = match bytes.get(end) {
        Some(b'@') => (end, end + 1),
        _ => (0, 0),
    };
    if local_len > MAX_PART_LEN || (start > 0 && local_len == 0) {
        return None;
    }
    let host = host(bytes.get(start..)?)?;
    // What was seen of a domainpart is the same.
    let upper = (seen | host.seen) & UPPER != 0;
    let bare_len = start + host.len;
    match bytes.get(bare_len..)? {
        [] => {}
        [b'/', resource @ ..] if (1..=MAX_PART_LEN).contains(&resource.len()) => {
            if !is_plain_resource(resource) {
                return None;
            }
        }
        _ => return None,
    }
    Some(Places {
        local_len,
        bare_len,
        upper,
    })
}

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// The highest bit of each byte of ASCII that is `least` or more.
const fn from(word: u64, least: u8) -> u64 {
    word.wrapping_add(ONES * (0x80 - least as u64))
}

/// How many of the first of eight bytes are lower-case letters and digits.
const fn lowercase(word: u64) -> usize {
    let low = word & !HIGHS;
    let letters = from(low, b'a') & !from(low, b'z' + 1);
    let digits = from(low, b'0') & !from(low, b'9' + 1);
    let others = !((letters | digits) & !word) & HIGHS;
    (others.trailing_zeros() / 8) as usize
}

/// Whether all bytes are ASCII without control characters.
fn is_plain_resource(resource: &[u8]) -> bool {
    let (words, tail) = resource.as_chunks();
    let mut wrong = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let low = word & !HIGHS;
        wrong |= word | !from(low, 0x20) | from(low, 0x7F);
    }
    let tail = tail.iter().fold(0, |seen, byte| seen | flags(*byte));
    wrong & HIGHS == 0 && tail & (NON_ASCII | CONTROL) == 0
}

/// The host at the front of some bytes.
struct HostName {
    len: usize,
    seen: u8,
}

/// Reads a domain name of letters, digits, hyphens, underscores and dots, up to the first other byte.
/// `None` if it is no domain name, has an internationalized label or may be an IP address. Longer
/// names are for the other path, and so are final dots.
fn host(bytes: &[u8]) -> Option<HostName> {
    let (mut len, mut seen) = (0, 0);
    // The label that is read begins here.
    let mut label = 0;
    for byte in bytes {
        let flags = flags(*byte);
        if flags & (NOT_HOST | NON_ASCII) != 0 {
            break;
        }
        if *byte == b'.' {
            if len == label {
                return None;
            }
            label = len + 1;
        }
        seen |= flags;
        len += 1;
    }
    let name = bytes.get(..len)?;
    // Names that end in a digit may be addresses.
    let last = name.get(label..)?.first()?;
    if len > 253 || last.is_ascii_digit() {
        return None;
    }
    // Shorter names have no longer labels.
    let is_plain = len <= 63 && seen & HYPHEN == 0;
    (is_plain || name.split(|byte| *byte == b'.').all(is_plain_label))
        .then_some(HostName { len, seen })
}

/// Whether a label that is not empty may stand in a domain name, and is no A-label.
fn is_plain_label(label: &[u8]) -> bool {
    match label {
        [b'-', ..] | [.., b'-'] | [_, _, b'-', b'-', ..] => false,
        label => label.len() <= 63,
    }
}

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
    if byte == b'-' {
        flags |= HYPHEN;
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The word ends at the first byte that is neither, whatever follows.
    #[test]
    fn a_word_counts_its_letters_and_digits() {
        for byte in 0..=u8::MAX {
            let is_plain = byte.is_ascii_lowercase() || byte.is_ascii_digit();
            for place in 0..8 {
                for fill in *b"az09" {
                    let mut word = [fill; 8];
                    word[place] = byte;
                    let count = if is_plain { 8 } else { place };
                    assert_eq!(lowercase(u64::from_le_bytes(word)), count, "{word:?}");
                }
            }
        }
    }
}
