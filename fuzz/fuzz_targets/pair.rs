//! A client and a server of ours, and somebody on the path until TLS is up.
//!
//! The first line is settings: digits pick the mechanisms on offer (PLAIN without any), `r` asks for a
//! resource. Each other line is a step; `D` is `c` for what the client sent or `s` for what the server
//! sent, `P` and `N` are numbers of one byte, counted from '0':
//!
//! ```text
//! >  <     what one end has to say arrives at the other, in pieces of up to N bytes if N follows
//! =        both, until nothing moves
//! ~DPB     the byte P of what is under way becomes B
//! -DPN     from byte P on N bytes are left out
//! +DTEXT   TEXT comes before what is under way
//! c  s     the client or the server sends a message with this text
//! C  S     the same with this XML as its payload
//! x  X     the client or the server closes
//! ^        the next deadline comes
//! ```
//!
//! Once TLS is up nobody but the two ends is heard. Whatever happened before: either it comes to
//! nothing, or the strongest mechanism of the offer was used, and what one end sends is what the other
//! end gets, in order. If nobody interfered, it does not come to nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xmppwire::negotiation::Phase;
use xmppwire::{
    BareJid, BindAnswer, Client, ClientConfig, ClientEvent, CloseReason, Connection, DecoyKey,
    Entropy, FullJid, Host, HostAnswer, Instant, Jid, Mechanism, MechanismPolicy, Message, Role,
    SaslAnswer, SaslQuestion, Server, ServerConfig, ServerEvent, Stanza, StartTls, TlsInfo,
    TlsOffer,
};
use xmppwire_fuzz::{accounts, driver, script};
use xmppwire_xml::{Event as Item, Reader, XmlLimits};

fuzz_target!(|data: &[u8]| {
    let (settings, lines) = script::parse(data);
    let mut pair = Pair::new(settings);
    for line in lines.take(64) {
        pair.step(line);
    }
    pair.finish();
});

/// Two machines, what is under way between them, and what was said and heard.
struct Pair {
    client: End<Client>,
    server: End<Server>,
    now: Instant,
    /// Somebody interfered.
    tampered: bool,
    /// Time has passed, or an end has closed.
    disturbed: bool,
    secured: bool,
    offered: Vec<Mechanism>,
    used: Option<Mechanism>,
    account: Option<BareJid>,
    bound: Option<FullJid>,
    assigned: Option<FullJid>,
}

struct End<R: Role> {
    machine: Connection<R>,
    /// What it sent and nobody has read.
    sent: Vec<u8>,
    start_tls: Option<StartTls>,
    /// The messages that it sent, and those that it got.
    said: Vec<Message>,
    heard: Vec<Message>,
    closed: Option<CloseReason>,
}

impl<R: Role> End<R> {
    fn new(machine: Connection<R>) -> Self {
        Self {
            machine,
            sent: Vec::new(),
            start_tls: None,
            said: Vec::new(),
            heard: Vec::new(),
            closed: None,
        }
    }

    fn say(&mut self, message: Message, is_bound: bool) {
        let is_open = self.machine.poll_timeout().is_none();
        if self.machine.send(&message.clone().into()).is_ok() && is_bound && is_open {
            self.said.push(message);
        }
    }

    fn hear(&mut self, stanza: Stanza) {
        match stanza {
            Stanza::Message(message) => self.heard.push(message),
            other => panic!("nobody said {other:?}"),
        }
    }

    fn close(&mut self, reason: CloseReason) {
        assert!(self.closed.replace(reason).is_none(), "closed twice");
    }
}

impl Pair {
    fn new(settings: &[u8]) -> Self {
        let offered: Vec<_> = (b'0'..)
            .zip(accounts::MECHANISMS)
            .filter(|(digit, _)| settings.contains(digit))
            .map(|(_, mechanism)| mechanism)
            .filter(|mechanism| *mechanism == Mechanism::Plain || mechanism.hash().is_some())
            .collect();
        let offered = match offered.is_empty() {
            true => vec![Mechanism::Plain],
            false => offered,
        };
        let account = match settings.contains(&b'r') {
            true => "juliet@example.org/balcony",
            false => accounts::ACCOUNT,
        };
        let config = ClientConfig::new(Jid::new(account).expect("an address"), accounts::PASSWORD)
            .expect("an account")
            .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
            .with_limits(driver::limits(false));
        let client = Client::new(config, Entropy::from_seed([1; 32]), Instant::ORIGIN);
        let config = ServerConfig::new(DecoyKey::new([9; 32])).with_limits(driver::limits(false));
        let server = Server::new(config, Entropy::from_seed([3; 32]), Instant::ORIGIN);
        Self {
            client: End::new(client),
            server: End::new(server),
            now: Instant::ORIGIN,
            tampered: false,
            disturbed: false,
            secured: false,
            offered,
            used: None,
            account: None,
            bound: None,
            assigned: None,
        }
    }

    fn step(&mut self, line: script::Line<'_>) {
        match line.op {
            b'>' => {
                self.serve(piece(line.rest));
            }
            b'<' => {
                self.attend(piece(line.rest));
            }
            b'=' => self.settle(),
            b'~' | b'-' | b'+' => self.interfere(line),
            b'c' | b'C' => {
                if let Some(message) = message("romeo@example.net", line) {
                    let is_bound = self.bound.is_some();
                    self.client.say(message, is_bound);
                }
            }
            b's' | b'S' => {
                if let Some(message) = message("juliet@example.org", line) {
                    let is_bound = self.assigned.is_some();
                    self.server.say(message, is_bound);
                }
            }
            b'x' => {
                self.disturbed = true;
                self.client.machine.close(self.now, None);
            }
            b'X' => {
                self.disturbed = true;
                self.server.machine.close(self.now, None);
            }
            b'^' => self.expire(),
            _ => {}
        }
    }

    // --- The path -------------------------------------------------------------------------------

    fn settle(&mut self) {
        while self.serve(usize::MAX) | self.attend(usize::MAX) {}
    }

    /// What the client has to say arrives.
    fn serve(&mut self, piece: usize) -> bool {
        self.client
            .sent
            .append(&mut self.client.machine.take_output());
        let mut moved = self.poll_client();
        loop {
            let machine = &mut self.server.machine;
            let consumed = offer(machine, self.now, &mut self.client.sent, piece);
            if !(self.poll_server() | consumed) {
                break;
            }
            moved = true;
        }
        moved | self.begin_tls()
    }

    /// What the server has to say arrives.
    fn attend(&mut self, piece: usize) -> bool {
        self.server
            .sent
            .append(&mut self.server.machine.take_output());
        let mut moved = self.poll_server();
        loop {
            let machine = &mut self.client.machine;
            let consumed = offer(machine, self.now, &mut self.server.sent, piece);
            if !(self.poll_client() | consumed) {
                break;
            }
            moved = true;
        }
        moved | self.begin_tls()
    }

    fn interfere(&mut self, line: script::Line<'_>) {
        let (direction, rest) = line.rest.split_at(line.rest.len().min(1));
        let sent = match direction {
            b"c" => &mut self.client.sent,
            _ => &mut self.server.sent,
        };
        if self.secured {
            return;
        }
        let before = sent.clone();
        let at = script::number(rest).min(sent.len());
        match (line.op, rest) {
            (b'+', text) => {
                sent.splice(0..0, text.iter().copied());
            }
            (b'~', [_, byte, ..]) if at < sent.len() => sent[at] = *byte,
            (b'-', [_, count @ ..]) => {
                let end = at.saturating_add(script::number(count)).min(sent.len());
                sent.drain(at..end);
            }
            _ => {}
        }
        self.tampered |= *sent != before;
    }

    /// The handshake happens once both want it; neither can be brought to take clear text for TLS.
    fn begin_tls(&mut self) -> bool {
        if self.client.start_tls.is_none() || self.server.start_tls.is_none() {
            return false;
        }
        let (Some(ours), Some(theirs)) =
            (self.client.start_tls.take(), self.server.start_tls.take())
        else {
            return false;
        };
        let from_server = core::mem::take(&mut self.server.sent);
        let from_client = core::mem::take(&mut self.client.sent);
        let client = self.client.machine.begin_tls(ours, &from_server);
        let server = self.server.machine.begin_tls(theirs, &from_client);
        match (client, server) {
            (Ok(ours), Ok(theirs)) => {
                assert!(from_server.is_empty() && from_client.is_empty());
                let tls = || TlsInfo::new(accounts::bindings());
                let now = self.now;
                let outcomes = [
                    self.client.machine.tls_established(now, ours, tls()),
                    self.server.machine.tls_established(now, theirs, tls()),
                ];
                assert_eq!(outcomes, [Ok(()), Ok(())]);
                self.secured = true;
            }
            (client, server) => {
                assert!(self.tampered || self.disturbed, "{client:?} {server:?}");
                self.client.machine.receive_eof(self.now);
                self.server.machine.receive_eof(self.now);
            }
        }
        true
    }

    fn expire(&mut self) {
        self.disturbed = true;
        let deadlines = [
            self.client.machine.poll_timeout(),
            self.server.machine.poll_timeout(),
        ];
        if let Some(when) = deadlines.into_iter().flatten().min() {
            self.now = self.now.max(when);
            self.client.machine.handle_timeout(self.now);
            self.server.machine.handle_timeout(self.now);
        }
    }

    // --- The ends -------------------------------------------------------------------------------

    fn poll_client(&mut self) -> bool {
        let Some(event) = self.client.machine.poll_event() else {
            return false;
        };
        match event {
            ClientEvent::StartTls(request) => self.client.start_tls = Some(request),
            ClientEvent::Bound(jid) => {
                assert!(self.secured);
                assert_eq!(self.assigned.as_ref(), Some(&jid));
                self.bound = Some(jid);
            }
            ClientEvent::Stanza(stanza) => self.client.hear(stanza),
            ClientEvent::Closed(reason) => self.client.close(reason),
            other => panic!("nobody asked for {other:?}"),
        }
        true
    }

    fn poll_server(&mut self) -> bool {
        let Some(event) = self.server.machine.poll_event() else {
            return false;
        };
        let server = &mut self.server.machine;
        match event {
            ServerEvent::Opened(request) => {
                assert_eq!(request.secured(), self.secured);
                let host = Host::new(TlsOffer::Required, self.offered.iter().copied());
                server
                    .choose_host(request, HostAnswer::Serve(host))
                    .expect("an open question");
            }
            ServerEvent::StartTls(request) => self.server.start_tls = Some(request),
            ServerEvent::Sasl(request) => {
                assert!(self.secured, "SASL without TLS");
                self.used = Some(request.mechanism());
                let answer = match request.question() {
                    SaslQuestion::ScramKeys { mechanism, .. } => {
                        let hash = mechanism.hash().expect("SCRAM has a hash");
                        SaslAnswer::ScramKeys(accounts::keys(hash, accounts::PASSWORD, true))
                    }
                    _ => SaslAnswer::Accept(request.account().expect("a user")),
                };
                server
                    .answer_sasl(request, answer)
                    .expect("an open question");
            }
            ServerEvent::Authenticated(account) => {
                assert_eq!(self.used.as_ref(), self.offered.iter().max());
                assert_eq!(account.as_str(), accounts::ACCOUNT);
                self.account = Some(account);
            }
            ServerEvent::Bind(request) => {
                assert_eq!(Some(request.account()), self.account.as_ref());
                self.assigned = Some(request.suggested_jid());
                let answer = BindAnswer::Bind(request.suggested().clone());
                server
                    .answer_bind(request, answer)
                    .expect("an open question");
            }
            ServerEvent::Stanza(stanza) => {
                assert_eq!(
                    stanza.from().map(Jid::as_str),
                    self.assigned.as_ref().map(FullJid::as_str)
                );
                self.server.hear(stanza);
            }
            ServerEvent::Closed(reason) => self.server.close(reason),
            other => panic!("nobody asked for {other:?}"),
        }
        true
    }

    // --- The end --------------------------------------------------------------------------------

    fn finish(&mut self) {
        self.settle();
        if !self.tampered && !self.disturbed {
            assert_eq!(self.client.machine.phase(), Phase::Bound);
            assert_eq!(self.server.machine.phase(), Phase::Bound);
        }
        if self.bound.is_some() {
            self.compare();
        }
        self.client.machine.close(self.now, None);
        self.settle();
        for _ in 0..4 {
            self.expire();
            self.settle();
        }
        // Who has ended drops the transport, and with it what was not written in time.
        self.client.machine.receive_eof(self.now);
        self.server.machine.receive_eof(self.now);
        self.settle();
        assert!(self.client.closed.is_some() && self.server.closed.is_some());
        assert!(self.client.machine.is_finished() && self.server.machine.is_finished());
    }

    /// What was said before the end is what was heard, until one end stopped listening.
    fn compare(&mut self) {
        let sender: Jid = self.assigned.clone().expect("a resource is bound").into();
        for message in &mut self.client.said {
            message.set_from(Some(sender.clone()));
        }
        for (said, heard) in [
            (&self.client.said, &self.server.heard),
            (&self.server.said, &self.client.heard),
        ] {
            assert!(said.starts_with(heard), "{said:?} is not {heard:?}");
            assert!(self.disturbed || said.len() == heard.len());
        }
    }
}

/// Offers what is under way, and takes off what was consumed.
fn offer(
    machine: &mut Connection<impl Role>,
    now: Instant,
    under_way: &mut Vec<u8>,
    piece: usize,
) -> bool {
    let wanted = machine.wants_read() && !under_way.is_empty();
    let offered = &under_way[..piece.min(under_way.len())];
    let consumed = machine.receive(now, offered);
    assert_eq!(wanted, consumed > 0);
    under_way.drain(..consumed);
    wanted
}

fn piece(rest: &[u8]) -> usize {
    match script::number(rest) {
        0 => usize::MAX,
        most => most,
    }
}

/// A message with a text, or with an XML payload if it is any.
fn message(to: &str, line: script::Line<'_>) -> Option<Message> {
    let to = Jid::new(to).expect("an address");
    if line.op.is_ascii_lowercase() {
        let body = core::str::from_utf8(line.rest).ok()?;
        return Some(Message::chat(to, body));
    }
    const HEADER: &[u8] = b"<s:stream xmlns:s='http://etherx.jabber.org/streams'>";
    let mut limits = XmlLimits::default();
    limits.max_depth = 32;
    let mut reader = Reader::new(limits);
    reader.read(&mut &*HEADER).ok()?;
    match reader.read(&mut &*line.rest) {
        Ok(Some(Item::Element(element))) => Some(Message::new(to).with_payload(&element)),
        _ => None,
    }
}
