//! Both ends of a link in memory: the events are the same however the network cuts the bytes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::task::Poll;

use xmppwire::{
    Client, ClientConfig, ClientEvent, CloseReason, Endpoint, Instant, Jid, Message, Role, Server,
    ServerEvent, StreamErrorCondition, StreamManagement, Timer,
};
use xmppwire_net::find::Mode;
use xmppwire_net::link::{Handshake, Link, LinkError, TlsSide, Wire};
use xmppwire_test_support::{Authority, DOMAIN, JULIET, PASSWORD, Porter, config};

const NOW: Instant = Instant::ORIGIN;

/// One side of the connection, with its events.
struct Side<R: Role> {
    link: Link<R>,
    events: Vec<R::Event>,
    failure: Option<LinkError>,
    /// Bytes from the other side that have not arrived yet.
    under_way: Vec<u8>,
}

impl<R: Role> Side<R> {
    fn new(link: Link<R>) -> Self {
        Self {
            link,
            events: Vec::new(),
            failure: None,
            under_way: Vec::new(),
        }
    }

    /// Takes all events.
    fn listen(&mut self, mut on: impl FnMut(&mut Endpoint<R>, R::Event) -> Option<R::Event>) {
        while let Poll::Ready(Some(event)) = self.link.poll_event(NOW) {
            match event {
                Ok(event) => self.events.extend(on(self.link.connection_mut(), event)),
                Err(error) => self.failure = Some(error),
            }
        }
    }

    /// Delivers a piece of the bytes that are under way.
    fn hear(&mut self, piece: usize) {
        if self.link.wants_read() && !self.under_way.is_empty() {
            let length = piece.min(self.under_way.len());
            let bytes: Vec<_> = self.under_way.drain(..length).collect();
            self.link.receive(NOW, &bytes);
        }
    }

    fn speak(&mut self, piece: usize, to: &mut Vec<u8>) {
        let output = self.link.output();
        let length = piece.min(output.len());
        to.extend_from_slice(&output[..length]);
        self.link.consume_output(length);
    }
}

/// White space of the client around its STARTTLS, as clients send it that end every element with a
/// line feed.
#[derive(Default)]
struct Typist {
    said: Vec<u8>,
    answered: Vec<u8>,
}

impl Typist {
    /// Puts it `under_way` behind the client's request, and again while the server's answer is on
    /// its way.
    fn type_on(&mut self, under_way: &mut Vec<u8>, new: usize, answer: &[u8]) {
        let was_said = self.said.ends_with(b"xmpp-tls'/>");
        let was_answered = self.answered.ends_with(b"xmpp-tls'/>");
        if !was_said {
            let old = under_way.len() - new;
            self.said.extend_from_slice(&under_way[old..]);
            if self.said.ends_with(b"xmpp-tls'/>") {
                under_way.extend_from_slice(b"\n");
            }
        } else if !was_answered {
            self.answered.extend_from_slice(answer);
            if self.answered.ends_with(b"xmpp-tls'/>") {
                under_way.extend_from_slice(b" \t\r\n");
            }
        }
    }
}

/// A whole session, in which three messages are echoed. The bytes `behind`, if any, arrive at the
/// client in one piece with the bytes that are still under way, and end the session.
fn session(
    mode: Mode,
    piece: usize,
    behind: &[u8],
    typist: Option<Typist>,
) -> (Side<Client>, Side<Server>) {
    session_at(Porter::default(), mode, piece, behind, typist)
}

/// The same at a server that may offer more.
fn session_at(
    mut porter: Porter,
    mode: Mode,
    piece: usize,
    behind: &[u8],
    mut typist: Option<Typist>,
) -> (Side<Client>, Side<Server>) {
    let authority = Authority::new();
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD).unwrap();
    let account = account.with_stream_management(StreamManagement::new());
    let seed = || xmppwire::Entropy::from_seed([1; 32]);
    let near = TlsSide::client(authority.client(), DOMAIN.parse().unwrap());
    let tls = authority.server(DOMAIN);
    let (client, server) = match mode {
        Mode::StartTls => {
            let server = Server::new(config(), xmppwire::Entropy::from_seed([2; 32]), NOW);
            let server = Link::new(server, Some(TlsSide::server(tls)));
            let client = Client::new(account, seed(), NOW);
            (Link::new(client, Some(near)), server)
        }
        _ => {
            let late = NOW + std::time::Duration::from_secs(10);
            let mut near = Handshake::new(near, late).unwrap();
            let mut far = Handshake::new(TlsSide::server(tls), late).unwrap();
            let (near, far) = shake_hands(&mut near, &mut far, piece);
            let entropy = xmppwire::Entropy::from_seed([2; 32]);
            let server = Server::with_direct_tls(config(), entropy, NOW, far.info());
            let client = Client::with_direct_tls(account, seed(), NOW, near.info());
            (Link::over_tls(client, near), Link::over_tls(server, far))
        }
    };
    let (mut client, mut server) = (Side::new(client), Side::new(server));
    let mut bound = false;
    for _ in 0..200_000 {
        client.listen(|client, event| {
            if let ClientEvent::Bound(jid) = &event {
                for n in 0..3 {
                    let message = Message::chat(Jid::from(jid.clone()), n.to_string());
                    client.send(&message.into()).unwrap();
                }
            }
            (!matches!(event, ClientEvent::Managed(_))).then_some(event)
        });
        server.listen(|server, event| match event {
            ServerEvent::Stanza(stanza) => {
                server.send(&stanza).unwrap();
                Some(ServerEvent::Stanza(stanza))
            }
            ServerEvent::Closed(_) => Some(event),
            ServerEvent::Managed(_) | ServerEvent::Acknowledged(_) => None,
            event => {
                assert!(porter.answer(server, event));
                None
            }
        });
        bound |= porter.login().is_some();
        let before = server.under_way.len();
        client.speak(piece, &mut server.under_way);
        let said = server.under_way.len() - before;
        let before = client.under_way.len();
        server.speak(piece, &mut client.under_way);
        if let Some(typist) = &mut typist {
            typist.type_on(&mut server.under_way, said, &client.under_way[before..]);
        }
        let done = bound && server.events.len() == 3 && server.link.backlog() == 0;
        if done && !behind.is_empty() {
            client.under_way.extend_from_slice(behind);
            while client.failure.is_none() {
                client.hear(usize::MAX);
                client.listen(|_, event| Some(event));
                let words = client.link.output().len();
                client.link.consume_output(words);
                if client.link.wants_shutdown() {
                    client.link.shut_down();
                }
            }
            return (client, server);
        }
        client.hear(piece);
        server.hear(piece);
        if client.events.len() == 4 {
            return (client, server);
        }
    }
    panic!(
        "the session does not end: {:?} {:?}",
        client.events, server.events
    );
}

fn shake_hands(
    near: &mut Handshake,
    far: &mut Handshake,
    piece: usize,
) -> (xmppwire_net::link::Secured, xmppwire_net::link::Secured) {
    let carry = |from: &mut Handshake, to: &mut Handshake| {
        let output = from.output();
        let bytes = output[..piece.min(output.len())].to_vec();
        from.consume_output(bytes.len());
        to.receive(NOW, &bytes);
    };
    let mut done = None;
    for _ in 0..20_000 {
        carry(near, far);
        carry(far, near);
        // The client is done first; its last bytes still have to be carried.
        if near.output().is_empty()
            && let Poll::Ready(near) = near.poll(NOW)
        {
            done = Some(near.unwrap());
            break;
        }
    }
    let Poll::Ready(far) = far.poll(NOW) else {
        panic!("the handshake does not end");
    };
    (done.unwrap(), far.unwrap())
}

fn bodies(events: &[ClientEvent]) -> Vec<String> {
    let body = |event: &ClientEvent| match event {
        ClientEvent::Stanza(xmppwire::Stanza::Message(message)) => {
            message.body().map(|body| body.into_owned())
        }
        _ => None,
    };
    events.iter().filter_map(body).collect()
}

#[test]
fn the_events_are_the_same_however_the_bytes_are_cut() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        for piece in [1, 2, 5, 17, 100, 1000, 16 * 1024] {
            let (client, server) = session(mode, piece, b"", None);
            assert!(matches!(client.events[0], ClientEvent::Bound(_)));
            assert_eq!(bodies(&client.events), ["0", "1", "2"], "{mode:?} {piece}");
            assert_eq!(server.events.len(), 3);
            assert_eq!(client.link.mode(), mode);
            assert_eq!(
                client.link.tls().unwrap().exporter,
                server.link.tls().unwrap().exporter
            );
        }
    }
}

#[test]
fn what_came_before_a_wrong_record_counts() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let (client, _) = session(mode, 16 * 1024, b"</stream:stream>", None);
        assert_eq!(bodies(&client.events), ["0", "1", "2"], "{mode:?}");
        assert!(matches!(client.failure, Some(LinkError::Tls(_))));
    }
}

/// RFC 6120 §5.4.2.3 does not allow it, and deployed clients send it.
#[test]
fn white_space_of_a_client_before_tls_is_dropped() {
    for piece in [1, 2, 5, 17, 100, 1000, 16 * 1024] {
        let (client, _) = session(Mode::StartTls, piece, b"", Some(Typist::default()));
        assert_eq!(bodies(&client.events), ["0", "1", "2"], "{piece}");
    }
}

/// RFC 6120 §13.7.2.3
#[test]
fn a_session_ends_with_the_certificate_of_the_server() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let (mut client, mut server) = session(mode, 16 * 1024, b"", None);
        let valid_for = client.link.tls().unwrap().peer_valid_for.unwrap();
        let second = std::time::Duration::from_secs(1);
        client.link.handle_timeout(NOW + (valid_for - second));
        client.listen(|_, event| Some(event));
        assert_eq!(client.events.len(), 4, "{mode:?}");
        // The first call tells how much time has passed since the stanzas came.
        for _ in 0..2 {
            client.link.handle_timeout(NOW + valid_for);
        }
        for _ in 0..10 {
            client.speak(usize::MAX, &mut server.under_way);
            server.hear(usize::MAX);
            server.listen(|_, event| Some(event));
            server.speak(usize::MAX, &mut client.under_way);
            client.hear(usize::MAX);
            client.listen(|_, event| Some(event));
            if client.link.wants_shutdown() {
                client.link.shut_down();
            }
            if server.link.wants_shutdown() {
                server.link.shut_down();
            }
        }
        let Some(ClientEvent::Closed(reason)) = client.events.last() else {
            panic!("{mode:?}: {:?}", client.events.last());
        };
        assert_eq!(*reason, CloseReason::TimedOut(Timer::Certificate));

        let Some(ServerEvent::Closed(CloseReason::PeerError(error))) = server.events.last() else {
            panic!("{mode:?}: {:?}", server.events.last());
        };
        assert_eq!(error.condition(), StreamErrorCondition::Reset);
        // The client showed no certificate.
        assert_eq!(server.link.tls().unwrap().peer_valid_for, None);
    }
}

/// A peer may write on before it reads, so a flush must not wait for it while an event waits here.
#[test]
fn a_flush_ends_where_an_event_has_to_be_taken_first() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let (mut client, mut server) = session(mode, 16 * 1024, b"", None);
        assert_eq!(server.link.poll_flushed(NOW), Poll::Ready(true));
        let message = Message::chat(Jid::new("juliet@example.org").unwrap(), "again").into();
        server.link.connection_mut().send(&message).unwrap();
        assert_eq!(server.link.poll_flushed(NOW), Poll::Pending);

        client.link.connection_mut().send(&message).unwrap();
        client.link.connection_mut().send(&message).unwrap();
        client.speak(usize::MAX, &mut server.under_way);
        server.hear(usize::MAX);
        assert_eq!(server.link.poll_flushed(NOW), Poll::Ready(false));
        assert!(!server.link.wants_read(), "no more than that event is read");
        assert_eq!(server.link.poll_flushed(NOW), Poll::Ready(false));
        // Holding the peer back is something else, and ends with its time.
        let deadline = NOW + std::time::Duration::from_secs(1);
        assert_eq!(server.link.poll_drained(NOW, deadline), Poll::Pending);
        assert_eq!(server.link.poll_timeout(), Some(deadline));
        assert_eq!(
            server.link.poll_drained(deadline, deadline),
            Poll::Ready(false)
        );
        server.listen(|_, event| Some(event));
        assert_eq!(server.events.len(), 3 + 2, "the event is not lost");

        server.speak(usize::MAX, &mut client.under_way);
        assert_eq!(server.link.poll_flushed(NOW), Poll::Ready(true));
        assert_eq!(server.link.poll_drained(NOW, NOW), Poll::Ready(true));
        server
            .link
            .write_failed(std::io::ErrorKind::BrokenPipe.into());
        assert_eq!(server.link.poll_flushed(NOW), Poll::Ready(false));
        assert_eq!(server.link.poll_drained(NOW, deadline), Poll::Ready(true));
    }
}

/// A stanza that a flush has met was not given to the application, so it does not count as handled
/// (XEP-0198 §4): the client sends it again when the session continues elsewhere.
#[test]
fn a_flush_leaves_a_stanza_unhandled() {
    let porter = Porter::managing();
    let (mut client, mut server) = session_at(porter, Mode::DirectTls, 16 * 1024, b"", None);
    let message = Message::chat(Jid::new("juliet@example.org").unwrap(), "again").into();
    server.link.connection_mut().send(&message).unwrap();
    for _ in 0..2 {
        client.link.connection_mut().send(&message).unwrap();
    }
    client.speak(usize::MAX, &mut server.under_way);
    server.hear(usize::MAX);
    assert_eq!(server.link.poll_flushed(NOW), Poll::Ready(false));
    let session = server.link.connection_mut().detach().expect("a session");
    assert_eq!(session.handled(), 3);
    server.listen(|_, event| Some(event));
    let stanzas = server.events.iter();
    let stanzas = stanzas.filter(|event| matches!(event, ServerEvent::Stanza(_)));
    assert_eq!(stanzas.count(), 3, "the session has left");
}

/// Both ends of a connection with STARTTLS from its start to its end, which the client begins as
/// soon as it is bound, and all bytes that each of them writes. The server's certificate is from
/// `authority`, and the client trusts `trusted`.
fn converse(
    authority: &Authority,
    trusted: &Authority,
) -> (Side<Client>, Side<Server>, [Vec<u8>; 2]) {
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD).unwrap();
    let client = Client::new(account, xmppwire::Entropy::from_seed([1; 32]), NOW);
    let server = Server::new(config(), xmppwire::Entropy::from_seed([2; 32]), NOW);
    let near = TlsSide::client(trusted.client(), DOMAIN.parse().unwrap());
    let far = TlsSide::server(authority.server(DOMAIN));
    let mut client = Side::new(Link::new(client, Some(near)));
    let mut server = Side::new(Link::new(server, Some(far)));
    let mut porter = Porter::default();
    let mut said = [Vec::new(), Vec::new()];
    for _ in 0..100 {
        client.listen(|client, event| {
            if let ClientEvent::Bound(_) = &event {
                client.close(NOW, None);
            }
            Some(event)
        });
        server.listen(|server, event| match event {
            ServerEvent::Closed(_) => Some(event),
            event => {
                assert!(porter.answer(server, event));
                None
            }
        });
        let mut words = Vec::new();
        client.speak(usize::MAX, &mut words);
        said[0].extend_from_slice(&words);
        server.under_way.extend(words);
        let mut words = Vec::new();
        server.speak(usize::MAX, &mut words);
        said[1].extend_from_slice(&words);
        client.under_way.extend(words);
        client.hear(usize::MAX);
        server.hear(usize::MAX);
        if client.link.wants_shutdown() {
            client.link.shut_down();
        }
        if server.link.wants_shutdown() {
            server.link.shut_down();
        }
    }
    (client, server, said)
}

/// The types and lengths of the TLS records that follow the last element of STARTTLS.
fn records(said: &[u8]) -> Vec<(u8, usize)> {
    const LAST: &[u8] = b"xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    let end = said.windows(LAST.len()).position(|part| part == LAST);
    let mut rest = &said[end.unwrap() + LAST.len()..];
    // The server's offer has the same words before those of its answer.
    while let Some(next) = rest.windows(LAST.len()).position(|part| part == LAST) {
        rest = &rest[next + LAST.len()..];
    }
    let mut records = Vec::new();
    while let [kind, 3, _, high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        records.push((*kind, length));
        rest = &after[length..];
    }
    assert_eq!(rest, b"", "clear text after STARTTLS");
    records
}

/// RFC 6120 §5.4.3.1.
#[test]
fn after_starttls_everything_is_in_tls_records() {
    let authority = Authority::new();
    let (client, server, said) = converse(&authority, &authority);
    assert!(matches!(
        client.events.last(),
        Some(ClientEvent::Closed(CloseReason::Local))
    ));
    assert!(matches!(
        server.events.last(),
        Some(ServerEvent::Closed(CloseReason::Peer))
    ));
    for said in said {
        assert!(records(&said).len() > 4);
    }
}

/// RFC 6120 §5.4.3.2: neither a stream error nor a closing tag follows; the TLS alert says it all.
#[test]
fn after_a_failed_handshake_nothing_is_written() {
    const CHANGE: u8 = 20;
    const HANDSHAKE: u8 = 22;
    const DATA: u8 = 23;
    let (client, server, said) = converse(&Authority::new(), &Authority::new());
    assert!(matches!(client.failure, Some(LinkError::Tls(_))));
    assert!(matches!(server.failure, Some(LinkError::Tls(_))));
    let [client, server] = said.map(|said| records(&said));
    // The alert is encrypted: two bytes, the type, and the tag.
    assert_eq!(client.last(), Some(&(DATA, 2 + 1 + 16)));
    // The server was refused in the middle of its handshake, and an alert is not answered.
    let of_handshake = server.iter().map(|(kind, _)| *kind);
    let flight = [HANDSHAKE, CHANGE, DATA, DATA, DATA, DATA];
    assert!(
        flight.starts_with(&of_handshake.collect::<Vec<_>>()),
        "{server:?}"
    );
}

/// RFC 6120 §4.4: who ends the stream waits for the answer to its `close_notify`, and for no more.
#[test]
fn the_end_waits_for_close_notify() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let (mut client, mut server) = session(mode, 16 * 1024, b"", None);
        server.link.output();
        client.link.connection_mut().close(NOW, None);
        client.speak(usize::MAX, &mut server.under_way);
        server.hear(usize::MAX);
        server.listen(|_, event| Some(event));
        server.speak(usize::MAX, &mut client.under_way);
        // The last record is the server's close_notify.
        let mut last = 0;
        let words = client.under_way.clone();
        while let [_, _, _, high, low, ..] = words[last..] {
            let next = last + 5 + usize::from(u16::from_be_bytes([high, low]));
            if next == words.len() {
                break;
            }
            last = next;
        }
        client.hear(last);
        client.listen(|_, event| Some(event));
        let mut answer = Vec::new();
        client.speak(usize::MAX, &mut answer);
        assert!(!answer.is_empty(), "its own close_notify");
        assert!(client.link.wants_shutdown());
        client.link.shut_down();
        assert!(client.link.poll_event(NOW).is_pending() && client.link.wants_read());
        client.hear(usize::MAX);
        assert!(matches!(
            client.link.poll_event(NOW),
            Poll::Ready(Some(Ok(ClientEvent::Closed(CloseReason::Local))))
        ));
    }
}
