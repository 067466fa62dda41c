//! The first bytes of markup outside of stanzas.
//!
//! At this level the parser does not recognise document type declarations and CDATA sections, and
//! takes a misplaced XML declaration for a processing instruction. So it receives these bytes only
//! once they are known to begin a tag.

use crate::error::{ReadError, ReadErrorKind};

const CDATA: &[u8] = b"<![CDATA[";
const COMMENT: &[u8] = b"<!--";
const DECLARATION: &[u8] = b"<?xml";

/// The bytes from a `<` on, until it is known what they begin.
#[derive(Clone, Copy, Default)]
pub(super) struct Lead {
    bytes: [u8; CDATA.len()],
    len: u8,
}

/// The markup that begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Markup {
    /// More bytes are needed.
    Unclear,
    StartTag,
    EndTag,
    /// `<?xml` and a white space character: an XML declaration.
    Declaration,
    /// `<![CDATA[`.
    CharacterData,
    Fault(ReadError),
}

impl Lead {
    /// Adds a byte. There is room for all bytes that are needed.
    pub(super) fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(usize::from(self.len)) {
            *slot = byte;
            self.len = self.len.saturating_add(1);
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    pub(super) fn markup(&self) -> Markup {
        match self.bytes() {
            [] | [b'<'] | [b'<', b'!'] => Markup::Unclear,
            [b'<', b'/', ..] => Markup::EndTag,
            [b'<', b'?', ..] => instruction(self.bytes()),
            [b'<', b'!', third, ..] => declaration(self.bytes(), *third),
            _ => Markup::StartTag,
        }
    }
}

fn instruction(bytes: &[u8]) -> Markup {
    if DECLARATION.starts_with(bytes) {
        return Markup::Unclear;
    }
    match bytes.strip_prefix(DECLARATION) {
        Some([b' ' | b'\t' | b'\r' | b'\n']) => Markup::Declaration,
        Some([b'?']) => Markup::Fault(ReadError::new(
            ReadErrorKind::NotWellFormed,
            "an XML declaration without a version",
        )),
        // Such as `<?xml-stylesheet`.
        _ => Markup::Fault(INSTRUCTION),
    }
}

fn declaration(bytes: &[u8], third: u8) -> Markup {
    if bytes == CDATA {
        Markup::CharacterData
    } else if bytes == COMMENT {
        Markup::Fault(ReadError::new(ReadErrorKind::RestrictedXml, "a comment"))
    } else if CDATA.starts_with(bytes) || COMMENT.starts_with(bytes) {
        Markup::Unclear
    } else if third.is_ascii_uppercase() {
        Markup::Fault(DOCUMENT_TYPE)
    } else {
        Markup::Fault(ReadError::new(
            ReadErrorKind::NotWellFormed,
            "no markup begins like this",
        ))
    }
}

pub(super) const INSTRUCTION: ReadError =
    ReadError::new(ReadErrorKind::RestrictedXml, "a processing instruction");

/// `<!` and a capital letter begin `<!DOCTYPE` or a declaration inside of one.
pub(super) const DOCUMENT_TYPE: ReadError =
    ReadError::new(ReadErrorKind::RestrictedXml, "a document type declaration");

/// White space in the sense of XML 1.0 §2.3.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}
