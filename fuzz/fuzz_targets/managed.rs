//! Managed sessions (XEP-0198): a client and a server over a network that is cut, and saved sessions.
//!
//! The first byte says what the rest is: `c` a saved session of a client, `s` one of a server, `h` a
//! schedule that also injects, anything else an honest schedule. In a schedule each byte is a step, and
//! the next byte says how much. After an honest one every stanza has arrived, once and in order.

#![no_main]

#[path = "../../crates/core/tests/management/support.rs"]
#[allow(dead_code, unreachable_pub)]
mod support;

use libfuzzer_sys::fuzz_target;
use support::{Juliet, START, Verona, Wire, message, read, sessions, settle, write};
use xmppwire::{Detached, DetachedSessions, Instant, Resumption, StreamManagement};

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    match kind {
        b'c' => {
            if let Ok(session) = Resumption::from_bytes(rest) {
                let bytes = session.to_bytes();
                let again = Resumption::from_bytes(&bytes).expect("it was written");
                assert_eq!(again.to_bytes(), bytes);
                let queued = again.sent() - again.acknowledged();
                assert!(again.into_unacknowledged().len() as u64 <= queued);
            }
        }
        b's' => {
            if let Ok(session) = Detached::from_bytes(rest) {
                let bytes = session.to_bytes();
                let again = Detached::from_bytes(&bytes).expect("it was written");
                assert_eq!(again.to_bytes(), bytes);
                again.into_unacknowledged();
            }
        }
        b'h' => drop(World::new().play(rest, true)),
        _ => World::new().play(rest, false).check(),
    }
});

struct World {
    policy: StreamManagement,
    client: Juliet,
    server: Verona,
    wire: Wire,
    sessions: DetachedSessions,
    /// What was sent and taken, from the client and from the server.
    sent: [Vec<String>; 2],
    taken: [Vec<String>; 2],
    connections: u8,
    /// The client has no session any more. Only an injection can do that.
    lost: bool,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let policy = StreamManagement::new().with_ask_after(3, 400);
        let (client, server) = (Juliet::new(&policy, 1, None), Verona::new(&policy, 2));
        let mut world = Self {
            policy,
            client,
            server,
            wire: Wire::default(),
            sessions: sessions(),
            sent: Default::default(),
            taken: Default::default(),
            connections: 1,
            lost: false,
            now: START,
        };
        world.settle();
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

    fn note(&mut self) {
        self.taken[0].append(&mut self.server.told.stanzas);
        self.taken[1].append(&mut self.client.told.stanzas);
    }

    fn play(mut self, schedule: &[u8], injects: bool) -> Self {
        for step in schedule.chunks_exact(2).take(400) {
            let most = usize::from(step[1]) + 1;
            let (client, server) = (&mut self.client.machine, &mut self.server.machine);
            match step[0] % 16 {
                0 if self.client.bound => {
                    let id = format!("c{}", self.sent[0].len());
                    let _ = client.send(&message(&id));
                    self.sent[0].push(id);
                }
                1 if server.jid().is_some() => {
                    let id = format!("s{}", self.sent[1].len());
                    let _ = server.send(&message(&id));
                    self.sent[1].push(id);
                }
                2 | 3 => drop(write(client, &mut self.wire.to_server, most)),
                4 | 5 => drop(write(server, &mut self.wire.to_client, most)),
                6 | 7 => drop(read(server, &mut self.wire.to_server, most)),
                8 | 9 => drop(read(client, &mut self.wire.to_client, most)),
                10 => drop(self.client.poll()),
                11 => drop(self.server.poll(&mut self.sessions)),
                12 => client.request_acknowledgement(),
                13 => server.acknowledge(),
                14 if injects => self.inject(step[1]),
                15 => self.cut(step[1]),
                _ => {}
            }
            self.note();
            if self.lost {
                break;
            }
        }
        self
    }

    /// Bytes that no honest end would send there.
    fn inject(&mut self, what: u8) {
        let text = match what % 8 {
            0 => "<a xmlns='urn:xmpp:sm:3' h='0'/>",
            1 => "<a xmlns='urn:xmpp:sm:3' h='4294967295'/>",
            2 => "<a xmlns='urn:xmpp:sm:3' h='x'/>",
            3 => "<r xmlns='urn:xmpp:sm:3'/>",
            4 => "<failed xmlns='urn:xmpp:sm:3' h='1'/>",
            5 => "<resumed xmlns='urn:xmpp:sm:3' previd='x' h='0'/>",
            6 => "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
            _ => "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>",
        };
        // Between two elements, so that it is not just malformed.
        self.settle();
        match what & 8 {
            0 => drop(self.client.machine.receive(self.now, text.as_bytes())),
            _ => drop(self.server.machine.receive(self.now, text.as_bytes())),
        }
        self.settle();
        self.lost = self.client.told.closed.is_some() || self.server.told.closed.is_some();
    }

    fn cut(&mut self, how: u8) {
        self.wire = Wire::default();
        if how & 1 == 0 {
            self.client.machine.receive_eof(self.now);
            while self.client.poll() {}
        }
        self.note();
        let Some(session) = self.client.machine.take_resumption() else {
            self.lost = true;
            return;
        };
        let session = Resumption::from_bytes(&session.to_bytes()).expect("it was written");
        let notices = how & 2 == 0;
        if notices {
            self.server.machine.receive_eof(self.now);
            while self.server.poll(&mut self.sessions) {}
            self.note();
        }
        self.connections = self.connections.wrapping_add(1);
        let seed = self.connections;
        self.client = Juliet::new(&self.policy, seed, Some(session));
        let server = Verona::new(&self.policy, !seed);
        let mut old = std::mem::replace(&mut self.server, server);
        self.server.managed.clone_from(&old.managed);
        let has_session = old.machine.jid().is_some();
        let older = old.old.take().filter(|_| !has_session);
        self.server.old = match notices || !has_session {
            true => older,
            false => Some(Box::new(old)),
        };
    }

    fn check(mut self) {
        assert!(!self.lost, "an honest session is lost");
        self.settle();
        self.client.machine.request_acknowledgement();
        self.server.machine.request_acknowledgement();
        self.settle();
        assert_eq!(self.sent, self.taken);
        let (client, server) = (&self.client.machine, &self.server.machine);
        assert_eq!(client.sent(), client.acknowledged());
        assert_eq!(server.sent(), server.acknowledged());
    }
}
