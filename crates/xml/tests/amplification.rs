//! Routing one stanza writes at most 8 times its own bytes plus 2 KiB, whatever the peer's stream
//! header declares.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use xmppwire_xml::{
    Element, Event, ReadErrorKind, Reader, StreamHeader, Writer, XML_NS, XmlLimits,
};

const CLIENT: &str = "jabber:client";

/// An address such as a server stamps on a stanza.
const FROM: &str = "juliet@im.example.com/balcony";

/// The start tag of a stream that declares `declarations` besides its own prefix.
fn header(declarations: &str) -> String {
    format!("<s:stream xmlns:s='http://etherx.jabber.org/streams' {declarations}>")
}

/// Reads a stream of these parts: its header and its stanzas.
fn read(header: &str, stanzas: &str) -> Result<(StreamHeader, Vec<Element>), ReadErrorKind> {
    let mut reader = Reader::new(XmlLimits::default());
    let input = [header, stanzas].concat();
    let mut rest = input.as_bytes();
    let (mut head, mut elements) = (None, Vec::new());
    loop {
        match reader.read(&mut rest) {
            Ok(Some(Event::Header(header))) => head = Some(header),
            Ok(Some(Event::Element(element))) => elements.push(element),
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => return Err(error.kind()),
        }
    }
    Ok((*head.unwrap(), elements))
}

/// The most bytes that routing a stanza writes to any stream. The stanza is stamped as a server
/// does it, and written in its own content namespace and in others.
fn routed(header: &StreamHeader, stanza: &Element) -> usize {
    let mut stamped = stanza.clone();
    stamped.set_attr("from", Some(FROM));
    if stamped.lang().is_none() && header.lang.is_some() {
        stamped.set_attr_ns("lang", XML_NS, header.lang.as_deref());
    }
    let mut dialback = StreamHeader::new("jabber:server");
    dialback.declare_prefix("db", "jabber:server:dialback");
    let mut most = 0;
    for target in [
        StreamHeader::new(CLIENT),
        StreamHeader::new("jabber:server"),
        StreamHeader::new("jabber:component:accept"),
        StreamHeader::new(""),
        dialback,
    ] {
        let writer = Writer::for_header(&target);
        for requalified in [false, true] {
            let mut element = stamped.clone();
            if requalified {
                element.requalify(CLIENT, &target.content_ns);
            }
            let mut out = Vec::new();
            writer.element(&mut out, element.root()).unwrap();
            most = most.max(out.len());

            // The written element is equal to the stanza.
            let mut stream = Vec::new();
            target.write(&mut stream).unwrap();
            stream.extend_from_slice(&out);
            let mut wide = XmlLimits::default();
            wide.max_stanza_bytes = 1 << 24;
            let again = support::run_pieces(wide, [&*stream]);
            match &*again.events {
                [_, (Event::Element(again), _)] => assert_eq!(again, &element),
                other => panic!("{other:?} {:?}", again.error),
            }
        }
    }
    most
}

/// Routes a stanza and checks the rule. Returns the ratio of written to read bytes, without the 2
/// KiB.
#[track_caller]
fn check(declarations: &str, stanza: &str) -> f64 {
    let (header, elements) = read(&header(declarations), stanza).unwrap();
    let [element] = &*elements else {
        panic!("one stanza: {stanza}");
    };
    let written = routed(&header, element);
    assert!(
        written <= 8 * stanza.len() + 2048,
        "{written} bytes for {}: {}",
        stanza.len(),
        stanza.get(..200).unwrap_or(stanza)
    );
    written.saturating_sub(2048) as f64 / stanza.len() as f64
}

/// The largest namespace of quotes that a header can declare.
fn most_quotes() -> String {
    "'".repeat((StreamHeader::MAX_DECLARED_BYTES - 16) / "&apos;".len())
}

#[test]
fn namespaces_of_the_header_are_written_once() {
    let quotes = most_quotes();
    let prefix = format!("xmlns='{CLIENT}' xmlns:p=\"{}\"", &quotes[8..]);
    let default = format!("xmlns=\"{quotes}\"");
    for count in [0, 1, 2, 10, 2000] {
        check(&prefix, &format!("<a>{}</a>", "<p:a/>".repeat(count)));
        check(&prefix, &format!("<p:a>{}</p:a>", "<b/>".repeat(count)));
        check(&default, &format!("<a>{}</a>", "<b/>".repeat(count)));
        let alternating = "<p:a/><b/>".repeat(count / 2);
        check(&prefix, &format!("<a>{alternating}</a>"));
        let attributes = "<b p:c=''/>".repeat(count);
        check(&prefix, &format!("<a>{attributes}</a>"));
    }
    check(&prefix, "<p:a/>");
    // The largest number of namespaces that a header can declare, all of them used.
    let (mut many, mut stanza) = (String::new(), String::from("<a>"));
    for number in 0..58 {
        many.push_str(&format!(" xmlns:p{number}='{}'", number % 10));
        stanza.push_str(&format!("<p{number}:a/>"));
    }
    check(&many, &(stanza + "</a>"));
}

#[test]
fn a_header_cannot_declare_more() {
    let quotes = most_quotes();
    for declarations in [
        format!("xmlns=\"{quotes}'\""),
        format!("xmlns:p=\"{quotes}'\""),
        format!("xmlns:p=\"{quotes}\" xmlns:q='u'"),
        format!(
            "xmlns:p='{}'",
            "u".repeat(StreamHeader::MAX_DECLARED_BYTES - 15)
        ),
        format!("xmlns:p=\"{}\"", "'".repeat(7800)),
    ] {
        let refused = read(&header(&declarations), "").unwrap_err();
        assert_eq!(refused, ReadErrorKind::PolicyViolation, "{declarations}");
    }
    for declarations in [
        format!("xmlns=\"{quotes}\""),
        format!(
            "xmlns:p='{}'",
            "u".repeat(StreamHeader::MAX_DECLARED_BYTES - 16)
        ),
        "xmlns='jabber:server' xmlns:db='jabber:server:dialback'".into(),
    ] {
        assert!(read(&header(&declarations), "").is_ok(), "{declarations}");
    }
}

#[test]
fn a_language_is_short_or_unknown() {
    for (lang, kept) in [
        ("en", Some("en")),
        ("de-CH-1996", Some("de-CH-1996")),
        ("", None),
        ("en_US", None),
        ("e n", None),
        (&"''".repeat(3900), None),
        (&"en-abcdefgh".repeat(4), None),
    ] {
        let declarations = format!("xml:lang=\"{lang}\"");
        let (header, elements) =
            read(&header(&declarations), &format!("<a {declarations}/><a/>")).unwrap();
        assert_eq!(header.lang.as_deref(), kept);
        let expected = if lang.is_empty() { Some("") } else { kept };
        assert_eq!(elements.first().unwrap().lang(), expected);
        for stanza in elements {
            assert!(routed(&header, &stanza) <= 8 * 4 + 8 * declarations.len() + 2048);
        }
    }
}

/// A stanza that declares its namespaces where it uses them is written as it was read.
#[test]
fn repeated_declarations_stay_where_they_are() {
    let feedback = "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack'/>".repeat(200);
    let stanza = format!("<iq xmlns='{CLIENT}'><x xmlns='urn:x'>{feedback}</x></iq>");
    let (_, elements) = read(&header("xmlns='jabber:client'"), &stanza).unwrap();
    let element = elements.first().unwrap();
    assert_eq!(element.to_xml(), stanza);
    assert_eq!(element.root().to_element().to_xml(), stanza);
}

/// Pieces that take more bytes to write than to read, repeated. A quote in an attribute value is
/// the worst.
#[test]
fn the_worst_pieces() {
    let declarations = format!("xmlns='{CLIENT}' xmlns:p=\"'\" xmlns:q='v' xml:lang='en'");
    let quotes = format!("<a b=\"{}\"/>", "'".repeat(8000));
    let mut ratios = Vec::new();
    for piece in [
        "<a/>",
        "<a></a>",
        "<p:a/>",
        "<p:a></p:a>",
        "<p:a/><q:a/>",
        "<p:a><q:a/></p:a>",
        "<s:a/>",
        "<a xmlns=''/>",
        "<a xmlns='x'/>",
        "<a xmlns=\"'\"/>",
        "<a xmlns=\"''''''''''\"/>",
        "<a xmlns:r='x'/>",
        "<r:a xmlns:r='x'/>",
        "<a r:b='' xmlns:r=\"'\"/>",
        "<a p:b=''/>",
        "<a p:b='' q:b=''/>",
        "<a xmlns='jabber:server'/>",
        "<a xmlns='jabber:client'/>",
        "<a b=\"''''''''\"/>",
        &quotes,
        "<a b='&#9;&#10;&#13;'/>",
        "<a b='\"\"\"\"'/>",
        "<a b='>>>>>>>>'/>",
        "<a xml:lang='en'/>",
        "<a xml:lang=\"'''\"/>",
        "<xml:a/>",
        "<![CDATA[&&&&&&&&&&&&&&&&&&&&&&&&&&&&]]>",
        "<![CDATA[<<<<<<<<]]>",
        "&#13;",
        "&amp;",
        "'\"",
        ">",
        "x<a/>",
    ] {
        let count = (1000 / piece.matches(['<', '&']).count().max(1)).min(50_000 / piece.len());
        let content = piece.repeat(count);
        for stanza in ["<a>", "<p:a>", "<a xmlns=''>"] {
            let end = stanza.replace('<', "</").replace(" xmlns=''", "");
            let ratio = check(&declarations, &format!("{stanza}{content}{end}"));
            ratios.push((ratio, piece));
        }
    }
    ratios.sort_by(|left, right| right.0.total_cmp(&left.0));
    let (worst, piece) = ratios.first().unwrap();
    assert!(*worst < 6.0, "{worst} for {piece}");
}

/// What a stream header may declare.
fn declarations() -> impl Strategy<Value = String> {
    let namespace = || {
        prop_oneof![
            Just("jabber:client".to_string()),
            Just("jabber:server".to_string()),
            Just("&amp;&apos;&#9;".to_string()),
            (1..160_usize).prop_map(|count| "'".repeat(count)),
            "[a-z]{1,200}",
        ]
    };
    let prefixed = vec(namespace(), 0..4).prop_map(|namespaces| {
        let declare = |(prefix, ns)| format!(" xmlns:{prefix}=\"{ns}\"");
        ["p", "q", "r", "longer"]
            .into_iter()
            .zip(namespaces)
            .map(declare)
            .collect::<String>()
    });
    (
        prop_oneof![Just(String::new()), namespace()],
        prefixed,
        prop_oneof![Just("en"), Just("''''")],
    )
        .prop_map(|(ns, prefixed, lang)| format!("xmlns=\"{ns}\"{prefixed} xml:lang=\"{lang}\""))
}

/// Pieces of a stanza that are well-formed wherever `p` to `longer` are declared.
fn content() -> impl Strategy<Value = String> {
    const LEAVES: &[&str] = &[
        "<p:a/>",
        "<q:b/>",
        "<r:a r:b='1'/>",
        "<longer:a longer:b=''/>",
        "<a/>",
        "<a xmlns=''/>",
        "<a xmlns='x'/>",
        "<a p:x='' q:x=''/>",
        "<a b=\"''''\"/>",
        "<x:y xmlns:x='z'/>",
        "<s:a/>",
        "<a xmlns='jabber:server'/>",
        "<a xmlns='jabber:client'/>",
        "&#13;",
        "''",
        "<xml:a xml:b=''/>",
    ];
    let leaf =
        (prop::sample::select(LEAVES), 1..80_usize).prop_map(|(leaf, count)| leaf.repeat(count));
    leaf.prop_recursive(3, 12, 4, |inner| {
        let names = prop::sample::select(&["a", "p:a", "q:b", "longer:c"][..]);
        let inside = prop_oneof![
            Just(""),
            Just(" xmlns='n'"),
            Just(" xmlns:p=\"''''''''\""),
            Just(" xmlns=''")
        ];
        (names, inside, vec(inner, 1..4), 1..4_usize).prop_map(|(name, inside, content, count)| {
            format!("<{name}{inside}>{}</{name}>", content.concat()).repeat(count)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn routing_does_not_multiply(declarations in declarations(), content in content()) {
        let head = header(&declarations);
        for stanza in [format!("<a>{content}</a>"), format!("<p:a xmlns:p=\"'\">{content}</p:a>")] {
            // A stanza that breaks a limit or has an undeclared prefix is not routed.
            if read(&head, &stanza).is_ok() {
                check(&declarations, &stanza);
            }
        }
    }
}
