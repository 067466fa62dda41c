//! The two ends of a managed session, their applications, and the bytes between them.

use std::collections::VecDeque;

use xmppwire::negotiation::{Item, RULES, Side};
use xmppwire::{
    BindAnswer, Client, ClientConfig, ClientEvent, CloseReason, Connection, DecoyKey, Detached,
    DetachedSessions, Element, Entropy, FullJid, Host, HostAnswer, Jid, Mechanism, MechanismPolicy,
    Resumption, Role, SaslAnswer, Server, ServerConfig, ServerEvent, StreamManagement, TlsInfo,
    TlsOffer, XmlLimits,
};
use xmppwire_xml::{Event, Reader};

use super::books::Books;
use super::{Budget, Session, To};
use crate::end::{START, ensure, limits};
use crate::party::PASSWORD;

pub(super) fn policy() -> StreamManagement {
    StreamManagement::new().with_ask_after(1, 1)
}

pub(super) fn juliet() -> FullJid {
    FullJid::new("juliet@example.org/balcony").unwrap()
}

pub(super) fn client(seed: u8) -> Connection<Client> {
    let config = ClientConfig::new(Jid::from(juliet()), PASSWORD)
        .unwrap()
        .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
        .with_limits(limits())
        .with_stream_management(policy());
    let entropy = Entropy::from_seed([seed; 32]);
    Client::with_direct_tls(config, entropy, START, TlsInfo::default())
}

pub(super) fn server(seed: u8) -> Connection<Server> {
    let config = ServerConfig::new(DecoyKey::new([9; 32])).with_limits(limits());
    let entropy = Entropy::from_seed([seed; 32]);
    Server::with_direct_tls(config, entropy, START, TlsInfo::default())
}

pub(super) fn host() -> Host {
    Host::new(TlsOffer::Required, [Mechanism::Plain]).with_stream_management(policy())
}
impl Session {
    pub(super) fn new(budget: Budget) -> Self {
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
    pub(super) fn run(&mut self, stop: impl Fn(&Connection<Client>) -> bool) -> Result<(), String> {
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

    pub(super) fn deliver(&mut self, to: To) -> Result<(), String> {
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

    pub(super) fn feed_client(&mut self, bytes: Vec<u8>) -> Result<(), String> {
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

    pub(super) fn feed_server(&mut self, bytes: Vec<u8>) -> Result<(), String> {
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
    pub(super) fn turn(&mut self) -> Result<(), String> {
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

    pub(super) fn told_client(&mut self, event: ClientEvent) -> Result<(), String> {
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
    pub(super) fn end_client(&mut self, mut client: Connection<Client>) -> Result<(), String> {
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

    pub(super) fn told_server(&mut self, event: ServerEvent) -> Result<(), String> {
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

    pub(super) fn detached(&mut self, detached: Detached) -> Result<(), String> {
        let detached = Detached::from_bytes(&detached.to_bytes()).map_err(|why| why.to_string())?;
        let ended = self.sessions.insert(START, detached);
        ensure(ended.is_empty(), || "two sessions of one client")
    }

    /// Takes what the old connection still tells.
    pub(super) fn end_old(&mut self) -> Result<(), String> {
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

    pub(super) fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    pub(super) fn is_bound(&self) -> bool {
        let client = self.client.as_ref();
        client.is_some_and(|client| client.jid().is_some())
    }
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
