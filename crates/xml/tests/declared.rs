//! Declarations of prefixes that content may need are written where they were read (RFC 6120 §8.4,
//! §4.8.5).

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use support::HEADER;
use xmppwire_xml::{Element, Event, Reader, StreamHeader, Writer, XmlLimits};

fn read(content: &str) -> Element {
    let mut reader = Reader::new(XmlLimits::default());
    let stream = [HEADER, content].concat();
    let mut rest = stream.as_bytes();
    loop {
        match reader.read(&mut rest).unwrap() {
            Some(Event::Element(element)) => return element,
            Some(_) => {}
            None => panic!("half of a stanza: {content}"),
        }
    }
}

fn write(header: &StreamHeader, element: &Element) -> String {
    let mut out = Vec::new();
    let writer = Writer::for_header(header);
    writer.element(&mut out, element.root()).unwrap();
    String::from_utf8(out).unwrap()
}

fn client() -> StreamHeader {
    StreamHeader::new("jabber:client")
}

const TYPED: &str = "<v xmlns='urn:x' xmlns:xs='http://www.w3.org/2001/XMLSchema' \
     xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='xs:string'>1</v>";

#[test]
fn stanzas_are_written_as_they_were_read() {
    for stanza in [
        format!("<message>{TYPED}</message>"),
        // A fault of SOAP (XEP-0072).
        "<iq id='1' type='error'><s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'>\
         <s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code></s:Fault></s:Body>\
         </s:Envelope></iq>"
            .into(),
        // A prefix that is used in values alone, and one that is bound again.
        "<message xmlns:p='urn:a'><x xmlns='urn:b'>p:one<y xmlns:p='urn:c'>p:two<p:z/></y>\
         <p:z/></x></message>"
            .into(),
        // Two prefixes of one namespace: the last one names what has no other name.
        "<message><x xmlns='urn:b' xmlns:p='urn:a' xmlns:q='urn:a'>p:1 q:1<q:y/></x></message>"
            .into(),
        // Prefixes that the writer would make up itself, or that the stream has.
        "<message><x xmlns='urn:b' xmlns:ns1='urn:a' xmlns:stream='urn:c'>stream:1<ns1:y/>\
         <stream:y/></x></message>"
            .into(),
    ] {
        assert_eq!(write(&client(), &read(&stanza)), stanza);
    }
}

/// RFC 6120 §4.8.5: the own example of the section, and a payload that comes back to the content
/// namespace.
#[test]
fn elements_of_the_content_namespace_have_no_prefix() {
    let foreign = "<foo:message xmlns:foo='jabber:client'><foo:body>Hi</foo:body></foo:message>";
    assert_eq!(
        write(&client(), &read(foreign)),
        "<message xmlns:foo='jabber:client'><body>Hi</body></message>"
    );
    let back = "<message xmlns:c='jabber:client'><x xmlns='urn:b'><c:body/></x></message>";
    assert_eq!(
        write(&client(), &read(back)),
        "<message xmlns:c='jabber:client'><x xmlns='urn:b'><body xmlns='jabber:client'/></x>\
         </message>"
    );
}

/// New prefixes do not take the place of those that content may use.
#[test]
fn new_prefixes_are_others() {
    let stanza =
        "<message><x xmlns='urn:b' xmlns:ns1='urn:a' xmlns:ns7='urn:c'>ns1:y</x></message>";
    let mut element = read(stanza);
    element.set_attr_ns("a", "urn:new", Some("1"));
    assert_eq!(
        write(&client(), &element),
        "<message xmlns:ns8='urn:new' ns8:a='1'><x xmlns='urn:b' xmlns:ns1='urn:a' \
         xmlns:ns7='urn:c'>ns1:y</x></message>"
    );
    // Inside, the stanza binds the prefix of the stream to another namespace.
    let hidden = "<message><x xmlns='urn:b' xmlns:stream='urn:a'>\
         <error xmlns='http://etherx.jabber.org/streams'/></x></message>";
    assert_eq!(write(&client(), &read(hidden)), hidden);
    let mut dialback = StreamHeader::new("jabber:server");
    dialback.declare_prefix("db", "jabber:server:dialback");
    let hidden = "<x xmlns='urn:b' xmlns:db='urn:a'><y db:c='' xmlns:d='jabber:server:dialback' \
         d:e=''/></x>";
    assert_eq!(
        write(&dialback, &read(hidden)),
        "<x xmlns='urn:b' xmlns:db='urn:a'><y xmlns:d='jabber:server:dialback' db:c='' d:e=''/></x>"
    );
}

/// What is copied, changed or taken out keeps the declarations of its own elements.
#[test]
fn changes_keep_declarations() {
    let mut element = read(&format!(
        "<message xmlns:p='urn:p'>{TYPED}<body>p:1</body></message>"
    ));
    element.set_attr("from", Some("juliet@example.org"));
    element.append(&read(&format!("<wrap><w/>{TYPED}</wrap>")));
    element.retain_children(|child| child.name() != "body");
    element.append(element.clone().root().first_child().unwrap());
    assert_eq!(
        write(&client(), &element),
        format!(
            "<message xmlns:p='urn:p' from='juliet@example.org'>{TYPED}<wrap><w/>{TYPED}</wrap>\
             {TYPED}</message>"
        )
    );
    let inner = element.children().nth(1).unwrap();
    assert_eq!(
        inner.to_element().to_xml(),
        format!("<wrap xmlns='jabber:client'><w/>{TYPED}</wrap>")
    );
    assert_eq!(inner.to_xml(), inner.to_element().to_xml());
}

/// A stamp on the root moves the records behind it, but no declaration to another element.
#[test]
fn a_stamp_between_two_changes_moves_no_declaration() {
    for content in [TYPED, "<v xmlns='urn:x' xmlns:p='urn:p'>p:one</v>"] {
        let mut element = read("<message><a/></message>");
        element.append(&read(&format!("<b>{content}</b>")));
        element.set_attr("from", Some("juliet@example.org"));
        element.append(&read(&format!("<c>{content}</c>")));
        assert_eq!(
            write(&client(), &element),
            format!(
                "<message from='juliet@example.org'><a/><b>{content}</b><c>{content}</c></message>"
            )
        );
    }
}

#[test]
fn a_later_declaration_of_a_prefix_replaces_the_earlier_one() {
    let mut header = client();
    for (prefix, ns) in [("p", "urn:a"), ("q", "urn:b"), ("p", "urn:c")] {
        header.declare_prefix(prefix, ns);
    }
    let declared: Vec<_> = header.prefixes().collect();
    assert_eq!(declared, [("q", "urn:b"), ("p", "urn:c")]);
}

/// Where declaring namespaces in place takes too many bytes, those of the stanza stay where they are.
#[test]
fn hoisting_leaves_them() {
    let many = "<h:a/><b/>".repeat(200);
    let content = format!("<message>{many}{TYPED}</message>");
    let mut reader = Reader::new(XmlLimits::default());
    let header = "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client' \
         xmlns:h='urn:of-the-header'>";
    let stream = [header, &*content].concat();
    let mut rest = stream.as_bytes();
    reader.read(&mut rest).unwrap();
    let Ok(Some(Event::Element(element))) = reader.read(&mut rest) else {
        panic!("no stanza");
    };
    let written = write(&client(), &element);
    assert!(
        written
            .starts_with("<message xmlns:ns1='urn:of-the-header' xmlns:ns2='urn:x'><ns1:a/><b/>"),
        "{written}"
    );
    let typed = TYPED
        .replace("<v xmlns='urn:x' ", "<ns2:v ")
        .replace("</v>", "</ns2:v>");
    assert!(
        written.ends_with(&format!("{typed}</message>")),
        "{written}"
    );
    assert_eq!(read(&written), element);
}
