use alloc::format;
use alloc::string::String;

use super::{Found, Gathered, Lane};
use crate::element::{Element, Tree};
use crate::limits::XmlLimits;
use crate::ns::XML_NS;

/// Reads a stanza in this lane. `None` if it gives up.
fn read(stanza: &str) -> Option<String> {
    read_within(stanza, &XmlLimits::default()).map(|tree| Element::from_tree(tree).to_xml())
}

fn read_within(stanza: &str, limits: &XmlLimits) -> Option<Tree> {
    let mut lane = Lane::default();
    match lane.read(stanza.as_bytes(), "jabber:client", "s", limits) {
        Found::Whole(tree, _) => Some(tree),
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
        "<a-b.c1 d_2='' e-='' f.=''><_G/></a-b.c1>",
        "<a-b.c1 xmlns='jabber:client' d_2='' e-='' f.=''><_G/></a-b.c1>",
    ),
    ("<a xml='b'/>", "<a xmlns='jabber:client' xml='b'/>"),
    (
        "<a  b='c'   d='e'  ><f  /></a>",
        "<a xmlns='jabber:client' b='c' d='e'><f/></a>",
    ),
    (
        "<a b='&quot;&gt;'>&quot;&apos;&gt;&#233;&#x1F600;</a>",
        "<a xmlns='jabber:client' b='\"&gt;'>\"'&gt;é\u{1F600}</a>",
    ),
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

/// Up to its limits, this lane reads a stanza that the other would read. Of a name or a value it wants
/// one byte less than the limit.
#[test]
fn limits_are_used_up() {
    let stanza = "<abc def='ghi' jkl='mno'>text<b>text</b><b/>text</abc>";
    let long = "<a lllllllllllllllllllllllllllllllllll='v'/>";
    let prefixed = "<s:features><bind/></s:features>";
    type Set = fn(&mut XmlLimits, usize);
    let bytes: Set = |limits, value| limits.max_stanza_bytes = value;
    let depth: Set = |limits, value| limits.max_depth = value;
    let nodes: Set = |limits, value| limits.max_children = value;
    let attributes: Set = |limits, value| limits.max_attributes = value;
    let token: Set = |limits, value| limits.max_token_bytes = value;
    for (stanza, set, least) in [
        (stanza, bytes, stanza.len()),
        (stanza, depth, 2),
        (stanza, nodes, 5),
        ("<a><b/></a>", nodes, 1),
        (stanza, attributes, 2),
        (stanza, token, 4),
        (long, token, 36),
        ("<a b='vvvvvvvvvv'/>", token, 11),
        ("<a b='&lt;vvvvv&lt;'/>", token, 14),
        ("<a xml:lang='en'/>", token, 9),
        (prefixed, token, 11),
        ("<a xmlns='u' b='c'/>", attributes, 2),
    ] {
        let mut limits = XmlLimits::default();
        set(&mut limits, least);
        assert!(read_within(stanza, &limits).is_some(), "{stanza} {least}");
        set(&mut limits, least - 1);
        assert!(read_within(stanza, &limits).is_none(), "{stanza} {least}");
    }
    // More attributes are sorted in the other lane.
    for (count, is_read) in [(24, true), (25, false), (26, false)] {
        let attributes: String = (0..count).map(|number| format!(" a{number}=''")).collect();
        let tree = read_within(&format!("<a{attributes}/>"), &XmlLimits::default());
        assert_eq!(tree.is_some(), is_read, "{count}");
    }
}

/// The writer copies the content if it needs nothing but the default namespace.
#[test]
fn content_is_kept_as_it_arrived() {
    for (stanza, content) in [
        ("<a/>", ""),
        ("<a></a>", ""),
        ("<a b='c'><d>&lt;</d> e </a>", "<d>&lt;</d> e "),
        ("<a><a><a/></a></a>", "<a><a/></a>"),
        ("<s:a><b><c/></b>d</s:a>", ""),
        ("<s:a/>", ""),
    ] {
        let tree = read_within(stanza, &XmlLimits::default());
        assert_eq!(tree.as_ref().map(Tree::verbatim), Some(content), "{stanza}");
    }
}

/// A server stamps its client's address and language on each stanza. That copies no large stanza.
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
    // One that arrives whole has the same room, and the table of words is copied for it.
    let whole = read_within(&format!("{stanza}<a/>"), &limits).expect("it is read");
    for tree in [tree, whole] {
        let mut element = Element::from_tree(tree);
        let held = element.heap_size();
        element.set_attr("from", Some("juliet@example.org/balcony"));
        element.set_attr_ns("lang", XML_NS, Some("en"));
        assert_eq!(element.heap_size(), held);
    }
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
            let mut is_done = false;
            for piece in pieces {
                match lane.push(piece, &limits) {
                    Gathered::Cut => continue,
                    Gathered::Whole(tree, _) => {
                        assert_eq!(Element::from_tree(tree).to_xml(), *read);
                    }
                    // A cut reference and a cut prefix are for the checked lane.
                    Gathered::Doubt(bytes) => {
                        assert!(stanza.contains('&') || stanza.contains("s:"), "{stanza}");
                        assert!(stanza.as_bytes().starts_with(&bytes));
                    }
                }
                is_done = true;
                break;
            }
            assert!(is_done, "{stanza} by {size}");
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
