//! Two clients that send numbered messages to each other while their connections are cut.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use xmppwire::{FullJid, Message, Presence, Stanza};
use xmppwire_net::client::{Connector, NotAcknowledged, ReconnectEvent, ReconnectPolicy};

use crate::adapter::{Adapter, Handle, Reconnecting};

/// What one side has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// How often its connection was lost, or could not be opened.
    pub lost: usize,
    /// How often its session went on.
    pub resumed: usize,
    /// Messages that came after a later one.
    pub late: usize,
    /// Copies of messages that had come before.
    pub doubled: usize,
}

/// Lets each client send numbered messages to the other one in rounds, over connections that are cut.
///
/// Checks that each message arrives, that the server has acknowledged the last one of each
/// round, and that none was given back. `cut` is called for each round: before it begins if
/// `within`, otherwise after its end, when nothing is under way.
pub fn deliver<A: Adapter>(
    connectors: [Connector; 2],
    rounds: usize,
    messages: usize,
    within: bool,
    mut cut: impl FnMut(),
) -> [Seen; 2] {
    let (mut peers, mut sides) = (Vec::new(), Vec::new());
    for connector in connectors {
        let client = A::reconnecting(connector, ReconnectPolicy::at_once());
        let (handle, events, driver) = client.split();
        let driver = thread::spawn(driver);
        let (bound, is_bound) = mpsc::channel();
        let receiver = thread::spawn(move || receive(events, &bound, rounds * messages));
        peers.push(is_bound.recv().expect("it logs in"));
        // What is acknowledged shows that the server manages the session.
        let managed = handle.send_acked(Presence::available());
        managed.expect("it is managed");
        sides.push((handle, driver, receiver));
    }
    peers.reverse();
    for round in 0..rounds {
        if within {
            cut();
        }
        thread::scope(|scope| {
            for ((handle, ..), peer) in sides.iter().zip(&peers) {
                scope.spawn(move || send(handle, peer, round * messages, messages));
            }
        });
        if !within {
            cut();
        }
    }
    let seen = sides.into_iter().map(|(handle, driver, receiver)| {
        let seen = receiver.join().expect("it receives all");
        handle.close();
        // A cut may end the closing handshake.
        let _ = driver.join().expect("no panic");
        seen
    });
    let seen: Vec<Seen> = seen.collect();
    seen.try_into().expect("two sides")
}

/// Sends messages with these numbers, and waits until the server has the last one.
fn send(handle: &impl Handle, to: &FullJid, first: usize, messages: usize) {
    for number in first..first + messages {
        let message = Message::chat(to.clone(), number.to_string()).with_id(&format!("m{number}"));
        while !try_send(handle, message.clone(), number + 1 == first + messages) {
            // There is no session at the moment, and nothing was sent.
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Whether the message was sent, and for the last one acknowledged.
fn try_send(handle: &impl Handle, message: Message, is_last: bool) -> bool {
    match is_last {
        false => handle.send(message).is_ok(),
        true => match handle.send_acked(message) {
            Ok(()) => true,
            Err(NotAcknowledged::NotSent(_)) => false,
            Err(error) => panic!("{error:?}"),
        },
    }
}

/// Takes messages until all are there.
fn receive(
    events: impl Iterator<Item = ReconnectEvent>,
    bound: &mpsc::Sender<FullJid>,
    messages: usize,
) -> Seen {
    let mut seen = Seen::default();
    let mut arrived = vec![false; messages];
    let (mut count, mut highest) = (0, 0);
    for event in events {
        match event {
            ReconnectEvent::Connected(jid) => {
                assert_eq!(seen.resumed, 0, "the session was not resumed");
                bound.send(jid).expect("it is awaited once");
            }
            ReconnectEvent::Resumed(_) => seen.resumed += 1,
            ReconnectEvent::Disconnected { .. } => seen.lost += 1,
            ReconnectEvent::Undelivered(stanzas) => panic!("given back: {stanzas:?}"),
            ReconnectEvent::Stanza(Stanza::Message(message)) => {
                let body = message.body().expect("a body");
                let number: usize = body.parse().expect("a number");
                if std::mem::replace(&mut arrived[number], true) {
                    seen.doubled += 1;
                    continue;
                }
                seen.late += usize::from(number < highest);
                highest = highest.max(number);
                count += 1;
                if count == messages {
                    return seen;
                }
            }
            _ => {}
        }
    }
    panic!("{count} of {messages} messages arrived");
}
