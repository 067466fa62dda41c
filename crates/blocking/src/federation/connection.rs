//! A connection to or from another server: its machine and its socket.

use std::io;
use std::task::Poll;

use mio::net::TcpStream;
use mio::{Registry, Token};
use xmppwire::Instant;
use xmppwire_net::federation::{Inbound, Key, Next, Order, Outbound, Report};
use xmppwire_net::link::Wired;
use xmppwire_net::socket::{SockRef, prepare};

use crate::clock::Clock;
use crate::moves::{CHUNK, step};
use crate::open::Opening;
use crate::search::{Found, Search};

#[derive(Debug)]
pub(super) struct Connection {
    machine: Machine,
    socket: Option<TcpStream>,
    /// The connections that are being opened.
    openings: Vec<Opening>,
    waits: Waits,
}

#[derive(Debug)]
enum Machine {
    In(Box<Inbound>),
    Out(Box<Outbound>),
}

/// What the connection waits for, beside bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    No,
    /// For the result of a search.
    Search,
    /// For a connection to be open or to have failed, at the latest until then.
    Connect(Option<Instant>),
}

/// What came of a turn.
#[derive(Debug)]
pub(super) enum Did {
    Nothing,
    Moved,
    Search(Search),
    Report(Report),
    /// The last report: drop the connection.
    End(Report),
}

impl Connection {
    /// A connection that another server opened. `registered` tells whether its socket is watched.
    pub(super) fn served(
        mut inbound: Inbound,
        socket: TcpStream,
        registered: io::Result<()>,
    ) -> Self {
        // A socket that refuses is no longer connected, which reading will show.
        let _ = prepare(&SockRef::from(&socket));
        if let Err(error) = registered {
            inbound.wire().write_failed(error.kind().into());
            inbound.wire().read_failed(error);
        }
        Self {
            machine: Machine::In(Box::new(inbound)),
            socket: Some(socket),
            openings: Vec::new(),
            waits: Waits::No,
        }
    }

    /// A connection that is to be opened.
    pub(super) const fn opened(outbound: Box<Outbound>) -> Self {
        Self {
            machine: Machine::Out(outbound),
            socket: None,
            openings: Vec::new(),
            waits: Waits::No,
        }
    }

    pub(super) fn key(&self) -> Key {
        match &self.machine {
            Machine::In(inbound) => inbound.key(),
            Machine::Out(outbound) => outbound.key(),
        }
    }

    pub(super) fn order(&mut self, now: Instant, order: Order) {
        match &mut self.machine {
            Machine::In(inbound) => inbound.order(now, order),
            Machine::Out(outbound) => {
                outbound.order(now, order);
                if outbound.is_called_off() {
                    self.waits = Waits::No;
                }
            }
        }
    }

    pub(super) fn found(&mut self, found: Found) {
        if let (Machine::Out(outbound), Waits::Search) = (&mut self.machine, self.waits) {
            self.waits = Waits::No;
            match found {
                Found::Answers(answers) => outbound.looked_up(Some(answers)),
                Found::Addresses(addresses) => outbound.resolved(addresses),
            }
        }
    }

    pub(super) fn poll_timeout(&mut self) -> Option<Instant> {
        match (self.waits, &mut self.machine) {
            (Waits::Search, _) => None,
            (Waits::Connect(until), _) => {
                let deadlines = self.openings.iter().map(Opening::deadline);
                deadlines.chain(until).min()
            }
            (Waits::No, Machine::In(inbound)) => inbound.wire().poll_timeout(),
            (Waits::No, Machine::Out(outbound)) => outbound.wire().poll_timeout(),
        }
    }

    /// Lets the machine go on, or moves some bytes.
    pub(super) fn turn(&mut self, registry: &Registry, token: usize, clock: Clock) -> Did {
        let now = clock.now();
        if self.waits == Waits::Search {
            return Did::Nothing;
        }
        let outbound = match &mut self.machine {
            Machine::In(inbound) => {
                return match inbound.poll(now) {
                    Poll::Ready(Some(report)) if report.is_last() => Did::End(report),
                    Poll::Ready(Some(report)) => Did::Report(report),
                    // Unreachable: it was dropped after the last report.
                    Poll::Ready(None) => Did::Nothing,
                    Poll::Pending => self.step(clock),
                };
            }
            Machine::Out(outbound) => outbound,
        };
        let limit = outbound.timeout();
        match outbound.next(now) {
            Next::Drive => self.step(clock),
            Next::Report(report) => Did::Report(report),
            Next::Over(report) => Did::End(report),
            Next::LookUp(names) => {
                self.waits = Waits::Search;
                let servers = outbound.name_servers().cloned();
                Did::Search(Search::LookUp(names, servers, limit))
            }
            Next::Resolve { host, port } => {
                self.waits = Waits::Search;
                Did::Search(Search::Resolve(host, port, limit))
            }
            Next::Open(address) => {
                let opening = Opening::begin(registry, Token(token), address, now + limit);
                self.openings.push(opening);
                Did::Moved
            }
            Next::Wait(until) => {
                let Some((address, opened)) = Opening::first(&mut self.openings, now) else {
                    self.waits = Waits::Connect(until);
                    return Did::Nothing;
                };
                let opened = opened.map(|socket| {
                    // A socket that refuses is no longer connected, which reading will show.
                    let _ = prepare(&SockRef::from(&socket));
                    self.socket = Some(socket);
                    // The others are too late.
                    self.openings.clear();
                });
                self.waits = Waits::No;
                outbound.opened(now, address, opened);
                Did::Moved
            }
        }
    }

    fn step(&mut self, clock: Clock) -> Did {
        let mut chunk = [0; CHUNK];
        let wire = match &mut self.machine {
            Machine::In(inbound) => inbound.wire(),
            Machine::Out(outbound) => outbound.wire(),
        };
        let Some(socket) = &mut self.socket else {
            return Did::Nothing;
        };
        match step(socket, wire, clock, &mut chunk) {
            true => Did::Moved,
            false => Did::Nothing,
        }
    }
}
