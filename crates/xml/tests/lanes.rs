//! Both lanes of the reader give the same events and errors, at the same byte, for any bytes and
//! any reads.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use support::{HEADER, run_reader};
use xmppwire_xml::{Reader, XmlLimits};

/// Small enough for all limits to be reached.
const TIGHT: XmlLimits = {
    let mut limits = XmlLimits::DEFAULT;
    limits.max_stanza_bytes = 200;
    limits.max_depth = 4;
    limits.max_attributes = 4;
    limits.max_children = 8;
    limits.max_prefixes = 3;
    limits.max_token_bytes = 40;
    limits.max_header_bytes = 240;
    limits
};

/// Compares the lanes for one read, for reads of several sizes, and for two reads divided at every
/// place.
fn compare(limits: XmlLimits, content: &[u8]) {
    let input = [HEADER.as_bytes(), content].concat();
    let ours = |pieces: &mut dyn Iterator<Item = &[u8]>| run_reader(Reader::new(limits), pieces);
    let checked = run_reader(Reader::checked_only(limits), &mut [&*input].into_iter());
    let text = String::from_utf8_lossy(content);
    assert_eq!(ours(&mut [&*input].into_iter()), checked, "whole: {text:?}");
    for size in [1, 2, 3, 5, 16, 100, 1400] {
        assert_eq!(
            ours(&mut input.chunks(size)),
            checked,
            "by {size}: {text:?}"
        );
    }
    for cut in HEADER.len()..input.len() {
        let (one, two) = input.split_at(cut);
        assert_eq!(
            ours(&mut [one, two].into_iter()),
            checked,
            "at {cut}: {text:?}"
        );
    }
}

fn unit() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(&[
            "<a>", "</a>", "<b>", "</b>", "<a/>", "<b c='d'/>", "<a b='1' c=\"2\">", "<a xmlns='u'>", "text",
            "<message to='a@b' type='chat'>", "</message>", "<body>hello</body>", "é€😀", "&amp;", "&#65;",
        ][..]).prop_map(String::from),
        3 => prop::sample::select(&[
            "<", ">", "/", "&", "'", "\"", "=", " ", "\n", "\t", "\r", "]", "]]>", "<!", "<?", "<![CDATA[x]]>",
            "<!--", "-->", "<p:a/>", "<stream:a/>", "<a xmlns:p='u'>", "<a xml:lang='en'>", "<a xml:b=''/>",
            "<a b='' b=''/>", "<a b='&lt;&quot;'>", "<a b='<'>", "<a b='\t'>", "<a b ='c'/>", "<a b= 'c'/>",
            "<a  \n b='c' />", "</a >", "&x;", "&#0;", "&#x1F600;", "&#0000000065;", "&lt", "<a xmlns=''>",
            "<a xmlns='u' xmlns='u'/>", "<a xmlns='http://www.w3.org/XML/1998/namespace'/>", "\u{FFFE}", "\u{1}",
            "\u{7F}", "<é>", "</é>", "</stream:stream>", "<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/>",
            "<a b='ccccccccccccccccccccccccccccccccccccccccccccccccccc'/>", "<a a='' b='' c='' d='' e=''/>",
        ][..]).prop_map(String::from),
        1 => "[a-z<>&'\"/= é]{1,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_lanes_agree(units in vec(unit(), 1..14), tight in any::<bool>()) {
        let limits = if tight { TIGHT } else { XmlLimits::default() };
        compare(limits, format!("<a>{}</a><b/>", units.concat()).as_bytes());
        compare(limits, units.concat().as_bytes());
    }

    #[test]
    fn the_lanes_agree_on_bytes(units in vec(unit(), 1..8), changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = format!("<a>é{}</a>", units.concat()).into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        compare(XmlLimits::default(), &bytes);
    }
}

/// Each limit below, at and above the value that a stanza needs.
#[test]
fn the_lanes_agree_about_limits() {
    for stanza in [
        "<abc/>",
        "<abc def='ghi' jkl='mno'>text<b>text</b><b/>text</abc>",
        "<a b='&amp;&amp;' xmlns='jabber'/>",
        "<a><b><c><d>&lt;</d></c></b></a>",
        "<a b='cccccccccccccccccccccccc' xml:lang='deeeeeeee'/>",
    ] {
        for value in 0..80 {
            for set in [
                |limits: &mut XmlLimits, value: usize| limits.max_stanza_bytes = value,
                |limits: &mut XmlLimits, value: usize| limits.max_depth = value,
                |limits: &mut XmlLimits, value: usize| limits.max_attributes = value.max(4),
                |limits: &mut XmlLimits, value: usize| limits.max_children = value,
                |limits: &mut XmlLimits, value: usize| limits.max_token_bytes = value.max(40),
            ] {
                let mut limits = XmlLimits::default();
                set(&mut limits, value);
                compare(limits, stanza.as_bytes());
            }
        }
    }
}
