use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use super::*;
use crate::ns::XML_NS;

fn names<'a>(elements: impl Iterator<Item = ElementRef<'a>>) -> Vec<&'a str> {
    elements.map(ElementRef::name).collect()
}

#[test]
fn a_cursor_sees_what_was_built() {
    let element = Element::builder("a", "u")
        .attr("x", "1")
        .attr("z", "3")
        .lang("en")
        .text("one")
        .open("b", "u")
        .open("c", "v")
        .close()
        .text("two")
        .close()
        .text("three")
        .text("")
        .text("four")
        .open("d", "")
        .build();
    assert_eq!((element.name(), element.ns()), ("a", "u"));
    assert!(element.is("a", "u") && !element.is("a", "v") && !element.is("b", "u"));
    assert_eq!(element.attr("x"), Some("1"));
    assert_eq!(element.attr("y"), None);
    assert_eq!(element.attr("lang"), None);
    assert_eq!(element.lang(), Some("en"));
    assert_eq!(element.attrs().len(), 3);
    assert_eq!(element.attrs().last().map(|attr| attr.ns), Some(XML_NS));
    assert_eq!(names(element.children()), ["b", "d"]);
    assert_eq!(element.text(), "onethreefour");
    assert!(element.has_text());
    let nodes: Vec<_> = element.nodes().collect();
    assert_eq!(nodes.len(), 4);
    assert_eq!(nodes[2], NodeRef::Text("threefour"));
    let b = element.first_child().unwrap();
    assert!(matches!(b.text(), Cow::Borrowed("two")));
    assert_eq!(names(b.children()), ["c"]);
    assert!(b.child("c", "v").is_some());
    assert!(b.child("c", "u").is_none());
    assert!(element.child("d", "").is_some_and(|d| !d.has_text()));
}

#[test]
fn attributes_can_be_set_late_and_again() {
    let element = Element::builder("a", "u")
        .attr("x", "1")
        .attr("y", "2")
        .text("one")
        .open("b", "u")
        .attr("z", "3")
        .close()
        .attr("x", "4")
        .text("two")
        .attr_ns("x", "v", "5")
        .text("three")
        .build();
    assert_eq!(
        element.to_xml(),
        "<a xmlns='u' y='2' x='4' xmlns:ns1='v' ns1:x='5'>one<b z='3'/>twothree</a>"
    );
    assert_eq!(element.nodes().count(), 3);
}

/// A child can have the namespace of what it is in.
#[test]
fn children_in_the_namespace_of_their_parent() {
    let element = Element::builder("query", "u")
        .text_child("name", "Exodus")
        .open("x", "v")
        .open_child("y")
        .text_child("z", "1")
        .build();
    assert_eq!(
        element.to_xml(),
        "<query xmlns='u'><name>Exodus</name><x xmlns='v'><y><z>1</z></y></x></query>"
    );
}

/// A queue counts by this what its stanzas hold.
#[test]
fn the_heap_size_counts_all_tables() {
    let parse = |text: &str| text.parse::<Element>().unwrap().compacted();
    let plain = parse("<a xmlns='u'><b/></a>");
    // Names and namespaces, and two records of six words.
    assert!(plain.heap_size() >= 3 + 2 * 24);
    let texts = parse(&format!("<a xmlns='u'><b/>{}</a>", "x".repeat(500)));
    assert!(texts.heap_size() >= plain.heap_size() + 500 + 12);
    let declared = parse("<a xmlns='u' xmlns:p='v' xmlns:q='w'><b/></a>");
    assert!(declared.heap_size() >= plain.heap_size() + 2 * 20);
}

/// A server stamps a stanza again that has its stamp already, at no cost.
#[test]
fn the_same_stamp_twice_holds_no_more() {
    let mut element = Element::builder("message", "u").attr("id", "1").build();
    element.set_attr("from", Some("juliet@example.org/balcony"));
    element.set_attr("id", Some("2"));
    let held = element.heap_size();
    for _ in 0..100 {
        element.set_attr("from", Some("juliet@example.org/balcony"));
        element.set_attr("id", Some("2"));
    }
    assert_eq!(element.heap_size(), held);
}

/// Only attributes that need a prefix count as declarations, of which the writer may repeat some.
#[test]
fn stamps_without_a_prefix_are_no_declarations() {
    let mut element = Element::builder("a", "u").build();
    let declared = element.tree.declared();
    element.set_attr("from", Some("juliet@example.org"));
    element.set_attr_ns("lang", XML_NS, Some("en"));
    assert_eq!(element.tree.declared(), declared);
    element.set_attr_ns("b", "urn:b", Some("c"));
    assert!(element.tree.declared() > declared);
    // A child needs one if its namespace is not that of its parent.
    let open = |ns| {
        Element::builder("a", "u")
            .open("b", ns)
            .build()
            .tree
            .declared()
    };
    assert!(open("v") > open("u"));
}

/// A name that is none is refused wherever it came from.
#[test]
fn a_bad_name_is_not_lost_in_a_copy() {
    let bad = Element::builder("a b", "u").build();
    let mut stanza = Element::builder("message", "u").build();
    stanza.append(&bad);
    let built = Element::builder("message", "u").append(&bad).build();
    for element in [&bad, &stanza, &built, &stanza.compacted()] {
        let mut out = Vec::new();
        let written = crate::Writer::new("u").element(&mut out, element.root());
        assert_eq!(written, Err(crate::WriteError::InvalidName), "{element:?}");
    }
}

#[test]
fn a_builder_shows_what_it_has() {
    let builder = Element::builder("a", "u").open("b", "u").text("c");
    assert_eq!(format!("{builder:?}"), "<a xmlns='u'><b>c</b></a>");
}

#[test]
fn more_closing_than_opening_is_harmless() {
    let element = Element::builder("a", "u")
        .close()
        .close()
        .open("b", "u")
        .close()
        .close()
        .text("x")
        .build();
    assert_eq!(element.to_xml(), "<a xmlns='u'><b/>x</a>");
}

#[test]
fn stamping_keeps_the_rest() {
    let mut element = Element::builder("message", "u")
        .attr("from", "x")
        .attr("to", "y")
        .open("body", "u")
        .attr("from", "inner")
        .text("hi")
        .build();
    for _ in 0..3 {
        element.set_attr("from", Some("juliet@example.org"));
        element.set_attr("id", Some("1"));
        element.set_attr("to", None);
        element.set_attr("to", None);
    }
    assert_eq!(
        element.to_xml(),
        "<message xmlns='u' from='juliet@example.org' id='1'>\
         <body from='inner'>hi</body></message>"
    );
    element.append(&Element::builder("delay", "v").build());
    element.append_text("");
    assert_eq!(names(element.children()), ["body", "delay"]);
}

#[test]
fn differences_are_seen() {
    let base = || Element::builder("a", "u").attr("x", "1");
    let element = base().text("t").open("b", "v").build();
    for other in [
        Element::builder("b", "u")
            .attr("x", "1")
            .text("t")
            .open("b", "v")
            .build(),
        Element::builder("a", "v")
            .attr("x", "1")
            .text("t")
            .open("b", "v")
            .build(),
        Element::builder("a", "u").text("t").open("b", "v").build(),
        base().attr("y", "2").text("t").open("b", "v").build(),
        base().attr("x", "2").text("t").open("b", "v").build(),
        base().text("s").open("b", "v").build(),
        base().open("b", "v").close().text("t").build(),
        base().text("t").open("b", "u").build(),
        base()
            .text("t")
            .open("b", "v")
            .close()
            .open("c", "v")
            .build(),
        base().text("t").open("b", "v").text("x").build(),
        base().text("t").build(),
        base().open("t", "").close().open("b", "v").build(),
    ] {
        assert_ne!(element, other);
        assert_ne!(other.root(), element);
        assert_ne!(element, other.root());
    }
    // A sibling is not a child.
    let beside = base().open("b", "u").close().open("c", "u").build();
    let inside = base().open("b", "u").open("c", "u").build();
    assert_ne!(beside, inside);
    assert_ne!(
        Element::builder("a", "").attr_ns("x", "u", "1").build(),
        Element::builder("a", "").attr("x", "1").build()
    );
}

#[test]
fn a_part_is_an_element_too() {
    let whole = Element::builder("a", "u")
        .open("b", "v")
        .attr_ns("x", "w", "1")
        .open("c", "u")
        .text("t")
        .close()
        .text("s")
        .close()
        .open("d", "u")
        .build();
    let part = whole.first_child().unwrap().to_element();
    assert_eq!(part, whole.first_child().unwrap());
    assert_eq!(
        part.to_xml(),
        "<b xmlns='v' xmlns:ns1='w' ns1:x='1'><c xmlns='u'>t</c>s</b>"
    );
    assert_eq!(format!("{part:?}"), part.to_xml());
    assert_eq!(
        format!("{:?}", whole.children())
            .matches("xmlns='v'")
            .count(),
        1
    );
}

/// Deep elements do not use the stack: a tree is a table.
#[test]
fn depth_is_no_matter() {
    let mut builder = Element::builder("a", "");
    for _ in 0..100_000 {
        builder = builder.open("a", "");
    }
    let element = builder.build();
    assert_eq!(element.clone(), element);
    assert_eq!(element.to_xml().len(), 100_000 * 7 + 4);
    assert_eq!(element.root().to_element(), element);
}

#[test]
fn requalifying_keeps_what_is_quoted() {
    let quoted = |ns: &str| {
        Element::builder("message", ns)
            .text("a")
            .open("body", ns)
            .text("b")
            .close()
            .open("forwarded", "urn:xmpp:forward:0")
            .open("message", "jabber:client")
            .close()
            .close()
            .open("x", ns)
            .open("y", "")
            .open("z", "jabber:client")
            .build()
    };
    let mut message = quoted("jabber:client");
    message.requalify("jabber:client", "jabber:server");
    assert_eq!(message, quoted("jabber:server"));
    message.requalify("jabber:client", "jabber:component:accept");
    assert_eq!(message, quoted("jabber:server"));
    message.requalify("jabber:server", "jabber:client");
    assert_eq!(message, quoted("jabber:client"));
}

/// An element that is foreign to one content namespace must not become a part of the stanza in the
/// other.
#[test]
fn requalifying_hides_nothing_and_loses_nothing() {
    let message = |ns: &str, foreign: &str| {
        Element::builder("message", ns)
            .open("error", foreign)
            .open("gone", ns)
            .close()
            .close()
            .open("body", ns)
            .build()
    };
    let mut element = message("jabber:client", "jabber:server");
    element.requalify("jabber:client", "jabber:server");
    assert_eq!(element, message("jabber:server", "jabber:client"));
    element.requalify("jabber:server", "jabber:client");
    assert_eq!(element, message("jabber:client", "jabber:server"));
    // A root that is in another namespace does not change.
    element.requalify("jabber:server", "jabber:client");
    assert_eq!(element, message("jabber:client", "jabber:server"));
}
