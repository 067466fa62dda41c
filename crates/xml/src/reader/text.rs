//! Reads elements that are not on a stream: documents and fragments.
//!
//! A stream reader reads them, inside of a root that is made here. The root's prefix is forgotten,
//! so that only what the text itself declares counts.

use alloc::vec::Vec;

use super::declaration::Declaration;
use super::lead::is_space;
use super::{Event, Reader};
use crate::element::Element;
use crate::error::{ParseError, ReadError, ReadErrorKind};
use crate::limits::XmlLimits;

const ROOT: &[u8] = b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>";

/// Which lanes read, and how many bytes at once.
#[derive(Clone, Copy)]
enum Pace {
    /// Both lanes, all bytes.
    Fast,
    /// The checked lane, single bytes. Then the error is at the last byte that was taken.
    Bytes,
}

/// The fault and the number of bytes before it.
struct Fault {
    error: ReadError,
    offset: usize,
}

/// Reads a document: white space, an XML declaration at the very beginning and one element.
pub(crate) fn document(input: &[u8], limits: &XmlLimits) -> Result<Element, ParseError> {
    let mut found = None;
    elements(input, "", true, limits, |element| {
        if found.is_some() {
            return Err(SECOND_ROOT);
        }
        found = Some(element);
        Ok(())
    })?;
    found.ok_or_else(|| ParseError::new(NO_ROOT, input, input.len()))
}

/// Reads any number of elements with white space around them, in this default namespace.
pub(crate) fn fragment(
    input: &[u8],
    ns: &str,
    limits: &XmlLimits,
) -> Result<Vec<Element>, ParseError> {
    let mut found = Vec::new();
    elements(input, ns, false, limits, |element| {
        found.push(element);
        Ok(())
    })?;
    Ok(found)
}

fn elements(
    input: &[u8],
    ns: &str,
    declaration: bool,
    limits: &XmlLimits,
    found: impl FnMut(Element) -> Result<(), ReadError>,
) -> Result<(), ParseError> {
    let prolog = match declaration {
        true => self::declaration(input, limits),
        false => Ok(0),
    };
    let outcome = prolog.and_then(|start| {
        read(input, start, ns, limits, Pace::Fast, found).map_err(|fault| {
            // The fast lane and the parser take bytes ahead, so the place is looked for again.
            // An error that only `found` makes has its place already.
            match read(input, start, ns, limits, Pace::Bytes, |_| Ok(())) {
                Err(precise) => precise,
                Ok(()) => fault,
            }
        })
    });
    outcome.map_err(|fault| {
        // On a stream, loose text is well-formed and has no place. Here there is no root around it.
        let error = match fault.error.kind() {
            ReadErrorKind::BadFormat => LOOSE,
            _ => fault.error,
        };
        ParseError::new(error, input, fault.offset)
    })
}

/// The length of the XML declaration, 0 without one.
fn declaration(input: &[u8], limits: &XmlLimits) -> Result<usize, Fault> {
    const START: &[u8] = b"<?xml";
    match input.strip_prefix(START) {
        Some([next, ..]) if is_space(*next) => {}
        _ => return Ok(0),
    }
    let mut declaration = Declaration::default();
    for (offset, byte) in input.iter().enumerate().skip(START.len()) {
        if offset >= limits.max_header_bytes {
            let error = LONG_DECLARATION;
            return Err(Fault { error, offset });
        }
        match declaration.push(*byte) {
            Ok(false) => {}
            Ok(true) => return Ok(offset.saturating_add(1)),
            Err(error) => return Err(Fault { error, offset }),
        }
    }
    let (error, offset) = (CUT, input.len());
    Err(Fault { error, offset })
}

fn read(
    input: &[u8],
    start: usize,
    ns: &str,
    limits: &XmlLimits,
    pace: Pace,
    mut found: impl FnMut(Element) -> Result<(), ReadError>,
) -> Result<(), Fault> {
    let at = |offset| move |error| Fault { error, offset };
    let mut reader = reader(ns, limits, pace).map_err(at(0))?;
    let mut offset = start;
    // Where the present element begins.
    let mut begin = start;
    while let Some(rest) = input.get(offset..).filter(|rest| !rest.is_empty()) {
        let mut shown = match pace {
            Pace::Fast => rest,
            Pace::Bytes => rest.get(..1).unwrap_or(rest),
        };
        let len = shown.len();
        let event = reader.read(&mut shown).map_err(at(offset))?;
        offset = offset.saturating_add(len.saturating_sub(shown.len()));
        match event {
            Some(Event::Element(element)) => {
                found(element).map_err(at(begin))?;
                begin = offset;
            }
            Some(Event::Whitespace(_)) => begin = offset,
            // An end tag without a start tag. A header cannot follow the one that was read.
            Some(Event::End | Event::Header(_)) => {
                return Err(at(begin)(END));
            }
            None => {}
        }
    }
    match reader.is_idle() {
        true => Ok(()),
        false => Err(at(offset)(CUT)),
    }
}

/// A reader behind a root that declares this default namespace and nothing else.
fn reader(ns: &str, limits: &XmlLimits, pace: Pace) -> Result<Reader, ReadError> {
    // The root is not the caller's: it has limits of its own.
    let mut reader = match pace {
        Pace::Fast => Reader::new(XmlLimits::DEFAULT),
        Pace::Bytes => Reader::checked_only(XmlLimits::DEFAULT),
    };
    reader.read(&mut &*ROOT)?;
    reader.set_limits(*limits);
    reader.replace_declarations(ns);
    Ok(reader)
}

const NO_ROOT: ReadError = ReadError::new(ReadErrorKind::NotWellFormed, "there is no element");
const SECOND_ROOT: ReadError = ReadError::new(
    ReadErrorKind::NotWellFormed,
    "a document has only one root element",
);
const LOOSE: ReadError = ReadError::new(ReadErrorKind::NotWellFormed, "text outside of an element");
const END: ReadError = ReadError::new(
    ReadErrorKind::NotWellFormed,
    "an end tag without a start tag",
);
pub(crate) const CUT: ReadError = ReadError::new(
    ReadErrorKind::NotWellFormed,
    "the input ends before the element does",
);
const LONG_DECLARATION: ReadError = ReadError::new(
    ReadErrorKind::PolicyViolation,
    "the XML declaration is too long",
);
