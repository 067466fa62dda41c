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

/// Bytes that are examined together, in vector registers.
const BLOCK: usize = 32;

/// Examines all bytes without branches, which the compiler turns into vector instructions.
pub(super) fn survey(bytes: &[u8]) -> Survey {
    let (mut low, mut high, mut bracket) = ([0; BLOCK], [0; BLOCK], [0; BLOCK]);
    let mut look = |block: &[u8; BLOCK]| {
        let lanes = low.iter_mut().zip(&mut high).zip(&mut bracket);
        for (((low, high), bracket), byte) in lanes.zip(block) {
            *low |= u8::from(*byte < 0x20);
            *high |= *byte;
            *bracket |= u8::from(*byte == b']');
        }
    };
    let (blocks, tail) = bytes.as_chunks();
    blocks.iter().for_each(&mut look);
    let mut last = [b' '; BLOCK];
    if let Some(front) = last.get_mut(..tail.len()) {
        front.copy_from_slice(tail);
    }
    look(&last);
    let any = |lanes: [u8; BLOCK]| lanes.iter().fold(0, |all, lane| all | lane);
    Survey {
        control: any(low) != 0 && has_control(bytes),
        high: any(high) >= 0x80,
        bracket: any(bracket) != 0,
    }
}

/// Whether there is a control character that XML does not allow, or a carriage return.
fn has_control(bytes: &[u8]) -> bool {
    let (blocks, tail) = bytes.as_chunks::<BLOCK>();
    let found = |bytes: &[u8]| {
        bytes.iter().fold(false, |found, byte| {
            found | (*byte < 0x20) & (*byte != b'\n') & (*byte != b'\t')
        })
    };
    blocks.iter().any(|block| found(block)) || found(tail)
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
pub(super) const SPACE: u8 = 4;

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
    at + count.unwrap_or(rest.len())
}

/// The place of the first byte from `at` on that may not be in the value of an attribute as it is:
/// `quote`, a `<`, a `&`, or a control character.
///
/// It looks at eight bytes at once: values are too short for a search with vector instructions.
#[inline]
pub(super) fn skip_value(bytes: &[u8], mut at: usize, quote: u8) -> usize {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    // The highest bit of each byte that is below `limit`, and perhaps of bytes after the first one
    // such, from which the subtraction borrows.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let equal = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let word = u64::from_le_bytes(*word);
        let found = below(word, 0x20) | equal(word, quote) | equal(word, b'<') | equal(word, b'&');
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let ends = |byte: &u8| *byte == quote || *byte < 0x20 || matches!(byte, b'<' | b'&');
    at + rest.iter().position(ends).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The byte that ends a value is found at every place, behind all other bytes.
    #[test]
    fn values_end_at_the_same_byte_wherever_they_begin() {
        let others: [u8; 20] = [
            b' ', b'!', b'"', b'%', b'(', b'*', b';', b'=', 0x7F, 0x80, 0x81, 0x9F, 0xA0, 0xA6,
            0xA7, 0xBC, 0xC3, 0xE2, 0xFE, 0xFF,
        ];
        for end in 0..=255 {
            let ends = end < 0x20 || matches!(end, b'\'' | b'<' | b'&');
            for before in 0..20 {
                for after in [0, 1, 7, 8, 20] {
                    let mut bytes = others.repeat(3);
                    bytes.truncate(before);
                    bytes.push(end);
                    bytes.resize(before + 1 + after, b'x');
                    let expected = if ends { before } else { bytes.len() };
                    assert_eq!(skip_value(&bytes, 0, b'\''), expected, "{bytes:?}");
                }
            }
        }
    }

    /// A byte is noticed at every place of a block and of the rest.
    #[test]
    fn the_survey_misses_no_byte() {
        for len in [0, 1, 31, 32, 33, 64, 70] {
            let mut bytes = [b'a'; 70];
            let plain = survey(&bytes[..len]);
            assert!(!plain.control && !plain.high && !plain.bracket);
            for place in 0..len {
                for byte in 0..=255 {
                    bytes[place] = byte;
                    let found = survey(&bytes[..len]);
                    let control = byte < 0x20 && !matches!(byte, b'\n' | b'\t');
                    assert_eq!(found.control, control, "{byte} at {place} of {len}");
                    assert_eq!(found.high, byte >= 0x80, "{byte} at {place} of {len}");
                    assert_eq!(found.bracket, byte == b']', "{byte} at {place} of {len}");
                }
                bytes[place] = b'a';
            }
        }
    }
}
