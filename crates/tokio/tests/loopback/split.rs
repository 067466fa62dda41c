//! What only the futures of this adapter can do with a client for several tasks.

use std::future::Future;
use std::time::Duration;

use xmppwire_test_support::site::message;
use xmppwire_tokio::component::Component;
use xmppwire_tokio::{
    Client, ComponentConnection, Element, Error, Events, Handle, Iq, Jid, Mode, Presence,
    ReconnectingClient, ReconnectingComponent, RequestError, ServerEvent, Stanza, Stanzas, ns,
};

use crate::support::{piped, run, run_paused};

fn ping() -> Iq {
    let server = Jid::new("example.org").unwrap();
    Iq::get("", &Element::builder("ping", ns::PING).build()).with_to(server)
}

#[test]
fn a_driver_that_is_dropped_ends_every_wait() {
    run(async || {
        let (client, mut server) = piped(Mode::DirectTls, 4096, |connector| connector).await;
        let (handle, mut stanzas, driver) = client.split();
        let driver = tokio::spawn(driver);
        let answer = tokio::spawn({
            let handle = handle.clone();
            async move { handle.request(ping()).await }
        });
        let event = server.next_event().await.unwrap();
        assert!(matches!(event, Some(ServerEvent::Stanza(Stanza::Iq(_)))));
        let closing = tokio::spawn({
            let handle = handle.clone();
            async move { handle.close().await }
        });
        driver.abort();
        assert!(driver.await.unwrap_err().is_cancelled());
        let answer = answer.await.unwrap();
        let ended = matches!(answer, Err(RequestError::Connection(Error::NotConnected)));
        assert!(ended, "{answer:?}");
        closing.await.unwrap();
        assert!(stanzas.next().await.is_none());
        let sent = handle.send(message("nowhere")).await;
        assert!(matches!(sent, Err(Error::NotConnected)), "{sent:?}");
    });
}

#[test]
fn requests_time_out_while_the_receiver_takes_nothing() {
    run_paused(async || {
        let brief = Duration::from_secs(3);
        let (client, mut server) = piped(Mode::DirectTls, 4096, |connector| {
            connector.with_request_timeout(brief).with_inbox_bytes(0)
        })
        .await;
        let (handle, mut stanzas, driver) = client.split();
        let driver = tokio::spawn(driver);
        for text in ["one", "two", "three"] {
            let connection = server.connection_mut();
            connection.send(&message(text).into()).unwrap();
        }
        server.flush().await;
        let serve =
            tokio::spawn(async move { while let Ok(Some(_)) = server.next_event().await {} });
        let answer = handle.request(ping()).await;
        assert!(matches!(answer, Err(RequestError::TimedOut)), "{answer:?}");
        for text in ["one", "two", "three"] {
            let Some(Stanza::Message(message)) = stanzas.next().await else {
                panic!("a message is lost");
            };
            assert_eq!(message.body().as_deref(), Some(text));
        }
        handle.close().await;
        driver.await.unwrap().unwrap();
        serve.await.unwrap();
    });
}

#[test]
fn the_parts_can_be_spawned() {
    fn is_send<T: Send>(
        _: impl FnOnce(&'static Handle, &'static mut Stanzas, &'static mut Events) -> T,
    ) {
    }
    is_send(|handle, _, _| handle.send(Presence::available()));
    is_send(|handle, _, _| handle.request(ping()));
    is_send(|handle, _, _| handle.close());
    is_send(|_, stanzas, _| stanzas.next());
    is_send(|_, _, events| events.next());
    fn is_spawned<F: Future + Send + 'static>(_: impl FnOnce(Client, ReconnectingClient) -> F) {}
    is_spawned(|client, _| client.split().2);
    is_spawned(|_, client| client.split().2);
    fn is_spawned_too<F: Future + Send + 'static>(
        _: impl FnOnce(ComponentConnection, ReconnectingComponent) -> F,
    ) {
    }
    is_spawned_too(|component, _| component.split().2);
    is_spawned_too(|_, component| component.split().2);
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Handle>();
    is_shared::<Handle<Component>>();
}

#[cfg(feature = "futures")]
#[test]
fn the_parts_are_a_stream_and_a_sink() {
    use std::pin::pin;

    use futures_util::{SinkExt, StreamExt};

    use crate::support::next_message;

    run(async || {
        let (client, mut server) = piped(Mode::DirectTls, 61, |connector| connector).await;
        let (handle, stanzas, driver) = client.split();
        let driver = tokio::spawn(driver);
        let server = tokio::spawn(async move {
            for n in 0..100 {
                let text = format!("{n} {}", "x".repeat(3000));
                assert_eq!(next_message(&mut server).await.body(), Some(text.into()));
            }
            for n in 0..100 {
                let stanza = message(&n.to_string()).into();
                server.connection_mut().send(&stanza).unwrap();
            }
            server.close(None);
            while let Ok(Some(_)) = server.next_event().await {}
        });
        let mut sink = pin!(handle.into_sink());
        for n in 0..100 {
            let text = format!("{n} {}", "x".repeat(3000));
            sink.feed(message(&text)).await.unwrap();
        }
        SinkExt::<Stanza>::flush(&mut sink).await.unwrap();
        let bodies = stanzas.map(|stanza| match stanza {
            Stanza::Message(message) => message.body().unwrap().into_owned(),
            other => panic!("{other:?}"),
        });
        let bodies: Vec<String> = bodies.collect().await;
        let expected: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        assert_eq!(bodies, expected);
        driver.await.unwrap().unwrap();
        server.await.unwrap();
    });
}
