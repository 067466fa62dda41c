//! The server's end.

use xmppwire::component::{
    AttachAnswer, DomainAnswer, Host, HostConfig, HostEvent, Secret, ShortSecret, Terms,
};
use xmppwire::{
    ApiMisuse, ChannelBindings, CloseReason, Connection, Entropy, Instant, PeerMisbehaved,
    StreamErrorCondition as E, TlsInfo,
};

use crate::support::{
    PIECES, SECRET, Talk, header, header_in, host, hosting, message, proving, proving_with,
    stream_error, terms,
};

/// The token of the question that a right handshake causes.
fn proves(
    talk: &mut Talk<Host>,
    id: &str,
    text: impl Fn(String) -> String,
) -> xmppwire::component::AttachRequest {
    let proof = text(Secret::new(SECRET).handshake(id));
    let mut events = talk.reads(&format!("<handshake>{proof}</handshake>"));
    let Some(HostEvent::Attach(request)) = events.pop() else {
        panic!("{events:?}");
    };
    request
}

#[test]
fn the_right_handshake_attaches_however_it_is_written() {
    for piece in PIECES {
        type Write = fn(String) -> String;
        let ways: [Write; 3] = [
            |proof| proof,
            |proof| proof.to_uppercase(),
            |proof| format!("\n  {proof}\n"),
        ];
        for way in ways {
            let (mut talk, id) = proving(terms(), piece);
            let request = proves(&mut talk, &id, way);
            assert_eq!(
                talk.wrote(),
                "",
                "nothing before the application has decided"
            );
            let accept = AttachAnswer::Accept;
            talk.connection.answer_attach(request, accept).unwrap();
            assert_eq!(talk.wrote(), "<handshake/>");
        }
    }
}

#[test]
fn a_wrong_handshake_ends_the_stream() {
    let right = |id: &str| Secret::new(SECRET).handshake(id);
    for piece in PIECES {
        for wrong in [
            |_: &str| String::new(),
            |_: &str| "0".repeat(40),
            |id: &str| Secret::new("another secret, as long").handshake(id),
            // One of another stream.
            |_: &str| Secret::new(SECRET).handshake("c0ffee42"),
        ] {
            let (mut talk, id) = proving(terms(), piece);
            assert_ne!(wrong(&id), right(&id));
            let handshake = format!("<handshake>{}</handshake>", wrong(&id));
            let events = talk.reads(&handshake);
            let [HostEvent::Closed(CloseReason::Violation { why, .. })] = &events[..] else {
                panic!("{events:?}");
            };
            assert_eq!(*why, PeerMisbehaved::WrongHandshake);
            assert_eq!(talk.failed(&events), E::NotAuthorized);
        }
    }
}

#[test]
fn no_two_streams_have_the_same_id() {
    let host = |seed| {
        let entropy = Entropy::from_seed([seed; 32]);
        let mut host = Host::new(HostConfig::new(), entropy, Instant::ORIGIN);
        host.receive(Instant::ORIGIN, b"x");
        host.take_output()
    };
    assert_ne!(host(1), host(2));
}

#[test]
fn bad_headers_are_answered_with_a_header_and_the_error() {
    for piece in PIECES {
        for (sent, from, expected) in [
            (header(""), "", E::ImproperAddressing),
            (header("to=''"), "", E::ImproperAddressing),
            (header("to='a b'"), "", E::HostUnknown),
            (
                header_in("jabber:client", "to='gate.example'"),
                "gate.example",
                E::InvalidNamespace,
            ),
            (
                header_in("jabber:component:connect", "to='gate.example'"),
                "gate.example",
                E::InvalidNamespace,
            ),
        ] {
            let mut talk = host(piece);
            let events = talk.reads(&sent);
            let wrote = talk.wrote();
            let begin = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' ";
            assert!(wrote.starts_with(begin), "{wrote}");
            assert!(wrote.contains(&format!(" from='{from}' id='")), "{wrote}");
            assert!(!wrote.contains("version='1.0' "), "{wrote}");
            let end = stream_error(expected.name()) + "</stream:stream>";
            assert!(wrote.ends_with(&end), "{wrote}");
            assert!(talk.connection.is_finished(), "{events:?}");
        }
    }
}

#[test]
fn the_application_refuses_domains() {
    use xmppwire::StreamError;
    for piece in PIECES {
        for (answer, condition) in [
            (DomainAnswer::Unknown, "host-unknown"),
            (
                DomainAnswer::Refuse(StreamError::new(E::PolicyViolation)),
                "policy-violation",
            ),
        ] {
            let mut talk = host(piece);
            let mut events = talk.reads(&header("to='gate.example'"));
            let Some(HostEvent::Opened(request)) = events.pop() else {
                panic!("{events:?}");
            };
            talk.connection.answer_domain(request, answer).unwrap();
            let wrote = talk.wrote();
            assert!(wrote.contains(" from='gate.example' "), "{wrote}");
            assert!(wrote.ends_with(&(stream_error(condition) + "</stream:stream>")));
            let events = talk.goes_on();
            assert!(matches!(
                events[..],
                [HostEvent::Closed(CloseReason::Local)]
            ));
        }
    }
}

#[test]
fn what_comes_before_the_handshake_ends_the_stream() {
    for piece in PIECES {
        for early in [
            "<message from='gate.example' to='a@example.org'/>",
            "<iq xmlns='jabber:client' type='get' id='1'><x xmlns='y'/></iq>",
            "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>",
        ] {
            let (mut talk, _) = proving(terms(), piece);
            let events = talk.reads(early);
            assert_eq!(talk.failed(&events), E::NotAuthorized, "{early}");
        }
    }
}

#[test]
fn whether_the_domain_is_taken_is_asked_after_the_right_handshake() {
    for piece in PIECES {
        let (mut talk, id) = proving(terms(), piece);
        let request = proves(&mut talk, &id, |proof| proof);
        let conflict = AttachAnswer::Conflict;
        talk.connection.answer_attach(request, conflict).unwrap();
        let wrote = talk.wrote();
        assert_eq!(wrote, stream_error("conflict") + "</stream:stream>");

        // The older connection can be given up instead.
        let mut older = hosting(terms(), piece);
        let conflict = Some(E::Conflict.into());
        older.connection.close(Instant::ORIGIN, conflict);
        let wrote = older.wrote();
        assert_eq!(wrote, stream_error("conflict") + "</stream:stream>");
    }
}

#[test]
fn nothing_is_read_while_a_question_is_open() {
    let (mut talk, id) = proving(terms(), 1);
    let request = proves(&mut talk, &id, |proof| proof);
    let stanza = "<presence from='gate.example' to='a@example.org'/>";
    assert!(talk.reads(stanza).is_empty());
    assert!(!talk.connection.wants_read());
    let accept = AttachAnswer::Accept;
    talk.connection.answer_attach(request, accept).unwrap();
    let events = talk.goes_on();
    assert!(matches!(events[..], [HostEvent::Stanza(_)]), "{events:?}");
}

#[test]
fn tokens_of_other_connections_and_late_ones_have_no_effect() {
    let opened = |seed| {
        let entropy = Entropy::from_seed([seed; 32]);
        let mut host: Connection<Host> = Host::new(HostConfig::new(), entropy, Instant::ORIGIN);
        host.receive(Instant::ORIGIN, header("to='gate.example'").as_bytes());
        let Some(HostEvent::Opened(request)) = host.poll_event() else {
            panic!();
        };
        (host, request)
    };
    let ((mut one, _first), (_, second)) = (opened(1), opened(2));
    let serve = DomainAnswer::Serve(terms());
    let stale = one.answer_domain(second, serve.clone());
    assert_eq!(stale, Err(ApiMisuse::StaleRequest));
    assert!(one.output().is_empty());

    let (mut two, late) = opened(3);
    two.receive_eof(Instant::ORIGIN);
    assert_eq!(two.answer_domain(late, serve), Ok(()));
    assert!(two.output().is_empty());

    let attaching = |seed| {
        let (mut talk, id) = proving_with(seed, terms(), 7);
        let request = proves(&mut talk, &id, |proof| proof);
        (talk.connection, request)
    };
    let ((mut one, first), (_, second)) = (attaching(1), attaching(2));
    let stale = one.answer_attach(second, AttachAnswer::Accept);
    assert_eq!(stale, Err(ApiMisuse::StaleRequest));
    assert!(one.output().is_empty());
    assert_eq!(one.answer_attach(first, AttachAnswer::Accept), Ok(()));
}

#[test]
fn stanzas_of_the_domain_are_given_out_as_ordinary_stanzas() {
    for piece in PIECES {
        for ns in ["", " xmlns='jabber:client'"] {
            let mut talk = hosting(terms(), piece);
            let events = talk.reads(&format!(
                "<message{ns} from='bot@gate.example/r' to='a@example.org'><body>x</body></message>"
            ));
            let [HostEvent::Stanza(stanza)] = &events[..] else {
                panic!("{events:?}");
            };
            assert!(stanza.element().is("message", "jabber:client"));
            assert!(stanza.element().child("body", "jabber:client").is_some());
        }
    }
}

#[test]
fn a_component_speaks_for_nobody_else() {
    let cases = [
        ("from='a@example.org'", E::InvalidFrom, E::InvalidFrom),
        ("from='example'", E::InvalidFrom, E::InvalidFrom),
        ("from='agate.example'", E::InvalidFrom, E::InvalidFrom),
        ("from='@'", E::InvalidFrom, E::InvalidFrom),
        ("", E::InvalidFrom, E::InvalidFrom),
        // `UndefinedCondition` stands for a stanza that is accepted.
        (
            "from='x@a.gate.example'",
            E::InvalidFrom,
            E::UndefinedCondition,
        ),
        (
            "from='gate.example'",
            E::UndefinedCondition,
            E::UndefinedCondition,
        ),
    ];
    for piece in PIECES {
        for (from, exact, below) in cases {
            for (terms, expected) in [(terms(), exact), (terms().with_subdomains(), below)] {
                for stanza in [
                    format!("<message to='a@example.org' {from}/>"),
                    format!("<message xmlns='jabber:client' to='a@example.org' {from}/>"),
                    // A malformed one is no way around.
                    format!("<iq type='x' to='a@example.org' {from}/>"),
                ] {
                    let mut talk = hosting(terms.clone(), piece);
                    let events = talk.reads(&stanza);
                    match expected {
                        E::UndefinedCondition => assert!(
                            matches!(events[..], [HostEvent::Stanza(_) | HostEvent::Refused(_)]),
                            "{stanza}: {events:?}"
                        ),
                        expected => assert_eq!(talk.failed(&events), expected, "{stanza}"),
                    }
                }
            }
        }
    }
}

#[test]
fn a_stanza_without_a_recipient_ends_the_stream() {
    for piece in PIECES {
        let mut talk = hosting(terms(), piece);
        let events = talk.reads("<message from='gate.example'/>");
        assert_eq!(talk.failed(&events), E::ImproperAddressing);
    }
}

/// A user of a gateway may cause such a stanza, and it must not cut off the other users.
#[test]
fn a_malformed_recipient_is_answered() {
    for piece in PIECES {
        let mut talk = hosting(terms(), piece);
        let events = talk.reads("<message id='1' from='u@gate.example' to='@'/>");
        assert!(matches!(events[..], [HostEvent::Refused(_)]), "{events:?}");
        let wrote = talk.wrote();
        let begin = "<message type='error' id='1' to='u@gate.example'><error type='modify'>\
                     <jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>";
        assert!(wrote.starts_with(begin), "{wrote}");
    }
}

#[test]
fn anything_else_ends_an_attached_stream() {
    for piece in PIECES {
        for (other, expected) in [
            ("<handshake/>", E::UnsupportedStanzaType),
            ("<stream:features/>", E::UnsupportedStanzaType),
            ("<message xmlns='jabber:server'/>", E::InvalidNamespace),
            ("<a xmlns='urn:example'/>", E::UnsupportedStanzaType),
        ] {
            let mut talk = hosting(terms(), piece);
            let events = talk.reads(other);
            assert_eq!(talk.failed(&events), expected, "{other}");
        }
    }
}

#[test]
fn only_stanzas_to_the_component_are_sent_to_it() {
    let mut talk = hosting(terms(), 1);
    for (from, to) in [
        (None, Some("gate.example")),
        (Some("a@example.org"), None),
        (Some("a@example.org"), Some("b@example.org")),
    ] {
        let sent = talk.connection.send(&message(from, to));
        assert_eq!(sent, Err(ApiMisuse::Misaddressed), "{from:?} {to:?}");
    }
    let stanza = message(Some("a@example.org"), Some("bot@gate.example"));
    talk.connection.send(&stanza).unwrap();
    assert_eq!(
        talk.wrote(),
        "<message type='chat' from='a@example.org' to='bot@gate.example'><body>x</body></message>"
    );
}

#[test]
fn the_language_of_the_header_is_that_of_the_stanzas() {
    let mut talk = host(1);
    let mut events = talk.reads(&header("to='gate.example' xml:lang='it'"));
    let Some(HostEvent::Opened(request)) = events.pop() else {
        panic!("{events:?}");
    };
    let serve = DomainAnswer::Serve(terms());
    talk.connection.answer_domain(request, serve).unwrap();
    let wrote = talk.wrote();
    let id = wrote
        .split_once("id='")
        .unwrap()
        .1
        .split_once('\'')
        .unwrap();
    let request = proves(&mut talk, id.0, |proof| proof);
    let accept = AttachAnswer::Accept;
    talk.connection.answer_attach(request, accept).unwrap();
    let events = talk.reads("<presence from='gate.example' to='a@example.org'/>");
    let [HostEvent::Stanza(stanza)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(stanza.lang(), Some("it"));
}

#[test]
fn a_handshake_that_never_comes_is_not_awaited_for_ever() {
    let (mut talk, _) = proving(terms(), 1);
    let events = talk.waits(60);
    let [HostEvent::Closed(CloseReason::TimedOut(_))] = &events[..] else {
        panic!("{events:?}");
    };
    let wrote = talk.wrote();
    assert_eq!(
        wrote,
        stream_error("connection-timeout") + "</stream:stream>"
    );
}

#[test]
fn a_long_handshake_is_refused_before_it_is_complete() {
    let (mut talk, _) = proving(terms(), 1000);
    let events = talk.reads(&format!("<handshake>{}", "0".repeat(100_000)));
    assert_eq!(talk.failed(&events), E::PolicyViolation);
}

#[test]
fn short_secrets_are_refused() {
    let terms = |bytes| Terms::new(Secret::new("x".repeat(bytes)));
    assert_eq!(terms(Secret::MIN_BYTES - 1).unwrap_err(), ShortSecret);
    assert!(terms(Secret::MIN_BYTES).is_ok());
}

#[test]
fn the_secret_is_never_shown() {
    let (talk, _) = proving(terms(), 1);
    let shown = format!("{:?} {:?}", talk.connection, terms());
    assert!(!shown.contains(SECRET), "{shown}");
}

#[test]
fn direct_tls_is_told() {
    let tls = TlsInfo::new(ChannelBindings::none());
    let entropy = Entropy::from_seed([1; 32]);
    let mut host = Host::with_direct_tls(HostConfig::new(), entropy, Instant::ORIGIN, tls);
    host.receive(Instant::ORIGIN, header("to='gate.example'").as_bytes());
    let Some(HostEvent::Opened(request)) = host.poll_event() else {
        panic!();
    };
    assert!(request.secured());
}
