//! Good streams, at every split.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use support::{HEADER, Outcome, in_stream, run, run_pieces};
use xmppwire_xml::{Element, Event, ReadErrorKind, Reader, StreamHeader, XmlLimits};

const CLIENT: &str = "jabber:client";

#[track_caller]
fn header(input: &str) -> StreamHeader {
    let outcome = run(input.as_bytes());
    assert_eq!(outcome.error, None, "{input}");
    match outcome.events.into_iter().next() {
        Some((Event::Header(header), at)) => {
            assert_eq!(at, input.len(), "{input}");
            *header
        }
        other => panic!("{input}: {other:?}"),
    }
}

/// The elements between the usual header and nothing.
#[track_caller]
fn elements(content: &str) -> Vec<Element> {
    let outcome = run(&in_stream(content));
    assert_eq!(outcome.error, None, "{content}");
    elements_of(outcome)
}

fn elements_of(outcome: Outcome) -> Vec<Element> {
    let element = |(event, _)| match event {
        Event::Element(element) => Some(element),
        _ => None,
    };
    outcome.events.into_iter().filter_map(element).collect()
}

#[track_caller]
fn only(content: &str) -> Element {
    let mut elements = elements(content);
    assert_eq!(elements.len(), 1, "{content}");
    elements.remove(0)
}

#[test]
fn header_variants() {
    let streams = "xmlns:stream='http://etherx.jabber.org/streams'";
    let full = header(&format!(
        "<?xml version='1.0'?><stream:stream from='juliet@im.example.com' to='im.example.com' \
         version='1.0' xml:lang='en' id='++TR84Sm6A3hnt3Q065SnAbbk3Y=' xmlns='jabber:client' {streams}>"
    ));
    assert_eq!(full.from.as_deref(), Some("juliet@im.example.com"));
    assert_eq!(full.to.as_deref(), Some("im.example.com"));
    assert_eq!(full.version.as_deref(), Some("1.0"));
    assert_eq!(full.lang.as_deref(), Some("en"));
    assert_eq!(full.id.as_deref(), Some("++TR84Sm6A3hnt3Q065SnAbbk3Y="));
    assert_eq!(full.content_ns, CLIENT);
    assert_eq!(full.prefix, "stream");
    assert_eq!(full.prefixes().count(), 0);

    // Another order, other quotes, other white space, no declaration.
    let other = header(
        "\n <stream:stream\n\txmlns:stream = \"http://etherx.jabber.org/streams\"\r\n\
         id=\"++TR84Sm6A3hnt3Q065SnAbbk3Y=\" xmlns=\"jabber:client\" xml:lang=\"en\" \
         version=\"1.0\" to=\"im.example.com\" from=\"juliet@im.example.com\"  >",
    );
    assert_eq!(other, full);

    // Another prefix is as good (RFC 6120 §4.8.5).
    let foo = header(
        "<?xml version='1.0'?><foo:stream xmlns:foo='http://etherx.jabber.org/streams' \
         xmlns='jabber:server'>",
    );
    assert_eq!((&*foo.prefix, &*foo.content_ns), ("foo", "jabber:server"));
    assert_eq!(foo.version, None);

    // Without a default namespace. This crate does not require one.
    let bare = header(&format!("<stream:stream {streams}>"));
    assert_eq!(bare.content_ns, "");
    let undeclared = header(&format!("<stream:stream {streams} xmlns=''>"));
    assert_eq!(undeclared.content_ns, "");

    // Other declarations and unknown attributes.
    let dialback = header(&format!(
        "<stream:stream xmlns:db='jabber:server:dialback' {streams} xmlns='jabber:server' \
         to='b' db:to='c' unknown='d'>"
    ));
    assert_eq!(dialback.to.as_deref(), Some("b"));
    let prefixes: Vec<_> = dialback.prefixes().collect();
    assert_eq!(prefixes, [("db", "jabber:server:dialback")]);

    // Values are those sent, with references resolved.
    let odd = header(&format!(
        "<stream:stream {streams} to=' a&amp;b&#x20AC; ' version=''>"
    ));
    assert_eq!(odd.to.as_deref(), Some(" a&b€ "));
    assert_eq!(odd.version.as_deref(), Some(""));
}

#[test]
fn declarations() {
    for declaration in [
        "<?xml version='1.0'?>",
        "<?xml version=\"1.0\" encoding='UTF-8'?>",
        "<?xml version='1.0' encoding='utf-8' standalone='yes'?>",
        "<?xml version='1.0' standalone='yes'?>",
        "<?xml version='1.0' standalone='no' ?>",
        "<?xml\tversion='1.0'?>\r\n",
        "",
        " ",
        "\n",
    ] {
        let root = HEADER.strip_prefix("<?xml version='1.0'?>").unwrap();
        header(&format!("{declaration}{root}"));
    }
}

/// The end of an empty root would be an event without a byte, which a driver that waits for bytes
/// would never read.
#[test]
fn an_empty_root_is_no_stream() {
    let input = HEADER.replace("version='1.0'>", "version='1.0'/>");
    let outcome = run(input.as_bytes());
    assert_eq!(outcome.events, []);
    assert_eq!(outcome.error, Some((ReadErrorKind::BadFormat, input.len())));
}

#[test]
fn greetings_of_real_servers() {
    let prosody = "<?xml version='1.0'?><stream:stream id='ecd55122-8087-4b94-b4a4-568274480ffb' xmlns='jabber:client' from='localhost' xml:lang='en' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><stream:features><sub xmlns='urn:xmpp:features:pre-approval'/><csi xmlns='urn:xmpp:csi:0'/><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><required/></bind><session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session><ver xmlns='urn:xmpp:features:rosterver'/><sm xmlns='urn:xmpp:sm:2'><optional/></sm><sm xmlns='urn:xmpp:sm:3'><optional/></sm><c node='http://prosody.im' ver='aVR3smoAq+Kv1vcTDO4KiQouVTo=' xmlns='http://jabber.org/protocol/caps' hash='sha-1'/></stream:features>";
    let ejabberd = "<?xml version='1.0'?><stream:stream id='3551458793185472561' version='1.0' xml:lang='en' xmlns:stream='http://etherx.jabber.org/streams' from='localhost' xmlns='jabber:client'><stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism><mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>SCRAM-SHA-1</mechanism><mechanism>X-OAUTH2</mechanism></mechanisms></stream:features>";
    for (greeting, id, first, count) in [
        (
            prosody,
            "ecd55122-8087-4b94-b4a4-568274480ffb",
            ("sub", "urn:xmpp:features:pre-approval"),
            8,
        ),
        (
            ejabberd,
            "3551458793185472561",
            ("mechanisms", "urn:ietf:params:xml:ns:xmpp-sasl"),
            1,
        ),
    ] {
        let outcome = run(greeting.as_bytes());
        assert_eq!(outcome.error, None);
        assert!(outcome.is_idle);
        let [(Event::Header(header), _), (Event::Element(features), end)] = &*outcome.events else {
            panic!("{outcome:?}");
        };
        assert_eq!(*end, greeting.len());
        assert_eq!(header.id.as_deref(), Some(id));
        assert_eq!(header.from.as_deref(), Some("localhost"));
        assert_eq!(header.lang.as_deref(), Some("en"));
        assert!(features.is("features", xmppwire_xml::STREAMS_NS));
        assert_eq!(features.children().count(), count);
        let child = features.first_child().unwrap();
        assert_eq!((child.name(), child.ns()), first);
    }
    let caps = elements_of(run(prosody.as_bytes()));
    let caps = caps[0]
        .child("c", "http://jabber.org/protocol/caps")
        .unwrap();
    assert_eq!(caps.attr("ver"), Some("aVR3smoAq+Kv1vcTDO4KiQouVTo="));
}

#[test]
fn a_session_of_a_real_server() {
    let session = "<iq type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@localhost/balcony</jid></bind></iq><iq xml:lang='en' to='juliet@localhost/balcony' from='localhost' type='error' id='p2'><query xmlns='urn:no:such'/><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xml:lang='en' xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>No module is handling this query</text></error></iq></stream:stream>";
    let outcome = run(&in_stream(session));
    assert_eq!(outcome.error, None);
    assert!(matches!(outcome.events.last(), Some((Event::End, _))));
    let elements = elements_of(outcome);
    let text = elements[1]
        .child("error", CLIENT)
        .and_then(|error| error.child("text", "urn:ietf:params:xml:ns:xmpp-stanzas"))
        .unwrap();
    assert_eq!(text.text(), "No module is handling this query");
    assert_eq!(text.lang(), Some("en"));
    assert_eq!(elements[1].lang(), Some("en"));
}

#[test]
fn text_is_one_run_however_it_was_sent() {
    for (xml, text) in [
        ("<a>one</a>", "one"),
        (
            "<a>1 &lt; 2 &amp;&amp; 3 &gt; 2 &apos;&quot;</a>",
            "1 < 2 && 3 > 2 '\"",
        ),
        ("<a>&#65;&#x42;&#x20AC;&#x1F600;</a>", "AB€😀"),
        ("<a><![CDATA[<b>&amp;</b>]]></a>", "<b>&amp;</b>"),
        ("<a>x<![CDATA[y]]>z<![CDATA[]]>!</a>", "xyz!"),
        ("<a><![CDATA[]]]]><![CDATA[>]]></a>", "]]>"),
        ("<a>]] ]&gt; ]]&gt;</a>", "]] ]> ]]>"),
        ("<a> \n\t </a>", " \n\t "),
        (
            "<a>\u{FEFF}x\u{FFFD}\u{7F}\u{10FFFF}</a>",
            "\u{FEFF}x\u{FFFD}\u{7F}\u{10FFFF}",
        ),
    ] {
        let element = only(xml);
        assert_eq!(element.text(), text, "{xml}");
        assert_eq!(element.nodes().count(), 1, "{xml}");
    }
    for empty in ["<a/>", "<a></a>", "<a ></a >", "<a><![CDATA[]]></a>"] {
        let element = only(empty);
        assert!(!element.has_text(), "{empty}");
        assert_eq!(element.nodes().count(), 0, "{empty}");
    }
    // The parser divides text every 8192 bytes, also within a character.
    for unit in ["x", "é", "€", "😀", "&amp;", "<![CDATA[é]]>"] {
        let long = unit.repeat(20_000 / unit.len());
        let element = only(&format!("<a>y{long}</a>"));
        assert_eq!(element.nodes().count(), 1);
        let resolved = long
            .replace("&amp;", "&")
            .replace("<![CDATA[", "")
            .replace("]]>", "");
        assert_eq!(element.text(), format!("y{resolved}"));
    }
}

#[test]
fn text_around_elements() {
    let element = only("<a>one<b>two</b>three<c/><d/>four</a>");
    assert_eq!(element.text(), "onethreefour");
    assert_eq!(element.nodes().count(), 6);
    assert_eq!(element.child("b", CLIENT).unwrap().text(), "two");
}

/// XML 1.0 §2.11: a line ends in LF, whatever was sent.
#[test]
fn line_ends_in_text() {
    for (xml, text) in [
        ("<a>x\ny</a>", "x\ny"),
        ("<a>x\r\ny</a>", "x\ny"),
        ("<a>x\ry</a>", "x\ny"),
        ("<a>\r</a>", "\n"),
        ("<a>\r\r\n\n\r</a>", "\n\n\n\n"),
        ("<a>x\r&amp;</a>", "x\n&"),
        ("<a>x\r]y</a>", "x\n]y"),
        ("<a>x&#13;&#10;y&#xD;</a>", "x\r\ny\r"),
        ("<a>x\r&#10;</a>", "x\n\n"),
        ("<a><![CDATA[x\r\ny\r]]></a>", "x\ny\n"),
        ("<a\r\nb='c'\r>x</a\r\n>", "x"),
    ] {
        assert_eq!(only(xml).text(), text, "{xml:?}");
    }
}

/// CR and LF are one line end also if they arrive apart, with a read of no bytes between them.
#[test]
fn a_line_end_may_be_cut() {
    for content in ["<a>x\r\ny</a>", "<a b='x\r\ny'/>", "<a\r\nb=''/>"] {
        let whole = elements(content);
        let input = in_stream(content);
        let cr = input.iter().position(|byte| *byte == b'\r').unwrap();
        let (front, rest) = input.split_at(cr + 1);
        let outcome = run_pieces(XmlLimits::default(), [front, &[], rest]);
        assert_eq!(elements_of(outcome), whole, "{content:?}");
    }
}

/// XML 1.0 §3.3.3: white space in a value is read as a space, unless it is a reference.
#[test]
fn white_space_in_attributes() {
    for (value, read) in [
        ("x\ny", "x y"),
        ("x\ty", "x y"),
        ("x\r\ny", "x y"),
        ("x\ry", "x y"),
        ("x\r", "x "),
        ("\r", " "),
        ("\r\r\n\r", "   "),
        ("x\r&amp;", "x &"),
        ("\r\n&#10;", " \n"),
        ("&#13;&#10;&#9;", "\r\n\t"),
        ("  x  ", "  x  "),
    ] {
        for quote in ['\'', '"'] {
            let element = only(&format!("<a b={quote}{value}{quote} c=''/>"));
            assert_eq!(element.attr("b"), Some(read), "{value:?}");
        }
    }
}

#[test]
fn namespaces() {
    let element = only(
        "<a xmlns:p='u1' p:x='1' x='2'><p:b xmlns='u2' xmlns:p='u3'><c/><p:d p:x='3' xml:lang='en'/></p:b>\
         <b xmlns=''><c/></b><stream:e/><p:f/></a>",
    );
    assert!(element.is("a", CLIENT));
    assert_eq!(element.attr_ns("x", "u1"), Some("1"));
    assert_eq!(element.attr("x"), Some("2"));
    assert_eq!(element.attrs().count(), 2);
    let b = element.first_child().unwrap();
    // A declaration holds for the tag that has it.
    assert!(b.is("b", "u3"));
    let inner: Vec<_> = b
        .children()
        .map(|child| (child.name(), child.ns()))
        .collect();
    assert_eq!(inner, [("c", "u2"), ("d", "u3")]);
    let d = b.child("d", "u3").unwrap();
    assert_eq!(d.attr_ns("x", "u3"), Some("3"));
    assert_eq!(d.lang(), Some("en"));
    let plain = element.child("b", "").unwrap();
    assert!(plain.child("c", "").is_some());
    assert!(element.child("e", xmppwire_xml::STREAMS_NS).is_some());
    assert!(element.child("f", "u1").is_some());

    // Declarations of one stanza do not hold in the next.
    let two = elements("<a xmlns:p='u1'/><b xmlns:p='u2'><p:c/></b>");
    assert!(two[1].child("c", "u2").is_some());
    // Declaring a reserved prefix with its own namespace is allowed.
    only("<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:space='preserve'/>");
    // The same namespace twice, by prefix and as the default, does not clash.
    let both = only("<a xmlns='u' xmlns:p='u' b='1' p:b='2'/>");
    assert_eq!(
        (both.attr("b"), both.attr_ns("b", "u")),
        (Some("1"), Some("2"))
    );
}

#[test]
fn prefixes_of_the_header_are_in_scope() {
    let input = "<foo:stream xmlns:foo='http://etherx.jabber.org/streams' \
         xmlns='jabber:server' xmlns:db='jabber:server:dialback' xmlns:x='y'>\
         <db:result from='a' to='b'>key</db:result><foo:features/><message x:a='b'/></foo:stream>";
    let outcome = run(input.as_bytes());
    assert_eq!(outcome.error, None);
    let elements = elements_of(outcome);
    assert!(elements[0].is("result", "jabber:server:dialback"));
    assert!(elements[1].is("features", xmppwire_xml::STREAMS_NS));
    assert_eq!(elements[2].attr_ns("a", "y"), Some("b"));
}

/// What the header declares means the same in each stanza.
#[test]
fn prefixes_of_the_header_hold_for_every_stanza() {
    let input = "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='urn:content' \
         xmlns:x='urn:other'><message><x:a/></message><presence to='juliet@example.org' x:b='c'/>\
         <x:d><iq/></x:d>";
    let outcome = run(input.as_bytes());
    assert_eq!(outcome.error, None);
    let elements = elements_of(outcome);
    assert!(elements[0].is("message", "urn:content"));
    assert!(elements[0].child("a", "urn:other").is_some());
    assert!(elements[1].is("presence", "urn:content"));
    assert_eq!(elements[1].attr_ns("b", "urn:other"), Some("c"));
    assert!(elements[2].is("d", "urn:other"));
    assert!(elements[2].child("iq", "urn:content").is_some());
}

/// RFC 6120 §4.8.2: the stream namespace as the default namespace, each stanza qualified by itself.
#[test]
fn a_header_may_leave_the_content_namespace_to_the_stanzas() {
    let input = "<stream xmlns='http://etherx.jabber.org/streams' xmlns:x='y' to='example.org'>\
         <features/><message xmlns='jabber:client'><body/></message></stream>";
    let outcome = run(input.as_bytes());
    assert_eq!(outcome.error, None);
    let Some((Event::Header(header), _)) = outcome.events.first() else {
        panic!("the header comes first");
    };
    assert_eq!((&*header.prefix, &*header.content_ns), ("", ""));
    assert_eq!(header.to.as_deref(), Some("example.org"));
    assert_eq!(header.prefixes().collect::<Vec<_>>(), [("x", "y")]);
    assert!(
        header.write(&mut Vec::new()).is_err(),
        "nothing would be in the content namespace"
    );
    assert!(matches!(outcome.events.last(), Some((Event::End, _))));
    let elements = elements_of(outcome);
    assert!(elements[0].is("features", xmppwire_xml::STREAMS_NS));
    assert!(elements[1].child("body", "jabber:client").is_some());
}

/// White space is reported when it arrives, not with the next stanza: it is a keep-alive (RFC 6120
/// §11.7).
#[test]
fn white_space_is_seen_at_once() {
    let mut reader = Reader::new(XmlLimits::default());
    let mut input = HEADER.as_bytes();
    reader.read(&mut input).unwrap();
    for (space, count) in [(" ", 1), ("\n", 1), ("\r", 1), ("\r\n", 2), (" \t \n", 4)] {
        let mut input = space.as_bytes();
        assert_eq!(
            reader.read(&mut input).unwrap(),
            Some(Event::Whitespace(count))
        );
        assert!(input.is_empty());
        assert!(reader.is_idle());
        assert_eq!(reader.read(&mut input).unwrap(), None);
    }
    let mut input: &[u8] = b"  <a/>";
    assert_eq!(reader.read(&mut input).unwrap(), Some(Event::Whitespace(2)));
    assert_eq!(input, b"<a/>");
}

/// STARTTLS and SASL change the stream after an element's last `>`.
#[test]
fn not_a_byte_is_taken_after_an_event() {
    let parts = [
        HEADER,
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        "<auth>AGp1bGlldABzM2NyM3Q=</auth >",
        "<a><b/></a>",
        "<a  />",
        "</stream:stream>",
    ];
    // Also bytes that could not follow.
    for tail in [
        "",
        "<a/>",
        " ",
        "\n",
        "x",
        "\u{16}\u{3}\u{1}",
        "\0",
        "</stream:stream>",
    ] {
        for count in 1..=parts.len() {
            let mut reader = Reader::new(XmlLimits::default());
            let input = format!("{}{tail}", parts[..count].concat());
            let mut input = input.as_bytes();
            for _ in 0..count {
                assert!(reader.read(&mut input).unwrap().is_some());
            }
            assert_eq!(input, tail.as_bytes());
            assert!(reader.is_idle());
        }
    }
}

#[test]
fn idle_is_when_nothing_is_half_read() {
    let mut reader = Reader::new(XmlLimits::default());
    assert!(reader.is_idle());
    for (bytes, is_idle) in [
        ("<", false),
        ("?xml version='1.0'?>", false),
        (
            "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'",
            false,
        ),
        (">", true),
        (" ", true),
        ("<", false),
        ("a", false),
        (">", false),
        ("x</a", false),
        (">", true),
        ("<b/", false),
        (">", true),
        ("</stream:stream", false),
        (">", true),
        ("\n", true),
    ] {
        let mut input = bytes.as_bytes();
        while reader.read(&mut input).unwrap().is_some() {}
        assert_eq!(reader.is_idle(), is_idle, "after {bytes}");
    }
}

#[test]
fn everything_can_cross_threads() {
    fn sendable<T: Send + Sync + 'static>() {}
    sendable::<Reader>();
    sendable::<Event>();
    sendable::<Element>();
    sendable::<xmppwire_xml::ReadError>();
    sendable::<xmppwire_xml::Writer>();
}

/// `Debug` shows no content, which may be a password: its output goes to logs.
#[test]
fn a_reader_does_not_show_its_input() {
    let mut reader = Reader::new(XmlLimits::default());
    let mut input = HEADER.as_bytes();
    reader.read(&mut input).unwrap();
    reader.read(&mut &b"<auth>s3cr3t"[..]).unwrap();
    let shown = format!("{reader:?}");
    assert!(
        shown.starts_with("Reader") && !shown.contains("s3cr3t"),
        "{shown}"
    );
    // Why it reads no more can be shown.
    reader.read(&mut &b"<!-- -->"[..]).unwrap_err();
    let shown = format!("{reader:?}");
    assert!(shown.contains("RestrictedXml"), "{shown}");
}
