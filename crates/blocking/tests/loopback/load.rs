//! Ten megabytes in both directions at once, with waits that end: no deadlock, and no backlog that
//! grows.

use std::task::Poll;
use std::time::Duration;

use xmppwire_blocking::{
    Client, ClientConfig, Connector, Error, Jid, Limits, Mode, ServerConfig, ServerConnection,
    ServerEvent, Stanza,
};
use xmppwire_test_support::adapter::Accepted;
use xmppwire_test_support::site::{Site, log_in, message, narrow, visit};
use xmppwire_test_support::{JULIET, PASSWORD, both, config};

/// 10 MB in each direction, in stanzas of 10 kB.
const STANZAS: usize = 1_000;
const LENGTH: usize = 10_000;

/// A stream whose backlog grows beyond this ends with an error, on either side.
const BACKLOG: usize = 160 * 1024;

/// What may wait to be written where the sender looks: 64 KiB, one stanza, and what TLS has sealed
/// of them.
const AHEAD: usize = 64 * 1024 + 2 * LENGTH;

fn limits() -> Limits {
    let mut limits = Limits::new();
    limits.output_backlog = BACKLOG;
    limits
}

/// Sends as much as the client takes, and takes the client's stanzas meanwhile.
fn serve(client: &mut ServerConnection) -> usize {
    let text = "s".repeat(LENGTH);
    let (mut sent, mut received) = (0, 0);
    loop {
        while sent < STANZAS && client.backlog() < 64 * 1024 {
            client.send(message(&text));
            sent += 1;
        }
        assert!(client.backlog() <= AHEAD);
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
    let site = Site::new();
    let port = site.port;
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD).unwrap();
    let connector = Connector::new(account.with_limits(limits()))
        .unwrap()
        .with_tls(site.authority.client())
        .with_inbox_bytes(16 * 1024);

    let server = move || {
        let socket = narrow(site.socket());
        let config: ServerConfig = config().with_limits(limits());
        let mut client = ServerConnection::accept(socket, config, Some(site.tls)).unwrap();
        log_in(&mut client).unwrap();
        serve(&mut client)
    };
    let client = move || {
        let socket = narrow(visit(port));
        let mut client = Client::over(socket, Mode::StartTls, &connector).unwrap();
        let text = "c".repeat(LENGTH);
        let mut received = 0;
        for _ in 0..STANZAS {
            while let Err(error) = client.send(message(&text)) {
                assert!(matches!(error, Error::InboxFull), "{error:?}");
                client.next().unwrap().unwrap();
                received += 1;
            }
            assert!(client.backlog() <= AHEAD);
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
