//! What a peer that does not read can make a connection hold, and who may be ended by it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod bound;

use allocation_counter::measure;
use bound::{bound, bound_server};
use xmppwire::{
    ApiMisuse, Client, ClientEvent, CloseReason, Connection, Instant, InvalidStanza, Jid, Limits,
    Message, PeerMisbehaved, Stanza, StreamErrorCondition,
};

const NOW: Instant = Instant::ORIGIN;

/// A malformed request, which the machine answers itself.
const MALFORMED: &str = "<iq type='get' id='1'/>";

fn with_backlog(bytes: usize) -> Limits {
    let mut limits = Limits::default();
    limits.output_backlog = bytes;
    limits
}

fn message(bytes: usize) -> Stanza {
    Message::chat(Jid::new("romeo@example.net").unwrap(), "x".repeat(bytes)).into()
}

/// Offers the same request until the machine stops reading; returns how many it took.
fn flood(client: &mut Connection<Client>, request: &str) -> usize {
    let mut taken = 0;
    while client.wants_read() {
        assert_eq!(client.receive(NOW, request.as_bytes()), request.len());
        assert!(matches!(client.poll_event(), Some(ClientEvent::Refused(_))));
        assert!(
            client.output().len() <= 1 << 20,
            "{}",
            client.output().len()
        );
        taken += 1;
        assert!(taken < 100_000, "it reads without end");
    }
    taken
}

#[test]
fn a_peer_that_does_not_read_is_not_read_from_and_not_ended() {
    let mut client = bound(with_backlog(1 << 20));
    let taken = flood(&mut client, MALFORMED);
    assert!(taken > 1000, "{taken}");
    // Nothing is taken, nothing is lost, and nothing ends.
    assert_eq!(client.receive(NOW, MALFORMED.as_bytes()), 0);
    assert!(client.poll_event().is_none());
    // Reading goes on once the peer reads, before all is written.
    while !client.wants_read() {
        client.consume_output(1000);
    }
    assert!(client.output().len() > 1 << 19);
    assert!(flood(&mut client, MALFORMED) > 0);
    let answers = String::from_utf8(client.take_output()).unwrap();
    assert!(answers.matches("<iq type='error' id='1'>").count() > 1000);
    assert!(client.wants_read());
}

/// Requests that a server answers without an event, in one piece of input.
#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    const SESSION: &str =
        "<iq type='set' id='1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>";
    let mut server = bound_server(with_backlog(1 << 20));
    let requests = SESSION.repeat(50_000);
    let (mut consumed, mut answered) = (0, 0);
    while consumed < requests.len() {
        assert!(server.wants_read());
        consumed += server.receive(NOW, &requests.as_bytes()[consumed..]);
        assert!(server.poll_event().is_none());
        let waiting = server.output().len();
        assert!(waiting <= 1 << 20, "{waiting}");
        assert_eq!(server.wants_read(), consumed == requests.len());
        let output = String::from_utf8(server.take_output()).unwrap();
        answered += output.matches("<iq id='1' type='result'").count();
    }
    assert_eq!(answered, 50_000);
}

/// The longest answers: ids and addresses of characters that take six bytes each on the wire.
#[test]
fn the_largest_answer_has_room() {
    let id = "'".repeat(8192);
    let from = format!("a@b/{}", "'".repeat(1023));
    for request in [
        format!("<iq type='get' id=\"{id}\" from=\"{from}\" to=\"{from}\"/>"),
        format!("<iq type='get' id=\"{id}\"/>"),
        MALFORMED.into(),
    ] {
        let mut client = bound(with_backlog(1 << 20));
        assert!(flood(&mut client, &request) > 10);
    }
}

/// Nothing is read that could need an answer, and with little room that is anything. The login
/// does.
#[test]
fn a_small_backlog_lets_a_client_log_in() {
    for backlog in [0, 1, 100, 10_000] {
        let mut client = bound(with_backlog(backlog));
        assert!(client.wants_read());
        client.receive(NOW, MALFORMED.as_bytes());
        assert!(matches!(client.poll_event(), Some(ClientEvent::Refused(_))));
        client.take_output();
        assert!(client.wants_read());
    }
}

#[test]
fn room_is_what_an_application_can_send() {
    let mut client = bound(with_backlog(1 << 20));
    let whole = client.room();
    assert!(whole < 1 << 20, "some is kept for the machine");
    client.send(&message(1000)).unwrap();
    let written = client.output().len();
    assert_eq!(client.room(), whole - written);
    // Up to the last byte, and it is still read from.
    while client.room() >= written {
        client.send(&message(1000)).unwrap();
        assert!(client.wants_read());
    }
    let rest = client.room();
    if let Some(body) = (rest + 1000).checked_sub(written) {
        client.send(&message(body)).unwrap();
        assert_eq!(client.room(), 0);
    }
    assert!(client.wants_read());
    client.consume_output(100);
    assert_eq!(client.room(), 100);
    client.close(NOW, None);
    assert_eq!(client.room(), 0);
}

#[test]
fn a_stanza_without_room_ends_the_stream_and_is_not_written() {
    let mut client = bound(with_backlog(1 << 20));
    while client.room() >= 200_000 {
        client.send(&message(100_000)).unwrap();
    }
    let before = client.output().len();
    assert_eq!(client.send(&message(300_000)), Ok(()));
    let Some(ClientEvent::Closed(CloseReason::Violation { sent, why })) = client.poll_event()
    else {
        panic!("the stream ends");
    };
    assert_eq!(why, PeerMisbehaved::BacklogExceeded);
    assert_eq!(
        sent.unwrap().condition(),
        StreamErrorCondition::PolicyViolation
    );
    let farewell = &client.output()[before..];
    assert!(farewell.starts_with(b"<stream:error>") && farewell.len() < 200);
    assert!(client.output().len() <= 1 << 20);
}

/// It would not fit if the peer read everything: that is not the peer's fault.
#[test]
fn a_stanza_larger_than_all_room_is_refused() {
    let mut client = bound(with_backlog(1 << 20));
    let whole = client.room();
    client.send(&message(100)).unwrap();
    let before = client.output().len();
    let refused = client.send(&message(whole));
    assert_eq!(
        refused,
        Err(ApiMisuse::InvalidStanza(InvalidStanza::TooLarge))
    );
    assert_eq!(client.output().len(), before);
    assert!(client.poll_event().is_none());
    client.send(&message(100)).unwrap();
}

/// To the byte: one that takes all room of an empty output is the fault of the peer, which does not
/// read.
#[test]
fn a_stanza_as_large_as_all_room_has_a_place() {
    let mut client = bound(with_backlog(1 << 20));
    let whole = client.room();
    client.send(&message(1000)).unwrap();
    let body = whole - (client.take_output().len() - 1000);
    let too_large = ApiMisuse::InvalidStanza(InvalidStanza::TooLarge);
    assert_eq!(client.send(&message(body + 1)), Err(too_large.clone()));
    assert_eq!(client.send(&message(body)), Ok(()));
    assert_eq!(client.room(), 0);
    client.consume_output(1);
    assert_eq!(client.send(&message(body + 1)), Err(too_large));
    assert_eq!(client.send(&message(body)), Ok(()));
    let event = client.poll_event();
    let Some(ClientEvent::Closed(CloseReason::Violation { why, .. })) = event else {
        panic!("{event:?}");
    };
    assert_eq!(why, PeerMisbehaved::BacklogExceeded);
}

/// Once this side has closed it answers nothing, so a full output keeps it from nothing.
#[test]
fn a_full_output_does_not_hide_the_closing_tag() {
    let mut client = bound(with_backlog(1 << 20));
    flood(&mut client, MALFORMED);
    client.close(NOW, None);
    assert!(client.wants_read());
    assert_eq!(client.receive(NOW, b"</stream:stream>"), 16);
    assert!(matches!(
        client.poll_event(),
        Some(ClientEvent::Closed(CloseReason::Local))
    ));
}

/// The documented bounds on memory: five times what waits and 3 KiB while it drains, 512 bytes
/// after.
#[test]
fn a_drained_output_gives_its_memory_back() {
    const BACKLOG: u64 = 4 << 20;
    let mut client = bound(Limits::default());
    let stanza = message(1000);
    let fill = |client: &mut Connection<Client>| {
        while client.room() > 2000 {
            client.send(&stanza).unwrap();
        }
    };
    let filled = measure(|| fill(&mut client));
    println!("peak of a full output: {} bytes", filled.bytes_max);
    assert!(filled.bytes_max <= BACKLOG * 5 / 2);
    let drained = measure(|| {
        while !client.output().is_empty() {
            client.consume_output(16 * 1024);
        }
    });
    let kept = filled.bytes_current + drained.bytes_current;
    println!("kept of it: {kept} bytes");
    assert!((0..=1024).contains(&kept), "{kept} bytes are kept");
}
