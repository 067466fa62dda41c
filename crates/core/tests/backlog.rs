//! What a peer that does not read can make a connection hold, and who may be ended by it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use allocation_counter::measure;
use xmppwire::{
    ApiMisuse, BareJid, BindAnswer, Client, ClientConfig, ClientEvent, CloseReason, Connection,
    DecoyKey, Entropy, Host, HostAnswer, Instant, InvalidStanza, Jid, Limits, Mechanism,
    MechanismPolicy, Message, PeerMisbehaved, SaslAnswer, Server, ServerConfig, ServerEvent,
    Stanza, StreamErrorCondition, TlsInfo, TlsOffer,
};

const NOW: Instant = Instant::ORIGIN;

const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1' from='example.org'>";

/// A malformed request, which the machine answers itself.
const MALFORMED: &str = "<iq type='get' id='1'/>";

/// Lets the peer read everything, then speak; returns the answer.
fn tell(client: &mut Connection<Client>, text: &str) -> String {
    client.take_output();
    assert_eq!(client.receive(NOW, text.as_bytes()), text.len());
    String::from_utf8(client.take_output()).unwrap()
}

/// A client that is bound as `juliet@example.org/balcony`.
fn bound(limits: Limits) -> Connection<Client> {
    let config = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t")
        .unwrap()
        .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
        .with_limits(limits);
    let entropy = Entropy::from_seed([2; 32]);
    let mut client = Client::with_direct_tls(config, entropy, NOW, TlsInfo::default());
    tell(&mut client, HEADER);
    tell(
        &mut client,
        "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
        <mechanism>PLAIN</mechanism></mechanisms></stream:features>",
    );
    tell(
        &mut client,
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    );
    tell(&mut client, HEADER);
    let request = tell(
        &mut client,
        "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
    );
    let id = request.split("id='").nth(1).unwrap();
    let id = id.split('\'').next().unwrap();
    tell(
        &mut client,
        &format!(
            "<iq type='result' id='{id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
            <jid>juliet@example.org/balcony</jid></bind></iq>"
        ),
    );
    assert!(matches!(client.poll_event(), Some(ClientEvent::Bound(_))));
    client
}

/// A server whose client is bound as `juliet@example.org/balcony`.
fn bound_server(limits: Limits) -> Connection<Server> {
    const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
        xmlns:stream='http://etherx.jabber.org/streams' to='example.org'>";
    let config = ServerConfig::new(DecoyKey::new([1; 32])).with_limits(limits);
    let entropy = Entropy::from_seed([3; 32]);
    let mut server = Server::with_direct_tls(config, entropy, NOW, TlsInfo::default());
    for said in [
        HEADER,
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABzM2NyM3Q=</auth>",
        HEADER,
        "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>balcony</resource></bind></iq>",
    ] {
        assert_eq!(server.receive(NOW, said.as_bytes()), said.len());
        while let Some(event) = server.poll_event() {
            match event {
                ServerEvent::Opened(request) => {
                    let host = Host::new(TlsOffer::Required, [Mechanism::Plain]);
                    server
                        .choose_host(request, HostAnswer::Serve(host))
                        .unwrap();
                }
                ServerEvent::Sasl(request) => {
                    let account = BareJid::new("juliet@example.org").unwrap();
                    server
                        .answer_sasl(request, SaslAnswer::Accept(account))
                        .unwrap();
                }
                ServerEvent::Bind(request) => {
                    let resource = request.suggested().clone();
                    server
                        .answer_bind(request, BindAnswer::Bind(resource))
                        .unwrap();
                }
                _ => {}
            }
        }
        server.take_output();
    }
    assert!(server.jid().is_some());
    server
}

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
