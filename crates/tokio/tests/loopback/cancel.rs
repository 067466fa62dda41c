//! Futures that are dropped at every await: nothing is lost, nothing is doubled.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::io::DuplexStream;
use tokio::task::yield_now;
use xmppwire_test_support::site::message;
use xmppwire_test_support::{Authority, DOMAIN, Porter, juliet};
use xmppwire_tokio::{
    Client, Connector, Element, Iq, Jid, Mode, Presence, ReconnectingClient, RequestError,
    ServerConnection, ServerEvent, Stanza, ns,
};

use crate::support::{next_message, over, piped, run};

/// Polls a future once and drops it, as `select!` does when another arm is ready.
async fn glimpse<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
    match polled {
        Poll::Ready(output) => Some(output),
        Poll::Pending => {
            yield_now().await;
            None
        }
    }
}

/// The next event, from futures that are each polled once.
async fn next_event(client: &mut ServerConnection<DuplexStream>) -> Option<ServerEvent> {
    loop {
        if let Some(event) = glimpse(client.next_event()).await {
            return event.unwrap();
        }
    }
}

async fn next(client: &mut Client<DuplexStream>) -> Option<Stanza> {
    loop {
        if let Some(stanza) = glimpse(client.next()).await {
            return stanza.unwrap();
        }
    }
}

fn number(stanza: &Stanza) -> usize {
    let Stanza::Message(message) = stanza else {
        panic!("{stanza:?}");
    };
    let body = message.body().unwrap();
    body.split(' ').next().unwrap().parse().unwrap()
}

/// Longer than the pipe, so that every stanza is cut.
fn numbered(number: usize) -> Stanza {
    message(&format!("{number} {}", "x".repeat(number % 7 * 50))).into()
}

const STANZAS: usize = 300;

#[test]
fn a_login_survives_on_the_server() {
    run(async || {
        for (mode, capacity) in [
            (Mode::StartTls, 1),
            (Mode::StartTls, 61),
            (Mode::DirectTls, 1),
            (Mode::DirectTls, 61),
        ] {
            let authority = Authority::new();
            let (near, far) = tokio::io::duplex(capacity);
            let server = async {
                let tls = authority.server(DOMAIN);
                let mut client = over(far, &tls, mode).await;
                let mut porter = Porter::default();
                loop {
                    match next_event(&mut client).await.unwrap() {
                        ServerEvent::Stanza(stanza) => return number(&stanza),
                        event => assert!(porter.answer(client.connection_mut(), event)),
                    }
                }
            };
            let connector = juliet(&authority);
            let client = async {
                let mut client = Client::over(near, mode, &connector).await.unwrap();
                client.send(numbered(7)).await.unwrap();
                client.flush().await.unwrap();
                client
            };
            let (seen, _client) = tokio::join!(server, client);
            assert_eq!(seen, 7);
        }
    });
}

#[test]
fn every_stanza_arrives_once_at_the_client() {
    run(async || {
        let (mut client, mut server) = piped(Mode::StartTls, 61, |connector| connector).await;
        let server = async {
            for n in 0..STANZAS {
                server.connection_mut().send(&numbered(n)).unwrap();
                while glimpse(server.flush()).await.is_none() {}
            }
            server.close(None);
            while next_event(&mut server).await.is_some() {}
        };
        let client = async {
            for n in 0..STANZAS {
                assert_eq!(number(&next(&mut client).await.unwrap()), n);
            }
            assert!(next(&mut client).await.is_none());
        };
        tokio::join!(server, client);
    });
}

#[test]
fn every_stanza_arrives_once_at_the_server() {
    run(async || {
        let (mut client, mut server) = piped(Mode::StartTls, 61, |connector| connector).await;
        let padding = "y".repeat(3000);
        let client = async {
            let mut waits = 0;
            for n in 0..STANZAS {
                // A dropped `send` has sent nothing, so the stanza is offered until `send` returns.
                let stanza: Stanza = message(&format!("{n} {padding}")).into();
                loop {
                    match glimpse(client.send(stanza.clone())).await {
                        Some(sent) => break sent.unwrap(),
                        None => waits += 1,
                    }
                }
            }
            while glimpse(client.flush()).await.is_none() {}
            assert!(waits > STANZAS, "the test does not test anything");
            client
        };
        let server = async {
            for n in 0..STANZAS {
                let stanza = next_message(&mut server).await.into();
                assert_eq!(number(&stanza), n);
            }
        };
        tokio::join!(client, server);
    });
}

#[test]
fn the_answer_to_an_abandoned_request_is_dropped() {
    run(async || {
        let (mut client, mut server) = piped(Mode::DirectTls, 61, |connector| connector).await;
        let ping = || {
            let to = Jid::new("example.org").unwrap();
            Iq::get("", &Element::builder("ping", ns::PING).build()).with_to(to)
        };
        let server = async {
            for _ in 0..2 {
                let Some(ServerEvent::Stanza(Stanza::Iq(iq))) = next_event(&mut server).await
                else {
                    panic!("no request");
                };
                server.connection_mut().send(&numbered(1)).unwrap();
                server
                    .connection_mut()
                    .send(&iq.result(None).unwrap().into())
                    .unwrap();
                server.flush().await;
            }
        };
        let client = async {
            assert!(glimpse(client.request(ping())).await.is_none());
            assert_eq!(number(&next(&mut client).await.unwrap()), 1);

            let answer: Result<Iq, RequestError> = client.request(ping()).await;
            assert!(!answer.unwrap().is_request());
            assert_eq!(number(&next(&mut client).await.unwrap()), 1);
        };
        tokio::join!(server, client);
    });
}

/// On a runtime with several threads, a future may wake up on another one.
#[test]
fn futures_can_be_spawned() {
    fn is_send<T: Send>(_: impl FnOnce(&'static mut Client, &'static mut ReconnectingClient) -> T) {
    }
    is_send(|client, _| client.send(Presence::available()));
    is_send(|client, _| client.next());
    is_send(|client, _| client.flush());
    is_send(|_, client| client.next_event());
    is_send(|_, client| client.send(Presence::available()));
    fn logs_in<T: Send>(_: impl FnOnce(&'static Connector) -> T) {}
    logs_in(Client::connect_with);
}
