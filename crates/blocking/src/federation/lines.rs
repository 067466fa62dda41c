//! The connections, which take turns.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use xmppwire::Instant;
use xmppwire_net::federation::{Inbound, Key, Order, Outbound, Report};

use super::connection::{Connection, Did};
use crate::clock::Clock;
use crate::search::{Found, Search};

/// The first token of a connection; smaller ones are those of the waker and the listeners.
pub(super) const FIRST: usize = 1024;

/// The connections by their tokens, and which of them have something to do.
#[derive(Debug)]
pub(super) struct Lines {
    clock: Clock,
    lines: BTreeMap<usize, Line>,
    tokens: BTreeMap<Key, usize>,
    ready: VecDeque<usize>,
    alarms: BTreeSet<(Instant, usize)>,
    next: usize,
}

#[derive(Debug)]
struct Line {
    connection: Connection,
    /// Whether it is in the list of those that have something to do.
    listed: bool,
    /// The deadline that is set.
    alarm: Option<Instant>,
}

/// What came of a turn.
#[derive(Debug)]
pub(super) enum Turn {
    Moved,
    Find(Key, Search),
    Report(Report),
}

impl Lines {
    pub(super) const fn new(clock: Clock) -> Self {
        Self {
            clock,
            lines: BTreeMap::new(),
            tokens: BTreeMap::new(),
            ready: VecDeque::new(),
            alarms: BTreeSet::new(),
            next: FIRST,
        }
    }

    pub(super) fn serve(&mut self, registry: &Registry, mut socket: TcpStream, inbound: Inbound) {
        let key = inbound.key();
        let token = self.token();
        let both = Interest::READABLE | Interest::WRITABLE;
        let registered = registry.register(&mut socket, Token(token), both);
        self.add(key, token, Connection::served(inbound, socket, registered));
    }

    pub(super) fn connect(&mut self, outbound: Box<Outbound>) {
        let key = outbound.key();
        let token = self.token();
        self.add(key, token, Connection::opened(outbound));
    }

    fn add(&mut self, key: Key, token: usize, connection: Connection) {
        let line = Line {
            connection,
            listed: false,
            alarm: None,
        };
        self.lines.insert(token, line);
        self.tokens.insert(key, token);
        self.is_ready(token);
    }

    /// A token that no connection has.
    fn token(&mut self) -> usize {
        loop {
            let token = self.next;
            // The largest one belongs to the selector.
            self.next = match token.checked_add(2) {
                Some(_) => token.saturating_add(1),
                None => FIRST,
            };
            if !self.lines.contains_key(&token) {
                return token;
            }
        }
    }

    /// Returns the order where the connection has ended.
    pub(super) fn order(&mut self, now: Instant, key: Key, order: Order) -> Option<Order> {
        let token = self.tokens.get(&key).copied();
        let line = token.and_then(|token| self.lines.get_mut(&token));
        let (Some(token), Some(line)) = (token, line) else {
            return Some(order);
        };
        line.connection.order(now, order);
        self.is_ready(token);
        None
    }

    pub(super) fn found(&mut self, key: Key, found: Found) {
        if let Some(token) = self.tokens.get(&key).copied() {
            if let Some(line) = self.lines.get_mut(&token) {
                line.connection.found(found);
            }
            self.is_ready(token);
        }
    }

    /// Notes that a connection may have something to do.
    pub(super) fn is_ready(&mut self, token: usize) {
        if let Some(line) = self.lines.get_mut(&token)
            && !std::mem::replace(&mut line.listed, true)
        {
            self.ready.push_back(token);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.alarms.first().map(|(at, _)| *at)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, token)) = self.alarms.first().copied()
            && at <= now
        {
            self.alarms.pop_first();
            if let Some(line) = self.lines.get_mut(&token) {
                line.alarm = None;
            }
            self.is_ready(token);
        }
    }

    /// Lets the next connection that has something to do move; `None` where there is none.
    pub(super) fn turn(&mut self, registry: &Registry) -> Option<Turn> {
        let token = self.ready.pop_front()?;
        let Some(line) = self.lines.get_mut(&token) else {
            return Some(Turn::Moved);
        };
        line.listed = false;
        Some(match line.connection.turn(registry, token, self.clock) {
            Did::Nothing => {
                let due = line.connection.poll_timeout();
                self.set_alarm(token, due);
                Turn::Moved
            }
            Did::Moved => {
                self.is_ready(token);
                Turn::Moved
            }
            Did::Search(search) => {
                self.set_alarm(token, None);
                match self.key(token) {
                    Some(key) => Turn::Find(key, search),
                    None => Turn::Moved,
                }
            }
            Did::Report(report) => {
                self.is_ready(token);
                Turn::Report(report)
            }
            Did::End(report) => {
                self.set_alarm(token, None);
                self.lines.remove(&token);
                self.tokens.remove(&report.key());
                Turn::Report(report)
            }
        })
    }

    fn key(&self, token: usize) -> Option<Key> {
        self.lines.get(&token).map(|line| line.connection.key())
    }

    fn set_alarm(&mut self, token: usize, due: Option<Instant>) {
        let Some(line) = self.lines.get_mut(&token) else {
            return;
        };
        if line.alarm == due {
            return;
        }
        if let Some(old) = std::mem::replace(&mut line.alarm, due) {
            self.alarms.remove(&(old, token));
        }
        if let Some(due) = due {
            self.alarms.insert((due, token));
        }
    }
}
