//! A client that comes back, and one that does not.

use std::thread;
use std::time::Duration;

use xmppwire_blocking::backoff::Policy;
use xmppwire_blocking::{
    ClientConfig, CloseReason, Connector, Error, Jid, Mode, ReconnectEvent, ReconnectingClient,
    SaslCondition, StreamError, StreamErrorCondition,
};
use xmppwire_test_support::JULIET;

use crate::support::{Site, body, both, give, last_event, log_in, message, next_message};

/// Comes back after this.
fn after(delay: Duration) -> Policy {
    let mut policy = Policy::default();
    (policy.first, policy.max) = (delay, delay);
    policy
}

fn soon() -> Policy {
    after(Duration::from_millis(1))
}

fn next(client: &mut ReconnectingClient) -> ReconnectEvent {
    client.next_event().unwrap().expect("an event")
}

fn connected(event: &ReconnectEvent) -> bool {
    matches!(event, ReconnectEvent::Connected(jid) if jid.as_str().starts_with(JULIET))
}

/// The condition that the server ended the session with.
fn condition(reason: &Error) -> Option<StreamErrorCondition> {
    match reason.close_reason() {
        Some(CloseReason::PeerError(error)) => Some(error.condition()),
        _ => None,
    }
}

#[test]
fn a_client_comes_back_after_a_shutdown_and_not_after_a_conflict() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);

    let server = move || {
        let mut client = site.welcome(Mode::StartTls);
        client.close(Some(StreamError::new(StreamErrorCondition::SystemShutdown)));
        last_event(&mut client);

        // The second session: one message each way.
        let mut client = site.welcome(Mode::StartTls);
        assert_eq!(next_message(&mut client).body().as_deref(), Some("again"));
        give(&mut client, "welcome back");
        client.close(Some(StreamError::new(StreamErrorCondition::Conflict)));
        last_event(&mut client);
        site
    };
    let client = move || {
        let mut client = ReconnectingClient::with_policy(connector, soon());
        assert!(client.client().is_none());
        let early = client.send(message("early"));
        assert!(matches!(early, Err(Error::NotConnected)), "{early:?}");

        assert!(connected(&next(&mut client)));
        match next(&mut client) {
            ReconnectEvent::Disconnected { reason, .. } => {
                assert_eq!(
                    condition(&reason),
                    Some(StreamErrorCondition::SystemShutdown)
                );
            }
            event => panic!("{event:?}"),
        }
        assert!(client.client().is_none());

        assert!(connected(&next(&mut client)));
        assert!(client.client().is_some_and(|client| client.tls().is_some()));
        client.send(message("again")).unwrap();
        match next(&mut client) {
            ReconnectEvent::Stanza(stanza) => assert_eq!(body(Some(stanza)), "welcome back"),
            event => panic!("{event:?}"),
        }
        let end = client.next_event().unwrap_err();
        assert_eq!(condition(&end), Some(StreamErrorCondition::Conflict));
        assert!(client.next_event().unwrap().is_none());
    };
    let (site, ()) = both(server, client);
    assert!(!site.has_visitor(), "nobody knocks any more");
}

#[test]
fn a_wrong_password_is_not_tried_again() {
    let site = Site::new();
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), "wr0ng").unwrap();
    let connector = Connector::new(account)
        .unwrap()
        .with_tls(site.authority.client())
        .with_server("127.0.0.1", site.port, Mode::StartTls);

    let server = move || {
        let mut client = site.accept(Mode::StartTls);
        assert!(log_in(&mut client).is_none());
        site
    };
    let client = move || {
        let mut client = ReconnectingClient::with_policy(connector, soon());
        let error = client.next_event().unwrap_err();
        match error.close_reason() {
            Some(CloseReason::AuthFailed(failure)) => {
                assert_eq!(failure.condition(), SaslCondition::NotAuthorized);
            }
            _ => panic!("{error:?}"),
        }
        assert!(client.next_event().unwrap().is_none());
    };
    let (site, ()) = both(server, client);
    assert!(!site.has_visitor(), "nobody knocks any more");
}

#[test]
fn a_wait_for_the_next_attempt_can_be_ended() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);

    let server = move || {
        drop(site.socket());
        last_event(&mut site.welcome(Mode::StartTls));
    };
    let client = move || {
        // A random part of three years, so that waiting it out is no way through this test.
        let policy = after(Duration::from_secs(100_000_000));
        let mut client = ReconnectingClient::with_policy(connector, policy);
        let waker = client.waker();
        match next(&mut client) {
            ReconnectEvent::Disconnected { .. } => {}
            event => panic!("{event:?}"),
        }
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
        assert!(connected(&next(&mut client)));
        // The same waker serves the session.
        let thread = thread::spawn(move || waker.wake());
        let woken = client.next_event_timeout(Duration::MAX).unwrap();
        assert!(woken.is_pending());
        thread.join().unwrap();
        client.close().unwrap();
    };
    both(server, client);
}

/// The server's last words count, also where a send is the first to notice that the session is over.
#[test]
fn the_reason_is_told_where_a_send_finds_the_session_lost() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);

    let server = move || {
        let mut client = site.welcome(Mode::StartTls);
        give(&mut client, "one more thing");
        client.close(Some(StreamError::new(StreamErrorCondition::Conflict)));
        last_event(&mut client);
    };
    let client = move || {
        let mut client = ReconnectingClient::with_policy(connector, soon());
        assert!(connected(&next(&mut client)));
        // Until the network says that nobody listens any more.
        let text = "x".repeat(10_000);
        let refused = loop {
            if let Err(error) = client.send(message(&text)) {
                break error;
            }
        };
        assert!(matches!(refused, Error::NotConnected), "{refused:?}");
        match next(&mut client) {
            ReconnectEvent::Stanza(stanza) => assert_eq!(body(Some(stanza)), "one more thing"),
            event => panic!("{event:?}"),
        }
        let end = client.next_event().unwrap_err();
        assert_eq!(condition(&end), Some(StreamErrorCondition::Conflict));
    };
    both(server, client);
}
