use alloc::format;

use xmppwire_xml::{Event, Reader, XmlLimits};

use super::*;
use crate::stanza::{ErrorType, StanzaErrorCondition};

/// Reads one child of a stream between servers.
fn read(xml: &str) -> Element {
    let stream = format!(
        "<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' \
         xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>{xml}"
    );
    let mut reader = Reader::new(XmlLimits::default());
    let mut input = stream.as_bytes();
    loop {
        match reader.read(&mut input).unwrap().unwrap() {
            Event::Element(element) => return element,
            Event::Header(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn pair() -> Pair {
    Pair::new(
        Domainpart::new("a.example").unwrap(),
        Domainpart::new("b.example").unwrap(),
    )
}

/// The four elements of XEP-0220 §2, all about the pair from `a.example` to `b.example`.
#[test]
fn each_step_is_read_and_written() {
    let key = "3013d7518f46e37d";
    let steps = [
        (
            format!("<db:result from='a.example' to='b.example'>{key}</db:result>"),
            Dialback::Key {
                pair: pair(),
                key: key.into(),
            },
        ),
        (
            format!("<db:verify from='b.example' to='a.example' id='r1'>{key}</db:verify>"),
            Dialback::Verify {
                pair: pair(),
                stream_id: "r1".into(),
                key: key.into(),
            },
        ),
        (
            "<db:verify from='a.example' to='b.example' id='r1' type='valid'/>".into(),
            Dialback::Verified {
                pair: pair(),
                stream_id: "r1".into(),
                verdict: Verdict::Valid,
            },
        ),
        (
            "<db:result from='b.example' to='a.example' type='invalid'/>".into(),
            Dialback::Result {
                pair: pair(),
                verdict: Verdict::Invalid,
            },
        ),
        (
            "<db:result from='b.example' to='a.example' type='error'><error type='cancel'>\
             <remote-connection-failed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
             </error></db:result>"
                .into(),
            Dialback::Result {
                pair: pair(),
                verdict: Verdict::error(DialbackCondition::RemoteConnectionFailed),
            },
        ),
    ];
    for (xml, step) in steps {
        let element = read(&xml);
        assert_eq!(Dialback::parse(&element), Ok(step.clone()), "{xml}");
        assert_eq!(step.to_element(), element, "{xml}");
    }
}

/// Prosody repeats the key, and gives an id to `<db:result/>`.
#[test]
fn what_a_step_does_not_need_is_not_looked_at() {
    let element = read(
        "<db:result type='valid' id='dd530155' from='B.example.' to='a.EXAMPLE'>1f29</db:result>",
    );
    let expected = Dialback::Result {
        pair: pair(),
        verdict: Verdict::Valid,
    };
    assert_eq!(Dialback::parse(&element), Ok(expected));
}

#[test]
fn white_space_around_the_key_is_none_of_it() {
    let element = read("<db:result from='a.example' to='b.example'>\n  b48353\n</db:result>");
    let expected = Dialback::Key {
        pair: pair(),
        key: "b48353".into(),
    };
    assert_eq!(Dialback::parse(&element), Ok(expected));
}

#[test]
fn nothing_but_valid_is_valid() {
    for kind in ["", "VALID", "valid ", "error", "result"] {
        let xml = format!("<db:result from='b.example' to='a.example' type='{kind}'/>");
        let Ok(Dialback::Result { verdict, .. }) = Dialback::parse(&read(&xml)) else {
            panic!("{xml}");
        };
        let undefined = Verdict::error(StanzaErrorCondition::UndefinedCondition);
        assert_eq!(verdict, undefined, "{xml}");
    }
}

#[test]
fn faults() {
    let long = "x".repeat(MAX_OPAQUE + 1);
    for (xml, fault) in [
        (
            "<db:proof from='a.example' to='b.example'>k</db:proof>".into(),
            DialbackFault::Name,
        ),
        (
            "<db:result to='b.example'>k</db:result>".into(),
            DialbackFault::Addressing,
        ),
        (
            "<db:result from='a.example'>k</db:result>".into(),
            DialbackFault::Addressing,
        ),
        (
            "<db:result from='' to='b.example'>k</db:result>".into(),
            DialbackFault::Addressing,
        ),
        (
            "<db:result from='u@a.example' to='b.example'>k</db:result>".into(),
            DialbackFault::Addressing,
        ),
        (
            "<db:verify from='a.example' to='b .example' id='1'>k</db:verify>".into(),
            DialbackFault::Addressing,
        ),
        (
            format!("<db:result from='a.example' to='b.example'>{long}</db:result>"),
            DialbackFault::TooLong,
        ),
        (
            format!("<db:verify from='a.example' to='b.example' id='{long}'>k</db:verify>"),
            DialbackFault::TooLong,
        ),
    ] {
        assert_eq!(Dialback::parse(&read(&xml)), Err(fault), "{xml}");
    }
}

#[test]
fn errors_say_what_they_can() {
    let read = |error: &str| {
        let xml =
            format!("<db:result from='b.example' to='a.example' type='error'>{error}</db:result>");
        match Dialback::parse(&read(&xml)) {
            Ok(Dialback::Result {
                verdict: Verdict::Error(error),
                ..
            }) => error,
            other => panic!("{other:?}"),
        }
    };
    let undefined = DialbackError::new(StanzaErrorCondition::UndefinedCondition);
    assert_eq!(read(""), undefined);
    assert_eq!(read("<error/>"), undefined);
    let unknown = "<error type='wait'><x xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    assert_eq!(read(unknown).condition(), undefined.condition());
    assert_eq!(read(unknown).error_type(), ErrorType::Wait);

    // As ejabberd says that it does not serve a domain.
    let not_allowed = "<error type='cancel'>\
        <not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
        <text xml:lang='en' xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text></error>";
    let expected = DialbackError::new(StanzaErrorCondition::NotAllowed).with_text("no");
    assert_eq!(read(not_allowed), expected);
    assert_eq!(expected.to_string(), "not-allowed (no)");
}

#[test]
fn debug_shows_no_key() {
    let key = Dialback::Key {
        pair: pair(),
        key: "3013d7518f46e37d".into(),
    };
    assert_eq!(format!("{key:?}"), "Key(a.example to b.example)");
}
