//! What a server forwards means the same, whether its content is copied or written anew.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use support::HEADER;
use xmppwire_xml::{
    Element, Event, NodeRef, Reader, STREAMS_NS, StreamHeader, Writer, XML_NS, XmlLimits,
};

/// The stanzas in a stream, up to its first fault.
fn read(header: &[u8], content: &[u8]) -> Vec<Element> {
    let mut reader = Reader::new(XmlLimits::default());
    let stream = [header, content].concat();
    let (mut rest, mut all) = (&*stream, Vec::new());
    while let Ok(Some(event)) = reader.read(&mut rest) {
        if let Event::Element(element) = event {
            all.push(element);
        }
    }
    all
}

/// The same element without a trace of how it arrived.
fn anew(element: &Element) -> Element {
    let root = element.root();
    let mut builder = Element::builder(root.name(), root.ns());
    for attr in root.attrs() {
        builder = builder.attr_ns(attr.name, attr.ns, attr.value);
    }
    for node in root.nodes() {
        builder = match node {
            NodeRef::Element(child) => builder.append(child),
            NodeRef::Text(text) => builder.text(text),
        };
    }
    builder.build()
}

/// The streams that a stanza may be forwarded to.
fn headers() -> Vec<StreamHeader> {
    let mut prefixed = StreamHeader::new("jabber:client");
    prefixed.declare_prefix("u", "u");
    prefixed.declare_prefix("c", "jabber:client");
    let mut other = StreamHeader::new("u");
    other.prefix = "s".into();
    vec![
        StreamHeader::new("jabber:client"),
        StreamHeader::new("jabber:server"),
        StreamHeader::new(STREAMS_NS),
        StreamHeader::new(""),
        prefixed,
        other,
    ]
}

/// Compares both ways for every stream.
fn compare(element: &Element) {
    for header in headers() {
        let mut start = Vec::new();
        if header.write(&mut start).is_err() {
            continue;
        }
        let writer = Writer::for_header(&header);
        let (mut forwarded, mut rewritten) = (Vec::new(), Vec::new());
        writer.element(&mut forwarded, element.root()).unwrap();
        writer
            .element(&mut rewritten, anew(element).root())
            .unwrap();
        let text = String::from_utf8_lossy(&forwarded);
        let forwarded = read(&start, &forwarded);
        assert_eq!(forwarded, read(&start, &rewritten), "{text}");
        assert_eq!(forwarded, std::slice::from_ref(element), "{text}");
    }
}

fn unit() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(&[
            "<b/>", "<b c='d'/>", "<b xmlns='u'>", "<b xmlns=''>", "<b xmlns='jabber:client'>", "<b>", "</b>", "text",
            "<b xmlns='jabber:server' c=\"'\">", "&amp;", "&#65;&#13;", "é€", "]]&gt;", ">", "\"'", " \n\t",
            "<b xml:lang='en' c = 'd' >", "<b\n c='&lt;&#9;'\t/>", "<b xmlns='http://etherx.jabber.org/streams'/>",
        ][..]).prop_map(String::from),
        1 => prop::sample::select(&["<p:b xmlns:p='v'/>", "<![CDATA[<]]>", "\r\n", "<b xmlns:p='u' p:c=''/>"][..])
            .prop_map(String::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn forwarded_is_rewritten(
        root in prop::sample::select(&["a", "a xmlns='u'", "a xmlns=''", "a xmlns='jabber:server'", "a b='&quot;'"][..]),
        units in vec(unit(), 0..10),
        from in proptest::option::of("[a-z'\"&<é]{0,5}"),
        lang in any::<bool>(),
        change in 0..4,
    ) {
        let name = root.split(' ').next().unwrap();
        // Some are well-formed by chance; these more often.
        let closed: String = units
            .iter()
            .filter(|unit| *unit != "</b>")
            .map(|unit| match unit.strip_suffix('>').filter(|tag| tag.starts_with("<b") && !tag.ends_with('/')) {
                Some(_) => format!("{unit}x</b>"),
                None => unit.clone(),
            })
            .collect();
        let stanza = format!("<{root}>{closed}</{name}>");
        let wrapped = format!("<{root} to='x'>{}</{name}>", units.concat());
        for stanza in [stanza, wrapped] {
            for mut element in read(HEADER.as_bytes(), stanza.as_bytes()) {
                compare(&element);
                element.set_attr("from", from.as_deref());
                if lang {
                    element.set_attr_ns("lang", XML_NS, Some("de"));
                }
                compare(&element);
                match change {
                    0 => element.append(Element::builder("x", "y").build().root()),
                    1 => element.append_text("more"),
                    2 => element.requalify("jabber:client", "jabber:server"),
                    _ => element.set_attr_ns("z", "v", Some("w")),
                }
                compare(&element);
            }
        }
    }
}

/// The content is copied, not written anew, where nothing but the start tag changes.
#[test]
fn the_content_is_copied() {
    let stanza = "<message to='a'><body xml:lang=\"en\">&#65;</body><x xmlns=\"u\"/></message>";
    let mut element = read(HEADER.as_bytes(), stanza.as_bytes()).remove(0);
    element.set_attr("from", Some("b"));
    let written = |element: &Element| {
        let mut out = Vec::new();
        let writer = Writer::new("jabber:client");
        writer.element(&mut out, element.root()).unwrap();
        String::from_utf8(out).unwrap()
    };
    let expected = match cfg!(feature = "checked-only") {
        false => {
            "<message to='a' from='b'><body xml:lang=\"en\">&#65;</body><x xmlns=\"u\"/></message>"
        }
        true => "<message to='a' from='b'><body xml:lang='en'>A</body><x xmlns='u'/></message>",
    };
    assert_eq!(written(&element), expected);
    element.append_text("!");
    assert_eq!(
        written(&element),
        "<message to='a' from='b'><body xml:lang='en'>A</body><x xmlns='u'/>!</message>"
    );
}
