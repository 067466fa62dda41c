//! Much in both directions at once: neither side may wait for the other, and neither may pile it up.

use std::net::TcpStream;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use socket2::SockRef;
use xmppwire_blocking::{
    Client, ClientConfig, Connection, Connector, Error, Jid, Limits, Mode, ServerConfig,
    ServerConnection, ServerEvent, Stanza,
};
use xmppwire_test_support::{Authority, JULIET, PASSWORD, config, juliet};

use crate::support::{both, give, last_event, listen, log_in, message, over};

/// 10 MB in each direction, in stanzas of 10 kB.
const STANZAS: usize = 1_000;
const LENGTH: usize = 10_000;

/// A stream whose backlog grows beyond this ends with an error, on either side.
const BACKLOG: usize = 160 * 1024;

fn limits() -> Limits {
    let mut limits = Limits::new();
    limits.output_backlog = BACKLOG;
    limits
}

/// Left to itself, the system takes so much for a loopback socket that nobody ever waits.
fn narrow(socket: TcpStream) -> TcpStream {
    let sizes = SockRef::from(&socket);
    sizes.set_send_buffer_size(64 * 1024).unwrap();
    sizes.set_recv_buffer_size(64 * 1024).unwrap();
    socket
}

/// Sends as much as the other side takes, and takes what it sends meanwhile.
fn serve(client: &mut ServerConnection) -> usize {
    let text = "s".repeat(LENGTH);
    let (mut sent, mut received) = (0, 0);
    loop {
        while sent < STANZAS && client.connection().output().len() < BACKLOG / 2 {
            give(client, &text);
            sent += 1;
        }
        let wait = match sent < STANZAS {
            true => {
                client.flush();
                Duration::ZERO
            }
            false => Duration::MAX,
        };
        match client.next_event_timeout(wait).unwrap() {
            Poll::Ready(Some(ServerEvent::Stanza(Stanza::Message(message)))) => {
                assert_eq!(message.body().unwrap().len(), LENGTH);
                received += 1;
            }
            Poll::Ready(Some(_)) | Poll::Pending => {}
            Poll::Ready(None) => return received,
        }
    }
}

#[test]
fn ten_megabytes_each_way_at_once() {
    let authority = Authority::new();
    let tls = authority.server("example.org");
    let (listener, port) = listen();
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD).unwrap();
    let connector = Connector::new(account.with_limits(limits()))
        .unwrap()
        .with_tls(authority.client())
        .with_inbox(16);

    let server = move || {
        let socket = narrow(listener.accept().unwrap().0);
        let config: ServerConfig = config().with_limits(limits());
        let mut client = ServerConnection::accept(socket, config, Some(tls)).unwrap();
        log_in(&mut client).unwrap();
        serve(&mut client)
    };
    let client = move || {
        let socket = narrow(TcpStream::connect(("127.0.0.1", port)).unwrap());
        let mut client = Client::over(socket, Mode::StartTls, &connector).unwrap();
        let text = "c".repeat(LENGTH);
        let mut received = 0;
        for _ in 0..STANZAS {
            while let Err(error) = client.send(message(&text)) {
                assert!(matches!(error, Error::InboxFull), "{error:?}");
                client.next().unwrap().unwrap();
                received += 1;
            }
        }
        while received < STANZAS {
            client.next().unwrap().unwrap();
            received += 1;
        }
        client.close().unwrap();
        received
    };
    assert_eq!(both(server, client), (STANZAS, STANZAS));
}

#[test]
fn a_flush_does_not_wait_for_a_peer_that_waits_itself() {
    let authority = Authority::new();
    let tls = authority.server("example.org");
    let (listener, port) = listen();
    let connector = juliet(&authority).with_inbox(0);
    let (stuck, peer_is_stuck) = mpsc::channel();
    let (go_on, let_go) = mpsc::channel();

    let server = move || {
        let socket = narrow(listener.accept().unwrap().0);
        let mut client = over(socket, &tls, Mode::StartTls);
        log_in(&mut client).unwrap();
        client.flush();
        peer_is_stuck.recv().unwrap();
        let text = "s".repeat(LENGTH);
        for _ in 0..100 {
            give(&mut client, &text);
        }
        // It cannot be written, and the reason is the event that waits here.
        client.flush();
        assert!(client.backlog() > 0);
        assert!(matches!(
            client.next_event_timeout(Duration::ZERO).unwrap(),
            Poll::Ready(Some(ServerEvent::Stanza(_)))
        ));
        go_on.send(()).unwrap();
        last_event(&mut client);
    };
    let client = move || {
        let socket = narrow(TcpStream::connect(("127.0.0.1", port)).unwrap());
        let mut client = Client::over(socket, Mode::StartTls, &connector).unwrap();
        let text = "c".repeat(LENGTH);
        let error = loop {
            if let Err(error) = client.send(message(&text)) {
                break error;
            }
        };
        assert!(matches!(error, Error::InboxFull), "{error:?}");
        stuck.send(()).unwrap();
        let_go.recv().unwrap();
        client.close().unwrap();
    };
    both(server, client);
}
