//! Requests and their answers.

use std::time::Duration;

use xmppwire_blocking::{
    Client, Connection, Element, Error, Iq, Jid, Mode, RequestError, ServerConnection, ServerEvent,
    Stanza, StanzaError, StanzaErrorCondition, ns,
};

use crate::support::{Site, body, both, give, last_event, message};

fn ping() -> Iq {
    let ping = Element::builder("ping", ns::PING).build();
    Iq::get("", &ping).with_to(Jid::new("example.org").unwrap())
}

fn next_request(client: &mut ServerConnection) -> Iq {
    match client.next_event().unwrap() {
        Some(ServerEvent::Stanza(Stanza::Iq(iq))) if iq.is_request() => iq,
        other => panic!("no request: {other:?}"),
    }
}

#[test]
fn an_answer_counts_from_whom_was_asked_only() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);

    let server = move || {
        let mut client = site.welcome(Mode::StartTls);
        let request = next_request(&mut client);
        let answer = request.result(None).unwrap();
        let forged = answer
            .clone()
            .with_from(Jid::new("mallory@example.com/x").unwrap())
            .with_lang("xx");
        client.connection_mut().send(&forged.into()).unwrap();
        give(&mut client, "meanwhile");
        client.connection_mut().send(&answer.into()).unwrap();

        let request = next_request(&mut client);
        let refusal = StanzaError::new(StanzaErrorCondition::ServiceUnavailable);
        let answer = request.error_reply(&refusal).unwrap();
        client.connection_mut().send(&answer.into()).unwrap();
        last_event(&mut client);
    };
    let client = move || {
        let mut client = Client::connect_with(&connector).unwrap();
        let answer = client.request(ping()).unwrap();
        assert_eq!(
            answer.from().map(|from| from.as_str()),
            Some("example.org"),
            "the forged one does not count"
        );
        let error = client.request(ping()).unwrap_err();
        let RequestError::Refused(error) = error else {
            panic!("{error:?}");
        };
        assert_eq!(error.condition(), StanzaErrorCondition::ServiceUnavailable);

        // What came meanwhile is there, the forgery as the stanza that it is.
        let Some(Stanza::Iq(forged)) = client.next().unwrap() else {
            panic!("the forgery is no secret");
        };
        assert_eq!(forged.lang(), Some("xx"));
        assert_eq!(body(client.next().unwrap()), "meanwhile");
        client.close().unwrap();
    };
    both(server, client);
}

#[test]
fn an_answer_that_is_late_is_a_stanza_like_any_other() {
    let site = Site::new();
    let connector = site
        .juliet(Mode::StartTls)
        .with_request_timeout(Duration::from_millis(20));

    let server = move || {
        let mut client = site.welcome(Mode::StartTls);
        let request = next_request(&mut client);
        // The client has given up when it says so.
        assert!(matches!(
            client.next_event().unwrap(),
            Some(ServerEvent::Stanza(Stanza::Message(_)))
        ));
        let answer = request.result(None).unwrap();
        client.connection_mut().send(&answer.into()).unwrap();
        last_event(&mut client);
        request.id().unwrap().to_owned()
    };
    let client = move || {
        let mut client = Client::connect_with(&connector).unwrap();
        let error = client.request(ping()).unwrap_err();
        assert!(matches!(error, RequestError::TimedOut), "{error:?}");
        client.send(message("never mind")).unwrap();
        let Some(Stanza::Iq(late)) = client.next().unwrap() else {
            panic!("the late answer is lost");
        };
        client.close().unwrap();
        late.id().unwrap().to_owned()
    };
    let (asked, answered) = both(server, client);
    assert_eq!(asked, answered);
}

#[test]
fn what_is_no_request_is_not_sent() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);

    let server = move || last_event(&mut site.welcome(Mode::StartTls));
    let client = move || {
        let mut client = Client::connect_with(&connector).unwrap();
        let answer = ping().result(None).unwrap();
        let error = client.request(answer).unwrap_err();
        assert!(
            matches!(error, RequestError::Connection(Error::NoRequest)),
            "{error:?}"
        );
        client.close().unwrap();
    };
    let (last, ()) = both(server, client);
    assert!(matches!(last, Some(ServerEvent::Closed(_))), "{last:?}");
}
