//! Characters, references and classes of bytes.

/// Properties of bytes that do not belong to one token.
pub(super) struct Survey {
    /// Has a control character that XML does not allow, or a carriage return.
    pub(super) control: bool,
    /// Has a byte that is not ASCII.
    pub(super) high: bool,
    /// Has a `]`, the first byte of `]]>`.
    pub(super) bracket: bool,
}

/// Examines all bytes without branches, which the compiler turns into vector instructions.
pub(super) fn survey(bytes: &[u8]) -> Survey {
    let mut found = Survey {
        control: false,
        high: false,
        bracket: false,
    };
    let (blocks, tail) = bytes.as_chunks::<32>();
    for block in blocks {
        look(block, &mut found);
    }
    look(tail, &mut found);
    found
}

#[inline]
fn look(bytes: &[u8], found: &mut Survey) {
    let (mut control, mut high, mut bracket) = (0_u8, 0_u8, 0_u8);
    for byte in bytes {
        let low = (*byte < 0x20) & (*byte != b'\n') & (*byte != b'\t');
        control |= u8::from(low);
        high |= *byte;
        bracket |= u8::from(*byte == b']');
    }
    found.control |= control != 0;
    found.high |= high >= 0x80;
    found.bracket |= bracket != 0;
}

/// Whether UTF-8 has U+FFFE or U+FFFF, which XML does not allow (XML 1.0 §2.2).
pub(super) fn has_noncharacter(bytes: &[u8]) -> bool {
    memchr::memchr_iter(0xEF, bytes)
        .any(|at| matches!(bytes.get(at..), Some([_, 0xBF, 0xBE | 0xBF, ..])))
}

/// Resolves the reference at the front: its character and its length. `None` unless it is one of
/// the five predefined entities or a short, complete reference to a character that XML allows.
pub(super) fn reference(bytes: &[u8]) -> Option<(char, usize)> {
    Some(match bytes {
        [b'&', b'a', b'm', b'p', b';', ..] => ('&', 5),
        [b'&', b'l', b't', b';', ..] => ('<', 4),
        [b'&', b'g', b't', b';', ..] => ('>', 4),
        [b'&', b'a', b'p', b'o', b's', b';', ..] => ('\'', 6),
        [b'&', b'q', b'u', b'o', b't', b';', ..] => ('"', 6),
        [b'&', b'#', b'x', digits @ ..] => number(digits, 16, 3)?,
        [b'&', b'#', digits @ ..] => number(digits, 10, 2)?,
        _ => return None,
    })
}

/// Largest number of digits in a reference. The parser of the checked lane has a limit as well.
const DIGITS: usize = 5;

fn number(bytes: &[u8], radix: u32, before: usize) -> Option<(char, usize)> {
    let mut value = 0_u32;
    for (place, byte) in bytes.iter().enumerate().take(DIGITS.saturating_add(1)) {
        if *byte == b';' && place > 0 {
            let c = char::from_u32(value)?;
            let is_char = matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
            let len = before.saturating_add(place).saturating_add(1);
            return is_char.then_some((c, len));
        }
        let digit = char::from(*byte).to_digit(radix)?;
        value = value.saturating_mul(radix).saturating_add(digit);
    }
    None
}

/// Classes of bytes.
pub(super) const NAME_START: u8 = 1;
pub(super) const NAME: u8 = 2;
/// Continues a value in quotes.
pub(super) const VALUE: u8 = 4;
pub(super) const SPACE: u8 = 8;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0_u8; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        let b = byte as u8;
        let mut class = 0;
        if b.is_ascii_alphabetic() || b == b'_' {
            class |= NAME_START | NAME;
        }
        if b.is_ascii_digit() || b == b'-' || b == b'.' {
            class |= NAME;
        }
        if b >= 0x20 && !matches!(b, b'<' | b'&' | b'\'' | b'"') {
            class |= VALUE;
        }
        if matches!(b, b' ' | b'\t' | b'\n') {
            class |= SPACE;
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "the loop ends at the table's length"
        )]
        {
            table[byte] = class;
        }
        byte += 1;
    }
    table
}

/// Whether a byte is of one of the classes.
#[inline]
pub(super) fn is(byte: u8, class: u8) -> bool {
    #[expect(
        clippy::indexing_slicing,
        reason = "a byte is always in a table of 256"
    )]
    let classes = CLASSES[byte as usize];
    classes & class != 0
}

/// The place after the bytes from `at` on that are of a class.
#[inline]
pub(super) fn skip(bytes: &[u8], at: usize, class: u8) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let count = rest.iter().position(|byte| !is(*byte, class));
    at.saturating_add(count.unwrap_or(rest.len()))
}
