//! A thousand connections of both roles, driven by one thread over `mio` and nothing else.
//!
//! ```text
//! cargo run --release --example event_loop [PAIRS]
//! ```
//!
//! Five hundred clients and five hundred servers meet over TCP on the loopback interface, log in
//! with SCRAM, exchange messages and close. Then one more connection sends nothing, to show that a
//! deadline ends it. Read [`Peer::drive`] first: it is all that a loop has to do for a connection
//! of either role. TLS is left out for brevity; do so on the loopback interface only.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use xmppwire::{
    ApiMisuse, BareJid, BindAnswer, Client, ClientConfig, ClientEvent, CloseReason, Connection,
    DecoyKey, Endpoint, Entropy, Host, HostAnswer, Instant, Jid, Limits, Mechanism, Message, Role,
    SaslAnswer, SaslCondition, SaslFailure, ScramHash, ScramKeys, Server, ServerConfig,
    ServerEvent, Stanza, TlsOffer, TlsPolicy,
};

/// Messages that each client sends, and gets back.
const MESSAGES: usize = 10;
const ACCOUNTS: usize = 10;
const PASSWORD: &str = "O Romeo, Romeo!";
/// The fewest that a client accepts (RFC 7677 §4). Each login computes them, which takes most of
/// the time.
const ITERATIONS: u32 = 4096;
/// Time limit of the silent connection.
const PATIENCE: Duration = Duration::from_millis(200);
const LISTENER: Token = Token(usize::MAX);

fn main() -> Result<(), Box<dyn Error>> {
    if shared::help("usage: event_loop [PAIRS]\n") {
        return Ok(());
    }
    let pairs = std::env::args().nth(1).map_or(Ok(500), |n| n.parse())?;
    rlimit::increase_nofile_limit(2 * pairs + 64)?;

    let mut event_loop = EventLoop::new()?;
    let started = event_loop.now();
    for n in 0..pairs as usize {
        event_loop.connect(n)?;
    }
    event_loop.run_until(|shared| shared.closed + shared.broken == 2 * pairs as usize)?;
    let took = event_loop.now().saturating_since(started);

    let silent = std::net::TcpStream::connect(event_loop.address)?;
    event_loop.shared.limits.negotiation_timeout = PATIENCE;
    event_loop.run_until(|shared| shared.timed_out == 1)?;
    drop(silent);

    let connections = 2 * pairs;
    let Shared {
        logins,
        messages,
        bytes,
        closed,
        broken,
        timed_out,
        ..
    } = event_loop.shared;
    println!("{connections} connections on one thread: {pairs} clients, {pairs} servers");
    println!("  logins    {logins} of {pairs}, by {ACCOUNTS} accounts");
    println!("  messages  {messages}, half of them sent and half echoed");
    println!("  bytes     {bytes}");
    println!("  time      {took:.2?}, most of it {pairs} key derivations of {ITERATIONS} rounds");
    println!("  ended     {closed} in good order, {broken} broken");
    println!("  deadlines {timed_out} silent connection was ended after {PATIENCE:?}");
    if broken > 0 {
        Err("some connections broke".into())
    } else {
        Ok(())
    }
}

/// One end of a connection: the machine, its socket, and the input that it has not consumed yet.
struct Peer<R: Role> {
    connection: Connection<R>,
    socket: TcpStream,
    input: Vec<u8>,
    // `mio` reports changes; these are the states.
    readable: bool,
    writable: bool,
}

/// A [`Peer`] of either role.
trait Drive {
    /// Does all that can be done without waiting.
    fn drive(&mut self, now: Instant, shared: &mut Shared) -> io::Result<()>;
    fn ready(&mut self, readable: bool, writable: bool);
    fn deadline(&self) -> Option<Instant>;
    fn handle_timeout(&mut self, now: Instant);
    fn is_finished(&self) -> bool;
}

impl<R: Application> Drive for Peer<R> {
    fn drive(&mut self, now: Instant, shared: &mut Shared) -> io::Result<()> {
        loop {
            let mut moved = false;
            while let Some(event) = self.connection.poll_event() {
                R::handle_event(&mut self.connection, now, event, shared)
                    .map_err(io::Error::other)?;
                moved = true;
            }
            while self.writable && !self.connection.output().is_empty() {
                let written = self.socket.write(self.connection.output());
                let Some(written) = unless_blocked(written, &mut self.writable)? else {
                    break;
                };
                self.connection.consume_output(written);
                shared.bytes += written;
                moved = true;
            }
            if self.connection.wants_read() {
                if self.input.is_empty() && self.readable {
                    let mut buffer = [0; 4096];
                    let read = self.socket.read(&mut buffer);
                    match unless_blocked(read, &mut self.readable)? {
                        Some(0) => self.connection.receive_eof(now),
                        Some(read) => self.input.extend(buffer.iter().take(read)),
                        None => {}
                    }
                    moved = true;
                }
                // Bytes that are not consumed are offered again when the machine wants to read.
                let consumed = self.connection.receive(now, &self.input);
                self.input.drain(..consumed);
                moved |= consumed > 0;
            }
            if !moved {
                return Ok(());
            }
        }
    }

    fn ready(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    fn deadline(&self) -> Option<Instant> {
        self.connection.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
    }

    fn is_finished(&self) -> bool {
        self.connection.is_finished()
    }
}

fn unless_blocked(result: io::Result<usize>, level: &mut bool) -> io::Result<Option<usize>> {
    match result {
        Ok(n) => Ok(Some(n)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            *level = false;
            Ok(None)
        }
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}

/// What all connections share: the accounts, the limits and the counters.
struct Shared {
    accounts: BTreeMap<BareJid, ScramKeys>,
    /// One for all connections.
    decoy: DecoyKey,
    limits: Limits,
    logins: usize,
    messages: usize,
    bytes: usize,
    closed: usize,
    timed_out: usize,
    broken: usize,
}

/// What a role does with its events.
trait Application: Role {
    fn handle_event(
        endpoint: &mut Endpoint<Self>,
        now: Instant,
        event: Self::Event,
        shared: &mut Shared,
    ) -> Result<(), ApiMisuse>;
}

impl Application for Server {
    fn handle_event(
        endpoint: &mut Endpoint<Self>,
        _now: Instant,
        event: ServerEvent,
        shared: &mut Shared,
    ) -> Result<(), ApiMisuse> {
        match event {
            ServerEvent::Opened(question) => {
                let host = Host::new(TlsOffer::Unavailable, [Mechanism::ScramSha256]);
                endpoint.choose_host(question, HostAnswer::Serve(host))
            }
            // The question is a token. A program with a database would send it to another thread
            // and answer it later, while this thread serves the other connections.
            ServerEvent::Sasl(question) => {
                let keys = question
                    .account()
                    .and_then(|account| shared.accounts.get(&account));
                let answer = match keys {
                    Some(keys) => SaslAnswer::ScramKeys(keys.clone()),
                    None => SaslAnswer::Reject(SaslFailure::new(SaslCondition::NotAuthorized)),
                };
                endpoint.answer_sasl(question, answer)
            }
            ServerEvent::Bind(question) => {
                let resource = question.suggested().clone();
                endpoint.answer_bind(question, BindAnswer::Bind(resource))
            }
            ServerEvent::Stanza(stanza) => {
                let answer = match &stanza {
                    // The client stops at a number, so that this never goes on for ever.
                    Stanza::Message(message) => message.body().and_then(|body| {
                        shared.messages += 1;
                        message.reply(body).map(Stanza::Message)
                    }),
                    // Every request has an answer (RFC 6120 §8.2.3).
                    _ => stanza.unsupported_reply(),
                };
                answer.map_or(Ok(()), |answer| endpoint.send(&answer))
            }
            ServerEvent::Closed(reason) => {
                shared.count(&reason);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Application for Client {
    fn handle_event(
        endpoint: &mut Endpoint<Self>,
        now: Instant,
        event: ClientEvent,
        shared: &mut Shared,
    ) -> Result<(), ApiMisuse> {
        // Each message is a number, and the answer to it is the next number.
        let number = match event {
            ClientEvent::Bound(_) => {
                shared.logins += 1;
                1
            }
            ClientEvent::Stanza(Stanza::Message(message)) => {
                shared.messages += 1;
                message
                    .body()
                    .and_then(|body| body.parse().ok())
                    .map_or(MESSAGES, |n: usize| n + 1)
            }
            ClientEvent::Stanza(other) => {
                let answer = other.unsupported_reply();
                return answer.map_or(Ok(()), |answer| endpoint.send(&answer));
            }
            ClientEvent::Closed(reason) => {
                shared.count(&reason);
                return Ok(());
            }
            _ => return Ok(()),
        };
        match endpoint.jid().cloned() {
            Some(own) if number <= MESSAGES => {
                endpoint.send(&Message::chat(own, number.to_string()).into())
            }
            _ => {
                endpoint.close(now, None);
                Ok(())
            }
        }
    }
}

impl Shared {
    fn count(&mut self, reason: &CloseReason) {
        match reason {
            CloseReason::Local | CloseReason::Peer => self.closed += 1,
            CloseReason::TimedOut(_) => self.timed_out += 1,
            other => {
                eprintln!("broken: {other:?}");
                self.broken += 1;
            }
        }
    }
}

/// The loop. The index of a peer in `peers` is its token.
struct EventLoop {
    clock: std::time::Instant,
    poll: Poll,
    listener: TcpListener,
    address: SocketAddr,
    peers: Vec<Option<Slot>>,
    deadlines: BinaryHeap<Reverse<(Instant, usize)>>,
    shared: Shared,
}

struct Slot {
    peer: Box<dyn Drive>,
    /// The valid deadline of this peer in the heap. Others of this peer are out of date.
    scheduled: Option<Instant>,
}

impl EventLoop {
    fn new() -> Result<Self, Box<dyn Error>> {
        let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let mut entropy = Entropy::from_os()?;
        let accounts = (0..ACCOUNTS).map(|n| {
            let salt = entropy.salt();
            let keys = ScramKeys::derive(ScramHash::Sha256, PASSWORD, &salt, ITERATIONS)?;
            Ok((account(n)?, keys))
        });
        Ok(Self {
            clock: std::time::Instant::now(),
            address: listener.local_addr()?,
            poll,
            listener,
            peers: Vec::new(),
            deadlines: BinaryHeap::new(),
            shared: Shared {
                accounts: accounts.collect::<Result<_, Box<dyn Error>>>()?,
                decoy: DecoyKey::random()?,
                limits: Limits::default(),
                logins: 0,
                messages: 0,
                bytes: 0,
                closed: 0,
                timed_out: 0,
                broken: 0,
            },
        })
    }

    /// The time since the start: the machines read no clock.
    fn now(&self) -> Instant {
        Instant::from_origin(self.clock.elapsed())
    }

    /// Starts the n-th client. Several log in to one account, and the server gives each a resource.
    fn connect(&mut self, n: usize) -> Result<(), Box<dyn Error>> {
        let config = ClientConfig::new(Jid::from(account(n % ACCOUNTS)?), PASSWORD)?
            .with_tls(TlsPolicy::Forbidden);
        let client = Client::new(config, Entropy::from_os()?, self.now());
        let socket = TcpStream::connect(self.address)?;
        Ok(self.insert(client, socket)?)
    }

    fn accept(&mut self) -> Result<(), Box<dyn Error>> {
        loop {
            let mut more = true;
            match self.listener.accept() {
                Ok((socket, _)) => {
                    let config = ServerConfig::new(self.shared.decoy.clone())
                        .with_limits(self.shared.limits.clone());
                    let server = Server::new(config, Entropy::from_os()?, self.now());
                    self.insert(server, socket)?;
                }
                Err(error) => {
                    unless_blocked(Err(error), &mut more)?;
                }
            }
            if !more {
                return Ok(());
            }
        }
    }

    fn insert(
        &mut self,
        connection: Connection<impl Application>,
        mut socket: TcpStream,
    ) -> io::Result<()> {
        let token = Token(self.peers.len());
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket, token, both)?;
        let (input, readable, writable) = (Vec::new(), false, false);
        let peer = Box::new(Peer {
            connection,
            socket,
            input,
            readable,
            writable,
        });
        self.peers.push(Some(Slot {
            peer,
            scheduled: None,
        }));
        self.tend(token.0);
        Ok(())
    }

    fn run_until(&mut self, done: impl Fn(&Shared) -> bool) -> Result<(), Box<dyn Error>> {
        let mut events = Events::with_capacity(1024);
        while !done(&self.shared) {
            let next = self.deadlines.peek().map(|Reverse((when, _))| *when);
            let wait = next.map(|when| when.saturating_since(self.now()));
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(error.into());
                }
                _ => {}
            }
            for event in &events {
                if event.token() == LISTENER {
                    self.accept()?;
                } else if let Some(Some(slot)) = self.peers.get_mut(event.token().0) {
                    slot.peer.ready(event.is_readable(), event.is_writable());
                    self.tend(event.token().0);
                }
            }
            self.handle_timeouts();
        }
        Ok(())
    }

    fn handle_timeouts(&mut self) {
        let now = self.now();
        while let Some(&Reverse((when, n))) = self.deadlines.peek()
            && when <= now
        {
            self.deadlines.pop();
            if let Some(Some(slot)) = self.peers.get_mut(n)
                && slot.scheduled == Some(when)
            {
                slot.scheduled = None;
                slot.peer.handle_timeout(now);
                self.tend(n);
            }
        }
    }

    /// Drives a peer. Drops it when it is finished, or else notes its deadline.
    fn tend(&mut self, n: usize) {
        let now = self.now();
        let Some(place) = self.peers.get_mut(n) else {
            return;
        };
        let Some(slot) = place else { return };
        let driven = slot.peer.drive(now, &mut self.shared);
        if let Err(error) = &driven {
            eprintln!("broken: {error}");
            self.shared.broken += 1;
        }
        let deadline = slot.peer.deadline();
        if driven.is_err() || slot.peer.is_finished() {
            *place = None;
        } else if deadline != slot.scheduled {
            slot.scheduled = deadline;
            self.deadlines
                .extend(deadline.map(|when| Reverse((when, n))));
        }
    }
}

fn account(n: usize) -> Result<BareJid, xmppwire::JidError> {
    BareJid::new(&format!("juliet{n}@capulet.example"))
}
