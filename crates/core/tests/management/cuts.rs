//! The network is cut at random places, again and again: every stanza is acknowledged, sent again or
//! given back, exactly once, and none arrives twice.

use xmppwire::{Detached, DetachedSessions, Resumption, StreamManagement};

use crate::support::{Juliet, Login, START, Verona, Wire, message, read, sessions, settle, write};

/// A small generator of random numbers, so that a failure names its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// What one side has sent, and what the other has taken of it.
#[derive(Default)]
struct Ledger {
    sent: Vec<String>,
    taken: Vec<String>,
}

impl Ledger {
    fn next(&mut self, side: &str) -> String {
        let id = format!("{side}{}", self.sent.len());
        self.sent.push(id.clone());
        id
    }

    fn check(&self, seed: u64) {
        assert_eq!(self.sent, self.taken, "seed {seed}");
    }
}

struct World {
    random: Random,
    seed: u64,
    login: Login,
    policy: StreamManagement,
    client: Juliet,
    server: Verona,
    wire: Wire,
    sessions: DetachedSessions,
    of_client: Ledger,
    of_server: Ledger,
    connections: u8,
}

impl World {
    fn new(seed: u64) -> Self {
        let login = match seed % 2 {
            0 => Login::Sasl,
            _ => Login::Sasl2,
        };
        let mut random = Random(seed * 2 + 0x9E37_79B9_7F4A_7C15);
        let policy = StreamManagement::new().with_ask_after(
            1 + u32::try_from(random.below(4)).unwrap(),
            1 + random.below(500),
        );
        let (client, server) = (
            Juliet::with_login(&policy, login, 1, None),
            Verona::new(&policy, 2),
        );
        let mut world = Self {
            random,
            seed,
            login,
            policy,
            client,
            server,
            wire: Wire::default(),
            sessions: sessions(),
            of_client: Ledger::default(),
            of_server: Ledger::default(),
            connections: 0,
        };
        world.settle();
        assert!(world.client.bound && world.client.managed);
        world
    }

    fn settle(&mut self) {
        settle(
            &mut self.client,
            &mut self.server,
            &mut self.wire,
            &mut self.sessions,
        );
        self.note();
    }

    /// Books what the applications took.
    fn note(&mut self) {
        self.of_client.taken.append(&mut self.server.told.stanzas);
        self.of_server.taken.append(&mut self.client.told.stanzas);
    }

    /// One random step.
    fn step(&mut self) {
        let most = 1 + self.random.below(120);
        match self.random.below(12) {
            0 if self.client.bound => {
                let id = self.of_client.next("c");
                self.client.machine.send(&message(&id)).unwrap();
            }
            1 if self.server.machine.jid().is_some() => {
                let id = self.of_server.next("s");
                self.server.machine.send(&message(&id)).unwrap();
            }
            2 | 3 => drop(write(
                &mut self.client.machine,
                &mut self.wire.to_server,
                most,
            )),
            4 | 5 => drop(write(
                &mut self.server.machine,
                &mut self.wire.to_client,
                most,
            )),
            6 | 7 => drop(read(
                &mut self.server.machine,
                &mut self.wire.to_server,
                most,
            )),
            8 | 9 => drop(read(
                &mut self.client.machine,
                &mut self.wire.to_client,
                most,
            )),
            10 => drop(self.client.poll()),
            _ => drop(self.server.poll(&mut self.sessions)),
        }
    }

    /// The connection breaks. What is on the way is lost, from some byte on.
    fn cut(&mut self) {
        // Some of what is on the way still arrives.
        if self.random.one_in(2) {
            let most = self.random.below(300);
            read(&mut self.client.machine, &mut self.wire.to_client, most);
            let most = self.random.below(300);
            read(&mut self.server.machine, &mut self.wire.to_server, most);
        }
        self.wire = Wire::default();
        let suspends = self.random.one_in(3);
        if !suspends {
            self.client.machine.receive_eof(START);
            while self.client.poll() {}
        }
        self.note();
        let resumption = self.client.machine.take_resumption();
        // The client's end was not managed yet, or had not been resumed.
        let resumption = resumption.expect("a session that can be resumed");
        let stored = Resumption::from_bytes(&resumption.to_bytes()).unwrap();
        // The server may not notice the loss before the client is back.
        let notices = self.random.one_in(2);
        if notices {
            self.server.machine.receive_eof(START);
            while self.server.poll(&mut self.sessions) {}
        }
        self.note();
        self.connections = self.connections.wrapping_add(1);
        let seed = self.connections;
        self.client = Juliet::with_login(&self.policy, self.login, seed, Some(stored));
        let server = Verona::new(&self.policy, seed ^ 0x80);
        let mut old = std::mem::replace(&mut self.server, server);
        self.server.managed.clone_from(&old.managed);
        // A connection that died before the session came to it leaves it where it was.
        let has_session = old.machine.jid().is_some();
        let older = old.old.take().filter(|_| !has_session);
        self.server.old = match notices || !has_session {
            true => older,
            false => Some(Box::new(old)),
        };
    }
}

/// Lets both run with cuts, then without, and compares what was sent with what was taken.
fn run(seed: u64, wrap: bool) {
    let mut world = World::new(seed);
    if wrap {
        near_the_end_of_32_bits(&mut world);
    }
    for _ in 0..6 {
        let steps = world.random.below(300);
        for _ in 0..steps {
            world.step();
            world.note();
        }
        // A session can be cut while it is being resumed, too.
        world.cut();
        if world.random.one_in(4) {
            for _ in 0..world.random.below(40) {
                world.step();
                world.note();
            }
            if world.client.bound {
                world.cut();
            }
        }
    }
    world.settle();
    assert!(world.client.bound, "seed {seed}");
    world.client.machine.request_acknowledgement();
    world.server.machine.request_acknowledgement();
    world.settle();
    world.of_client.check(seed);
    world.of_server.check(seed);
    for (sent, acknowledged) in [
        (
            world.client.machine.sent(),
            world.client.machine.acknowledged(),
        ),
        (
            world.server.machine.sent(),
            world.server.machine.acknowledged(),
        ),
    ] {
        assert_eq!(sent, acknowledged, "seed {}", world.seed);
    }
    assert!(world.client.given_back.is_empty());
}

/// Puts the counters of a session just before 2^32, as if it were old.
fn near_the_end_of_32_bits(world: &mut World) {
    let age = |bytes: Vec<u8>, by: u64| {
        let mut bytes = bytes;
        let handled = u32::from_be_bytes(bytes[6..10].try_into().unwrap());
        let acknowledged = u64::from_be_bytes(bytes[10..18].try_into().unwrap());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the counter is modulo 2^32"
        )]
        let handled = handled.wrapping_add(by as u32);
        bytes[6..10].copy_from_slice(&handled.to_be_bytes());
        bytes[10..18].copy_from_slice(&(acknowledged + by).to_be_bytes());
        bytes
    };
    const BY: u64 = (1 << 32) - 5;
    world.server.machine.receive_eof(START);
    while world.server.poll(&mut world.sessions) {}
    let detached = world.sessions.remove(&crate::support::juliet()).unwrap();
    let detached = Detached::from_bytes(&age(detached.to_bytes(), BY)).unwrap();
    assert!(world.sessions.insert(START, detached).is_empty());
    let resumption = world.client.machine.take_resumption().unwrap();
    let resumption = Resumption::from_bytes(&age(resumption.to_bytes(), BY)).unwrap();
    world.client = Juliet::with_login(&world.policy, world.login, 77, Some(resumption));
    let managed = world.server.managed.take();
    world.server = Verona::new(&world.policy, 78);
    world.server.managed = managed;
    world.settle();
    assert_eq!(world.client.machine.sent(), Some(BY));
}

#[test]
fn every_stanza_arrives_once_wherever_the_network_is_cut() {
    for seed in 0..300 {
        run(seed, false);
    }
}

#[test]
fn counters_go_on_after_32_bits() {
    for seed in 0..100 {
        run(seed, true);
    }
}
