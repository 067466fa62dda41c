//! Two clients that send numbered messages to each other while their connections are cut.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use xmppwire::{FullJid, Message, Presence, Stanza};
use xmppwire_net::client::{Connector, NotAcknowledged, ReconnectEvent, ReconnectPolicy};

use crate::adapter::{Adapter, Handle, Reconnecting};

/// How long nothing may happen before messages count as lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one side has seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// How often its connection was lost, or could not be opened.
    pub lost: usize,
    /// How often its session went on.
    pub resumed: usize,
    /// Messages of the other side that have come, each counted once.
    pub arrived: usize,
    /// Messages that came after a later one.
    pub late: usize,
    /// Copies of messages that had come before.
    pub doubled: usize,
    /// Messages of its own that the server returned with an error, and that have not arrived.
    pub returned: usize,
}

/// What became of the messages to each side.
struct Ledger {
    sides: Mutex<[Side; 2]>,
    changed: Condvar,
}

#[derive(Clone, Default)]
struct Side {
    seen: Seen,
    /// Of each message to this side.
    fates: Vec<Fate>,
    /// The highest number that has arrived.
    highest: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Open,
    Arrived,
    Returned,
}

/// Lets each client send numbered messages to the other one in rounds, over connections that are cut.
///
/// Checks that each message arrives or comes back with an error, that the server has acknowledged
/// the last one of each round, and that the adapter has given none back. `cut` is called for each
/// round: before it begins if `within`, otherwise after its end, when nothing is under way.
pub fn deliver<A: Adapter>(
    connectors: [Connector; 2],
    rounds: usize,
    messages: usize,
    within: bool,
    mut cut: impl FnMut(),
) -> [Seen; 2] {
    let ledger = Ledger::new(rounds * messages);
    thread::scope(|scope| {
        let (mut peers, mut sides) = (Vec::new(), Vec::new());
        for (me, connector) in connectors.into_iter().enumerate() {
            let client = A::reconnecting(connector, ReconnectPolicy::at_once());
            let (handle, events, driver) = client.split();
            let driver = scope.spawn(driver);
            let (bound, is_bound) = mpsc::channel();
            let ledger = &ledger;
            scope.spawn(move || receive(me, events, &bound, ledger));
            peers.push(is_bound.recv().expect("it logs in"));
            // What is acknowledged shows that the server manages the session.
            let managed = handle.send_acked(Presence::available());
            managed.expect("it is managed");
            sides.push((handle, driver));
        }
        peers.reverse();
        for round in 0..rounds {
            if within {
                cut();
            }
            thread::scope(|scope| {
                for ((handle, _), peer) in sides.iter().zip(&peers) {
                    scope.spawn(move || send(handle, peer, round * messages, messages));
                }
            });
            if !within {
                cut();
            }
        }
        let ended = ledger.wait();
        for (handle, driver) in sides {
            handle.close();
            // A cut may end the closing handshake.
            let _ = driver.join().expect("no panic");
        }
        ended.unwrap_or_else(|missing| panic!("{missing}"));
    });
    ledger.lock().clone().map(|side| side.seen)
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

/// Enters in the ledger what comes, until the client is closed.
fn receive(
    me: usize,
    events: impl Iterator<Item = ReconnectEvent>,
    bound: &mpsc::Sender<FullJid>,
    ledger: &Ledger,
) {
    for event in events {
        match event {
            ReconnectEvent::Connected(jid) => bound.send(jid).expect("the session is resumed"),
            ReconnectEvent::Resumed(_) => ledger.lock()[me].seen.resumed += 1,
            ReconnectEvent::Disconnected { .. } => ledger.lock()[me].seen.lost += 1,
            ReconnectEvent::Undelivered(stanzas) => panic!("given back: {stanzas:?}"),
            ReconnectEvent::Stanza(Stanza::Message(message)) => {
                let number = message
                    .id()
                    .and_then(|id| id.strip_prefix('m')?.parse().ok());
                let number: usize = number.expect("the id of a numbered message");
                match message.is_error() {
                    true => ledger.returned(me, number),
                    false => ledger.arrived(me, number),
                }
            }
            _ => {}
        }
    }
}

impl Ledger {
    fn new(messages: usize) -> Self {
        let side = Side {
            fates: vec![Fate::Open; messages],
            ..Side::default()
        };
        Self {
            sides: Mutex::new([side.clone(), side]),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, [Side; 2]> {
        self.sides.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message came to this side.
    fn arrived(&self, me: usize, number: usize) {
        let mut sides = self.lock();
        let was = sides[me].fates[number];
        if was == Fate::Returned {
            sides[1 - me].seen.returned -= 1;
        }
        let side = &mut sides[me];
        match was {
            Fate::Arrived => side.seen.doubled += 1,
            Fate::Open | Fate::Returned => {
                side.fates[number] = Fate::Arrived;
                side.seen.arrived += 1;
                side.seen.late += usize::from(number < side.highest);
                side.highest = side.highest.max(number);
            }
        }
        self.changed.notify_one();
    }

    /// A message of this side came back with an error.
    fn returned(&self, me: usize, number: usize) {
        let mut sides = self.lock();
        let fate = &mut sides[1 - me].fates[number];
        if *fate == Fate::Open {
            *fate = Fate::Returned;
            sides[me].seen.returned += 1;
        }
        self.changed.notify_one();
    }

    /// Waits until every message has arrived or was returned; an error tells which have not, once
    /// nothing more comes.
    fn wait(&self) -> Result<(), String> {
        let mut sides = self.lock();
        loop {
            let open = sides.each_ref().map(Side::open);
            if open.iter().all(Vec::is_empty) {
                return Ok(());
            }
            let (again, timed_out) = self
                .changed
                .wait_timeout(sides, PATIENCE)
                .unwrap_or_else(PoisonError::into_inner);
            sides = again;
            if timed_out.timed_out() {
                let seen = sides.each_ref().map(|side| &side.seen);
                return Err(format!(
                    "{seen:?}; messages that never came to a side: {open:?}"
                ));
            }
        }
    }
}

impl Side {
    /// The messages to this side that have neither arrived nor come back.
    fn open(&self) -> Vec<usize> {
        let open = self.fates.iter().enumerate();
        let open = open.filter(|(_, fate)| **fate == Fate::Open);
        open.map(|(number, _)| number).collect()
    }
}
