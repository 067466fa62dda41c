//! A client that reconnects, and a wait that another thread ends.

use std::thread;
use std::time::Duration;

use xmppwire_blocking::ReconnectPolicy;
use xmppwire_blocking::{Mode, ReconnectEvent, ReconnectingClient};
use xmppwire_test_support::adapter::Blocking;
use xmppwire_test_support::both;
use xmppwire_test_support::site::{Site, accept, end, log_in};

#[test]
fn a_wait_for_the_next_attempt_can_be_ended() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);

    let server = move || {
        drop(site.socket());
        end(&mut site.welcome::<Blocking>(Mode::StartTls));
    };
    let client = move || {
        // A random part of three years, which no test waits for.
        let long = Duration::from_secs(100_000_000);
        let policy = ReconnectPolicy::default().with_quick(long);
        let policy = policy.with_first(long).with_max(long);
        let mut client = ReconnectingClient::with_policy(connector, policy);
        let waker = client.waker();
        let event = client.next_event().unwrap();
        assert!(
            matches!(event, Some(ReconnectEvent::Disconnected { .. })),
            "{event:?}"
        );
        let timed_out = client.next_event_timeout(Duration::from_millis(1)).unwrap();
        assert!(timed_out.is_pending());
        let thread = thread::spawn(move || {
            waker.wake();
            waker
        });
        let woken = client.next_event_timeout(Duration::MAX).unwrap();
        assert!(woken.is_pending());
        let waker = thread.join().unwrap();

        client.connect_now();
        let event = client.next_event().unwrap();
        assert!(
            matches!(event, Some(ReconnectEvent::Connected(_))),
            "{event:?}"
        );
        // The same waker serves the session.
        let thread = thread::spawn(move || waker.wake());
        let woken = client.next_event_timeout(Duration::MAX).unwrap();
        assert!(woken.is_pending());
        thread.join().unwrap();
        client.close().unwrap();
    };
    both(server, client);
}

/// The server says nothing until the second call waits for it.
#[test]
fn a_wait_during_an_attempt_can_be_ended() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let (go, wait) = std::sync::mpsc::channel();
    let server = move || {
        let socket = site.socket();
        wait.recv().unwrap();
        let mut client = accept::<Blocking>(socket, &site.tls, Mode::StartTls);
        log_in(&mut client).unwrap();
        end(&mut client);
    };
    let client = move || {
        let mut client = ReconnectingClient::new(connector);
        let waker = client.waker();
        let timed_out = client.next_event_timeout(Duration::from_millis(5)).unwrap();
        assert!(timed_out.is_pending());
        let thread = thread::spawn(move || waker.wake());
        let woken = client.next_event_timeout(Duration::MAX).unwrap();
        assert!(woken.is_pending());
        thread.join().unwrap();
        go.send(()).unwrap();
        // The same attempt goes on.
        let event = client.next_event().unwrap();
        assert!(
            matches!(event, Some(ReconnectEvent::Connected(_))),
            "{event:?}"
        );
        client.close().unwrap();
    };
    both(server, client);
}
