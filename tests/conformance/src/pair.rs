//! A client and a server in memory; the test carries the bytes between them.

use xmppwire::{
    ChannelBindings, ClientConfig, Host, Instant, Jid, Mechanism, Message, Presence, TlsInfo,
};

use crate::machine::{Heard, Juliet, Machine, Verona, host, juliet, server_config, verona};

/// One input of one end.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    Received(Vec<u8>),
    Tls,
}

/// The input, output and events of one end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    pub input: Vec<Happened>,
    pub output: Vec<u8>,
    pub events: Vec<String>,
}

pub struct End<M: Machine> {
    pub machine: M,
    pub record: Record,
    pub unread: Vec<u8>,
    pub heard: Heard,
}

impl<M: Machine> End<M> {
    pub fn new(machine: M) -> Self {
        Self {
            machine,
            record: Record::default(),
            unread: Vec::new(),
            heard: Heard::default(),
        }
    }

    /// Takes input and events until nothing changes, and returns the output.
    pub fn turn(&mut self, input: &[u8]) -> Vec<u8> {
        if !input.is_empty() {
            self.record.input.push(Happened::Received(input.to_vec()));
        }
        self.unread.extend_from_slice(input);
        let mut sent = Vec::new();
        loop {
            let mut moved = false;
            if let Some(event) = self.machine.poll(&mut self.heard) {
                self.record.events.push(event);
                moved = true;
            }
            let connection = self.machine.connection();
            if connection.wants_read() && !self.unread.is_empty() {
                let consumed = connection.receive(Instant::ORIGIN, &self.unread);
                assert!(consumed > 0);
                self.unread.drain(..consumed);
                moved = true;
            }
            let output = connection.take_output();
            moved |= !output.is_empty();
            sent.extend(output);
            if !moved {
                break;
            }
        }
        self.record.output.extend_from_slice(&sent);
        sent
    }

    pub fn start_tls(&mut self, bindings: ChannelBindings) {
        let request = self.heard.start_tls.take().expect("TLS was asked for");
        self.record.input.push(Happened::Tls);
        let connection = self.machine.connection();
        let handoff = connection.begin_tls(request, &self.unread).unwrap();
        self.unread.clear();
        connection
            .tls_established(Instant::ORIGIN, handoff, TlsInfo::new(bindings))
            .unwrap();
    }
}

pub struct Pair {
    pub client: End<Juliet>,
    pub server: End<Verona>,
    pub client_bindings: ChannelBindings,
    pub server_bindings: ChannelBindings,
}

pub const SCRAM: [Mechanism; 2] = [Mechanism::ScramSha256Plus, Mechanism::ScramSha256];

impl Pair {
    pub fn new(client: ClientConfig) -> Self {
        Self::with_mechanisms(client, SCRAM)
    }

    pub fn with_mechanisms(
        client: ClientConfig,
        mechanisms: impl IntoIterator<Item = Mechanism>,
    ) -> Self {
        Self::with_host(client, host(mechanisms), false)
    }

    /// The same on a host of the test; `direct_tls` tells whether TLS is there from the first byte.
    pub fn with_host(client: ClientConfig, host: Host, direct_tls: bool) -> Self {
        Self {
            client: End::new(juliet(client, direct_tls)),
            server: End::new(verona(server_config(), host, direct_tls)),
            client_bindings: ChannelBindings::tls13([7; 32]),
            server_bindings: ChannelBindings::tls13([7; 32]),
        }
    }

    /// Carries bytes both ways until both ends are silent.
    pub fn run(&mut self) {
        let mut to_client = Vec::new();
        loop {
            let to_server = self.client.turn(&to_client);
            let silent = to_server.is_empty();
            to_client = self.server.turn(&to_server);
            if self.client.heard.start_tls.is_some() && self.server.heard.start_tls.is_some() {
                assert!(to_client.is_empty());
                self.client.start_tls(self.client_bindings.clone());
                self.server.start_tls(self.server_bindings.clone());
            } else if silent && to_client.is_empty() {
                return;
            }
        }
    }

    /// Carries bytes until the client is bound, and returns how often the client waited for the
    /// server meanwhile: the round trips from its first byte.
    pub fn round_trips_to_bound(&mut self) -> usize {
        let mut to_client = Vec::new();
        for trips in 0..20 {
            let to_server = self.client.turn(&to_client);
            if self.client.machine.0.jid().is_some() {
                return trips;
            }
            to_client = self.server.turn(&to_server);
        }
        panic!("the client is not bound: {:?}", self.client.record.events);
    }

    pub fn session() -> Self {
        let mut pair = Self::new(crate::machine::client_config());
        pair.run();
        let romeo = Jid::new("romeo@example.net").unwrap();
        let hello = Message::chat(romeo.clone(), "«Ciao» & <good night>\u{1f339}").into();
        pair.client
            .machine
            .0
            .send(&Presence::available().into())
            .unwrap();
        pair.client.machine.0.send(&hello).unwrap();
        pair.run();
        let answer = Message::chat(pair.client.machine.0.jid().unwrap().clone(), "a\r\n\tb")
            .with_from(romeo)
            .into();
        pair.server.machine.connection().send(&answer).unwrap();
        pair.run();
        pair.client
            .machine
            .connection()
            .close(Instant::ORIGIN, None);
        pair.run();
        pair
    }
}
