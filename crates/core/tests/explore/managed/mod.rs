//! A managed session between an honest client and an honest server (XEP-0198), with a network that is
//! cut, a server that forgets, and others that want the session.
//!
//! Whatever happens, each stanza that was sent is acknowledged or given back, once, and none arrives
//! twice.

mod books;
mod ends;
mod network;
mod theft;

use std::collections::VecDeque;

use xmppwire::{Client, Connection, DetachedSessions, Resumption, Server};

use self::books::Books;
use self::ends::juliet;
use super::canonical::canonical;
use super::end::{START, ensure};
use super::search::{Report, World, explore};

pub fn explore_all() -> Report {
    let mut report = Report::default();
    for (name, budget) in [
        (
            "a managed session that is cut",
            Budget {
                sends: [2, 1],
                cuts: 2,
                attacks: 0,
            },
        ),
        (
            "a managed session that is attacked",
            Budget {
                sends: [1, 1],
                cuts: 1,
                attacks: 1,
            },
        ),
    ] {
        report.add(&explore(name, || Session::new(budget)));
    }
    report
}

/// What may still happen.
#[derive(Clone, Copy, Debug)]
struct Budget {
    sends: [u8; 2],
    cuts: u8,
    attacks: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    Client,
    Server,
}

#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// The next write arrives there.
    Deliver(To),
    /// The first half of it arrives, and the rest never does.
    CutInside(To),
    Send(To),
    /// Both ends notice that the connection is lost.
    Cut,
    /// Only the client does.
    CutUnnoticed,
    /// The client suspends the session.
    Suspend,
    /// The client connects again, with its session.
    Reconnect,
    /// The server ends a session that waits, and remembers how much of it was handled, or not.
    Forget(bool),
    /// Somebody acknowledges what was acknowledged long ago, or what was never sent.
    Acknowledge(To, u32),
    /// The server refuses what it has agreed to.
    Refuse,
    /// Another account, or the same with a wrong count, wants the session.
    Steal,
    WrongCount,
    Close(To),
}

pub struct Session {
    budget: Budget,
    client: Option<Connection<Client>>,
    resumption: Option<Resumption>,
    server: Connection<Server>,
    /// A connection that the server takes for alive.
    old: Option<Connection<Server>>,
    sessions: DetachedSessions,
    /// Whether the server remembers what ended sessions had handled.
    remembers: bool,
    to_client: VecDeque<Vec<u8>>,
    to_server: VecDeque<Vec<u8>>,
    of_client: Books,
    of_server: Books,
    connections: u8,
    /// Whether one side has closed, or was made to.
    closed: bool,
    rules: u128,
}

impl World for Session {
    type Action = Act;

    fn actions(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        if !self.to_server.is_empty() {
            acts.push(Act::Deliver(To::Server));
        }
        if !self.to_client.is_empty() && self.is_connected() {
            acts.push(Act::Deliver(To::Client));
        }
        let Budget {
            sends,
            cuts,
            attacks,
        } = self.budget;
        let managed = |sent: Option<u64>| sent.is_some();
        if self.is_bound() && !self.closed {
            let client = self.client.as_ref().and_then(|client| client.sent());
            if sends[0] > 0 && managed(client) {
                acts.push(Act::Send(To::Server));
            }
            if sends[1] > 0 && managed(self.server.sent()) {
                acts.push(Act::Send(To::Client));
            }
        }
        if self.is_connected() && !self.closed {
            if cuts > 0 {
                acts.extend([Act::Cut, Act::CutUnnoticed]);
                // What is cut inside is explored without attacks.
                let inside = attacks == 0;
                if inside && !self.to_server.is_empty() {
                    acts.push(Act::CutInside(To::Server));
                }
                if inside && !self.to_client.is_empty() {
                    acts.push(Act::CutInside(To::Client));
                }
                let client = self.client.as_ref();
                let resumable = client.is_some_and(|client| client.acknowledged().is_some());
                if resumable && self.is_bound() {
                    acts.push(Act::Suspend);
                }
            }
            acts.extend([Act::Close(To::Client), Act::Close(To::Server)]);
            if attacks > 0 && self.is_bound() {
                for to in [To::Client, To::Server] {
                    acts.extend([0, 9].map(|count| Act::Acknowledge(to, count)));
                }
                acts.push(Act::Refuse);
            }
        }
        if !self.is_connected() && !self.closed {
            acts.push(Act::Reconnect);
            if self.sessions.contains(&juliet()) && attacks > 0 {
                acts.extend([Act::Forget(true), Act::Forget(false)]);
                if self.resumption.is_some() {
                    acts.extend([Act::Steal, Act::WrongCount]);
                }
            }
        }
        acts
    }

    fn set_careful(&mut self, _: bool) {}

    fn act(&mut self, action: &Act) -> Result<(), String> {
        match *action {
            Act::Deliver(to) => self.deliver(to)?,
            Act::CutInside(to) => {
                self.budget.cuts -= 1;
                let queue = match to {
                    To::Client => &mut self.to_client,
                    To::Server => &mut self.to_server,
                };
                let mut bytes = queue.pop_front().unwrap_or_default();
                bytes.truncate(bytes.len() / 2);
                match to {
                    To::Client => self.feed_client(bytes)?,
                    To::Server => self.feed_server(bytes)?,
                }
                self.cut(true)?;
            }
            Act::Send(to) => {
                self.budget.sends[usize::from(to == To::Client)] -= 1;
                self.send(to)?;
            }
            Act::Cut => {
                self.budget.cuts -= 1;
                self.cut(true)?;
            }
            Act::CutUnnoticed => {
                self.budget.cuts -= 1;
                self.cut(false)?;
            }
            Act::Suspend => {
                self.budget.cuts -= 1;
                self.suspend()?;
            }
            Act::Reconnect => self.reconnect()?,
            Act::Forget(remember) => {
                self.budget.attacks -= 1;
                self.forget(remember)?;
            }
            Act::Acknowledge(to, count) => {
                self.budget.attacks -= 1;
                let text = format!("<a xmlns='urn:xmpp:sm:3' h='{count}'/>");
                match to {
                    To::Client => self.feed_client(text.into_bytes())?,
                    To::Server => self.feed_server(text.into_bytes())?,
                }
            }
            Act::Refuse => {
                self.budget.attacks -= 1;
                self.feed_client(b"<failed xmlns='urn:xmpp:sm:3'/>".to_vec())?;
            }
            Act::Steal => {
                self.budget.attacks -= 1;
                self.steal("romeo", "0")?;
            }
            Act::WrongCount => {
                self.budget.attacks -= 1;
                self.steal("juliet", "99")?;
            }
            Act::Close(to) => {
                self.closed = true;
                match (to, &mut self.client) {
                    (To::Client, Some(client)) => client.close(START, None),
                    _ => self.server.close(START, None),
                }
                self.turn()?;
            }
        }
        Ok(())
    }

    fn state(&self) -> String {
        let client = self.client.as_ref().map(canonical);
        let server = canonical(&self.server);
        let old = self.old.as_ref().map(canonical);
        let text = |packets: &VecDeque<Vec<u8>>| {
            let texts = packets
                .iter()
                .map(|p| String::from_utf8_lossy(p).into_owned());
            texts.collect::<Vec<_>>()
        };
        let wire = (text(&self.to_client), text(&self.to_server));
        let stored = self.resumption.as_ref().map(Resumption::to_bytes);
        let rest = (self.budget, self.remembers, self.closed, self.connections);
        format!(
            "{client:?} {server} {old:?} {wire:?} {stored:?} {:?} {:?} {:?} {rest:?}",
            self.sessions, self.of_client, self.of_server
        )
    }

    fn is_finished(&self) -> bool {
        self.client.is_none() && self.server.is_finished()
    }

    fn ways_out(&self) -> &'static [usize] {
        &[0]
    }

    /// The network is whole again: everything is decided soon.
    fn settle(&mut self, _: usize) -> Result<(), String> {
        self.budget = Budget {
            sends: [0; 2],
            cuts: 0,
            attacks: 0,
        };
        for _ in 0..3 {
            self.run(|_| false)?;
            if !self.is_connected() && !self.closed && self.resumption.is_some() {
                self.reconnect()?;
                self.run(|_| false)?;
            }
            if let Some(client) = &mut self.client {
                client.request_acknowledgement();
            }
            self.server.request_acknowledgement();
            self.run(|_| false)?;
        }
        if let Some(resumption) = self.resumption.take() {
            // A client that closed while it asked for its session gives it up.
            ensure(self.closed, || "a session was neither resumed nor given up")?;
            self.of_client
                .give_back(resumption.into_unacknowledged(), false)?;
        }
        if let Some(mut client) = self.client.take() {
            client.receive_eof(START);
            while let Some(event) = client.poll_event() {
                self.told_client(event)?;
            }
            self.of_client
                .give_back(client.take_unacknowledged(), false)?;
        }
        self.server.receive_eof(START);
        while let Some(event) = self.server.poll_event() {
            self.told_server(event)?;
        }
        if let Some(old) = &mut self.old {
            old.receive_eof(START);
            self.end_old()?;
        }
        self.forget(true)?;
        for books in [&self.of_client, &self.of_server] {
            ensure(books.open.is_empty(), || format!("undecided: {books:?}"))?;
            let both = books.acknowledged.intersection(&books.given_back).count();
            ensure(both == 0, || format!("decided twice: {books:?}"))?;
            let all = books.acknowledged.len() + books.given_back.len();
            ensure(all == books.sent as usize, || format!("lost: {books:?}"))?;
        }
        Ok(())
    }

    fn rules(&self) -> u128 {
        self.rules
    }
}
