//! The server machine and a hostile client.
//!
//! The input is a script (see `xmppwire_fuzz::script`). Settings: `d` TLS from the first byte, `e` and the
//! client shows a certificate, `o` TLS is optional, `u` there is none, `f` the application has a feature of its own, `i` an idle time-out, `w`
//! nobody can log in because the password is not what the client thinks, `q` the application takes its
//! time with questions, `m` stream management is offered, `n` SASL2 with tokens, `t` with tasks, `k` a
//! session waits to be resumed. The client's building blocks, with what the rest of the line adds:
//!
//! ```text
//! h   a stream header: another domain         H   the same with from: another address
//! x   <starttls/>                             a   <auth/>: a mechanism from 0 to 8, a user name
//! r   the response to the last challenge      A   <abort/>
//! b   an IQ to bind: a resource               s   an IQ for a session
//! m   a message: its text                     i   an IQ get: its payload
//! z   the closing tag
//! U   <authenticate/>: a mechanism from 0 to 8, what it holds beside
//! u   the SASL2 response to the last challenge
//! E   <enable/>: its attributes               G   <a/>: its number of one byte
//! R   <r/>                                    V   <resume/>: its number of one byte
//! ```
//!
//! and what its application may do besides:
//!
//! ```text
//! q   from now on it takes its time, or no longer does
//! y   it answers the open question            n   it answers with no
//! v   it answers what does not fit            d   it drops the question
//! D   it takes the session away from the connection
//! ```
//!
//! What holds beside the contract: no login and no token without TLS, and a session is resumed once, by
//! its account.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xmppwire::negotiation::Phase;
use xmppwire::routing::{Directory, Resource, Route, Served, route};
use xmppwire::{
    ApiMisuse, BareJid, BindAnswer, BindRequest, CertificateIdentities, Connection, DecoyKey,
    Detached, Domainpart, Element, Entropy, FullJid, Host, HostAnswer, HostRequest, Instant,
    Mechanism, Message, Resourcepart, ResumeAnswer, ResumeRequest, Sasl2, SaslAnswer,
    SaslCondition, SaslFailure, SaslQuestion, SaslRequest, Server, ServerConfig, ServerEvent,
    Stanza, StanzaError, StanzaErrorCondition, StreamManagement, TaskQuestion, TaskVerdict,
    TlsInfo, TlsOffer, TokenAnswer, TokenLookup, TokenPolicy, TokenSlots, Unacknowledged, ns,
};
use xmppwire_fuzz::driver::{self, Driver, Player, Told};
use xmppwire_fuzz::{accounts, script};
use xmppwire_sasl::{ClientExchange, Offer, wire};
use xmppwire_xml::Event as Item;

fuzz_target!(|data: &[u8]| {
    let (settings, lines) = script::parse(data);
    let play = |piece| {
        let mut driver = Driver::new(Verona::new(settings));
        driver.play(lines.clone(), piece);
        (driver.told, driver.wire.into_sent())
    };
    let (told, sent) = play(None);
    let (told_bytewise, sent_bytewise) = play(Some(1));
    assert_eq!(told, told_bytewise);
    assert!(sent == sent_bytewise, "the output depends on the pieces");
});

/// A server with its application, and what its client remembers.
struct Verona {
    server: Connection<Server>,
    host: Host,
    tls_required: bool,
    secured: bool,
    /// The password of the account is the one that the client knows.
    open: bool,
    /// The client has shown a certificate.
    certificate: bool,
    /// The application takes its time.
    slow: bool,
    question: Option<Question>,
    account: Option<BareJid>,
    jid: Option<FullJid>,
    /// The client's part of the SASL exchange, and the last challenge.
    exchange: Option<ClientExchange>,
    challenge: Vec<u8>,
    slots: TokenSlots,
    /// The session that waits, and what is told of the one of this connection.
    waiting: Option<Detached>,
    detached: Option<Detached>,
    acknowledged: u64,
}

enum Question {
    Host(HostRequest),
    Sasl(SaslRequest),
    Bind(BindRequest),
    Token(TokenLookup),
    Task(TaskQuestion),
    Resume(ResumeRequest),
}

impl Verona {
    fn new(settings: &[u8]) -> Self {
        let has = |setting| settings.contains(&setting);
        let tls = match (has(b'u'), has(b'o')) {
            (true, _) => TlsOffer::Unavailable,
            (_, true) => TlsOffer::Optional,
            _ => TlsOffer::Required,
        };
        let mut host = Host::new(tls, accounts::MECHANISMS);
        if has(b'f') {
            host = host.with_feature(Element::builder("sm", "urn:xmpp:sm:3").build());
        }
        if has(b'm') {
            host = host.with_stream_management(StreamManagement::new().with_ask_after(3, 400));
        }
        if has(b'n') {
            let mut sasl2 = Sasl2::new().with_tokens(TokenPolicy::new(1000));
            if has(b't') {
                sasl2 = sasl2.with_tasks();
            }
            host = host.with_sasl2(sasl2);
        }
        let session = || Detached::from_bytes(SESSION).expect("a session");
        let decoy = DecoyKey::new([9; 32]).with_iterations(1);
        let config = ServerConfig::new(decoy)
            .with_default_domain(Domainpart::new(accounts::DOMAIN).expect("a domain"))
            .with_limits(driver::limits(has(b'i')));
        let (entropy, now) = (Entropy::from_seed([3; 32]), Instant::ORIGIN);
        let direct = has(b'd');
        let server = if direct {
            let mut tls = TlsInfo::new(accounts::bindings());
            if has(b'e') {
                let identities = CertificateIdentities::new();
                tls = tls.with_peer(identities.with_xmpp_addr(accounts::ACCOUNT));
            }
            Server::with_direct_tls(config, entropy, now, tls)
        } else {
            Server::new(config, entropy, now)
        };
        Self {
            server,
            host,
            tls_required: tls == TlsOffer::Required,
            secured: direct,
            certificate: direct && has(b'e'),
            open: !has(b'w'),
            slow: has(b'q'),
            question: None,
            account: None,
            jid: None,
            exchange: None,
            challenge: Vec::new(),
            slots: TokenSlots::default(),
            waiting: has(b'k').then(session),
            detached: None,
            acknowledged: 0,
        }
    }

    const fn password(&self) -> &'static str {
        if self.open {
            accounts::PASSWORD
        } else {
            accounts::OTHER_PASSWORD
        }
    }

    /// Answers as an application does, from what is asked for.
    fn answer(&mut self, question: Question) {
        let outcome = match question {
            Question::Host(request) => {
                let answer = match request.domain().as_str() {
                    accounts::DOMAIN => HostAnswer::Serve(self.host.clone()),
                    "gone.example" => HostAnswer::Gone,
                    "moved.example" => HostAnswer::SeeOtherHost("[2001:db8::1]:5222".into()),
                    _ => HostAnswer::Unknown,
                };
                self.server.choose_host(request, answer)
            }
            Question::Sasl(request) => {
                let answer = self.answer_login(&request);
                self.server.answer_sasl(request, answer)
            }
            Question::Bind(request) => {
                let requested = request.requested().map(Resourcepart::as_str);
                let answer = match requested {
                    Some("taken") => {
                        BindAnswer::Reject(StanzaError::new(StanzaErrorCondition::Conflict))
                    }
                    _ => BindAnswer::Bind(request.suggested().clone()),
                };
                self.server.answer_bind(request, answer)
            }
            Question::Token(lookup) => {
                let answer = TokenAnswer::Slots(self.slots.clone());
                self.server.answer_token(lookup, answer)
            }
            Question::Task(question) => {
                let verdict = match question.content().next() {
                    Some(_) => TaskVerdict::Done,
                    None => TaskVerdict::Continue(vec!["T".into()], None),
                };
                self.server.decide_task(question, verdict)
            }
            Question::Resume(request) => {
                let answer = match self.waiting.take() {
                    Some(detached) => ResumeAnswer::Resume(detached),
                    None => ResumeAnswer::Unknown { handled: Some(7) },
                };
                let back = self.server.answer_resume(request, answer);
                back.map(|back| self.waiting = back)
            }
        };
        assert_eq!(outcome, Ok(()), "the question was the open one");
    }

    fn answer_login(&self, request: &SaslRequest) -> SaslAnswer {
        let account = request.account();
        let known = account
            .as_ref()
            .is_some_and(|account| account.as_str() == accounts::ACCOUNT);
        let condition = match (request.question(), request.username()) {
            (SaslQuestion::ScramKeys { mechanism, .. }, _) if known => {
                let hash = mechanism.hash().expect("SCRAM has a hash");
                return SaslAnswer::ScramKeys(accounts::keys(hash, self.password(), false));
            }
            (SaslQuestion::Password { password, .. }, _) if known => {
                return match account {
                    Some(account) if password == self.password() => SaslAnswer::Accept(account),
                    _ => SaslAnswer::ScramKeys(accounts::keys(
                        xmppwire::ScramHash::Sha1,
                        self.password(),
                        false,
                    )),
                };
            }
            (SaslQuestion::External { account, .. }, _) if known && self.open => {
                let account = account.expect("a known account");
                return SaslAnswer::Accept(account.clone());
            }
            (_, "disabled") => SaslCondition::AccountDisabled,
            _ => SaslCondition::NotAuthorized,
        };
        SaslAnswer::Reject(SaslFailure::new(condition).with_text("no"))
    }

    fn refuse(&mut self, question: Question) {
        let outcome = match question {
            Question::Host(request) => self.server.choose_host(request, HostAnswer::Unknown),
            Question::Sasl(request) => self.server.answer_sasl(
                request,
                SaslAnswer::Reject(SaslFailure::new(SaslCondition::TemporaryAuthFailure)),
            ),
            Question::Bind(request) => self.server.answer_bind(
                request,
                BindAnswer::Reject(StanzaError::new(StanzaErrorCondition::ResourceConstraint)),
            ),
            Question::Token(lookup) => {
                let failure = SaslFailure::new(SaslCondition::TemporaryAuthFailure);
                let answer = TokenAnswer::Reject(failure);
                self.server.answer_token(lookup, answer)
            }
            Question::Task(question) => {
                let failure = SaslFailure::new(SaslCondition::NotAuthorized);
                self.server
                    .decide_task(question, TaskVerdict::Fail(failure))
            }
            Question::Resume(request) => {
                let answer = ResumeAnswer::Unknown { handled: None };
                self.server.answer_resume(request, answer).map(drop)
            }
        };
        assert_eq!(outcome, Ok(()), "the question was the open one");
    }

    /// Accepts a SCRAM user without any proof, which no application can.
    fn answer_wrongly(&mut self, question: Question) {
        let Question::Sasl(request) = question else {
            return self.refuse(question);
        };
        if !matches!(request.question(), SaslQuestion::ScramKeys { .. }) {
            return self.refuse(Question::Sasl(request));
        }
        let account = BareJid::new(accounts::ACCOUNT).expect("an address");
        let outcome = self
            .server
            .answer_sasl(request, SaslAnswer::Accept(account));
        // It makes no difference once the stream is closed.
        assert!(matches!(outcome, Ok(()) | Err(ApiMisuse::WrongAnswer)));
        self.open = false;
    }

    fn take(&mut self, question: Question) {
        if self.slow {
            self.question = Some(question);
        } else {
            self.answer(question);
        }
    }

    fn check_sender(&self, stanza: &Stanza) {
        let jid = self.jid.as_ref().expect("a stanza needs a resource");
        let from = stanza.from().expect("a stanza is stamped");
        let is_subscription = match stanza {
            Stanza::Presence(presence) => presence
                .presence_type()
                .is_some_and(|kind| kind.is_subscription()),
            _ => false,
        };
        if is_subscription {
            assert_eq!(from.as_str(), jid.to_bare().as_str());
        } else {
            assert_eq!(from.as_str(), jid.as_str());
        }
        assert_eq!(stanza.element().attr("from"), Some(from.as_str()));
    }
}

impl Player for Verona {
    type Machine = Server;
    const DROPS_WHITE_SPACE: bool = true;

    fn machine(&mut self) -> &mut Connection<Server> {
        &mut self.server
    }

    fn is_over(&self) -> bool {
        self.server.phase() == Phase::Closed
    }

    fn react(&mut self, event: ServerEvent) -> Told {
        match event {
            ServerEvent::Opened(request) => {
                assert_eq!(request.secured(), self.secured);
                assert!(self.account.is_none());
                let told = format!("opened {} by {:?}", request.domain(), request.from());
                self.take(Question::Host(request));
                Told::Step(told)
            }
            ServerEvent::StartTls(request) => {
                assert!(!self.secured);
                Told::StartTls(request)
            }
            ServerEvent::Sasl(request) => {
                assert!(self.secured || !self.tls_required, "SASL without TLS");
                assert!(self.secured || request.mechanism() != Mechanism::Plain);
                assert!(self.account.is_none());
                let told = format!("login {request:?}");
                self.take(Question::Sasl(request));
                Told::Step(told)
            }
            ServerEvent::Authenticated(account) => {
                assert!(self.open, "logged in with the wrong password");
                assert!(self.account.is_none());
                assert_eq!(account.as_str(), accounts::ACCOUNT);
                let told = format!("authenticated {account}");
                self.account = Some(account);
                Told::Step(told)
            }
            ServerEvent::Bind(request) => {
                assert_eq!(Some(request.account()), self.account.as_ref());
                assert!(self.jid.is_none());
                let told = format!("bind {:?}", request.requested());
                self.take(Question::Bind(request));
                Told::Step(told)
            }
            ServerEvent::Token(lookup) => {
                assert!(self.secured, "a token without TLS");
                assert!(self.account.is_none());
                let told = format!("token {lookup:?}");
                self.take(Question::Token(lookup));
                Told::Step(told)
            }
            ServerEvent::Tokens(update) => {
                assert!(self.secured, "a token without TLS");
                let told = format!("tokens of {}", update.account());
                update.apply(&mut self.slots);
                Told::Step(told)
            }
            ServerEvent::Task(question) => {
                let told = format!("task {question:?}");
                self.take(Question::Task(question));
                Told::Step(told)
            }
            ServerEvent::Resume(request) => {
                assert_eq!(Some(request.account()), self.account.as_ref());
                assert!(self.jid.is_none());
                let told = format!("resume {request:?}");
                self.take(Question::Resume(request));
                Told::Step(told)
            }
            ServerEvent::Resumed { jid, acknowledged } => {
                let account = self.account.as_ref().map(BareJid::as_str);
                assert_eq!(Some(jid.bare_str()), account);
                assert!(self.waiting.is_none(), "a session in two places");
                self.acknowledged = acknowledged;
                Told::Step(format!("resumed {jid} {acknowledged}"))
            }
            ServerEvent::Managed(_) | ServerEvent::Active(_) => {
                assert!(self.account.is_some());
                Told::Step(format!("{event:?}"))
            }
            ServerEvent::Acknowledged(number) => {
                assert!(number > self.acknowledged, "an acknowledgement goes back");
                self.acknowledged = number;
                Told::Step(format!("acknowledged {number}"))
            }
            ServerEvent::Detached(detached) => {
                assert!(self.account.is_some() && self.detached.is_none());
                let told = format!("{detached:?}");
                self.detached = Some(detached);
                Told::Step(told)
            }
            ServerEvent::Stanza(stanza) => {
                self.jid = self.server.jid().cloned();
                self.check_sender(&stanza);
                check_route(&stanza);
                check_error(&stanza);
                // What goes to another server comes back as it was (RFC 6120 §4.8.3).
                let elsewhere = stanza.to_element(ns::SERVER);
                assert_eq!(Stanza::try_from(elsewhere).as_ref(), Ok(&stanza));
                Told::Stanza(stanza)
            }
            ServerEvent::Refused(fault) => {
                assert!(self.account.is_some());
                Told::Refused(fault)
            }
            ServerEvent::Closed(reason) => Told::Closed(reason),
            other => panic!("an unknown event: {other:?}"),
        }
    }

    fn sent(&mut self, item: Item) {
        match item {
            Item::Header(header) => {
                // The lower version of both, or none for a client that said none (RFC 6120 §4.7.5).
                let lower = |version: &str| version == "1.0" || version.starts_with("0.");
                assert!(header.version.as_deref().is_none_or(lower));
                assert!(header.id.is_some() && header.from.is_some());
            }
            Item::Element(element) if element.is("features", ns::STREAMS) => {
                let has = |name, ns| element.child(name, ns).is_some();
                assert!(!has("starttls", ns::TLS) || !self.secured);
                assert!(!has("mechanisms", ns::SASL) || self.secured || !self.tls_required);
                assert!(!has("bind", ns::BIND) || self.account.is_some());
                assert!(!has("authentication", ns::SASL2) || self.secured);
            }
            Item::Element(element) if element.ns() == ns::SASL2 => {
                assert!(
                    self.secured || element.name() == "failure",
                    "SASL2 without TLS"
                );
                if element.name() == "challenge" {
                    self.challenge = wire::decode(&element.text()).expect("base64");
                }
            }
            Item::Element(element) if element.ns() == ns::SM => {
                assert!(self.account.is_some(), "management with a stranger");
            }
            Item::Element(element) if element.ns() == ns::SASL => {
                let is_safe = self.secured || !self.tls_required;
                assert!(is_safe || element.name() == "failure", "SASL without TLS");
                if element.name() == "challenge" {
                    let text = element.text();
                    self.challenge = if text.is_empty() {
                        Vec::new()
                    } else {
                        wire::decode(&text).expect("base64")
                    };
                }
            }
            Item::Element(element) if element.ns() == ns::CLIENT => {
                assert!(self.account.is_some(), "a stanza to a stranger");
            }
            _ => {}
        }
    }

    fn secured(&mut self) {
        self.secured = true;
    }

    fn block(&mut self, op: u8, rest: &[u8], out: &mut Vec<u8>) -> bool {
        let text = || String::from_utf8_lossy(rest);
        let or = |other: &'static str| match rest {
            [] => other.into(),
            _ => text(),
        };
        let block = match op {
            b'h' => header(&or(accounts::DOMAIN), ""),
            b'H' => {
                let from = format!(" from='{}'", or(accounts::ACCOUNT));
                header(accounts::DOMAIN, &from)
            }
            b'x' => format!("<starttls xmlns='{}'/>", ns::TLS),
            b'a' => self.authenticate(rest),
            b'r' => self.respond(),
            b'A' => format!("<abort xmlns='{}'/>", ns::SASL),
            b'b' => format!(
                "<iq type='set' id='b'><bind xmlns='{}'>{}</bind></iq>",
                ns::BIND,
                match rest {
                    [] => String::new(),
                    _ => format!("<resource>{}</resource>", text()),
                }
            ),
            b's' => format!(
                "<iq type='set' id='s'><session xmlns='{}'/></iq>",
                ns::SESSION
            ),
            b'm' => format!(
                "<message to='romeo@example.net' id='m'><body>{}</body></message>",
                text()
            ),
            b'i' => format!("<iq type='get' id='i'>{}</iq>", text()),
            b'z' => "</stream:stream>".into(),
            b'U' => self.authenticate2(rest),
            b'u' => format!(
                "<response xmlns='{}'>{}</response>",
                ns::SASL2,
                self.response()
            ),
            b'E' => format!("<enable xmlns='{}' {}/>", ns::SM, text()),
            b'G' => format!("<a xmlns='{}' h='{}'/>", ns::SM, script::number(rest)),
            b'R' => format!("<r xmlns='{}'/>", ns::SM),
            b'V' => {
                let number = script::number(rest);
                format!("<resume xmlns='{}' previd='x' h='{number}'/>", ns::SM)
            }
            b'D' => {
                if let Some(detached) = self.server.detach() {
                    assert!(self.detached.is_none(), "a session in two places");
                    self.detached = Some(detached);
                }
                return true;
            }
            b'q' => {
                self.slow = !self.slow;
                return true;
            }
            b'y' | b'n' | b'v' | b'd' => {
                if let Some(question) = self.question.take() {
                    match op {
                        b'y' => self.answer(question),
                        b'n' => self.refuse(question),
                        b'v' => self.answer_wrongly(question),
                        _ => drop(question),
                    }
                }
                return true;
            }
            _ => return false,
        };
        out.extend_from_slice(block.as_bytes());
        true
    }

    fn last_id(&self) -> &str {
        "b"
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    fn given_back(&mut self) -> Vec<Unacknowledged> {
        match self.detached.take() {
            Some(detached) => detached.into_unacknowledged(),
            None => self.server.take_unacknowledged(),
        }
    }
}

impl Verona {
    /// Begins an exchange as somebody who knows the password.
    fn authenticate(&mut self, rest: &[u8]) -> String {
        let (number, user) = rest.split_at(rest.len().min(1));
        let (mechanism, initial) = self.begin(number, user);
        format!(
            "<auth xmlns='{}' mechanism='{mechanism}'>{initial}</auth>",
            ns::SASL
        )
    }

    /// The same in SASL2, with this beside the message of the mechanism.
    fn authenticate2(&mut self, rest: &[u8]) -> String {
        let (number, content) = rest.split_at(rest.len().min(1));
        let (mechanism, initial) = self.begin(number, b"");
        let content = String::from_utf8_lossy(content);
        format!(
            "<authenticate xmlns='{}' mechanism='{mechanism}'><initial-response>{initial}\
             </initial-response><user-agent id='9d6f2c1e-0b2a-4c5e-8f0a-3a1b2c3d4e5f'/>{content}\
             </authenticate>",
            ns::SASL2
        )
    }

    /// The mechanism of this number, and its first message in base64.
    fn begin(&mut self, number: &[u8], user: &[u8]) -> (Mechanism, String) {
        let mechanism = accounts::MECHANISMS
            .get(script::number(number))
            .copied()
            .unwrap_or(Mechanism::Plain);
        let user = match user {
            [] => accounts::USER.into(),
            user => String::from_utf8_lossy(user),
        };
        let bindings = if self.secured {
            accounts::bindings()
        } else {
            xmppwire::ChannelBindings::none()
        };
        let credentials = accounts::credentials(mechanism, &user);
        let exchange =
            ClientExchange::new(mechanism, &credentials, &bindings, &self.offer(), [7; 24]);
        let initial = match &exchange {
            Ok(exchange) => wire::encode(&exchange.initial_response()),
            Err(_) => String::new(),
        };
        self.exchange = exchange
            .ok()
            .map(|exchange| exchange.with_iterations(1..=4096));
        (mechanism, initial)
    }

    /// What the server offers at the moment, which the protection of SCRAM compares.
    fn offer(&self) -> Offer {
        let names = accounts::MECHANISMS.into_iter().filter(|mechanism| {
            let external = *mechanism == Mechanism::External;
            let bound = mechanism.is_plus() || *mechanism == Mechanism::Plain;
            (!external || self.certificate) && (!bound || self.secured)
        });
        let offer = Offer::new(names.map(Mechanism::name));
        match self.secured {
            true => offer.with_channel_bindings(["tls-exporter"]),
            false => offer,
        }
    }

    fn respond(&mut self) -> String {
        format!(
            "<response xmlns='{}'>{}</response>",
            ns::SASL,
            self.response()
        )
    }

    fn response(&mut self) -> String {
        let response = match &mut self.exchange {
            Some(exchange) if self.challenge.is_empty() => Ok(exchange.initial_response()),
            Some(exchange) => exchange.respond(&self.challenge),
            None => Ok(Vec::new()),
        };
        response.map(|data| wire::encode(&data)).unwrap_or_default()
    }
}

/// A session that has sent five stanzas, of which the last one is not acknowledged.
const SESSION: &[u8] = b"XWSM\x01\x02\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x04\
    \x00\x00\x00\x00\x00\x00\x00\x01x\x00\x00\x00\x1ajuliet@example.org/balcony\
    \x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\n<message/>";

/// The domain with its one account, who has one resource.
struct Domain;

impl Directory for Domain {
    fn served(&self, domain: &str) -> Served {
        match domain {
            accounts::DOMAIN => Served::Here,
            _ => Served::Elsewhere,
        }
    }

    fn resources(&self, account: &BareJid) -> Option<Vec<Resource>> {
        let balcony = FullJid::new("juliet@example.org/balcony").ok()?;
        (account.as_str() == accounts::ACCOUNT).then(|| vec![Resource::available(balcony, 0)])
    }
}

/// The namespaces of conditions, stanzas and streams, and none at all.
const NOT_OF_APPLICATIONS: [&str; 6] = [
    ns::STANZA_ERRORS,
    ns::CLIENT,
    ns::SERVER,
    ns::COMPONENT,
    ns::STREAMS,
    "",
];

/// An error that was read can be written, and read again. What is in the conditions' namespace and is
/// none stays behind, and so does a condition of an application that has no namespace of its own.
fn check_error(stanza: &Stanza) {
    let Some(error) = stanza.error() else { return };
    let account = BareJid::new(accounts::ACCOUNT).expect("an address");
    let request = Message::chat(account, "");
    let reply = request.error_reply(&error).expect("a request");
    let again = reply.error().expect("an error");
    let application = error
        .application_condition()
        .filter(|application| !NOT_OF_APPLICATIONS.contains(&application.ns()));
    assert_eq!(again.application_condition(), application);
    let summary = |error: &StanzaError| {
        let text = error.text().cloned();
        (
            error.condition(),
            error.error_type(),
            error.data().map(str::to_owned),
            text,
        )
    };
    assert_eq!(summary(&again), summary(&error));
    assert_eq!(again.by(), error.by());
}

/// Nothing is answered that must not be (RFC 6120 §8.3.1), and what is delivered has an address.
fn check_route(stanza: &Stanza) {
    let sender = BareJid::new(accounts::ACCOUNT).expect("an address");
    match route(stanza, &sender, &Domain) {
        Route::Refuse(condition) => {
            let reply = stanza.error_reply(&StanzaError::new(condition));
            let reply = reply.expect("only what can be answered is refused");
            assert_eq!(
                reply.error().map(|error| error.condition()),
                Some(condition)
            );
            assert_eq!((reply.to(), reply.from()), (stanza.from(), stanza.to()));
        }
        Route::Deliver(to) => assert!(!to.is_empty()),
        _ => {}
    }
}

fn header(to: &str, from: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' to='{to}'{from} version='1.0'>"
    )
}
