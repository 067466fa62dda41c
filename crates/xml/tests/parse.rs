//! Elements that are read from texts: documents and fragments, their errors and their limits.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use proptest::prelude::*;
use xmppwire_xml::{Element, ParseError, ReadErrorKind, XmlLimits};

fn parse(text: &str) -> Result<Element, ParseError> {
    text.parse()
}

fn fragment(text: &str) -> Result<Vec<Element>, ParseError> {
    Element::parse_fragment(text, "jabber:client", &XmlLimits::default())
}

#[test]
fn a_document_is_one_element() {
    for text in [
        "<a xmlns='u'><b x='1'>2</b></a>",
        " \r\n<a xmlns='u'><b x='1'>2</b></a>\n\n",
        "<?xml version='1.0'?><a xmlns='u'><b x='1'>2</b></a>",
        "<?xml version='1.0' encoding='utf-8' standalone='yes'?>\n<p:a xmlns:p='u'><p:b x='1'>2</p:b></p:a>",
    ] {
        let a = parse(text).unwrap();
        // A declared prefix is written again.
        let shown = match text.contains("p:a") {
            true => "<p:a xmlns:p='u'><p:b x='1'>2</p:b></p:a>",
            false => "<a xmlns='u'><b x='1'>2</b></a>",
        };
        assert_eq!(a.to_xml(), shown, "{text}");
        assert_eq!(Element::try_from(text.as_bytes()).unwrap(), a);
    }
    assert_eq!(parse("<a/>").unwrap().ns(), "");
}

#[test]
fn a_fragment_is_any_number_of_elements() {
    assert!(fragment("").unwrap().is_empty());
    assert!(fragment(" \n").unwrap().is_empty());
    let elements = fragment("<a/> <b xmlns='u'><c/></b>\n<p:d xmlns:p='v'/>").unwrap();
    let names: Vec<_> = elements.iter().map(|e| (e.name(), e.ns())).collect();
    assert_eq!(
        names,
        [("a", "jabber:client"), ("b", "u"), ("d", "v")],
        "{elements:?}"
    );
    // Prefixes do not change what names without one are in.
    let prefixed = fragment("<p:a xmlns:p='u'><b/></p:a><c/>").unwrap();
    assert!(prefixed[0].is("a", "u") && prefixed[0].child("b", "jabber:client").is_some());
    assert!(prefixed[1].is("c", "jabber:client"));
    let bare = Element::parse_fragment("<a/>", "", &XmlLimits::default()).unwrap();
    assert_eq!(bare[0].ns(), "");
}

#[test]
fn errors_say_what_and_where() {
    use ReadErrorKind::{NotWellFormed, RestrictedXml, UnsupportedEncoding};
    let mut wrong = Vec::new();
    for (text, kind, (offset, line, column)) in [
        ("", NotWellFormed, (0, 1, 1)),
        ("\n ", NotWellFormed, (2, 2, 2)),
        ("x", NotWellFormed, (0, 1, 1)),
        ("<a", NotWellFormed, (2, 1, 3)),
        ("<a>\n<b>", NotWellFormed, (7, 2, 4)),
        ("<a></b>", NotWellFormed, (6, 1, 7)),
        ("<a/><b/>", NotWellFormed, (4, 1, 5)),
        ("<a/>\n <b/>", NotWellFormed, (6, 2, 2)),
        ("<a/>x", NotWellFormed, (4, 1, 5)),
        ("</a>", NotWellFormed, (3, 1, 4)),
        ("</stream:stream>", NotWellFormed, (0, 1, 1)),
        ("<a/></stream:stream>", NotWellFormed, (4, 1, 5)),
        ("<stream:a/>", NotWellFormed, (10, 1, 11)),
        ("<p:a/>", NotWellFormed, (5, 1, 6)),
        ("<a>äöü\u{1}</a>", NotWellFormed, (9, 1, 7)),
        ("<a>&bogus;</a>", RestrictedXml, (9, 1, 10)),
        ("<a><!-- --></a>", RestrictedXml, (6, 1, 7)),
        ("<!DOCTYPE a><a/>", RestrictedXml, (2, 1, 3)),
        ("<?xml-stylesheet?><a/>", RestrictedXml, (5, 1, 6)),
        ("<?xml version='1.1'?><a/>", NotWellFormed, (20, 1, 21)),
        ("<?xml version='1.0'", NotWellFormed, (19, 1, 20)),
        (" <?xml version='1.0'?><a/>", NotWellFormed, (6, 1, 7)),
        (
            "<?xml version='1.0' encoding='latin1'?><a/>",
            UnsupportedEncoding,
            (38, 1, 39),
        ),
    ] {
        let error = parse(text).unwrap_err();
        let place = (error.offset(), error.line(), error.column());
        if (error.kind(), place) != (kind, (offset, line, column)) {
            wrong.push(format!("{text:?}: {:?} {place:?} {error}", error.kind()));
        }
    }
    assert_eq!(wrong, [""; 0]);
    let error = parse("<a>\n<b></c>").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("line 2, column 7: not-well-formed"),
        "{error}"
    );
}

/// A log can tell what is wrong, whether this crate or its parser found it.
#[test]
fn errors_say_what_is_wrong() {
    for (text, detail) in [
        ("<a/>x", "text outside of an element"),
        ("<a></b>", "start and end tag do not match"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.to_string().ends_with(detail), "{error}");
        assert_eq!(error.detail().to_string(), detail);
    }
}

#[test]
fn what_is_cut_is_told_from_what_is_wrong() {
    for cut in ["<", "<a", "<a>", "<a>text", "<a><b/>", "<a/"] {
        assert!(parse(cut).unwrap_err().is_incomplete(), "{cut}");
        assert!(fragment(cut).unwrap_err().is_incomplete(), "{cut}");
    }
    for wrong in ["<a></b>", "<a/>x", "x", "<a/><b/>"] {
        assert!(!parse(wrong).unwrap_err().is_incomplete(), "{wrong}");
    }
}

#[test]
fn limits_hold() {
    let mut limits = XmlLimits::default();
    limits.max_stanza_bytes = 40;
    limits.max_depth = 2;
    limits.max_attributes = 1;
    limits.max_header_bytes = 30;
    for text in [
        "<a><b><c/></b></a>",
        "<a x='1' y='2'/>",
        &format!("<a>{}</a>", "x".repeat(40)),
        &format!("<?xml version='1.0'{}?><a/>", " ".repeat(40)),
    ] {
        let error = Element::parse(text, &limits).unwrap_err();
        assert_eq!(error.kind(), ReadErrorKind::PolicyViolation, "{text}");
    }
    // Each element of a fragment has them for itself.
    let many = "<a>0123456789</a>".repeat(10);
    let found = Element::parse_fragment(many, "", &limits).unwrap();
    assert_eq!(found.len(), 10);
}

#[test]
fn long_inputs_have_their_place_too() {
    let text = format!("<a>{}</b>", "<b>text</b>\n".repeat(2000));
    let error = parse(&text).unwrap_err();
    assert_eq!((error.line(), error.column()), (2001, 4));
    assert_eq!(error.offset(), text.len() - 1);
}

proptest! {
    /// Whatever is read is written and read again, and nothing panics.
    #[test]
    fn any_text(text in "[<>/a-c='&;x \n?!-]{0,40}") {
        match parse(&text) {
            Ok(element) => prop_assert_eq!(parse(&element.to_xml()), Ok(element)),
            Err(error) => prop_assert!(error.offset() <= text.len()),
        }
        let _ = fragment(&text);
    }

    /// The error of an input that is cut is at its end.
    #[test]
    fn any_cut(at in 0_usize..60) {
        let text = "<a xmlns='u' x='&amp;'><b>text</b><p:c xmlns:p='v'>é</p:c></a>";
        let cut = text.as_bytes().get(..at).unwrap();
        let error = Element::try_from(cut).unwrap_err();
        prop_assert_eq!(error.offset(), at);
        prop_assert_eq!(error.is_incomplete(), at > 0);
    }
}
