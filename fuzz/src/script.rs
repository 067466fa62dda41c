//! The language of the targets' inputs: lines, each of them one step.
//!
//! The first line is settings, one letter each. Of every other line the first byte says what it is:
//!
//! ```text
//! a letter     a building block of the role: see the targets
//! &            the same as the rest of the line, with more to come before the machine is served
//! *N line      the raw rest of the line, N times (N is one byte, counted from '0')
//! /N           from now on the input comes in pieces of up to N bytes; 0 for no limit
//! ~T           time passes: T is one byte, counted from '0', in quarters of a second
//! ^            the time of the next deadline comes
//! >            whether the peer reads is toggled
//! ?            whether the application looks at events is toggled
//! !            the application closes; with a condition in the rest of the line, for that reason
//! @            the application sends a stanza
//! =            whether the application answers all stanzas is toggled
//! #            the peer's transport ends
//! t, u, T      the TLS handshake begins, ends, both
//! else         raw bytes; {} stands for the id of the last IQ in the output
//! ```
//!
//! A backslash at the end of a raw line stands for a line feed.

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// More follows before the machine is served.
    pub held: bool,
    /// What it is; 0 for a line without bytes.
    pub op: u8,
    /// What follows that byte.
    pub rest: &'a [u8],
    /// All of it.
    pub all: &'a [u8],
}

/// More lines than this would only be slow.
const MAX_LINES: usize = 256;

/// The settings and the steps.
pub fn parse(data: &[u8]) -> (&[u8], impl Iterator<Item = Line<'_>> + Clone) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let settings = lines.next().unwrap_or_default();
    let steps = lines.take(MAX_LINES).map(|line| {
        let (held, all) = match line.strip_prefix(b"&") {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let (op, rest) = all.split_first().map_or((0, all), |(op, rest)| (*op, rest));
        Line {
            held,
            op,
            rest,
            all,
        }
    });
    (settings, steps)
}

/// A number in one byte, so that digits are themselves.
pub fn number(bytes: &[u8]) -> usize {
    bytes
        .first()
        .map_or(0, |byte| usize::from(byte.wrapping_sub(b'0')))
}

/// Raw bytes of a line, with the last IQ's id in its place.
pub fn raw(bytes: &[u8], id: &str) -> Vec<u8> {
    let (bytes, end) = match bytes.strip_suffix(b"\\") {
        Some(bytes) => (bytes, &b"\n"[..]),
        None => (bytes, &b""[..]),
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"{}") {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(id.as_bytes());
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(end);
    out
}
