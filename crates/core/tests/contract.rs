//! What [`Connection`] promises a driver, whatever the peer does; most of it was found by fuzzing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use std::time::Duration;

use xmppwire::{
    ChannelBindings, Client, ClientConfig, ClientEvent, CloseReason, Connection, Entropy, Instant,
    Jid, Timer, TlsInfo,
};

const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1' from='example.org'>";

fn client() -> Client {
    let config = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t").unwrap();
    Client::new(config, Entropy::from_seed([1; 32]), Instant::ORIGIN)
}

fn tell(client: &mut Client, text: &str) {
    assert_eq!(client.receive(Instant::ORIGIN, text.as_bytes()), text.len());
    client.take_output();
}

fn after(seconds: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(seconds)
}

/// The handshake was over in time for TLS and too late for us: that is nobody's bug.
#[test]
fn a_handshake_that_is_done_after_the_end_changes_nothing() {
    let mut client = client();
    tell(&mut client, HEADER);
    tell(
        &mut client,
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
    );
    tell(
        &mut client,
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    );
    let Some(ClientEvent::StartTls(request)) = client.poll_event() else {
        panic!("TLS begins");
    };
    let handoff = client.begin_tls(request, b"").unwrap();
    client.handle_timeout(after(60));
    let tls = TlsInfo::new(ChannelBindings::none());
    assert_eq!(client.tls_established(after(61), handoff, tls), Ok(()));
    assert_eq!(client.output(), b"");
    let Some(ClientEvent::Closed(reason)) = client.poll_event() else {
        panic!("the end is told");
    };
    assert_eq!(reason, CloseReason::TimedOut(Timer::Negotiation));
    assert!(client.is_finished());
}

/// A driver that sleeps until the deadline and then tells the time need not do so twice.
#[test]
fn telling_the_time_moves_the_deadline_behind_it() {
    let mut client = client();
    let when = client.poll_timeout().unwrap();
    client.handle_timeout(when);
    assert_eq!(client.poll_timeout(), Some(when + Duration::from_secs(5)));
    assert!(!client.output().is_empty());
    client.handle_timeout(when + Duration::from_secs(5));
    assert_eq!(client.poll_timeout(), None);
    assert_eq!(client.output(), b"");
}

#[test]
fn an_early_call_is_a_no_op() {
    let mut client = client();
    tell(&mut client, HEADER);
    client.close(after(10), None);
    client.take_output();
    let deadline = client.poll_timeout();
    assert_eq!(deadline, Some(after(15)));
    client.handle_timeout(after(14));
    assert_eq!(
        (client.poll_timeout(), client.output()),
        (deadline, &b""[..])
    );
    assert!(client.poll_event().is_none());
}

/// A byte that is wrong in itself is consumed like any other, also where it comes alone.
#[test]
fn every_byte_that_is_wanted_is_consumed() {
    for wrong in [
        "<a b='&c.' ",
        "<stream:stream/>",
        "\0",
        "<a>\u{FFFF}",
        "x",
        "<a b=''c=''",
    ] {
        let mut client = client();
        for byte in wrong.as_bytes() {
            if client.wants_read() {
                assert_eq!(client.receive(Instant::ORIGIN, &[*byte]), 1, "{wrong:?}");
            }
        }
        assert!(matches!(client.poll_event(), Some(ClientEvent::Closed(_))));
    }
}
