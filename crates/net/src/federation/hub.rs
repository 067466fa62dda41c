//! Federation without sockets: the pool, its connections, and what the application gets.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use xmppwire::{Instant, Stanza};

use super::guests::Guests;
use super::report::{Command, FederationEvent, Order, Report, What};
use super::roads::Roads;
use super::{
    Federation, FederationConfig, Inbound, Key, NotRouted, Outbound, Overload, Step, Told,
    Undelivered,
};
use crate::find::Mode;
use crate::log::log;

/// Answers to malformed stanzas that are tried again at once.
const RETRIES: usize = 16;

/// A server's streams to and from other servers, as a machine above its connections.
///
/// An adapter gives each connection to a task, or lets the connections take turns:
///
/// - [`accept`](Self::accept) and [`HubStep::Connect`] give the machines of connections,
///   [`Inbound`] and [`Outbound`];
/// - [`HubStep::Order`] goes to the connection of the key, or is dropped where there is none;
/// - what the connections report goes to [`hear`](Self::hear).
///
/// The adapter polls until there is no step after each call.
///
/// The hub itself waits for nothing, so what waits for the application are the reports between a
/// connection and the hub. The adapter bounds them by [`Report::held`] and lets connections wait,
/// which keeps them from reading.
#[derive(Debug)]
pub struct Hub {
    config: Arc<FederationConfig>,
    pool: Federation,
    roads: Roads,
    guests: Guests,
    /// Answers to malformed stanzas that the pool has no room for. The connections that they belong
    /// to read nothing meanwhile, so there is one for each connection at most.
    unrouted: VecDeque<(Key, Stanza)>,
    /// Connections of other servers that are still to be closed.
    to_close: VecDeque<Key>,
    /// Stanzas for connections that took no order any more, until their last report is heard.
    crossed: BTreeMap<Key, Vec<Order>>,
    /// Answers to malformed stanzas that could not be delivered.
    lost: u64,
    closed: bool,
}

/// What an adapter has to do next. It has to know every step, so the list is exhaustive.
#[derive(Debug)]
pub enum HubStep {
    /// Drive this connection to another server.
    Connect(Box<Outbound>),
    /// Give the order to the connection of this key; where the connection takes none any more, to
    /// [`Hub::not_taken`].
    Order(Key, Order),
    /// Give the event to the application.
    Event(FederationEvent),
}

impl Hub {
    /// No stream is open yet.
    pub fn new(config: FederationConfig) -> Self {
        Self {
            pool: config.pool(),
            guests: Guests::new(config.incoming_limits()),
            config: Arc::new(config),
            roads: Roads::default(),
            unrouted: VecDeque::new(),
            to_close: VecDeque::new(),
            crossed: BTreeMap::new(),
            lost: 0,
            closed: false,
        }
    }

    /// The configuration.
    pub fn config(&self) -> &FederationConfig {
        &self.config
    }

    /// Begins to serve a connection that another server opened from this address, with TLS from the
    /// first byte or without. `None` where there are as many as may be: close its socket.
    pub fn accept(&mut self, now: Instant, from: IpAddr, mode: Mode) -> Option<Inbound> {
        if self.closed || !self.guests.has_room_for(from) {
            log!(info, %from, "a connection of another server is refused");
            return None;
        }
        let key = self.pool.accept();
        self.guests.add(key, from);
        Some(Inbound::new(key, Arc::clone(&self.config), mode, now))
    }

    /// Takes a stanza to another server. Its `from` has to be of a domain of this server.
    ///
    /// # Errors
    ///
    /// [`NotRouted`] gives the stanza back: it lacks an address, or as much waits as may.
    pub fn send(&mut self, now: Instant, stanza: Stanza) -> Result<(), Box<NotRouted>> {
        self.pool.route(now, stanza)
    }

    /// Bytes of memory that stanzas to other servers hold while they wait.
    pub const fn queued(&self) -> usize {
        self.pool.queued()
    }

    /// How many answers to malformed stanzas were lost, because their connection ended while too
    /// much waited for its server.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Takes what a connection reports, and returns what the application gets of it.
    pub fn hear(&mut self, now: Instant, report: Report) -> Option<FederationEvent> {
        let Report { key, mut what } = report;
        if let What::Told(told) = &mut what
            && let Some(orders) = self.crossed.remove(&key)
        {
            match told {
                Told::Closed { .. } => orders.into_iter().for_each(|it| told.take_back(it)),
                _ => drop(self.crossed.insert(key, orders)),
            }
        }
        match what {
            What::Told(told) => {
                if matches!(told, Told::Closed { .. }) {
                    self.guests.remove(key);
                    self.give_up(now, key);
                }
                self.pool.told(now, key, told);
                None
            }
            What::Ready(pair, trust) => {
                self.pool.told(now, key, Told::Ready(pair.clone()));
                Some(FederationEvent::Ready(pair, trust))
            }
            What::Verify(request) => {
                self.pool.verify(now, key, request);
                None
            }
            What::Malformed(answer) => {
                self.unrouted.push_back((key, answer));
                None
            }
            What::Authorised(pair, trust) => {
                self.guests.set_proven(key);
                Some(FederationEvent::Authorised(pair, trust))
            }
            What::Unsendable(stanza, why) => {
                let undelivered = Undelivered::invalid(stanza, &why);
                Some(FederationEvent::Undelivered(Box::new(undelivered)))
            }
            What::Stanza(stanza) => {
                self.pool.told(now, key, Told::Used);
                Some(FederationEvent::Stanza(stanza))
            }
        }
    }

    /// Takes an order back that a connection did not take any more, because its last report is on
    /// the way.
    pub fn not_taken(&mut self, key: Key, order: Order) {
        // Nothing is sent to a connection that is known to have ended.
        if matches!(order.0, Command::Send(_)) {
            self.crossed.entry(key).or_default().push(order);
        }
    }

    /// What to do next; `None` until something else happens.
    pub fn poll(&mut self, now: Instant) -> Option<HubStep> {
        if let Some(key) = self.to_close.pop_front() {
            return Some(HubStep::Order(key, Order(Command::Close)));
        }
        if let Some(key) = self.retry(now) {
            return Some(HubStep::Order(key, Order(Command::Resume)));
        }
        let order = |key, command| Some(HubStep::Order(key, Order(command)));
        match self.pool.poll(now)? {
            Step::Connect {
                key,
                pair,
                purpose,
                policy,
                joins,
            } => {
                let config = Arc::clone(&self.config);
                let roads = joins.then(|| self.roads.clone());
                let outbound = Outbound::new(key, pair, purpose, policy, config, roads);
                Some(HubStep::Connect(Box::new(outbound)))
            }
            Step::AddPair(key, pair) => order(key, Command::AddPair(pair)),
            Step::Send(key, stanza) => order(key, Command::Send(stanza)),
            Step::Verify(key, request) => order(key, Command::Verify(request)),
            Step::Answer(key, answer) => order(key, Command::Answer(answer)),
            Step::Close(key) => order(key, Command::Close),
            Step::Bounce(undelivered) => {
                Some(HubStep::Event(FederationEvent::Undelivered(undelivered)))
            }
        }
    }

    /// Routes an answer to a malformed stanza, if there is room for one, and returns the connection
    /// that may go on to read.
    fn retry(&mut self, now: Instant) -> Option<Key> {
        for _ in 0..self.unrouted.len().min(RETRIES) {
            let (key, answer) = self.unrouted.pop_front()?;
            match self.pool.route(now, answer) {
                Ok(()) => return Some(key),
                Err(refused) if matches!(refused.why, Overload::Domain | Overload::Pool) => {
                    self.unrouted.push_back((key, refused.stanza));
                }
                Err(_) => {
                    self.lose();
                    return Some(key);
                }
            }
        }
        None
    }

    /// Tries for the last time to route the answer that a connection waits for, which has ended.
    fn give_up(&mut self, now: Instant, key: Key) {
        let at = self.unrouted.iter().position(|(it, _)| *it == key);
        let answer = at.and_then(|at| self.unrouted.remove(at));
        if let Some((_, answer)) = answer
            && self.pool.route(now, answer).is_err()
        {
            self.lose();
        }
    }

    fn lose(&mut self) {
        self.lost = self.lost.saturating_add(1);
        log!(warn, "the answer to a malformed stanza is lost");
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.pool.poll_timeout()
    }

    /// Tells the time. An early call does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.pool.handle_timeout(now);
    }

    /// Begins to end federation: what waits comes back as undelivered, and all streams are closed.
    /// Idempotent.
    pub fn close(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.closed, true) {
            self.pool.close(now);
            self.to_close = self.guests.keys().collect();
        }
    }

    /// Whether it was closed, every connection has ended, and no step is left.
    pub fn is_finished(&self) -> bool {
        self.closed && self.pool.is_finished() && self.guests.is_empty()
    }
}
