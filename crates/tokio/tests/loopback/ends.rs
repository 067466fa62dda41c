//! How a connection ends, and that both sides hear the same story.

use xmppwire_tokio::{
    CloseReason, Connection, Error, Mode, ServerEvent, StreamError, StreamErrorCondition,
};

use crate::support::{Site, from_romeo, message, piped, within};

/// Everything until the last event.
async fn end(client: &mut xmppwire_tokio::ServerConnection) -> CloseReason {
    loop {
        match client.next_event().await.unwrap() {
            Some(ServerEvent::Closed(reason)) => return reason,
            Some(_) => {}
            None => panic!("no last event"),
        }
    }
}

#[tokio::test]
async fn a_client_closes_in_order() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let site = Site::new().await;
        let (client, mut server) = within(site.pair(mode)).await;
        let (closed, reason) =
            within(async { tokio::join!(client.close(), end(&mut server)) }).await;
        closed.unwrap();
        assert_eq!(reason, CloseReason::Peer);
        assert!(server.next_event().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_server_closes_in_order() {
    let site = Site::new().await;
    let (mut client, mut server) = within(site.pair(Mode::StartTls)).await;
    server
        .connection_mut()
        .send(&from_romeo("farewell"))
        .unwrap();
    server.close(None);
    let client = async {
        assert!(
            client.next().await.unwrap().is_some(),
            "what was sent before arrives"
        );
        assert!(client.next().await.unwrap().is_none());
        assert!(client.next().await.unwrap().is_none());
        let sent = client.send(from_romeo("too late")).await;
        assert!(matches!(sent, Err(Error::NotConnected)));
    };
    let ((), reason) = within(async { tokio::join!(client, end(&mut server)) }).await;
    assert_eq!(reason, CloseReason::Local);
}

#[tokio::test]
async fn a_cut_connection_is_no_orderly_end() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let site = Site::new().await;
        let (mut client, server) = within(site.pair(mode)).await;
        drop(server);
        let error = within(client.next()).await.unwrap_err();
        assert!(
            matches!(error.close_reason(), Some(CloseReason::TransportEof)),
            "{error}"
        );
        assert!(within(client.next()).await.unwrap().is_none(), "once");
    }
}

#[tokio::test]
async fn a_client_that_vanishes_is_noticed() {
    let site = Site::new().await;
    let (client, mut server) = within(site.pair(Mode::StartTls)).await;
    drop(client);
    assert_eq!(within(end(&mut server)).await, CloseReason::TransportEof);
}

#[tokio::test]
async fn the_last_words_reach_a_client_that_is_talking() {
    let site = Site::new().await;
    let (mut client, mut server) = within(site.pair(Mode::StartTls)).await;
    let server = async move {
        message(&mut server).await;
        server.close(Some(StreamError::new(StreamErrorCondition::Conflict)));
        // After the last event the socket is dropped. With unread bytes in it, that would reset the connection and
        // destroy what was said.
        end(&mut server).await
    };
    let client = async {
        let blah = from_romeo(&"blah ".repeat(10_000));
        for _ in 0..10_000 {
            if let Err(error) = client.send(blah.clone()).await {
                return match error {
                    Error::Closed(_) => error,
                    _ => client.next().await.unwrap_err(),
                };
            }
        }
        panic!("nobody reads, and nothing fails");
    };
    let (reason, error) = within(async { tokio::join!(server, client) }).await;
    assert_eq!(reason, CloseReason::Local);
    match error.close_reason() {
        Some(CloseReason::PeerError(error)) => {
            assert_eq!(error.condition(), StreamErrorCondition::Conflict);
        }
        _ => panic!("{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_confirms_is_left() {
    let (client, _server) = piped(Mode::StartTls, 4096, |connector| connector).await;
    let error = client.close().await.unwrap_err();
    assert!(
        matches!(error.close_reason(), Some(CloseReason::TimedOut(_))),
        "{error}"
    );
}

#[tokio::test]
async fn bytes_that_are_no_tls_end_a_session() {
    let site = Site::new().await;
    let server = async {
        let server = site.welcome(Mode::StartTls).await;
        server.socket().try_write(b"</stream:stream>").unwrap();
        server
    };
    let connector = site.juliet(Mode::StartTls);
    let (client, _server) =
        within(async { tokio::join!(xmppwire_tokio::Client::connect_with(&connector), server) })
            .await;
    let error = within(client.unwrap().next()).await.unwrap_err();
    assert!(matches!(error, Error::Tls(_)), "{error}");
}
