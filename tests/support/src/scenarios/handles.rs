//! One session for several threads: handles, the receiver and the driver. Clients and components run
//! the same scenarios.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use xmppwire::{CloseReason, Element, Iq, Jid, Stanza, StreamError, StreamErrorCondition};
use xmppwire_net::client::{Error, ReconnectEvent, ReconnectPolicy, RequestError};
use xmppwire_net::find::Mode;

use crate::adapter::{Adapter, Handle, Reconnecting, Session};
use crate::both;
use crate::party::{Party, Peer};
use crate::site::{CLOSED_PORT, MODES, Site, body, message};

const NUMBER: &str = "urn:example:number";

fn number(value: usize) -> Element {
    let value = value.to_string();
    Element::builder("number", NUMBER).text(&value).build()
}

fn value(iq: &Iq) -> usize {
    let payload = iq.payload("number", NUMBER).unwrap();
    payload.text().parse().unwrap()
}

/// A request to the server.
fn request<R: Party>(value: usize) -> Iq {
    let request = Iq::get("", &number(value)).with_to(Jid::new("example.org").unwrap());
    match R::outgoing(request) {
        Stanza::Iq(iq) => iq,
        other => panic!("{other:?}"),
    }
}

fn answer(request: &Iq) -> Iq {
    request.result(Some(&number(value(request) + 1))).unwrap()
}

fn next_iq(peer: &mut impl Peer) -> Iq {
    match peer.next_stanza() {
        Stanza::Iq(iq) => iq,
        other => panic!("no IQ: {other:?}"),
    }
}

fn next_body(peer: &mut impl Peer) -> String {
    body(Some(peer.next_stanza()))
}

/// Asks and checks the answer.
fn ask<R: Party>(handle: &impl Handle<R>, asked: usize) {
    let answer = handle.request(request::<R>(asked)).unwrap();
    assert_eq!(value(&answer), asked + 1);
}

fn is_not_connected(result: Result<(), Error>) -> bool {
    matches!(result, Err(Error::NotConnected))
}

/// Waits for the driver, and returns how the stream ended.
fn ended(driver: JoinHandle<Result<(), Error>>) -> Result<(), Error> {
    driver.join().unwrap()
}

const THREADS: usize = 8;
const REQUESTS: usize = 25;

/// Each thread has one request open all the time; the server answers in another order.
pub fn several_threads_ask_at_once<A: Adapter, R: Party>() {
    for mode in MODES {
        let site = Site::new();
        let connector = R::connector(&site, mode);
        let server = move || {
            let mut peer = R::welcome::<A>(&site, mode);
            for _ in 0..REQUESTS {
                let open: Vec<Iq> = (0..THREADS).map(|_| next_iq(&mut peer)).collect();
                for request in open.iter().rev() {
                    peer.send(R::incoming(message("meanwhile")));
                    peer.send(R::incoming(answer(request)));
                }
            }
            assert_eq!(peer.end(), CloseReason::Peer);
        };
        let client = move || {
            let (handle, stanzas, drive) = A::connect_with(&connector).unwrap().split();
            let driver = thread::spawn(drive);
            let receiver = thread::spawn(|| {
                let bodies = stanzas.map(|stanza| body(Some(stanza)));
                bodies.filter(|body| body == "meanwhile").count()
            });
            let askers = (0..THREADS).map(|thread| {
                let handle = handle.clone();
                thread::spawn(move || {
                    for n in 0..REQUESTS {
                        ask::<R>(&handle, thread * REQUESTS + n);
                    }
                })
            });
            for asker in askers.collect::<Vec<_>>() {
                asker.join().unwrap();
            }
            handle.close();
            assert_eq!(receiver.join().unwrap(), THREADS * REQUESTS);
            ended(driver).unwrap();
        };
        both(server, client);
    }
}

/// Both ends ask, and each answers only when its own request is answered or open.
pub fn claimed_requests_are_answered_while_others_wait<A: Adapter, R: Party>() {
    let site = Site::new();
    let connector = R::connector(&site, Mode::StartTls);
    let server = move || {
        let mut peer = R::welcome::<A>(&site, Mode::StartTls);
        for asked in 0..REQUESTS {
            let request = next_iq(&mut peer);
            peer.send(R::incoming(Iq::get("s", &number(asked))));
            let reply = next_iq(&mut peer);
            assert_eq!((reply.id(), value(&reply)), (Some("s"), asked + 1));
            peer.send(R::incoming(answer(&request)));
        }
        assert_eq!(peer.end(), CloseReason::Peer);
    };
    let client = move || {
        let (handle, stanzas, drive) = A::connect_with(&connector).unwrap().split();
        let driver = thread::spawn(drive);
        let answers = handle.clone();
        let receiver = thread::spawn(move || {
            for stanza in stanzas {
                let Stanza::Iq(request) = stanza else {
                    panic!("{stanza:?}");
                };
                answers.send(R::outgoing(answer(&request))).unwrap();
            }
        });
        for asked in 0..REQUESTS {
            ask::<R>(&handle, asked);
        }
        handle.close();
        receiver.join().unwrap();
        ended(driver).unwrap();
    };
    both(server, client);
}

pub fn the_last_handle_closes_the_stream<A: Adapter, R: Party>() {
    let site = Site::new();
    let connector = R::connector(&site, Mode::DirectTls);
    let server = move || {
        let mut peer = R::welcome::<A>(&site, Mode::DirectTls);
        // One request waits in the receiver when that is dropped, and another comes later.
        peer.send(R::incoming(Iq::get("1", &number(1))));
        peer.send(R::incoming(message("look")));
        peer.flush();
        assert_eq!(next_body(&mut peer), "dropped");
        peer.send(R::incoming(Iq::get("2", &number(1))));
        let mut refused = Vec::new();
        for _ in 0..3 {
            let iq = next_iq(&mut peer);
            if iq.is_request() {
                peer.send(R::incoming(answer(&iq)));
            } else {
                assert!(iq.is_error(), "{iq:?}");
                refused.push(iq.id().unwrap().to_owned());
            }
        }
        assert_eq!(refused, ["1", "2"]);
        assert_eq!(next_body(&mut peer), "last");
        assert_eq!(peer.end(), CloseReason::Peer);
    };
    let client = move || {
        let (handle, stanzas, drive) = A::connect_with(&connector).unwrap().split();
        let driver = thread::spawn(drive);
        let other = handle.clone();
        handle.send(R::outgoing(message("dropped"))).unwrap();
        drop(handle);
        drop(stanzas);
        ask::<R>(&other, 1);
        other.send(R::outgoing(message("last"))).unwrap();
        drop(other);
        ended(driver).unwrap();
    };
    both(server, client);
}

pub fn a_receiver_alone_keeps_the_stream<A: Adapter, R: Party>() {
    let site = Site::new();
    let connector = R::connector(&site, Mode::DirectTls);
    let server = move || {
        let mut peer = R::welcome::<A>(&site, Mode::DirectTls);
        peer.send(R::incoming(message("one")));
        peer.flush();
        peer.send(R::incoming(message("two")));
        assert_eq!(peer.end(), CloseReason::Peer);
    };
    let client = move || {
        let (handle, mut stanzas, drive) = A::connect_with(&connector).unwrap().split();
        drop(handle);
        let driver = thread::spawn(drive);
        for text in ["one", "two"] {
            assert_eq!(body(stanzas.next()), text);
        }
        drop(stanzas);
        ended(driver).unwrap();
    };
    both(server, client);
}

pub fn closing_waits_for_the_end<A: Adapter, R: Party>() {
    let site = Site::new();
    let connector = R::connector(&site, Mode::StartTls);
    let server = move || {
        let mut peer = R::welcome::<A>(&site, Mode::StartTls);
        for n in 0..REQUESTS {
            let text = n.to_string();
            assert_eq!(next_body(&mut peer), text);
        }
        assert_eq!(peer.end(), CloseReason::Peer);
    };
    let client = move || {
        let client = A::connect_with(&connector).unwrap();
        let address = client.address().clone();
        let (handle, mut stanzas, drive) = client.split();
        let driver = thread::spawn(drive);
        assert!(handle.is_connected());
        for n in 0..REQUESTS {
            handle.send(R::outgoing(message(&n.to_string()))).unwrap();
        }
        handle.flush().unwrap();
        handle.close();
        ended(driver).unwrap();
        assert!(!handle.is_connected());
        assert_eq!(handle.address(), Some(address));
        assert!(is_not_connected(
            handle.send(R::outgoing(message("too late")))
        ));
        assert!(is_not_connected(handle.flush()));
        assert!(stanzas.next().is_none());
        // Once more, it has nothing to wait for.
        handle.close();
    };
    both(server, client);
}

pub fn the_end_of_the_stream_ends_every_wait<A: Adapter, R: Party>() {
    let site = Site::new();
    let connector = R::connector(&site, Mode::DirectTls);
    let server = move || {
        let mut peer = R::welcome::<A>(&site, Mode::DirectTls);
        for _ in 0..THREADS {
            next_iq(&mut peer);
        }
        peer.send(R::incoming(message("before the end")));
        let condition = StreamErrorCondition::SystemShutdown;
        peer.close(Some(StreamError::new(condition)));
        peer.end();
    };
    let client = move || {
        let (handle, mut stanzas, drive) = A::connect_with(&connector).unwrap().split();
        let driver = thread::spawn(drive);
        let askers = (0..THREADS).map(|n| {
            let handle = handle.clone();
            thread::spawn(move || handle.request(request::<R>(n)))
        });
        for asker in askers.collect::<Vec<_>>() {
            let answer = asker.join().unwrap();
            let ended = matches!(answer, Err(RequestError::Connection(Error::NotConnected)));
            assert!(ended, "{answer:?}");
        }
        // What arrived before the end is still there, and the driver tells the reason.
        assert_eq!(body(stanzas.next()), "before the end");
        assert!(stanzas.next().is_none());
        let reason = ended(driver).unwrap_err();
        assert!(
            matches!(reason.close_reason(), Some(CloseReason::PeerError(_))),
            "{reason:?}"
        );
    };
    both(server, client);
}

pub fn a_handle_serves_the_sessions_of_a_client_that_reconnects<A: Adapter, R: Party>() {
    let site = Site::new();
    let connector = R::connector(&site, Mode::StartTls);
    let server = move || {
        for session in 0..3 {
            let mut peer = R::welcome::<A>(&site, Mode::StartTls);
            let request = next_iq(&mut peer);
            assert_eq!(value(&request), session);
            peer.send(R::incoming(answer(&request)));
            peer.send(R::incoming(message("before the end")));
            if session < 2 {
                peer.flush();
                let condition = StreamErrorCondition::SystemShutdown;
                peer.close(Some(StreamError::new(condition)));
            }
            peer.end();
        }
    };
    let client = move || {
        let client = A::reconnecting(connector, ReconnectPolicy::default());
        let (handle, mut events, drive) = client.split();
        let driver = thread::spawn(drive);
        for session in 0..3 {
            let event = events.next();
            assert!(
                matches!(event, Some(ReconnectEvent::Connected(_))),
                "{event:?}"
            );
            ask::<R>(&handle, session);
            let Some(ReconnectEvent::Stanza(stanza)) = events.next() else {
                panic!("no message");
            };
            assert_eq!(body(Some(stanza)), "before the end");
            if session < 2 {
                let event = events.next();
                let lost = matches!(event, Some(ReconnectEvent::Disconnected { .. }));
                assert!(lost, "{event:?}");
                // However long the policy waits.
                handle.connect_now();
            }
        }
        handle.close();
        assert!(events.next().is_none());
        ended(driver).unwrap();
    };
    both(server, client);
}

pub fn a_client_that_waits_for_the_next_attempt_can_be_closed<A: Adapter, R: Party>() {
    let mut site = Site::new();
    site.port = CLOSED_PORT;
    let connector = R::connector(&site, Mode::StartTls);
    for by_dropping in [false, true] {
        let client = A::reconnecting(connector.clone(), ReconnectPolicy::default());
        let (handle, mut events, drive) = client.split();
        let driver = thread::spawn(drive);
        let event = events.next();
        assert!(
            matches!(event, Some(ReconnectEvent::Disconnected { .. })),
            "{event:?}"
        );
        assert!(is_not_connected(
            handle.send(R::outgoing(message("nowhere")))
        ));
        let answer = handle.request(request::<R>(1));
        assert!(matches!(
            answer,
            Err(RequestError::Connection(Error::NotConnected))
        ));
        if by_dropping {
            drop((handle, events));
        } else {
            handle.close();
        }
        ended(driver).unwrap();
    }
}

/// The server accepts the connection and says nothing.
pub fn an_attempt_to_connect_can_be_closed<A: Adapter, R: Party>() {
    for mode in MODES {
        let site = Site::new();
        let connector = R::connector(&site, mode);
        // Longer than any test.
        let long = Duration::from_secs(100_000);
        let connector = connector
            .with_connect_timeout(long)
            .with_total_timeout(long);
        let client = A::reconnecting(connector, ReconnectPolicy::default());
        let (handle, mut events, drive) = client.split();
        let driver = thread::spawn(drive);
        let first = site.socket();
        // Another network: the attempt begins anew, over another connection.
        handle.network_changed(Duration::from_secs(1));
        let second = site.socket();
        handle.close();
        ended(driver).unwrap();
        assert!(events.next().is_none());
        drop((first, second));
    }
}
