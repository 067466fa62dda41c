//! A managed session between an honest client and an honest server (XEP-0198), with a network that is
//! cut, a server that forgets, and others that want the session.
//!
//! Whatever happens, each stanza that was sent is acknowledged or given back, once, and none arrives
//! twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use xmppwire::negotiation::{Item, RULES, Side};
use xmppwire::{
    BareJid, BindAnswer, Client, ClientConfig, ClientEvent, CloseReason, Connection, DecoyKey,
    Detached, DetachedSessions, Element, Entropy, FullJid, Host, HostAnswer, Jid, Mechanism,
    MechanismPolicy, Message, Resumption, Role, SaslAnswer, Server, ServerConfig, ServerEvent,
    Stanza, StreamManagement, TlsInfo, TlsOffer, Unacknowledged, XmlLimits,
};
use xmppwire_xml::{Event, Reader};

use super::canonical::canonical;
use super::end::{START, ensure, limits};
use super::party::PASSWORD;
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

/// The fates of the stanzas of one side.
#[derive(Debug, Default)]
struct Books {
    sent: u32,
    /// The stanzas of the session whose fate is open.
    open: BTreeMap<u64, String>,
    acknowledged: BTreeSet<String>,
    given_back: BTreeSet<String>,
    /// What the peer took.
    arrived: BTreeSet<String>,
}

impl Books {
    fn acknowledge(&mut self, upto: u64) -> Result<(), String> {
        let later = self.open.split_off(&(upto + 1));
        for id in std::mem::replace(&mut self.open, later).into_values() {
            let arrived = self.arrived.contains(&id);
            ensure(arrived, || {
                format!("{id} is acknowledged and did not arrive")
            })?;
            self.acknowledged.insert(id);
        }
        Ok(())
    }

    /// `known` says that the peer told how much it had handled.
    fn give_back(&mut self, stanzas: Vec<Unacknowledged>, known: bool) -> Result<(), String> {
        for Unacknowledged { number, stanza, .. } in stanzas {
            let id = self
                .open
                .remove(&number)
                .ok_or("a stanza comes back twice")?;
            ensure(stanza.id() == Some(&id), || "another stanza comes back")?;
            ensure(!known || !self.arrived.contains(&id), || {
                format!("{id} arrived and is given back")
            })?;
            self.given_back.insert(id);
        }
        ensure(self.open.is_empty(), || format!("lost: {:?}", self.open))
    }

    fn arrive(&mut self, stanza: &Stanza) -> Result<(), String> {
        let id = stanza.id().unwrap_or_default().to_owned();
        ensure(self.arrived.insert(id.clone()), || {
            format!("{id} arrives twice")
        })
    }
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

fn policy() -> StreamManagement {
    StreamManagement::new().with_ask_after(1, 1)
}

fn juliet() -> FullJid {
    FullJid::new("juliet@example.org/balcony").unwrap()
}

fn client(seed: u8) -> Connection<Client> {
    let config = ClientConfig::new(Jid::from(juliet()), PASSWORD)
        .unwrap()
        .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
        .with_limits(limits())
        .with_stream_management(policy());
    let entropy = Entropy::from_seed([seed; 32]);
    Client::with_direct_tls(config, entropy, START, TlsInfo::default())
}

fn server(seed: u8) -> Connection<Server> {
    let config = ServerConfig::new(DecoyKey::new([9; 32])).with_limits(limits());
    let entropy = Entropy::from_seed([seed; 32]);
    Server::with_direct_tls(config, entropy, START, TlsInfo::default())
}

fn host() -> Host {
    Host::new(TlsOffer::Required, [Mechanism::Plain]).with_stream_management(policy())
}

impl Session {
    fn new(budget: Budget) -> Self {
        let mut session = Self {
            budget,
            client: Some(client(1)),
            resumption: None,
            server: server(101),
            old: None,
            sessions: DetachedSessions::default(),
            remembers: true,
            to_client: VecDeque::new(),
            to_server: VecDeque::new(),
            of_client: Books::default(),
            of_server: Books::default(),
            connections: 1,
            closed: false,
            rules: 0,
        };
        session.run(|_| false).expect("an honest session begins");
        session
    }

    // --- Bytes and events -------------------------------------------------------------------------

    /// Delivers everything until nothing is on its way, or until the client is where it should stop.
    fn run(&mut self, stop: impl Fn(&Connection<Client>) -> bool) -> Result<(), String> {
        self.turn()?;
        while !self.client.as_ref().is_some_and(&stop) {
            if !self.to_server.is_empty() {
                self.deliver(To::Server)?;
            } else if !self.to_client.is_empty() && self.is_connected() {
                self.deliver(To::Client)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn deliver(&mut self, to: To) -> Result<(), String> {
        match (to, &mut self.client) {
            (To::Server, _) => {
                let bytes = self.to_server.pop_front().unwrap_or_default();
                self.feed_server(bytes)
            }
            (To::Client, Some(_)) => {
                let bytes = self.to_client.pop_front().unwrap_or_default();
                self.feed_client(bytes)
            }
            (To::Client, None) => Ok(()),
        }
    }

    fn feed_client(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        let mut input = bytes.as_slice();
        while let Some(client) = &mut self.client {
            note_rules(client, Side::Server, input, &mut self.rules);
            let n = client.receive(START, input);
            input = &input[n..];
            self.turn()?;
            if n == 0 || input.is_empty() {
                break;
            }
        }
        Ok(())
    }

    fn feed_server(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        let mut input = bytes.as_slice();
        loop {
            note_rules(&self.server, Side::Client, input, &mut self.rules);
            let n = self.server.receive(START, input);
            input = &input[n..];
            self.turn()?;
            if n == 0 || input.is_empty() {
                return Ok(());
            }
        }
    }

    /// Takes the events of both applications, and what the machines write.
    fn turn(&mut self) -> Result<(), String> {
        while let Some(event) = self.server.poll_event() {
            self.told_server(event)?;
        }
        let output = self.server.take_output();
        if !output.is_empty() {
            self.to_client.push_back(output);
        }
        let Some(mut client) = self.client.take() else {
            return Ok(());
        };
        let mut ended = false;
        while let Some(event) = client.poll_event() {
            ended |= matches!(event, ClientEvent::Closed(_));
            self.told_client(event)?;
        }
        let output = client.take_output();
        if !output.is_empty() {
            self.to_server.push_back(output);
        }
        match ended {
            true => self.end_client(client),
            false => {
                self.client = Some(client);
                Ok(())
            }
        }
    }

    fn told_client(&mut self, event: ClientEvent) -> Result<(), String> {
        match event {
            ClientEvent::Stanza(stanza) => self.of_server.arrive(&stanza)?,
            ClientEvent::Acknowledged(upto) => self.of_client.acknowledge(upto)?,
            ClientEvent::Resumed { jid, acknowledged } => {
                ensure(jid == juliet(), || "another session was resumed")?;
                self.of_client.acknowledge(acknowledged)?;
            }
            ClientEvent::NotResumed {
                acknowledged,
                unacknowledged,
            } => {
                self.of_client.acknowledge(acknowledged)?;
                self.of_client.give_back(unacknowledged, self.remembers)?;
            }
            ClientEvent::Bound(_) | ClientEvent::Managed(_) | ClientEvent::Closed(_) => {}
            other => return Err(format!("the client tells {other:?}")),
        }
        Ok(())
    }

    /// Takes the session of a client whose connection has ended.
    fn end_client(&mut self, mut client: Connection<Client>) -> Result<(), String> {
        match client.take_resumption() {
            Some(resumption) => {
                let bytes = resumption.to_bytes();
                let stored = Resumption::from_bytes(&bytes).map_err(|why| why.to_string())?;
                ensure(stored.to_bytes() == bytes, || "storing changes a session")?;
                self.resumption = Some(stored);
            }
            None => self
                .of_client
                .give_back(client.take_unacknowledged(), false)?,
        }
        let again = client.take_resumption().is_some() || !client.take_unacknowledged().is_empty();
        ensure(!again, || "a session can be taken twice")
    }

    fn told_server(&mut self, event: ServerEvent) -> Result<(), String> {
        let machine = &mut self.server;
        let misuse = |why: xmppwire::ApiMisuse| why.to_string();
        match event {
            ServerEvent::Opened(request) => machine
                .choose_host(request, HostAnswer::Serve(host()))
                .map_err(misuse)?,
            ServerEvent::Sasl(request) => {
                let account = request.account().ok_or("no account")?;
                let answer = SaslAnswer::Accept(account);
                machine.answer_sasl(request, answer).map_err(misuse)?;
            }
            ServerEvent::Bind(request) => {
                // The resource is bound again, so what had it is over.
                if let Some(detached) = self.old.as_mut().and_then(|old| old.detach()) {
                    let back = detached.into_unacknowledged();
                    self.end_old()?;
                    self.of_server.give_back(back, false)?;
                }
                self.forget(self.remembers)?;
                let machine = &mut self.server;
                let answer = BindAnswer::Bind(request.suggested().clone());
                machine.answer_bind(request, answer).map_err(misuse)?;
            }
            ServerEvent::Resume(request) => {
                if let Some(detached) = self.old.as_mut().and_then(|old| old.detach()) {
                    self.detached(detached)?;
                    self.end_old()?;
                }
                let answer = self.sessions.answer(START, &request);
                let back = self.server.answer_resume(request, answer).map_err(misuse)?;
                if let Some(detached) = back {
                    self.detached(detached)?;
                }
            }
            ServerEvent::Resumed { jid, acknowledged } => {
                ensure(jid == juliet(), || "another session was resumed")?;
                self.of_server.acknowledge(acknowledged)?;
            }
            ServerEvent::Acknowledged(upto) => self.of_server.acknowledge(upto)?,
            ServerEvent::Stanza(stanza) => self.of_client.arrive(&stanza)?,
            ServerEvent::Detached(detached) => self.detached(detached)?,
            ServerEvent::Closed(reason) => {
                // What ended so is not in the table, which remembers the others.
                self.remembers &= !matches!(reason, CloseReason::Violation { .. });
                let back = machine.take_unacknowledged();
                // A session that was detached keeps its stanzas.
                if !self.sessions.contains(&juliet()) && self.old.is_none() {
                    self.of_server.give_back(back, false)?;
                } else {
                    ensure(back.is_empty(), || "stanzas are in two places")?;
                }
            }
            ServerEvent::Authenticated(_) | ServerEvent::Managed(_) => {}
            other => return Err(format!("the server tells {other:?}")),
        }
        Ok(())
    }

    fn detached(&mut self, detached: Detached) -> Result<(), String> {
        let detached = Detached::from_bytes(&detached.to_bytes()).map_err(|why| why.to_string())?;
        let ended = self.sessions.insert(START, detached);
        ensure(ended.is_empty(), || "two sessions of one client")
    }

    /// Takes what the old connection still tells.
    fn end_old(&mut self) -> Result<(), String> {
        while let Some(event) = self.old.as_mut().and_then(Connection::poll_event) {
            match event {
                ServerEvent::Acknowledged(upto) => self.of_server.acknowledge(upto)?,
                ServerEvent::Detached(detached) => self.detached(detached)?,
                ServerEvent::Stanza(_) => return Err("an event of a detached stanza".into()),
                _ => {}
            }
        }
        self.old = None;
        Ok(())
    }

    fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    fn is_bound(&self) -> bool {
        let client = self.client.as_ref();
        client.is_some_and(|client| client.jid().is_some())
    }

    // --- Actions ----------------------------------------------------------------------------------

    fn cut(&mut self, noticed: bool) -> Result<(), String> {
        self.to_client.clear();
        self.to_server.clear();
        if noticed {
            self.server.receive_eof(START);
        }
        if let Some(client) = &mut self.client {
            client.receive_eof(START);
        }
        self.turn()?;
        self.to_client.clear();
        self.to_server.clear();
        Ok(())
    }

    fn suspend(&mut self) -> Result<(), String> {
        self.to_client.clear();
        self.to_server.clear();
        if let Some(mut client) = self.client.take() {
            self.resumption = client.take_resumption();
            while let Some(event) = client.poll_event() {
                self.told_client(event)?;
            }
        }
        self.server.receive_eof(START);
        self.turn()
    }

    /// Connects again, up to the request to resume the session.
    fn reconnect(&mut self) -> Result<(), String> {
        self.connections += 1;
        // What was on the way belongs to the old connection, which a server that has ended its stream
        // closes.
        self.to_client.clear();
        self.to_server.clear();
        let mut client = client(self.connections);
        if let Some(resumption) = self.resumption.take() {
            client.resume(resumption).map_err(|why| why.to_string())?;
        }
        self.client = Some(client);
        let server = server(100 + self.connections);
        let old = std::mem::replace(&mut self.server, server);
        let has_session = old.jid().is_some() && !old.is_finished();
        if has_session && self.old.is_none() {
            self.old = Some(old);
        }
        let asks = |client: &Connection<Client>| {
            let phase = client.phase();
            phase == xmppwire::negotiation::Phase::Resuming
        };
        self.run(asks)
    }

    fn forget(&mut self, remember: bool) -> Result<(), String> {
        let ended = self.sessions.remove(&juliet());
        self.remembers = remember;
        if !remember {
            self.sessions = DetachedSessions::default();
        }
        match ended {
            Some(detached) => self
                .of_server
                .give_back(detached.into_unacknowledged(), false),
            None => Ok(()),
        }
    }

    /// Wants the session that waits, as another account or with a wrong count. It must stay, and the
    /// other account must learn nothing.
    fn steal(&mut self, account: &str, count: &str) -> Result<(), String> {
        let before = self.sessions.bytes();
        let id = self.waiting_id();
        let answer = self.resume_raw(account, &id, count)?;
        let unknown = self.resume_raw(account, "nosuch", count)?;
        let of_other = account != "juliet";
        ensure(!of_other || answer == unknown, || {
            format!("it tells a foreign session from none: {answer}")
        })?;
        ensure(
            of_other || answer.contains("handled-count-too-high"),
            || format!("a wrong count gets {answer}"),
        )?;
        let kept = self.sessions.contains(&juliet()) && self.sessions.bytes() == before;
        ensure(kept, || "a session is lost by bad input")
    }

    /// The id of the session, as its client knows it.
    fn waiting_id(&self) -> String {
        let bytes = self.resumption.as_ref().map(Resumption::to_bytes);
        let bytes = bytes.unwrap_or_default();
        // After 22 bytes of counters: see the format.
        let id = bytes.get(26..26 + 32).unwrap_or_default();
        String::from_utf8_lossy(id).into_owned()
    }

    /// Logs in as this account and asks for that session; what the server says to it.
    fn resume_raw(&mut self, account: &str, id: &str, count: &str) -> Result<String, String> {
        use base64_of as plain;
        const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
            xmlns:stream='http://etherx.jabber.org/streams' to='example.org'>";
        let mut machine = server(200);
        let auth = format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{}</auth>",
            plain(account)
        );
        let resume = format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='{count}'/>");
        let mut said = Vec::new();
        for text in [HEADER, &auth, HEADER, &resume] {
            let mut input = text.as_bytes();
            said.clear();
            while !input.is_empty() && machine.wants_read() {
                let n = machine.receive(START, input);
                input = &input[n..];
                while let Some(event) = machine.poll_event() {
                    match event {
                        ServerEvent::Opened(request) => machine
                            .choose_host(request, HostAnswer::Serve(host()))
                            .map_err(|why| why.to_string())?,
                        ServerEvent::Sasl(request) => {
                            let account = BareJid::new(&format!("{account}@example.org"));
                            let answer = SaslAnswer::Accept(account.map_err(|e| e.to_string())?);
                            machine
                                .answer_sasl(request, answer)
                                .map_err(|why| why.to_string())?;
                        }
                        ServerEvent::Resume(request) => {
                            let answer = self.sessions.answer(START, &request);
                            let back = machine.answer_resume(request, answer);
                            if let Some(back) = back.map_err(|why| why.to_string())? {
                                self.detached(back)?;
                            }
                        }
                        _ => {}
                    }
                }
                said.extend(machine.take_output());
            }
        }
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    fn send(&mut self, to: To) -> Result<(), String> {
        let books = match to {
            To::Server => &mut self.of_client,
            To::Client => &mut self.of_server,
        };
        books.sent += 1;
        let id = format!("{to:?}{}", books.sent);
        let stanza: Stanza = Message::chat(juliet(), "hi").with_id(&id).into();
        let sent = match (to, &mut self.client) {
            (To::Server, Some(client)) => send(client, &stanza)?,
            (To::Client, _) => send(&mut self.server, &stanza)?,
            (To::Server, None) => None,
        };
        books.open.insert(sent.ok_or("no number")?, id);
        self.turn()
    }
}

fn send<R: Role>(machine: &mut Connection<R>, stanza: &Stanza) -> Result<Option<u64>, String> {
    machine.send(stanza).map_err(|why| why.to_string())?;
    Ok(machine.sent())
}

/// `\0ACCOUNT\0x` in base64.
fn base64_of(account: &str) -> String {
    xmppwire_sasl::wire::encode(format!("\0{account}\0x").as_bytes())
}

/// Marks the rules by which an end takes these bytes.
fn note_rules<R: Role>(machine: &Connection<R>, sender: Side, bytes: &[u8], rules: &mut u128) {
    const HEADER: &[u8] = b"<stream:stream xmlns='jabber:client' version='1.0' \
        xmlns:stream='http://etherx.jabber.org/streams'>";
    let mut reader = Reader::new(XmlLimits::default());
    let _ = reader.read(&mut &HEADER[..]);
    let mut input = bytes;
    // The first element decides: the phase of the others is not known yet.
    if let Ok(Some(Event::Element(element))) = reader.read(&mut input) {
        mark(machine, sender, &element, rules);
    }
}

fn mark<R: Role>(machine: &Connection<R>, sender: Side, element: &Element, rules: &mut u128) {
    let (phase, item) = (machine.phase(), Item::of(element));
    for (index, rule) in RULES.iter().enumerate() {
        if (rule.phase, rule.sender, rule.item) == (phase, sender, item) {
            *rules |= 1 << index;
        }
    }
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
