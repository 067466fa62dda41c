//! Client states (XEP-0352) and carbons (XEP-0280), and what a client that reconnects keeps of them.

use std::thread;

use xmppwire::{
    Client, Iq, ResumeAnswer, ServerEvent, Stanza, StanzaErrorCondition, StreamError,
    StreamErrorCondition,
};
use xmppwire_net::client::{ReconnectEvent, RequestError};
use xmppwire_net::find::Mode;

use super::reconnect::at_once;
use super::resume::{is_connected, left, relayed, welcome, welcome_back};
use crate::adapter::{Accepted, Adapter, Reconnecting, Session, Wishing};
use crate::site::{Site, body, message};
use crate::{Login, Porter, both};

const CARBONS: &str = "urn:xmpp:carbons:2";

/// Lets the next client log in.
fn log_in<A: Adapter>(site: &Site, inline: bool) -> (A::Accepted, Login) {
    let mut client = site.accept::<A>(Mode::DirectTls);
    let mut porter = Porter::default().inline(inline);
    while let Some(event) = client.next_event().unwrap() {
        assert!(porter.answer(client.connection_mut(), event));
        if let Some(login) = porter.login() {
            client.flush();
            return (client, login);
        }
    }
    panic!("the client is gone");
}

/// What the client says next: a request, or its state.
fn heard(client: &mut impl Accepted) -> Result<Iq, bool> {
    loop {
        match client.next_event().unwrap().expect("the client is there") {
            ServerEvent::Stanza(Stanza::Iq(iq)) => return Ok(iq),
            ServerEvent::Active(active) => return Err(active),
            ServerEvent::Managed(_) | ServerEvent::Acknowledged(_) => {}
            event => panic!("{event:?}"),
        }
    }
}

fn switches(request: &Iq, name: &str) -> bool {
    request.payload(name, CARBONS).is_some()
}

fn answer(client: &mut impl Accepted, request: &Iq) {
    client.send(request.result(None).unwrap());
    client.flush();
}

fn refuse(client: &mut impl Accepted, request: &Iq) {
    let why = StanzaErrorCondition::ServiceUnavailable.into();
    client.send(request.error_reply(&why).unwrap());
    client.flush();
}

fn shut_down(mut client: impl Accepted) {
    client.close(Some(StreamError::new(StreamErrorCondition::SystemShutdown)));
    while let Ok(Some(_)) = client.next_event() {}
}

pub fn each_new_session_gets_what_was_wanted<A: Adapter>()
where
    A::Reconnecting<Client>: Wishing,
{
    for inline in [false, true] {
        let site = Site::new();
        let connector = site.juliet(Mode::DirectTls);
        let server = move || {
            let (mut client, login) = log_in::<A>(&site, inline);
            assert!(!login.carbons);
            let request = heard(&mut client).unwrap();
            assert!(switches(&request, "enable"));
            answer(&mut client, &request);
            assert_eq!(heard(&mut client), Err(false));
            shut_down(client);

            let (mut client, login) = log_in::<A>(&site, inline);
            assert_eq!(login.carbons, inline);
            let news = match inline {
                true => [heard(&mut client)].into(),
                false => vec![heard(&mut client), heard(&mut client)],
            };
            assert!(news.contains(&Err(false)), "{news:?}");
            if let Some(request) = news.iter().flatten().next() {
                assert!(switches(request, "enable"));
                // What comes of a request that the client makes by itself changes nothing.
                refuse(&mut client, request);
            }
            client.send(message("off, please"));
            client.flush();
            let request = heard(&mut client).unwrap();
            assert!(switches(&request, "disable"));
            answer(&mut client, &request);
            assert_eq!(heard(&mut client), Err(true));
            shut_down(client);

            let (mut client, login) = log_in::<A>(&site, inline);
            assert!(!login.carbons);
            client.send(message("the end"));
            client.flush();
            while let Ok(Some(event)) = client.next_event() {
                assert!(
                    !matches!(event, ServerEvent::Stanza(_) | ServerEvent::Active(_)),
                    "{event:?}"
                );
            }
        };
        let client = move || {
            let mut client = A::reconnecting(connector, at_once());
            is_connected(&mut client);
            client.enable_carbons().unwrap();
            // They are enabled already.
            client.enable_carbons().unwrap();
            client.set_active(false);
            is_connected(&mut client);
            assert_eq!(next_body(&mut client), "off, please");
            client.disable_carbons().unwrap();
            client.set_active(true);
            is_connected(&mut client);
            assert_eq!(next_body(&mut client), "the end");
            client.close().unwrap();
        };
        both(server, client);
    }
}

fn next_body(client: &mut impl Reconnecting) -> String {
    match super::resume::next(client) {
        ReconnectEvent::Stanza(stanza) => body(Some(stanza)),
        event => panic!("{event:?}"),
    }
}

/// Every stream begins as active, a resumed one too. What a handle says without a session is kept.
pub fn the_state_is_told_again_after_a_resumption<A: Adapter>()
where
    <A::Reconnecting<Client> as Reconnecting>::Handle: Wishing,
{
    let (site, relay, connector) = relayed();
    let server = move || {
        let mut client = welcome::<A>(&site);
        for active in [false, true] {
            assert_eq!(heard(&mut client), Err(false));
            if active {
                client.send(message("look"));
                client.flush();
                assert_eq!(heard(&mut client), Err(true));
                return;
            }
            relay.cut();
            let (detached, _) = left(client);
            client = welcome_back::<A>(&site, ResumeAnswer::Resume(detached));
        }
    };
    let client = move || {
        let (mut handle, events, driver) = A::reconnecting(connector, at_once()).split();
        handle.set_active(false);
        let driver = thread::spawn(driver);
        for event in events {
            match event {
                ReconnectEvent::Stanza(_) => {
                    handle.set_active(true);
                    break;
                }
                ReconnectEvent::Undelivered(stanzas) => panic!("{stanzas:?}"),
                _ => {}
            }
        }
        drop(handle);
        let _ = driver.join().unwrap();
    };
    both(server, client);
}

pub fn a_refusal_is_told<A: Adapter>()
where
    A::Session<Client>: Wishing,
{
    let site = Site::new();
    let connector = site.juliet(Mode::DirectTls);
    let server = move || {
        let (mut client, _) = log_in::<A>(&site, false);
        let request = heard(&mut client).unwrap();
        refuse(&mut client, &request);
        let request = heard(&mut client).unwrap();
        answer(&mut client, &request);
        while let Ok(Some(_)) = client.next_event() {}
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        let error = client.enable_carbons().unwrap_err();
        assert!(matches!(error, RequestError::Refused(_)), "{error:?}");
        client.enable_carbons().unwrap();
        client.close().unwrap();
    };
    both(server, client);
}

pub fn carbons_can_be_a_part_of_the_login<A: Adapter>()
where
    A::Session<Client>: Wishing,
{
    let site = Site::new();
    let connector = site.juliet(Mode::DirectTls).with_carbons();
    let server = move || {
        let (mut client, login) = log_in::<A>(&site, true);
        assert!(login.carbons);
        // Behind the features, which offer client states.
        client.send(message("hello"));
        client.flush();
        assert_eq!(heard(&mut client), Err(false));
        while let Ok(Some(event)) = client.next_event() {
            assert!(!matches!(event, ServerEvent::Stanza(_)), "{event:?}");
        }
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        client.enable_carbons().unwrap();
        assert_eq!(body(Some(client.expect())), "hello");
        client.set_active(false);
        client.close().unwrap();
    };
    both(server, client);
}
