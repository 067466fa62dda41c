//! Sessions that outlive their connections (XEP-0198).

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use xmppwire::{Detached, ResumeAnswer, Resumption, ServerEvent, StreamManagement};
use xmppwire_net::client::{Connector, NotAcknowledged, ReconnectEvent};
use xmppwire_net::find::Mode;

use super::reconnect::at_once;
use crate::adapter::{Accepted, Adapter, Handle, Reconnecting, Session};
use crate::site::{Site, body, message};
use crate::{Porter, Relay, both};

/// A site that is reached through a relay.
fn relayed() -> (Site, Relay, Connector) {
    let site = Site::new();
    let relay = Relay::new(SocketAddr::from(([127, 0, 0, 1], site.port)));
    let connector =
        crate::juliet(&site.authority).with_server("127.0.0.1", relay.port(), Mode::StartTls);
    (site, relay, connector)
}

/// Lets a client log in, and waits until its stream is managed.
fn welcome<A: Adapter>(site: &Site) -> A::Accepted {
    let mut client = site.accept::<A>(Mode::StartTls);
    let mut porter = Porter::managing();
    while let Some(event) = client.next_event().unwrap() {
        if matches!(event, ServerEvent::Managed(_)) {
            client.flush();
            return client;
        }
        assert!(porter.answer(client.connection_mut(), event));
    }
    panic!("the client is gone");
}

/// Lets a client log in, and answers its request to resume a session.
fn welcome_back<A: Adapter>(site: &Site, answer: ResumeAnswer) -> A::Accepted {
    let mut client = site.accept::<A>(Mode::StartTls);
    let (mut porter, mut answer) = (Porter::managing(), Some(answer));
    while let Some(event) = client.next_event().unwrap() {
        match event {
            ServerEvent::Resume(request) => {
                let answer = answer.take().unwrap();
                let endpoint = client.connection_mut();
                assert!(endpoint.answer_resume(request, answer).unwrap().is_none());
            }
            ServerEvent::Resumed { .. } | ServerEvent::Managed(_) => {
                client.flush();
                return client;
            }
            event => assert!(porter.answer(client.connection_mut(), event)),
        }
    }
    panic!("the client is gone");
}

/// The session of a client whose connection was cut, and the messages that arrived before.
fn left(mut client: impl Accepted) -> (Detached, Vec<String>) {
    let mut arrived = Vec::new();
    loop {
        match client.next_event() {
            Ok(Some(ServerEvent::Stanza(stanza))) => arrived.push(body(Some(stanza))),
            Ok(Some(ServerEvent::Detached(detached))) => return (detached, arrived),
            Ok(Some(_)) => {}
            Ok(None) => panic!("the session ended"),
            // Where the connection broke below the stream, the stream does not know it.
            Err(_) => {
                let detached = client.connection_mut().detach();
                return (detached.expect("it can be resumed"), arrived);
            }
        }
    }
}

/// The text of the next message.
fn next_arrival(client: &mut impl Accepted) -> Option<String> {
    loop {
        match client.next_event().unwrap()? {
            ServerEvent::Stanza(stanza) => return Some(body(Some(stanza))),
            ServerEvent::Acknowledged(_) => {}
            event => panic!("no message: {event:?}"),
        }
    }
}

/// The next event that is not about the connection.
fn next(client: &mut impl Reconnecting) -> ReconnectEvent {
    loop {
        match client.next_event().unwrap().expect("an event") {
            ReconnectEvent::Disconnected { .. } => {}
            event => return event,
        }
    }
}

fn is_resumed(client: &mut impl Reconnecting) {
    let event = next(client);
    assert!(matches!(event, ReconnectEvent::Resumed(_)), "{event:?}");
}

fn is_connected(client: &mut impl Reconnecting) {
    let event = next(client);
    assert!(matches!(event, ReconnectEvent::Connected(_)), "{event:?}");
}

fn next_body(client: &mut impl Reconnecting) -> String {
    match next(client) {
        ReconnectEvent::Stanza(stanza) => body(Some(stanza)),
        event => panic!("{event:?}"),
    }
}

pub fn a_session_continues_after_its_connection_was_cut<A: Adapter>() {
    let (site, relay, connector) = relayed();
    let server = move || {
        let mut client = welcome::<A>(&site);
        assert_eq!(next_arrival(&mut client).as_deref(), Some("before"));
        for round in 0..3 {
            client.send(message(&format!("{round} before the cut")));
            client.flush();
            let (mut detached, arrived) = {
                // The client has read it, and sends while the connection is cut.
                assert_eq!(next_arrival(&mut client).as_deref(), Some("cut me"));
                relay.cut();
                left(client)
            };
            assert!(arrived.is_empty(), "{arrived:?}");
            detached
                .push(&message(&format!("{round} while away")).into())
                .unwrap();
            client = welcome_back::<A>(&site, ResumeAnswer::Resume(detached));
        }
        assert_eq!(next_arrival(&mut client).as_deref(), Some("after"));
        client.close(None);
        while client.next_event().unwrap().is_some() {}
    };
    let client = move || {
        let mut client = A::reconnecting(connector, at_once());
        is_connected(&mut client);
        client.send(message("before")).unwrap();
        for round in 0..3 {
            assert_eq!(next_body(&mut client), format!("{round} before the cut"));
            client.send(message("cut me")).unwrap();
            is_resumed(&mut client);
            assert_eq!(next_body(&mut client), format!("{round} while away"));
        }
        client.send(message("after")).unwrap();
        while let Ok(Some(ReconnectEvent::Stanza(_))) = client.next_event() {}
    };
    both(server, client);
}

/// The stanza and the wait for its acknowledgement survive the cut, wherever that was.
pub fn a_stanza_is_acknowledged_over_a_cut<A: Adapter>() {
    let (site, relay, connector) = relayed();
    let server = move || {
        let mut client = welcome::<A>(&site);
        for expected in ["is it managed?", "it is"] {
            assert_eq!(next_arrival(&mut client).as_deref(), Some(expected));
        }
        let mut arrived = Vec::new();
        for _ in 0..5 {
            relay.cut();
            let (detached, more) = left(client);
            arrived.extend(more);
            client = welcome_back::<A>(&site, ResumeAnswer::Resume(detached));
        }
        while arrived.len() < 20 {
            arrived.push(next_arrival(&mut client).unwrap());
        }
        let expected: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        assert_eq!(arrived, expected, "each once and in order");
        while let Ok(Some(_)) = client.next_event() {}
    };
    let client = move || {
        let (handle, events, driver) = A::reconnecting(connector, at_once()).split();
        let driver = thread::spawn(driver);
        let (connected, is_connected) = mpsc::channel();
        let events = thread::spawn(move || {
            for event in events {
                match event {
                    ReconnectEvent::Connected(_) => connected.send(()).unwrap(),
                    ReconnectEvent::Undelivered(stanzas) => panic!("{stanzas:?}"),
                    _ => {}
                }
            }
        });
        is_connected.recv().unwrap();
        handle.send_acked(message("is it managed?")).unwrap();
        handle.send(message("it is")).unwrap();
        for number in 0..20 {
            loop {
                match handle.send_acked(message(&number.to_string())) {
                    Ok(()) => break,
                    // There is no connection at the moment.
                    Err(NotAcknowledged::NotSent(_)) => thread::yield_now(),
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
        handle.close();
        let _ = driver.join().unwrap();
        events.join().unwrap();
    };
    both(server, client);
}

pub fn a_server_that_forgot_the_session_gives_its_stanzas_back_once<A: Adapter>() {
    let (site, relay, connector) = relayed();
    let (sent, both_are_sent) = mpsc::channel();
    let server = move || {
        let mut client = welcome::<A>(&site);
        for text in ["is it managed?", "one"] {
            assert_eq!(next_arrival(&mut client).as_deref(), Some(text));
        }
        both_are_sent.recv().unwrap();
        // What arrived after it is not taken, and so not acknowledged.
        relay.cut();
        drop(client);
        let forgot = ResumeAnswer::Unknown { handled: Some(2) };
        let mut client = welcome_back::<A>(&site, forgot);
        assert_eq!(next_arrival(&mut client).as_deref(), Some("three"));
        client.close(None);
        while client.next_event().unwrap().is_some() {}
    };
    let client = move || {
        let mut client = A::reconnecting(connector, at_once());
        is_connected(&mut client);
        // Its answer comes behind `<enabled/>`: from here on the session can be resumed.
        client.send_acked(message("is it managed?")).unwrap();
        client.send(message("one")).unwrap();
        client.send(message("two")).unwrap();
        sent.send(()).unwrap();
        match next(&mut client) {
            ReconnectEvent::Undelivered(stanzas) => {
                let bodies = stanzas.into_iter().map(|each| body(Some(each.stanza)));
                assert_eq!(bodies.collect::<Vec<_>>(), ["two"]);
            }
            event => panic!("{event:?}"),
        }
        is_connected(&mut client);
        client.send(message("three")).unwrap();
        while let Ok(Some(event)) = client.next_event() {
            if matches!(event, ReconnectEvent::Disconnected { .. }) {
                break;
            }
            assert!(
                !matches!(event, ReconnectEvent::Undelivered(_)),
                "{event:?}"
            );
        }
    };
    both(server, client);
}

/// The session of one program goes on in another one.
pub fn a_suspended_session_is_stored_and_resumed<A: Adapter>() {
    let (site, _relay, connector) = relayed();
    let server = move || {
        let mut client = welcome::<A>(&site);
        client.send(message("not taken"));
        client.flush();
        let (mut detached, mut arrived) = left(client);
        detached.push(&message("while away").into()).unwrap();
        let mut client = welcome_back::<A>(&site, ResumeAnswer::Resume(detached));
        while arrived.len() < 2 {
            arrived.push(next_arrival(&mut client).unwrap());
        }
        assert_eq!(arrived, ["one", "two"]);
        client.close(None);
        while client.next_event().unwrap().is_some() {}
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        assert!(!client.is_resumed());
        // It is acknowledged, so the session is managed.
        client.send_acked(message("one")).unwrap();
        client.send(message("two")).unwrap();
        let (jid, suspended) = (client.address().clone(), client.suspend());
        let bytes = suspended.resumption.expect("it can be resumed").to_bytes();
        let mut arrived: Vec<String> = suspended
            .arrived
            .into_iter()
            .map(|each| body(Some(each)))
            .collect();

        let resumption = Resumption::from_bytes(&bytes).unwrap();
        let connector = connector.with_resumption(resumption);
        let mut client = A::connect_with(&connector).unwrap();
        assert!(client.is_resumed());
        assert_eq!(*client.address(), jid);
        assert!(client.take_unacknowledged().is_empty());
        while let Ok(Some(stanza)) = client.next() {
            arrived.push(body(Some(stanza)));
        }
        assert_eq!(arrived, ["not taken", "while away"]);
        // It can be used once.
        assert!(connector.take_resumption().is_none());
    };
    both(server, client);
}

pub fn without_management_nothing_is_acknowledged<A: Adapter>() {
    let site = Site::new();
    let connector = site
        .juliet(Mode::DirectTls)
        .with_stream_management(None::<StreamManagement>);
    let server = move || {
        let mut client = site.welcome::<A>(Mode::DirectTls);
        assert_eq!(next_arrival(&mut client).as_deref(), Some("sent"));
        while let Ok(Some(_)) = client.next_event() {}
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        let error = client.send_acked(message("refused")).unwrap_err();
        assert!(matches!(error, NotAcknowledged::Unmanaged), "{error:?}");
        client.send(message("sent")).unwrap();
        client.flush().unwrap();
        assert!(client.suspend().resumption.is_none());
    };
    both(server, client);
}
