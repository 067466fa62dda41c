//! From what the parser complains about to what RFC 6120 calls it.

use super::lead::{DOCUMENT_TYPE, INSTRUCTION};
use crate::error::{ReadError, ReadErrorKind};

/// How many of the last bytes [`classify`] looks at.
pub(super) const RECENT: usize = 5;

/// What is wrong.
pub(super) enum Verdict {
    Final(ReadError),
    /// `<?xml` inside the document: the next byte tells a misplaced XML
    /// declaration from a processing instruction.
    NextByteDecides,
}

/// `recent` are the bytes that the parser saw last, ending with the one that it
/// stopped at.
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
        // Also a reference with more characters than any that is predefined and
        // than any character needs; it is not read to its end.
        rxml::Error::UndeclaredEntity => ReadErrorKind::RestrictedXml,
        // The parser has no name for these.
        rxml::Error::InvalidSyntax(_) if matches!(recent, [.., b'<', b'!', third] if third.is_ascii_uppercase()) =>
        {
            return Verdict::Final(DOCUMENT_TYPE);
        }
        _ => ReadErrorKind::NotWellFormed,
    };
    Verdict::Final(ReadError::from_parser(kind, error))
}

/// Judges by the byte after `<?xml` inside the document.
///
/// Names that begin with `xml` are no targets of processing instructions
/// (XML 1.0 §2.6), except for what W3C itself has defined.
pub(super) fn judge_target(next: u8) -> ReadError {
    match next {
        b' ' | b'\t' | b'\r' | b'\n' | b'?' => MISPLACED_DECLARATION,
        _ => INSTRUCTION,
    }
}

pub(super) const MISPLACED_DECLARATION: ReadError = ReadError::new(
    ReadErrorKind::NotWellFormed,
    "an XML declaration that is not at the start",
);
