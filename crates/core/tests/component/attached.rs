//! The component's end.

use core::time::Duration;

use xmppwire::component::{ComponentEvent, Secret};
use xmppwire::{
    ApiMisuse, CloseReason, Domainpart, Instant, Iq, KeepAlive, StreamErrorCondition as E, Timer,
};

use crate::support::{
    PIECES, SECRET, attached, component, config, header, header_in, hosting, message, stream_error,
    terms,
};

/// The stream error of the server that ended the stream.
fn refused(events: &[ComponentEvent]) -> E {
    let [ComponentEvent::Closed(CloseReason::PeerError(error))] = events else {
        panic!("{events:?}");
    };
    error.condition()
}

#[test]
fn the_handshake_follows_the_header_and_stanzas_the_answer() {
    for piece in PIECES {
        let mut talk = component(config(), piece);
        let early = talk.connection.send(&message(None, None));
        assert_eq!(early, Err(ApiMisuse::NotBound));
        let proof = Secret::new(SECRET).handshake("c0ffee42");
        assert_eq!(
            talk.answers(&header("from='gate.example' id='c0ffee42'")),
            format!("<handshake>{proof}</handshake>")
        );
        // The answer may come together with the first stanza.
        let events = talk.reads(
            "<handshake/><message from='juliet@example.org' to='bot@gate.example'><body>x</body></message>",
        );
        let [ComponentEvent::Bound, ComponentEvent::Stanza(stanza)] = &events[..] else {
            panic!("{events:?}");
        };
        assert!(stanza.element().is("message", "jabber:client"));
        assert!(stanza.element().child("body", "jabber:client").is_some());
        let sent = message(Some("bot@gate.example"), Some("juliet@example.org"));
        talk.connection.send(&sent).unwrap();
        assert_eq!(
            talk.wrote(),
            "<message type='chat' from='bot@gate.example' to='juliet@example.org'><body>x</body></message>"
        );
    }
}

/// What ejabberd 23.01 and Prosody 0.12 send, with an id that has a special character.
#[test]
fn headers_of_deployed_servers_are_taken() {
    for (attributes, id) in [
        (
            "id='9114564748872366787' xml:lang='en' from='gate.example'",
            "9114564748872366787",
        ),
        ("xml:lang='en' from='gate.example' id='a&amp;b'", "a&b"),
        ("from='gate.example' id='&#xe9;\u{e9}'", "\u{e9}\u{e9}"),
        // Some servers answer under their own name, or with a version.
        ("from='example.org' id='1' version='1.0'", "1"),
        ("id='1'", "1"),
    ] {
        for piece in PIECES {
            let mut talk = component(config(), piece);
            let proof = Secret::new(SECRET).handshake(id);
            assert_eq!(
                talk.answers(&header(attributes)),
                format!("<handshake>{proof}</handshake>")
            );
        }
    }
}

#[test]
fn features_and_the_text_of_the_answer_are_ignored() {
    for piece in PIECES {
        let mut talk = component(config(), piece);
        talk.answers(&header("from='gate.example' id='1' version='1.0'"));
        assert_eq!(talk.answers("<stream:features/>"), "");
        let events = talk.reads("<handshake>x</handshake><stream:features/>");
        assert!(matches!(events[..], [ComponentEvent::Bound]), "{events:?}");
    }
}

#[test]
fn a_header_of_clients_is_refused() {
    for piece in PIECES {
        let mut talk = component(config(), piece);
        let events = talk.reads(&header_in("jabber:client", "from='gate.example' id='1'"));
        assert_eq!(talk.failed(&events), E::InvalidNamespace);
    }
}

#[test]
fn without_an_id_there_is_no_handshake() {
    for piece in PIECES {
        for attributes in ["from='gate.example'", "from='gate.example' id=''"] {
            let mut talk = component(config(), piece);
            assert_eq!(talk.answers(&header(attributes)), "");
            let events = talk.reads("<handshake/>");
            assert_eq!(talk.failed(&events), E::InvalidXml);

            // A server that says nothing more is given up soon.
            let mut talk = component(config(), piece);
            assert_eq!(talk.answers(&header(attributes)), "");
            assert!(talk.waits(4).is_empty());
            let deadline = Instant::ORIGIN + Duration::from_secs(5);
            assert_eq!(talk.connection.poll_timeout(), Some(deadline));
            let events = talk.waits(1);
            assert_eq!(talk.failed(&events), E::InvalidXml);
        }
    }
}

/// Prosody's header before an error has an empty id.
#[test]
fn the_servers_reason_to_refuse_is_told() {
    for piece in PIECES {
        for (condition, expected) in [
            ("host-unknown", E::HostUnknown),
            ("conflict", E::Conflict),
            ("not-authorized", E::NotAuthorized),
        ] {
            let error = stream_error(condition);
            for opened in [
                header("version='1.0' id=''"),
                header("from='gate.example' id='1'"),
            ] {
                // With a closing tag, and cut off before it.
                for closing in ["", "</stream:stream>"] {
                    let mut talk = component(config(), piece);
                    let events = talk.reads(&format!("{opened}{error}{closing}"));
                    assert_eq!(refused(&events), expected);
                    assert!(talk.is_cut().is_empty(), "there is one reason");
                }
            }
        }
        let mut talk = component(config(), piece);
        talk.answers(&header("id='1'"));
        let events = talk.is_cut();
        assert!(matches!(
            events[..],
            [ComponentEvent::Closed(CloseReason::TransportEof)]
        ));
    }
}

#[test]
fn a_stanza_before_the_answer_is_a_violation() {
    for piece in PIECES {
        for stanza in [
            "<message/>",
            "<iq xmlns='jabber:client' type='result' id='1'/>",
        ] {
            let mut talk = component(config(), piece);
            talk.answers(&header("id='1'"));
            let events = talk.reads(stanza);
            assert_eq!(talk.failed(&events), E::NotAuthorized, "{stanza}");
        }
    }
}

#[test]
fn a_second_answer_is_a_violation() {
    for piece in PIECES {
        let mut talk = attached(config(), piece);
        let events = talk.reads("<handshake/>");
        assert_eq!(talk.failed(&events), E::UnsupportedStanzaType);
    }
}

#[test]
fn only_own_addresses_may_send() {
    let to = Some("juliet@example.org");
    let cases = [
        (None, to, false, false),
        (Some("bot@gate.example"), None, false, false),
        (Some("bot@example.org"), to, false, false),
        (Some("bot@agate.example"), to, false, false),
        (Some("bot@gate.example/x"), to, true, true),
        (Some("gate.example"), to, true, true),
        (Some("bot@a.gate.example"), to, false, true),
    ];
    for (from, to, exact, below) in cases {
        for (config, allowed) in [(config(), exact), (config().with_subdomains(), below)] {
            let mut talk = attached(config, usize::MAX);
            let sent = talk.connection.send(&message(from, to));
            let expected = match allowed {
                true => Ok(()),
                false => Err(ApiMisuse::Misaddressed),
            };
            assert_eq!(sent, expected, "{from:?} {to:?}");
            assert_eq!(talk.wrote().is_empty(), !allowed);
        }
    }
}

/// ejabberd gives a component the stanzas of every domain that is configured for it.
#[test]
fn stanzas_for_other_domains_are_delivered() {
    for piece in PIECES {
        let mut talk = attached(config(), piece);
        let events = talk.reads("<presence from='a@example.org' to='other.example'/><presence/>");
        assert!(
            matches!(
                events[..],
                [ComponentEvent::Stanza(_), ComponentEvent::Stanza(_)]
            ),
            "{events:?}"
        );
    }
}

#[test]
fn malformed_stanzas_are_answered_from_own_addresses_alone() {
    for piece in PIECES {
        let mut talk = attached(config(), piece);
        let events = talk.reads("<iq type='get' id='1' from='a@example.org' to='gate.example'/>");
        assert!(
            matches!(events[..], [ComponentEvent::Refused(_)]),
            "{events:?}"
        );
        assert_eq!(
            talk.wrote(),
            "<iq type='error' id='1' to='a@example.org' from='gate.example'><error type='modify'>\
             <bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>\
             the number of children is wrong</text></error></iq>"
        );
        // From any other address the answer would end the stream.
        for to in ["", "to='other.example'", "to='@'"] {
            let iq = format!("<iq type='get' id='1' from='a@example.org' {to}/>");
            let events = talk.reads(&iq);
            assert!(
                matches!(events[..], [ComponentEvent::Refused(_)]),
                "{events:?}"
            );
            assert_eq!(talk.wrote(), "", "{to}");
        }
    }
}

#[test]
fn answers_go_out_in_the_content_namespace() {
    for piece in PIECES {
        let mut talk = attached(config(), piece);
        let events = talk.reads(
            "<iq type='get' id='1' from='a@example.org' to='gate.example'><ping xmlns='urn:xmpp:ping'/></iq>",
        );
        let [ComponentEvent::Stanza(request)] = &events[..] else {
            panic!("{events:?}");
        };
        let xmppwire::Stanza::Iq(request) = request else {
            panic!("{request:?}");
        };
        let result: Iq = request.result(None).unwrap();
        talk.connection.send(&result.into()).unwrap();
        assert_eq!(
            talk.wrote(),
            "<iq id='1' type='result' to='a@example.org' from='gate.example'/>"
        );
    }
}

#[test]
fn white_space_keeps_the_stream_alive() {
    for piece in PIECES {
        let mut talk = attached(config(), piece);
        assert_eq!(talk.answers(" \n"), "");
    }
}

#[test]
fn a_server_that_is_known_by_name_is_pinged() {
    let timeout = CloseReason::TimedOut(Timer::KeepAlive);
    for (answer, lives) in [
        (
            "<iq type='result' id='ID' from='example.org' to='gate.example'/>",
            true,
        ),
        (
            "<iq type='result' id='ID' from='other.example' to='gate.example'/>",
            true,
        ),
        ("", false),
    ] {
        let server = Domainpart::new("example.org").unwrap();
        let mut talk = attached(config().with_server(server), 1);
        talk.connection.set_keep_alive(Some(KeepAlive::ping()));
        assert!(talk.waits(300).is_empty());
        let ping = talk.wrote();
        let id = ping.split('\'').nth(3).unwrap();
        let expected = format!(
            "<iq type='get' id='{id}' from='gate.example' to='example.org'><ping xmlns='urn:xmpp:ping'/></iq>"
        );
        assert_eq!(ping, expected);
        let events = talk.reads(&answer.replace("ID", id));
        // Only the answer of the server is the answer to the ping. Any other is a sign of life, too.
        assert_eq!(
            events.len(),
            usize::from(answer.contains("other")),
            "{events:?}"
        );
        let events = talk.waits(30);
        match lives {
            true => assert!(events.is_empty(), "{events:?}"),
            false => assert_eq!(talk.ended(&events), timeout),
        }
    }
}

#[test]
fn closing_is_answered() {
    for piece in PIECES {
        let mut talk = attached(config(), piece);
        let events = talk.reads("</stream:stream>");
        assert_eq!(talk.ended(&events), CloseReason::Peer);
        let mut talk = attached(config(), piece);
        talk.connection.close(xmppwire::Instant::ORIGIN, None);
        let events = talk.reads("<presence from='a@b.example' to='gate.example'/></stream:stream>");
        assert!(
            matches!(
                events[..],
                [
                    ComponentEvent::Stanza(_),
                    ComponentEvent::Closed(CloseReason::Local)
                ]
            ),
            "{events:?}"
        );
        assert_eq!(talk.wrote(), "</stream:stream>");
    }
}

#[test]
fn the_secret_is_never_shown() {
    let talk = component(config(), 1);
    let shown = format!("{:?} {:?}", talk.connection, config());
    assert!(!shown.contains(SECRET), "{shown}");
}

/// No address is known that answers a ping for the server, so white space is sent and nothing is
/// awaited.
#[test]
fn a_silent_peer_gets_white_space() {
    let mut component = attached(config(), 1);
    component.connection.set_keep_alive(Some(KeepAlive::ping()));
    let mut host = hosting(terms(), 1);
    host.wrote();
    host.connection.set_keep_alive(Some(KeepAlive::ping()));
    for _ in 0..3 {
        assert!(component.waits(300).is_empty());
        assert_eq!(component.wrote(), " ");
        assert!(host.waits(300).is_empty());
        assert_eq!(host.wrote(), " ");
    }
}
