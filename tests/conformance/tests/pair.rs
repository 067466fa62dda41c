//! A client and a server in memory; the test carries, cuts and changes the bytes between them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use xmppwire::{ChannelBindings, ClientConfig, Instant, Jid, Mechanism, MechanismPolicy, Message};
use xmppwire_conformance::machine::{Machine, client_config, host, server_config, verona};
use xmppwire_conformance::pair::{End, Happened, Pair, Record, SCRAM};
use xmppwire_conformance::split::Split;

#[test]
fn a_whole_session_with_channel_binding() {
    let pair = Pair::session();
    let sent = String::from_utf8(pair.client.record.output.clone()).unwrap();
    assert!(sent.contains("mechanism='SCRAM-SHA-256-PLUS'"), "{sent}");
    let events = &pair.server.record.events;
    assert!(
        events.iter().any(
            |event| event.contains("«Ciao» &amp; &lt;good night>\u{1f339}")
                || event.contains("«Ciao» &amp; &lt;good night&gt;\u{1f339}")
        ),
        "{events:?}"
    );
    assert_eq!(pair.server.record.events.last().unwrap(), "closed Peer");
    let events = &pair.client.record.events;
    assert!(
        events.iter().any(|event| event.contains("a&#xD;\n\tb")
            || event.contains("a&#13;\n\tb")
            || event.contains("a&#xd;\n\tb")),
        "{events:?}"
    );
    assert_eq!(events.last().unwrap(), "closed Local");
    assert!(pair.client.machine.0.is_finished());
}

/// Each end of the session is played again alone, with its input cut elsewhere. Its output and
/// events are the same, byte for byte, because time and randomness are inputs.
#[test]
fn a_session_is_the_same_at_every_split() {
    let pair = Pair::session();
    let server = &pair.server.record;
    for split in Split::all(24) {
        let mut end = End::new(verona(server_config(), host(SCRAM), false));
        replay(
            &mut end,
            server,
            split,
            pair.server_bindings.clone(),
            |end, sent| {
                // The one action of the server's application.
                let answer = Message::chat(Jid::new(bound(&end.record)).unwrap(), "a\r\n\tb")
                    .with_from(Jid::new("romeo@example.net").unwrap())
                    .into();
                if !*sent && end.record.events.len() == server.events.len() - 1 {
                    *sent = true;
                    end.machine.connection().send(&answer).unwrap();
                }
            },
        );
        assert_eq!(end.record.output, server.output, "{split:?}");
        assert_eq!(end.record.events, server.events, "{split:?}");
    }
}

/// The address in the bind result.
fn bound(record: &Record) -> &str {
    let output = core::str::from_utf8(&record.output).unwrap();
    output
        .split("<jid>")
        .nth(1)
        .and_then(|rest| rest.split('<').next())
        .unwrap_or("nobody@example.org")
}

fn replay<M: Machine>(
    end: &mut End<M>,
    record: &Record,
    mut split: Split,
    bindings: ChannelBindings,
    act: impl Fn(&mut End<M>, &mut bool),
) {
    let mut acted = false;
    for happened in &record.input {
        match happened {
            Happened::Tls => end.start_tls(bindings.clone()),
            Happened::Received(bytes) => {
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    let cut = split.cut();
                    let (now, later) = rest.split_at(cut.min(rest.len()));
                    end.turn(now);
                    act(end, &mut acted);
                    end.turn(&[]);
                    rest = later;
                }
            }
        }
    }
    end.turn(&[]);
}

#[test]
fn a_relay_between_two_tls_connections_is_noticed() {
    let mut pair = Pair::new(client_config());
    pair.server_bindings = ChannelBindings::tls13([8; 32]);
    pair.run();
    let events = pair.client.record.events;
    assert_eq!(events.last().unwrap(), "closed AuthFailed not-authorized");
}

#[test]
fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let attempt = |user: &str, password: &str| {
        let jid = Jid::new(&format!("{user}@example.org")).unwrap();
        let mut pair = Pair::new(ClientConfig::new(jid, password).unwrap());
        pair.run();
        assert_eq!(
            pair.client.record.events.last().unwrap(),
            "closed AuthFailed not-authorized"
        );
        // What an observer sees: the kinds and lengths of the server's elements.
        let seen = String::from_utf8(pair.server.record.output).unwrap();
        seen.split_inclusive('>')
            .map(|tag| {
                (
                    tag.split([' ', '/']).next().unwrap_or_default().len(),
                    tag.len(),
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(attempt("juliet", "wrong"), attempt("merope", "wrong"));
}

/// A session in which an attacker changes the server's output on its way to the client.
fn tampered(mut pair: Pair, tamper: impl Fn(String) -> String) -> Pair {
    let mut to_client = Vec::new();
    for _ in 0..32 {
        let to_server = pair.client.turn(&to_client);
        let text = String::from_utf8(pair.server.turn(&to_server)).unwrap();
        to_client = tamper(text).into_bytes();
        if pair.client.heard.start_tls.is_some() && pair.server.heard.start_tls.is_some() {
            pair.client.start_tls(pair.client_bindings.clone());
            pair.server.start_tls(pair.server_bindings.clone());
        }
    }
    pair
}

fn sent(record: &Record) -> &str {
    core::str::from_utf8(&record.output).unwrap()
}

#[test]
fn a_downgraded_offer_is_noticed_by_the_y_flag() {
    // The attacker removes -PLUS from the features. The client sends the flag "y": it could have
    // bound the channel. The server has offered -PLUS, so it notices the attack.
    let pair = tampered(Pair::new(client_config()), |text| {
        text.replace("<mechanism>SCRAM-SHA-256-PLUS</mechanism>", "")
    });
    assert!(sent(&pair.client.record).contains("mechanism='SCRAM-SHA-256'"));
    let last = pair.client.record.events.last().unwrap();
    assert_eq!(last, "closed AuthFailed not-authorized");
    assert!(!sent(&pair.server.record).contains("<challenge"));
}

/// Without channel binding, or with another type of it, the hash of the offer reveals the change
/// (XEP-0474). The client has sent nothing derived from the password by then, and does not try
/// again.
#[test]
fn a_changed_offer_is_noticed_by_its_hash() {
    let strong = "<mechanism>SCRAM-SHA-512</mechanism>";
    let plus = "<mechanism>SCRAM-SHA-1-PLUS</mechanism>";
    let exporter = "<channel-binding type='tls-exporter'/>";
    let tls = || ChannelBindings::tls13([7; 32]).with_server_end_point(b"hash");
    for (bindings, from, to, mechanism) in [
        (ChannelBindings::none(), strong, "", "SCRAM-SHA-1"),
        (ChannelBindings::none(), strong, plus, "SCRAM-SHA-1"),
        (tls(), exporter, "", "SCRAM-SHA-1-PLUS"),
        (
            tls(),
            exporter,
            "<channel-binding type='x'/>",
            "SCRAM-SHA-1-PLUS",
        ),
    ] {
        let mut pair = Pair::with_mechanisms(
            client_config(),
            [
                Mechanism::ScramSha512,
                Mechanism::ScramSha1Plus,
                Mechanism::ScramSha1,
            ],
        );
        pair.client_bindings = bindings.clone();
        pair.server_bindings = bindings;
        let pair = tampered(pair, |text| text.replace(from, to));
        let output = sent(&pair.client.record);
        assert!(
            output.contains(&format!("mechanism='{mechanism}'")),
            "{output}"
        );
        assert!(!output.contains("<response"), "{output}");
        assert!(output.contains("<abort"), "{output}");
        assert_eq!(
            pair.client.record.events.last().unwrap(),
            "closed Violation not-authorized: SASL: the server's offer was changed on its way"
        );
        assert!(
            !pair
                .server
                .record
                .events
                .iter()
                .any(|event| event.starts_with("authenticated"))
        );
    }
}

/// A client accepts a server without the protection, because no older server has it.
#[test]
fn an_unprotected_offer_is_taken() {
    let challenge = |config| {
        let mut pair = Pair::new(client_config());
        pair.server = End::new(verona(config, host(SCRAM), false));
        pair.run();
        let last = pair.client.record.events.last().unwrap();
        assert!(last.starts_with("bound juliet@example.org/"), "{last}");
        let (_, rest) = sent(&pair.server.record).split_once("<challenge").unwrap();
        rest.find("</challenge>").unwrap()
    };
    // ",h=" and the hash have 47 bytes, and base64 makes them longer by a third.
    let protected = challenge(server_config());
    let unprotected = challenge(server_config().without_downgrade_protection());
    assert!(protected >= unprotected + 60, "{protected} {unprotected}");
}

/// A login with each mechanism that uses a password.
#[test]
fn every_mechanism_logs_in() {
    for mechanism in [
        Mechanism::ScramSha512Plus,
        Mechanism::ScramSha256Plus,
        Mechanism::ScramSha1Plus,
        Mechanism::ScramSha512,
        Mechanism::ScramSha256,
        Mechanism::ScramSha1,
        Mechanism::Plain,
    ] {
        let mut pair = Pair::with_mechanisms(client_config(), [mechanism]);
        pair.run();
        let events = &pair.server.record.events;
        assert!(
            events.contains(&format!("sasl {mechanism} juliet")),
            "{events:?}"
        );
        let last = pair.client.record.events.last().unwrap();
        assert!(last.starts_with("bound juliet@example.org/"), "{last}");
    }
}

#[test]
fn a_client_of_a_policy_without_plain_never_falls_to_it() {
    let policy = MechanismPolicy::default();
    let mut pair = Pair::new(client_config().with_mechanisms(policy));
    pair.server = End::new(verona(server_config(), host([Mechanism::Plain]), false));
    pair.run();
    let last = pair.client.record.events.last().unwrap();
    assert_eq!(
        last,
        "closed Incompatible: no acceptable SASL mechanism among: PLAIN"
    );
}

#[test]
fn a_peer_that_does_not_read_the_closing_tag_does_not_keep_the_connection() {
    use std::time::Duration;
    let mut client = xmppwire_conformance::machine::bound_client();
    let now = Instant::from_origin(Duration::from_secs(1000));
    client.close(now, Some(xmppwire::StreamErrorCondition::Reset.into()));
    assert!(matches!(
        client.poll_event(),
        Some(xmppwire::ClientEvent::Closed(_))
    ));
    // The first call that carries a time starts the close time-out.
    client.handle_timeout(now);
    let deadline = client.poll_timeout().unwrap();
    assert_eq!(deadline, now + Duration::from_secs(5));
    client.handle_timeout(now + Duration::from_secs(4));
    assert!(!client.output().is_empty() && !client.is_finished());
    client.handle_timeout(deadline);
    assert!(client.is_finished());
    assert_eq!(client.poll_timeout(), None);
}

#[test]
fn a_peer_that_does_not_read_its_stanzas_is_given_up() {
    let mut client = xmppwire_conformance::machine::bound_client();
    let message = Message::chat(Jid::new("romeo@example.net").unwrap(), "x".repeat(100_000)).into();
    let mut sent = 0;
    let reason = loop {
        client.send(&message).unwrap();
        sent += 1;
        assert!(sent < 100, "the backlog has a cap");
        if let Some(event) = client.poll_event() {
            break format!("{event:?}");
        }
    };
    assert!(reason.contains("BacklogExceeded"), "{reason}");
    client.send(&message).unwrap();
    assert!(client.output().len() <= 4 * 1024 * 1024);
}
