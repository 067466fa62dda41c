//! An honest client and an honest server, and a network between them that splits, merges, loses,
//! repeats, makes up and cuts off.

use std::collections::VecDeque;

use xmppwire::{
    ChannelBindings, Client, ClientConfig, DecoyKey, Domainpart, Entropy, Jid, Mechanism,
    MechanismPolicy, Server, ServerConfig,
};

use super::alone::What;
use super::end::{End, START, ensure, limits};
use super::party::{Answer, PASSWORD, Party, Question};
use super::search::{Report, World, explore};
use super::words::{self, Word};

pub fn explore_all() -> Report {
    let mut report = Report::default();
    for (name, mechanism, faults, serve) in [
        (
            "both, by PLAIN, over a faulty network",
            Mechanism::Plain,
            1,
            Answer::TlsRequired,
        ),
        (
            "both, by SCRAM, over a faulty network",
            Mechanism::ScramSha256Plus,
            1,
            Answer::TlsRequired,
        ),
        (
            "both, by SASL2 and SCRAM, over a faulty network",
            Mechanism::ScramSha256Plus,
            1,
            Answer::Sasl2,
        ),
    ] {
        let network = || Network::new(mechanism, faults, serve.clone());
        report.add(&explore(name, network));
    }
    report
}

/// An end of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// An action of the network or the applications.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// The next element arrives at that end.
    Deliver(Side),
    /// The next two arrive at once.
    DeliverTwo(Side),
    /// The first half of the next one arrives.
    DeliverHalf(Side),
    Lose(Side),
    Repeat(Side),
    Inject(Side, Word),
    /// Both ends do their TLS handshake with each other.
    Handshake,
    /// Both ends do their TLS handshake with an attacker between them.
    Relay,
    /// The transport ends for that end.
    Cut(Side),
    Send(Side),
    Close(Side),
    Wait,
}

/// Bytes of one write that have not arrived yet.
#[derive(Clone, Debug)]
struct Packet {
    bytes: Vec<u8>,
    /// Whether TLS protects it.
    secured: bool,
    whole: bool,
}

pub struct Network {
    client: End<Client>,
    server: End<Server>,
    to_client: VecDeque<Packet>,
    to_server: VecDeque<Packet>,
    /// With SCRAM only the login is explored.
    mechanism: Mechanism,
    faults: u8,
    /// How the server serves its domain.
    serve: Answer,
    /// Whether an end closed, timed out or got changed bytes.
    disturbed: bool,
    /// Whether the client and the server sent their stanza.
    sent: [bool; 2],
}

impl Network {
    fn new(mechanism: Mechanism, faults: u8, serve: Answer) -> Self {
        let jid = Jid::new("juliet@example.org").expect("an address");
        let config = ClientConfig::new(jid, PASSWORD)
            .expect("an account")
            .with_mechanisms(MechanismPolicy::default().with_floor(mechanism))
            .with_limits(limits());
        let client = Client::new(config, Entropy::from_seed([1; 32]), START);
        let config = ServerConfig::new(DecoyKey::new([9; 32]))
            .with_default_domain(Domainpart::new("example.org").unwrap())
            .with_limits(limits());
        let server = Server::new(config, Entropy::from_seed([3; 32]), START);
        let mut network = Self {
            client: End::new(client, true, false),
            server: End::new(server, true, false),
            to_client: VecDeque::new(),
            to_server: VecDeque::new(),
            mechanism,
            faults,
            serve,
            disturbed: false,
            sent: [false; 2],
        };
        network.turn().expect("a client begins as it should");
        network
    }

    fn queue(&mut self, to: Side) -> &mut VecDeque<Packet> {
        match to {
            Side::Client => &mut self.to_client,
            Side::Server => &mut self.to_server,
        }
    }

    /// Lets both ends and their applications act until nothing changes.
    fn turn(&mut self) -> Result<(), String> {
        turn(&mut self.client, &mut self.to_server, &self.serve)?;
        turn(&mut self.server, &mut self.to_client, &self.serve)?;
        if let (Some(here), Some(there)) = (self.client.machine.jid(), self.server.machine.jid()) {
            ensure(
                here == there,
                || "the ends are bound to different addresses",
            )?;
        }
        let forged = self.client.machine.jid().is_some() && !self.server.told_authenticated;
        ensure(!forged, || "the client is bound to nobody")?;
        let stuck = !self.disturbed && self.is_silent() && self.client.machine.jid().is_none();
        ensure(!stuck, || "nothing is wrong, and it goes no further")
    }

    /// Returns true if no bytes are on their way.
    fn is_silent(&self) -> bool {
        let hands = self.client.handoff.is_some() && self.server.handoff.is_some();
        self.to_client.is_empty() && self.to_server.is_empty() && !hands
    }

    fn deliver(&mut self, to: Side, packet: &Packet) -> Result<(), String> {
        match to {
            Side::Client => deliver(&mut self.client, packet),
            Side::Server => deliver(&mut self.server, packet),
        }
    }

    fn fault(&mut self) {
        self.faults = self.faults.saturating_sub(1);
        self.disturbed = true;
    }

    /// The actions on bytes on their way to one end.
    fn actions_to(&self, to: Side, acts: &mut Vec<Act>) {
        let (packets, over, eof, secured, finished) = match to {
            Side::Client => {
                let end = &self.client;
                let peer = self.server.machine.is_finished();
                (
                    &self.to_client,
                    end.is_over(),
                    end.eof,
                    end.monitor.secured,
                    peer,
                )
            }
            Side::Server => {
                let end = &self.server;
                let peer = self.client.machine.is_finished();
                (
                    &self.to_server,
                    end.is_over(),
                    end.eof,
                    end.monitor.secured,
                    peer,
                )
            }
        };
        if over {
            return;
        }
        let broken = self.faults > 0;
        if let Some(packet) = packets.front() {
            acts.push(Act::Deliver(to));
            if packets.len() > 1 {
                acts.push(Act::DeliverTwo(to));
            }
            if broken && packet.whole {
                acts.extend([Act::DeliverHalf(to), Act::Lose(to), Act::Repeat(to)]);
            }
        }
        // A finished peer hangs up, and a network may do so any time.
        if !eof && ((finished && packets.is_empty()) || broken) {
            acts.push(Act::Cut(to));
        }
        if broken && !secured && self.mechanism == Mechanism::Plain {
            const TO_CLIENT: &[&str] = &[
                "header",
                "features: PLAIN",
                "features: TLS, PLAIN",
                "features: bind",
                "proceed",
                "TLS failure",
                "proceed, header",
                "success",
                "message",
                "closing tag",
            ];
            const TO_SERVER: &[&str] = &[
                "header to another",
                "header",
                "starttls",
                "starttls, auth",
                "PLAIN",
                "response",
                "bind request",
                "message",
                "closing tag",
            ];
            let (known, wanted) = match to {
                Side::Client => (words::SERVER, TO_CLIENT),
                Side::Server => (words::CLIENT, TO_SERVER),
            };
            let words = known.iter().chain(words::ANYONE);
            let wanted = words.filter(|word| wanted.contains(&word.name));
            acts.extend(wanted.map(|word| Act::Inject(to, *word)));
        }
    }
}

fn turn<M: Party>(
    end: &mut End<M>,
    out: &mut VecDeque<Packet>,
    serve: &Answer,
) -> Result<(), String> {
    loop {
        let mut moved = end.poll()?;
        if let Some(question) = &end.question {
            let answer = honest(question, serve);
            end.answer(&answer)?;
            moved = true;
        }
        if end.start_tls.is_some() {
            end.begin_tls()?;
            moved = true;
        }
        if !end.unread.is_empty() && end.machine.wants_read() {
            end.receive()?;
            moved = true;
        }
        let packets = std::mem::take(&mut end.monitor.packets);
        moved |= !packets.is_empty();
        out.extend(packets.into_iter().map(|(secured, bytes)| Packet {
            bytes,
            secured,
            whole: true,
        }));
        end.monitor.said.clear();
        end.flush()?;
        if !moved {
            return Ok(());
        }
    }
}

fn deliver<M: Party>(end: &mut End<M>, packet: &Packet) -> Result<(), String> {
    let secured = end.monitor.secured || end.handoff.is_some();
    if packet.secured != secured {
        // Bytes that are no TLS record end a TLS connection.
        return end.receive_eof();
    }
    end.unread.extend_from_slice(&packet.bytes);
    end.genuine = true;
    end.receive()
}

/// The actions of an application by itself.
fn actions_of<M: Party>(end: &End<M>, role: Side, sent: bool, acts: &mut Vec<Act>) {
    if !end.is_over() && !end.monitor.end_said {
        acts.push(Act::Close(role));
        if end.monitor.is_bound() && !sent {
            acts.push(Act::Send(role));
        }
    }
}

/// The answer of an honest application.
fn honest(question: &Question, serve: &Answer) -> Answer {
    match question {
        Question::Host(request) if request.domain().as_str() == "example.org" => serve.clone(),
        Question::Host(_) => Answer::UnknownHost,
        Question::Sasl(request) if request.mechanism() == Mechanism::Plain => Answer::Accept,
        Question::Sasl(_) => Answer::Keys,
        Question::Bind(_) => Answer::Bind,
        Question::Derivation(_) => Answer::Derive,
        Question::Domain(_) => Answer::Serve,
        Question::Attach(_) => Answer::Attach,
        Question::Task(_) => Answer::TaskDone,
        Question::Resume(_) => Answer::Forget,
        Question::Token(_) => Answer::TokenUnknown,
        Question::ClientTask(_) => Answer::TaskAbort,
    }
}

impl World for Network {
    type Action = Act;

    fn actions(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        self.actions_to(Side::Client, &mut acts);
        self.actions_to(Side::Server, &mut acts);
        let clear = |packets: &VecDeque<Packet>| packets.iter().all(|packet| packet.secured);
        if self.client.handoff.is_some()
            && self.server.handoff.is_some()
            && clear(&self.to_client)
            && clear(&self.to_server)
        {
            acts.push(Act::Handshake);
            if self.faults > 0 {
                acts.push(Act::Relay);
            }
        }
        if self.mechanism == Mechanism::Plain {
            actions_of(&self.client, Side::Client, self.sent[0], &mut acts);
            actions_of(&self.server, Side::Server, self.sent[1], &mut acts);
            if !self.is_finished() {
                acts.push(Act::Wait);
            }
        }
        acts
    }

    fn set_careful(&mut self, careful: bool) {
        self.client.careful = careful;
        self.server.careful = careful;
    }

    fn act(&mut self, action: &Act) -> Result<(), String> {
        match *action {
            Act::Deliver(to) => {
                if let Some(packet) = self.queue(to).pop_front() {
                    self.deliver(to, &packet)?;
                }
            }
            Act::DeliverTwo(to) => {
                let queue = self.queue(to);
                if let (Some(mut one), Some(two)) = (queue.pop_front(), queue.pop_front()) {
                    if one.secured == two.secured {
                        one.bytes.extend(two.bytes);
                    } else {
                        queue.push_front(two);
                    }
                    self.deliver(to, &one)?;
                }
            }
            Act::DeliverHalf(to) => {
                // This is no fault. It is counted to limit the number of paths.
                self.faults = self.faults.saturating_sub(1);
                if let Some(mut packet) = self.queue(to).pop_front() {
                    packet.whole = false;
                    let rest = packet.bytes.split_off(packet.bytes.len() / 2);
                    self.deliver(to, &packet)?;
                    packet.bytes = rest;
                    self.queue(to).push_front(packet);
                }
            }
            Act::Lose(to) => {
                self.fault();
                self.queue(to).pop_front();
            }
            Act::Repeat(to) => {
                self.fault();
                if let Some(packet) = self.queue(to).front().cloned() {
                    self.queue(to).push_front(packet);
                }
            }
            Act::Inject(to, word) => {
                self.fault();
                let packet = Packet {
                    bytes: word.text.into(),
                    secured: false,
                    whole: true,
                };
                self.queue(to).push_front(packet);
            }
            Act::Handshake | Act::Relay => {
                let bindings = ChannelBindings::tls13([7; 32]);
                self.client.tls_established(bindings.clone())?;
                let theirs = match action {
                    Act::Relay => ChannelBindings::tls13([8; 32]),
                    _ => bindings,
                };
                if matches!(action, Act::Relay) {
                    self.fault();
                }
                self.server.tls_established(theirs)?;
            }
            Act::Cut(to) => {
                self.disturbed = true;
                match to {
                    Side::Client => self.client.receive_eof()?,
                    Side::Server => self.server.receive_eof()?,
                }
            }
            Act::Send(role) => match role {
                Side::Client => {
                    self.sent[0] = true;
                    self.client.send(&What::Message.stanza())?;
                }
                Side::Server => {
                    self.sent[1] = true;
                    self.server.send(&What::Message.stanza())?;
                }
            },
            Act::Close(role) => {
                self.disturbed = true;
                match role {
                    Side::Client => self.client.close(None)?,
                    Side::Server => self.server.close(None)?,
                }
            }
            Act::Wait => {
                self.disturbed = true;
                self.client.wait()?;
                self.server.wait()?;
            }
        }
        self.turn()
    }

    fn state(&self) -> String {
        let state = (
            &self.to_client,
            &self.to_server,
            self.faults,
            self.disturbed,
            self.sent,
        );
        format!("{} {} {state:?}", self.client.state(), self.server.state())
    }

    fn is_finished(&self) -> bool {
        self.client.machine.is_finished() && self.server.machine.is_finished()
    }

    fn ways_out(&self) -> &'static [usize] {
        if self.is_finished() { &[0] } else { &[0, 1] }
    }

    fn settle(&mut self, way: usize) -> Result<(), String> {
        if way == 0 {
            self.client.receive_eof()?;
            self.server.receive_eof()?;
        }
        self.disturbed = true;
        for _ in 0..4 {
            self.turn()?;
            if self.is_finished() {
                self.client.check_after_the_end()?;
                return self.server.check_after_the_end();
            }
            self.client.wait()?;
            self.server.wait()?;
        }
        Err("it does not end".into())
    }

    fn rules(&self) -> u128 {
        self.client.monitor.rules | self.server.monitor.rules
    }
}
