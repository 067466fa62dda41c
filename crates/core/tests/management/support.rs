//! A client and a server, and the bytes between them.

use core::time::Duration;
use std::collections::VecDeque;

use xmppwire::{
    BareJid, BindAnswer, Client, ClientConfig, ClientEvent, CloseReason, Connection, DecoyKey,
    DetachedLimits, DetachedSessions, Entropy, FullJid, Host, HostAnswer, Instant, Jid, Mechanism,
    MechanismPolicy, Message, Resourcepart, Resumption, Sasl2, SaslAnswer, Server, ServerConfig,
    ServerEvent, Stanza, StreamManagement, TlsInfo, TlsOffer,
};

pub const START: Instant = Instant::ORIGIN;

/// How both ends log in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Login {
    /// As in RFC 6120, with stream management at the level of the stream.
    Sasl,
    /// In one element, with stream management inside it (XEP-0388, XEP-0386).
    Sasl2,
}

pub fn client_config(policy: &StreamManagement) -> ClientConfig {
    ClientConfig::new(Jid::new("juliet@example.org/balcony").unwrap(), "s3cr3t")
        .unwrap()
        .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
        .with_stream_management(policy.clone())
}

pub fn message(id: &str) -> Stanza {
    Message::chat("romeo@example.net", "O")
        .unwrap()
        .with_id(id)
        .into()
}

pub fn juliet() -> FullJid {
    FullJid::new("juliet@example.org/balcony").unwrap()
}

/// The application of a server: what it took, in order.
#[derive(Default)]
pub struct Told {
    pub stanzas: Vec<String>,
    pub events: Vec<String>,
    pub acknowledged: u64,
    pub closed: Option<CloseReason>,
}

impl Told {
    fn stanza(&mut self, stanza: &Stanza) {
        self.stanzas
            .push(stanza.id().unwrap_or_default().to_owned());
    }
}

/// A client with its application.
pub struct Juliet {
    pub machine: Connection<Client>,
    pub told: Told,
    /// What was given back as unacknowledged.
    pub given_back: Vec<String>,
    pub bound: bool,
    pub managed: bool,
}

impl Juliet {
    pub fn new(policy: &StreamManagement, seed: u8, resumption: Option<Resumption>) -> Self {
        Self::with_login(policy, Login::Sasl, seed, resumption)
    }

    pub fn with_login(
        policy: &StreamManagement,
        login: Login,
        seed: u8,
        resumption: Option<Resumption>,
    ) -> Self {
        let tls = TlsInfo::default();
        let entropy = Entropy::from_seed([seed; 32]);
        let config = match login {
            Login::Sasl => client_config(policy).without_sasl2(),
            // With a tag the client binds by Bind 2, although it wants a certain resource.
            Login::Sasl2 => client_config(policy).with_bind_tag("balcony"),
        };
        let mut machine = Client::with_direct_tls(config, entropy, START, tls);
        if let Some(resumption) = resumption {
            machine.resume(resumption).unwrap();
        }
        Self {
            machine,
            told: Told::default(),
            given_back: Vec::new(),
            bound: false,
            managed: false,
        }
    }

    /// Takes one event.
    pub fn poll(&mut self) -> bool {
        let Some(event) = self.machine.poll_event() else {
            return false;
        };
        match event {
            ClientEvent::Bound(_) => self.bound = true,
            ClientEvent::Stanza(stanza) => self.told.stanza(&stanza),
            ClientEvent::Managed(managed) => self.managed = managed.is_resumable(),
            ClientEvent::Acknowledged(upto) => self.told.acknowledged = upto,
            ClientEvent::Resumed { acknowledged, jid } => {
                assert_eq!(jid, juliet());
                (self.bound, self.managed) = (true, true);
                self.told.acknowledged = acknowledged;
                self.told.events.push("resumed".into());
            }
            ClientEvent::NotResumed {
                acknowledged,
                unacknowledged,
            } => {
                self.told.acknowledged = acknowledged;
                self.told.events.push("not resumed".into());
                let ids = unacknowledged.iter().map(|u| u.stanza.id().unwrap().into());
                self.given_back.extend(ids);
            }
            ClientEvent::Closed(reason) => self.told.closed = Some(reason),
            other => panic!("{other:?}"),
        }
        true
    }
}

/// A server's connection with its application.
pub struct Verona {
    pub machine: Connection<Server>,
    pub told: Told,
    host: Host,
    pub managed: Option<String>,
    /// The time at which it looks for sessions and keeps them.
    pub now: Instant,
    /// A session of another connection that is still alive, for a collision.
    pub old: Option<Box<Verona>>,
}

impl Verona {
    pub fn new(policy: &StreamManagement, seed: u8) -> Self {
        let config = ServerConfig::new(DecoyKey::new([1; 32]));
        let entropy = Entropy::from_seed([seed; 32]);
        let tls = TlsInfo::default();
        Self {
            machine: Server::with_direct_tls(config, entropy, START, tls),
            told: Told::default(),
            host: Host::new(TlsOffer::Required, [Mechanism::Plain])
                .with_stream_management(policy.clone())
                .with_sasl2(Sasl2::new()),
            managed: None,
            now: START,
            old: None,
        }
    }

    /// Changes what the host offers.
    pub fn offering(mut self, change: impl FnOnce(Host) -> Host) -> Self {
        self.host = change(self.host);
        self
    }

    /// Takes one event. A session that is asked for comes from the table or from the old connection.
    pub fn poll(&mut self, sessions: &mut DetachedSessions) -> bool {
        let Some(event) = self.machine.poll_event() else {
            return false;
        };
        self.handle(event, sessions);
        true
    }

    /// Does what an event asks for.
    pub fn handle(&mut self, event: ServerEvent, sessions: &mut DetachedSessions) {
        let machine = &mut self.machine;
        match event {
            ServerEvent::Opened(request) => {
                let answer = HostAnswer::Serve(self.host.clone());
                machine.choose_host(request, answer).unwrap();
            }
            ServerEvent::Sasl(request) => {
                let account = BareJid::new("juliet@example.org").unwrap();
                let answer = SaslAnswer::Accept(account);
                machine.answer_sasl(request, answer).unwrap();
            }
            ServerEvent::Authenticated(_) => {}
            ServerEvent::Bind(request) => {
                let resource = match request.is_inline() {
                    true => Resourcepart::new("balcony").unwrap(),
                    false => request.suggested().clone(),
                };
                let answer = BindAnswer::Bind(resource);
                machine.answer_bind(request, answer).unwrap();
            }
            ServerEvent::Resume(request) => {
                if let Some(old) = &mut self.old
                    && old.managed.as_deref() == Some(request.id())
                    && let Some(detached) = old.machine.detach()
                {
                    assert!(sessions.insert(self.now, detached).is_empty());
                }
                let answer = sessions.answer(self.now, &request);
                // The connection may have ended meanwhile.
                if let Some(back) = machine.answer_resume(request, answer).unwrap() {
                    assert!(sessions.insert(self.now, back).is_empty());
                }
            }
            ServerEvent::Resumed { acknowledged, .. } => {
                self.told.acknowledged = acknowledged;
                self.told.events.push("resumed".into());
            }
            ServerEvent::Managed(managed) => self.managed = managed.id().map(Into::into),
            ServerEvent::Active(active) => {
                let state = if active { "active" } else { "inactive" };
                self.told.events.push(state.into());
            }
            ServerEvent::Acknowledged(upto) => self.told.acknowledged = upto,
            ServerEvent::Stanza(stanza) => self.told.stanza(&stanza),
            ServerEvent::Detached(detached) => {
                assert!(sessions.insert(self.now, detached).is_empty());
                self.told.events.push("detached".into());
            }
            ServerEvent::Closed(reason) => self.told.closed = Some(reason),
            other => panic!("{other:?}"),
        }
    }
}

/// The bytes on their way, in both directions.
#[derive(Default)]
pub struct Wire {
    pub to_server: VecDeque<u8>,
    pub to_client: VecDeque<u8>,
}

pub fn sessions() -> DetachedSessions {
    DetachedSessions::new(DetachedLimits::default())
}

/// Moves up to `most` bytes from an output onto the wire.
pub fn write<R: xmppwire::Role>(
    machine: &mut Connection<R>,
    wire: &mut VecDeque<u8>,
    most: usize,
) -> bool {
    let output = machine.output();
    let n = most.min(output.len());
    wire.extend(&output[..n]);
    machine.consume_output(n);
    n > 0
}

/// Gives up to `most` bytes from the wire to a machine that wants to read.
pub fn read<R: xmppwire::Role>(
    machine: &mut Connection<R>,
    wire: &mut VecDeque<u8>,
    most: usize,
) -> bool {
    if !machine.wants_read() {
        return false;
    }
    let bytes: Vec<u8> = wire.iter().copied().take(most).collect();
    let n = machine.receive(START, &bytes);
    wire.drain(..n);
    n > 0
}

/// Moves bytes and events until nothing changes.
pub fn settle(
    client: &mut Juliet,
    server: &mut Verona,
    wire: &mut Wire,
    sessions: &mut DetachedSessions,
) {
    loop {
        let mut moved = write(&mut client.machine, &mut wire.to_server, usize::MAX);
        moved |= read(&mut server.machine, &mut wire.to_server, usize::MAX);
        moved |= server.poll(sessions);
        moved |= write(&mut server.machine, &mut wire.to_client, usize::MAX);
        moved |= read(&mut client.machine, &mut wire.to_client, usize::MAX);
        moved |= client.poll();
        if !moved {
            return;
        }
    }
}

/// The same with what each side wrote changed on its way.
pub fn settle_with(
    client: &mut Juliet,
    server: &mut Verona,
    sessions: &mut DetachedSessions,
    to_server: impl Fn(&str) -> String,
    to_client: impl Fn(&str) -> String,
) {
    let mut wire = Wire::default();
    loop {
        let wrote = to_server(&said(&mut client.machine));
        wire.to_server.extend(wrote.bytes());
        let mut moved = read(&mut server.machine, &mut wire.to_server, usize::MAX);
        moved |= server.poll(sessions);
        let wrote = to_client(&said(&mut server.machine));
        wire.to_client.extend(wrote.bytes());
        moved |= read(&mut client.machine, &mut wire.to_client, usize::MAX);
        moved |= client.poll();
        if !moved {
            return;
        }
    }
}

// --- A managed client by itself -------------------------------------------------------------------

pub const QUESTION: &str = "<r xmlns='urn:xmpp:sm:3'/>";

pub fn at(seconds: u64) -> Instant {
    Instant::from_origin(Duration::from_secs(seconds))
}

/// A client whose stream is managed.
pub fn managed(policy: &StreamManagement) -> Juliet {
    let (mut client, mut server) = (Juliet::new(policy, 1, None), Verona::new(policy, 2));
    let mut wire = Wire::default();
    settle(&mut client, &mut server, &mut wire, &mut sessions());
    assert!(client.managed);
    client
}

pub fn said<R: xmppwire::Role>(machine: &mut Connection<R>) -> String {
    String::from_utf8(machine.take_output()).unwrap()
}

pub fn hear(client: &mut Juliet, text: &str) {
    assert_eq!(client.machine.receive(START, text.as_bytes()), text.len());
    while client.poll() {}
}
