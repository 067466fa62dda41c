use super::*;
use xmppwire::{
    Client, ClientConfig, ClientEvent, DecoyKey, Entropy, Jid, Server, ServerConfig, ServerEvent,
    TlsPolicy,
};

fn link() -> Link<Client> {
    let account = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t").unwrap();
    let client = Client::new(account, Entropy::from_seed([1; 32]), Instant::ORIGIN);
    Link::new(client, None)
}

#[test]
fn an_alarm_rings_once() {
    let mut link = link();
    let of_connection = link.poll_timeout().unwrap();
    let alarm = Instant::ORIGIN + Duration::from_secs(1);
    link.set_alarm(Some(alarm));
    assert_eq!(link.poll_timeout(), Some(alarm));
    link.handle_timeout(Instant::ORIGIN);
    assert_eq!(link.poll_timeout(), Some(alarm), "it is early");
    link.handle_timeout(alarm);
    assert_eq!(link.poll_timeout(), Some(of_connection));
}

/// A connection whose output is full does not read, and this one will never be written.
#[test]
fn a_full_output_that_cannot_be_written_does_not_hide_the_end() {
    let mut limits = xmppwire::Limits::default();
    limits.output_backlog = 1;
    let account = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t").unwrap();
    let account = account.with_limits(limits);
    let client = Client::new(account, Entropy::from_seed([1; 32]), Instant::ORIGIN);
    let mut link = Link::new(client, None);
    assert!(!link.wants_read(), "the header fills the output");
    link.write_failed(io::ErrorKind::BrokenPipe.into());
    assert!(link.poll_event(Instant::ORIGIN).is_pending());
    assert!(link.wants_read());
    link.receive_eof();
    assert!(matches!(
        link.poll_event(Instant::ORIGIN),
        Poll::Ready(Some(Err(LinkError::Io(_))))
    ));
}

#[test]
fn the_first_failure_is_reported() {
    let mut link = link();
    link.write_failed(io::ErrorKind::BrokenPipe.into());
    assert_eq!(link.write_error(), Some(io::ErrorKind::BrokenPipe));
    assert!(link.output().is_empty());
    assert!(link.wants_read(), "the other side may have said why");
    link.receive_eof();
    assert!(matches!(
        link.poll_event(Instant::ORIGIN),
        Poll::Ready(Some(Err(LinkError::Io(error)))) if error.kind() == io::ErrorKind::BrokenPipe
    ));
    assert!(matches!(
        link.poll_event(Instant::ORIGIN),
        Poll::Ready(None)
    ));
}

/// A server that has ended the stream with an error and has shut its side of the transport down.
fn after_an_error() -> Link<Server> {
    let config = ServerConfig::new(DecoyKey::new([1; 32]));
    let server = Server::new(config, Entropy::from_seed([1; 32]), Instant::ORIGIN);
    let mut link = Link::new(server, None);
    link.receive(Instant::ORIGIN, b"<hello/> and so on");
    assert!(link.poll_event(Instant::ORIGIN).is_pending());
    assert!(!link.wants_shutdown(), "there is something to say");
    let words = link.output().len();
    assert!(words > 0);
    link.consume_output(words);
    assert!(link.wants_shutdown());
    link.shut_down();
    assert!(!link.wants_shutdown());
    link
}

fn is_violation(end: &Poll<Option<Result<ServerEvent, LinkError>>>) -> bool {
    let Poll::Ready(Some(Ok(ServerEvent::Closed(reason)))) = end else {
        return false;
    };
    matches!(reason, CloseReason::Violation { .. })
}

#[test]
fn the_last_words_are_not_destroyed_by_closing_over_unread_bytes() {
    let mut link = after_an_error();
    assert!(link.poll_event(Instant::ORIGIN).is_pending());
    assert!(link.wants_read());
    link.receive(Instant::ORIGIN, b"still talking");
    assert!(link.poll_event(Instant::ORIGIN).is_pending());
    link.receive_eof();
    assert!(is_violation(&link.poll_event(Instant::ORIGIN)));
}

#[test]
fn the_wait_for_the_peer_to_finish_ends() {
    let mut link = after_an_error();
    let end = Instant::ORIGIN + FAREWELL;
    assert_eq!(link.poll_timeout(), Some(end));
    link.handle_timeout(end);
    assert!(is_violation(&link.poll_event(end)));
    assert!(matches!(link.poll_event(end), Poll::Ready(None)));
}

/// RFC 6120 §4.4: the server's closing tag and the end of its bytes are awaited.
#[test]
fn a_refused_login_ends_when_the_server_has_closed() {
    let account = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t").unwrap();
    let account = account.with_tls(TlsPolicy::Preferred);
    let client = Client::new(account, Entropy::from_seed([1; 32]), Instant::ORIGIN);
    let mut link = Link::new(client, None);
    let tell = |link: &mut Link<Client>, text: &str| {
        link.receive(Instant::ORIGIN, text.as_bytes());
        assert!(link.poll_event(Instant::ORIGIN).is_pending());
        let words = link.output().to_vec();
        link.consume_output(words.len());
        String::from_utf8(words).unwrap()
    };
    tell(
        &mut link,
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
         from='example.org' id='1' version='1.0'><stream:features>\
         <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1</mechanism>\
         </mechanisms></stream:features>",
    );
    let failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>";
    assert_eq!(tell(&mut link, failure), "</stream:stream>");
    assert!(!link.wants_shutdown() && link.wants_read());
    tell(&mut link, "</stream:stream>");
    assert!(link.wants_shutdown() && link.wants_read());
    link.shut_down();
    assert!(link.poll_event(Instant::ORIGIN).is_pending());
    link.receive_eof();
    let Poll::Ready(Some(Ok(ClientEvent::Closed(reason)))) = link.poll_event(Instant::ORIGIN)
    else {
        panic!("it does not end");
    };
    assert!(matches!(reason, CloseReason::AuthFailed(_)));
}

/// Sockets do not tell that the other end is gone, so every role checks a silent peer unless it is
/// told not to. A server begins later than its clients.
#[test]
fn a_link_checks_silent_peers() {
    let mut client = link();
    assert_eq!(client.connection().keep_alive(), Some(KeepAlive::ping()));
    client.connection_mut().set_keep_alive(None);
    assert_eq!(client.connection().keep_alive(), None);
    let config = ServerConfig::new(DecoyKey::new([1; 32]));
    let server = Link::accept(config, None, Instant::ORIGIN).unwrap();
    let policy = server.connection().keep_alive().unwrap();
    assert!(policy.silence() > KeepAlive::ping().silence());
    // A policy that was set before stays.
    let own = KeepAlive::white_space();
    let account = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t").unwrap();
    let mut client = Client::new(account, Entropy::from_seed([1; 32]), Instant::ORIGIN);
    client.set_keep_alive(Some(own));
    assert_eq!(Link::new(client, None).connection().keep_alive(), Some(own));
}
