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

/// Where the parts of an address are that needs no preparation except lower case.
pub(crate) struct Places {
    /// The length of the localpart; 0 if there is none.
    pub(crate) local_len: usize,
    /// The length of everything before the `/` of the resourcepart.
    pub(crate) bare_len: usize,
    /// Something before that has upper case.
    pub(crate) upper: bool,
}

/// Looks at each byte of an address once. `None` if it is not plain: not ASCII, an IP address, an
/// internationalized label, or wrong.
pub(crate) fn places(input: &str) -> Option<Places> {
    let bytes = input.as_bytes();
    // The first part, which is the localpart if an `@` follows.
    let mut seen = 0;
    let mut end = 0;
    let mut separator = 0;
    for byte in bytes {
        let flags = flags(*byte);
        if flags & (NOT_LOCAL | NON_ASCII) != 0 {
            separator = *byte;
            break;
        }
        seen |= flags;
        end += 1;
    }
    let mut places = Places {
        local_len: 0,
        bare_len: end,
        upper: seen & UPPER != 0,
    };
    if separator == b'@' {
        let domain = bytes.get(end + 1..)?;
        let mut len = 0;
        seen = 0;
        for byte in domain {
            let flags = flags(*byte);
            if flags & (NOT_HOST | NON_ASCII) != 0 {
                break;
            }
            seen |= flags;
            len += 1;
        }
        if end == 0 || end > MAX_PART_LEN || !is_plain_host(domain.get(..len)?) {
            return None;
        }
        places.local_len = end;
        places.bare_len = end + 1 + len;
        places.upper |= seen & UPPER != 0;
    } else if seen & NOT_HOST != 0 || !is_plain_host(bytes.get(..end)?) {
        return None;
    }
    match bytes.get(places.bare_len..)? {
        [] => Some(places),
        [b'/', resource @ ..] => {
            let seen = resource.iter().fold(0, |seen, byte| seen | flags(*byte));
            let is_plain = seen & (NON_ASCII | CONTROL) == 0;
            let fits = (1..=MAX_PART_LEN).contains(&resource.len());
            (is_plain && fits).then_some(places)
        }
        _ => None,
    }
}

/// Whether a name of letters, digits, hyphens, underscores and dots is a domain name without
/// internationalized labels, and not an IP address.
fn is_plain_host(name: &[u8]) -> bool {
    // Longer names are for the other path, and so are final dots.
    if name.len() > 253 || name.last().is_none_or(|last| matches!(last, b'.' | b'-')) {
        return false;
    }
    let mut rest = name;
    loop {
        let len = rest.iter().take_while(|byte| **byte != b'.').count();
        let (label, tail) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        let is_plain = match label {
            [] | [b'-', ..] | [.., b'-'] | [_, _, b'-', b'-', ..] => false,
            label => label.len() <= 63,
        };
        match tail {
            _ if !is_plain => return false,
            // Names that end in a digit may be addresses.
            [] => return label.first().is_some_and(|first| !first.is_ascii_digit()),
            [_, tail @ ..] => rest = tail,
        }
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
    flags
}
