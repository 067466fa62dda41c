//! Requests and their answers: only from whom was asked, and only in time.

use std::time::Duration;

use tokio::io::DuplexStream;
use xmppwire_tokio::{
    Connection, Element, Error, Iq, Jid, Mode, RequestError, ServerConnection, ServerEvent, Stanza,
    StanzaError, StanzaErrorCondition, ns,
};

use crate::support::{from_romeo, piped};

const BOTH: [Mode; 2] = [Mode::StartTls, Mode::DirectTls];

fn ping() -> Iq {
    let server = Jid::new("example.org").unwrap();
    Iq::get("", &Element::builder("ping", ns::PING).build()).with_to(server)
}

async fn request(client: &mut ServerConnection<DuplexStream>) -> Iq {
    match client.next_event().await.unwrap() {
        Some(ServerEvent::Stanza(Stanza::Iq(iq))) => iq,
        event => panic!("{event:?}"),
    }
}

fn send(client: &mut ServerConnection<DuplexStream>, stanza: impl Into<Stanza>) {
    client.connection_mut().send(&stanza.into()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_answer_is_told_from_everything_else() {
    for mode in BOTH {
        let (mut client, mut server) = piped(mode, 4096, |connector| connector).await;
        let server = async {
            let iq = request(&mut server).await;
            send(&mut server, from_romeo("meanwhile"));
            let answer = iq.result(None).unwrap();
            // The right id, sent by somebody who has guessed or seen it.
            send(
                &mut server,
                answer.clone().with_from(Jid::new("evil.example").unwrap()),
            );
            send(&mut server, answer);
            server.flush().await;
        };
        let (answer, ()) = tokio::join!(client.request(ping()), server);
        let answer = answer.unwrap();
        assert_eq!(answer.from().unwrap().as_str(), "example.org");
        let Some(Stanza::Message(meanwhile)) = client.next().await.unwrap() else {
            panic!("the message is lost");
        };
        assert_eq!(meanwhile.body().as_deref(), Some("meanwhile"));
        let Some(Stanza::Iq(forged)) = client.next().await.unwrap() else {
            panic!("the forgery is lost");
        };
        assert_eq!(forged.from().unwrap().as_str(), "evil.example");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_why() {
    let (mut client, mut server) = piped(Mode::DirectTls, 4096, |connector| connector).await;
    let server = async {
        let iq = request(&mut server).await;
        let error = StanzaError::new(StanzaErrorCondition::ServiceUnavailable);
        send(&mut server, iq.error_reply(&error).unwrap());
        server.flush().await;
    };
    let (answer, ()) = tokio::join!(client.request(ping()), server);
    let Err(RequestError::Refused(error)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(error.condition(), StanzaErrorCondition::ServiceUnavailable);
}

#[tokio::test(start_paused = true)]
async fn a_request_has_its_time_and_a_late_answer_is_a_stanza() {
    let patience = |connector: xmppwire_tokio::Connector| {
        connector.with_request_timeout(Duration::from_secs(3))
    };
    let (mut client, mut server) = piped(Mode::DirectTls, 4096, patience).await;
    let (answer, first) = tokio::join!(client.request(ping()), request(&mut server));
    assert!(matches!(answer, Err(RequestError::TimedOut)));

    send(&mut server, first.result(None).unwrap());
    let server = async {
        let second = request(&mut server).await;
        send(&mut server, second.result(None).unwrap());
        server.flush().await;
        second
    };
    let (answer, second) = tokio::join!(client.request(ping()), server);
    assert_eq!(answer.unwrap().id(), second.id());
    let Some(Stanza::Iq(late)) = client.next().await.unwrap() else {
        panic!("the late answer is lost");
    };
    assert_eq!(late.id(), first.id());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_stream_ends_the_wait() {
    let (mut client, mut server) = piped(Mode::DirectTls, 4096, |connector| connector).await;
    let server = async {
        request(&mut server).await;
        drop(server);
    };
    let (answer, ()) = tokio::join!(client.request(ping()), server);
    assert!(
        matches!(answer, Err(RequestError::Connection(Error::Closed(_)))),
        "{answer:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_cannot_be_asked() {
    let (mut client, _server) = piped(Mode::DirectTls, 4096, |connector| connector).await;
    let answer = ping()
        .with_from(Jid::new("a.example").unwrap())
        .result(None)
        .unwrap();
    let result = client.request(answer).await;
    assert!(matches!(
        result,
        Err(RequestError::Connection(Error::NoRequest))
    ));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_beside_a_request_has_to_be_taken_first() {
    let few = |connector: xmppwire_tokio::Connector| connector.with_inbox_bytes(1);
    let (mut client, mut server) = piped(Mode::DirectTls, 64 * 1024, few).await;
    let server = async {
        let iq = request(&mut server).await;
        for _ in 0..3 {
            send(&mut server, from_romeo("meanwhile"));
        }
        send(&mut server, iq.result(None).unwrap());
        server.flush().await;
        iq
    };
    let (answer, iq) = tokio::join!(client.request(ping()), server);
    assert!(matches!(
        answer,
        Err(RequestError::Connection(Error::InboxFull))
    ));
    for _ in 0..3 {
        assert!(matches!(client.next().await, Ok(Some(Stanza::Message(_)))));
    }
    let Some(Stanza::Iq(answer)) = client.next().await.unwrap() else {
        panic!("the answer is lost");
    };
    assert_eq!(answer.id(), iq.id());
}
