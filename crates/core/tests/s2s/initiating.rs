//! The initiating server: TLS, SASL EXTERNAL, and dialback as the originating server (XEP-0220
//! §2.1.1).

use xmppwire::s2s::{OutgoingConfig, OutgoingEvent, PairAdded, Refusal, Trust};
use xmppwire::{
    ApiMisuse, CloseReason, PeerIncompatible, SaslCondition, StanzaErrorCondition,
    StreamErrorCondition, TlsPolicy,
};

use crate::support::*;

fn new() -> OutgoingConfig {
    OutgoingConfig::new()
}

#[test]
fn a_whole_login_by_certificate() {
    let mut talk = outgoing(new().with_certificate());
    talk.answers(&(response("r1") + &features(STARTTLS_REQUIRED)));
    secure(&mut talk, Some("b.example"));
    assert_eq!(talk.wrote(), header(OUR_HEADER));

    let offered = response("r2") + &features(&format!("{EXTERNAL}{DIALBACK}"));
    let sasl = talk.answers(&offered);
    assert_eq!(
        sasl,
        format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>{A_IN_BASE64}</auth>"
        )
    );
    assert_eq!(talk.answers(SUCCESS), header(OUR_HEADER));

    // Nothing more has to be offered (RFC 6120 §4.3.5).
    let events = talk.reads(&(response("r3") + &features("")));
    let ours = pair("a.example", "b.example");
    assert!(
        matches!(&events[..], [OutgoingEvent::Ready(pair, Trust::Certificate)] if *pair == ours),
        "{events:?}"
    );
    talk.connection
        .send(&message("u@a.example", "v@b.example"))
        .unwrap();
    assert_eq!(
        talk.wrote(),
        "<message to='v@b.example' type='chat' from='u@a.example'><body>x</body></message>"
    );
}

/// Reads `<proceed/>` and changes to TLS.
fn secure(talk: &mut Talk<xmppwire::s2s::Outgoing>, certificate: Option<&str>) {
    let consumed = talk.connection.receive(talk.now, PROCEED.as_bytes());
    assert_eq!(consumed, PROCEED.len());
    talk.secures(certificate);
}

/// A certificate that does not name the domain leaves the DNS to vouch for it, and the event says
/// so.
#[test]
fn trust_is_that_in_the_certificate_of_the_peer() {
    for (certificate, trust) in [
        (Some("b.example"), Trust::CertifiedDialback),
        (Some("*.example"), Trust::CertifiedDialback),
        (Some("c.example"), Trust::Dialback { tls: true }),
        (None, Trust::Dialback { tls: true }),
    ] {
        let mut talk = outgoing_secured(new().with_dialback(secret()), certificate);
        talk.answers(&(response("r1") + &features(DIALBACK)));
        let events = talk.reads(&valid("a.example", "b.example"));
        assert!(
            matches!(&events[..], [OutgoingEvent::Ready(_, told)] if *told == trust),
            "{events:?}"
        );
    }
}

#[test]
fn a_certificate_can_be_insisted_on() {
    let config = new().with_dialback(secret()).with_certified_peer();
    let mut talk = outgoing_secured(config, Some("c.example"));
    let events = talk.reads(&(response("r1") + &features(DIALBACK)));
    assert!(matches!(
        &events[..],
        [OutgoingEvent::Closed(CloseReason::Incompatible(
            PeerIncompatible::Uncertified
        ))]
    ));
    let wrote = talk.wrote();
    assert!(wrote.contains("<policy-violation "), "{wrote}");
}

#[test]
fn no_tls_where_it_is_required_is_the_end() {
    let mut talk = outgoing(new().with_dialback(secret()));
    let events = talk.reads(&(response("r1") + &features(DIALBACK)));
    let reason = Talk::<xmppwire::s2s::Outgoing>::ended(&events);
    assert_eq!(*reason, CloseReason::Incompatible(PeerIncompatible::NoTls));
    let wrote = talk.wrote();
    assert!(!wrote.contains("db:result"), "{wrote}");
    assert!(wrote.contains("<policy-violation "), "{wrote}");
}

#[test]
fn what_was_negotiated_can_be_asked() {
    let talk = ready(new().with_dialback(secret()));
    let [own, other] = ["b.example", "c.example"].map(|target| pair("a.example", target));
    let trust = Trust::Dialback { tls: true };
    assert_eq!(talk.connection.ready(&own), Some(trust));
    assert_eq!(talk.connection.ready(&other), None);
    assert_eq!(talk.connection.authorised(&own), None);
    assert!(talk.connection.features().unwrap().dialback());
}

#[test]
fn external_is_for_those_who_have_a_certificate() {
    let mut talk = outgoing_secured(new().with_dialback(secret()), None);
    let offered = response("r1") + &features(&format!("{EXTERNAL}{DIALBACK}"));
    assert_eq!(talk.answers(&offered), key("a.example", "b.example", "r1"));

    let config = new().with_certificate().with_dialback(secret());
    let mut talk = outgoing_secured(config, None);
    let offered = response("r1") + &features(DIALBACK);
    assert_eq!(talk.answers(&offered), key("a.example", "b.example", "r1"));
}

/// As ejabberd does with a certificate that it does not trust (XEP-0178 §3).
#[test]
fn dialback_follows_a_refused_certificate_on_the_same_stream() {
    let config = new().with_certificate().with_dialback(secret());
    let mut talk = outgoing_secured(config, None);
    let offered = response("r1") + &features(&format!("{EXTERNAL}{DIALBACK}"));
    assert_eq!(talk.answers(&offered), auth(A_IN_BASE64));
    let failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/>\
                   <text xml:lang='en'>self signed certificate</text></failure>";
    assert_eq!(talk.answers(failure), key("a.example", "b.example", "r1"));
    let events = talk.reads(&valid("a.example", "b.example"));
    assert!(matches!(&events[..], [OutgoingEvent::Ready(..)]));
}

#[test]
fn a_refused_certificate_is_the_end_where_dialback_is_off() {
    let mut talk = outgoing_secured(new().with_certificate(), None);
    talk.answers(&(response("r1") + &features(&format!("{EXTERNAL}{DIALBACK}"))));
    let failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>";
    assert_eq!(talk.answers(failure), "</stream:stream>");
    let events = talk.reads("</stream:stream>");
    let CloseReason::AuthFailed(failure) = Talk::<xmppwire::s2s::Outgoing>::ended(&events) else {
        panic!("{events:?}");
    };
    assert_eq!(failure.condition(), SaslCondition::NotAuthorized);
}

#[test]
fn a_peer_that_offers_no_proof_is_no_use() {
    // Neither the feature nor the prefix announces dialback.
    let opened = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' \
                  from='b.example' id='r1' version='1.0'><stream:features/>";
    let mut talk = outgoing_secured(new().with_dialback(secret()), None);
    assert_eq!(talk.answers(opened), "</stream:stream>");
    let events = talk.reads("</stream:stream>");
    let reason = Talk::<xmppwire::s2s::Outgoing>::ended(&events);
    assert_eq!(
        *reason,
        CloseReason::Incompatible(PeerIncompatible::NoProof)
    );

    // The prefix alone does (XEP-0220 §2.4.1).
    let mut talk = outgoing_secured(new().with_dialback(secret()), None);
    let opened = response("r1") + &features("");
    assert_eq!(talk.answers(&opened), key("a.example", "b.example", "r1"));
}

#[test]
fn an_empty_list_of_mechanisms_is_none() {
    let config = new().with_certificate().with_dialback(secret());
    let mut talk = outgoing_secured(config, None);
    let empty = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    let opened = response("r1") + &features(empty);
    assert_eq!(talk.answers(&opened), key("a.example", "b.example", "r1"));
}

/// The key is for the id of the stream after TLS, not for that in clear text.
#[test]
fn the_key_is_for_the_present_stream() {
    let mut talk = outgoing(new().with_dialback(secret()));
    talk.answers(&(response("r1") + &features(&format!("{STARTTLS}{DIALBACK}"))));
    secure(&mut talk, None);
    talk.wrote();
    let opened = response("r2") + &features(DIALBACK);
    assert_eq!(talk.answers(&opened), key("a.example", "b.example", "r2"));
}

#[test]
fn a_response_without_an_id_is_refused() {
    for id in ["", "id=''"] {
        let mut talk = outgoing_secured(new().with_dialback(secret()), None);
        let opened = header(&format!("from='b.example' version='1.0' {id}")) + &features(DIALBACK);
        let events = talk.reads(&opened);
        let failed = Talk::<xmppwire::s2s::Outgoing>::failed(&events);
        assert_eq!(failed, StreamErrorCondition::InvalidXml);
    }
}

#[test]
fn a_response_of_another_server_is_refused() {
    let mut talk = outgoing_secured(new().with_dialback(secret()), None);
    let opened = header("from='c.example' id='r1' version='1.0'") + &features(DIALBACK);
    let events = talk.reads(&opened);
    let failed = Talk::<xmppwire::s2s::Outgoing>::failed(&events);
    assert_eq!(failed, StreamErrorCondition::InvalidFrom);
}

/// A server that refuses the domain need not call itself by it.
#[test]
fn a_refusal_is_told_by_its_own_reason() {
    let mut talk = outgoing(new().with_dialback(secret()));
    let opened = header("from='c.example' version='1.0'")
        + "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    let events = talk.reads(&opened);
    let CloseReason::PeerError(error) = Talk::<xmppwire::s2s::Outgoing>::ended(&events) else {
        panic!("{events:?}");
    };
    assert_eq!(error.condition(), StreamErrorCondition::HostUnknown);
}

#[test]
fn a_server_of_before_rfc_3920_is_asked_at_once() {
    let legacy = new()
        .with_dialback(secret())
        .with_tls(TlsPolicy::Preferred)
        .with_legacy();
    let mut talk = outgoing(legacy);
    let opened = header("id='r1'");
    assert_eq!(talk.answers(&opened), key("a.example", "b.example", "r1"));
    let events = talk.reads(&valid("a.example", "b.example"));
    assert!(matches!(
        &events[..],
        [OutgoingEvent::Ready(_, Trust::Dialback { tls: false })]
    ));
}

#[test]
fn a_server_of_before_rfc_3920_is_refused_by_default() {
    for config in [
        new().with_dialback(secret()).with_tls(TlsPolicy::Preferred),
        new().with_dialback(secret()).with_legacy(),
    ] {
        let mut talk = outgoing(config);
        let events = talk.reads(&header("id='r1'"));
        let reason = Talk::<xmppwire::s2s::Outgoing>::ended(&events);
        assert_eq!(
            *reason,
            CloseReason::Incompatible(PeerIncompatible::Version)
        );
        assert!(!talk.wrote().contains("db:result"));
    }
}

#[test]
fn no_stanza_goes_before_its_pair_is_ready() {
    let mut talk = asking(new());
    let stanza = message("u@a.example", "v@b.example");
    let refused = Err(ApiMisuse::PairNotReady);
    assert_eq!(talk.connection.send(&stanza), refused);
    talk.reads(&valid("a.example", "b.example"));
    assert_eq!(talk.connection.send(&stanza), Ok(()));
    for (from, to) in [
        ("u@c.example", "v@b.example"),
        ("u@a.example", "v@c.example"),
        ("v@b.example", "u@a.example"),
    ] {
        assert_eq!(talk.connection.send(&message(from, to)), refused);
    }
    let to = xmppwire::Jid::new("v@b.example").unwrap();
    let nobody = xmppwire::Message::chat(to, "x").into();
    assert_eq!(talk.connection.send(&nobody), refused, "a sender is needed");
}

#[test]
fn an_invalid_key_refuses_the_pair() {
    let mut talk = asking(new());
    let events = talk.reads("<db:result from='b.example' to='a.example' type='invalid'/>");
    let [OutgoingEvent::PairRefused(pair, why)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(pair.to_string(), "a.example to b.example");
    assert_eq!(*why, Refusal::Invalid);
    assert_eq!(why.bounce(), StanzaErrorCondition::InternalServerError);
    let stanza = message("u@a.example", "v@b.example");
    assert_eq!(talk.connection.send(&stanza), Err(ApiMisuse::PairNotReady));
    assert_eq!(talk.wrote(), "");
}

/// What is beside the error, in whatever order, does not hide it.
#[test]
fn an_error_is_found_beside_other_elements() {
    let mut talk = asking(new());
    let error = "<other xmlns='urn:example:other'/><error type='wait'>\
        <policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
        <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>come back later</text></error>";
    let result =
        format!("<db:result from='b.example' to='a.example' type='error'>{error}</db:result>");
    let events = talk.reads(&result);
    let [OutgoingEvent::PairRefused(_, Refusal::Error(error))] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(
        error.condition(),
        StanzaErrorCondition::PolicyViolation.into()
    );
    let text = error.text().map(|text| &*text.text);
    assert_eq!(text, Some("come back later"));
}

/// An answer that lacks an address answers nothing, and does not end the stream.
#[test]
fn an_answer_that_cannot_be_read_is_none() {
    let mut talk = asking(new());
    for unreadable in [
        "<db:result from='b.example' type='valid'/>",
        "<db:result to='a.example' type='invalid'/>",
        "<db:verify from='b.example' to='a b' type='valid'/>",
    ] {
        let events = talk.reads(unreadable);
        assert!(
            matches!(&events[..], [OutgoingEvent::Unsolicited(_)]),
            "{events:?}"
        );
    }
    let events = talk.reads(&valid("a.example", "b.example"));
    assert!(
        matches!(&events[..], [OutgoingEvent::Ready(..)]),
        "{events:?}"
    );
}

/// A server may offer features again at any time (RFC 6120 §4.3.5).
#[test]
fn features_may_come_again_on_a_stream_that_serves() {
    let mut talk = ready(new());
    assert_eq!(
        talk.connection.phase(),
        xmppwire::negotiation::Phase::Serving
    );
    assert!(!talk.connection.features().unwrap().bidi());
    let again = features("<bidi xmlns='urn:xmpp:features:bidi'/>");
    assert_eq!(talk.answers(&again), "");
    assert!(talk.connection.features().unwrap().bidi());
    let stanza = message("u@a.example", "v@b.example");
    assert_eq!(talk.connection.send(&stanza), Ok(()));
}

#[test]
fn an_error_refuses_the_pair_and_leaves_the_stream() {
    for error in [
        "<error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
        "<error type='cancel'><odd xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
        "",
    ] {
        let mut talk = asking(new());
        let xml =
            format!("<db:result from='b.example' to='a.example' type='error'>{error}</db:result>");
        let events = talk.reads(&xml);
        let [OutgoingEvent::PairRefused(_, why)] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(why.bounce(), StanzaErrorCondition::RemoteServerTimeout);

        let other = pair("d.example", "b.example");
        assert_eq!(talk.connection.add_pair(other.clone()), PairAdded::Asked);
        assert_eq!(talk.wrote(), key("d.example", "b.example", "r1"));
        let events = talk.reads(&valid("d.example", "b.example"));
        assert!(matches!(&events[..], [OutgoingEvent::Ready(pair, _)] if *pair == other));
    }
}

#[test]
fn answers_in_another_order_are_told_apart() {
    let mut talk = asking(new());
    let other = pair("d.example", "b.example");
    assert_eq!(talk.connection.add_pair(other.clone()), PairAdded::Asked);
    assert_eq!(talk.connection.add_pair(other.clone()), PairAdded::Asked);
    assert_eq!(talk.wrote(), key("d.example", "b.example", "r1"));
    let answers = valid("d.example", "b.example")
        + "<db:result from='b.example' to='a.example' type='invalid'/>";
    let events = talk.reads(&answers);
    assert!(matches!(
        &events[..],
        [OutgoingEvent::Ready(ready, _), OutgoingEvent::PairRefused(refused, Refusal::Invalid)]
            if *ready == other && *refused == pair("a.example", "b.example")
    ));
    assert_eq!(talk.connection.add_pair(other), PairAdded::Ready);
}

/// XEP-0220 §2.6.2: only a peer that announces errors takes several target domains.
#[test]
fn another_target_needs_a_peer_that_handles_errors() {
    let other = pair("a.example", "c.example");
    let mut talk = ready(new());
    assert_eq!(talk.connection.add_pair(other.clone()), PairAdded::Asked);
    assert_eq!(talk.wrote(), key("a.example", "c.example", "r1"));

    // As Prosody announces it.
    let mut talk = outgoing_secured(new().with_dialback(secret()), None);
    talk.answers(&(response("r1") + &features("<dialback xmlns='urn:xmpp:features:dialback'/>")));
    talk.reads(&valid("a.example", "b.example"));
    let added = talk.connection.add_pair(other);
    assert_eq!(added, PairAdded::NeedsOtherStream);
    assert_eq!(talk.wrote(), "");
    // Another sender is no matter (§2.6.1).
    let other = pair("d.example", "b.example");
    assert_eq!(talk.connection.add_pair(other), PairAdded::Asked);
}

/// Where a certificate is insisted on, it has to name the other target as well.
#[test]
fn another_target_needs_a_certificate_where_the_first_one_does() {
    for (name, added) in [
        ("b.example", PairAdded::NeedsOtherStream),
        ("*.example", PairAdded::Asked),
    ] {
        let config = new().with_dialback(secret()).with_certified_peer();
        let mut talk = outgoing_secured(config, Some(name));
        talk.answers(&(response("r1") + &features(DIALBACK)));
        talk.reads(&valid("a.example", "b.example"));
        let other = pair("a.example", "c.example");
        assert_eq!(talk.connection.add_pair(other), added);
    }
}

#[test]
fn nothing_more_is_asked_on_a_stream_that_ended() {
    let mut talk = asking(new());
    let events = talk.reads("</stream:stream>");
    assert!(matches!(
        &events[..],
        [OutgoingEvent::Closed(CloseReason::Peer)]
    ));
    assert_eq!(
        talk.connection.add_pair(pair("d.example", "b.example")),
        PairAdded::NeedsOtherStream
    );
}

/// Servers that know no dialback errors close instead (RFC 3920 §8.3).
#[test]
fn the_errors_of_rfc_3920_refuse_what_is_open() {
    for (condition, told) in [
        ("host-unknown", "remote-server-not-found"),
        ("remote-connection-failed", "remote-server-timeout"),
        ("invalid-id", "remote-server-timeout"),
        ("not-authorized", "remote-server-timeout"),
    ] {
        let mut talk = asking(new());
        let events = talk.reads(&format!(
            "<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
        ));
        let [OutgoingEvent::Closed(reason @ CloseReason::PeerError(_))] = &events[..] else {
            panic!("{events:?}");
        };
        let Refusal::Error(error) = Refusal::by_end(reason) else {
            panic!("{condition}");
        };
        assert_eq!(error.condition().name(), told, "{condition}");
    }
}

#[test]
fn a_silent_peer_is_not_waited_for() {
    let mut talk = asking(new());
    let events = talk.waits(59);
    assert!(events.is_empty(), "{events:?}");
    let events = talk.waits(2);
    let [OutgoingEvent::PairRefused(_, Refusal::Error(error))] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(error.condition().name(), "remote-server-timeout");
    // A late answer is none.
    let events = talk.reads(&valid("a.example", "b.example"));
    assert!(matches!(&events[..], [OutgoingEvent::Unsolicited(_)]));
}

#[test]
fn a_stanza_of_the_peer_has_no_place_on_a_stream_in_one_direction() {
    let mut talk = ready(new());
    let events = talk.reads("<message from='v@b.example' to='u@a.example'/>");
    let failed = Talk::<xmppwire::s2s::Outgoing>::failed(&events);
    assert_eq!(failed, StreamErrorCondition::NotAuthorized);
}
