//! A server that hangs is noticed, and one that is only silent is kept (RFC 6120 §4.6).

use std::sync::mpsc;
use std::time::Duration;

use xmppwire::{CloseReason, Iq, KeepAlive, ServerEvent, Stanza, Timer, ns};
use xmppwire_net::client::{Connector, Error, ReconnectEvent, ReconnectPolicy};
use xmppwire_net::find::Mode;

use crate::adapter::{Accepted, Adapter, Client, Reconnecting};
use crate::both;
use crate::site::{MODES, Site, body, end, message};

/// The shortest that the policy allows.
const SECOND: Duration = Duration::from_secs(1);

fn attentive(connector: Connector) -> Connector {
    let keep_alive = KeepAlive::ping().with_silence(SECOND).with_patience(SECOND);
    connector.with_keep_alive(keep_alive)
}

fn is_gone(error: &Error) -> bool {
    let gone = CloseReason::TimedOut(Timer::KeepAlive);
    error.close_reason() == Some(&gone)
}

/// The process of the server is stopped: its kernel takes bytes and answers nothing.
pub fn a_server_that_hangs_is_given_up<A: Adapter>() {
    for mode in MODES {
        let site = Site::new();
        let connector = attentive(site.juliet(mode));
        let (done, wait) = mpsc::channel::<()>();
        let server = move || {
            let client = site.welcome::<A>(mode);
            let _ = wait.recv();
            drop(client);
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
fn ping(client: &mut impl Accepted) -> Iq {
    match client.next_event().unwrap() {
        Some(ServerEvent::Stanza(Stanza::Iq(iq))) if iq.is_request() => {
            assert!(iq.child().is_some_and(|child| child.is("ping", ns::PING)));
            iq
        }
        event => panic!("{event:?}"),
    }
}

/// Three silences pass, and the application sees nothing of it.
pub fn a_server_that_is_only_silent_is_kept<A: Adapter>() {
    let site = Site::new();
    let connector = attentive(site.juliet(Mode::StartTls));
    let server = move || {
        let mut client = site.welcome::<A>(Mode::StartTls);
        for _ in 0..3 {
            let answer = ping(&mut client).result(None).unwrap();
            client.send(answer);
        }
        client.send(message("still here"));
        assert_eq!(end(&mut client), CloseReason::Peer);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        assert_eq!(body(client.next().unwrap()), "still here");
        client.close().unwrap();
    };
    both(server, client);
}

pub fn a_client_checks_its_server_when_it_is_told_to<A: Adapter>() {
    let site = Site::new();
    // Not for itself.
    let connector = site.juliet(Mode::StartTls).with_keep_alive(None);
    let server = move || {
        let mut client = site.welcome::<A>(Mode::StartTls);
        let answer = ping(&mut client).result(None).unwrap();
        client.send(answer);
        client.send(message("answered"));
        ping(&mut client);
        let closed = client.next_event().unwrap();
        // The client says why it leaves.
        let Some(ServerEvent::Closed(CloseReason::PeerError(error))) = closed else {
            panic!("{closed:?}");
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

fn is_connected(client: &mut impl Reconnecting) {
    let event = client.next_event().unwrap();
    assert!(
        matches!(event, Some(ReconnectEvent::Connected(_))),
        "{event:?}"
    );
}

pub fn a_session_that_a_new_network_has_killed_is_replaced_at_once<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let (done, wait) = mpsc::channel::<()>();
    let server = move || {
        let first = site.welcome::<A>(Mode::StartTls);
        let second = site.welcome::<A>(Mode::StartTls);
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

pub fn a_session_can_be_dropped<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        let first = site.welcome::<A>(Mode::StartTls);
        let mut second = site.welcome::<A>(Mode::StartTls);
        drop(first);
        end(&mut second)
    };
    let client = move || {
        let mut client = A::reconnecting(connector, patient());
        is_connected(&mut client);
        client.drop_session();
        assert!(client.session_tls().is_none());
        is_connected(&mut client);
        client.close().unwrap();
    };
    assert_eq!(both(server, client).0, CloseReason::Peer);
}
