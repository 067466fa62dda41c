//! A client that comes back when it makes sense.

use std::time::Duration;

use xmppwire_test_support::PATIENCE;
use xmppwire_tokio::backoff::Policy;
use xmppwire_tokio::{
    CloseReason, Connection, Connector, Error, Mode, ReconnectEvent, ReconnectingClient,
    ServerConnection, StreamError, StreamErrorCondition,
};

use crate::support::{
    Authority, DOMAIN, Site, accept, config, from_romeo, juliet, log_in, message, within,
};

/// Comes back at once.
fn impatient() -> Policy {
    let mut policy = Policy::default();
    policy.first = Duration::ZERO;
    policy.max = Duration::ZERO;
    policy
}

/// To a port on which nobody listens: it is not among those that the system hands out.
fn nowhere() -> Connector {
    juliet(&Authority::new()).with_server("127.0.0.1", 1, Mode::StartTls)
}

async fn dismiss(mut client: ServerConnection, error: StreamError) {
    client.close(Some(error));
    while client.next_event().await.unwrap().is_some() {}
}

/// The condition that a session was ended with.
fn condition(event: Option<ReconnectEvent>) -> StreamErrorCondition {
    match event {
        Some(ReconnectEvent::Disconnected { reason, .. }) => match reason.close_reason() {
            Some(CloseReason::PeerError(error)) => error.condition(),
            _ => panic!("{reason}"),
        },
        event => panic!("{event:?}"),
    }
}

#[tokio::test]
async fn a_shut_down_server_is_waited_for() {
    let site = Site::new().await;
    let mut client = ReconnectingClient::with_policy(site.juliet(Mode::StartTls), impatient());
    let server = async {
        for round in ["one", "two", "three"] {
            let mut client = site.welcome(Mode::StartTls).await;
            client.connection_mut().send(&from_romeo(round)).unwrap();
            client.flush().await;
            assert_eq!(message(&mut client).await.body().as_deref(), Some(round));
            dismiss(client, StreamErrorCondition::SystemShutdown.into()).await;
        }
    };
    let client = async {
        for round in ["one", "two", "three"] {
            assert!(matches!(
                client.send(from_romeo(round)).await,
                Err(Error::NotConnected)
            ));
            let event = client.next_event().await.unwrap();
            assert!(
                matches!(event, Some(ReconnectEvent::Connected(_))),
                "{event:?}"
            );
            assert!(client.client().is_some());
            client.send(from_romeo(round)).await.unwrap();
            let event = client.next_event().await.unwrap();
            assert!(
                matches!(event, Some(ReconnectEvent::Stanza(_))),
                "{event:?}"
            );
            let event = client.next_event().await.unwrap();
            assert_eq!(condition(event), StreamErrorCondition::SystemShutdown);
            assert!(client.client().is_none());
        }
        client.close().await.unwrap();
    };
    within(async { tokio::join!(server, client) }).await;
}

#[tokio::test]
async fn a_server_that_is_down_is_asked_again() {
    let mut client = ReconnectingClient::with_policy(nowhere(), impatient());
    for _ in 0..5 {
        let event = within(client.next_event()).await.unwrap();
        let Some(ReconnectEvent::Disconnected { reason, .. }) = event else {
            panic!("{event:?}");
        };
        assert!(matches!(reason, Error::Connect(_)), "{reason}");
    }
}

#[tokio::test]
async fn attempts_are_limited_if_so_wished() {
    let mut policy = impatient();
    policy.attempts = Some(2);
    let mut client = ReconnectingClient::with_policy(nowhere(), policy);
    for _ in 0..2 {
        let event = within(client.next_event()).await.unwrap();
        assert!(matches!(event, Some(ReconnectEvent::Disconnected { .. })));
    }
    assert!(within(client.next_event()).await.is_err());
    assert!(within(client.next_event()).await.unwrap().is_none());
}

#[tokio::test]
async fn the_resource_is_not_fought_for() {
    let site = Site::new().await;
    let mut client = ReconnectingClient::with_policy(site.juliet(Mode::DirectTls), impatient());
    let server = async {
        let client = site.welcome(Mode::DirectTls).await;
        dismiss(client, StreamErrorCondition::Conflict.into()).await;
    };
    let client = async {
        client.next_event().await.unwrap();
        let error = client.next_event().await.unwrap_err();
        assert!(matches!(error, Error::Closed(_)), "{error}");
        assert!(client.next_event().await.unwrap().is_none());
    };
    within(async { tokio::join!(server, client) }).await;
}

#[tokio::test]
async fn a_session_that_is_sent_elsewhere_goes_there() {
    let (here, there) = (Site::new().await, crate::support::listen().await);
    let mut client = ReconnectingClient::with_policy(here.juliet(Mode::StartTls), impatient());
    let server = async {
        let client = here.welcome(Mode::StartTls).await;
        dismiss(
            client,
            StreamError::see_other_host(format!("127.0.0.1:{}", there.1)),
        )
        .await;
        let mut client = accept(&there.0, &here.tls, Mode::StartTls).await;
        log_in(&mut client).await.unwrap();
        client.flush().await;
        client
    };
    let client = async {
        client.next_event().await.unwrap();
        let event = client.next_event().await.unwrap();
        assert_eq!(condition(event), StreamErrorCondition::SeeOtherHost);
        let event = client.next_event().await.unwrap();
        assert!(
            matches!(event, Some(ReconnectEvent::Connected(_))),
            "{event:?}"
        );
    };
    within(async { tokio::join!(server, client) }).await;
}

#[tokio::test]
async fn a_loss_that_sending_finds_out_is_an_event_like_any_other() {
    let site = Site::new().await;
    let mut client = ReconnectingClient::with_policy(site.juliet(Mode::StartTls), impatient());
    let (event, mut server) =
        within(async { tokio::join!(client.next_event(), site.welcome(Mode::StartTls)) }).await;
    assert!(matches!(event, Ok(Some(ReconnectEvent::Connected(_)))));
    let server = async move {
        message(&mut server).await;
        server
            .connection_mut()
            .send(&from_romeo("before the end"))
            .unwrap();
        server.close(Some(StreamErrorCondition::Reset.into()));
        // It reads nothing any more, so that sending has to wait, and hears of the end while it does.
        server.flush().await;
        server
    };
    let sending = async {
        let stanza = from_romeo(&"x".repeat(50_000));
        for _ in 0..10_000 {
            if let Err(error) = client.send(stanza.clone()).await {
                return error;
            }
        }
        panic!("nobody reads, and nothing fails");
    };
    let (error, _server) = within(async { tokio::join!(sending, server) }).await;
    assert!(matches!(error, Error::NotConnected), "{error}");
    let event = within(client.next_event()).await.unwrap();
    assert!(
        matches!(event, Some(ReconnectEvent::Stanza(_))),
        "{event:?}"
    );
    let event = within(client.next_event()).await.unwrap();
    assert_eq!(condition(event), StreamErrorCondition::Reset);
}

#[tokio::test]
async fn an_impostor_does_not_end_it_for_good() {
    let site = Site::new().await;
    let impostor = Authority::new().server(DOMAIN);
    let mut client = ReconnectingClient::with_policy(site.juliet(Mode::DirectTls), impatient());
    let server = async {
        drop(site.welcome(Mode::DirectTls).await);
        let (socket, _) = site.listener.accept().await.unwrap();
        let login = ServerConnection::accept_direct_tls(socket, config(), impostor, PATIENCE);
        // The client's refusal may come before or after the end of the handshake.
        if let Ok(mut client) = login.await {
            assert!(log_in(&mut client).await.is_none());
        }
        site.welcome(Mode::DirectTls).await
    };
    let client = async {
        let mut disconnections = Vec::new();
        let mut connections = 0;
        while connections < 2 {
            match client.next_event().await.unwrap() {
                Some(ReconnectEvent::Connected(_)) => connections += 1,
                Some(ReconnectEvent::Disconnected { reason, .. }) => disconnections.push(reason),
                event => panic!("{event:?}"),
            }
        }
        disconnections
    };
    let (disconnections, _server) = within(async { tokio::join!(client, server) }).await;
    let [Error::Closed(_), Error::Connect(refusal)] = &disconnections[..] else {
        panic!("{disconnections:?}");
    };
    assert!(matches!(refusal.last(), Some(Error::Tls(_))), "{refusal}");
}

#[tokio::test]
async fn the_wait_can_be_cut_short_and_dropped() {
    let site = Site::new().await;
    let mut policy = Policy::default();
    // Nobody lives to see it end by itself.
    policy.first = Duration::from_secs(1 << 40);
    policy.max = policy.first;
    let mut client = ReconnectingClient::with_policy(site.juliet(Mode::StartTls), policy);
    for _ in 0..2 {
        let (event, server) =
            within(async { tokio::join!(client.next_event(), site.welcome(Mode::StartTls)) }).await;
        assert!(matches!(event, Ok(Some(ReconnectEvent::Connected(_)))));
        drop(server);
        let event = within(client.next_event()).await.unwrap();
        assert!(matches!(event, Some(ReconnectEvent::Disconnected { .. })));
        let waiting = tokio::time::timeout(Duration::from_millis(10), client.next_event()).await;
        assert!(waiting.is_err(), "{waiting:?}");
        client.connect_now();
    }
}

#[tokio::test]
async fn a_login_survives_when_its_future_is_dropped() {
    let site = Site::new().await;
    let mut client = ReconnectingClient::with_policy(site.juliet(Mode::StartTls), impatient());
    let mut drops = 0;
    let client = async {
        loop {
            tokio::select! {
                biased;
                event = client.next_event() => break event.unwrap(),
                () = tokio::task::yield_now() => drops += 1,
            }
        }
    };
    let (event, _server) =
        within(async { tokio::join!(client, site.welcome(Mode::StartTls)) }).await;
    assert!(
        matches!(event, Some(ReconnectEvent::Connected(_))),
        "{event:?}"
    );
    assert!(drops > 5, "{drops}");
}
