//! The machines that scripts are played for, with applications that answer from a fixed table.

use std::collections::BTreeMap;

use xmppwire::{
    BareJid, BindAnswer, ChannelBindings, Client, ClientConfig, ClientEvent, CloseReason,
    Connection, DecoyKey, Detached, DetachedSessions, Domainpart, Element, Endpoint, Entropy,
    FullJid, Host, HostAnswer, Instant, IssuedToken, Jid, Managed, Mechanism, MechanismPolicy,
    Resumption, Role, SaslAnswer, SaslCondition, SaslFailure, SaslQuestion, SaslRequest, Server,
    ServerConfig, ServerEvent, Stanza, StanzaError, StanzaErrorCondition, StartTls, TaskAnswer,
    TaskStep, TaskVerdict, Text, TlsInfo, TlsOffer, TlsPolicy, Token, TokenAnswer, TokenEnd,
    TokenSlots, Unacknowledged, UserAgent,
};

/// A machine under test with its application.
pub trait Machine {
    const IS_CLIENT: bool;

    fn connection(&mut self) -> &mut dyn Drive;

    /// The default language of the peer's stanzas, if the machine has a method for it.
    fn stream_lang(&self) -> Option<&str>;

    /// Lets the application do what only this machine's can; false where it is something else.
    fn act(&mut self, _verb: &str, _rest: &str) -> bool {
        false
    }

    /// Adds values that follow from those that were captured.
    fn derive(&self, _values: &mut BTreeMap<String, String>) {}

    /// Takes the next event, lets the application answer it, and describes it.
    fn poll(&mut self, heard: &mut Heard) -> Option<String>;
}

/// What the application keeps of the events.
#[derive(Default)]
pub struct Heard {
    pub start_tls: Option<StartTls>,
    pub stanza: Option<Stanza>,
    /// Questions that the application does not answer.
    pub kept: Vec<Box<dyn std::any::Any>>,
}

impl Heard {
    pub(crate) fn stanza(&mut self, stanza: Stanza) -> String {
        let text = format!("stanza {}", stanza.element().to_xml());
        self.stanza = Some(stanza);
        text
    }
}

/// [`Connection`] without its role, so that the player handles both roles as one type.
pub trait Drive {
    fn receive(&mut self, now: Instant, input: &[u8]) -> usize;
    fn receive_eof(&mut self, now: Instant);
    fn wants_read(&self) -> bool;
    fn take_output(&mut self) -> Vec<u8>;
    fn poll_timeout(&self) -> Option<Instant>;
    fn handle_timeout(&mut self, now: Instant);
    fn begin_tls(
        &mut self,
        request: StartTls,
        unread: &[u8],
    ) -> Result<xmppwire::TlsHandoff, xmppwire::HandoffError>;
    fn tls_established(
        &mut self,
        now: Instant,
        handoff: xmppwire::TlsHandoff,
        tls: TlsInfo,
    ) -> Result<(), xmppwire::ApiMisuse>;
    fn send(&mut self, stanza: &xmppwire::Stanza) -> Result<(), xmppwire::ApiMisuse>;
    fn close(&mut self, now: Instant, error: Option<xmppwire::StreamError>);
    fn is_finished(&self) -> bool;
}

impl<R: Role> Drive for Connection<R> {
    fn receive(&mut self, now: Instant, input: &[u8]) -> usize {
        Connection::receive(self, now, input)
    }
    fn receive_eof(&mut self, now: Instant) {
        Connection::receive_eof(self, now);
    }
    fn wants_read(&self) -> bool {
        Connection::wants_read(self)
    }
    fn take_output(&mut self) -> Vec<u8> {
        Connection::take_output(self)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        Connection::poll_timeout(self)
    }
    fn handle_timeout(&mut self, now: Instant) {
        Connection::handle_timeout(self, now);
    }
    fn begin_tls(
        &mut self,
        request: StartTls,
        unread: &[u8],
    ) -> Result<xmppwire::TlsHandoff, xmppwire::HandoffError> {
        Connection::begin_tls(self, request, unread)
    }
    fn tls_established(
        &mut self,
        now: Instant,
        handoff: xmppwire::TlsHandoff,
        tls: TlsInfo,
    ) -> Result<(), xmppwire::ApiMisuse> {
        Connection::tls_established(self, now, handoff, tls)
    }
    fn send(&mut self, stanza: &xmppwire::Stanza) -> Result<(), xmppwire::ApiMisuse> {
        Endpoint::send(self, stanza)
    }
    fn close(&mut self, now: Instant, error: Option<xmppwire::StreamError>) {
        Endpoint::close(self, now, error);
    }
    fn is_finished(&self) -> bool {
        Connection::is_finished(self)
    }
}

/// The language of a text, in the notation of a script.
fn language(text: Option<&Text>) -> String {
    let lang = text.and_then(|text| text.lang.as_deref());
    lang.map_or_else(String::new, |lang| format!(" lang={lang}"))
}

/// The end of a connection, in the notation of a script.
pub(crate) fn closed(reason: &CloseReason) -> String {
    match reason {
        CloseReason::PeerError(error) => {
            let mut text = format!("closed PeerError {error}{}", language(error.text()));
            if let Some(data) = error.data() {
                text += &format!(" data={data}");
            }
            if let Some(application) = error.application_condition() {
                text += &format!(" app={}", application.name());
            }
            text
        }
        CloseReason::Violation { sent, why } => match sent {
            Some(sent) => format!("closed Violation {}: {why}", sent.condition()),
            None => format!("closed Violation unsent: {why}"),
        },
        CloseReason::Incompatible(why) => format!("closed Incompatible: {why}"),
        CloseReason::AuthFailed(failure) => {
            format!("closed AuthFailed {failure}{}", language(failure.text()))
        }
        CloseReason::BindFailed(error) => {
            format!("closed BindFailed {error}{}", language(error.text()))
        }
        other => format!("closed {other:?}"),
    }
}

// --- The client ---------------------------------------------------------------------------------------

/// A client whose application sends nothing by itself.
pub struct Juliet(pub Connection<Client>);

/// The account `juliet@example.org`. The client accepts PLAIN, so that scripts are readable.
pub fn client_config() -> ClientConfig {
    ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t")
        .unwrap()
        .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
}

pub fn juliet(config: ClientConfig, direct_tls: bool) -> Juliet {
    let entropy = Entropy::from_seed([1; 32]);
    Juliet(match direct_tls {
        true => Client::with_direct_tls(config, entropy, Instant::ORIGIN, tls()),
        false => Client::new(config, entropy, Instant::ORIGIN),
    })
}

/// What TLS tells both machines.
pub fn tls() -> TlsInfo {
    TlsInfo::new(ChannelBindings::tls13([0x42; 32]))
}

impl Machine for Juliet {
    const IS_CLIENT: bool = true;

    fn connection(&mut self) -> &mut dyn Drive {
        &mut self.0
    }

    fn stream_lang(&self) -> Option<&str> {
        self.0.stream_lang()
    }

    fn act(&mut self, verb: &str, rest: &str) -> bool {
        match verb {
            "active" => self.0.set_active(true),
            "inactive" => self.0.set_active(false),
            // The session can be resumed, and holds these stanzas.
            "resumption" => {
                let resumption = self.0.take_resumption().expect("a session");
                let bytes = resumption.to_bytes();
                let stored = Resumption::from_bytes(&bytes).expect("it was written");
                assert_eq!(stored.to_bytes(), bytes);
                assert_eq!(ids(&stored.into_unacknowledged()), rest);
                assert!(self.0.take_resumption().is_none(), "once");
            }
            // It cannot, and these stanzas come back.
            "given-back" => {
                assert!(self.0.take_resumption().is_none());
                assert_eq!(ids(&self.0.take_unacknowledged()), rest);
                assert!(self.0.take_unacknowledged().is_empty(), "once");
            }
            _ => return false,
        }
        true
    }

    fn poll(&mut self, heard: &mut Heard) -> Option<String> {
        Some(match self.0.poll_event()? {
            ClientEvent::StartTls(request) => {
                heard.start_tls = Some(request);
                "start TLS".into()
            }
            ClientEvent::Bound(jid) if self.0.has_carbons() => format!("bound {jid} with carbons"),
            ClientEvent::Bound(jid) => format!("bound {jid}"),
            ClientEvent::Token(token) => {
                let expires = token.expires().map_or("never".into(), |at| at.to_string());
                let (mechanism, count) = (token.mechanism(), token.count());
                format!("token {mechanism} tried {count} times expires {expires}")
            }
            ClientEvent::TokenGone(TokenEnd::Invalidated) => "token invalidated".into(),
            ClientEvent::TokenGone(TokenEnd::Refused(why)) => format!("token refused: {why}"),
            ClientEvent::Task(request) => {
                let offered = request.offered().join(" ");
                let answer = match offered.as_str() {
                    "" => TaskAnswer::Data(vec![example("code", CODE)]),
                    tasks if tasks.contains("TOTP") => {
                        TaskAnswer::Choose("TOTP".into(), Vec::new())
                    }
                    _ => TaskAnswer::Abort,
                };
                self.0
                    .answer_task(request, answer)
                    .expect("the question is open");
                format!("task {offered}").trim_end().into()
            }
            ClientEvent::Stanza(stanza) => heard.stanza(stanza),
            ClientEvent::Refused(fault) => format!("refused: {}", fault.kind()),
            ClientEvent::Managed(managed) => managed_as(&managed),
            ClientEvent::Unmanaged(condition) => format!("unmanaged {condition}"),
            ClientEvent::Acknowledged(upto) => format!("acknowledged {upto}"),
            ClientEvent::Resumed { jid, acknowledged } => format!("resumed {jid} {acknowledged}"),
            ClientEvent::NotResumed {
                acknowledged,
                unacknowledged,
            } => format!("not resumed {acknowledged}: {}", ids(&unacknowledged)),
            ClientEvent::Closed(reason) => closed(&reason),
            other => format!("{other:?}"),
        })
    }
}

/// The installation of Juliet's client.
pub fn user_agent() -> UserAgent {
    UserAgent::from_id("9d6f2c1e-0b2a-4c5e-8f0a-3a1b2c3d4e5f")
        .expect("a UUID")
        .with_software("Balcony")
        .with_device("Tablet")
}

/// The token of Juliet's client.
pub const TOKEN: &str = "secret-token:fast-0123456789abcdef";

/// The time at which scripts are played, in seconds since 1970: 2026-11-30.
pub const NOW: u64 = 1_796_000_000;

/// Juliet's token as her client stores it.
pub fn token(account: &str, mechanism: &str, count: u32) -> Token {
    let texts = [account, user_agent().id(), mechanism, TOKEN].map(str::to_owned);
    let bytes = saved(b"XWTK", count, NOW + 60, &texts);
    Token::from_bytes(&bytes).expect("a saved token")
}

/// Juliet's token as the server stores it, which lives for that many seconds.
pub fn issued(mechanism: &str, count: u32, lifetime: u64) -> IssuedToken {
    let texts = [mechanism, TOKEN].map(str::to_owned);
    let bytes = saved(b"XWTI", count, NOW + lifetime, &texts);
    IssuedToken::from_bytes(&bytes).expect("a saved token")
}

fn saved(magic: &[u8], count: u32, expires: u64, texts: &[String]) -> Vec<u8> {
    let mut out = [magic, &[1], &count.to_be_bytes(), &expires.to_be_bytes()].concat();
    for text in texts {
        let len = u32::try_from(text.len()).expect("a short text");
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out
}

/// The code of Juliet's second factor.
const CODE: &str = "123456";

/// A client that is bound over a trusted transport, for tests of stanzas.
pub fn bound_client() -> Connection<Client> {
    let config = client_config().with_tls(TlsPolicy::Forbidden);
    let mut client = Client::with_direct_tls(
        config,
        Entropy::from_seed([2; 32]),
        Instant::ORIGIN,
        TlsInfo::default(),
    );
    const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
        xmlns:stream='http://etherx.jabber.org/streams' id='1' from='example.org'>";
    let mut tell = |text: &str| {
        let text = text.replace("HEADER", HEADER);
        assert_eq!(client.receive(Instant::ORIGIN, text.as_bytes()), text.len());
        String::from_utf8(client.take_output()).unwrap()
    };
    tell(
        "HEADER<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
        <mechanism>PLAIN</mechanism></mechanisms></stream:features>",
    );
    tell("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    let request = tell(
        "HEADER<stream:features>\
        <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
    );
    let id = request
        .split("id='")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .unwrap();
    tell(&format!(
        "<iq type='result' id='{id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
        <jid>juliet@example.org/balcony</jid></bind></iq>"
    ));
    assert!(matches!(client.poll_event(), Some(ClientEvent::Bound(_))));
    client
}

// --- The server ---------------------------------------------------------------------------------------

/// What both sides agreed on, in the notation of a script.
fn managed_as(managed: &Managed) -> String {
    let mut text = match managed.is_resumable() {
        true => "managed, resumable".to_owned(),
        false => "managed".to_owned(),
    };
    if let Some(max) = managed.max() {
        text += &format!(" max={}", max.as_secs());
    }
    if let Some(location) = managed.location() {
        text += &format!(" location={location}");
    }
    text
}

/// The ids of stanzas, with commas between them.
fn ids(stanzas: &[Unacknowledged]) -> String {
    let ids = stanzas.iter().map(|one| one.stanza.id().unwrap_or("-"));
    ids.collect::<Vec<_>>().join(",")
}

/// A server for `example.org` with one account, `juliet`, whose password is `s3cr3t`.
pub struct Verona {
    /// The tokens of Juliet's client.
    pub slots: TokenSlots,
    server: Connection<Server>,
    host: Host,
    sessions: DetachedSessions,
}

pub fn host(mechanisms: impl IntoIterator<Item = Mechanism>) -> Host {
    Host::new(TlsOffer::Required, mechanisms)
}

pub fn server_config() -> ServerConfig {
    nameless_config().with_default_domain(Domainpart::new("verona.example").unwrap())
}

/// The server without a domain that it calls itself where it does not serve the one that was asked
/// for.
pub fn nameless_config() -> ServerConfig {
    ServerConfig::new(DecoyKey::new([9; 32]))
}

pub fn verona(config: ServerConfig, host: Host, direct_tls: bool) -> Verona {
    verona_with(Entropy::from_seed([3; 32]), config, host, direct_tls)
}

pub fn verona_with(entropy: Entropy, config: ServerConfig, host: Host, direct_tls: bool) -> Verona {
    let server = match direct_tls {
        true => Server::with_direct_tls(config, entropy, Instant::ORIGIN, tls()),
        false => Server::new(config, entropy, Instant::ORIGIN),
    };
    Verona {
        server,
        host,
        slots: TokenSlots::default(),
        sessions: DetachedSessions::default(),
    }
}

impl Verona {
    /// Says that the server's driver cannot start TLS.
    pub fn refuse_tls(&mut self) {
        self.server.set_tls_available(false);
    }

    /// Keeps a session that waits for its client.
    pub(crate) fn keep(&mut self, session: Detached) {
        assert!(self.sessions.insert(Instant::ORIGIN, session).is_empty());
    }
}

fn example(name: &str, text: &str) -> Element {
    Element::builder(name, "urn:example").text(text).build()
}

fn refuse(condition: StanzaErrorCondition) -> BindAnswer {
    BindAnswer::Reject(StanzaError::new(condition))
}

fn reject(condition: SaslCondition) -> SaslAnswer {
    SaslAnswer::Reject(SaslFailure::new(condition))
}

impl Machine for Verona {
    const IS_CLIENT: bool = false;

    fn connection(&mut self) -> &mut dyn Drive {
        &mut self.server
    }

    /// A server writes it into the stanzas.
    fn stream_lang(&self) -> Option<&str> {
        None
    }

    fn act(&mut self, verb: &str, rest: &str) -> bool {
        match verb {
            // The session waits, and holds these stanzas.
            "waiting" => {
                let jid = FullJid::new("juliet@example.org/balcony").unwrap();
                let session = self.sessions.remove(&jid).expect("a session");
                assert_eq!(ids(&session.into_unacknowledged()), rest);
            }
            "given-back" => {
                assert!(self.sessions.is_empty());
                assert_eq!(ids(&self.server.take_unacknowledged()), rest);
            }
            // The time of the session is over.
            "forget" => {
                let jid = FullJid::new("juliet@example.org/balcony").unwrap();
                assert!(self.sessions.remove(&jid).is_some());
            }
            _ => return false,
        }
        true
    }

    fn poll(&mut self, heard: &mut Heard) -> Option<String> {
        let event = self.server.poll_event()?;
        let server = &mut self.server;
        Some(match event {
            ServerEvent::Opened(request) => {
                let text = format!("opened {}", request.domain());
                if request.domain().as_str() == "slow.example" {
                    heard.kept.push(Box::new(request));
                    return Some(text);
                }
                let answer = match request.domain().as_str() {
                    "example.org" => HostAnswer::Serve(self.host.clone()),
                    "gone.example" => HostAnswer::Gone,
                    "moved.example" => HostAnswer::SeeOtherHost("[2001:db8::1]:5222".into()),
                    "moved-in-clear.example" => {
                        HostAnswer::SeeOtherHostInClear("[2001:db8::1]:5222".into())
                    }
                    _ => HostAnswer::Unknown,
                };
                server
                    .choose_host(request, answer)
                    .expect("the question is open");
                text
            }
            ServerEvent::StartTls(request) => {
                heard.start_tls = Some(request);
                "start TLS".into()
            }
            ServerEvent::Sasl(request) => {
                let (text, answer) = answer_sasl(&request);
                server
                    .answer_sasl(request, answer)
                    .expect("the question is open");
                text
            }
            ServerEvent::Authenticated(account) => format!("authenticated {account}"),
            ServerEvent::Bind(request) => {
                let requested = request
                    .requested()
                    .map(|resource| resource.as_str().to_owned());
                let answer = match requested.as_deref() {
                    Some("taken") => refuse(StanzaErrorCondition::Conflict),
                    Some("thirteenth") => refuse(StanzaErrorCondition::ResourceConstraint),
                    Some("forbidden") => refuse(StanzaErrorCondition::NotAllowed),
                    _ => BindAnswer::Bind(request.suggested().clone()),
                };
                let mut text = format!("bind {}", requested.as_deref().unwrap_or("anything"));
                let answer = match (answer, request.tag()) {
                    (_, Some("forbidden")) => refuse(StanzaErrorCondition::NotAllowed),
                    (BindAnswer::Bind(resource), _) if !request.requests().is_empty() => {
                        let answers = vec![example("answer", "")];
                        BindAnswer::BindWith(resource, answers)
                    }
                    (answer, _) => answer,
                };
                if let Some(unfit) = request.unfit() {
                    text += &format!(" instead of {unfit:?}");
                }
                if let Some(tag) = request.tag() {
                    text += &format!(" for {tag}");
                }
                if let Some(agent) = request.user_agent() {
                    let described =
                        [agent.software(), agent.device()].map(Option::unwrap_or_default);
                    text += &format!(" of {} {}", agent.id(), described.join(" "));
                }
                if request.wants_carbons() {
                    text += " with carbons";
                }
                server
                    .answer_bind(request, answer)
                    .expect("the question is open");
                text
            }
            ServerEvent::Token(lookup) => {
                let text = format!("token of {} by {}", lookup.account(), lookup.mechanism());
                let answer = match lookup.account().localpart() {
                    Some("disabled") => {
                        let failure = SaslFailure::new(SaslCondition::AccountDisabled);
                        TokenAnswer::Reject(failure)
                    }
                    Some("juliet") if lookup.user_agent().id() == user_agent().id() => {
                        TokenAnswer::Slots(self.slots.clone())
                    }
                    _ => TokenAnswer::Slots(TokenSlots::default()),
                };
                server
                    .answer_token(lookup, answer)
                    .expect("the question is open");
                text
            }
            ServerEvent::Tokens(update) => {
                update.apply(&mut self.slots);
                let count = |slot: &Option<IssuedToken>| usize::from(slot.is_some());
                let (current, new) = (count(&self.slots.current), count(&self.slots.new));
                format!("tokens: {current} used, {new} new")
            }
            ServerEvent::Task(question) => {
                let code = question.content().any(|part| part.text() == CODE);
                let (text, verdict) = match question.step() {
                    TaskStep::Proven => {
                        let tasks = vec!["TOTP".to_owned(), "HOTP".to_owned()];
                        let text = Some(Text::en("a second factor"));
                        ("proven".into(), TaskVerdict::Continue(tasks, text))
                    }
                    TaskStep::Chosen(task) => {
                        let prompt = vec![example("prompt", "")];
                        (format!("chosen {task}"), TaskVerdict::Data(prompt))
                    }
                    _ if code => ("the right code".into(), TaskVerdict::Done),
                    _ => {
                        let failure = SaslFailure::new(SaslCondition::NotAuthorized);
                        ("a wrong code".into(), TaskVerdict::Fail(failure))
                    }
                };
                server
                    .decide_task(question, verdict)
                    .expect("the question is open");
                format!("task: {text}")
            }
            ServerEvent::Stanza(stanza) => heard.stanza(stanza),
            ServerEvent::Active(active) => format!("active {active}"),
            ServerEvent::Refused(fault) => format!("refused: {}", fault.kind()),
            ServerEvent::Managed(managed) => managed_as(&managed),
            ServerEvent::Acknowledged(upto) => format!("acknowledged {upto}"),
            ServerEvent::Resume(request) => {
                let text = format!("resume {} {}", request.id(), request.handled());
                let answer = self.sessions.answer(Instant::ORIGIN, &request);
                let back = server
                    .answer_resume(request, answer)
                    .expect("the question is open");
                if let Some(session) = back {
                    self.keep(session);
                }
                text
            }
            ServerEvent::Resumed { jid, acknowledged } => format!("resumed {jid} {acknowledged}"),
            ServerEvent::Detached(session) => {
                let text = format!("detached {} handled {}", session.jid(), session.handled());
                self.keep(session);
                text
            }
            ServerEvent::Closed(reason) => closed(&reason),
            other => format!("{other:?}"),
        })
    }
}

/// The application's answer to a login: juliet may log in, by password or certificate, and so may
/// anonymous clients; each other name gives a refusal of its own.
fn answer_sasl(request: &SaslRequest) -> (String, SaslAnswer) {
    let mechanism = request.mechanism();
    let refusal = |name: &str| match name {
        "disabled" => reject(SaslCondition::AccountDisabled),
        "expired" => reject(SaslCondition::CredentialsExpired),
        "weak" => reject(SaslCondition::MechanismTooWeak),
        "unlucky" => reject(SaslCondition::TemporaryAuthFailure),
        _ => reject(SaslCondition::NotAuthorized),
    };
    match request.question() {
        SaslQuestion::ScramKeys { username, .. } | SaslQuestion::Password { username, .. }
            if username != "juliet" =>
        {
            (format!("sasl {mechanism} {username}"), refusal(username))
        }
        SaslQuestion::ScramKeys { .. } => {
            let keys = xmppwire_test_support::keys(mechanism);
            (
                format!("sasl {mechanism} juliet"),
                SaslAnswer::ScramKeys(keys),
            )
        }
        SaslQuestion::Password { password, .. } => {
            let account = request.account().expect("juliet is a localpart");
            let answer = match password {
                "s3cr3t" => SaslAnswer::Accept(account),
                _ => reject(SaslCondition::NotAuthorized),
            };
            (format!("sasl {mechanism} juliet"), answer)
        }
        SaslQuestion::External { account, peer, .. } => {
            let addresses = peer.xmpp_addrs().join(",");
            let name = account.map_or("nobody", |account| account.as_str());
            let answer = match account {
                Some(account) if account.localpart() == Some("juliet") => {
                    SaslAnswer::Accept(account.clone())
                }
                // The application knows this certificate of hers.
                None if addresses == "juliet@verona.example" => {
                    SaslAnswer::Accept(BareJid::new("juliet@example.org").expect("an address"))
                }
                _ => refusal(name.split('@').next().unwrap_or_default()),
            };
            (format!("sasl {mechanism} {name} of {addresses}"), answer)
        }
        SaslQuestion::Anonymous { account, trace } => {
            let trace = trace.unwrap_or("without a trace");
            let text = format!("sasl {mechanism} {trace}");
            (text, SaslAnswer::Accept(account.clone()))
        }
        _ => panic!("a question that no script has"),
    }
}
