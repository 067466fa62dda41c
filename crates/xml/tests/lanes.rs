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
/// Compares the lanes on this content, behind the usual header.
fn compare(limits: XmlLimits, content: &[u8]) {
    compare_from(limits, HEADER.len(), &[HEADER.as_bytes(), content].concat());
}

/// Compares the lanes on a whole stream, cut at each place from `first` on.
fn compare_from(limits: XmlLimits, first: usize, input: &[u8]) {
    let ours = |pieces: &mut dyn Iterator<Item = &[u8]>| run_reader(Reader::new(limits), pieces);
    let checked = run_reader(Reader::checked_only(limits), &mut [input].into_iter());
    let text = String::from_utf8_lossy(input);
    assert_eq!(ours(&mut [input].into_iter()), checked, "whole: {text:?}");
    for size in [1, 2, 3, 5, 16, 100, 1400] {
        assert_eq!(
            ours(&mut input.chunks(size)),
            checked,
            "by {size}: {text:?}"
        );
    }
    for cut in first..input.len() {
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
            "<stream:a>", "</stream:a>", "<message to='a@b' type='chat'>", "</message>", "<body>hello</body>", "é€😀", "&amp;", "&#65;",
        ][..]).prop_map(String::from),
        3 => prop::sample::select(&[
            "<", ">", "/", "&", "'", "\"", "=", " ", "\n", "\t", "\r", "]", "]]>", "<!", "<?", "<![CDATA[x]]>",
            "<!--", "-->", "<p:a/>", "<stream:a/>", "<stream:a xmlns='u'>", "<stream:b xmlns:stream='u'/>", "</stream:b>", "<stream:>", "<stream>", "<a xmlns:p='u'>", "<a xml:lang='en'>", "<a xml:b=''/>",
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
/// A header with declarations and attributes that may be strange, and the first bytes after it.
fn header() -> impl Strategy<Value = String> {
    let lead = prop::sample::select(
        &[
            "",
            "",
            "<?xml version='1.0'?>",
            "<?xml version='1.0'?>\n ",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
            "<?xml version='1.1'?>",
            "<?xml version='1.0'?><?xml version='1.0'?>",
            " ",
        ][..],
    );
    let name = prop::sample::select(
        &[
            "stream:stream",
            "stream:stream",
            "stream:stream",
            "s:stream",
            "stream",
            "stream:other",
            "stream:stream:stream",
            "xml:stream",
        ][..],
    );
    let part = prop::sample::select(
        &[
            " xmlns='jabber:client'",
            " xmlns=\"jabber:server\"",
            " xmlns:stream='http://etherx.jabber.org/streams'",
            " xmlns:stream='http://etherx.jabber.org/streams'",
            " xmlns:s='http://etherx.jabber.org/streams'",
            " xmlns='http://etherx.jabber.org/streams'",
            " xmlns:db='jabber:server:dialback'",
            " to='example.org'",
            " from=\"juliet@example.org\"",
            " id='a-[1]'",
            "\n version='1.0'",
            " xml:lang='en'",
            " xml:lang='en_US'",
            " xml:lang=''",
            " other='x'",
            " xmlns=''",
            " xmlns:p=''",
            " xmlns:xml='u'",
            " xmlns:xml='http://www.w3.org/XML/1998/namespace'",
            " xmlns:xmlns='u'",
            " xmlns:p='http://www.w3.org/2000/xmlns/'",
            " xmlns='http://www.w3.org/XML/1998/namespace'",
            " stream:to='a'",
            " p:to='a'",
            " to='&lt;'",
            " to='é'",
            " to='a]]>'",
            " to='a>b'",
            " to='\t'",
            " to='\r'",
            " to='\u{7F}'",
            " to ='a'",
            "to='a'",
            " 1='a'",
            "/",
            "<",
        ][..],
    );
    let long = (0_usize..1100, 0_usize..3).prop_map(|(len, kind)| {
        let name = [" xmlns:q", " id", " xmlns"][kind];
        format!("{name}='{}'", "u".repeat(len))
    });
    let parts = vec(
        prop_oneof![12 => part.prop_map(String::from), 1 => long],
        1..9,
    );
    (lead, name, parts).prop_map(|(lead, name, parts)| {
        let ns = " xmlns:stream='http://etherx.jabber.org/streams'";
        let usual = if parts.len() % 2 == 0 { ns } else { "" };
        format!(
            "{lead}<{name}{usual}{}><stream:a><b/></stream:a><db:c/><c/>",
            parts.concat()
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_lanes_agree_on_headers(stream in header(), tight in any::<bool>()) {
        let limits = if tight { TIGHT } else { XmlLimits::default() };
        compare_from(limits, 0, stream.as_bytes());
    }
}

/// The checked lane that an empty read begins does not outlive the header.
#[test]
fn an_empty_read_before_the_header_changes_nothing() {
    let stream = format!(
        "{}<db:a/><![CDATA[",
        HEADER.replace(" version='1.0'>", " xmlns:db='jabber:server:dialback'>")
    );
    compare_from(XmlLimits::default(), 0, stream.as_bytes());
}

#[test]
fn the_lanes_agree_about_limits_of_headers() {
    let stream = format!(
        "{}<a/>",
        HEADER.replace("version='1.0'>", "to='example.org' xml:lang='en'>")
    );
    for value in 0..200 {
        for set in [
            |limits: &mut XmlLimits, value: usize| limits.max_header_bytes = value,
            |limits: &mut XmlLimits, value: usize| limits.max_token_bytes = value,
            |limits: &mut XmlLimits, value: usize| limits.max_attributes = value,
        ] {
            let mut limits = XmlLimits::default();
            set(&mut limits, value);
            compare_from(limits, 0, stream.as_bytes());
        }
    }
}

#[test]
fn the_lanes_agree_about_limits() {
    for stanza in [
        "<abc/>",
        "<abc def='ghi' jkl='mno'>text<b>text</b><b/>text</abc>",
        "<a b='&amp;&amp;' xmlns='jabber'/>",
        "<a><b><c><d>&lt;</d></c></b></a>",
        "<a b='cccccccccccccccccccccccc' xml:lang='deeeeeeee'/>",
        "<stream:features><bind xmlns='u'/></stream:features>",
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
