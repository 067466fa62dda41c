//! Faults of XML and their stream error conditions, at every split.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use proptest::prelude::*;
use support::{HEADER, in_stream, run};
use xmppwire_xml::ReadErrorKind::{
    self, BadFormat, InvalidNamespace, NotWellFormed, PolicyViolation, RestrictedXml,
    UnsupportedEncoding,
};

#[track_caller]
fn check(input: &[u8], kind: ReadErrorKind) {
    let outcome = run(input);
    assert_eq!(
        outcome.kind(),
        Some(kind),
        "{:?}",
        String::from_utf8_lossy(input)
    );
}

/// Faults inside a stanza.
#[test]
fn inside_a_stanza() {
    for (content, kind) in [
        // Restricted by RFC 6120 §11.1.
        ("<a><!-- x --></a>", RestrictedXml),
        ("<a><!----></a>", RestrictedXml),
        ("<a>text<!-- x", RestrictedXml),
        ("<a><?target data?></a>", RestrictedXml),
        ("<a><?x?></a>", RestrictedXml),
        ("<a><?x ?></a>", RestrictedXml),
        ("<a><?t ?></a>", RestrictedXml),
        ("<a><?xml-stylesheet href='x'?></a>", RestrictedXml),
        ("<a><?xmlx?></a>", RestrictedXml),
        ("<a><!DOCTYPE a></a>", RestrictedXml),
        ("<a><!ENTITY x 'y'></a>", RestrictedXml),
        ("<a>&nbsp;</a>", RestrictedXml),
        ("<a>&longentityname;</a>", RestrictedXml),
        ("<a>&é;</a>", RestrictedXml),
        ("<a>&ééééé;</a>", RestrictedXml),
        ("<a>&aéééé;</a>", RestrictedXml),
        ("<a>text &x; more</a>", RestrictedXml),
        ("<a b='&nbsp;'/>", RestrictedXml),
        ("<a b='x&y;z'/>", RestrictedXml),
        // An XML declaration is only allowed at the start.
        ("<a><?xml version='1.0'?></a>", NotWellFormed),
        ("<a><?xml?></a>", NotWellFormed),
        // Tags.
        ("<a></b>", NotWellFormed),
        ("<a><b></a></b>", NotWellFormed),
        ("<a></a b='c'>", NotWellFormed),
        ("<a></ a>", NotWellFormed),
        ("<a></a/>", NotWellFormed),
        ("< a/>", NotWellFormed),
        ("<>", NotWellFormed),
        ("<1/>", NotWellFormed),
        ("<-a/>", NotWellFormed),
        ("<a<b/>", NotWellFormed),
        ("<a / >", NotWellFormed),
        ("<a/ >", NotWellFormed),
        ("<a?>", NotWellFormed),
        ("<a><<", NotWellFormed),
        ("<a><!x></a>", NotWellFormed),
        ("<a><!></a>", NotWellFormed),
        ("<a><!-x></a>", NotWellFormed),
        ("<a><![CDATUM[]]></a>", NotWellFormed),
        ("<a><![cdata[]]></a>", NotWellFormed),
        // Attributes.
        ("<a b=c/>", NotWellFormed),
        ("<a b/>", NotWellFormed),
        ("<a b=/>", NotWellFormed),
        ("<a ='c'/>", NotWellFormed),
        ("<a 'c'/>", NotWellFormed),
        ("<a b='c\"/><b", NotWellFormed),
        ("<a b='c'd='e'/>", NotWellFormed),
        ("<a b='<'/>", NotWellFormed),
        ("<a b='c' b='d'/>", NotWellFormed),
        ("<a b='c' b='c'/>", NotWellFormed),
        ("<a xmlns:p='u' p:b='1' p:b='2'/>", NotWellFormed),
        (
            "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
            NotWellFormed,
        ),
        ("<a xml:lang='en' xml:lang='de'/>", NotWellFormed),
        // Characters.
        ("<a>]]></a>", NotWellFormed),
        ("<a>x]]]>y</a>", NotWellFormed),
        ("<a>\0</a>", NotWellFormed),
        ("<a>\u{1}</a>", NotWellFormed),
        ("<a>\u{1f}</a>", NotWellFormed),
        ("<a>\u{1}\u{1}</a>", NotWellFormed),
        ("<a>\u{FFFE}</a>", NotWellFormed),
        ("<a>\u{FFFF}</a>", NotWellFormed),
        ("<a b='\u{8}'/>", NotWellFormed),
        ("<a b='\u{FFFF}'/>", NotWellFormed),
        ("<a><![CDATA[\u{2}]]></a>", NotWellFormed),
        ("<a><![CDATA[\u{FFFE}]]></a>", NotWellFormed),
        ("<a\u{1}/>", NotWellFormed),
        // References.
        ("<a>&</a>", NotWellFormed),
        ("<a>& </a>", NotWellFormed),
        ("<a>&;</a>", NotWellFormed),
        ("<a>&#;</a>", NotWellFormed),
        ("<a>&#x;</a>", NotWellFormed),
        ("<a>&#0;</a>", NotWellFormed),
        ("<a>&#1;</a>", NotWellFormed),
        ("<a>&#xD800;</a>", NotWellFormed),
        ("<a>&#xFFFE;</a>", NotWellFormed),
        ("<a>&#x110000;</a>", NotWellFormed),
        ("<a>&#X41;</a>", NotWellFormed),
        ("<a>&#xG;</a>", NotWellFormed),
        ("<a>&#1a;</a>", NotWellFormed),
        ("<a>&1;</a>", NotWellFormed),
        ("<a>&-;</a>", NotWellFormed),
        ("<a>&1234567890;</a>", NotWellFormed),
        ("<a>&a×b;</a>", NotWellFormed),
        ("<a>&amp</a>", NotWellFormed),
        ("<a b='&#0;'/>", NotWellFormed),
        ("<a b='&lt'/>", NotWellFormed),
        // Namespaces.
        ("<p:a/>", NotWellFormed),
        ("<a p:b='c'/>", NotWellFormed),
        ("<a><b xmlns:p='u'/><p:c/></a>", NotWellFormed),
        ("<a xmlns:p=''/>", NotWellFormed),
        ("<a xmlns='u1' xmlns='u2'/>", NotWellFormed),
        ("<a xmlns='u' xmlns='u'/>", NotWellFormed),
        ("<a xmlns:p='u1' xmlns:p='u2'/>", NotWellFormed),
        ("<a xmlns='http://www.w3.org/2000/xmlns/'/>", NotWellFormed),
        (
            "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
            NotWellFormed,
        ),
        (
            "<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>",
            NotWellFormed,
        ),
        ("<a xmlns:xmlns='u'/>", NotWellFormed),
        (
            "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
            NotWellFormed,
        ),
        (
            "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
            NotWellFormed,
        ),
        ("<a xmlns:xml='u'/>", NotWellFormed),
        ("<xmlns:a/>", NotWellFormed),
        ("<a:b:c/>", NotWellFormed),
        ("<:a/>", NotWellFormed),
        ("<a:/>", NotWellFormed),
        ("<a :b='c'/>", NotWellFormed),
        ("<a xmlns:='u'/>", NotWellFormed),
        ("<a xmlns:p='u'><p:1/></a>", NotWellFormed),
    ] {
        check(&in_stream(content), kind);
        if content.starts_with("<a") {
            let nested = format!("<message><body>x</body>{content}");
            check(&in_stream(&nested), kind);
        }
    }
}

#[test]
fn between_stanzas() {
    for (content, kind) in [
        ("x", BadFormat),
        (" x", BadFormat),
        ("<a/>x", BadFormat),
        ("é", BadFormat),
        ("\u{FEFF}", BadFormat),
        ("]x", BadFormat),
        ("&amp;", BadFormat),
        ("&#32;", BadFormat),
        ("<![CDATA[", BadFormat),
        ("<![CDATA[]]>", BadFormat),
        ("<![CDATA[ ]]>", BadFormat),
        ("&nbsp;", RestrictedXml),
        ("&#0;", NotWellFormed),
        ("&;", NotWellFormed),
        ("\0", NotWellFormed),
        ("\u{FFFF}", NotWellFormed),
        ("]]>", NotWellFormed),
        ("<!-- x -->", RestrictedXml),
        ("<?x y?>", RestrictedXml),
        ("<?xml-stylesheet?>", RestrictedXml),
        ("<!DOCTYPE a>", RestrictedXml),
        ("<?xml version='1.0'?>", NotWellFormed),
        ("<?xml?>", NotWellFormed),
        ("<![CDATX", NotWellFormed),
        ("<!-x", NotWellFormed),
        ("<!x", NotWellFormed),
        ("</stream>", NotWellFormed),
        ("</message>", NotWellFormed),
        ("</stream:stream x='y'>", NotWellFormed),
        ("</ stream:stream>", NotWellFormed),
    ] {
        check(&in_stream(content), kind);
        check(&in_stream(&format!("<a/>\n{content}")), kind);
    }
    check(
        &[HEADER.as_bytes(), b"\xFF\xFF\xFF\xFF"].concat(),
        UnsupportedEncoding,
    );
}

#[test]
fn after_the_end() {
    for (content, kind) in [
        ("x", NotWellFormed),
        ("&amp;", NotWellFormed),
        ("<a/>", NotWellFormed),
        ("<stream:stream>", NotWellFormed),
        ("</stream:stream>", NotWellFormed),
        ("<![CDATA[]]>", NotWellFormed),
        ("<?xml version='1.0'?>", NotWellFormed),
        ("<!-- x -->", RestrictedXml),
        ("<?x?>", RestrictedXml),
        ("<!DOCTYPE a>", RestrictedXml),
        ("\0", NotWellFormed),
    ] {
        check(&in_stream(&format!("</stream:stream>{content}")), kind);
        check(
            &in_stream(&format!("<a/></stream:stream> \n{content}")),
            kind,
        );
    }
}

#[test]
fn before_the_root() {
    let root = HEADER.strip_prefix("<?xml version='1.0'?>").unwrap();
    for (start, kind) in [
        ("x", NotWellFormed),
        ("GET / HTTP/1.1\r\n", NotWellFormed),
        ("&amp;", NotWellFormed),
        ("]", NotWellFormed),
        ("</stream:stream>", NotWellFormed),
        ("<![CDATA[]]>", NotWellFormed),
        // A byte order mark is no white space: RFC 6120 §11.6.
        ("\u{FEFF}", NotWellFormed),
        ("\n\u{FEFF}", NotWellFormed),
        // The first byte alone tells other encodings.
        ("\n\0", NotWellFormed),
        ("<!-- x -->", RestrictedXml),
        ("<?x?>", RestrictedXml),
        ("<?xml-stylesheet href='x'?>", RestrictedXml),
        ("<!DOCTYPE stream>", RestrictedXml),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]>", RestrictedXml),
        ("<!doctype x>", NotWellFormed),
    ] {
        check(format!("{start}{root}").as_bytes(), kind);
        check(
            format!("<?xml version='1.0'?>{start}{root}").as_bytes(),
            kind,
        );
        check(format!(" {start}{root}").as_bytes(), kind);
    }
    for (start, kind) in [
        // The declaration has its own unit tests; these show that its errors are returned.
        ("<?xml?>", NotWellFormed),
        ("<?xml version='1.1'?>", NotWellFormed),
        ("<?xml version='1.0'>", NotWellFormed),
        ("<?xml encoding='UTF-8'?>", NotWellFormed),
        (
            "<?xml version='1.0' encoding='ISO-8859-1'?>",
            UnsupportedEncoding,
        ),
        (
            "<?xml version='1.0' encoding='UTF-16'?>",
            UnsupportedEncoding,
        ),
        ("<?xmlversion='1.0'?>", RestrictedXml),
        // Not at the start, or twice.
        (" <?xml version='1.0'?>", NotWellFormed),
        ("<?xml version='1.0'?><?xml version='1.0'?>", NotWellFormed),
    ] {
        check(format!("{start}{root}").as_bytes(), kind);
    }
}

#[test]
fn other_encodings() {
    let utf16: Vec<u16> = HEADER.encode_utf16().collect();
    let big: Vec<u8> = utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    let little: Vec<u8> = utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    check(&big, UnsupportedEncoding);
    check(&little, UnsupportedEncoding);
    check(&[b"\xFE\xFF", &*big].concat(), UnsupportedEncoding);
    check(&[b"\xFF\xFE", &*little].concat(), UnsupportedEncoding);
    check(b"\0\0\xFE\xFF\0\0\0<", UnsupportedEncoding);
    check(b"\xFF\xFE\0\0<\0\0\0", UnsupportedEncoding);
    check(b"\0\0\0<\0\0\0?", UnsupportedEncoding);
    check(b"<\0\0\0?\0\0\0", UnsupportedEncoding);
    // In a stream that began as UTF-8, a zero is a character that XML does not have.
    check(b" <\0", NotWellFormed);
    check(b" \xFF\xFE", UnsupportedEncoding);
}

#[test]
fn wrong_roots() {
    const STREAMS: &str = "http://etherx.jabber.org/streams";
    for (root, kind) in [
        (
            format!("<stream:Stream xmlns:stream='{STREAMS}'>"),
            BadFormat,
        ),
        (format!("<features xmlns='{STREAMS}'>"), BadFormat),
        ("<stream>".into(), InvalidNamespace),
        ("<stream xmlns='jabber:client'>".into(), InvalidNamespace),
        (
            "<stream:stream xmlns:stream='jabber:client'>".into(),
            InvalidNamespace,
        ),
        (
            format!("<stream:stream xmlns:stream='{STREAMS}/'>"),
            InvalidNamespace,
        ),
        ("<html>".into(), InvalidNamespace),
        (
            "<stream:stream xmlns='jabber:client'>".into(),
            NotWellFormed,
        ),
        (
            format!("<s:stream xmlns:stream='{STREAMS}'>"),
            NotWellFormed,
        ),
        (
            format!("<stream:stream xmlns:stream='{STREAMS}' to='a' to='b'>"),
            NotWellFormed,
        ),
        (
            format!("<stream:stream xmlns:stream='{STREAMS}' xmlns='a' xmlns='b'>"),
            NotWellFormed,
        ),
        (
            format!("<stream:stream xmlns:stream='{STREAMS}' to='&x;'>"),
            RestrictedXml,
        ),
    ] {
        check(root.as_bytes(), kind);
        check(format!("<?xml version='1.0'?>{root}").as_bytes(), kind);
    }
}

/// Malformed UTF-8 of every kind, wherever a character can be.
#[test]
fn bad_utf8() {
    let broken: [&[u8]; 11] = [
        b"\x80",
        b"\xBF",
        b"\xC0\xAF",
        b"\xC1\xBF",
        b"\xC3",
        b"\xE0\x80\xAF",
        b"\xE2\x82",
        b"\xED\xA0\x80",
        b"\xF0\x9F\x98",
        b"\xF4\x90\x80\x80",
        b"\xFF",
    ];
    for bytes in broken {
        for (before, after) in [
            ("<a>", "</a>"),
            ("<a>x", "y</a>"),
            ("<a>é", "é</a>"),
            ("<a>", "&amp;</a>"),
            ("<a>&amp;", "</a>"),
            ("<a>", "]</a>"),
            ("<a><![CDATA[", "]]></a>"),
            ("<a b='", "'/>"),
            ("<a b='", "&amp;'/>"),
            ("<a ", "='b'/>"),
            ("<a", "/>"),
            ("<", "/>"),
            ("", "<a/>"),
            ("<a/>", "<a/>"),
            ("<a>&", ";</a>"),
        ] {
            let input = [
                HEADER.as_bytes(),
                before.as_bytes(),
                bytes,
                after.as_bytes(),
            ];
            check(&input.concat(), UnsupportedEncoding);
        }
        let declaration = [b"<?xml version='1.0' encoding='", bytes, b"'?>"];
        check(&declaration.concat(), UnsupportedEncoding);
        // Outside of the root no character is allowed but white space, so the first byte decides.
        let kind = match bytes[0] {
            0x80..=0xC1 | 0xF5.. => UnsupportedEncoding,
            _ => NotWellFormed,
        };
        check(bytes, kind);
        check(&[b" ", bytes].concat(), kind);
        check(&[&in_stream("</stream:stream>"), bytes].concat(), kind);
    }
}

/// Well-formed XML that the parser refuses.
#[test]
fn known_restrictions() {
    // A reference with many leading zeros is well-formed, but not used in practice.
    check(&in_stream("<a>&#000000065;</a>"), PolicyViolation);
    check(&in_stream("<a b='&#x000000041;'/>"), PolicyViolation);
    assert_eq!(run(&in_stream("<a>&#00000065;</a>")).kind(), None);
    let long = "x".repeat(8193);
    check(&in_stream(&format!("<a b='{long}'/>")), PolicyViolation);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Any bytes give the same result in any pieces, without a panic.
    #[test]
    fn any_bytes_have_one_outcome(
        with_header in any::<bool>(),
        bytes in proptest::collection::vec(
            prop::sample::select(&b"<<<>>/&;'\"=!?[]-xax:m\r\n\t \0\xFF\xC3\xA9\xEF\xBF\xBE#1l"[..]),
            0..50,
        ),
    ) {
        let header = if with_header { HEADER } else { "" };
        run(&[header.as_bytes(), &bytes].concat());
    }

    /// The same holds for good streams in which one byte was changed.
    #[test]
    fn damaged_streams_have_one_outcome(
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let content = "<a b='c&#x20;d' xml:lang='\u{e9}' xmlns:p='u'>x<p:b/>\r\n<![CDATA[]y]]>&lt;</a> </stream:stream>";
        let mut input = in_stream(content);
        let place = place.index(input.len());
        if cut {
            input.remove(place);
        } else {
            input[place] = byte;
        }
        run(&input);
    }
}
