//! What a peer sends bounds what it makes a server write.
//!
//! The first line of the input is what the peer's stream header declares: attributes and namespace
//! declarations. The rest is what the stream contains. For every stanza of it, stamped with an address and
//! with the language of the header, and written to streams of several content namespaces:
//! - at most 8 times its own bytes plus 2 KiB are written;
//! - what is written is read there as the same element.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xmppwire::{Stanza, ns};
use xmppwire_xml::{Element, Event, Reader, StreamHeader, Writer, XmlLimits};

const FROM: &str = "juliet@im.example.com/balcony";

fuzz_target!(|data: &[u8]| {
    let cut = data.iter().position(|byte| *byte == b'\n');
    let (declarations, content) = match cut {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (&[][..], data),
    };
    let mut header = b"<s:stream xmlns:s='http://etherx.jabber.org/streams' ".to_vec();
    header.extend_from_slice(declarations);
    header.push(b'>');
    let mut reader = Reader::new(XmlLimits::default());
    let Ok(Some(Event::Header(header))) = reader.read(&mut &*header) else {
        return;
    };
    let mut rest = content;
    loop {
        let before = rest.len();
        match reader.read(&mut rest) {
            Ok(Some(Event::Element(element))) => {
                check(&header, element, before - rest.len());
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return,
        }
    }
});

/// Routes an element that took `bytes` on the wire.
fn check(header: &StreamHeader, mut element: Element, bytes: usize) {
    element.set_attr("from", Some(FROM));
    if element.lang().is_none() && header.lang.is_some() {
        element.set_attr_ns("lang", ns::XML, header.lang.as_deref());
    }
    for content_ns in [ns::CLIENT, ns::SERVER, "jabber:component:accept", ""] {
        let target = StreamHeader::new(content_ns);
        let mut requalified = element.clone();
        requalified.requalify(ns::CLIENT, content_ns);
        let stanza = Stanza::try_from(element.clone()).map(|stanza| stanza.to_element(content_ns));
        for element in [Some(element.clone()), Some(requalified), stanza.ok()]
            .into_iter()
            .flatten()
        {
            let mut stream = Vec::new();
            target.write(&mut stream).expect("a usual header");
            let start = stream.len();
            Writer::for_header(&target)
                .element(&mut stream, element.root())
                .expect("an element that was read");
            let written = stream.len() - start;
            assert!(written <= 8 * bytes + 2048, "{written} bytes for {bytes}");
            same(&stream, &element);
        }
    }
}

fn same(stream: &[u8], element: &Element) {
    let mut limits = XmlLimits::default();
    limits.max_stanza_bytes = 1 << 24;
    limits.max_attributes = 1 << 16;
    limits.max_prefixes = 1 << 16;
    let mut reader = Reader::new(limits);
    let mut rest = stream;
    reader.read(&mut rest).expect("a header of ours");
    match reader.read(&mut rest) {
        Ok(Some(Event::Element(again))) => assert_eq!(&again, element),
        other => panic!("{other:?} for {}", String::from_utf8_lossy(stream)),
    }
}
