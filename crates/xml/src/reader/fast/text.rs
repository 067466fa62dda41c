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
    // Bytes may be examined twice.
    match bytes.last_chunk() {
        Some(last) => look(last),
        None => {
            let mut last = [b' '; BLOCK];
            if let Some(front) = last.get_mut(..tail.len()) {
                front.copy_from_slice(tail);
            }
            look(&last);
        }
    }
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
        // No digits make U+0000, which is no character.
        if *byte == b';' {
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

/// The place after the bytes of a name from `at` on.
///
/// It looks at eight bytes at once for the first that is no lower-case letter, because that ends
/// most names.
#[inline]
pub(super) fn skip_name(bytes: &[u8], at: usize) -> usize {
    let letters = bytes.get(at..).and_then(|rest| rest.first_chunk());
    let letters = letters.map_or(0, |word| leading_letters(u64::from_le_bytes(*word)));
    skip(bytes, at + letters, NAME)
}

/// How many of the first of eight bytes are lower-case letters.
#[inline]
fn leading_letters(word: u64) -> usize {
    let low = word & !HIGHS;
    // Sets the highest bit of a byte from `a` on, and of a byte after `z`.
    let from_a = low.wrapping_add(ONES * (0x80 - b'a' as u64));
    let after_z = low.wrapping_add(ONES * (0x7F - b'z' as u64));
    let others = !(from_a & !after_z & !word) & HIGHS;
    (others.trailing_zeros() / 8) as usize
}

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// The place of the first byte from `at` on that may not be in the value of an attribute as it is:
/// `quote`, a `<`, a `&`, or a control character.
///
/// It looks at eight bytes at once: values are too short for a search with vector instructions.
#[inline]
pub(super) fn skip_value(bytes: &[u8], at: usize, quote: u8) -> usize {
    // A quote differs from `&` in one bit, so one comparison finds both.
    let bit = quote ^ b'&';
    let (bits, either) = (ONES * u64::from(bit), ONES * u64::from(b'&' | bit));
    const LESS: u64 = ONES * b'<' as u64;
    let mut at = at;
    let (words, tail) = bytes.get(at..).unwrap_or_default().as_chunks();
    for word in words {
        let word = u64::from_le_bytes(*word);
        // The highest bit of each byte that is below 0x20, and of each that is zero in one of the
        // differences. Bytes after the first one such may have it too, because the subtraction
        // borrows.
        let below = word.wrapping_sub(ONES * 0x20);
        let quoted = ((word | bits) ^ either).wrapping_sub(ONES);
        let less = (word ^ LESS).wrapping_sub(ONES);
        let found = (below | quoted | less) & !word & HIGHS;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let ends = |byte: &u8| *byte == quote || *byte < 0x20 || matches!(byte, b'<' | b'&');
    at + tail.iter().position(ends).unwrap_or(tail.len())
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
                    // The other quote, with the two exchanged.
                    for byte in &mut bytes {
                        *byte = match *byte {
                            b'\'' => b'"',
                            b'"' => b'\'',
                            other => other,
                        };
                    }
                    assert_eq!(skip_value(&bytes, 0, b'"'), expected, "{bytes:?}");
                }
            }
        }
    }

    /// A name ends at the first byte that is none of a name, wherever it begins.
    #[test]
    fn names_end_at_the_same_byte_wherever_they_begin() {
        for end in 0..=255 {
            for before in 0..20 {
                for name in ["abcdefghijklmnopqrstuvwxyz", "a-B.c_1zZ09-aAz."] {
                    let mut bytes = name.as_bytes().repeat(2);
                    bytes.truncate(before);
                    bytes.push(end);
                    bytes.extend_from_slice(b"abcdefgh=");
                    let expected = skip(&bytes, 0, NAME);
                    assert_eq!(skip_name(&bytes, 0), expected, "{bytes:?}");
                }
            }
        }
    }

    /// A word ends at the first byte that is none, whatever follows.
    #[test]
    fn a_word_counts_its_letters() {
        for byte in 0..=255_u8 {
            for place in 0..8 {
                for fill in *b"az" {
                    let mut word = [fill; 8];
                    word[place] = byte;
                    let count = if byte.is_ascii_lowercase() { 8 } else { place };
                    let found = leading_letters(u64::from_le_bytes(word));
                    assert_eq!(found, count, "{word:?}");
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
        // Nor many of one kind.
        for len in [2, 31, 32, 64, 70] {
            for byte in 0..=255 {
                let found = survey(&[byte; 70][..len]);
                let control = byte < 0x20 && !matches!(byte, b'\n' | b'\t');
                assert_eq!(found.control, control, "{len} of {byte}");
                assert_eq!(found.high, byte >= 0x80, "{len} of {byte}");
                assert_eq!(found.bracket, byte == b']', "{len} of {byte}");
            }
        }
    }
}
