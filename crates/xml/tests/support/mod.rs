//! Reads a stream whole, byte by byte and in random pieces, and checks that the result is the same.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use xmppwire_xml::{Event, ReadErrorKind, Reader, XmlLimits};

/// The header that most tests begin with.
pub(crate) const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
     xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/// The result of reading a stream.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    /// The events, each with the number of bytes taken up to it. White space is joined to one
    /// event, because the pieces divide it.
    pub(crate) events: Vec<(Event, usize)>,
    /// The error and the number of bytes taken up to it.
    pub(crate) error: Option<(ReadErrorKind, usize)>,
    pub(crate) is_idle: bool,
}

impl Outcome {
    pub(crate) fn kind(&self) -> Option<ReadErrorKind> {
        self.error.map(|(kind, _)| kind)
    }

    /// The elements as documents of their own.
    pub(crate) fn elements(&self) -> Vec<String> {
        self.events
            .iter()
            .filter_map(|(event, _)| match event {
                Event::Element(element) => Some(element.to_xml()),
                _ => None,
            })
            .collect()
    }
}

/// Reads `input` in every way and returns the common result.
pub(crate) fn run(input: &[u8]) -> Outcome {
    run_within(XmlLimits::default(), input)
}

pub(crate) fn run_within(limits: XmlLimits, input: &[u8]) -> Outcome {
    let whole = run_pieces(limits, [input]);
    let single = run_pieces(limits, input.chunks(1));
    assert_same(input, "byte by byte", &whole, &single);
    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ input.len() as u64);
    for round in 0..6 {
        let mut rest = input;
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let most = [3, 40, 2000][round % 3].min(rest.len());
            let (piece, tail) = rest.split_at(1 + random.below(most));
            pieces.push(piece);
            rest = tail;
        }
        let split = run_pieces(limits, pieces);
        assert_same(input, "in pieces", &whole, &split);
    }
    whole
}

fn assert_same(input: &[u8], how: &str, whole: &Outcome, other: &Outcome) {
    assert_eq!(
        whole,
        other,
        "{how}: {}",
        String::from_utf8_lossy(&input[..input.len().min(2000)])
    );
}

/// Reads the pieces one after the other.
pub(crate) fn run_pieces<'a>(
    limits: XmlLimits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    run_reader(Reader::new(limits), &mut pieces.into_iter())
}

/// Reads the pieces with a reader.
pub(crate) fn run_reader(mut reader: Reader, pieces: &mut dyn Iterator<Item = &[u8]>) -> Outcome {
    let mut events: Vec<(Event, usize)> = Vec::new();
    let mut error = None;
    let mut taken = 0;
    'pieces: for piece in pieces {
        let mut rest = piece;
        loop {
            let before = rest.len();
            let result = reader.read(&mut rest);
            taken += before - rest.len();
            match result {
                Ok(Some(Event::Whitespace(more))) => match events.last_mut() {
                    Some((Event::Whitespace(count), at)) => {
                        *count += more;
                        *at = taken;
                    }
                    _ => events.push((Event::Whitespace(more), taken)),
                },
                Ok(Some(event)) => events.push((event, taken)),
                Ok(None) => {
                    assert!(rest.is_empty(), "input was left without an event");
                    break;
                }
                Err(fault) => {
                    // The error is final, and later calls take nothing.
                    let mut more: &[u8] = b"<a/>";
                    assert_eq!(reader.read(&mut more), Err(fault));
                    assert_eq!(more, b"<a/>");
                    assert!(!reader.is_idle());
                    error = Some((fault.kind(), taken));
                    break 'pieces;
                }
            }
        }
    }
    Outcome {
        events,
        error,
        is_idle: reader.is_idle(),
    }
}

/// A small generator of random numbers, the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

pub(crate) fn in_stream(content: &str) -> Vec<u8> {
    [HEADER, content].concat().into_bytes()
}
