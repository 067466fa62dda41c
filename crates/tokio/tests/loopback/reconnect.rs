//! A future of a client that reconnects can be dropped at any time.

use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use xmppwire_test_support::{Authority, DOMAIN, juliet};
use xmppwire_tokio::ReconnectPolicy;
use xmppwire_tokio::tls::ServerTls;
use xmppwire_tokio::{Connector, Mode, ReconnectEvent, ReconnectingClient, ServerConnection};

use crate::support::{log_in, over, run};

/// A listening server, and a client that knows it.
async fn site() -> (TcpListener, ServerTls, Connector) {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connector = juliet(&authority).with_server("127.0.0.1", port, Mode::StartTls);
    (listener, authority.server(DOMAIN), connector)
}

/// Accepts the next connection and lets the client log in.
async fn welcome(listener: &TcpListener, tls: &ServerTls) -> ServerConnection<TcpStream> {
    let (socket, _) = listener.accept().await.unwrap();
    let mut client = over(socket, tls, Mode::StartTls).await;
    log_in(&mut client).await.unwrap();
    client.flush().await;
    client
}

#[test]
fn the_wait_for_the_next_attempt_can_be_dropped() {
    run(async || {
        let (listener, tls, connector) = site().await;
        // A random part of thousands of years.
        let long = Duration::from_secs(1 << 40);
        let policy = ReconnectPolicy::default().with_quick(long);
        let policy = policy.with_first(long).with_max(long);
        let mut client = ReconnectingClient::with_policy(connector, policy);
        for _ in 0..2 {
            let (event, server) = tokio::join!(client.next_event(), welcome(&listener, &tls));
            assert!(matches!(event, Ok(Some(ReconnectEvent::Connected(_)))));
            drop(server);
            let event = client.next_event().await.unwrap();
            assert!(matches!(event, Some(ReconnectEvent::Disconnected { .. })));
            let brief = Duration::from_millis(10);
            let waiting = tokio::time::timeout(brief, client.next_event()).await;
            assert!(waiting.is_err(), "{waiting:?}");
            client.connect_now();
        }
    });
}

#[test]
fn a_login_survives_when_its_future_is_dropped() {
    run(async || {
        let (listener, tls, connector) = site().await;
        let mut client = ReconnectingClient::new(connector);
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
        let (event, _server) = tokio::join!(client, welcome(&listener, &tls));
        assert!(
            matches!(event, Some(ReconnectEvent::Connected(_))),
            "{event:?}"
        );
        assert!(drops > 5, "{drops}");
    });
}
