//! A request that timed out does not disturb the next one. The clock is paused.

use std::time::Duration;

use tokio::io::DuplexStream;
use xmppwire_tokio::{
    Connector, Element, Iq, Jid, Mode, RequestError, ServerConnection, ServerEvent, Stanza, ns,
};

use crate::support::{piped, run_paused};

fn ping() -> Iq {
    let server = Jid::new("example.org").unwrap();
    Iq::get("", &Element::builder("ping", ns::PING).build()).with_to(server)
}

async fn next_request(client: &mut ServerConnection<DuplexStream>) -> Iq {
    match client.next_event().await.unwrap() {
        Some(ServerEvent::Stanza(Stanza::Iq(iq))) => iq,
        event => panic!("{event:?}"),
    }
}

fn answer(client: &mut ServerConnection<DuplexStream>, request: &Iq) {
    let answer = request.result(None).unwrap();
    client.connection_mut().send(&answer.into()).unwrap();
}

#[test]
fn a_late_answer_is_dropped_beside_the_next_request() {
    run_paused(async || {
        let brief = |connector: Connector| connector.with_request_timeout(Duration::from_secs(3));
        let (mut client, mut server) = piped(Mode::DirectTls, 4096, brief).await;
        let (timed_out, first) = tokio::join!(client.request(ping()), next_request(&mut server));
        assert!(matches!(timed_out, Err(RequestError::TimedOut)));

        answer(&mut server, &first);
        let answer_next = async {
            let second = next_request(&mut server).await;
            answer(&mut server, &second);
            server.flush().await;
            second
        };
        let (answered, second) = tokio::join!(client.request(ping()), answer_next);
        assert_eq!(answered.unwrap().id(), second.id());
        server.close(None);
        let (end, _) = tokio::join!(client.next(), server.next_event());
        assert!(end.unwrap().is_none(), "the late answer is given");
    });
}
