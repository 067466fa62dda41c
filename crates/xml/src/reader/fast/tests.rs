use alloc::format;
use alloc::string::String;

use super::{Found, Gathered, Lane};
use crate::element::Element;
use crate::limits::XmlLimits;

/// Reads a stanza in this lane. `None` if it gives up.
fn read(stanza: &str) -> Option<String> {
    let mut lane = Lane::default();
    match lane.read(
        stanza.as_bytes(),
        "jabber:client",
        "s",
        &XmlLimits::default(),
    ) {
        Found::Whole(tree, _) => Some(Element::from_tree(tree).to_xml()),
        Found::Cut | Found::Doubt => None,
    }
}

const PLAIN: &[(&str, &str)] = &[
    ("<a/>", "<a xmlns='jabber:client'/>"),
    ("<a></a><b/>", "<a xmlns='jabber:client'/>"),
    (
        "<message to='juliet@example.org' xml:lang=\"en\"\n\ttype='chat' ><body>Hi &amp; &#x20AC;ré</body>\
         <active xmlns='http://jabber.org/protocol/chatstates'/></message>",
        "<message xmlns='jabber:client' to='juliet@example.org' xml:lang='en' type='chat'><body>Hi &amp; €ré\
         </body><active xmlns='http://jabber.org/protocol/chatstates'/></message>",
    ),
    (
        "<a b='&apos;x&#65;' c='\"'>1<b xmlns=''><c/>2</b>&lt;3]]</a>",
        "<a xmlns='jabber:client' b='&apos;xA' c='\"'>1<b xmlns=''><c/>2</b>&lt;3]]</a>",
    ),
    ("<a xmlns='u'><b/></a>", "<a xmlns='u'><b/></a>"),
    (
        "<s:a><b/>x<c xmlns='u'><d/></c></s:a>",
        "<a xmlns='http://etherx.jabber.org/streams'><b xmlns='jabber:client'/>x<c xmlns='u'><d/></c></a>",
    ),
    (
        "<s:a b='&lt;' xmlns='u'><b><c/></b><d/></s:a>",
        "<a xmlns='http://etherx.jabber.org/streams' b='&lt;'><b xmlns='u'><c/></b><d xmlns='u'/></a>",
    ),
    (
        "<s:a xml:lang='en'/>",
        "<a xmlns='http://etherx.jabber.org/streams' xml:lang='en'/>",
    ),
];

/// Ordinary stanzas are read in this lane.
#[test]
fn plain_stanzas() {
    for (stanza, expected) in PLAIN {
        assert_eq!(read(stanza).as_deref(), Some(*expected), "{stanza}");
    }
}

/// A server stamps its client's address on each stanza. That copies no large stanza.
#[test]
fn a_gathered_stanza_has_room_for_a_stamp() {
    let stanza = format!("<message><body>{}</body></message>", "x".repeat(20_000));
    let (front, rest) = stanza.as_bytes().split_at(12_345);
    let (mut lane, limits) = (Lane::default(), XmlLimits::default());
    assert!(matches!(
        lane.read(front, "jabber:client", "s", &limits),
        Found::Cut
    ));
    let Gathered::Whole(tree, _) = lane.push(rest, &limits) else {
        panic!("the stanza is not read");
    };
    let mut element = Element::from_tree(tree);
    let held = element.heap_size();
    element.set_attr("from", Some("juliet@example.org/balcony"));
    assert_eq!(element.heap_size(), held);
}

#[test]
fn doubts() {
    for stanza in [
        "<p:a/>",
        "<s:a></a>",
        "<s:a></s:b>",
        "<s:a><s:b/></s:a>",
        "<s:a s:b=''/>",
        "<s:/>",
        "<s:a:b/>",
        "<s:a xmlns:s='u'/>",
        "<a></s:a>",
        "<a p:b=''/>",
        "<a xmlns:p='u'/>",
        "<a xml:space='preserve'/>",
        "<a b='' b=''/>",
        "<a xml:lang='' xml:lang=''/>",
        "<a xmlns='u' xmlns='u'/>",
        "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<a><!-- --></a>",
        "<a><![CDATA[]]></a>",
        "<a><?b?></a>",
        "<a>&x;</a>",
        "<a>&#0;</a>",
        "<a>]]></a>",
        "<a>\r</a>",
        "<a>\u{1}</a>",
        "<a>\u{FFFE}</a>",
        "<a b='\t'/>",
        "<a b='<'/>",
        "<a b=c/>",
        "<a b='1'c='2'/>",
        "<a></b>",
        "<a></a >",
        "</a>",
        "<é/>",
        "<1/>",
        "<a b='&'/>",
    ] {
        assert_eq!(read(stanza), None, "{stanza}");
    }
}

/// A stanza that arrives in pieces gives the same tree.
#[test]
fn a_cut_stanza_resumes() {
    let limits = XmlLimits::default();
    for (stanza, read) in PLAIN {
        for size in [1, 2, 3, 7, 50] {
            let mut lane = Lane::default();
            let mut pieces = stanza.as_bytes().chunks(size);
            let first = pieces.next().unwrap_or_default();
            if !matches!(lane.read(first, "jabber:client", "s", &limits), Found::Cut) {
                continue;
            }
            for piece in pieces {
                match lane.push(piece, &limits) {
                    Gathered::Cut => {}
                    Gathered::Whole(tree, _) => {
                        assert_eq!(Element::from_tree(tree).to_xml(), *read);
                        break;
                    }
                    // A cut reference and a cut prefix are for the checked lane.
                    Gathered::Doubt(bytes) => {
                        assert!(stanza.contains('&') || stanza.contains("s:"), "{stanza}");
                        assert!(stanza.as_bytes().starts_with(&bytes));
                        break;
                    }
                }
            }
        }
    }
}

/// A cut stanza holds at most a small multiple of the limit on its bytes.
#[test]
fn memory_is_bounded_by_the_stanza_limit() {
    let limits = XmlLimits::default();
    let attributes: String = (0..20).map(|number| format!(" a{number}=''")).collect();
    for unit in [
        "x".into(),
        "&amp;".into(),
        "<b>x</b>".into(),
        format!("<b{attributes}/>"),
    ] {
        let content = unit.repeat((limits.max_stanza_bytes - 100) / unit.len());
        let stanza = format!("<a>{content}");
        let mut lane = Lane::default();
        assert!(matches!(
            lane.read(b"<a>", "jabber:client", "s", &limits),
            Found::Cut
        ));
        for piece in stanza.as_bytes()[3..].chunks(1000) {
            // Over the limit on nodes the checked lane takes over.
            if !matches!(lane.push(piece, &limits), Gathered::Cut) {
                break;
            }
        }
        let held = lane.held();
        assert!(held <= 8 * limits.max_stanza_bytes, "{held} for {unit}");
    }
}
