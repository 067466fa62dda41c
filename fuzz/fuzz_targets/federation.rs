//! Two servers that exchange stanzas, and a third one that lies.
//!
//! `a.example` and `b.example`, which also serves `c.example`, have pools, connections and dialback
//! secrets of their own, and reach each other in clear text. Mallory serves `m.example`: she opens
//! connections to both, is connected to by both, and may write anything. She does not control the
//! DNS, so a connection to another domain never reaches her, and she reads only her own connections.
//!
//! Whatever she does, a stanza that a server delivers in the name of `a`, `b` or `c` was sent by
//! that server, once; only that server proves the domain; and every stanza comes to one end: it is
//! delivered, or given back, or was on a connection that was cut or that led to Mallory.
//!
//! The input is a script of lines (see `xmppwire_fuzz::script`). Settings: `b` streams may go in both
//! directions, `s` they may be shared. The steps:
//!
//! ```text
//! r   a server sends a message: two letters for sender and target
//! ~   time passes: one byte, counted from '0', in quarters of a second; ^ 60 seconds
//! o   Mallory opens a connection to the server of a letter, and speaks on it
//! c   she speaks on another one: its number, counted from '0'
//! h   a header: two letters            H   a response header, with its id
//! f   features: dialback and bidi      b   <bidi/>
//! k   a key that she made up           K   the last key that she was shown, on this stream
//! v   a question about such a key      w   an answer to a key       V   an answer to the last question
//! m   a message: two letters           z   the closing tag
//! x   a connection is cut: its number  !   a server begins to end: a letter
//! else, raw bytes
//! ```

#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::task::Poll;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use xmppwire::s2s::{DialbackSecret, Pair};
use xmppwire::{Instant, Stanza, TlsPolicy};
use xmppwire_fuzz::{script, servers};
use xmppwire_net::federation::{
    DomainPolicy, FederationConfig, FederationEvent, Hub, HubStep, Inbound, Key, LocalDomain, Next,
    Outbound, Policies, Report,
};
use xmppwire_net::find::{LookupError, Mode, SrvAnswers};
use xmppwire_net::link::Wired;
use xmppwire_test_support::Authority;

/// Connections in one run: more would only be slow.
const CONNECTIONS: usize = 32;

/// Stanzas in one run.
const STANZAS: usize = 64;

/// Mallory's address.
const MALLORY: u16 = 3;

/// No TLS is used, but every domain has its configuration.
static TLS: LazyLock<LocalDomain> = LazyLock::new(|| {
    let authority = Authority::new();
    let identity = authority.issue("a.example", |_| {});
    LocalDomain::new(identity, authority.roots()).expect("a certificate")
});

fuzz_target!(|data: &[u8]| {
    let (settings, lines) = script::parse(data);
    let mut world = World::new(settings);
    for line in lines {
        world.step(line.op, line.rest, line.all);
        if !line.held {
            world.run();
        }
    }
    world.end();
});

struct World {
    now: Instant,
    servers: [Server; 2],
    connections: Vec<Connection>,
    mallory: Mallory,
    /// What became of each stanza, by its number.
    stanzas: Vec<Fate>,
    /// Whether something was cut, so that stanzas may be lost.
    cut: bool,
}

struct Server {
    hub: Hub,
    machines: BTreeMap<Key, Machine>,
    /// Connections by the keys that this server gave them.
    places: BTreeMap<Key, (usize, usize)>,
}

enum Machine {
    In(Box<Inbound>),
    Out(Box<Outbound>),
}

/// Two ends, and the bytes on their way to each.
struct Connection {
    ends: [End; 2],
    bytes: [Vec<u8>; 2],
    /// Whether nothing more comes to each end.
    eof: [bool; 2],
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Server(usize, Key),
    Mallory,
    Gone,
}

#[derive(Default)]
struct Mallory {
    /// The connection that she speaks on.
    speaks: usize,
    /// The id in the last header of each connection.
    ids: BTreeMap<usize, String>,
    key: String,
    question: String,
}

struct Fate {
    pair: Pair,
    delivered: u32,
    returned: u32,
}

/// The server of a domain.
fn server_of(domain: &str) -> Option<usize> {
    match domain {
        "a.example" => Some(0),
        "b.example" | "c.example" => Some(1),
        _ => None,
    }
}

impl World {
    fn new(settings: &[u8]) -> Self {
        let mut policy = DomainPolicy::default().with_tls(TlsPolicy::Forbidden);
        if settings.contains(&b'b') {
            policy = policy.with_bidi();
        }
        if settings.contains(&b's') {
            policy = policy.with_shared_streams();
        }
        let server = |letters: &[u8], secret: &'static str| {
            let mut config = FederationConfig::new()
                .with_dialback(DialbackSecret::new(secret))
                .with_policies(Policies::new(policy));
            for letter in letters {
                config = config.with_domain(servers::domain(*letter), TLS.clone());
            }
            for (letter, port) in [(b'a', 1), (b'b', 2), (b'c', 2), (b'm', MALLORY)] {
                let domain = servers::domain(letter);
                config = config.with_server(domain, "127.0.0.1", port, Mode::StartTls);
            }
            Server {
                hub: Hub::new(config),
                machines: BTreeMap::new(),
                places: BTreeMap::new(),
            }
        };
        Self {
            now: Instant::ORIGIN,
            servers: [
                server(b"a", "a secret of a"),
                server(b"bc", "a secret of b"),
            ],
            connections: Vec::new(),
            mallory: Mallory::default(),
            stanzas: Vec::new(),
            cut: false,
        }
    }

    fn step(&mut self, op: u8, rest: &[u8], all: &[u8]) {
        let pair = || servers::pair(rest);
        let mut out = Vec::new();
        match op {
            b'r' => return self.route(pair()),
            b'~' => return self.wait(Duration::from_millis(250) * script::number(rest) as u32),
            b'^' => return self.wait(Duration::from_secs(60)),
            b'o' => {
                let server = usize::from(rest.first() != Some(&b'a'));
                return self.visit(server);
            }
            b'c' => return self.mallory.speaks = script::number(rest),
            b'x' => return self.cut(script::number(rest)),
            b'!' => {
                let server = usize::from(rest.first() != Some(&b'a'));
                return self.servers[server].hub.close(self.now);
            }
            b'h' => {
                let (from, to) = (rest.first().copied(), rest.get(1).copied());
                servers::header(from.unwrap_or(b'm'), to.unwrap_or(b'b'), "", &mut out);
            }
            b'H' => {
                let (from, to) = (rest.first().copied(), rest.get(1).copied());
                let id = "id='s'";
                servers::header(from.unwrap_or(b'm'), to.unwrap_or(b'a'), id, &mut out);
            }
            b'f' => servers::features(b"rb", &mut out),
            b'b' => out.extend_from_slice(b"<bidi xmlns='urn:xmpp:bidi'/>"),
            b'k' => servers::key(&pair(), &self.mallory.id(), &mut out),
            b'K' => {
                let (pair, key) = (pair(), &self.mallory.key);
                let (from, to) = (pair.sender(), pair.target());
                let key = format!("<db:result from='{from}' to='{to}'>{key}</db:result>");
                out.extend_from_slice(key.as_bytes());
            }
            b'v' => servers::question(&pair(), &self.mallory.id(), &mut out),
            b'w' => servers::result(&pair(), rest.get(2..).unwrap_or_default(), &mut out),
            b'V' => {
                let pair = pair();
                let (from, to, id) = (pair.sender(), pair.target(), &self.mallory.question);
                let valid = format!("<db:verify from='{from}' to='{to}' id='{id}' type='valid'/>");
                out.extend_from_slice(valid.as_bytes());
            }
            b'm' => servers::stanza(&pair(), &mut out),
            b'z' => out.extend_from_slice(b"</stream:stream>"),
            _ => out = script::raw(all, &self.mallory.id()),
        }
        self.say(&out);
    }

    fn route(&mut self, pair: Pair) {
        let Some(server) = server_of(pair.sender().as_str()) else {
            return;
        };
        if self.stanzas.len() >= STANZAS {
            return;
        }
        let stanza = servers::message_with(&pair, &self.stanzas.len().to_string());
        if self.servers[server].hub.send(self.now, stanza).is_ok() {
            let (delivered, returned) = (0, 0);
            self.stanzas.push(Fate {
                pair,
                delivered,
                returned,
            });
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        for server in 0..2 {
            self.servers[server].hub.handle_timeout(self.now);
            for machine in self.servers[server].machines.values_mut() {
                machine.wire().handle_timeout(self.now);
            }
        }
    }

    // --- Connections ------------------------------------------------------------------------------

    fn visit(&mut self, server: usize) {
        let address = "127.0.0.3".parse().expect("an address");
        if self.connections.len() >= CONNECTIONS {
            return;
        }
        if let Some(inbound) = self.servers[server]
            .hub
            .accept(self.now, address, Mode::StartTls)
        {
            let number = self.connections.len();
            self.connect(End::Mallory, End::Server(server, inbound.key()));
            let machine = Machine::In(Box::new(inbound));
            self.servers[server].add(machine, number, 1);
            self.mallory.speaks = number;
        }
    }

    fn connect(&mut self, from: End, to: End) {
        self.connections.push(Connection {
            ends: [from, to],
            bytes: [Vec::new(), Vec::new()],
            eof: [false, false],
        });
    }

    /// Opens the connection that a server asks for; false where it is refused.
    fn dial(&mut self, server: usize, key: Key, port: u16) -> bool {
        if self.connections.len() >= CONNECTIONS {
            return false;
        }
        let number = self.connections.len();
        if port == MALLORY {
            self.connect(End::Server(server, key), End::Mallory);
            self.servers[server].places.insert(key, (number, 0));
            self.mallory.speaks = number;
            return true;
        }
        let other = usize::from(port) - 1;
        let address = "127.0.0.1".parse().expect("an address");
        let accepted = self.servers[other]
            .hub
            .accept(self.now, address, Mode::StartTls);
        let Some(inbound) = accepted else {
            return false;
        };
        self.connect(End::Server(server, key), End::Server(other, inbound.key()));
        self.servers[server].places.insert(key, (number, 0));
        let machine = Machine::In(Box::new(inbound));
        self.servers[other].add(machine, number, 1);
        true
    }

    fn cut(&mut self, number: usize) {
        if let Some(connection) = self.connections.get_mut(number) {
            self.cut = true;
            connection.eof = [true, true];
            connection.bytes = [Vec::new(), Vec::new()];
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        let number = self.mallory.speaks;
        if let Some(connection) = self.connections.get_mut(number)
            && let Some(own) = connection.ends.iter().position(|end| *end == End::Mallory)
        {
            connection.bytes[1 - own].extend_from_slice(bytes);
        }
    }

    // --- The network ------------------------------------------------------------------------------

    /// Lets everything happen that can without time.
    fn run(&mut self) {
        for round in 0.. {
            assert!(round < 100_000, "the servers never rest");
            let mut moved = false;
            for server in 0..2 {
                moved |= self.serve(server);
            }
            moved |= self.carry();
            if !moved {
                return;
            }
        }
    }

    /// Takes the steps of a server and its connections; tells whether there were any.
    fn serve(&mut self, server: usize) -> bool {
        let mut moved = false;
        while let Some(step) = self.servers[server].hub.poll(self.now) {
            moved = true;
            match step {
                HubStep::Event(event) => self.learn(server, event),
                HubStep::Connect(outbound) => {
                    let machines = &mut self.servers[server].machines;
                    machines.insert(outbound.key(), Machine::Out(outbound));
                }
                HubStep::Order(key, order) => match self.servers[server].machines.get_mut(&key) {
                    Some(Machine::In(inbound)) => inbound.order(self.now, order),
                    Some(Machine::Out(outbound)) => outbound.order(self.now, order),
                    None => self.servers[server].hub.not_taken(key, order),
                },
            }
        }
        let keys: Vec<Key> = self.servers[server].machines.keys().copied().collect();
        for key in keys {
            while self.advance(server, key) {
                moved = true;
            }
        }
        moved
    }

    /// Takes a step of a connection.
    fn advance(&mut self, server: usize, key: Key) -> bool {
        let now = self.now;
        let next = match self.servers[server].machines.get_mut(&key) {
            None => return false,
            Some(Machine::In(inbound)) => match inbound.poll(now) {
                Poll::Pending | Poll::Ready(None) => return false,
                Poll::Ready(Some(report)) if report.is_last() => Next::Over(report),
                Poll::Ready(Some(report)) => Next::Report(report),
            },
            Some(Machine::Out(outbound)) => outbound.next(now),
        };
        let address = match next {
            // Every dial is answered at once, so no connection is waited for.
            Next::Drive | Next::Wait(_) => return false,
            Next::Report(report) => {
                self.hear(server, report);
                return true;
            }
            Next::Over(report) => {
                self.servers[server].machines.remove(&key);
                self.leave(server, key);
                self.hear(server, report);
                return true;
            }
            Next::Open(address) => Some(address),
            Next::LookUp(_) | Next::Resolve { .. } => None,
        };
        self.leave(server, key);
        let opened = address.is_some_and(|address| self.dial(server, key, address.port()));
        if let Some(Machine::Out(outbound)) = self.servers[server].machines.get_mut(&key) {
            match address {
                None => {
                    outbound.looked_up(Some(SrvAnswers::failed(LookupError::TimedOut)));
                    outbound.resolved(Err(std::io::ErrorKind::NotFound.into()));
                }
                Some(address) if opened => outbound.opened(now, address, Ok(())),
                Some(address) => outbound.opened(
                    now,
                    address,
                    Err(std::io::ErrorKind::ConnectionRefused.into()),
                ),
            }
        }
        true
    }

    /// A server closes its end.
    fn leave(&mut self, server: usize, key: Key) {
        if let Some((number, own)) = self.servers[server].places.remove(&key) {
            let connection = &mut self.connections[number];
            connection.ends[own] = End::Gone;
            connection.bytes[own].clear();
            connection.eof[1 - own] = true;
        }
    }

    /// Moves bytes; tells whether there were any.
    fn carry(&mut self) -> bool {
        let mut moved = false;
        for number in 0..self.connections.len() {
            for own in 0..2 {
                moved |= self.carry_from(number, own);
                moved |= self.carry_to(number, own);
            }
        }
        moved
    }

    fn carry_from(&mut self, number: usize, own: usize) -> bool {
        let connection = &mut self.connections[number];
        let End::Server(server, key) = connection.ends[own] else {
            return false;
        };
        let Some(machine) = self.servers[server].machines.get_mut(&key) else {
            return false;
        };
        let wire = machine.wire();
        let output = wire.output();
        let length = output.len();
        connection.bytes[1 - own].extend_from_slice(output);
        wire.consume_output(length);
        if wire.wants_shutdown() {
            wire.shut_down();
            connection.eof[1 - own] = true;
            return true;
        }
        length > 0
    }

    fn carry_to(&mut self, number: usize, own: usize) -> bool {
        let connection = &mut self.connections[number];
        let bytes = std::mem::take(&mut connection.bytes[own]);
        match connection.ends[own] {
            End::Gone => !bytes.is_empty(),
            End::Mallory => {
                self.mallory.read(number, &String::from_utf8_lossy(&bytes));
                !bytes.is_empty()
            }
            End::Server(server, key) => {
                let Some(machine) = self.servers[server].machines.get_mut(&key) else {
                    return false;
                };
                let wire = machine.wire();
                if !wire.wants_read() {
                    connection.bytes[own] = bytes;
                    return false;
                }
                if !bytes.is_empty() {
                    wire.receive(self.now, &bytes);
                    return true;
                }
                if std::mem::take(&mut connection.eof[own]) {
                    wire.receive_eof();
                    return true;
                }
                false
            }
        }
    }

    // --- What has to hold -------------------------------------------------------------------------

    fn hear(&mut self, server: usize, report: Report) {
        let place = self.servers[server].places.get(&report.key()).copied();
        let peer = place.map(|(number, own)| self.connections[number].ends[1 - own]);
        if let Some(event) = self.servers[server].hub.hear(self.now, report) {
            if let FederationEvent::Authorised(pair, trust) = &event
                && let Some(owner) = server_of(pair.sender().as_str())
            {
                let is_owner = match peer {
                    Some(End::Server(other, _)) => other == owner,
                    Some(End::Mallory) => false,
                    Some(End::Gone) | None => true,
                };
                assert!(is_owner, "{pair} is authorised by {trust:?}");
            }
            self.learn(server, event);
        }
    }

    fn learn(&mut self, server: usize, event: FederationEvent) {
        match event {
            FederationEvent::Stanza(stanza) => {
                let pair = Pair::of(&stanza).expect("a stanza has addresses");
                assert_eq!(server_of(pair.target().as_str()), Some(server), "{pair}");
                if server_of(pair.sender().as_str()).is_some() && stanza.error().is_none() {
                    let fate = self.fate(&stanza);
                    assert_eq!(fate.pair, pair);
                    fate.delivered += 1;
                }
            }
            // Answers to malformed stanzas come back as well.
            FederationEvent::Undelivered(undelivered) if undelivered.stanza().error().is_none() => {
                self.fate(undelivered.stanza()).returned += 1;
            }
            _ => {}
        }
        for fate in &self.stanzas {
            assert!(
                fate.delivered + fate.returned <= 1,
                "{} ends twice",
                fate.pair
            );
        }
    }

    fn fate(&mut self, stanza: &Stanza) -> &mut Fate {
        let body = match stanza {
            Stanza::Message(message) => message.body(),
            _ => None,
        };
        let number = body.and_then(|body| body.parse::<usize>().ok());
        let fate = number.and_then(|number| self.stanzas.get_mut(number));
        fate.unwrap_or_else(|| panic!("never sent: {stanza:?}"))
    }

    /// Ends both servers, and looks for what is left.
    fn end(mut self) {
        self.run();
        for server in &mut self.servers {
            server.hub.close(self.now);
        }
        for _ in 0..64 {
            self.run();
            self.wait(Duration::from_secs(60));
        }
        self.run();
        for server in &self.servers {
            assert!(server.hub.is_finished(), "a server does not end");
            assert!(server.machines.is_empty());
            assert_eq!(server.hub.queued(), 0);
        }
        for fate in &self.stanzas {
            let lied_to = server_of(fate.pair.target().as_str()).is_none();
            let ended = fate.delivered + fate.returned == 1;
            assert!(ended || lied_to || self.cut, "{} is lost", fate.pair);
        }
    }
}

impl Server {
    fn add(&mut self, machine: Machine, number: usize, own: usize) {
        let key = machine.key();
        self.places.insert(key, (number, own));
        self.machines.insert(key, machine);
    }
}

impl Machine {
    fn key(&self) -> Key {
        match self {
            Self::In(inbound) => inbound.key(),
            Self::Out(outbound) => outbound.key(),
        }
    }

    fn wire(&mut self) -> &mut dyn xmppwire_net::link::Wire {
        match self {
            Self::In(inbound) => inbound.wire(),
            Self::Out(outbound) => outbound.wire(),
        }
    }
}

impl Mallory {
    fn id(&self) -> String {
        self.ids.get(&self.speaks).cloned().unwrap_or_default()
    }

    /// Notes ids, keys and questions in what a server writes to her.
    fn read(&mut self, number: usize, text: &str) {
        let between = |text: &str, start: &str, end: &str| {
            let (_, rest) = text.rsplit_once(start)?;
            Some(rest.split_once(end)?.0.to_owned())
        };
        if let Some(header) = between(text, "<stream:stream ", ">")
            && let Some(id) = between(&header, " id='", "'")
        {
            self.ids.insert(number, id);
        }
        if let Some(question) = between(text, "<db:verify ", "</db:verify>") {
            self.question = between(&question, "id='", "'").unwrap_or_default();
            self.key = question
                .rsplit_once('>')
                .map_or(question.clone(), |(_, key)| key.into());
        }
        if let Some(result) = between(text, "<db:result ", "</db:result>") {
            self.key = result
                .rsplit_once('>')
                .map_or(result.clone(), |(_, key)| key.into());
        }
    }
}
