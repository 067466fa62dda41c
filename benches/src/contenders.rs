//! What is measured: every library on the same stream.

use std::hint::black_box;

use rxml::Parse as _;
use xmppwire_xml::{Element, Event, Reader, Writer, XmlLimits};

use crate::traffic::HEADER;

/// The elements of a stream that comes in reads of `size` bytes.
fn elements(mut reader: Reader, stream: &[u8], size: usize) -> usize {
    let mut count = 0;
    for mut piece in stream.chunks(size) {
        while let Some(event) = reader.read(&mut piece).expect("a good stream") {
            if let Event::Element(element) = event {
                black_box(&element);
                count += 1;
            }
        }
    }
    count
}

pub fn ours(stream: &[u8], size: usize) -> usize {
    elements(Reader::new(XmlLimits::default()), stream, size)
}

pub fn ours_checked(stream: &[u8], size: usize) -> usize {
    elements(Reader::checked_only(XmlLimits::default()), stream, size)
}

/// The elements themselves, to be written.
pub fn parsed(stream: &[u8]) -> Vec<Element> {
    let mut reader = Reader::new(XmlLimits::default());
    let (mut rest, mut elements) = (stream, Vec::new());
    while let Some(event) = reader.read(&mut rest).expect("a good stream") {
        if let Event::Element(element) = event {
            elements.push(element);
        }
    }
    elements
}

pub fn ours_write(elements: &[Element], out: &mut Vec<u8>) -> usize {
    let writer = Writer::new("jabber:client");
    for element in elements {
        writer.element(out, element.root()).expect("a good element");
    }
    elements.len()
}

pub fn minidom_write(elements: &[minidom::Element], out: &mut Vec<u8>) -> usize {
    for element in elements {
        element.write_to(&mut *out).expect("a good element");
    }
    elements.len()
}

pub fn rxml_raw(stream: &[u8], size: usize) -> usize {
    let mut parser = rxml::RawParser::new();
    let mut count = 0;
    for mut piece in stream.chunks(size) {
        while let Ok(Some(event)) = parser.parse(&mut piece, false) {
            black_box(&event);
            count += 1;
        }
    }
    count
}

pub fn rxml_namespaced(stream: &[u8], size: usize) -> usize {
    let mut parser = rxml::Parser::new();
    let mut count = 0;
    for mut piece in stream.chunks(size) {
        while let Ok(Some(event)) = parser.parse(&mut piece, false) {
            black_box(&event);
            count += 1;
        }
    }
    count
}

/// Typed stanzas, read as tokio-xmpp reads them.
pub fn xmpp_parsers(stream: &[u8], size: usize) -> usize {
    use rxml13::{Event, Parse as _};
    use xmpp_parsers::{iq::Iq, message::Message, presence::Presence};
    use xso::{Context, FromEventsBuilder as _, FromXml};

    enum Builder {
        Iq(<Iq as FromXml>::Builder),
        Message(<Message as FromXml>::Builder),
        Presence(<Presence as FromXml>::Builder),
    }

    let mut parser = rxml13::Parser::new();
    let mut builder = None;
    let (mut in_stream, mut count) = (false, 0);
    let ctx = Context::empty();
    for mut piece in stream.chunks(size) {
        while let Ok(Some(event)) = parser.parse(&mut piece, false) {
            match (event, &mut builder) {
                (Event::StartElement(_, name, attrs), None) if in_stream => {
                    builder = Some(match name.1.as_str() {
                        "iq" => Builder::Iq(Iq::from_events(name, attrs, &ctx).expect("an iq")),
                        "message" => Builder::Message(
                            Message::from_events(name, attrs, &ctx).expect("a message"),
                        ),
                        _ => Builder::Presence(
                            Presence::from_events(name, attrs, &ctx).expect("a presence"),
                        ),
                    });
                }
                (Event::StartElement(..), None) => in_stream = true,
                (event, Some(current)) => {
                    let done = match current {
                        Builder::Iq(builder) => black_box(builder.feed(event, &ctx))
                            .expect("an iq")
                            .is_some(),
                        Builder::Message(builder) => black_box(builder.feed(event, &ctx))
                            .expect("a message")
                            .is_some(),
                        Builder::Presence(builder) => black_box(builder.feed(event, &ctx))
                            .expect("a presence")
                            .is_some(),
                    };
                    if done {
                        builder = None;
                        count += 1;
                    }
                }
                _ => {}
            }
        }
    }
    count
}

/// Events with namespaces resolved, of the whole stream at once.
pub fn quick_xml(stream: &[u8], _: usize) -> usize {
    use quick_xml::NsReader;
    use quick_xml::events::Event;
    let mut reader = NsReader::from_reader(stream);
    let mut count = 0;
    loop {
        match reader.read_resolved_event() {
            Ok((_, Event::Eof)) => return count,
            Ok((ns, event)) => {
                if let Event::Start(start) | Event::Empty(start) = &event {
                    for attr in start.attributes() {
                        black_box(
                            attr.expect("a good attribute")
                                .unescape_value()
                                .expect("a good value"),
                        );
                    }
                }
                black_box((ns, &event));
                count += 1;
            }
            Err(_) => return count,
        }
    }
}

/// The stanzas as minidom has them.
pub fn minidom_elements(stanzas: &[String]) -> Vec<minidom::Element> {
    stanzas
        .iter()
        .map(|stanza| {
            let document = stanza.replacen(' ', " xmlns='jabber:client' ", 1);
            document.parse().expect("a good stanza")
        })
        .collect()
}

/// A search for the bytes that divide markup and text: no parser is faster.
pub fn memchr_like(stream: &[u8], _: usize) -> usize {
    stream.iter().filter(|byte| **byte == b'<').count() + HEADER.len()
}
