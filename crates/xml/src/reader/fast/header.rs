//! The stream header, if all of it is in the input.

use alloc::vec::Vec;
use core::ops::Range;

use super::text::{NAME, NAME_START, SPACE, is, skip, skip_value};
use crate::limits::XmlLimits;
use crate::ns::{STREAMS_NS, XML_NS, XMLNS_NS};
use crate::reader::header::RootTag;

/// The XML declarations that are read here.
const DECLARATIONS: [&[u8]; 4] = [
    b"<?xml version='1.0'?>",
    b"<?xml version=\"1.0\"?>",
    b"<?xml version='1.0' encoding='UTF-8'?>",
    b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
];

/// Longest header, and largest number of its attributes, which are compared pairwise.
const MAX_BYTES: usize = 2048;
const MAX_ATTRS: usize = 16;

/// Reads the header at the very beginning of a stream: an XML declaration, which may be missing, and
/// the start tag of the root. Returns the tag and the number of bytes up to its end.
///
/// A plain header is ASCII without references; its root has a prefix, and nothing else has one but
/// declarations and `xml:lang`. `None` means that the checked lane has to read it.
pub(crate) fn header<'a>(input: &'a [u8], limits: &XmlLimits) -> Option<(RootTag<'a>, usize)> {
    let most = MAX_BYTES.min(limits.max_header_bytes);
    let bytes = input.get(..most).unwrap_or(input);
    let declaration = DECLARATIONS.iter().find(|text| bytes.starts_with(text));
    let start = skip(bytes, declaration.map_or(0, |text| text.len()), SPACE);
    if bytes.get(start) != Some(&b'<') {
        return None;
    }
    let prefix = name(bytes, start + 1)?;
    if bytes.get(prefix.end) != Some(&b':') {
        return None;
    }
    let local = name(bytes, prefix.end + 1)?;
    let fits = |range: &Range<usize>| range.len() < limits.max_token_bytes;
    if bytes.get(local.clone()) != Some(b"stream") || !fits(&(prefix.start..local.end)) {
        return None;
    }

    let mut attributes: Vec<(Range<usize>, Range<usize>)> = Vec::with_capacity(8);
    let mut at = local.end;
    loop {
        let next = skip(bytes, at, SPACE);
        match bytes.get(next)? {
            b'>' => {
                at = next + 1;
                break;
            }
            _ if next == at => return None,
            _ => {}
        }
        let mut name = name(bytes, next)?;
        if bytes.get(name.end) == Some(&b':') {
            name.end = self::name(bytes, name.end + 1)?.end;
        }
        let quote = match bytes.get(name.end..)? {
            [b'=', quote @ (b'\'' | b'"'), ..] => *quote,
            _ => return None,
        };
        let value = name.end + 2;
        let value = value..skip_value(bytes, value, quote);
        if bytes.get(value.end) != Some(&quote) {
            return None;
        }
        at = value.end + 1;
        let is_new =
            |(other, _): &(Range<usize>, _)| bytes.get(other.clone()) != bytes.get(name.clone());
        let room = MAX_ATTRS.min(limits.max_attributes);
        if attributes.len() >= room
            || !fits(&name)
            || !fits(&value)
            || !attributes.iter().all(is_new)
        {
            return None;
        }
        attributes.push((name, value));
    }

    let tag = bytes.get(..at)?;
    // Text may not have `]]>`, and only the checked lane knows what a value may have.
    if !tag.is_ascii() || memchr::memmem::find(tag, b"]]>").is_some() {
        return None;
    }
    let tag = core::str::from_utf8(tag).ok()?;
    let mut root = RootTag {
        prefix: tag.get(prefix)?,
        name: tag.get(local)?,
        ..RootTag::default()
    };
    for (name, value) in attributes {
        set(&mut root, tag.get(name)?, tag.get(value)?)?;
    }
    let own = root
        .declared
        .iter()
        .find(|(prefix, _)| *prefix == root.prefix)?;
    root.ns = own.1;
    (root.ns == STREAMS_NS).then_some((root, at))
}

/// The name without a prefix that starts at `start`.
fn name(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    is(*bytes.get(start)?, NAME_START).then(|| start..skip(bytes, start, NAME))
}

/// Adds an attribute or a declaration.
fn set<'a>(root: &mut RootTag<'a>, name: &'a str, value: &'a str) -> Option<()> {
    match name {
        "to" => root.to = Some(value),
        "from" => root.from = Some(value),
        "id" => root.id = Some(value),
        "version" => root.version = Some(value),
        "xml:lang" => root.lang = Some(value),
        "xmlns" if is_plain_ns(value) => root.default_ns = value,
        "xmlns" => return None,
        _ => match name.split_once(':') {
            // An attribute without a meaning.
            None => {}
            Some(("xmlns", prefix)) if is_plain_ns(value) && !matches!(prefix, "xml" | "xmlns") => {
                root.declared.push((prefix, value));
            }
            Some(_) => return None,
        },
    }
    Some(())
}

/// Whether a namespace is one that any prefix may have.
fn is_plain_ns(ns: &str) -> bool {
    !ns.is_empty() && ns != XML_NS && ns != XMLNS_NS
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    const NS: &str = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";

    /// The length of a header that is read in this lane.
    fn taken(input: &str) -> Option<usize> {
        taken_within(input, &XmlLimits::DEFAULT)
    }

    fn taken_within(input: &str, limits: &XmlLimits) -> Option<usize> {
        let (tag, len) = header(input.as_bytes(), limits)?;
        tag.header().is_ok().then_some(len)
    }

    /// Up to its limits, this lane reads a header that the other would read. Of a name or a value it
    /// wants one byte less than the limit.
    #[test]
    fn limits_are_used_up() {
        let header = format!("<stream:stream {NS} to='example.org'>");
        let streams = STREAMS_NS.len();
        let name = format!("<stream:stream {NS} {}=''>", "n".repeat(50));
        let value = format!("<stream:stream {NS} to='{}'>", "v".repeat(50));
        let prefix = "p".repeat(50);
        let prefix = format!("<{prefix}:stream xmlns:{prefix}='{STREAMS_NS}'>");
        type Set = fn(&mut XmlLimits, usize);
        let bytes: Set = |limits, value| limits.max_header_bytes = value;
        let token: Set = |limits, value| limits.max_token_bytes = value;
        let attributes: Set = |limits, value| limits.max_attributes = value;
        for (header, set, least) in [
            (&header, bytes, header.len()),
            (&header, token, streams + 1),
            (&header, attributes, 3),
            (&name, token, 51),
            (&value, token, 51),
            (&prefix, token, 58),
        ] {
            let mut limits = XmlLimits::DEFAULT;
            set(&mut limits, least);
            assert_eq!(taken_within(header, &limits), Some(header.len()), "{least}");
            set(&mut limits, least - 1);
            assert_eq!(taken_within(header, &limits), None, "{header} {least}");
        }
        for (count, is_read) in [(14, true), (15, false), (16, false)] {
            let attributes: String = (0..count).map(|number| format!(" a{number}=''")).collect();
            let header = format!("<stream:stream {NS}{attributes}>");
            assert_eq!(taken(&header).is_some(), is_read, "{count}");
        }
        for (len, is_read) in [(MAX_BYTES, true), (MAX_BYTES + 1, false)] {
            let start = format!("<stream:stream {NS}");
            let header = format!("{start}{}>", " ".repeat(len - start.len() - 1));
            assert_eq!(taken(&header).is_some(), is_read, "{len}");
        }
    }

    /// The headers that are in use are read in this lane, up to their last byte.
    #[test]
    fn plain_headers() {
        for header in [
            format!("<?xml version='1.0'?><stream:stream {NS} to='example.org' version='1.0'>"),
            format!("<?xml version=\"1.0\"?>\n<stream:stream {NS}\n id=\"a]\" xml:lang='en' >"),
            format!("<stream:stream {NS} xmlns:db='jabber:server:dialback'>"),
            "<s:stream xmlns:s='http://etherx.jabber.org/streams'>".into(),
        ] {
            let input = format!("{header}<a/>");
            assert_eq!(taken(&input), Some(header.len()), "{header}");
        }
    }

    #[test]
    fn doubts() {
        for header in [
            format!("<stream:stream {NS} to='example.org'"),
            format!("<stream:stream {NS}/>"),
            format!("<stream:stream {NS} to='a' to='b'>"),
            format!("<stream:stream {NS} to='a'id='b'>"),
            format!("<stream:stream {NS} to='é'>"),
            format!("<stream:stream {NS} to='a&amp;b'>"),
            format!("<stream:stream {NS} to='<'>"),
            format!("<stream:stream {NS} to='a\tb'>"),
            format!("<stream:stream {NS} to = 'a'>"),
            format!("<stream:stream {NS} to='a]]>b'>"),
            format!("<stream:stream {NS} xml:space='a'>"),
            format!("<stream:stream {NS} xmlns:xml='a'>"),
            format!("<stream:stream {NS} xmlns:a=''>"),
            format!("<stream:stream {NS} xmlns:a='http://www.w3.org/2000/xmlns/'>"),
            format!("<stream:stream {NS} stream:to='a'>"),
            format!("<other:stream {NS}>"),
            format!("<stream:streams {NS}>"),
            format!("<?xml version='1.1'?><stream:stream {NS}>"),
            format!(" <stream:stream {NS}>").replace(' ', "\r"),
            format!("<stream:stream {NS} to='{}'>", "a".repeat(MAX_BYTES)),
            format!("<stream:stream xmlns:stream='{STREAMS_NS}' xmlns=''>"),
            format!("<stream:stream xmlns:stream='{STREAMS_NS}' xmlns='{XML_NS}'>"),
            format!("<stream:stream xmlns:stream='{STREAMS_NS}' xmlns='{XMLNS_NS}'>"),
            "<stream xmlns='http://etherx.jabber.org/streams'>".into(),
            "<stream:stream xmlns:stream='jabber:client'>".into(),
            "<stream:stream>".into(),
            "<".into(),
        ] {
            assert_eq!(taken(&header), None, "{header}");
        }
    }
}
