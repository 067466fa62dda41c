//! Ten megabytes each way at the same time: no deadlock, and no buffer that grows with them.

use std::sync::mpsc;
use std::time::Duration;

use xmppwire::{ClientConfig, Jid, Limits, ServerEvent};
use xmppwire_net::client::{Connector, Error};
use xmppwire_net::find::Mode;

use crate::adapter::{Accepted, Adapter, Session};
use crate::site::{Site, end, log_in, message, narrow, next_message, visit};
use crate::{JULIET, PASSWORD, PATIENCE, both, config};

const STANZA: usize = 10 * 1024;
const STANZAS: usize = 1024;

/// What may wait to be written where the sender looks: the 64 KiB that `send` goes ahead, one
/// stanza, and what TLS has sealed of them.
const AHEAD: usize = 64 * 1024 + 2 * STANZA;

/// A stream whose backlog grows beyond this ends with an error, on either side.
fn limits() -> Limits {
    let mut limits = Limits::new();
    limits.output_backlog = 160 * 1024;
    limits
}

fn accept<A: Adapter>(site: &Site, limits: Limits) -> A::Accepted {
    let (socket, tls) = (narrow(site.socket()), site.tls.clone());
    let mut client = A::accept(socket, config().with_limits(limits), Some(tls)).unwrap();
    log_in(&mut client).unwrap();
    client.flush();
    client
}

fn connect<A: Adapter>(
    site: &Site,
) -> impl FnOnce() -> A::Session<xmppwire::Client> + Send + 'static {
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD).unwrap();
    let connector = Connector::new(account.with_limits(limits()))
        .unwrap()
        .with_tls(site.authority.client())
        .with_inbox_bytes(16 * 1024);
    let port = site.port;
    move || A::over(narrow(visit(port)), Mode::StartTls, &connector).unwrap()
}

/// Sends everything, and takes stanzas when `send` says that they have to be taken first.
fn send_and_take(client: &mut impl Session) {
    let stanza = message(&"x".repeat(STANZA));
    let mut taken = 0;
    for _ in 0..STANZAS {
        while let Err(error) = client.send(stanza.clone()) {
            assert!(matches!(error, Error::InboxFull), "{error}");
            client.next().unwrap().unwrap();
            taken += 1;
        }
        assert!(client.backlog() <= AHEAD);
    }
    while taken < STANZAS {
        client.next().unwrap().unwrap();
        taken += 1;
    }
}

/// The server answers each stanza with as many bytes, and takes the next one when they are written.
pub fn an_echo_of_ten_megabytes<A: Adapter>() {
    let site = Site::new();
    let connect = connect::<A>(&site);
    let server = move || {
        let mut client = accept::<A>(&site, limits());
        let mut seen = 0;
        while let Some(event) = client.next_event().unwrap() {
            if let ServerEvent::Stanza(stanza) = event {
                seen += 1;
                client.send(stanza);
                assert!(client.drain(PATIENCE));
                assert_eq!(client.backlog(), 0);
            }
        }
        seen
    };
    let client = || {
        let mut client = connect();
        send_and_take(&mut client);
        client.close().unwrap();
    };
    let (seen, ()) = both(server, client);
    assert_eq!(seen, STANZAS);
}

/// Neither end waits for the other before it sends.
pub fn ten_megabytes_each_way<A: Adapter>() {
    let site = Site::new();
    let connect = connect::<A>(&site);
    let server = move || {
        let mut client = accept::<A>(&site, limits());
        let stanza = message(&"x".repeat(STANZA));
        let (mut sent, mut taken) = (0, 0);
        while sent < STANZAS || taken < STANZAS {
            assert!(client.backlog() <= AHEAD);
            if sent < STANZAS && client.backlog() <= AHEAD - 2 * STANZA {
                client.send(stanza.clone());
                sent += 1;
            } else if taken < STANZAS {
                let event = client.next_event().unwrap();
                assert!(matches!(event, Some(ServerEvent::Stanza(_))), "{event:?}");
                taken += 1;
            } else {
                client.flush();
            }
        }
        while client.next_event().unwrap().is_some() {}
    };
    let client = || {
        let mut client = connect();
        send_and_take(&mut client);
        client.close().unwrap();
    };
    both(server, client);
}

/// A peer that writes before it reads may wait itself, so that neither end would ever go on.
pub fn a_flush_does_not_wait_for_a_peer_that_waits<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls).with_inbox_bytes(0);
    let port = site.port;
    let (stuck, client_is_stuck) = mpsc::channel();
    let (go_on, server_is_done) = mpsc::channel();
    let server = move || {
        let mut client = accept::<A>(&site, Limits::new());
        client_is_stuck.recv().unwrap();
        for _ in 0..100 {
            client.send(message(&"x".repeat(STANZA)));
        }
        // It cannot be written, and the reason is the event that waits here.
        assert!(!client.flush());
        assert!(!client.drain(Duration::from_millis(1)));
        assert!(client.backlog() > 0);
        next_message(&mut client);
        go_on.send(()).unwrap();
        end(&mut client);
    };
    let client = move || {
        let mut client = A::over(narrow(visit(port)), Mode::StartTls, &connector).unwrap();
        let error = loop {
            if let Err(error) = client.send(message(&"x".repeat(STANZA))) {
                break error;
            }
        };
        assert!(matches!(error, Error::InboxFull), "{error}");
        stuck.send(()).unwrap();
        server_is_done.recv().unwrap();
        client.close().unwrap();
    };
    both(server, client);
}
