//! Two clients that ask each other thousands of things at once.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;
use xmppwire::{Element, FullJid, Iq, Stanza};
use xmppwire_net::client::{Connector, Handle, Stanzas};
use xmppwire_tokio::Client;

const NUMBER: &str = "urn:example:number";

/// The settings of a client for [`exchange`]: it answers the requests of the other one, and has room
/// for all that may arrive at once.
pub fn prepare(connector: Connector) -> Connector {
    connector
        .with_claim(NUMBER)
        .with_inbox_bytes(64 * 1024 * 1024)
        // Thousands wait for their turn at a server.
        .with_request_timeout(Duration::from_secs(240))
}

/// Has each client ask the other one so many things, all open at the same time, and checks that each
/// request arrives once and that its answer comes back to the task that asked. Both were
/// [prepared](prepare).
pub async fn exchange(juliet: Client, romeo: Client, requests: usize) {
    let jids = [juliet.jid().clone(), romeo.jid().clone()];
    let [(juliet, asks_romeo), (romeo, asks_juliet)] = [juliet, romeo].map(|client| {
        let (handle, stanzas, driver) = client.split();
        let running = [
            tokio::spawn(async { driver.await.unwrap() }),
            tokio::spawn(answer(handle.clone(), stanzas, requests)),
        ];
        (running, handle)
    });
    let [juliet_jid, romeo_jid] = jids;
    let asked = [
        tokio::spawn(ask(asks_romeo.clone(), romeo_jid, requests)),
        tokio::spawn(ask(asks_juliet.clone(), juliet_jid, requests)),
    ];
    for side in asked {
        side.await.unwrap();
    }
    // Closed in order, and the receivers have seen each request once.
    tokio::join!(asks_romeo.close(), asks_juliet.close());
    for task in juliet.into_iter().chain(romeo) {
        task.await.unwrap();
    }
}

/// Asks everything at once.
async fn ask(handle: Handle, to: FullJid, requests: usize) {
    let mut asking = JoinSet::new();
    for number in 0..requests {
        let request = Iq::get("", &payload(number)).with_to(to.clone());
        let handle = handle.clone();
        asking.spawn(async move {
            let answer = handle.request(request).await.unwrap();
            assert_eq!(value(&answer), number + 1);
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked.unwrap();
    }
}

/// Answers the requests when all have arrived, so that all are open at the same time.
async fn answer(handle: Handle, mut stanzas: Stanzas, requests: usize) {
    let mut open = BTreeMap::new();
    while open.len() < requests {
        match stanzas.next().await {
            Some(Stanza::Iq(request)) => {
                let number = value(&request);
                assert!(
                    open.insert(number, request).is_none(),
                    "{number} came twice"
                );
            }
            Some(_) => {}
            None => panic!("the stream ended after {} requests", open.len()),
        }
    }
    for (number, request) in open {
        let answer = request.result(Some(&payload(number + 1))).unwrap();
        handle.send(answer).await.unwrap();
    }
    // Until the client is closed.
    while let Some(stanza) = stanzas.next().await {
        assert!(!matches!(stanza, Stanza::Iq(_)), "{stanza:?}");
    }
}

fn payload(number: usize) -> Element {
    let number = number.to_string();
    Element::builder("n", NUMBER).text(&number).build()
}

fn value(iq: &Iq) -> usize {
    let payload = iq.payload("n", NUMBER).unwrap();
    payload.text().parse().unwrap()
}
