//! The stream error condition for each of the parser's errors.

use super::lead::{DOCUMENT_TYPE, INSTRUCTION};
use crate::error::{ReadError, ReadErrorKind};

/// Number of last bytes that [`classify`] looks at.
///
/// The longest case is `&#x` with the eight digits after which the parser stops.
pub(super) const RECENT: usize = 12;

/// What an error of the parser means.
pub(super) enum Verdict {
    Final(ReadError),
    /// `<?xml` inside the document: the next byte distinguishes a misplaced XML declaration from a
    /// processing instruction.
    NextByteDecides,
}

/// Classifies an error of the parser. `recent` are the last bytes it saw, up to the one it stopped
/// at.
pub(super) fn classify(error: rxml::Error, recent: &[u8]) -> Verdict {
    let kind = match error {
        rxml::Error::RestrictedXml("long name or reference" | "event too long") => {
            ReadErrorKind::PolicyViolation
        }
        rxml::Error::RestrictedXml("processing instructions") if recent.ends_with(b"<?xml") => {
            return Verdict::NextByteDecides;
        }
        // Comments and processing instructions.
        rxml::Error::RestrictedXml(_) => ReadErrorKind::RestrictedXml,
        rxml::Error::UndeclaredEntity => reference(recent),
        // RFC 6120 §4.9.3.22: the rules of UTF-8 are broken.
        rxml::Error::InvalidUtf8Byte(_) => ReadErrorKind::UnsupportedEncoding,
        // The parser has no error of its own for these.
        rxml::Error::InvalidSyntax(_) if matches!(recent, [.., b'<', b'!', third] if third.is_ascii_uppercase()) =>
        {
            return Verdict::Final(DOCUMENT_TYPE);
        }
        _ => ReadErrorKind::NotWellFormed,
    };
    Verdict::Final(ReadError::from_parser(kind, error))
}

/// Classifies a reference that the parser cannot resolve, or stopped reading after eight bytes.
fn reference(recent: &[u8]) -> ReadErrorKind {
    let start = recent.iter().rposition(|byte| *byte == b'&');
    let after = start.and_then(|start| recent.get(start.saturating_add(1)..));
    let after = after.unwrap_or_default();
    if after.starts_with(b"#") {
        // Well-formed if the leading digits are zeros, but longer than any character needs.
        return ReadErrorKind::PolicyViolation;
    }
    let (name, is_whole) = match after.strip_suffix(b";") {
        Some(name) => (name, true),
        None => (after, false),
    };
    let name = match core::str::from_utf8(name) {
        Ok(name) => name,
        // The parser stopped in the middle of a character.
        Err(error) if error.error_len().is_none() && !is_whole => name
            .get(..error.valid_up_to())
            .and_then(|name| core::str::from_utf8(name).ok())
            .unwrap_or_default(),
        Err(_) => return ReadErrorKind::UnsupportedEncoding,
    };
    match rxml::strings::validate_name(name) {
        Ok(()) => ReadErrorKind::RestrictedXml,
        Err(_) => ReadErrorKind::NotWellFormed,
    }
}

/// Classifies by the byte that follows `<?xml` inside the document.
///
/// Targets of processing instructions cannot begin with `xml` (XML 1.0 §2.6), except for those that
/// the W3C defined.
pub(super) fn judge_target(next: u8) -> ReadError {
    match next {
        b' ' | b'\t' | b'\r' | b'\n' | b'?' => MISPLACED_DECLARATION,
        _ => INSTRUCTION,
    }
}

/// What is wrong with a byte outside of the root that begins no markup: whether a character of UTF-8
/// can begin with it (RFC 6120 §4.9.3.22).
pub(super) fn judge_outside(byte: u8, otherwise: ReadError) -> ReadError {
    match core::str::from_utf8(&[byte]) {
        Err(error) if error.error_len().is_some() => BAD_UTF8,
        _ => otherwise,
    }
}

pub(super) const BAD_UTF8: ReadError = ReadError::new(
    ReadErrorKind::UnsupportedEncoding,
    "bytes that are not UTF-8",
);

pub(super) const MISPLACED_DECLARATION: ReadError = ReadError::new(
    ReadErrorKind::NotWellFormed,
    "an XML declaration that is not at the start",
);
