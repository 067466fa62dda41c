//! The XML reader: pieces make no difference, limits hold, and what is accepted can be said again.
//!
//! The first line of the input is settings: `h` puts a usual stream header in front, `t` sets tight
//! limits, and all of it together seeds where the input is cut. The rest is the stream. For any of it:
//! - read whole, byte by byte and in random pieces, it gives the same events and the same end;
//! - the lane that checks everything gives the same alone, errors at the same byte included;
//! - behind an event not one byte is taken, an error takes nothing more and stays;
//! - no item is larger than the limits say, neither on the wire nor in memory;
//! - headers and elements that are written again are read again as they were;
//! - what is accepted, rxml's own namespace processing accepts as well, as the same tree.

#![no_main]

use allocation_counter::measure;
use libfuzzer_sys::fuzz_target;
use rxml::{Parse, Parser};
use xmppwire_fuzz::random::Random;
use xmppwire_xml::{
    Element, ElementRef, Event, NodeRef, ReadErrorKind, Reader, StreamHeader, Writer, XmlLimits,
};

const HEADER: &[u8] = b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' version='1.0'>";

/// Small enough for every one of them to be met.
const TIGHT: XmlLimits = {
    let mut limits = XmlLimits::DEFAULT;
    limits.max_stanza_bytes = 200;
    limits.max_depth = 4;
    limits.max_attributes = 4;
    limits.max_children = 8;
    limits.max_prefixes = 3;
    limits.max_token_bytes = 40;
    limits.max_header_bytes = 240;
    limits
};

/// Larger than any input.
const WIDE: XmlLimits = {
    let mut limits = XmlLimits::DEFAULT;
    limits.max_stanza_bytes = 1 << 24;
    limits.max_depth = 1 << 16;
    limits.max_attributes = 1 << 16;
    limits.max_children = 1 << 20;
    limits.max_prefixes = 1 << 16;
    limits.max_token_bytes = 1 << 20;
    limits.max_header_bytes = 1 << 20;
    limits
};

fuzz_target!(|data: &[u8]| {
    let cut = data.iter().position(|byte| *byte == b'\n');
    let (settings, content) = match cut {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (&[][..], data),
    };
    let limits = if settings.contains(&b't') {
        TIGHT
    } else {
        XmlLimits::default()
    };
    let stream = if settings.contains(&b'h') {
        [HEADER, content].concat()
    } else {
        content.to_vec()
    };
    let whole = read(limits, [stream.as_slice()]);
    let checked = read_with(Reader::checked_only(limits), [stream.as_slice()]);
    assert_eq!(whole, checked, "the checked lane alone");
    let single = read(limits, stream.chunks(1));
    assert_eq!(whole, single, "byte by byte");
    let pieces = pieces(&stream, settings);
    assert_eq!(whole, read(limits, pieces.iter().copied()), "in pieces");
    // A few places where a stream can be cut; the tests of the crate try all.
    for cut in (1..stream.len()).step_by(1 + stream.len() / 12) {
        let (one, two) = stream.split_at(cut);
        assert_eq!(whole, read(limits, [one, two]), "cut at {cut}");
    }
    bounded_memory(&limits, &pieces);
    within(&limits, &whole);
    again(&whole);
    compare_with_rxml(&stream, &whole);
});

fn pieces<'a>(stream: &'a [u8], settings: &[u8]) -> Vec<&'a [u8]> {
    let seed = settings.iter().fold(stream.len() as u64, |seed, byte| {
        seed.rotate_left(8) ^ u64::from(*byte)
    });
    let mut random = Random::new(seed);
    let mut rest = stream;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let most = [3, 40, 2000][random.below(3)].min(rest.len());
        let (piece, tail) = rest.split_at(1 + random.below(most));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

/// What came out of a stream.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// The events, each with the number of bytes taken before and after. White space is joined to one
    /// event, as its division is that of the input.
    events: Vec<(Event, usize, usize)>,
    /// The error, and how many bytes had been taken by then.
    error: Option<(ReadErrorKind, usize)>,
    is_idle: bool,
}

fn read<'a>(limits: XmlLimits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    read_with(Reader::new(limits), pieces)
}

fn read_with<'a>(mut reader: Reader, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut events: Vec<(Event, usize, usize)> = Vec::new();
    let mut error = None;
    let (mut start, mut taken) = (0, 0);
    'pieces: for piece in pieces {
        let mut rest = piece;
        loop {
            let before = rest.len();
            let result = reader.read(&mut rest);
            taken += before - rest.len();
            match result {
                Ok(Some(event)) => {
                    assert!(reader.is_idle() && taken > start);
                    match (events.last_mut(), event) {
                        (Some((Event::Whitespace(count), _, end)), Event::Whitespace(more)) => {
                            assert!(more > 0);
                            *count += more;
                            *end = taken;
                        }
                        (_, event) => events.push((event, start, taken)),
                    }
                    start = taken;
                }
                Ok(None) => {
                    assert!(rest.is_empty(), "input was left without an event");
                    break;
                }
                Err(fault) => {
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
    let is_idle = reader.is_idle();
    Outcome {
        events,
        error,
        is_idle,
    }
}

/// However the bytes are made up, a reader holds a small multiple of what an item may have on the
/// wire, with the element that it gives out.
fn bounded_memory(limits: &XmlLimits, pieces: &[&[u8]]) {
    let held = measure(|| {
        let mut reader = Reader::new(*limits);
        for piece in pieces {
            let mut rest = *piece;
            while let Ok(Some(event)) = reader.read(&mut rest) {
                drop(event);
            }
        }
    });
    assert_eq!(held.bytes_current, 0, "a leak");
    let wire: usize = pieces.iter().map(|piece| piece.len()).sum();
    let largest = wire.min(limits.max_stanza_bytes.max(limits.max_header_bytes));
    let fixed = 16 * 1024 + 4 * limits.max_token_bytes;
    let allowed = fixed + 40 * largest;
    assert!(
        held.bytes_max as usize <= allowed,
        "{} bytes of memory for {largest} on the wire",
        held.bytes_max
    );
}

fn within(limits: &XmlLimits, outcome: &Outcome) {
    for (event, start, end) in &outcome.events {
        match event {
            Event::Header(_) => assert!(end - start <= limits.max_header_bytes),
            Event::Element(element) => {
                assert!(end - start <= limits.max_stanza_bytes);
                assert!(nodes(limits, element.root(), 1) <= limits.max_children);
            }
            Event::Whitespace(count) => assert_eq!(end - start, *count),
            Event::End => {}
        }
    }
}

/// How many nodes are below an element.
fn nodes(limits: &XmlLimits, element: ElementRef<'_>, depth: usize) -> usize {
    assert!(depth <= limits.max_depth);
    assert!(element.attrs().count() <= limits.max_attributes);
    assert!(element.name().len() <= limits.max_token_bytes);
    for attr in element.attrs() {
        assert!(attr.name.len() <= limits.max_token_bytes);
        assert!(attr.value.len() <= limits.max_token_bytes);
        assert_eq!(element.attr_ns(attr.name, attr.ns), Some(attr.value));
    }
    let mut after_text = false;
    let mut count = 0;
    for node in element.nodes() {
        count += 1;
        match node {
            NodeRef::Element(child) => {
                count += nodes(limits, child, depth + 1);
                after_text = false;
            }
            NodeRef::Text(text) => {
                assert!(!text.is_empty() && !after_text, "text is one run");
                after_text = true;
            }
        }
    }
    count
}

/// Writes all of it anew, and reads that.
fn again(outcome: &Outcome) {
    let mut events = outcome.events.iter().map(|(event, ..)| event);
    let Some(Event::Header(header)) = events.next() else {
        assert!(outcome.events.is_empty());
        return;
    };
    let mut header = StreamHeader::clone(header);
    // A header of ours always has a prefix.
    if header.prefix.is_empty() {
        header.prefix.push('s');
        while header.prefixes().any(|(prefix, _)| prefix == header.prefix) {
            header.prefix.push('s');
        }
    }
    let mut out = Vec::new();
    header.write(&mut out).expect("a header that was read");
    assert_eq!(reread_header(&out), header);
    let (writer, usual) = (Writer::for_header(&header), Writer::new("jabber:client"));
    let usual_header = StreamHeader::new("jabber:client");
    let mut usual_out = Vec::new();
    usual_header.write(&mut usual_out).expect("a usual header");
    let mut elements = Vec::new();
    for event in events {
        if let Event::Element(element) = event {
            for (writer, out) in [(&writer, &mut out), (&usual, &mut usual_out)] {
                writer
                    .element(out, element.root())
                    .expect("an element that was read");
            }
            elements.push(element);
            assert_eq!(&element.root().to_element(), element);
            stands_alone(element);
        }
    }
    writer.end(&mut out);
    usual.end(&mut usual_out);
    for out in [out, usual_out] {
        let outcome = read(WIDE, [out.as_slice()]);
        assert_eq!(outcome.error, None, "{}", String::from_utf8_lossy(&out));
        assert!(outcome.is_idle);
        let reread: Vec<_> = outcome
            .events
            .iter()
            .filter_map(|(event, ..)| match event {
                Event::Element(element) => Some(element),
                _ => None,
            })
            .collect();
        assert_eq!(reread, elements);
        assert!(matches!(outcome.events.last(), Some((Event::End, ..))));
    }
}

fn reread_header(out: &[u8]) -> StreamHeader {
    match Reader::new(WIDE).read(&mut &*out) {
        Ok(Some(Event::Header(header))) => *header,
        other => panic!("{other:?} for {}", String::from_utf8_lossy(out)),
    }
}

/// The document that an element is by itself.
fn stands_alone(element: &Element) {
    let mut stream = Vec::new();
    StreamHeader::new("")
        .write(&mut stream)
        .expect("a header without a content namespace");
    stream.extend_from_slice(element.to_xml().as_bytes());
    let outcome = read(WIDE, [stream.as_slice()]);
    match &outcome.events[..] {
        [_, (Event::Element(reread), ..)] => assert_eq!(reread, element),
        _ => panic!("{outcome:?} for {}", element.to_xml()),
    }
}

/// rxml has to accept what we accept. Where we know better, the comparison ends: it refuses white space
/// at the start, and `standalone` where no encoding is declared (XML 1.0 §2.8), and loses carriage
/// returns (§2.11).
fn compare_with_rxml(stream: &[u8], outcome: &Outcome) {
    let end = outcome.events.last().map_or(0, |(.., end)| *end);
    let accepted = &stream[..end];
    if accepted.contains(&b'\r') || accepted.windows(10).any(|found| found == b"standalone") {
        return;
    }
    let theirs = children(accepted.trim_ascii_start());
    let ours = outcome.events.iter().filter_map(|(event, ..)| match event {
        Event::Element(element) => Some(element),
        _ => None,
    });
    assert!(theirs.iter().eq(ours), "rxml sees {theirs:?}");
}

/// The children of the root, as rxml reads them.
fn children(mut document: &[u8]) -> Vec<Element> {
    use rxml::Event;
    let mut parser = Parser::new();
    let mut done = Vec::new();
    let mut depth = 0;
    let mut builder = None;
    loop {
        match parser.parse(&mut document, false) {
            Ok(Some(Event::StartElement(_, (ns, name), attrs))) => {
                depth += 1;
                if depth == 1 {
                    continue;
                }
                let mut element = match builder.take() {
                    None => Element::builder(&name, &ns),
                    Some(parent) => xmppwire_xml::ElementBuilder::open(parent, &name, &ns),
                };
                for ((ns, name), value) in attrs.iter() {
                    element = element.attr_ns(name, ns, value);
                }
                builder = Some(element);
            }
            Ok(Some(Event::EndElement(_))) => {
                depth -= 1;
                builder = match builder.take() {
                    Some(element) if depth == 1 => {
                        done.push(element.build());
                        None
                    }
                    element => element.map(xmppwire_xml::ElementBuilder::close),
                };
            }
            Ok(Some(Event::Text(_, text))) => {
                builder = builder.map(|element| element.text(&text));
            }
            Ok(Some(Event::XmlDeclaration(..))) => {}
            Ok(None) => return done,
            Err(rxml::error::EndOrError::NeedMoreData) => return done,
            Err(rxml::error::EndOrError::Error(why)) => panic!("rxml refuses it: {why}"),
        }
    }
}
