//! A client and a server of ours, and somebody on the path until TLS is up.
//!
//! The first line is settings: digits pick the mechanisms on offer (PLAIN without any), `r` asks for a
//! resource, `m` manages the streams (XEP-0198), `n` logs in by SASL2, with tokens. Each other line is a step; `D` is `c` for what the client sent or `s` for what the server
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
//! %        the connection is lost; the next one resumes the session, and uses the token
//! a  A     the client or the server asks what has been handled
//! ```
//!
//! Once TLS is up nobody but the two ends is heard. Whatever happened before: either it comes to
//! nothing, or the strongest mechanism of the offer was used, and what one end sends is what the other
//! end gets, in order. If nobody interfered, it does not come to nothing.
//!
//! On managed streams every message is heard once at most, also after a resumption, and one that was not
//! acknowledged is given back once its session is over. A login without TLS shows no token.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xmppwire::negotiation::Phase;
use xmppwire::{
    BareJid, BindAnswer, Client, ClientConfig, ClientEvent, CloseReason, Connection, DecoyKey,
    DetachedLimits, DetachedSessions, Entropy, FullJid, Host, HostAnswer, Instant, Jid, Mechanism,
    MechanismPolicy, Message, Role, Sasl2, SaslAnswer, SaslQuestion, Server, ServerConfig,
    ServerEvent, Stanza, StartTls, StreamManagement, TlsInfo, TlsOffer, Token, TokenAnswer,
    TokenPolicy, TokenSlots, Unacknowledged, UserAgent,
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
    kept: Kept,
}

/// What outlives a connection, and how the ends are set up.
struct Kept {
    asks_for_resource: bool,
    managed: bool,
    sasl2: bool,
    connections: u8,
    token: Option<Token>,
    slots: TokenSlots,
    /// Where the token of this login is checked.
    by_token: bool,
    sessions: DetachedSessions,
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

    /// The end of another connection, which has said and heard what this one has.
    fn follow(&mut self, machine: Connection<R>) {
        let (said, heard) = (
            core::mem::take(&mut self.said),
            core::mem::take(&mut self.heard),
        );
        *self = Self {
            said,
            heard,
            ..Self::new(machine)
        };
    }

    /// Says this, and notes it where it has to arrive.
    fn say(&mut self, message: Message, is_bound: bool, managed: bool) {
        let is_open = self.machine.poll_timeout().is_none();
        let before = self.machine.sent();
        if managed && before.is_none() {
            // What is said before the stream is managed has no certain fate.
            return;
        }
        let sent = self.machine.send(&message.clone().into());
        let counts = match managed {
            true => self.machine.sent() > before,
            false => is_bound && is_open,
        };
        if sent.is_ok() && counts {
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
        let mut kept = Kept::new(settings);
        let (client, server) = (kept.client(), kept.server());
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
            kept,
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
                    let from = self.bound.clone();
                    self.client.say(message, from.is_some(), self.kept.managed);
                    // The server writes who it is from.
                    let said = self.client.said.last_mut();
                    if let Some(said) = said.filter(|said| said.from().is_none()) {
                        said.set_from(from.map(Jid::from));
                    }
                }
            }
            b's' | b'S' => {
                if let Some(message) = message("juliet@example.org", line) {
                    let is_bound = self.assigned.is_some();
                    self.server.say(message, is_bound, self.kept.managed);
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
            b'%' => self.cut(),
            b'a' => self.client.machine.request_acknowledgement(),
            b'A' => self.server.machine.request_acknowledgement(),
            _ => {}
        }
    }

    // --- The path -------------------------------------------------------------------------------

    fn settle(&mut self) {
        while self.serve(usize::MAX) | self.attend(usize::MAX) {}
    }

    /// What the client has to say arrives.
    fn serve(&mut self, piece: usize) -> bool {
        let mut output = self.client.machine.take_output();
        if !self.secured {
            let has = |what: &[u8]| output.windows(what.len()).any(|bytes| bytes == what);
            assert!(
                !has(b"<authenticate") && !has(b"urn:xmpp:fast"),
                "a login without TLS"
            );
        }
        self.client.sent.append(&mut output);
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

    /// The connection is lost with all that is under way, and there is another one.
    fn cut(&mut self) {
        self.client.machine.receive_eof(self.now);
        self.server.machine.receive_eof(self.now);
        while self.poll_client() | self.poll_server() {}
        let session = self.client.machine.take_resumption();
        let has_detached = !self.kept.sessions.is_empty();
        if session.is_none() {
            let given_back = self.client.machine.take_unacknowledged();
            self.client_is_over(given_back);
        }
        if session.is_none() || !has_detached {
            self.server_is_over();
        }
        self.secured = false;
        self.used = None;
        self.account = None;
        self.kept.by_token = false;
        let mut client = self.kept.client();
        if let Some(session) = session {
            client
                .resume(session)
                .expect("a session of the same account");
        } else {
            self.bound = None;
            self.assigned = None;
        }
        self.client.follow(client);
        self.server.follow(self.kept.server());
    }

    /// The client's session is over, and this is what it got back.
    fn client_is_over(&mut self, given_back: Vec<Unacknowledged>) {
        if self.kept.managed {
            check_fates(&self.client.said, &self.server.heard, given_back);
        }
        self.client.said.clear();
        self.server.heard.clear();
    }

    /// The server's session is over.
    fn server_is_over(&mut self) {
        let jids: Vec<FullJid> = self.kept.sessions.jids().cloned().collect();
        let mut given_back = self.server.machine.take_unacknowledged();
        for jid in jids {
            let detached = self.kept.sessions.remove(&jid).expect("it is there");
            assert!(given_back.is_empty(), "a session in two places");
            given_back = detached.into_unacknowledged();
        }
        if self.kept.managed {
            check_fates(&self.server.said, &self.client.heard, given_back);
        }
        self.server.said.clear();
        self.client.heard.clear();
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
            ClientEvent::Token(token) => {
                assert!(self.secured, "a token without TLS");
                self.kept.token = Some(token);
            }
            ClientEvent::Resumed { jid, .. } => {
                assert!(self.secured);
                assert_eq!(self.bound.as_ref(), Some(&jid));
            }
            ClientEvent::NotResumed { unacknowledged, .. } => {
                self.client_is_over(unacknowledged);
                self.bound = None;
            }
            ClientEvent::Managed(_) | ClientEvent::Acknowledged(_) => {
                assert!(self.kept.managed);
            }
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
                let mut host = Host::new(TlsOffer::Required, self.offered.iter().copied());
                if self.kept.managed {
                    host = host.with_stream_management(policy());
                }
                if self.kept.sasl2 {
                    host = host.with_sasl2(Sasl2::new().with_tokens(TokenPolicy::new(1000)));
                }
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
                if !self.kept.by_token {
                    assert_eq!(self.used.as_ref(), self.offered.iter().max());
                }
                assert_eq!(account.as_str(), accounts::ACCOUNT);
                self.account = Some(account);
            }
            ServerEvent::Token(lookup) => {
                assert!(self.secured, "a token without TLS");
                assert_eq!(lookup.account().as_str(), accounts::ACCOUNT);
                self.kept.by_token = true;
                let answer = TokenAnswer::Slots(self.kept.slots.clone());
                server
                    .answer_token(lookup, answer)
                    .expect("an open question");
            }
            ServerEvent::Tokens(update) => update.apply(&mut self.kept.slots),
            ServerEvent::Resume(request) => {
                let answer = self.kept.sessions.answer(self.now, &request);
                let back = server.answer_resume(request, answer);
                assert!(back.expect("an open question").is_none(), "an honest count");
            }
            ServerEvent::Resumed { jid, .. } => assert_eq!(self.assigned, Some(jid)),
            ServerEvent::Detached(detached) => {
                assert_eq!(self.assigned.as_ref(), Some(detached.jid()));
                let ended = self.kept.sessions.insert(self.now, detached);
                assert!(ended.is_empty(), "more than one session");
            }
            ServerEvent::Managed(_) | ServerEvent::Acknowledged(_) => {
                assert!(self.kept.managed);
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
        while self.poll_client() | self.poll_server() {}
        if self.kept.managed {
            let session = self.client.machine.take_resumption();
            let given_back = match session {
                Some(session) => session.into_unacknowledged(),
                None => self.client.machine.take_unacknowledged(),
            };
            self.client_is_over(given_back);
            self.server_is_over();
        }
        assert!(self.client.closed.is_some() && self.server.closed.is_some());
        assert!(self.client.machine.is_finished() && self.server.machine.is_finished());
    }

    /// What was said before the end is what was heard, until one end stopped listening.
    fn compare(&mut self) {
        assert!(self.assigned.is_some());
        let is_connected = self.client.machine.phase() == Phase::Bound;
        for (said, heard) in [
            (&self.client.said, &self.server.heard),
            (&self.server.said, &self.client.heard),
        ] {
            assert!(said.starts_with(heard), "{said:?} is not {heard:?}");
            let is_whole = self.disturbed || (self.tampered && !is_connected);
            assert!(is_whole || said.len() == heard.len());
        }
    }
}

impl Kept {
    fn new(settings: &[u8]) -> Self {
        let has = |setting| settings.contains(&setting);
        Self {
            asks_for_resource: has(b'r'),
            managed: has(b'm'),
            sasl2: has(b'n'),
            connections: 0,
            token: None,
            slots: TokenSlots::default(),
            by_token: false,
            sessions: DetachedSessions::new(DetachedLimits::default()),
        }
    }

    fn client(&mut self) -> Connection<Client> {
        self.connections = self.connections.wrapping_add(1);
        let account = match self.asks_for_resource {
            true => "juliet@example.org/balcony",
            false => accounts::ACCOUNT,
        };
        let jid = Jid::new(account).expect("an address");
        let mut config = ClientConfig::new(jid, accounts::PASSWORD)
            .expect("an account")
            .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
            .with_limits(driver::limits(false));
        if self.managed {
            config = config.with_stream_management(policy());
        }
        if self.sasl2 {
            config = config.with_user_agent(UserAgent::new(&mut Entropy::from_seed([5; 32])));
        }
        if let Some(token) = &self.token {
            config = config.with_token(token.clone());
        }
        Client::new(
            config,
            Entropy::from_seed([self.connections; 32]),
            Instant::ORIGIN,
        )
    }

    fn server(&self) -> Connection<Server> {
        let config = ServerConfig::new(DecoyKey::new([9; 32])).with_limits(driver::limits(false));
        let entropy = Entropy::from_seed([!self.connections; 32]);
        Server::new(config, entropy, Instant::ORIGIN)
    }
}

/// Asks soon, so that a short script sees it.
fn policy() -> StreamManagement {
    StreamManagement::new().with_ask_after(3, 400)
}

/// What becomes of the messages of a managed session: those that were heard are the first ones, those
/// that are given back the last ones, and there is none between.
fn check_fates(said: &[Message], heard: &[Message], given_back: Vec<Unacknowledged>) {
    assert!(said.starts_with(heard), "{said:?} is not {heard:?}");
    let mut last = said.iter().rev();
    for lost in given_back.iter().rev() {
        let Stanza::Message(lost) = &lost.stanza else {
            panic!("nobody said {lost:?}");
        };
        let mut lost = lost.clone();
        let said = last.next().expect("it was said");
        lost.set_from(said.from().cloned());
        assert_eq!(said, &lost);
    }
    assert!(
        heard.len() + given_back.len() >= said.len(),
        "a message is lost"
    );
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
