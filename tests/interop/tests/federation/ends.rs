//! Connections that begin and end at any time.

use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use xmppwire_tokio::{FederationLimits, Jid, Message, Presence, Stanza};

use crate::juliet::Juliet;
use crate::ours::{Ours, Setup};
use crate::shared::{Ended, Signal, end_server, get};
use crate::{ZONE, port, within};

/// Messages that are sent at once.
const MANY: usize = 50;

fn text(number: usize) -> String {
    format!("number {number}")
}

/// A server that connects again soon.
fn eager(name: &str) -> Setup {
    let mut limits = FederationLimits::default();
    limits.reconnect.first = Duration::from_millis(100);
    limits.reconnect.max = Duration::from_secs(1);
    Setup {
        limits,
        ..Setup::trusted(name)
    }
}

/// Sends messages to Juliet's account, wherever she is.
fn send_many(ours: &Ours) {
    let account = format!("{}@{}", get("USER"), get("HOST_SHA256"));
    for number in 0..MANY {
        let to = Jid::new(&account).unwrap();
        ours.send(Message::chat(to, text(number)));
    }
}

/// Juliet, to whom messages to her account are delivered.
async fn available() -> Juliet {
    let mut juliet = Juliet::at("HOST_SHA256").await;
    juliet.send(Presence::available()).await;
    // Her own presence comes back.
    juliet.presence().await;
    juliet
}

async fn read_many(mut juliet: Juliet) {
    for number in 0..MANY {
        assert_eq!(juliet.message().await.body(), Some(text(number).into()));
    }
    juliet.close().await;
}

async fn restart(ended: Ended) {
    let restarted = tokio::task::spawn_blocking(|| ended.await_restart());
    within(restarted).await.expect("it comes back");
}

/// Waits until nothing listens for servers.
async fn is_down() {
    let address = (get("ADDRESS"), port("S2S_PORT"));
    let down = async {
        while TcpStream::connect((address.0.as_str(), address.1))
            .await
            .is_ok()
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(down).await;
}

#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn what_waits_for_theirs_is_delivered_when_it_is_back() {
    let theirs = get("HOST_SHA256");
    let ours = eager("patient").start().await;
    let ended = end_server(Signal::Kill);
    is_down().await;
    send_many(&ours);
    // The server is back before our server can reach it, so that Juliet is there first.
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = nowhere.local_addr().unwrap().port();
    drop(nowhere);
    ZONE.publish(&theirs, closed);
    restart(ended).await;
    let juliet = available().await;
    ZONE.publish(&theirs, port("S2S_PORT"));
    read_many(juliet).await;

    // Now a stream is open, and ends with the server.
    restart(end_server(Signal::Terminate)).await;
    let juliet = available().await;
    send_many(&ours);
    read_many(juliet).await;
    ours.close().await;
}

#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn theirs_finds_ours_again() {
    let setup = eager("restarted");
    let mut juliet = Juliet::at("HOST_SHA256").await;
    for number in 0..3 {
        let mut ours = setup.start().await;
        let to = ours.jid("someone");
        // What her server writes before it notices the end of the last stream is lost with it, so
        // she repeats it until it arrives.
        let arrives = within(async {
            loop {
                juliet.send(Message::chat(to.clone(), text(number))).await;
                let arrival = timeout(Duration::from_secs(1), ours.stanza());
                if let Ok(stanza) = arrival.await {
                    return stanza;
                }
            }
        });
        assert_eq!(arrives.await.from(), Some(&juliet.jid()));
        ours.send(Message::chat(juliet.jid(), text(number)));
        let answer = loop {
            // Her server may have answered some of the repeated ones with an error.
            let message = juliet.message().await;
            if !message.is_error() {
                break message;
            }
        };
        assert_eq!(answer.body(), Some(text(number).into()));
        ours.close().await;
    }
}

#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn both_begin_at_once() {
    for setup in [Setup::trusted("at-once"), Setup::stranger("at-once")] {
        let mut ours = setup.start().await;
        let mut juliet = Juliet::at("HOST_SHA256").await;
        let someone = ours.jid("someone");
        for number in 0..MANY {
            ours.send(Message::chat(juliet.jid(), text(number)));
            juliet
                .send(Message::chat(someone.clone(), text(number)))
                .await;
        }
        for number in 0..MANY {
            let stanza = ours.stanza().await;
            let Stanza::Message(message) = stanza else {
                panic!("{stanza:?}");
            };
            assert_eq!(message.body(), Some(text(number).into()));
            assert_eq!(juliet.message().await.body(), Some(text(number).into()));
        }
        ours.close().await;
    }
}
