//! Errors of reading and of writing.

use core::fmt;

/// Why the peer's bytes cannot be read any further.
///
/// The peer caused every one of these errors, and they are final for the stream (RFC 6120
/// §4.9.1.1): the [`Reader`](crate::Reader) keeps returning the same error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {detail}")]
pub struct ReadError {
    kind: ReadErrorKind,
    detail: Detail,
}

impl ReadError {
    pub(crate) const fn new(kind: ReadErrorKind, detail: &'static str) -> Self {
        Self {
            kind,
            detail: Detail::Plain(detail),
        }
    }

    pub(crate) const fn from_parser(kind: ReadErrorKind, error: rxml::Error) -> Self {
        Self {
            kind,
            detail: Detail::Parser(error),
        }
    }

    /// The stream error condition to send to the peer.
    pub fn kind(&self) -> ReadErrorKind {
        self.kind
    }

    /// Describes the error for a log. The wording may change.
    pub fn detail(&self) -> impl fmt::Display + '_ {
        &self.detail
    }
}

/// Why a text is no element, and where.
///
/// ```
/// use xmppwire_xml::{Element, ReadErrorKind};
///
/// let error = "<a>\n  <b></c>\n</a>".parse::<Element>().unwrap_err();
/// assert_eq!(error.kind(), ReadErrorKind::NotWellFormed);
/// assert_eq!((error.line(), error.column()), (2, 9));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {error}")]
pub struct ParseError {
    // Its text is part of this error's, so it is no source.
    error: ReadError,
    offset: usize,
    line: usize,
    column: usize,
}

impl ParseError {
    /// Looks the place up in the input.
    pub(crate) fn new(error: ReadError, input: &[u8], offset: usize) -> Self {
        let before = input.get(..offset).unwrap_or(input);
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end.saturating_add(1));
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        // All bytes of a character but the first begin with the bits 10.
        let begins = |byte: &&u8| **byte & 0xC0 != 0x80;
        let in_line = before.iter().skip(line_start).filter(begins).count();
        Self {
            error,
            offset: before.len(),
            line: lines.saturating_add(1),
            column: in_line.saturating_add(1),
        }
    }

    /// The condition that it would be on a stream.
    pub fn kind(&self) -> ReadErrorKind {
        self.error.kind()
    }

    /// Describes the error for a log, without its place. The wording may change.
    pub fn detail(&self) -> impl fmt::Display + '_ {
        self.error.detail()
    }

    /// Whether more bytes could make an element of the input: it ends inside of one.
    pub fn is_incomplete(&self) -> bool {
        self.error == crate::reader::text::CUT
    }

    /// The number of bytes before the first byte that is wrong. That is the length of the input where
    /// something is missing at the end.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The line of that byte, from 1. Lines end with LF.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The place of that byte in its line, in characters, from 1.
    pub fn column(&self) -> usize {
        self.column
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Detail {
    Plain(&'static str),
    Parser(rxml::Error),
}

// The parser's error lacks `Eq`, but all of its fields could have it.
impl Eq for Detail {}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => f.write_str(text),
            Self::Parser(error) => error.fmt(f),
        }
    }
}

/// The stream error conditions of RFC 6120 §4.9.3 that reading XML can lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// `<not-well-formed/>` (§4.9.3.13, §11.3): not XML 1.0, or not namespace-well-formed.
    ///
    /// This includes an undeclared prefix, attributes that are equal after prefixes are resolved,
    /// anything but white space before or after the root element, a byte order mark in UTF-8 (§11.6
    /// makes it an ordinary character), and a declared version other than 1.0.
    NotWellFormed,
    /// `<restricted-xml/>` (§4.9.3.18, §11.1): a comment, a processing instruction, a document type
    /// declaration or a reference to an entity that XML does not predefine.
    RestrictedXml,
    /// `<unsupported-encoding/>` (§4.9.3.22, §11.6): an encoding other than UTF-8, by declaration
    /// or by its first bytes, or bytes that break the rules of UTF-8.
    UnsupportedEncoding,
    /// `<bad-format/>` (§4.9.3.1): well-formed XML that is no stream, such as character data
    /// between stanzas or a root that is not `<stream/>`.
    BadFormat,
    /// `<policy-violation/>` (§4.9.3.14): over one of the [`XmlLimits`](crate::XmlLimits).
    PolicyViolation,
    /// `<invalid-namespace/>` (§4.9.3.10): the root element is not in the stream namespace
    /// (§4.8.1).
    InvalidNamespace,
}

impl ReadErrorKind {
    /// The condition's element name in `urn:ietf:params:xml:ns:xmpp-streams`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotWellFormed => "not-well-formed",
            Self::RestrictedXml => "restricted-xml",
            Self::UnsupportedEncoding => "unsupported-encoding",
            Self::BadFormat => "bad-format",
            Self::PolicyViolation => "policy-violation",
            Self::InvalidNamespace => "invalid-namespace",
        }
    }
}

impl fmt::Display for ReadErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why something cannot be written as XML. The caller caused it: an element from a
/// [`Reader`](crate::Reader) can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A name or a prefix is not an `NCName` (Namespaces in XML 1.0 §3), or an attribute is called
    /// `xmlns`. The writer makes the declarations itself.
    #[error("a name is not an NCName")]
    InvalidName,
    /// XML 1.0 §2.2 cannot carry this character, not even as a reference.
    #[error("XML 1.0 cannot carry the character {0:?}")]
    InvalidCharacter(char),
    /// The namespace must not be declared, or not here (Namespaces in XML 1.0 §3).
    #[error("the namespace cannot be declared")]
    UndeclarableNamespace,
    /// The element holds more than 4 GiB and was cut while it was built.
    #[error("the element is too large")]
    TooLarge,
}
