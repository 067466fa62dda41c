//! Clients that send faster than their server acknowledges (XEP-0198).

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use xmppwire::{
    ClientConfig, CloseReason, Jid, Limits, ServerEvent, StreamManagement, Timer, Unacknowledged,
};
use xmppwire_net::client::{Connector, Error};
use xmppwire_net::find::Mode;

use super::resume::welcome;
use crate::adapter::{Accepted, Adapter, Handle, Session};
use crate::site::{Site, body, message};
use crate::{JULIET, PASSWORD, both};

/// Stanzas that a client sends: more bytes than its queue and its output hold together.
const STANZAS: usize = 1000;
const QUEUE: usize = 64 * 1024;

/// A client that asks its server only because the queue is more than half full.
fn lazy() -> StreamManagement {
    StreamManagement::new()
        .with_queue_bytes(QUEUE)
        .with_ask_after(u32::MAX, usize::MAX)
        .with_ask_after_silence(Duration::from_secs(3600))
}

fn juliet(site: &Site, policy: StreamManagement) -> Connector {
    let mut limits = Limits::new();
    limits.output_backlog = 256 * 1024;
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD).unwrap();
    Connector::new(account.with_limits(limits))
        .unwrap()
        .with_tls(site.authority.client())
        .with_server("127.0.0.1", site.port, Mode::StartTls)
        .with_stream_management(policy)
        .with_inbox_bytes(32 * 1024)
}

/// The stanza with this number.
fn numbered(number: usize) -> xmppwire::Message {
    message(&format!("{number:01000}"))
}

/// Takes what the client sends, which has to be each stanza once and in order.
fn take_all(client: &mut impl Accepted) {
    let mut taken = 0;
    while let Some(event) = client.next_event().unwrap() {
        if let ServerEvent::Stanza(stanza) = event {
            assert_eq!(body(Some(stanza)).parse(), Ok(taken));
            taken += 1;
        }
    }
    assert_eq!(taken, STANZAS);
}

fn numbers(stanzas: Vec<Unacknowledged>) -> Vec<usize> {
    let bodies = stanzas.into_iter().map(|each| body(Some(each.stanza)));
    bodies.map(|body| body.parse().unwrap()).collect()
}

/// It waits for acknowledgements.
pub fn a_client_that_sends_fast_keeps_its_stream<A: Adapter>() {
    for is_split in [false, true] {
        let site = Site::new();
        let connector = juliet(&site, lazy());
        let server = move || take_all(&mut welcome::<A>(&site));
        let client = move || {
            let mut client = A::connect_with(&connector).unwrap();
            if is_split {
                let (handle, stanzas, driver) = client.split();
                let driver = thread::spawn(driver);
                for number in 0..STANZAS {
                    handle.send(numbered(number)).unwrap();
                }
                assert!(handle.close().is_empty());
                driver.join().unwrap().unwrap();
                drop(stanzas);
            } else {
                for number in 0..STANZAS {
                    client.send(numbered(number)).unwrap();
                }
                client.close().unwrap();
            }
        };
        both(server, client);
    }
}

/// The server sends too, and reads nothing until the client is told to take that first. Nothing waits
/// for what the other end would have to do before.
pub fn a_client_that_only_sends_is_told_to_take_what_arrives<A: Adapter>() {
    const ARRIVING: usize = 100;
    for is_split in [false, true] {
        let site = Site::new();
        let connector = juliet(&site, lazy());
        let (stuck, client_is_stuck) = mpsc::channel();
        let server = move || {
            let mut client = welcome::<A>(&site);
            for number in 0..ARRIVING {
                client.send(numbered(number));
            }
            client.flush();
            client_is_stuck.recv().unwrap();
            take_all(&mut client);
        };
        let client = move || {
            let mut client = A::connect_with(&connector).unwrap();
            let is_full = |error: Error| assert!(matches!(error, Error::InboxFull), "{error}");
            let mut taken = 0;
            if is_split {
                let (handle, mut stanzas, driver) = client.split();
                let driver = thread::spawn(driver);
                for number in 0..STANZAS {
                    while let Err(error) = handle.send(numbered(number)) {
                        is_full(error);
                        let _ = stuck.send(());
                        assert_eq!(body(stanzas.next()).parse(), Ok(taken));
                        taken += 1;
                    }
                }
                assert!(taken > 0);
                while taken < ARRIVING {
                    assert_eq!(body(stanzas.next()).parse(), Ok(taken));
                    taken += 1;
                }
                assert!(handle.close().is_empty());
                driver.join().unwrap().unwrap();
            } else {
                for number in 0..STANZAS {
                    while let Err(error) = client.send(numbered(number)) {
                        is_full(error);
                        let _ = stuck.send(());
                        assert_eq!(body(client.next().unwrap()).parse(), Ok(taken));
                        taken += 1;
                    }
                }
                assert!(taken > 0);
                client.close().unwrap();
            }
        };
        both(server, client);
    }
}

/// What waits is bounded by the queue, the wait by the policy, and everything comes back.
pub fn a_server_that_never_acknowledges_is_given_up<A: Adapter>() {
    let is_reason = |reason: &CloseReason| {
        assert_eq!(*reason, CloseReason::TimedOut(Timer::Acknowledgement));
    };
    for is_split in [false, true] {
        let site = Site::new();
        let policy = StreamManagement::new()
            .with_queue_bytes(QUEUE)
            .with_patience(Duration::from_secs(1));
        let connector = juliet(&site, policy);
        let (over, is_over) = mpsc::channel::<()>();
        let server = move || {
            let client = welcome::<A>(&site);
            // It reads nothing more.
            is_over.recv().unwrap();
            drop(client);
        };
        let client = move || {
            let mut client = A::connect_with(&connector).unwrap();
            let (sent, back) = if is_split {
                let (handle, stanzas, driver) = client.split();
                let driver = thread::spawn(driver);
                let sent = (0..STANZAS).find(|n| handle.send(numbered(*n)).is_err());
                let end = driver.join().unwrap().unwrap_err();
                is_reason(end.close_reason().unwrap());
                assert_eq!(stanzas.count(), 0);
                (sent, handle.close())
            } else {
                let sent = (0..STANZAS).find(|n| client.send(numbered(*n)).is_err());
                match client.close() {
                    Err(Error::Unacknowledged(left)) => (sent, left.stanzas),
                    end => panic!("{end:?}"),
                }
            };
            over.send(()).unwrap();
            let sent = sent.expect("the queue has an end");
            assert!(sent * 1000 < QUEUE, "{sent} stanzas were sent");
            assert_eq!(numbers(back), Vec::from_iter(0..sent));
        };
        both(server, client);
    }
}
