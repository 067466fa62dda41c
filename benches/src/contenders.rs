//! What is measured: every library on the same stream.

use std::hint::black_box;

use rxml::Parse as _;
use xmppwire_xml::{Element, Reader, Writer, XmlLimits};

use xmppwire_cost::login::Pair;
use xmppwire_cost::paths;

/// The elements of a stream that comes in reads of `size` bytes.
fn elements(reader: Reader, stream: &[u8], size: usize) -> usize {
    let mut count = 0;
    paths::elements(reader, stream, size, |element| {
        black_box(&element);
        count += 1;
    });
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
    let mut all = Vec::new();
    let reader = Reader::new(XmlLimits::default());
    paths::elements(reader, stream, stream.len(), |element| all.push(element));
    all
}

/// Typed stanzas, as an application gets them from a client.
pub fn ours_client(pair: &mut Pair, bytes: &[u8]) -> usize {
    let mut count = 0;
    paths::to_client(&mut pair.client, bytes, |stanza| {
        black_box(&stanza);
        count += 1;
    });
    count
}

/// The same for a server.
pub fn ours_server(pair: &mut Pair, bytes: &[u8]) -> usize {
    let mut count = 0;
    paths::to_server(&mut pair.server, bytes, |stanza| {
        black_box(&stanza);
        count += 1;
    });
    count
}

/// Stanzas of one client, written to the stream of another.
pub fn ours_route(pair: &mut Pair, to: &mut Pair, bytes: &[u8]) -> usize {
    let mut count = 0;
    paths::to_server(&mut pair.server, bytes, |stanza| {
        to.server.send(&stanza).expect("a good stanza");
        black_box(to.server.output());
        to.server.consume_output(usize::MAX);
        count += 1;
    });
    count
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
    xmpp_parsers_each(stream, size, |stanza| {
        black_box(&stanza);
    })
}

/// Typed stanzas, written again.
pub fn xmpp_parsers_route(stream: &[u8], size: usize) -> usize {
    let mut out = Vec::new();
    xmpp_parsers_each(stream, size, |stanza| {
        out.clear();
        let element = match stanza {
            Typed::Iq(stanza) => minidom::Element::from(*stanza),
            Typed::Message(stanza) => (*stanza).into(),
            Typed::Presence(stanza) => (*stanza).into(),
        };
        element.write_to(&mut out).expect("a good element");
        black_box(&out);
    })
}

enum Typed {
    Iq(Box<xmpp_parsers::iq::Iq>),
    Message(Box<xmpp_parsers::message::Message>),
    Presence(Box<xmpp_parsers::presence::Presence>),
}

fn xmpp_parsers_each(stream: &[u8], size: usize, mut each: impl FnMut(Typed)) -> usize {
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
                    let stanza = match current {
                        Builder::Iq(builder) => builder
                            .feed(event, &ctx)
                            .expect("an iq")
                            .map(|stanza| Typed::Iq(Box::new(stanza))),
                        Builder::Message(builder) => builder
                            .feed(event, &ctx)
                            .expect("a message")
                            .map(|stanza| Typed::Message(Box::new(stanza))),
                        Builder::Presence(builder) => builder
                            .feed(event, &ctx)
                            .expect("a presence")
                            .map(|stanza| Typed::Presence(Box::new(stanza))),
                    };
                    if let Some(stanza) = stanza {
                        each(stanza);
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
