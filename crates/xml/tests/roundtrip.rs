//! Elements that are built and written are read as they were. What the reader accepts, the parser
//! accepts.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use rxml::Parse;
use support::{in_stream, run, run_pieces};
use xmppwire_xml::{
    Element, ElementBuilder, Event, NodeRef, STREAMS_NS, StreamHeader, WriteError, Writer, XML_NS,
    XmlLimits,
};

const XMLNS_NS: &str = "http://www.w3.org/2000/xmlns/";

/// An element as plain data, from which it can be built.
#[derive(Clone, Debug)]
struct Plan {
    name: String,
    ns: String,
    attrs: Vec<(String, String, String)>,
    children: Vec<Child>,
}

#[derive(Clone, Debug)]
enum Child {
    Text(String),
    Element(Plan),
}

impl Plan {
    fn build(&self) -> Element {
        self.fill(Element::builder(&self.name, &self.ns)).build()
    }

    fn fill(&self, mut builder: ElementBuilder) -> ElementBuilder {
        for (name, ns, value) in &self.attrs {
            builder = builder.attr_ns(name, ns, value);
        }
        for child in &self.children {
            builder = match child {
                Child::Text(text) => builder.text(text),
                Child::Element(plan) => plan.fill(builder.open(&plan.name, &plan.ns)).close(),
            };
        }
        builder
    }
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-e]", "[a-zA-Z_é名][a-zA-Z0-9._é-]{0,6}"]
        .prop_filter("declarations are no attributes", |name| name != "xmlns")
}

fn namespace() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just("jabber:client".to_string()),
        2 => Just(String::new()),
        2 => "urn:[a-d]",
        1 => Just(STREAMS_NS.to_string()),
        1 => Just(XML_NS.to_string()),
        1 => "[ -~é\t\n\r]{1,8}",
    ]
}

/// Characters that XML can carry, special ones often.
fn text() -> impl Strategy<Value = String> {
    let c = prop_oneof![
        3 => prop::sample::select("<>&'\"]\r\n\t -!?\u{FFFD}\u{FEFF}\u{7F}".chars().collect::<Vec<_>>()),
        1 => any::<char>().prop_filter("no character of XML", |c| {
            matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
        }),
        1 => prop::char::range('a', 'z'),
    ];
    vec(c, 0..12).prop_map(String::from_iter)
}

fn plan() -> impl Strategy<Value = Plan> {
    let attrs = || vec((name(), namespace(), text()), 0..4);
    let leaf = (name(), namespace(), attrs()).prop_map(|(name, ns, attrs)| Plan {
        name,
        ns,
        attrs,
        children: Vec::new(),
    });
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let child = prop_oneof![text().prop_map(Child::Text), inner.prop_map(Child::Element)];
        (name(), namespace(), attrs(), vec(child, 0..4)).prop_map(|(name, ns, attrs, children)| {
            Plan {
                name,
                ns,
                attrs,
                children,
            }
        })
    })
}

/// A stream without a content namespace, for documents of their own.
fn in_bare_stream(content: &str) -> Vec<u8> {
    let header = "<s:stream xmlns:s='http://etherx.jabber.org/streams'>";
    [header, content].concat().into_bytes()
}

/// The one element in a stream of the given header.
fn read_one(input: &[u8]) -> Element {
    let outcome = run(input);
    assert_eq!(outcome.error, None, "{}", String::from_utf8_lossy(input));
    assert_eq!(outcome.events.len(), 2);
    match outcome.events.into_iter().next_back() {
        Some((Event::Element(element), at)) => {
            assert_eq!(at, input.len());
            element
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn written_elements_are_read_as_they_were(plan in plan(), content in namespace(), db in option::of("urn:[a-d]")) {
        let element = plan.build();
        let content = if content == XML_NS { String::new() } else { content };
        let mut header = StreamHeader::new(&content);
        if let Some(ns) = db {
            header.declare_prefix("ns1", &ns);
        }
        let mut out = Vec::new();
        header.write(&mut out).unwrap();
        Writer::for_header(&header).element(&mut out, element.root()).unwrap();
        let read = read_one(&out);
        prop_assert_eq!(&read, &element, "{}", String::from_utf8_lossy(&out));

        // The element as a document is equal, and so is a copy.
        let again = read_one(&in_bare_stream(&element.to_xml()));
        prop_assert_eq!(&again, &element);
        prop_assert_eq!(&element.root().to_element(), &element);
        let wrapped = Element::builder("x", "y").text("z").append(&element).build();
        prop_assert_eq!(wrapped.first_child().unwrap(), element);
    }

    #[test]
    fn headers_are_read_as_they_were_written(
        values in vec(option::of(text()), 4),
        lang in option::of("[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8}){0,2}"),
        content in prop_oneof![Just(""), Just("jabber:client"), Just("a'b&<\n")],
        prefix in "[a-w][a-z]{0,3}",
    ) {
        let mut header = StreamHeader::new(content);
        header.prefix = prefix;
        let mut values = values.into_iter();
        for slot in [&mut header.to, &mut header.from, &mut header.id, &mut header.version] {
            *slot = values.next().flatten();
        }
        header.lang = lang;
        header.declare_prefix("x", "y");
        let mut out = Vec::new();
        header.write(&mut out).unwrap();
        let outcome = run(&out);
        prop_assert_eq!(outcome.events, [(Event::Header(header.into()), out.len())]);
    }

    /// Equality does not depend on the order of attributes, on prefixes or on how text was divided.
    #[test]
    fn equality_is_that_of_meaning(plan in plan(), change in text()) {
        let element = plan.build();
        let mut turned = plan.clone();
        turned.attrs.reverse();
        // Of two attributes with one name the last counts, so their order matters.
        let mut names: Vec<_> = plan.attrs.iter().map(|(name, ns, _)| (name, ns)).collect();
        names.sort();
        names.dedup();
        if names.len() == plan.attrs.len() {
            prop_assert_eq!(&turned.build(), &element);
        }
        let mut changed = plan.clone();
        changed.children.push(Child::Text(change.clone()));
        prop_assert_eq!(changed.build() == element, change.is_empty());
        let mut appended = element.clone();
        appended.append_text(&change);
        prop_assert_eq!(&appended, &changed.build());
    }

    /// Changing the root gives the same element as building it that way.
    #[test]
    fn the_root_can_be_changed(plan in plan(), child in plan(), name in name(), ns in namespace(), value in option::of(text())) {
        let mut element = plan.build();
        element.set_attr_ns(&name, &ns, value.as_deref());
        let mut expected = plan.clone();
        expected.attrs.retain(|(known, of, _)| *known != name || *of != ns);
        if let Some(value) = value.clone() {
            expected.attrs.push((name.clone(), ns.clone(), value));
        }
        prop_assert_eq!(&element, &expected.build());
        prop_assert_eq!(element.attr_ns(&name, &ns), value.as_deref());
        element.append(&child.build());
        element.append_text("a<");
        element.append_text("b");
        expected.children.push(Child::Element(child));
        expected.children.push(Child::Text("a<b".into()));
        prop_assert_eq!(&element, &expected.build());
        prop_assert_eq!(element.nodes().last(), Some(NodeRef::Text("a<b")));
        prop_assert_eq!(read_one(&in_bare_stream(&element.to_xml())), element);
    }
}

/// Pieces that mean something to XML.
const PIECES: &str = "<a |<a>|<b>|</a>|</b>|<a/>|<p:a>|</p:a>|<p:a |/>|>|<|</|/| |'|\"|=|x='1'|x=\"2\" \
     | y='3'| p:x='4'| xmlns='u'| xmlns=''| xmlns:p='u'| xmlns:p='v'| xmlns:p=''|xml:lang='en'| xmlns:xml='u'\
     |text|]]>|]]|]|<![CDATA[|&amp;|&lt;|&#65;|&#x20AC;|&#0;|&x;|&|;|#|<!--|-->|<?|?>|<!|é|\u{1}|\u{FFFE}|\n|\t";

fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(PIECES.split('|').collect::<Vec<_>>())
}

/// Small documents: random pieces, which are mostly malformed, or good documents with some pieces
/// inserted.
fn document() -> impl Strategy<Value = String> {
    let junk = vec(piece(), 1..14).prop_map(|pieces| format!("<a {}</a>", pieces.concat()));
    let spoilt =
        (plan(), vec((any::<prop::sample::Index>(), piece()), 0..3)).prop_map(|(plan, pieces)| {
            let mut document = plan.build().to_xml();
            for (place, piece) in pieces {
                let mut place = place.index(document.len());
                while !document.is_char_boundary(place) {
                    place -= 1;
                }
                document.insert_str(place, piece);
            }
            document
        });
    prop_oneof![junk, spoilt]
}

/// Reads a document with the parser's own namespaces: the first child of the root.
fn parser_reads(input: &[u8]) -> Option<Element> {
    let mut parser = rxml::Parser::new();
    let mut rest = input;
    let mut depth = 0;
    let mut builder: Option<ElementBuilder> = None;
    loop {
        match parser.parse(&mut rest, false).ok()?? {
            rxml::Event::StartElement(_, (ns, name), attrs) => {
                depth += 1;
                if depth == 1 {
                    continue;
                }
                let mut opened = match builder.take() {
                    None => Element::builder(&name, &ns),
                    Some(builder) => builder.open(&name, &ns),
                };
                for ((ns, name), value) in attrs {
                    opened = opened.attr_ns(&name, &ns, &value);
                }
                builder = Some(opened);
            }
            rxml::Event::EndElement(_) => {
                depth -= 1;
                if depth == 1 {
                    return builder.map(ElementBuilder::build);
                }
                builder = builder.map(ElementBuilder::close);
            }
            rxml::Event::Text(_, text) => builder = builder.map(|builder| builder.text(&text)),
            rxml::Event::XmlDeclaration(..) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What the reader accepts, the parser accepts. The reader refuses more only in the listed
    /// cases.
    #[test]
    fn the_reader_is_no_laxer_than_the_parser(document in document()) {
        let document = format!("<w>{document}</w>");
        let input = in_stream(&document);
        let outcome = run_pieces(XmlLimits::default(), [&*input]);
        let theirs = parser_reads(&input);
        match outcome.events.into_iter().nth(1) {
            Some((Event::Element(ours), _)) => prop_assert_eq!(Some(ours), theirs, "{:?}", document),
            _ => {
                // The only case: two default namespaces on one element.
                let stricter = document.matches("xmlns=").count() > 1;
                prop_assert!(theirs.is_none() || stricter, "{:?} is {:?}", document, theirs);
            }
        }
        // The result does not depend on the pieces.
        run(&input);
    }
}

fn written(element: &Element) -> Result<String, WriteError> {
    let mut out = b"before".to_vec();
    let result = Writer::new("jabber:client").element(&mut out, element.root());
    let out = String::from_utf8(out).unwrap();
    let tail = out.strip_prefix("before").unwrap();
    match result {
        Ok(()) => Ok(tail.into()),
        Err(error) => {
            assert_eq!(tail, "", "something was left behind");
            Err(error)
        }
    }
}

#[test]
fn declarations_are_minimal() {
    let client = |name| Element::builder(name, "jabber:client");
    for (element, xml) in [
        (client("message").build(), "<message/>"),
        (
            client("iq").attr("id", "a'b").lang("en").text("<").build(),
            "<iq id='a&apos;b' xml:lang='en'>&lt;</iq>",
        ),
        (
            client("iq")
                .open("query", "u")
                .open("item", "u")
                .close()
                .open("x", "jabber:client")
                .build(),
            "<iq><query xmlns='u'><item/><x xmlns='jabber:client'/></query></iq>",
        ),
        (
            client("iq").open("a", "u").close().open("b", "u").build(),
            "<iq><a xmlns='u'/><b xmlns='u'/></iq>",
        ),
        (client("a").open("b", "").build(), "<a><b xmlns=''/></a>"),
        (
            Element::builder("error", STREAMS_NS)
                .open("text", "u")
                .build(),
            "<stream:error><text xmlns='u'/></stream:error>",
        ),
        (
            Element::builder("features", STREAMS_NS)
                .open("a", "jabber:client")
                .build(),
            "<stream:features><a/></stream:features>",
        ),
        (
            client("a")
                .attr_ns("x", "u", "1")
                .attr_ns("y", "u", "2")
                .attr_ns("z", "v", "3")
                .build(),
            "<a xmlns:ns1='u' ns1:x='1' ns1:y='2' xmlns:ns2='v' ns2:z='3'/>",
        ),
        (
            client("a")
                .attr_ns("x", STREAMS_NS, "1")
                .open("b", "u")
                .attr_ns("y", "u", "2")
                .build(),
            "<a stream:x='1'><b xmlns='u' xmlns:ns1='u' ns1:y='2'/></a>",
        ),
        (Element::builder("a", XML_NS).build(), "<xml:a/>"),
    ] {
        assert_eq!(written(&element).as_deref(), Ok(xml));
        assert_eq!(read_one(&in_stream(xml)), element);
    }
    let mut header = StreamHeader::new("jabber:server");
    header.declare_prefix("db", "jabber:server:dialback");
    let result = Element::builder("result", "jabber:server:dialback")
        .text("key")
        .build();
    let mut out = Vec::new();
    let writer = Writer::for_header(&header);
    writer.element(&mut out, result.root()).unwrap();
    writer.end(&mut out);
    assert_eq!(out, b"<db:result>key</db:result></stream:stream>");
}

#[test]
fn what_xml_cannot_carry_is_refused() {
    use WriteError::{InvalidCharacter, InvalidName, UndeclarableNamespace};
    let a = || Element::builder("a", "jabber:client");
    for (element, error) in [
        (a().text("x\0y").build(), InvalidCharacter('\0')),
        (a().text("\u{FFFE}").build(), InvalidCharacter('\u{FFFE}')),
        (a().attr("b", "\u{1F}").build(), InvalidCharacter('\u{1F}')),
        (
            a().open("b", "u\u{FFFF}").build(),
            InvalidCharacter('\u{FFFF}'),
        ),
        (a().open("", "u").build(), InvalidName),
        (a().open("b c", "u").build(), InvalidName),
        (a().open("b:c", "u").build(), InvalidName),
        (a().open("b><c", "u").build(), InvalidName),
        (a().open("1", "u").build(), InvalidName),
        (a().attr("b='c' d", "e").build(), InvalidName),
        (a().attr("xml:lang", "en").build(), InvalidName),
        (a().attr("xmlns", "u").build(), InvalidName),
        (a().open("b", XMLNS_NS).build(), UndeclarableNamespace),
        (
            a().attr_ns("b", XMLNS_NS, "c").build(),
            UndeclarableNamespace,
        ),
    ] {
        assert_eq!(written(&element), Err(error), "{element:?}");
        let wrapped = a().open("b", "c").append(&element).build();
        assert_eq!(written(&wrapped), Err(error), "{element:?}");
        let mut changed = a().build();
        changed.append(&element);
        assert_eq!(written(&changed), Err(error), "{element:?}");
    }
    // Only names that are written count.
    let mixed = a()
        .open("b c", "u")
        .close()
        .open("d", "jabber:client")
        .build();
    let good = mixed.child("d", "jabber:client").unwrap().to_element();
    assert_eq!(written(&good).as_deref(), Ok("<d/>"));
    // Documents for logs refuse and lose nothing.
    let bad = a().attr("x y", "\0").text("\u{FFFF}").build();
    assert_eq!(
        format!("{bad:?}"),
        "<a xmlns='jabber:client' x y='&#x0;'>&#xFFFF;</a>"
    );
}

#[test]
fn headers_that_cannot_be_written() {
    use WriteError::{InvalidCharacter, InvalidName, UndeclarableNamespace};
    let header = || StreamHeader::new("jabber:client");
    let with = |change: &dyn Fn(&mut StreamHeader)| {
        let mut header = header();
        change(&mut header);
        header
    };
    for (header, error) in [
        (with(&|h| h.to = Some("a\0".into())), InvalidCharacter('\0')),
        (with(&|h| h.prefix.clear()), InvalidName),
        (with(&|h| h.prefix = "a:b".into()), InvalidName),
        (with(&|h| h.prefix = "xmlns".into()), InvalidName),
        (with(&|h| h.declare_prefix("stream", "u")), InvalidName),
        (with(&|h| h.declare_prefix("", "u")), InvalidName),
        (with(&|h| h.declare_prefix("xml", "u")), InvalidName),
        (with(&|h| h.declare_prefix("a", "")), UndeclarableNamespace),
        (
            with(&|h| h.content_ns = XMLNS_NS.into()),
            UndeclarableNamespace,
        ),
        (
            with(&|h| h.content_ns = XML_NS.into()),
            UndeclarableNamespace,
        ),
    ] {
        let mut out = b"before".to_vec();
        assert_eq!(header.write(&mut out), Err(error), "{header:?}");
        assert_eq!(out, b"before");
    }
}
