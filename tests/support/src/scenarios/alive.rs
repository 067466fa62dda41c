//! A server that hangs is noticed, and one that is only silent is kept (RFC 6120 §4.6), by clients and
//! by components.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use xmppwire::{CloseReason, Iq, KeepAlive, Stanza, Timer, ns};
use xmppwire_net::client::{Error, ReconnectEvent, ReconnectPolicy, SessionConnector};
use xmppwire_net::find::Mode;

use crate::adapter::{Adapter, Handle, Reconnecting, Session};
use crate::both;
use crate::party::{Party, Peer};
use crate::site::{MODES, Site, body, message};

/// The shortest that the policy allows.
const SECOND: Duration = Duration::from_secs(1);

fn attentive<R: Party>(connector: SessionConnector<R>) -> SessionConnector<R> {
    let keep_alive = KeepAlive::ping().with_silence(SECOND).with_patience(SECOND);
    connector.with_keep_alive(keep_alive)
}

fn is_gone(error: &Error) -> bool {
    let gone = CloseReason::TimedOut(Timer::KeepAlive);
    error.close_reason() == Some(&gone)
}

/// The process of the server is stopped: its kernel takes bytes and answers nothing.
pub fn a_server_that_hangs_is_given_up<A: Adapter, R: Party>() {
    for mode in MODES {
        let site = Site::new();
        let connector = attentive(R::connector(&site, mode));
        let (done, wait) = mpsc::channel::<()>();
        let server = move || {
            let peer = R::welcome::<A>(&site, mode);
            let _ = wait.recv();
            drop(peer);
        };
        let client = move || {
            let mut client = A::connect_with(&connector).unwrap();
            let error = client.next().unwrap_err();
            assert!(is_gone(&error), "{error:?}");
            assert!(client.next().unwrap().is_none());
            drop(done);
        };
        both(server, client);
    }
}

/// The next request of the client, which has to be a ping.
fn ping(peer: &mut impl Peer) -> Iq {
    match peer.next_stanza() {
        Stanza::Iq(iq) if iq.is_request() => {
            assert!(iq.child().is_some_and(|child| child.is("ping", ns::PING)));
            iq
        }
        stanza => panic!("{stanza:?}"),
    }
}

/// Three silences pass, and the application sees nothing of it.
pub fn a_server_that_is_only_silent_is_kept<A: Adapter, R: Party>() {
    let site = Site::new();
    let connector = attentive(R::connector(&site, Mode::StartTls));
    let server = move || {
        let mut peer = R::welcome::<A>(&site, Mode::StartTls);
        for _ in 0..3 {
            let answer = ping(&mut peer).result(None).unwrap();
            peer.send(R::incoming(answer));
        }
        peer.send(R::incoming(message("still here")));
        assert_eq!(peer.end(), CloseReason::Peer);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        assert_eq!(body(client.next().unwrap()), "still here");
        client.close().unwrap();
    };
    both(server, client);
}

pub fn a_client_checks_its_server_when_it_is_told_to<A: Adapter, R: Party>() {
    let site = Site::new();
    // Not for itself.
    let connector = R::connector(&site, Mode::StartTls).with_keep_alive(None);
    let server = move || {
        let mut peer = R::welcome::<A>(&site, Mode::StartTls);
        let answer = ping(&mut peer).result(None).unwrap();
        peer.send(R::incoming(answer));
        peer.send(R::incoming(message("answered")));
        ping(&mut peer);
        // The client says why it leaves.
        let CloseReason::PeerError(error) = peer.end() else {
            panic!("no stream error");
        };
        assert_eq!(error.condition().name(), "connection-timeout");
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        client.check_peer(Duration::from_secs(30));
        assert_eq!(body(client.next().unwrap()), "answered");
        client.check_peer(SECOND);
        let error = client.next().unwrap_err();
        assert!(is_gone(&error), "{error:?}");
    };
    both(server, client);
}

/// A random part of thousands of years, so that only a hint of the application ends the wait.
fn patient() -> ReconnectPolicy {
    let long = Duration::from_secs(1 << 40);
    let policy = ReconnectPolicy::default().with_quick(long);
    policy.with_first(long).with_max(long)
}

fn is_connected<R: Party>(client: &mut impl Reconnecting<R>) {
    let event = client.next_event().unwrap();
    assert!(
        matches!(event, Some(ReconnectEvent::Connected(_))),
        "{event:?}"
    );
}

pub fn a_session_that_a_new_network_has_killed_is_replaced_at_once<A: Adapter, R: Party>() {
    let site = Site::new();
    let connector = R::connector(&site, Mode::StartTls);
    let (done, wait) = mpsc::channel::<()>();
    let server = move || {
        let first = R::welcome::<A>(&site, Mode::StartTls);
        let second = R::welcome::<A>(&site, Mode::StartTls);
        let _ = wait.recv();
        drop((first, second));
    };
    let client = move || {
        let mut client = A::reconnecting(connector, patient());
        is_connected(&mut client);
        client.check_session(SECOND);
        match client.next_event().unwrap() {
            Some(ReconnectEvent::Disconnected { reason, retry_in }) => {
                assert!(is_gone(&reason), "{reason:?}");
                assert_eq!(retry_in, Duration::ZERO);
            }
            event => panic!("{event:?}"),
        }
        is_connected(&mut client);
        drop(done);
    };
    both(server, client);
}

pub fn a_session_can_be_dropped<A: Adapter, R: Party>() {
    let site = Site::new();
    let connector = R::connector(&site, Mode::StartTls);
    let server = move || {
        let first = R::welcome::<A>(&site, Mode::StartTls);
        let mut second = R::welcome::<A>(&site, Mode::StartTls);
        drop(first);
        second.end()
    };
    let client = move || {
        let mut client = A::reconnecting(connector, patient());
        is_connected(&mut client);
        client.drop_session();
        assert!(!client.is_connected());
        is_connected(&mut client);
        client.close().unwrap();
    };
    assert_eq!(both(server, client).0, CloseReason::Peer);
}

/// The same by a handle, and once more where the wait for the next attempt is in progress.
pub fn a_handle_tells_of_a_new_network<A: Adapter, R: Party>() {
    let site = Site::new();
    let connector = R::connector(&site, Mode::StartTls);
    let (done, wait) = mpsc::channel::<()>();
    let server = move || {
        let first = R::welcome::<A>(&site, Mode::StartTls);
        // The second one is cut at once.
        drop(R::welcome::<A>(&site, Mode::StartTls));
        let third = R::welcome::<A>(&site, Mode::StartTls);
        let _ = wait.recv();
        drop((first, third));
    };
    let client = move || {
        let (handle, mut events, drive) = A::reconnecting(connector, patient()).split();
        let driver = thread::spawn(drive);
        let mut is_up = |up: bool| match events.next() {
            Some(ReconnectEvent::Connected(_)) => assert!(up, "it is connected"),
            Some(ReconnectEvent::Disconnected { .. }) => assert!(!up, "it is not connected"),
            event => panic!("{event:?}"),
        };
        is_up(true);
        handle.network_changed(SECOND);
        is_up(false);
        is_up(true);
        is_up(false);
        handle.network_changed(SECOND);
        is_up(true);
        drop(done);
        drop((handle, events));
        let _ = driver.join().unwrap();
    };
    both(server, client);
}
