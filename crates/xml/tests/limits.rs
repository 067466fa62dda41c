//! Each limit at its boundary, and how early it takes effect.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use std::fmt::Write as _;

use support::{HEADER, Outcome, in_stream, run_within};
use xmppwire_xml::{Event, ReadErrorKind, Reader, XmlLimits};

/// Checks that `content` is read with the limit that `set` makes of `enough`, and refused with one
/// less.
#[track_caller]
fn boundary(content: &str, enough: usize, set: impl Fn(&mut XmlLimits, usize)) -> Outcome {
    let input = in_stream(content);
    let mut limits = XmlLimits::default();
    set(&mut limits, enough);
    let outcome = run_within(limits, &input);
    assert_eq!(outcome.error, None, "{content} within {enough}");
    set(&mut limits, enough - 1);
    let outcome = run_within(limits, &input);
    assert_eq!(
        outcome.kind(),
        Some(ReadErrorKind::PolicyViolation),
        "{content} within {}",
        enough - 1
    );
    outcome
}

#[test]
fn stanza_bytes() {
    for stanza in [
        "<a/>",
        "<a>x</a>",
        "<a>&amp;&#x20AC;</a>",
        "<a><![CDATA[x]]></a>",
        "<a\r\n>\r\n</a\r\n>",
        "<a b='\r\r'/>",
        "<a><b><c/></b></a  >",
        "</stream:stream>",
        "</stream:stream    >",
        &format!("<a>{}</a>", "x".repeat(20_000)),
        &format!("<a b='{}'/>", "x".repeat(700)),
        &format!("<a {}/>", " ".repeat(2000)),
    ] {
        let outcome = boundary(stanza, stanza.len(), |limits, value| {
            limits.max_stanza_bytes = value;
        });
        // The first byte over the limit was not taken.
        let taken = HEADER.len() + stanza.len() - 1;
        assert_eq!(outcome.error.map(|(_, taken)| taken), Some(taken));
    }
    // Every stanza has the whole limit, and white space between stanzas does not count.
    let mut limits = XmlLimits::default();
    limits.max_stanza_bytes = 4;
    let content = "<a/><b/>          <c/>".repeat(100);
    assert_eq!(run_within(limits, &in_stream(&content)).error, None);
    // Character data outside of stanzas is limited as well.
    let loose = in_stream(&"]".repeat(100));
    let outcome = run_within(limits, &loose);
    assert!(
        outcome
            .error
            .is_some_and(|(_, taken)| taken <= HEADER.len() + 4)
    );
}

/// Also where the byte is a CR, which the reader passes on as LF.
#[test]
fn the_first_byte_over_the_limit_stays() {
    for stanza in ["<a\r\r>\r\r</a\r\n>", "<a b='\r\r'/>", "<a>\r&amp;\r</a>"] {
        for value in 1..stanza.len() {
            let mut limits = XmlLimits::default();
            limits.max_stanza_bytes = value;
            let outcome = run_within(limits, &in_stream(stanza));
            let error = (ReadErrorKind::PolicyViolation, HEADER.len() + value);
            assert_eq!(outcome.error, Some(error), "{stanza:?} within {value}");
        }
    }
}

#[test]
fn header_bytes() {
    let streams = "xmlns:stream='http://etherx.jabber.org/streams'";
    for header in [
        HEADER.to_string(),
        format!("<stream:stream {streams}>"),
        format!("  \n<?xml version='1.0'?>  <stream:stream {streams}>").replacen("  \n", "", 1),
        format!("   <stream:stream {streams}   >"),
        format!("<stream:stream {streams} to='{}'>", "x".repeat(600)),
    ] {
        let mut limits = XmlLimits::default();
        limits.max_header_bytes = header.len();
        assert_eq!(run_within(limits, header.as_bytes()).error, None);
        limits.max_header_bytes -= 1;
        assert_eq!(
            run_within(limits, header.as_bytes()).error,
            Some((ReadErrorKind::PolicyViolation, header.len() - 1))
        );
    }
    let mut limits = XmlLimits::default();
    limits.max_header_bytes = 100;
    for endless in [" ", "<?xml ", "<?xml version='", "<a ", "<aaaa", "<a b='"] {
        let input = format!("{endless}{}", &endless[endless.len() - 1..].repeat(1000));
        let (kind, taken) = run_within(limits, input.as_bytes()).error.unwrap();
        assert!(taken <= 100, "{endless}");
        if !endless.ends_with('\'') {
            assert_eq!(kind, ReadErrorKind::PolicyViolation, "{endless}");
        }
    }
}

#[test]
fn depth() {
    let set = |limits: &mut XmlLimits, value| limits.max_depth = value;
    boundary("<a/>", 1, set);
    boundary("<a><b/><b></b></a>", 2, set);
    boundary("<a><b><c>x</c></b><b><c/></b></a>", 3, set);
    let nested = format!("{}{}", "<a>".repeat(64), "</a>".repeat(64));
    boundary(&nested, 64, set);
}

#[test]
fn attributes() {
    let set = |limits: &mut XmlLimits, value| limits.max_attributes = value;
    boundary("<a b='' c='' d='' e='' f=''/>", 5, set);
    boundary("<a xmlns='u' xmlns:b='v' b:c='' d='' e='' f=''/>", 6, set);
    boundary("<a><b a='' b='' c='' d='' e='' f=''/></a>", 6, set);
    // The header has four.
    let mut limits = XmlLimits::default();
    limits.max_attributes = 2;
    let kind = run_within(limits, HEADER.as_bytes()).kind();
    assert_eq!(kind, Some(ReadErrorKind::PolicyViolation));
}

#[test]
fn nodes() {
    let set = |limits: &mut XmlLimits, value| limits.max_children = value;
    boundary("<a><b/></a>", 1, set);
    boundary("<a>x</a>", 1, set);
    boundary("<a>x<![CDATA[y]]>&amp;</a>", 1, set);
    boundary("<a>x<b/>y<c>z</c></a>", 5, set);
    let mut limits = XmlLimits::default();
    limits.max_children = 0;
    assert_eq!(
        run_within(limits, &in_stream("<a b='c'/><a></a>")).error,
        None
    );
}

#[test]
fn prefixes() {
    let set = |limits: &mut XmlLimits, value| limits.max_prefixes = value;
    boundary("<a xmlns:p='u'/>", 1, set);
    boundary(
        "<a xmlns:p='u'><b xmlns:p='v'/><b xmlns:p='v'/></a>",
        2,
        set,
    );
    boundary("<a xmlns:p='u' xmlns:q='v'><b xmlns:r='v'/></a>", 3, set);
    let mut limits = XmlLimits::default();
    limits.max_prefixes = 0;
    let content = "<a xmlns='u'><b xmlns='v'/></a><stream:c/>";
    assert_eq!(run_within(limits, &in_stream(content)).error, None);
}

#[test]
fn tokens() {
    let set = |limits: &mut XmlLimits, value| limits.max_token_bytes = value;
    // The header itself has a value of 32.
    for length in [33, 63, 64, 65, 300, 8192, 9000] {
        let long = "x".repeat(length);
        boundary(&format!("<a b='{long}'/>"), length, set);
        boundary(&format!("<{long}/>"), length, set);
        boundary(&format!("<a {long}='b'/>"), length, set);
        boundary(&format!("<a {long}='b'></a>"), length, set);
        let resolved = format!("<a b='{}&amp;&#x41;'/>", "x".repeat(length - 2));
        boundary(&resolved, length, set);
        let ending = "€".repeat(length / 3);
        boundary(&format!("<a b='{ending}'/>"), length / 3 * 3, set);
    }
    let prefixed = format!("<a xmlns:{0}='u'><{0}:{0}/></a>", "x".repeat(40));
    boundary(&prefixed, 81, set);
    // Text may be longer.
    let mut limits = XmlLimits::default();
    limits.max_token_bytes = 100;
    let content = format!("<a>{}</a>", "é".repeat(5000));
    assert_eq!(run_within(limits, &in_stream(&content)).error, None);
}

#[test]
fn absurd_limits_are_survived() {
    for value in [0, usize::MAX] {
        let mut limits = XmlLimits::default();
        limits.max_stanza_bytes = value;
        limits.max_depth = value;
        limits.max_attributes = value;
        limits.max_children = value;
        limits.max_prefixes = value;
        limits.max_token_bytes = value;
        limits.max_header_bytes = value;
        let outcome = run_within(limits, &in_stream("<a b='c'>text<d/></a>"));
        assert_eq!(outcome.error.is_some(), value == 0);
    }
}

/// Limits can change between stanzas, the token limit in both directions.
#[test]
fn limits_can_be_replaced() {
    let mut limits = XmlLimits::default();
    limits.max_token_bytes = 64;
    limits.max_depth = 1;
    let mut reader = Reader::new(limits);
    let long = "x".repeat(20_000);
    let input = format!("{HEADER}<a b='c'/><a b='{long}'><b/></a><a b='xxxxxxxxxx'/>");
    let mut input = input.as_bytes();
    assert!(matches!(
        reader.read(&mut input),
        Ok(Some(Event::Header(_)))
    ));
    assert!(matches!(
        reader.read(&mut input),
        Ok(Some(Event::Element(_)))
    ));
    limits = XmlLimits::default();
    limits.max_token_bytes = 20_000;
    reader.set_limits(limits);
    match reader.read(&mut input) {
        Ok(Some(Event::Element(element))) => assert_eq!(element.attr("b"), Some(&*long)),
        other => panic!("{other:?}"),
    }
    limits.max_token_bytes = 9;
    reader.set_limits(limits);
    let error = reader.read(&mut input).unwrap_err();
    assert_eq!(error.kind(), ReadErrorKind::PolicyViolation);
}

/// They can also change where the root has no prefix (RFC 6120 §4.8.2).
#[test]
fn limits_can_be_replaced_below_a_root_without_prefix() {
    let mut reader = Reader::new(XmlLimits::default());
    let input = "<stream xmlns='http://etherx.jabber.org/streams'><a xmlns='u'/><p:b xmlns:p='u'/></stream>";
    let mut input = input.as_bytes();
    reader.read(&mut input).unwrap();
    let mut limits = XmlLimits::default();
    limits.max_token_bytes = 100;
    reader.set_limits(limits);
    for name in ["a", "b"] {
        match reader.read(&mut input) {
            Ok(Some(Event::Element(element))) => assert!(element.is(name, "u")),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(reader.read(&mut input), Ok(Some(Event::End)));
}

/// The limits hold while a megabyte of junk arrives, not only at its end.
#[test]
fn junk_is_refused_early() {
    let count = 1 << 18;
    let mut attributes = String::from("<a");
    let mut declarations = String::from("<a");
    for number in 0..count / 8 {
        write!(attributes, " a{number}=''").unwrap();
        write!(declarations, " xmlns:a{number}='u'").unwrap();
    }
    let junk = [
        ("nesting", "<a>".repeat(count), 64 * 3 + 4),
        (
            "nested defaults",
            "<a xmlns='u'>".repeat(count),
            64 * 13 + 4,
        ),
        ("attributes", attributes, 64 * 10 + 10),
        ("declarations", declarations, 64 * 20 + 20),
        ("a name", format!("<{}", "a".repeat(count * 4)), 8200),
        ("a value", format!("<a b='{}", "c".repeat(count * 4)), 8210),
        ("text", format!("<a>{}", "b".repeat(count * 4)), 262_144),
        (
            "section",
            format!("<a><![CDATA[{}", "b".repeat(count * 4)),
            262_144,
        ),
        ("space", format!("<a{}", " ".repeat(count * 4)), 262_144),
        (
            "children",
            format!("<a>{}", "<b/>".repeat(count)),
            8192 * 4 + 10,
        ),
        (
            "references",
            format!("<a>{}", "&amp;".repeat(count)),
            262_144,
        ),
    ];
    for (what, junk, most) in junk {
        assert!(junk.len() > 250_000 || what == "attributes", "{what}");
        let mut reader = Reader::new(XmlLimits::default());
        let mut header = HEADER.as_bytes();
        reader.read(&mut header).unwrap();
        let mut input = junk.as_bytes();
        let error = reader.read(&mut input).unwrap_err();
        assert_eq!(error.kind(), ReadErrorKind::PolicyViolation, "{what}");
        let taken = junk.len() - input.len();
        assert!(taken <= most, "{what}: {taken} bytes were taken");
    }
}

/// Without limits, the work still grows with the bytes alone.
#[test]
fn many_attributes_are_no_quadratic_work() {
    let mut stanza = String::from("<a");
    for number in 0..40_000 {
        write!(stanza, " a{number}=''").unwrap();
    }
    stanza.push_str("/>");
    let mut limits = XmlLimits::default();
    limits.max_stanza_bytes = stanza.len();
    limits.max_attributes = usize::MAX;
    let mut reader = Reader::new(limits);
    let input = in_stream(&stanza);
    let mut input = &*input;
    reader.read(&mut input).unwrap();
    let Ok(Some(Event::Element(element))) = reader.read(&mut input) else {
        panic!("refused");
    };
    assert_eq!(element.attrs().len(), 40_000);
}

/// Siblings that alternate between prefixes with long namespaces must not make a small stanza large
/// when it is forwarded.
#[test]
fn passing_a_stanza_on_does_not_multiply_it() {
    let long = |letter: &str| letter.repeat(4000);
    let mut stanza = format!("<a xmlns:p='{}' xmlns:q='{}'>", long("u"), long("v"));
    for _ in 0..4000 {
        stanza.push_str("<p:b q:c=''/>");
    }
    stanza.push_str("</a>");
    let outcome = run_pieces(&stanza);
    let writer = xmppwire_xml::Writer::new("jabber:client");
    let mut out = Vec::new();
    writer.element(&mut out, outcome.root()).unwrap();
    assert!(out.len() < 4 * stanza.len() + 65_536, "{}", out.len());
    assert_eq!(run_pieces(&String::from_utf8(out).unwrap()), outcome);
    assert_eq!(outcome.root().to_element(), outcome);
}

fn run_pieces(stanza: &str) -> xmppwire_xml::Element {
    let input = in_stream(stanza);
    let outcome = support::run_pieces(XmlLimits::default(), [&*input]);
    match outcome.events.into_iter().nth(1) {
        Some((Event::Element(element), _)) => element,
        other => panic!("{other:?} {:?}", outcome.error),
    }
}
