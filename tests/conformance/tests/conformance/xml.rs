//! Every XML fault and the stream error that it gets (RFC 6120 §4.9.3, §11), for both roles.

use xmppwire_conformance::case::Case;
use xmppwire_conformance::feature::Role;
use xmppwire_conformance::script::Script;

/// Where the fault is.
enum Place {
    /// Instead of the peer's header.
    Header,
    /// Between the stanzas of a bound stream.
    Stream,
}
use Place::{Header, Stream};

struct Fault {
    name: &'static str,
    place: Place,
    /// `HEADER` is the start tag of a good header, without its `>`.
    bytes: &'static str,
    condition: &'static str,
    shows: &'static str,
}

const fn fault(
    name: &'static str,
    place: Place,
    bytes: &'static str,
    condition: &'static str,
    shows: &'static str,
) -> Fault {
    Fault {
        name,
        place,
        bytes,
        condition,
        shows,
    }
}

const WELL_FORMED: &str = "xml-wellformed-xml";
const NAMESPACES: &str = "xml-wellformed-ns";

const FAULTS: &[Fault] = &[
    // --- §11.1 ---
    fault(
        "comment-before-root",
        Header,
        "<!-- x -->HEADER>",
        "restricted-xml",
        "xml-restriction-comment",
    ),
    fault(
        "comment-in-stream",
        Stream,
        "<!-- x -->",
        "restricted-xml",
        "xml-restriction-comment",
    ),
    fault(
        "comment-in-stanza",
        Stream,
        "<message><!-- x --></message>",
        "restricted-xml",
        "xml-restriction-comment",
    ),
    fault(
        "processing-instruction-before-root",
        Header,
        "<?xml-stylesheet href='x'?>HEADER>",
        "restricted-xml",
        "xml-restriction-pi",
    ),
    fault(
        "processing-instruction-in-stream",
        Stream,
        "<?php exit(); ?>",
        "restricted-xml",
        "xml-restriction-pi",
    ),
    fault(
        "processing-instruction-in-stanza",
        Stream,
        "<message><?x?></message>",
        "restricted-xml",
        "xml-restriction-pi",
    ),
    fault(
        "doctype-before-root",
        Header,
        "<!DOCTYPE stream [<!ENTITY x 'y'>]>HEADER>",
        "restricted-xml",
        "xml-restriction-dtd",
    ),
    fault(
        "doctype-in-stream",
        Stream,
        "<!DOCTYPE x>",
        "restricted-xml",
        "xml-restriction-dtd",
    ),
    fault(
        "entity-in-text",
        Stream,
        "<message><body>&nbsp;</body></message>",
        "restricted-xml",
        "xml-restriction-ref",
    ),
    fault(
        "entity-in-attribute",
        Stream,
        "<message id='&copy;'/>",
        "restricted-xml",
        "xml-restriction-ref",
    ),
    fault(
        "entity-in-header",
        Header,
        "HEADER id='&x;'>",
        "restricted-xml",
        "xml-restriction-ref",
    ),
    // --- §11.3 ---
    fault(
        "no-xml-at-all",
        Header,
        "\\x16\\x03\\x01\\x02\\x00",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "mismatched-tags",
        Stream,
        "<message><body></message></body>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "closing-tag-of-another-name",
        Stream,
        "</stream:features>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "duplicate-attribute",
        Stream,
        "<message id='1' id='2'/>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "unquoted-attribute",
        Stream,
        "<message id=1/>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "attribute-without-value",
        Stream,
        "<message urgent/>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "less-than-in-attribute",
        Stream,
        "<message id='<'/>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "end-of-cdata-in-text",
        Stream,
        "<message><body>]]></body></message>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "cdata-in-stream",
        Stream,
        "<![CDATA[]]>",
        "bad-format",
        "stream-error-generate",
    ),
    fault(
        "control-character",
        Stream,
        "<message><body>\\x07</body></message>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "reference-to-control-character",
        Stream,
        "<message><body>&#7;</body></message>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "reference-to-surrogate",
        Stream,
        "<message><body>&#xD800;</body></message>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "reference-to-nothing",
        Stream,
        "<message><body>&#x110000;</body></message>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "bare-ampersand",
        Stream,
        "<message><body>a & b</body></message>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "name-with-two-colons",
        Stream,
        "<a:b:c/>",
        "not-well-formed",
        NAMESPACES,
    ),
    fault(
        "name-that-begins-with-digit",
        Stream,
        "<1/>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "declaration-in-stream",
        Stream,
        "<?xml version='1.0'?>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "declaration-after-white-space",
        Header,
        " <?xml version='1.0'?>HEADER>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "xml-1-1",
        Header,
        "<?xml version='1.1'?>HEADER>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "text-before-root",
        Header,
        "x HEADER>",
        "not-well-formed",
        WELL_FORMED,
    ),
    fault(
        "byte-order-mark",
        Header,
        "\\xEF\\xBB\\xBFHEADER>",
        "not-well-formed",
        WELL_FORMED,
    ),
    // --- §11.3, Namespaces in XML ---
    fault(
        "undeclared-prefix",
        Stream,
        "<x:message/>",
        "not-well-formed",
        NAMESPACES,
    ),
    fault(
        "undeclared-prefix-of-attribute",
        Stream,
        "<message x:id='1'/>",
        "not-well-formed",
        NAMESPACES,
    ),
    fault(
        "undeclared-prefix-of-root",
        Header,
        "<stream:stream xmlns='jabber:client' version='1.0'>",
        "not-well-formed",
        NAMESPACES,
    ),
    fault(
        "prefix-beyond-its-scope",
        Stream,
        "<message><x:a xmlns:x='urn:x'/><x:b/></message>",
        "not-well-formed",
        NAMESPACES,
    ),
    fault(
        "duplicate-expanded-attribute",
        Stream,
        "<message xmlns:a='urn:x' xmlns:b='urn:x' a:c='1' b:c='2'/>",
        "not-well-formed",
        NAMESPACES,
    ),
    fault(
        "duplicate-default-namespace",
        Stream,
        "<message xmlns='urn:x' xmlns='urn:y'/>",
        "not-well-formed",
        NAMESPACES,
    ),
    fault(
        "duplicate-prefix-declaration",
        Stream,
        "<message xmlns:a='urn:x' xmlns:a='urn:y'/>",
        "not-well-formed",
        NAMESPACES,
    ),
    fault(
        "prefix-bound-to-nothing",
        Stream,
        "<message xmlns:a=''/>",
        "not-well-formed",
        NAMESPACES,
    ),
    fault(
        "xmlns-prefix-declared",
        Stream,
        "<message xmlns:xmlns='urn:x'/>",
        "not-well-formed",
        NAMESPACES,
    ),
    fault(
        "xmlns-namespace-bound",
        Stream,
        "<message xmlns:a='http://www.w3.org/2000/xmlns/'/>",
        "not-well-formed",
        NAMESPACES,
    ),
    fault(
        "xmlns-namespace-as-default",
        Stream,
        "<message xmlns='http://www.w3.org/2000/xmlns/'/>",
        "not-well-formed",
        NAMESPACES,
    ),
    fault(
        "xml-prefix-bound-elsewhere",
        Stream,
        "<message xmlns:xml='urn:x'/>",
        "not-well-formed",
        NAMESPACES,
    ),
    fault(
        "xml-namespace-under-another-prefix",
        Stream,
        "<message xmlns:a='http://www.w3.org/XML/1998/namespace'/>",
        "not-well-formed",
        NAMESPACES,
    ),
    // --- §11.6 ---
    fault(
        "other-encoding",
        Header,
        "<?xml version='1.0' encoding='ISO-8859-1'?>HEADER>",
        "unsupported-encoding",
        "",
    ),
    fault(
        "utf-16-declared",
        Header,
        "<?xml version='1.0' encoding='UTF-16'?>HEADER>",
        "unsupported-encoding",
        "",
    ),
    fault(
        "utf-16-big-endian",
        Header,
        "\\xFE\\xFF\\x00<\\x00?",
        "unsupported-encoding",
        "",
    ),
    fault(
        "utf-16-little-endian",
        Header,
        "\\xFF\\xFE<\\x00?\\x00",
        "unsupported-encoding",
        "",
    ),
    fault(
        "lone-continuation-byte",
        Stream,
        "<message><body>\\x80</body></message>",
        "unsupported-encoding",
        "",
    ),
    fault(
        "truncated-sequence-of-two",
        Stream,
        "<message><body>\\xC3</body></message>",
        "unsupported-encoding",
        "",
    ),
    fault(
        "truncated-sequence-of-three",
        Stream,
        "<message><body>\\xE2\\x82</body></message>",
        "unsupported-encoding",
        "",
    ),
    fault(
        "truncated-sequence-of-four",
        Stream,
        "<message><body>\\xF0\\x9F\\x8C</body></message>",
        "unsupported-encoding",
        "",
    ),
    fault(
        "overlong-sequence",
        Stream,
        "<message><body>\\xC0\\xAF</body></message>",
        "unsupported-encoding",
        "",
    ),
    fault(
        "overlong-less-than",
        Stream,
        "<message><body>\\xE0\\x80\\xBC</body></message>",
        "unsupported-encoding",
        "",
    ),
    fault(
        "surrogate",
        Stream,
        "<message><body>\\xED\\xA0\\x80</body></message>",
        "unsupported-encoding",
        "",
    ),
    fault(
        "beyond-unicode",
        Stream,
        "<message><body>\\xF4\\x90\\x80\\x80</body></message>",
        "unsupported-encoding",
        "",
    ),
    fault(
        "bad-utf-8-in-attribute",
        Stream,
        "<message id='\\xFF'/>",
        "unsupported-encoding",
        "",
    ),
    fault(
        "bad-utf-8-in-name",
        Stream,
        "<mess\\xC3age/>",
        "unsupported-encoding",
        "",
    ),
    fault(
        "noncharacter",
        Stream,
        "<message><body>\\xEF\\xBF\\xBF</body></message>",
        "not-well-formed",
        WELL_FORMED,
    ),
    // --- the stream ---
    fault(
        "text-in-stream",
        Stream,
        "hello",
        "bad-format",
        "stream-error-generate",
    ),
    fault(
        "reference-in-stream",
        Stream,
        "&lt;",
        "bad-format",
        "stream-error-generate",
    ),
    fault(
        "root-of-another-name",
        Header,
        "<stream:features xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
        "bad-format",
        "stream-error-generate",
    ),
    fault(
        "root-in-no-namespace",
        Header,
        "<stream version='1.0'>",
        "invalid-namespace",
        "xml-namespace-streams-declaration",
    ),
    fault(
        "root-in-wrong-namespace",
        Header,
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/stream' version='1.0'>",
        "invalid-namespace",
        "xml-namespace-streams-declaration",
    ),
    fault(
        "second-header",
        Stream,
        "<stream:stream></stream:stream>",
        "unsupported-stanza-type",
        "stream-error-generate",
    ),
    // --- budgets ---
    fault(
        "oversize",
        Stream,
        "<message><body>01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789</body></message>",
        "policy-violation",
        "stream-error-generate",
    ),
    fault(
        "oversize-attribute",
        Stream,
        "<message id='01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789'/>",
        "policy-violation",
        "stream-error-generate",
    ),
    fault(
        "over-deep",
        Stream,
        "<message><a><b><c><d><e>",
        "policy-violation",
        "stream-error-generate",
    ),
];

pub(crate) fn cases() -> Vec<Case> {
    FAULTS.iter().flat_map(of).collect()
}

/// The cases of a fault, one for each role.
fn of(fault: &Fault) -> Vec<Case> {
    let mut cases: Vec<Case> = script(fault, &[Role::Client], 'S', 'C').into();
    cases.extend(Vec::<Case>::from(script(fault, &[Role::Server], 'C', 'S')));
    cases
}

const CLIENT_HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0'>";
const SERVER_HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' from='verona.example' id='{s}' version='1.0' xml:lang='en'>";
const GOOD: &str = "<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' from='example.org' to='example.org' version='1.0'";

fn script(fault: &Fault, roles: &'static [Role], peer: char, own: char) -> Script {
    let Fault {
        name,
        bytes,
        condition,
        ..
    } = fault;
    let bytes = bytes.replace("HEADER", GOOD);
    let shown = bytes
        .replace('\n', " ")
        .chars()
        .take(60)
        .collect::<String>();
    let before = match (&fault.place, own) {
        (Header, 'C') => format!("C: {CLIENT_HEADER}\n"),
        (Header, _) => String::new(),
        (Stream, _) => "@ bound\n".into(),
    };
    // A stream error in answer to a header comes after a header of the server (§4.9.1.2).
    let header = match (&fault.place, own) {
        (Header, 'S') => SERVER_HEADER,
        _ => "",
    };
    let shows = match fault.shows {
        "" => String::new(),
        shows => format!("# Shows: {shows}\n"),
    };
    let text = format!(
        "# `{shown}` gets {condition}.\n{shows}\
         % max-stanza-bytes 400\n% max-depth 5\n\
         {before}{peer}: {bytes}\n\
         {own}: {header}<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>\n\
         E: closed Violation {condition}: {{why}}\n"
    );
    Script::new(format!("xml/{name}"), roles, text)
}
