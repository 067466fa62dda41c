//! Sessions that outlive their connections (XEP-0198).

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use xmppwire::{
    Client, ClientConfig, ClientEvent, Detached, Element, Entropy, Instant, Iq, Jid, Mechanism,
    MechanismPolicy, ResumeAnswer, Resumption, ServerEvent, Stanza, StreamManagement, TlsInfo,
    Unacknowledged,
};
use xmppwire_net::client::{Connector, Error, NotAcknowledged, ReconnectEvent, RequestError};
use xmppwire_net::find::Mode;

use super::reconnect::at_once;
use crate::adapter::{Accepted, Adapter, Handle, Reconnecting, Session};
use crate::site::{CLOSED_PORT, Site, body, message};
use crate::{Authority, DOMAIN, JULIET, PASSWORD, PATIENCE, Porter, Relay, both};

/// A site that is reached through a relay.
pub(super) fn relayed() -> (Site, Relay, Connector) {
    let site = Site::new();
    let relay = Relay::new(SocketAddr::from(([127, 0, 0, 1], site.port)));
    let connector =
        crate::juliet(&site.authority).with_server("127.0.0.1", relay.port(), Mode::StartTls);
    (site, relay, connector)
}

/// Lets a client log in, and waits until its stream is managed.
pub(super) fn welcome<A: Adapter>(site: &Site) -> A::Accepted {
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
pub(super) fn welcome_back<A: Adapter>(site: &Site, answer: ResumeAnswer) -> A::Accepted {
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
pub(super) fn left(mut client: impl Accepted) -> (Detached, Vec<String>) {
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
pub(super) fn next_arrival(client: &mut impl Accepted) -> Option<String> {
    loop {
        match client.next_event().unwrap()? {
            ServerEvent::Stanza(stanza) => return Some(body(Some(stanza))),
            ServerEvent::Acknowledged(_) => {}
            event => panic!("no message: {event:?}"),
        }
    }
}

/// The next event that is not about the connection.
pub(super) fn next(client: &mut impl Reconnecting) -> ReconnectEvent {
    loop {
        match client.next_event().unwrap().expect("an event") {
            ReconnectEvent::Disconnected { .. } => {}
            event => return event,
        }
    }
}

pub(super) fn is_resumed(client: &mut impl Reconnecting) {
    let event = next(client);
    assert!(matches!(event, ReconnectEvent::Resumed(_)), "{event:?}");
}

pub(super) fn is_connected(client: &mut impl Reconnecting) {
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

/// A request to the server.
fn question() -> Iq {
    let payload = Element::builder("question", "urn:example:question").build();
    Iq::get("", &payload).with_to(Jid::new("example.org").unwrap())
}

/// The next request of the client.
fn next_question(client: &mut impl Accepted) -> Iq {
    loop {
        match client.next_event().unwrap().expect("the client is there") {
            ServerEvent::Stanza(Stanza::Iq(iq)) => return iq,
            ServerEvent::Acknowledged(_) => {}
            event => panic!("no request: {event:?}"),
        }
    }
}

/// Asks with the handle of a client that reconnects, once its session is managed, and gives the answer.
fn ask<A: Adapter>(connector: Connector) -> Result<Iq, RequestError> {
    let (handle, events, driver) = A::reconnecting(connector, at_once()).split();
    let driver = thread::spawn(driver);
    let (connected, is_connected) = mpsc::channel();
    let events = thread::spawn(move || {
        for event in events {
            match event {
                ReconnectEvent::Connected(_) => drop(connected.send(())),
                // The failure of a request is told by the request.
                ReconnectEvent::Undelivered(stanzas) => panic!("{stanzas:?}"),
                _ => {}
            }
        }
    });
    is_connected.recv().unwrap();
    handle.send_acked(message("is it managed?")).unwrap();
    let answer = handle.request(question());
    handle.close();
    let _ = driver.join().unwrap();
    events.join().unwrap();
    answer
}

pub fn a_request_is_answered_over_a_cut<A: Adapter>() {
    let (site, relay, connector) = relayed();
    let server = move || {
        let mut client = welcome::<A>(&site);
        assert!(next_arrival(&mut client).is_some());
        let request = next_question(&mut client);
        relay.cut();
        let (detached, _) = left(client);
        let mut client = welcome_back::<A>(&site, ResumeAnswer::Resume(detached));
        client.send(request.result(None).unwrap());
        while let Ok(Some(_)) = client.next_event() {}
    };
    let client = move || {
        ask::<A>(connector).unwrap();
    };
    both(server, client);
}

pub fn a_request_of_a_session_that_is_over_fails<A: Adapter>() {
    let (site, relay, connector) = relayed();
    let server = move || {
        let mut client = welcome::<A>(&site);
        assert!(next_arrival(&mut client).is_some());
        next_question(&mut client);
        relay.cut();
        drop(client);
        let forgot = ResumeAnswer::Unknown { handled: None };
        let mut client = welcome_back::<A>(&site, forgot);
        while let Ok(Some(_)) = client.next_event() {}
    };
    let client = move || {
        let error = ask::<A>(connector).unwrap_err();
        assert!(
            matches!(error, RequestError::Connection(Error::NotConnected)),
            "{error:?}"
        );
    };
    both(server, client);
}

/// Its time runs on while a server that never answers keeps the next attempt waiting.
pub fn a_request_ends_in_time_while_the_client_connects<A: Adapter>() {
    let (site, relay, connector) = relayed();
    let connector = connector
        .with_request_timeout(Duration::from_secs(1))
        .with_total_timeout(2 * PATIENCE);
    let (over, is_over) = mpsc::channel();
    let server = move || {
        let mut client = welcome::<A>(&site);
        assert!(next_arrival(&mut client).is_some());
        next_question(&mut client);
        relay.cut();
        drop(client);
        // It is connected, and hears nothing.
        let silent = site.socket();
        is_over.recv().unwrap();
        drop(silent);
    };
    let client = move || {
        let error = ask::<A>(connector).unwrap_err();
        assert!(matches!(error, RequestError::TimedOut), "{error:?}");
        over.send(()).unwrap();
    };
    both(server, client);
}

/// Juliet's session, of which its server said that it is best resumed there.
fn session_at(location: &str) -> Resumption {
    const HEADER: &str = "<stream:stream xmlns='jabber:client' id='1' from='example.org' \
        xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><stream:features>";
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD)
        .unwrap()
        .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
        .with_stream_management(StreamManagement::new());
    let (entropy, now) = (Entropy::from_seed([1; 32]), Instant::ORIGIN);
    let mut client = Client::with_direct_tls(account, entropy, now, TlsInfo::default());
    let mut tell = |text: &str| {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let taken = client.receive(now, rest);
            rest = &rest[taken..];
            let event = client.poll_event();
            assert!(!matches!(event, Some(ClientEvent::Closed(_))), "{event:?}");
        }
        String::from_utf8(client.take_output()).unwrap()
    };
    tell(&format!(
        "{HEADER}<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>\
         </mechanisms></stream:features>"
    ));
    tell("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    let bind = tell(&format!(
        "{HEADER}<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>\
         </stream:features>"
    ));
    let id = bind
        .split("id='")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    tell(&format!(
        "<iq type='result' id='{id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>juliet@example.org/balcony</jid></bind></iq>\
         <enabled xmlns='urn:xmpp:sm:3' resume='true' id='7' location='{location}'/>"
    ));
    client.take_resumption().unwrap()
}

/// Lets a client in whose session is not known any more, and closes.
fn forget<A: Adapter>(site: &Site) {
    let mut client = welcome_back::<A>(site, ResumeAnswer::Unknown { handled: None });
    client.close(None);
    while let Ok(Some(_)) = client.next_event() {}
}

/// The server of the location proves that it is the domain's as every other does.
pub fn a_session_is_resumed_where_its_server_wants_it<A: Adapter>() {
    let site = Site::new();
    let tls = site.authority.server(DOMAIN);
    let there = Site::at("127.0.0.1", Authority::new(), tls).unwrap();
    let location = format!("127.0.0.1:{}", there.port);
    let connector = site
        .juliet(Mode::StartTls)
        .with_resumption(session_at(&location));
    let server = move || {
        forget::<A>(&there);
        assert!(!site.has_visitor());
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        assert!(!client.is_resumed());
        assert!(client.next().unwrap().is_none());
    };
    both(server, client);
}

pub fn a_session_is_resumed_elsewhere_where_that_fails<A: Adapter>() {
    let site = Site::new();
    let impostor = Site::new();
    for location in [
        format!("127.0.0.1:{CLOSED_PORT}"),
        // It has a certificate of another authority.
        format!("127.0.0.1:{}", impostor.port),
        "no location".to_owned(),
    ] {
        let connector = site
            .juliet(Mode::StartTls)
            .with_resumption(session_at(&location));
        let refused = location.ends_with(&impostor.port.to_string());
        thread::scope(|scope| {
            let server = scope.spawn(|| {
                if refused {
                    let mut client = impostor.accept::<A>(Mode::StartTls);
                    while let Ok(Some(event)) = client.next_event() {
                        Porter::managing().answer(client.connection_mut(), event);
                    }
                }
                forget::<A>(&site);
            });
            let mut client = A::connect_with(&connector).unwrap();
            assert!(client.next().unwrap().is_none());
            server.join().unwrap();
        });
    }
}

/// A server that acknowledges one message, and whose connection is cut when it is told to.
fn take_one<A: Adapter>(site: &Site, relay: &Relay, sent: &mpsc::Receiver<()>) {
    let mut client = welcome::<A>(site);
    for expected in ["one", "two"] {
        assert_eq!(next_arrival(&mut client).as_deref(), Some(expected));
    }
    // Nothing more is read, so the second message is not acknowledged.
    sent.recv().unwrap();
    relay.cut();
}

fn bodies(stanzas: Vec<Unacknowledged>) -> Vec<String> {
    let bodies = stanzas.into_iter().map(|each| body(Some(each.stanza)));
    bodies.collect()
}

/// What the error of a close gives back.
fn given_back(end: Result<(), Error>) -> Vec<String> {
    match end {
        Err(Error::Unacknowledged(left)) => bodies(left.stanzas),
        end => panic!("{end:?}"),
    }
}

pub fn closing_gives_back_what_is_not_acknowledged<A: Adapter>() {
    for reconnects in [false, true] {
        let (site, relay, connector) = relayed();
        let (sent, is_sent) = mpsc::channel();
        let (cut, is_cut) = mpsc::channel();
        let server = move || {
            take_one::<A>(&site, &relay, &is_sent);
            cut.send((site, relay)).unwrap();
        };
        let client = move || {
            let end = if reconnects {
                let mut client = A::reconnecting(connector, at_once());
                is_connected(&mut client);
                client.send_acked(message("one")).unwrap();
                client.send(message("two")).unwrap();
                client.send(message("three")).unwrap();
                sent.send(()).unwrap();
                let _server = is_cut.recv().unwrap();
                client.close()
            } else {
                let mut client = A::connect_with(&connector).unwrap();
                client.send_acked(message("one")).unwrap();
                client.send(message("two")).unwrap();
                client.send(message("three")).unwrap();
                sent.send(()).unwrap();
                let _server = is_cut.recv().unwrap();
                client.close()
            };
            assert_eq!(given_back(end), ["two", "three"], "{reconnects}");
        };
        both(server, client);
    }
}

pub fn closing_a_handle_gives_back_what_is_not_acknowledged<A: Adapter>() {
    let (site, relay, connector) = relayed();
    let (sent, is_sent) = mpsc::channel();
    let server = move || take_one::<A>(&site, &relay, &is_sent);
    let client = move || {
        let client = A::connect_with(&connector).unwrap();
        let (handle, stanzas, driver) = client.split();
        let driver = thread::spawn(driver);
        handle.send_acked(message("one")).unwrap();
        handle.send(message("two")).unwrap();
        handle.send(message("three")).unwrap();
        // It waits for nothing, and the request fails by itself.
        let asking = thread::spawn({
            let handle = handle.clone();
            move || handle.request(question())
        });
        handle.flush().unwrap();
        sent.send(()).unwrap();
        assert_eq!(stanzas.count(), 0);
        assert_eq!(bodies(handle.close()), ["two", "three"]);
        assert!(handle.close().is_empty());
        driver.join().unwrap().unwrap_err();
        asking.join().unwrap().unwrap_err();
    };
    both(server, client);
}

pub fn the_receiver_is_told_what_is_not_acknowledged_at_the_close<A: Adapter>() {
    let (site, relay, connector) = relayed();
    let (sent, is_sent) = mpsc::channel();
    let (cut, is_cut) = mpsc::channel();
    let server = move || {
        take_one::<A>(&site, &relay, &is_sent);
        cut.send((site, relay)).unwrap();
    };
    let client = move || {
        let (handle, mut events, driver) = A::reconnecting(connector, at_once()).split();
        let driver = thread::spawn(driver);
        assert!(matches!(events.next(), Some(ReconnectEvent::Connected(_))));
        handle.send_acked(message("one")).unwrap();
        handle.send(message("two")).unwrap();
        handle.send(message("three")).unwrap();
        handle.flush().unwrap();
        sent.send(()).unwrap();
        let _server = is_cut.recv().unwrap();
        assert!(handle.close().is_empty());
        let mut told = Vec::new();
        for event in events {
            if let ReconnectEvent::Undelivered(stanzas) = event {
                told.extend(bodies(stanzas));
            }
        }
        assert_eq!(told, ["two", "three"]);
        let _ = driver.join().unwrap();
    };
    both(server, client);
}
