//! The receiving server: SASL EXTERNAL, and dialback as the receiving server (XEP-0220 §2.2.1).

use xmppwire::s2s::{
    Incoming, IncomingConfig, IncomingEvent, LocalDomains, PeerAnswer, PeerPolicy, Trust, Verdict,
};
use xmppwire::{
    CloseReason, Entropy, Instant, PeerMisbehaved, StanzaErrorCondition, StreamErrorCondition,
    TlsOffer,
};

use crate::support::*;

type Server = Talk<Incoming>;

#[test]
fn the_whole_of_a_login_by_certificate() {
    let mut talk = incoming(config());
    let id = talk.accepts(&header(OUR_HEADER), policy());
    assert_eq!(
        talk.wrote(),
        header(&format!(
            "from='b.example' to='a.example' id='{id}' version='1.0' xml:lang='en'"
        )) + &features(STARTTLS_REQUIRED)
    );
    talk.connection.receive(talk.now, STARTTLS.as_bytes());
    assert_eq!(talk.wrote(), PROCEED);
    talk.secures(Some("a.example"));

    let second = talk.accepts(&header(OUR_HEADER), policy());
    assert_ne!(id, second, "an id is used once");
    assert!(
        talk.wrote()
            .ends_with(&features(&format!("{EXTERNAL}{DIALBACK}")))
    );
    assert_eq!(talk.answers(&auth(A_IN_BASE64)), SUCCESS);

    let events = talk.reads(&(header(OUR_HEADER) + A_TO_B));
    let wrote = talk.wrote();
    assert!(wrote.ends_with(&features(DIALBACK)), "{wrote}");
    assert_ne!(id_of(&wrote), second);
    assert!(
        matches!(&events[..], [IncomingEvent::Authorised(told, Trust::Certificate), IncomingEvent::Stanza(_)]
            if *told == pair("a.example", "b.example")),
        "{events:?}"
    );
}

/// XEP-0178 §3, RFC 6120 §6.3.8.
#[test]
fn the_authorization_identity_is_that_of_the_header() {
    let other = "Yy5leGFtcGxl"; // c.example
    for (authzid, answer) in [
        ("=", SUCCESS.to_owned()),
        (A_IN_BASE64, SUCCESS.to_owned()),
        (other, failure("invalid-authzid")),
        ("dUBhLmV4YW1wbGU=", failure("invalid-authzid")), // u@a.example
        ("%", failure("incorrect-encoding")),
    ] {
        let mut talk = incoming_secured(config(), Some("a.example"));
        talk.accepts(&header(OUR_HEADER), policy());
        talk.wrote();
        assert_eq!(talk.answers(&auth(authzid)), answer, "{authzid}");
    }
}

fn failure(condition: &str) -> String {
    format!("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><{condition}/></failure>")
}

#[test]
fn an_identity_that_does_not_come_with_auth_is_asked_for() {
    let mut talk = incoming_secured(config(), Some("a.example"));
    talk.accepts(&header(OUR_HEADER), policy());
    talk.wrote();
    let challenge = "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    assert_eq!(talk.answers(&auth("")), challenge);
    let response = "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    assert_eq!(talk.answers(response), SUCCESS);
}

#[test]
fn external_is_for_those_with_a_certificate_of_their_domain() {
    for certificate in [Some("c.example"), Some("b.example"), None] {
        let mut talk = incoming_secured(config(), certificate);
        talk.accepts(&header(OUR_HEADER), policy());
        let wrote = talk.wrote();
        assert!(!wrote.contains("EXTERNAL"), "{wrote}");
        assert_eq!(talk.answers(&auth("=")), failure("not-authorized"));
        // Dialback is still there (XEP-0178 §3).
        let id = id_of(&wrote);
        let request = talk.asks(&key("a.example", "b.example", &id));
        assert_eq!(request.stream_id(), id);
    }
}

#[test]
fn external_needs_tls() {
    let mut talk = incoming(config());
    talk.accepts(&header(OUR_HEADER), PeerPolicy::new(TlsOffer::Optional));
    let wrote = talk.wrote();
    assert!(!wrote.contains("EXTERNAL"), "{wrote}");
    assert_eq!(talk.answers(&auth("=")), failure("encryption-required"));
    let plain = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>";
    assert_eq!(talk.answers(plain), failure("invalid-mechanism"));
}

#[test]
fn the_attempts_to_log_in_are_counted() {
    let mut talk = incoming_secured(config(), None);
    talk.accepts(&header(OUR_HEADER), policy());
    let events = talk.reads(&auth("=").repeat(3));
    assert_eq!(
        Server::failed(&events),
        StreamErrorCondition::PolicyViolation
    );
}

#[test]
fn the_stream_after_sasl_is_between_the_same_domains() {
    for (attributes, condition) in [
        (
            "from='d.example' to='b.example'",
            StreamErrorCondition::InvalidFrom,
        ),
        (
            "from='a.example' to='c.example'",
            StreamErrorCondition::HostUnknown,
        ),
    ] {
        let mut talk = incoming_secured(config(), Some("*.example"));
        talk.accepts(&header(OUR_HEADER), policy());
        talk.answers_auth();
        let events = talk.reads(&header(&format!("{attributes} version='1.0'")));
        assert_eq!(Server::failed(&events), condition, "{attributes}");
    }
}

impl Talk<Incoming> {
    fn answers_auth(&mut self) {
        self.wrote();
        assert_eq!(self.answers(&auth("=")), SUCCESS);
    }
}

#[test]
fn a_key_is_verified_elsewhere_and_opens_the_pair() {
    let (mut talk, id) = opened(policy());
    let request = talk.asks(&key("a.example", "b.example", &id));
    assert_eq!(*request.pair(), pair("a.example", "b.example"));
    assert_eq!(request.stream_id(), id);
    let ours = secret().key(&pair("a.example", "b.example"), &id);
    assert_eq!(request.key(), ours);
    assert_eq!(talk.wrote(), "", "nothing is said before it is known");

    assert!(
        talk.connection
            .answer_verify(request.answer(Verdict::Valid))
    );
    assert_eq!(talk.wrote(), valid("a.example", "b.example"));
    let events = talk.reads(A_TO_B);
    assert!(
        matches!(
            &events[..],
            [
                IncomingEvent::Authorised(_, Trust::Dialback { tls: true }),
                IncomingEvent::Stanza(_)
            ]
        ),
        "{events:?}"
    );
    let ours = pair("a.example", "b.example");
    let trust = talk.connection.authorised(&ours);
    assert_eq!(trust, Some(Trust::Dialback { tls: true }));
    assert_eq!(talk.connection.authorised(&ours.inverse()), None);
    assert_eq!(talk.connection.ready(&ours.inverse()), None);
}

#[test]
fn a_certificate_makes_dialling_back_needless() {
    let mut talk = incoming_secured(config(), Some("a.example"));
    talk.accepts(&header(OUR_HEADER), policy().with_certified_peer());
    talk.wrote();
    // The key is opaque to the receiving server; here nobody needs to look at it.
    let keys = "<db:result from='a.example' to='b.example'>anything</db:result>";
    let events = talk.reads(keys);
    assert!(matches!(
        &events[..],
        [IncomingEvent::Authorised(_, Trust::CertifiedDialback)]
    ));
    assert_eq!(talk.wrote(), valid("a.example", "b.example"));
    // A second domain of the same certificate would do, another one does not.
    let other = "<db:result from='d.example' to='b.example'>anything</db:result>";
    let expected = refused("d.example", "b.example", "auth", "not-authorized");
    assert_eq!(talk.answers(other), expected);
}

#[test]
fn an_invalid_key_ends_a_stream_that_serves_nothing_else() {
    let (mut talk, id) = opened(policy());
    let request = talk.asks(&key("a.example", "b.example", &id));
    assert!(
        talk.connection
            .answer_verify(request.answer(Verdict::Invalid))
    );
    assert_eq!(
        talk.wrote(),
        "<db:result from='b.example' to='a.example' type='invalid'/></stream:stream>"
    );
    let events = talk.reads(A_TO_B);
    let CloseReason::Violation {
        sent: None,
        why: PeerMisbehaved::InvalidKey(_),
    } = Server::ended(&events)
    else {
        panic!("{events:?}");
    };
}

#[test]
fn an_invalid_key_does_not_end_the_other_pairs() {
    let (mut talk, id) = authorised(policy());
    let request = talk.asks(&key("d.example", "b.example", &id));
    // Meanwhile the first pair is served.
    let events = talk.reads(A_TO_B);
    assert!(matches!(&events[..], [IncomingEvent::Stanza(_)]));
    assert!(
        talk.connection
            .answer_verify(request.answer(Verdict::Invalid))
    );
    let expected = refused("d.example", "b.example", "auth", "forbidden");
    assert_eq!(talk.wrote(), expected);
    let events = talk.reads(A_TO_B);
    assert!(matches!(&events[..], [IncomingEvent::Stanza(_)]));
}

#[test]
fn what_cannot_be_verified_is_an_error() {
    let (mut talk, id) = opened(policy());
    let request = talk.asks(&key("a.example", "b.example", &id));
    let verdict = Verdict::error(StanzaErrorCondition::RemoteServerNotFound);
    assert!(talk.connection.answer_verify(request.answer(verdict)));
    let expected = refused(
        "a.example",
        "b.example",
        "cancel",
        "remote-server-not-found",
    );
    assert_eq!(talk.wrote(), expected);
    // The stream is open: another attempt is one.
    talk.asks(&key("a.example", "b.example", &id)).key();
}

#[test]
fn a_target_that_is_not_served_is_no_stream_error() {
    let (mut talk, id) = opened(policy());
    let wrote = talk.answers(&key("a.example", "z.example", &id));
    let expected = refused("a.example", "z.example", "cancel", "item-not-found");
    assert_eq!(wrote, expected);
    talk.asks(&key("a.example", "c.example", &id)).key();
}

#[test]
fn keys_in_clear_text_are_refused_where_tls_is_required() {
    let mut talk = incoming(config());
    let id = talk.accepts(&header(OUR_HEADER), policy());
    let wrote = talk.wrote();
    assert!(!wrote.contains("<dialback"), "{wrote}");
    let expected = refused("a.example", "b.example", "cancel", "policy-violation");
    assert_eq!(talk.answers(&key("a.example", "b.example", &id)), expected);

    let mut talk = incoming(config());
    let optional = PeerPolicy::new(TlsOffer::Optional);
    let id = talk.accepts(&header(OUR_HEADER), optional);
    let wrote = talk.wrote();
    assert!(
        wrote.contains("<dialback") && wrote.contains(STARTTLS),
        "{wrote}"
    );
    let request = talk.asks(&key("a.example", "b.example", &id));
    assert!(
        talk.connection
            .answer_verify(request.answer(Verdict::Valid))
    );
    let events = talk.goes_on();
    assert!(matches!(
        &events[..],
        [IncomingEvent::Authorised(_, Trust::Dialback { tls: false })]
    ));
}

/// A key counts on the stream that it came on. TLS begins a new one (RFC 6120 §5.4.3.3).
#[test]
fn a_verdict_on_a_key_in_clear_text_opens_nothing_after_tls() {
    let mut talk = incoming(config());
    let optional = PeerPolicy::new(TlsOffer::Optional);
    let id = talk.accepts(&header(OUR_HEADER), optional);
    let request = talk.asks(&key("a.example", "b.example", &id));
    talk.connection.receive(talk.now, STARTTLS.as_bytes());
    talk.wrote();
    talk.secures(None);
    let id = talk.accepts(&header(OUR_HEADER), policy());
    talk.wrote();
    let again = talk.asks(&key("a.example", "b.example", &id));
    let late = request.answer(Verdict::Valid);
    assert!(!talk.connection.answer_verify(late));
    assert_eq!(talk.wrote(), "");
    assert!(talk.connection.answer_verify(again.answer(Verdict::Valid)));
    assert_eq!(talk.wrote(), valid("a.example", "b.example"));
}

#[test]
fn a_certificate_can_be_insisted_on() {
    let (mut talk, id) = opened(policy().with_certified_peer());
    let expected = refused("a.example", "b.example", "auth", "not-authorized");
    assert_eq!(talk.answers(&key("a.example", "b.example", &id)), expected);
}

#[test]
fn a_pair_can_be_asked_for_again() {
    let (mut talk, id) = authorised(policy());
    let again = talk.answers(&key("a.example", "b.example", &id));
    assert_eq!(again, valid("a.example", "b.example"));

    let (mut talk, id) = opened(policy());
    let first = talk.asks(&key("a.example", "b.example", &id));
    let expected = refused("a.example", "b.example", "wait", "unexpected-request");
    assert_eq!(talk.answers(&key("a.example", "b.example", &id)), expected);
    assert!(talk.connection.answer_verify(first.answer(Verdict::Valid)));
}

#[test]
fn stanzas_need_an_authorised_pair() {
    for (from, to, condition) in [
        (
            "u@d.example",
            "v@b.example",
            StreamErrorCondition::InvalidFrom,
        ),
        (
            "u@a.example",
            "v@z.example",
            StreamErrorCondition::HostUnknown,
        ),
        (
            "u@a.example",
            "v@c.example",
            StreamErrorCondition::InvalidFrom,
        ),
        (
            "v@b.example",
            "u@a.example",
            StreamErrorCondition::InvalidFrom,
        ),
        ("", "v@b.example", StreamErrorCondition::ImproperAddressing),
        ("u@a.example", "", StreamErrorCondition::ImproperAddressing),
        (
            "@a.example",
            "v@b.example",
            StreamErrorCondition::ImproperAddressing,
        ),
    ] {
        for kind in ["message", "presence", "iq type='get' id='1'", "iq"] {
            let (mut talk, _) = authorised(policy());
            let events = talk.reads(&format!("<{kind} from='{from}' to='{to}'/>"));
            assert_eq!(Server::failed(&events), condition, "{kind} {from} {to}");
            assert!(is_unauthorised(Server::ended(&events)));
        }
    }
    for addresses in ["", "from='u@a.example'", "to='v@b.example'"] {
        let (mut talk, _) = authorised(policy());
        let events = talk.reads(&format!("<message {addresses}/>"));
        let failed = Server::failed(&events);
        assert_eq!(failed, StreamErrorCondition::ImproperAddressing);
    }
}

/// As Prosody and ejabberd do.
#[test]
fn a_sender_may_be_enough() {
    let (mut talk, _) = authorised(policy().by_sender());
    let events = talk.reads("<message from='u@a.example' to='v@c.example'/>");
    assert!(
        matches!(&events[..], [IncomingEvent::Stanza(_)]),
        "{events:?}"
    );
    let events = talk.reads("<message from='u@a.example' to='v@z.example'/>");
    assert_eq!(Server::failed(&events), StreamErrorCondition::HostUnknown);
}

#[test]
fn a_stanza_before_the_verdict_is_refused() {
    let (mut talk, _) = opened(policy());
    let events = talk.reads(A_TO_B);
    assert_eq!(Server::failed(&events), StreamErrorCondition::NotAuthorized);

    let (mut talk, id) = opened(policy());
    let _request = talk.asks(&key("a.example", "b.example", &id));
    let events = talk.reads(A_TO_B);
    assert_eq!(Server::failed(&events), StreamErrorCondition::NotAuthorized);
}

/// RFC 6120 §4.7.4
#[test]
fn a_stanza_without_a_language_has_that_of_the_stream() {
    let mut talk = incoming_secured(config(), Some("a.example"));
    let id = talk.accepts(&header(&format!("{OUR_HEADER} xml:lang='it'")), policy());
    let xml = key("a.example", "b.example", &id)
        + A_TO_B
        + "<message from='u@a.example' to='v@b.example' xml:lang='de'/>";
    let langs: Vec<_> = talk
        .reads(&xml)
        .into_iter()
        .filter_map(|event| match event {
            IncomingEvent::Stanza(stanza) => stanza.lang().map(ToOwned::to_owned),
            _ => None,
        })
        .collect();
    assert_eq!(langs, ["it", "de"]);
}

#[test]
fn a_malformed_stanza_is_told_with_its_answer() {
    let (mut talk, _) = authorised(policy());
    let events = talk.reads("<iq from='u@a.example' to='v@b.example' type='get' id='1'/>");
    let [IncomingEvent::Refused(fault)] = &events[..] else {
        panic!("{events:?}");
    };
    let reply = fault.error_reply().unwrap();
    assert_eq!(reply.to().unwrap().as_str(), "u@a.example");
    assert_eq!(reply.id(), Some("1"));
    // The stream goes in one direction.
    assert_eq!(talk.wrote(), "");
    let events = talk.reads(A_TO_B);
    assert!(matches!(&events[..], [IncomingEvent::Stanza(_)]));
}

#[test]
fn headers_that_cannot_be_answered() {
    for (attributes, condition) in [
        (
            "from='a.example' version='1.0'",
            StreamErrorCondition::ImproperAddressing,
        ),
        (
            "from='a.example' to='' version='1.0'",
            StreamErrorCondition::ImproperAddressing,
        ),
        (
            "from='a.example' to='z.example' version='1.0'",
            StreamErrorCondition::HostUnknown,
        ),
        (
            "from='a.example' to='u@b.example' version='1.0'",
            StreamErrorCondition::HostUnknown,
        ),
        (
            "from='u@a.example' to='b.example' version='1.0'",
            StreamErrorCondition::InvalidFrom,
        ),
        (
            "from='c.example' to='b.example' version='1.0'",
            StreamErrorCondition::InvalidFrom,
        ),
    ] {
        let mut talk = incoming(config());
        let events = talk.reads(&header(attributes));
        assert_eq!(Server::failed(&events), condition, "{attributes}");
        let wrote = talk.wrote();
        assert!(wrote.contains(" from='b.example'"), "{wrote}");
    }
}

#[test]
fn a_client_is_at_the_wrong_door() {
    let mut talk = incoming(config());
    let events = talk.reads(
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
         to='b.example' version='1.0'>",
    );
    assert_eq!(
        Server::failed(&events),
        StreamErrorCondition::InvalidNamespace
    );
}

#[test]
fn a_stanza_of_a_client_is_none_here() {
    for kind in ["message", "presence", "iq type='get' id='1'"] {
        let (mut talk, _) = authorised(policy());
        let events = talk.reads(&format!(
            "<{kind} xmlns='jabber:client' from='u@a.example' to='v@b.example'/>"
        ));
        let failed = Server::failed(&events);
        assert_eq!(failed, StreamErrorCondition::InvalidNamespace);
    }
}

/// Prosody's initial header has `id=''`, and an empty name stands for none.
#[test]
fn what_an_initial_header_need_not_have_is_no_fault() {
    let mut talk = incoming_secured(config(), None);
    let opened = header("id='' from='' to='b.example' version='1.0'");
    let events = talk.reads(&opened);
    let [IncomingEvent::Opened(request)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(request.remote(), None);
    assert_eq!(request.local().as_str(), "b.example");
    assert!(request.secured() && !request.is_certified() && !request.is_legacy());
}

#[test]
fn a_server_of_before_rfc_3920_gets_no_features() {
    let legacy = PeerPolicy::new(TlsOffer::Optional).with_legacy();
    let mut talk = incoming(config());
    let id = talk.accepts(&header(""), legacy);
    let wrote = talk.wrote();
    let expected = header(&format!("from='b.example' id='{id}' xml:lang='en'"));
    assert_eq!(wrote, expected);
    let request = talk.asks(&key("a.example", "b.example", &id));
    assert!(
        talk.connection
            .answer_verify(request.answer(Verdict::Valid))
    );
    assert_eq!(talk.wrote(), valid("a.example", "b.example"));
}

/// A header without names is completed by the first key, and never changed by a later one.
#[test]
fn names_that_the_header_lacks_are_those_of_the_first_key() {
    let legacy = || PeerPolicy::new(TlsOffer::Optional).with_legacy();
    for (attributes, local, remote) in [
        ("", "c.example", Some("a.example")),
        ("from='' to=''", "c.example", Some("a.example")),
        ("from='d.example'", "c.example", Some("d.example")),
        ("to='b.example'", "b.example", Some("a.example")),
    ] {
        let mut talk = incoming(config());
        let id = talk.accepts(&header(attributes), legacy());
        let named = talk.connection.remote().map(ToString::to_string);
        assert_eq!(named.as_deref(), remote.filter(|it| *it == "d.example"));
        for (sender, target) in [("a.example", "c.example"), ("e.example", "b.example")] {
            drop(talk.asks(&key(sender, target, &id)));
        }
        let (to, from) = (talk.connection.local(), talk.connection.remote());
        assert_eq!(to.map(ToString::to_string).as_deref(), Some(local));
        assert_eq!(from.map(ToString::to_string).as_deref(), remote);
    }
}

#[test]
fn a_server_of_before_rfc_3920_is_refused_by_default() {
    for policy in [
        PeerPolicy::new(TlsOffer::Optional),
        PeerPolicy::new(TlsOffer::Required).with_legacy(),
    ] {
        let mut talk = incoming(config());
        talk.accepts(&header(""), policy);
        let wrote = talk.wrote();
        assert!(wrote.contains("<unsupported-version "), "{wrote}");
    }
}

#[test]
fn the_application_may_refuse_a_peer() {
    for (answer, condition) in [
        (PeerAnswer::Gone, "<host-gone "),
        (
            PeerAnswer::SeeOtherHost("s2.b.example:5270".into()),
            ">s2.b.example:5270</see-other-host>",
        ),
        (
            PeerAnswer::Refuse(StreamErrorCondition::PolicyViolation.into()),
            "<policy-violation ",
        ),
    ] {
        let mut talk = incoming(config());
        let events = talk.reads(&header(OUR_HEADER));
        let Ok([IncomingEvent::Opened(request)]) = <[_; 1]>::try_from(events) else {
            panic!();
        };
        talk.connection.accept(request, answer).unwrap();
        let wrote = talk.wrote();
        assert!(wrote.contains(condition), "{wrote}");
        let names = "from='b.example' to='a.example'";
        assert!(wrote.contains(names), "{wrote}");
    }
}

#[test]
fn a_question_is_asked_anew_after_tls() {
    let mut talk = incoming(config());
    let events = talk.reads(&header(OUR_HEADER));
    let Ok([IncomingEvent::Opened(first)]) = <[_; 1]>::try_from(events) else {
        panic!();
    };
    let mut other = incoming(config());
    let foreign = {
        let events = other.reads(&header("from='d.example' to='c.example' version='1.0'"));
        let Ok([IncomingEvent::Opened(request)]) = <[_; 1]>::try_from(events) else {
            panic!();
        };
        request
    };
    talk.connection
        .accept(first, PeerAnswer::Accept(policy()))
        .unwrap();
    let stale = talk.connection.accept(foreign, PeerAnswer::Gone);
    assert_eq!(stale, Err(xmppwire::ApiMisuse::StaleRequest));
}

#[test]
fn the_question_of_another_connection_accepts_no_peer() {
    let asked = |seed| {
        let mut talk = incoming_secured_with(Entropy::from_seed([seed; 32]));
        let events = talk.reads(&header(OUR_HEADER));
        let Ok([IncomingEvent::Opened(request)]) = <[_; 1]>::try_from(events) else {
            panic!();
        };
        (talk, request)
    };
    let ((mut talk, request), (_, foreign)) = (asked(1), asked(2));
    let accept = || PeerAnswer::Accept(policy());
    let stale = talk.connection.accept(foreign, accept());
    assert_eq!(stale, Err(xmppwire::ApiMisuse::StaleRequest));
    assert_eq!(talk.wrote(), "");
    assert_eq!(talk.connection.accept(request, accept()), Ok(()));
}

/// The answer to another connection's question confirms nothing here.
#[test]
fn the_question_of_another_connection_confirms_no_key() {
    let asked = |seed| {
        let entropy = Entropy::from_seed([seed; 32]);
        let domains: LocalDomains = [domain("b.example")].into_iter().collect();
        let config = IncomingConfig::new(domains);
        let connection = Incoming::with_direct_tls(config, entropy, Instant::ORIGIN, tls(None));
        let mut talk = Talk::new(connection);
        talk.accepts(&header(OUR_HEADER), policy());
        talk.wrote();
        let xml = "<db:verify from='d.example' to='b.example' id='1'>k</db:verify>";
        let events = talk.reads(xml);
        let Ok([IncomingEvent::CheckKey(request)]) = <[_; 1]>::try_from(events) else {
            panic!();
        };
        (talk, request)
    };
    let ((mut talk, request), (_, foreign)) = (asked(1), asked(2));
    assert!(!talk.connection.answer_key(foreign, Verdict::Valid));
    assert_eq!(talk.wrote(), "");
    assert!(talk.connection.answer_key(request, Verdict::Valid));
    let valid = "<db:verify from='b.example' to='d.example' id='1' type='valid'/>";
    assert_eq!(talk.wrote(), valid);
}

#[test]
fn only_a_certificate_certifies() {
    for tls in [false, true] {
        assert!(!Trust::Dialback { tls }.is_certified());
    }
    assert!(Trust::CertifiedDialback.is_certified());
    assert!(Trust::Certificate.is_certified());
}

/// What the application decides may depend on these.
#[test]
fn the_question_tells_what_is_known_of_the_peer() {
    let version_1 = OUR_HEADER;
    let legacy = "from='a.example' to='b.example'";
    for (mut talk, attributes, known) in [
        (incoming(config()), version_1, (false, false, false)),
        (incoming(config()), legacy, (false, false, true)),
        (
            incoming_secured(config(), Some("c.example")),
            version_1,
            (true, false, false),
        ),
        (
            incoming_secured(config(), Some("a.example")),
            version_1,
            (true, true, false),
        ),
    ] {
        let events = talk.reads(&header(attributes));
        let Ok([IncomingEvent::Opened(request)]) = <[_; 1]>::try_from(events) else {
            panic!();
        };
        let is = (
            request.secured(),
            request.is_certified(),
            request.is_legacy(),
        );
        assert_eq!(is, known);
    }
}

/// The rest of the input waits until the application has taken the event, and has answered it where
/// negotiation depends on the answer.
#[test]
fn nothing_is_read_between_an_event_and_its_answer() {
    let mut talk = incoming_secured(config(), None);
    talk.connection
        .receive(talk.now, header(OUR_HEADER).as_bytes());
    assert!(!talk.connection.wants_read());
    let Some(IncomingEvent::Opened(request)) = talk.connection.poll_event() else {
        panic!();
    };
    assert!(!talk.connection.wants_read());
    let accept = PeerAnswer::Accept(policy());
    talk.connection.accept(request, accept).unwrap();
    assert!(talk.connection.wants_read());
    let id = id_of(&talk.wrote());
    let key = key("a.example", "b.example", &id);
    talk.connection.receive(talk.now, key.as_bytes());
    assert!(!talk.connection.wants_read());
    assert!(talk.connection.poll_event().is_some());
    assert!(talk.connection.wants_read());
}

#[test]
fn a_verdict_that_comes_too_late_is_dropped() {
    let (mut talk, id) = opened(policy());
    let request = talk.asks(&key("a.example", "b.example", &id));
    let events = talk.reads("</stream:stream>");
    assert_eq!(*Server::ended(&events), CloseReason::Peer);
    talk.wrote();
    assert!(
        !talk
            .connection
            .answer_verify(request.answer(Verdict::Valid))
    );
    assert_eq!(talk.wrote(), "");

    let (mut talk, id) = authorised(policy());
    let request = talk.asks(&key("d.example", "b.example", &id));
    let events = talk.waits(44);
    assert!(events.is_empty(), "{events:?}");
    assert_eq!(talk.wrote(), "");
    let events = talk.waits(1);
    assert!(events.is_empty(), "{events:?}");
    let expected = refused("d.example", "b.example", "wait", "remote-server-timeout");
    assert_eq!(talk.wrote(), expected);
    assert!(
        !talk
            .connection
            .answer_verify(request.answer(Verdict::Valid))
    );
    assert_eq!(talk.wrote(), "");
}
