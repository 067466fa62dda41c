//! A client and a server that log in by SASL2 (XEP-0388), in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use std::time::Duration;

use xmppwire::{
    Client, ClientConfig, ClientEvent, Host, Instant, Mechanism, Sasl2, Token, TokenPolicy,
};
use xmppwire_conformance::machine::{
    NOW, client_config, host, issued, server_config, token, user_agent, verona_with,
};
use xmppwire_conformance::pair::{End, Pair, SCRAM};

fn host2() -> Host {
    host(SCRAM).with_sasl2(Sasl2::new().with_carbons())
}

fn sent(pair: &Pair) -> String {
    String::from_utf8(pair.client.record.output.clone()).unwrap()
}

/// Round trips over direct TLS, from the stream header to the bound resource. The TLS handshake and
/// that of TCP come before them.
#[test]
fn round_trips_to_the_bound_resource() {
    let plain = [Mechanism::Plain];
    for (name, client, host, expected) in [
        (
            "SCRAM, RFC 6120",
            client_config().without_sasl2(),
            host2(),
            5,
        ),
        ("SCRAM, SASL2, Bind 2", client_config(), host2(), 3),
        ("PLAIN, RFC 6120", client_config(), host(plain), 4),
        (
            "PLAIN, SASL2, Bind 2",
            client_config(),
            host(plain).with_sasl2(Sasl2::new()),
            2,
        ),
        (
            "PLAIN, SASL2",
            client_config(),
            host(plain).with_sasl2(Sasl2::new().without_bind()),
            3,
        ),
    ] {
        let mut pair = Pair::with_host(client, host, true);
        assert_eq!(pair.round_trips_to_bound(), expected, "{name}");
    }
    let mechanism = "HT-SHA-256-EXPR";
    let client = client_config()
        .with_user_agent(user_agent())
        .with_token(token("juliet@example.org", mechanism, 0));
    let sasl2 = Sasl2::new().with_tokens(TokenPolicy::new(NOW));
    let mut pair = Pair::with_host(client, host(SCRAM).with_sasl2(sasl2), true);
    pair.server.machine.slots.current = Some(issued(mechanism, 0, 1000));
    assert_eq!(pair.round_trips_to_bound(), 2, "FAST");
}

/// A client logs in by password and asks for a token, and with each token that it gets it logs in
/// again. Of the tokens that it used before, none is accepted again.
#[test]
fn a_life_of_tokens() {
    let sasl2 = Sasl2::new().with_tokens(TokenPolicy::new(NOW).with_lifetime(Duration::ZERO));
    let short = host(SCRAM).with_sasl2(sasl2);
    let sasl2 = Sasl2::new().with_tokens(TokenPolicy::new(NOW));
    let long = host(SCRAM).with_sasl2(sasl2);
    let mut slots = xmppwire::TokenSlots::default();
    let mut log_in = |host: &Host, token: Option<&Token>| {
        let mut config = client_config().with_user_agent(user_agent());
        if let Some(token) = token {
            config = config.with_token(token.clone());
        }
        let entropy = xmppwire::Entropy::from_os().unwrap();
        let tls = xmppwire_conformance::machine::tls;
        let mut client = Client::with_direct_tls(config, entropy, Instant::ORIGIN, tls());
        let entropy = xmppwire::Entropy::from_os().unwrap();
        let mut server = verona_with(entropy, server_config(), host.clone(), true);
        server.slots = slots.clone();
        let mut server = End::new(server);
        let (mut to_client, mut tokens, mut refused) = (Vec::new(), Vec::new(), false);
        for _ in 0..8 {
            let mut rest = to_client.as_slice();
            let mut to_server = Vec::new();
            loop {
                let consumed = client.receive(Instant::ORIGIN, rest);
                rest = &rest[consumed..];
                to_server.extend(client.take_output());
                match client.poll_event() {
                    Some(ClientEvent::Token(token)) => tokens.push(token),
                    Some(ClientEvent::TokenGone(_)) => refused = true,
                    Some(_) => {}
                    None => break,
                }
            }
            to_client = server.turn(&to_server);
        }
        assert!(client.jid().is_some(), "{:?}", server.record.events);
        slots = server.machine.slots;
        let last = tokens.pop().expect("a token");
        (last, refused)
    };
    // Expired at once: the password helps.
    let (expired, _) = log_in(&short, None);
    assert_eq!((expired.count(), expired.is_expired(NOW)), (0, true));
    let (first, refused) = log_in(&long, Some(&expired));
    assert!(refused && first.count() == 0);
    // Used, and told with its count.
    let (first_used, refused) = log_in(&long, Some(&first));
    assert!(!refused && first_used.count() == 1);
    // The same count again could be a replay.
    let (second, refused) = log_in(&long, Some(&first));
    assert!(refused && second.count() == 0);
    // The first one is still the current one until the second is used.
    let (_, refused) = log_in(&long, Some(&first_used));
    assert!(!refused);
    let (second_used, refused) = log_in(&long, Some(&second));
    assert!(!refused && second_used.count() == 1);
    let (_, refused) = log_in(&long, Some(&first_used));
    assert!(refused);
}

#[test]
fn scram_binds_the_channel_and_protects_the_offer() {
    let mut pair = Pair::with_host(client_config().with_carbons(), host2(), false);
    pair.run();
    let jid = pair.client.machine.0.jid().expect("bound").to_string();
    assert!(pair.client.machine.0.has_carbons());
    let sent = sent(&pair);
    assert!(sent.contains("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256-PLUS'>"));
    assert_eq!(sent.matches("<stream:stream").count(), 2, "{sent}");
    assert_eq!(
        pair.client.record.events,
        ["start TLS".into(), format!("bound {jid} with carbons")]
    );
    let heard = String::from_utf8(pair.server.record.output.clone()).unwrap();
    // The additional data come with the success, and features behind it.
    let (_, success) = heard
        .split_once("<success xmlns='urn:xmpp:sasl:2'><additional-data>")
        .unwrap();
    assert!(
        success.ends_with("</success><stream:features/>"),
        "{success}"
    );
}

/// The hash of the offer in SASL2 is over the list of SASL2 alone (XEP-0474 §5.1): an attacker who
/// changes it is noticed, and one who changes the list of RFC 6120 has no effect.
#[test]
fn a_changed_offer_is_noticed() {
    let change = |from: &str, to: &str| {
        let mut pair = Pair::with_host(client_config(), host2(), true);
        let header = pair.client.turn(b"");
        let features = pair.server.turn(&header);
        let features = String::from_utf8(features).unwrap();
        assert!(features.contains(from), "{features}");
        let mut to_client = features.replace(from, to).into_bytes();
        for _ in 0..4 {
            let to_server = pair.client.turn(&to_client);
            to_client = pair.server.turn(&to_server);
        }
        pair.client.record.events.concat()
    };
    let in_sasl = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>";
    let without = format!("{in_sasl}<mechanism>X-NEW</mechanism>");
    assert!(change(in_sasl, &without).starts_with("bound "));
    let in_sasl2 = "<authentication xmlns='urn:xmpp:sasl:2'>";
    let without = format!("{in_sasl2}<mechanism>X-NEW</mechanism>");
    assert_eq!(
        change(in_sasl2, &without),
        "closed Violation not-authorized: SASL: the server's offer was changed on its way"
    );
}

/// The connection is cut behind each byte of the server. The client ends as it should, and it is
/// bound if and only if it got the whole success.
#[test]
fn a_cut_at_each_byte() {
    let mut whole = Pair::with_host(client_config(), host2(), true);
    whole.round_trips_to_bound();
    let sent = whole.server.record.output;
    let success = String::from_utf8(sent.clone()).unwrap();
    let success = success.find("</success>").unwrap() + "</success>".len();
    for cut in 0..sent.len() {
        let mut pair = Pair::with_host(client_config(), host2(), true);
        let mut left = cut;
        let mut to_client = Vec::new();
        loop {
            let to_server = pair.client.turn(&to_client);
            to_client = pair.server.turn(&to_server);
            to_client.truncate(left);
            left -= to_client.len();
            if to_client.is_empty() {
                break;
            }
        }
        let bound = pair.client.machine.0.jid().is_some();
        assert_eq!(bound, cut >= success, "{cut}");
        pair.client.machine.0.receive_eof(xmppwire::Instant::ORIGIN);
        pair.client.turn(b"");
        let last = pair.client.record.events.last().unwrap();
        assert_eq!(last, "closed TransportEof");
    }
}

/// Every split of the bytes gives the same output and events.
#[test]
fn byte_by_byte() {
    let run = |bytewise: bool| {
        let mut pair = Pair::with_host(client_config(), host2(), true);
        let mut to_client = Vec::new();
        for _ in 0..6 {
            let mut to_server = Vec::new();
            let size = if bytewise { 1 } else { usize::MAX };
            to_server.extend(pair.client.turn(b""));
            for piece in to_client.chunks(size) {
                to_server.extend(pair.client.turn(piece));
            }
            to_client = pair.server.turn(b"");
            for piece in to_server.chunks(size) {
                to_client.extend(pair.server.turn(piece));
            }
        }
        let told = |record: xmppwire_conformance::pair::Record| (record.output, record.events);
        (told(pair.client.record), told(pair.server.record))
    };
    assert_eq!(run(false), run(true));
}

/// A wrong password ends the login, and the server has done nothing that was asked for with it.
#[test]
fn a_wrong_password_binds_nothing() {
    let config = ClientConfig::new(xmppwire::Jid::new("juliet@example.org").unwrap(), "wrong");
    let mut pair = Pair::with_host(config.unwrap(), host2(), true);
    pair.run();
    let events = &pair.server.record.events;
    assert!(
        !events.iter().any(|event| event.starts_with("bind")),
        "{events:?}"
    );
    let last = pair.client.record.events.last().unwrap();
    assert_eq!(last, "closed AuthFailed not-authorized");
}
