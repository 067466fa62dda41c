//! A client that reconnects where that makes sense (RFC 6120 §3.3).

use std::time::Duration;

use xmppwire::{CloseReason, StreamError, StreamErrorCondition};
use xmppwire_net::client::ReconnectPolicy;
use xmppwire_net::client::{Connector, Error, ReconnectEvent};
use xmppwire_net::find::Mode;

use crate::adapter::{Accepted, Adapter, Reconnecting};
use crate::site::{CLOSED_PORT, Site, body, end, log_in, message, next_message};
use crate::{Authority, DOMAIN, JULIET, PATIENCE, both, config, juliet};

/// Without a delay between the attempts.
pub(super) fn at_once() -> ReconnectPolicy {
    ReconnectPolicy::at_once()
}

/// To a port on which nothing listens.
fn nowhere() -> Connector {
    juliet(&Authority::new()).with_server("127.0.0.1", CLOSED_PORT, Mode::StartTls)
}

fn dismiss(client: &mut impl Accepted, error: StreamError) {
    client.close(Some(error));
    assert_eq!(end(client), CloseReason::Local);
}

fn next(client: &mut impl Reconnecting) -> ReconnectEvent {
    client.next_event().unwrap().expect("an event")
}

fn is_connected(client: &mut impl Reconnecting) {
    match next(client) {
        ReconnectEvent::Connected(jid) => assert!(jid.as_str().starts_with(JULIET)),
        event => panic!("{event:?}"),
    }
}

/// Why the client is not connected any more.
fn is_disconnected(client: &mut impl Reconnecting) -> Error {
    match next(client) {
        ReconnectEvent::Disconnected { reason, .. } => reason,
        event => panic!("{event:?}"),
    }
}

fn next_body(client: &mut impl Reconnecting) -> String {
    match next(client) {
        ReconnectEvent::Stanza(stanza) => body(Some(stanza)),
        event => panic!("{event:?}"),
    }
}

/// The condition that the server ended the session with.
fn condition(reason: &Error) -> StreamErrorCondition {
    match reason.close_reason() {
        Some(CloseReason::PeerError(error)) => error.condition(),
        _ => panic!("{reason}"),
    }
}

pub fn a_client_comes_back_after_a_shutdown<A: Adapter>() {
    const ROUNDS: [&str; 3] = ["one", "two", "three"];
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        for round in ROUNDS {
            let mut client = site.welcome::<A>(Mode::StartTls);
            client.send(message(round));
            client.flush();
            assert_eq!(next_message(&mut client).body().as_deref(), Some(round));
            dismiss(&mut client, StreamErrorCondition::SystemShutdown.into());
        }
    };
    let client = move || {
        let mut client = A::reconnecting(connector, at_once());
        for round in ROUNDS {
            let early = client.send(message(round));
            assert!(matches!(early, Err(Error::NotConnected)), "{early:?}");
            assert!(client.session_tls().is_none());
            is_connected(&mut client);
            assert!(client.session_tls().is_some());
            client.send(message(round)).unwrap();
            assert_eq!(next_body(&mut client), round);
            let reason = is_disconnected(&mut client);
            assert_eq!(condition(&reason), StreamErrorCondition::SystemShutdown);
        }
        client.close().unwrap();
    };
    both(server, client);
}

/// Another client of the account took the resource: coming back would take it from that client.
pub fn a_client_does_not_come_back_after_a_conflict<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::DirectTls);
    let server = move || {
        let mut client = site.welcome::<A>(Mode::DirectTls);
        client.send(message("farewell"));
        dismiss(&mut client, StreamErrorCondition::Conflict.into());
        site
    };
    let client = move || {
        let mut client = A::reconnecting(connector, at_once());
        is_connected(&mut client);
        assert_eq!(next_body(&mut client), "farewell");
        let error = client.next_event().unwrap_err();
        assert_eq!(condition(&error), StreamErrorCondition::Conflict);
        assert!(client.next_event().unwrap().is_none());
    };
    let (site, ()) = both(server, client);
    assert!(!site.has_visitor(), "the client comes back");
}

pub fn a_server_that_is_down_is_tried_again<A: Adapter>() {
    let mut client = A::reconnecting(nowhere(), at_once());
    for _ in 0..5 {
        let reason = is_disconnected(&mut client);
        assert!(matches!(reason, Error::Connect(_)), "{reason}");
    }
}

pub fn attempts_end_at_their_limit<A: Adapter>() {
    let policy = at_once().with_attempts(2);
    let mut client = A::reconnecting(nowhere(), policy);
    for _ in 0..2 {
        is_disconnected(&mut client);
    }
    assert!(client.next_event().is_err());
    assert!(client.next_event().unwrap().is_none());
}

pub fn a_session_that_is_redirected_goes_there<A: Adapter>() {
    let here = Site::new();
    let connector = here.juliet(Mode::StartTls);
    let there = Site::at("127.0.0.1", Authority::new(), here.tls.clone()).unwrap();
    let server = move || {
        let mut client = here.welcome::<A>(Mode::StartTls);
        let elsewhere = format!("127.0.0.1:{}", there.port);
        dismiss(&mut client, StreamError::see_other_host(elsewhere));
        end(&mut there.welcome::<A>(Mode::StartTls))
    };
    let client = move || {
        let mut client = A::reconnecting(connector, at_once());
        is_connected(&mut client);
        let reason = is_disconnected(&mut client);
        assert_eq!(condition(&reason), StreamErrorCondition::SeeOtherHost);
        is_connected(&mut client);
        client.close().unwrap();
    };
    both(server, client);
}

/// The server's last words count, also where a send is the first to notice that the session is
/// over.
pub fn the_reason_is_told_where_a_send_finds_the_session_lost<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        let mut client = site.welcome::<A>(Mode::StartTls);
        next_message(&mut client);
        client.send(message("one more thing"));
        dismiss(&mut client, StreamErrorCondition::Reset.into());
    };
    let client = move || {
        let mut client = A::reconnecting(connector, at_once());
        is_connected(&mut client);
        let text = "x".repeat(50_000);
        let refused = loop {
            if let Err(error) = client.send(message(&text)) {
                break error;
            }
        };
        assert!(matches!(refused, Error::NotConnected), "{refused:?}");
        assert_eq!(next_body(&mut client), "one more thing");
        let reason = is_disconnected(&mut client);
        assert_eq!(condition(&reason), StreamErrorCondition::Reset);
    };
    both(server, client);
}

/// An attacker can show a wrong certificate, and will be gone some day.
pub fn a_wrong_certificate_does_not_end_a_client_that_had_a_session<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::DirectTls);
    let impostor = Authority::new().server(DOMAIN);
    let server = move || {
        drop(site.welcome::<A>(Mode::DirectTls));
        let login = A::accept_direct_tls(site.socket(), config(), impostor, PATIENCE);
        // The client's refusal may come before or after the end of the handshake.
        if let Ok(mut client) = login {
            assert!(log_in(&mut client).is_none());
        }
        end(&mut site.welcome::<A>(Mode::DirectTls))
    };
    let client = move || {
        let mut client = A::reconnecting(connector, at_once());
        is_connected(&mut client);
        let reason = is_disconnected(&mut client);
        assert!(matches!(reason, Error::Closed(_)), "{reason}");
        let Error::Connect(refusal) = is_disconnected(&mut client) else {
            panic!("the impostor is believed");
        };
        assert!(matches!(refusal.last(), Some(Error::Tls(_))), "{refusal}");
        is_connected(&mut client);
        client.close().unwrap();
    };
    both(server, client);
}

pub fn the_wait_for_the_next_attempt_can_be_cut_short<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        drop(site.welcome::<A>(Mode::StartTls));
        end(&mut site.welcome::<A>(Mode::StartTls))
    };
    let client = move || {
        // A random part of thousands of years.
        let long = Duration::from_secs(1 << 40);
        let policy = ReconnectPolicy::default().with_quick(long);
        let policy = policy.with_first(long).with_max(long);
        let mut client = A::reconnecting(connector, policy);
        is_connected(&mut client);
        is_disconnected(&mut client);
        client.connect_now();
        is_connected(&mut client);
        client.close().unwrap();
    };
    both(server, client);
}
