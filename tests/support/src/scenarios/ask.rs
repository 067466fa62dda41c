//! Requests and their answers (RFC 6120 §8.2.3).

use std::time::Duration;

use xmppwire::{Element, Iq, Jid, ServerEvent, Stanza, StanzaError, StanzaErrorCondition, ns};
use xmppwire_net::client::{Error, RequestError};
use xmppwire_net::find::Mode;

use crate::adapter::{Accepted, Adapter, Session};
use crate::both;
use crate::site::{MODES, Site, body, end, message};

fn ping() -> Iq {
    let server = Jid::new("example.org").unwrap();
    Iq::get("", &Element::builder("ping", ns::PING).build()).with_to(server)
}

fn get_version(id: &str) -> Iq {
    Iq::get(id, &Element::builder("query", "jabber:iq:version").build())
}

fn next_request(client: &mut impl Accepted) -> Iq {
    match client.next_event().unwrap() {
        Some(ServerEvent::Stanza(Stanza::Iq(iq))) if iq.is_request() => iq,
        other => panic!("no request: {other:?}"),
    }
}

pub fn an_answer_counts_only_from_the_entity_that_was_asked<A: Adapter>() {
    for mode in MODES {
        let site = Site::new();
        let connector = site.juliet(mode);
        let server = move || {
            let mut client = site.welcome::<A>(mode);
            let answer = next_request(&mut client).result(None).unwrap();
            client.send(message("meanwhile"));
            // The right id from another entity, which has guessed or seen it.
            let forger = Jid::new("evil.example").unwrap();
            client.send(answer.clone().with_from(forger));
            client.send(answer.clone());
            // Repeated, it answers nothing.
            client.send(answer);
            client.send(message("later"));
            end(&mut client);
        };
        let client = move || {
            let mut client = A::connect_with(&connector).unwrap();
            let answer = client.request(ping()).unwrap();
            assert_eq!(answer.from().unwrap().as_str(), "example.org");
            // Everything else is there, in its order.
            for text in ["meanwhile", "later"] {
                assert_eq!(body(client.next().unwrap()), text);
            }
            client.close().unwrap();
        };
        both(server, client);
    }
}

pub fn a_refusal_says_why<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::DirectTls);
    let server = move || {
        let mut client = site.welcome::<A>(Mode::DirectTls);
        let error = StanzaError::new(StanzaErrorCondition::ServiceUnavailable);
        let refusal = next_request(&mut client).error_reply(&error).unwrap();
        client.send(refusal);
        end(&mut client);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        let Err(RequestError::Refused(error)) = client.request(ping()) else {
            panic!("no refusal");
        };
        assert_eq!(error.condition(), StanzaErrorCondition::ServiceUnavailable);
        client.close().unwrap();
    };
    both(server, client);
}

pub fn an_answer_after_the_time_out_is_dropped<A: Adapter>() {
    let site = Site::new();
    let brief = Duration::from_millis(20);
    let connector = site.juliet(Mode::StartTls).with_request_timeout(brief);
    let server = move || {
        let mut client = site.welcome::<A>(Mode::StartTls);
        let request = next_request(&mut client);
        // The client sends this when it has given up.
        crate::site::next_message(&mut client);
        client.send(request.result(None).unwrap());
        // An answer to what the application sent by itself is a stanza like any other.
        let request = get_version("version-1");
        client.send(request.result(None).unwrap());
        end(&mut client);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        let error = client.request(ping()).unwrap_err();
        assert!(matches!(error, RequestError::TimedOut), "{error:?}");
        client.send(message("never mind")).unwrap();
        assert_eq!(client.expect().id(), Some("version-1"));
        client.close().unwrap();
    };
    both(server, client);
}

pub fn the_end_of_the_stream_ends_the_wait<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::DirectTls);
    let server = move || {
        let mut client = site.welcome::<A>(Mode::DirectTls);
        next_request(&mut client);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        let answer = client.request(ping());
        assert!(
            matches!(answer, Err(RequestError::Connection(Error::Closed(_)))),
            "{answer:?}"
        );
    };
    both(server, client);
}

pub fn an_iq_that_is_no_request_is_not_sent<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        let mut client = site.welcome::<A>(Mode::StartTls);
        let event = client.next_event().unwrap();
        assert!(matches!(event, Some(ServerEvent::Closed(_))), "{event:?}");
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        let asker = Jid::new("a.example").unwrap();
        let answer = ping().with_from(asker).result(None).unwrap();
        let error = client.request(answer).unwrap_err();
        assert!(
            matches!(error, RequestError::Connection(Error::NoRequest)),
            "{error:?}"
        );
        client.close().unwrap();
    };
    both(server, client);
}

pub fn stanzas_that_do_not_fit_beside_a_request_have_to_be_taken_first<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::DirectTls).with_inbox_bytes(1);
    let server = move || {
        let mut client = site.welcome::<A>(Mode::DirectTls);
        let request = next_request(&mut client);
        for _ in 0..3 {
            client.send(message("meanwhile"));
        }
        client.send(request.result(None).unwrap());
        client.send(message("later"));
        end(&mut client);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        let error = client.request(ping()).unwrap_err();
        assert!(
            matches!(error, RequestError::Connection(Error::InboxFull)),
            "{error:?}"
        );
        // The request was given up, and with it its answer.
        for text in ["meanwhile", "meanwhile", "meanwhile", "later"] {
            assert_eq!(body(client.next().unwrap()), text);
        }
        client.close().unwrap();
    };
    both(server, client);
}
