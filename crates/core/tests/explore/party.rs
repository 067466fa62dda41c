//! One interface for all roles here, with one type for their events and one for their questions.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use xmppwire::component::{
    AttachAnswer, AttachRequest, Component, ComponentEvent, DomainAnswer, DomainRequest, HostEvent,
    Secret, Terms,
};
use xmppwire::negotiation;
use xmppwire::{
    ApiMisuse, BindAnswer, BindRequest, ChannelBindings, Client, ClientEvent, CloseReason,
    Credentials, DerivationRequest, Detached, Endpoint, Host, HostAnswer, HostRequest, IssuedToken,
    Jid, Mechanism, Resourcepart, ResumeAnswer, ResumeRequest, Role, SaltedPassword, Sasl2,
    SaslAnswer, SaslCondition, SaslFailure, SaslQuestion, SaslRequest, ScramKeys, Server,
    ServerEvent, Stanza, StanzaError, StanzaErrorCondition, StartTls, StreamManagement, TaskAnswer,
    TaskQuestion, TaskRequest, TaskVerdict, TlsOffer, TokenAnswer, TokenLookup, TokenPolicy,
    TokenSlots,
};
use xmppwire_sasl::{ClientExchange, ClientStep, Offer, wire};

/// An event of any role.
#[derive(Debug)]
pub enum Told {
    StartTls(StartTls),
    Question(Question),
    Authenticated,
    Bound,
    Stanza(Stanza),
    Refused,
    ClientState,
    /// What has invariants of its own elsewhere.
    Aside,
    Closed(CloseReason),
    Unknown(String),
}

/// A question of a machine to its application.
#[derive(Debug)]
pub enum Question {
    Host(HostRequest),
    Sasl(SaslRequest),
    Bind(BindRequest),
    Derivation(DerivationRequest),
    Domain(DomainRequest),
    Attach(AttachRequest),
    /// A server asks about a task.
    Task(TaskQuestion),
    /// A client is asked for a task.
    ClientTask(TaskRequest),
    Resume(ResumeRequest),
    Token(TokenLookup),
}

/// An answer of the application to it.
#[derive(Clone, Debug, Hash, PartialEq)]
pub enum Answer {
    TlsRequired,
    TlsOptional,
    NoTls,
    UnknownHost,
    HostGone,
    ElsewhereHost,
    ElsewhereHostInClear,
    Keys,
    Accept,
    Refuse,
    Disable,
    Bind,
    BindAnother,
    Conflict,
    Derive,
    DeriveAnother,
    Serve,
    ServeSubdomains,
    UnknownDomain,
    Attach,
    /// A domain that requires TLS and offers SASL2 with Bind 2.
    Sasl2,
    /// The same with tasks, managed streams and tokens.
    Sasl2Returning,
    Resume,
    Forget,
    /// The token of Juliet's client.
    TokenKnown,
    /// The same, expired.
    TokenExpired,
    TokenUnknown,
    /// The same with tasks.
    Sasl2WithTasks,
    TaskDone,
    TaskContinue,
    TaskData,
    TaskFail,
    TaskChoose,
    TaskAbort,
}

impl Question {
    /// The answers that fit.
    pub fn answers(&self) -> &'static [Answer] {
        match self {
            Self::Host(request) if request.domain().as_str() != "example.org" => &[
                Answer::UnknownHost,
                Answer::HostGone,
                Answer::ElsewhereHost,
                Answer::ElsewhereHostInClear,
            ],
            Self::Host(request) if request.secured() => &[Answer::TlsRequired],
            Self::Host(_) => &[Answer::TlsRequired, Answer::TlsOptional, Answer::NoTls],
            // Accepting a SCRAM login without its proof is misuse that the machine has to refuse.
            Self::Sasl(_) => &[
                Answer::Keys,
                Answer::Accept,
                Answer::Refuse,
                Answer::Disable,
            ],
            Self::Bind(_) => &[Answer::Bind, Answer::BindAnother, Answer::Conflict],
            Self::Derivation(_) => &[Answer::Derive, Answer::DeriveAnother],
            Self::Domain(_) => &[
                Answer::Serve,
                Answer::ServeSubdomains,
                Answer::UnknownDomain,
            ],
            Self::Attach(_) => &[Answer::Attach, Answer::Conflict],
            Self::Task(_) => &[
                Answer::TaskDone,
                Answer::TaskContinue,
                Answer::TaskData,
                Answer::TaskFail,
            ],
            Self::Resume(_) => &[Answer::Resume, Answer::Forget],
            Self::Token(_) => &[
                Answer::TokenKnown,
                Answer::TokenExpired,
                Answer::TokenUnknown,
            ],
            Self::ClientTask(_) => &[Answer::TaskChoose, Answer::TaskData, Answer::TaskAbort],
        }
    }
}

/// A role whose machine is explored.
pub trait Party: Role {
    const END: negotiation::Side;

    fn sort(event: Self::Event) -> Told;

    /// Whether the role learns of binding by an event.
    const TELLS_BOUND: bool;

    /// Whether the machine may give out this stanza of the peer.
    fn believes(stanza: &Stanza) -> bool;

    /// A stanza with the addresses that the role has to write.
    fn address(stanza: Stanza) -> Stanza {
        stanza
    }

    /// Answers a question; only servers ask.
    fn answer(
        endpoint: &mut Endpoint<Self>,
        question: Question,
        answer: &Answer,
        keys: &ScramKeys,
    ) -> Result<(), ApiMisuse>;
}

impl Party for Client {
    const END: negotiation::Side = negotiation::Side::Client;
    const TELLS_BOUND: bool = true;

    fn believes(_: &Stanza) -> bool {
        true
    }

    fn sort(event: ClientEvent) -> Told {
        match event {
            ClientEvent::StartTls(request) => Told::StartTls(request),
            ClientEvent::Derivation(request) => Told::Question(Question::Derivation(request)),
            ClientEvent::Task(request) => Told::Question(Question::ClientTask(request)),
            ClientEvent::Bound(_) => Told::Bound,
            ClientEvent::Stanza(stanza) => Told::Stanza(stanza),
            ClientEvent::Refused(_) => Told::Refused,
            ClientEvent::Closed(reason) => Told::Closed(reason),
            other => Told::Unknown(format!("{other:?}")),
        }
    }

    fn answer(
        endpoint: &mut Endpoint<Self>,
        question: Question,
        answer: &Answer,
        _: &ScramKeys,
    ) -> Result<(), ApiMisuse> {
        let request = match question {
            Question::Derivation(request) => request,
            Question::ClientTask(request) => {
                let answer = match answer {
                    Answer::TaskChoose => TaskAnswer::Choose("T".into(), Vec::new()),
                    Answer::TaskData => TaskAnswer::Data(Vec::new()),
                    _ => TaskAnswer::Abort,
                };
                return endpoint.answer_task(request, answer);
            }
            _ => return Err(ApiMisuse::StaleRequest),
        };
        let salted = match answer {
            Answer::Derive => salted(&request),
            _ => another_salted(),
        };
        endpoint.answer_derivation(request, &salted)
    }
}

impl Party for Server {
    const END: negotiation::Side = negotiation::Side::Server;
    const TELLS_BOUND: bool = false;

    /// The sender is the bound address, whatever `from` the client sent (RFC 6120 §8.1.2.1).
    fn believes(stanza: &Stanza) -> bool {
        stanza.from().map(Jid::bare_str) == Some("juliet@example.org")
    }

    fn sort(event: ServerEvent) -> Told {
        match event {
            ServerEvent::Opened(request) => Told::Question(Question::Host(request)),
            ServerEvent::StartTls(request) => Told::StartTls(request),
            ServerEvent::Sasl(request) => Told::Question(Question::Sasl(request)),
            ServerEvent::Resume(request) => Told::Question(Question::Resume(request)),
            ServerEvent::Token(lookup) => Told::Question(Question::Token(lookup)),
            ServerEvent::Resumed { .. }
            | ServerEvent::Managed(_)
            | ServerEvent::Detached(_)
            | ServerEvent::Tokens(_) => Told::Aside,
            ServerEvent::Task(question) => Told::Question(Question::Task(question)),
            ServerEvent::Authenticated(_) => Told::Authenticated,
            ServerEvent::Bind(request) => Told::Question(Question::Bind(request)),
            ServerEvent::Stanza(stanza) => Told::Stanza(stanza),
            ServerEvent::Refused(_) => Told::Refused,
            ServerEvent::Active(_) => Told::ClientState,
            ServerEvent::Closed(reason) => Told::Closed(reason),
            other => Told::Unknown(format!("{other:?}")),
        }
    }

    fn answer(
        endpoint: &mut Endpoint<Self>,
        question: Question,
        answer: &Answer,
        keys: &ScramKeys,
    ) -> Result<(), ApiMisuse> {
        match question {
            Question::Host(request) => endpoint.choose_host(request, host_answer(answer)),
            Question::Sasl(request) => {
                let answer = sasl_answer(&request, answer, keys);
                endpoint.answer_sasl(request, answer)
            }
            Question::Task(question) => {
                let verdict = match answer {
                    Answer::TaskDone => TaskVerdict::Done,
                    Answer::TaskContinue => TaskVerdict::Continue(vec!["T".into()], None),
                    Answer::TaskData => TaskVerdict::Data(Vec::new()),
                    _ => TaskVerdict::Fail(SaslFailure::new(SaslCondition::NotAuthorized)),
                };
                endpoint.decide_task(question, verdict)
            }
            Question::Resume(request) => {
                let answer = match answer {
                    Answer::Resume => ResumeAnswer::Resume(detached()),
                    _ => ResumeAnswer::Unknown { handled: None },
                };
                endpoint.answer_resume(request, answer).map(drop)
            }
            Question::Token(lookup) => {
                let current = match answer {
                    Answer::TokenKnown => Some(issued(2000)),
                    Answer::TokenExpired => Some(issued(1000)),
                    _ => None,
                };
                let new = None;
                let slots = TokenSlots { current, new };
                endpoint.answer_token(lookup, TokenAnswer::Slots(slots))
            }
            Question::Derivation(_) | Question::ClientTask(_) => Err(ApiMisuse::StaleRequest),
            Question::Bind(request) => {
                let answer = match answer {
                    Answer::Bind => BindAnswer::Bind(request.suggested().clone()),
                    Answer::BindAnother => {
                        BindAnswer::Bind(Resourcepart::new("another").expect("a resource"))
                    }
                    _ => BindAnswer::Reject(StanzaError::new(StanzaErrorCondition::Conflict)),
                };
                endpoint.answer_bind(request, answer)
            }
            Question::Domain(_) | Question::Attach(_) => Err(ApiMisuse::StaleRequest),
        }
    }
}

impl Party for Component {
    const END: negotiation::Side = negotiation::Side::Component;
    const TELLS_BOUND: bool = true;

    fn sort(event: ComponentEvent) -> Told {
        match event {
            ComponentEvent::Bound => Told::Bound,
            ComponentEvent::Stanza(stanza) => Told::Stanza(stanza),
            ComponentEvent::Refused(_) => Told::Refused,
            ComponentEvent::Closed(reason) => Told::Closed(reason),
            other => Told::Unknown(format!("{other:?}")),
        }
    }

    fn believes(_: &Stanza) -> bool {
        true
    }

    fn address(mut stanza: Stanza) -> Stanza {
        stanza.set_to(Some(Jid::new("romeo@example.net").expect("an address")));
        stanza.set_from(Some(Jid::new("bot@gate.example").expect("an address")));
        stanza
    }

    fn answer(
        _: &mut Endpoint<Self>,
        _: Question,
        _: &Answer,
        _: &ScramKeys,
    ) -> Result<(), ApiMisuse> {
        Err(ApiMisuse::StaleRequest)
    }
}

impl Party for xmppwire::component::Host {
    const END: negotiation::Side = negotiation::Side::Host;
    const TELLS_BOUND: bool = false;

    fn sort(event: HostEvent) -> Told {
        match event {
            HostEvent::Opened(request) => Told::Question(Question::Domain(request)),
            HostEvent::Attach(request) => Told::Question(Question::Attach(request)),
            HostEvent::Stanza(stanza) => Told::Stanza(stanza),
            HostEvent::Refused(_) => Told::Refused,
            HostEvent::Closed(reason) => Told::Closed(reason),
            other => Told::Unknown(format!("{other:?}")),
        }
    }

    fn believes(stanza: &Stanza) -> bool {
        let own = |domain: &str| domain == "gate.example" || domain == "a.gate.example";
        stanza.to().is_some() && stanza.from().is_some_and(|from| own(from.domainpart()))
    }

    fn address(mut stanza: Stanza) -> Stanza {
        stanza.set_from(Some(Jid::new("romeo@example.net").expect("an address")));
        stanza.set_to(Some(Jid::new("bot@gate.example").expect("an address")));
        stanza
    }

    fn answer(
        endpoint: &mut Endpoint<Self>,
        question: Question,
        answer: &Answer,
        _: &ScramKeys,
    ) -> Result<(), ApiMisuse> {
        let terms = || Terms::new(Secret::new(SECRET)).expect("a long secret");
        match question {
            Question::Domain(request) => {
                let answer = match answer {
                    Answer::Serve => DomainAnswer::Serve(terms()),
                    Answer::ServeSubdomains => DomainAnswer::Serve(terms().with_subdomains()),
                    _ => DomainAnswer::Unknown,
                };
                endpoint.answer_domain(request, answer)
            }
            Question::Attach(request) => {
                let answer = match answer {
                    Answer::Attach => AttachAnswer::Accept,
                    _ => AttachAnswer::Conflict,
                };
                endpoint.answer_attach(request, answer)
            }
            _ => Err(ApiMisuse::StaleRequest),
        }
    }
}

/// The secret of the component.
pub const SECRET: &str = "sesame, open the gate";

fn host_answer(answer: &Answer) -> HostAnswer {
    let host = |tls| {
        let mechanisms = [
            Mechanism::ScramSha256Plus,
            Mechanism::ScramSha256,
            Mechanism::Plain,
        ];
        Host::new(tls, mechanisms).with_csi()
    };
    let serve = |tls| HostAnswer::Serve(host(tls));
    let with_sasl2 = |sasl2| HostAnswer::Serve(host(TlsOffer::Required).with_sasl2(sasl2));
    match answer {
        Answer::TlsRequired => serve(TlsOffer::Required),
        Answer::TlsOptional => serve(TlsOffer::Optional),
        Answer::NoTls => serve(TlsOffer::Unavailable),
        Answer::Sasl2 => with_sasl2(Sasl2::new()),
        Answer::Sasl2Returning => {
            let tokens = TokenPolicy::new(1000).with_lifetime(std::time::Duration::from_secs(1));
            let sasl2 = Sasl2::new().with_tasks().with_tokens(tokens);
            let host = host(TlsOffer::Required).with_sasl2(sasl2);
            HostAnswer::Serve(host.with_stream_management(StreamManagement::new()))
        }
        Answer::Sasl2WithTasks => with_sasl2(Sasl2::new().with_tasks()),
        Answer::HostGone => HostAnswer::Gone,
        Answer::ElsewhereHost => HostAnswer::SeeOtherHost("moved.example".into()),
        Answer::ElsewhereHostInClear => HostAnswer::SeeOtherHostInClear("moved.example".into()),
        _ => HostAnswer::Unknown,
    }
}

fn sasl_answer(request: &SaslRequest, answer: &Answer, keys: &ScramKeys) -> SaslAnswer {
    let refuse = |condition| SaslAnswer::Reject(SaslFailure::new(condition));
    match answer {
        Answer::Keys => SaslAnswer::ScramKeys(keys.clone()),
        // An application that checks passwords itself accepts only the right one.
        Answer::Accept => match (request.question(), request.account()) {
            (SaslQuestion::Password { password, .. }, _) if password != PASSWORD => {
                refuse(SaslCondition::NotAuthorized)
            }
            (_, Some(account)) => SaslAnswer::Accept(account),
            (_, None) => refuse(SaslCondition::NotAuthorized),
        },
        Answer::Disable => refuse(SaslCondition::AccountDisabled),
        _ => refuse(SaslCondition::NotAuthorized),
    }
}

/// The salted password that a server asks for. Deriving it takes long, so it is done once for each salt.
fn salted(request: &DerivationRequest) -> SaltedPassword {
    type Known = HashMap<(Vec<u8>, u32), SaltedPassword>;
    static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().expect("no holder panics");
    let parameters = (request.salt().to_vec(), request.iterations());
    let salted = known.entry(parameters).or_insert_with(|| request.derive());
    salted.clone()
}

/// A salted password that answers no question of the explorations.
fn another_salted() -> SaltedPassword {
    static ANOTHER: LazyLock<SaltedPassword> = LazyLock::new(|| {
        let credentials = Credentials::new("juliet", PASSWORD);
        let mechanism = Mechanism::ScramSha1;
        let offer = Offer::new([mechanism.name()]);
        let none = ChannelBindings::none();
        let exchange = ClientExchange::new(mechanism, &credentials, &none, &offer, [0; 24]);
        let mut exchange = exchange.expect("a login").with_iterations(1..=1);
        let nonce = wire::encode(&[0; 24]);
        match exchange.step(format!("r={nonce}x,s=AAAA,i=1").as_bytes()) {
            Ok(ClientStep::Derive(derivation)) => derivation.derive(),
            other => panic!("{other:?}"),
        }
    });
    ANOTHER.clone()
}

/// A session of Juliet without a stream.
fn detached() -> Detached {
    let mut bytes = [b"XWSM".as_slice(), &[1, 2], &[0; 12], &[0, 0, 1, 0]].concat();
    for text in ["session", "juliet@example.org/x", ""] {
        push_text(&mut bytes, text);
    }
    bytes.extend([0; 4]);
    Detached::from_bytes(&bytes).expect("a saved session")
}

/// The token of Juliet's client, with which it logged in once.
fn issued(expires: u64) -> IssuedToken {
    let mut bytes = [
        b"XWTI".as_slice(),
        &[1],
        &[0, 0, 0, 1],
        &expires.to_be_bytes(),
    ]
    .concat();
    for text in ["HT-SHA-256-NONE", TOKEN] {
        push_text(&mut bytes, text);
    }
    IssuedToken::from_bytes(&bytes).expect("a saved token")
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(
        u32::try_from(text.len())
            .expect("a short text")
            .to_be_bytes(),
    );
    bytes.extend(text.as_bytes());
}

/// The token of Juliet's client.
pub const TOKEN: &str = "a-token-of-the-server";

/// Juliet's password.
pub const PASSWORD: &str = "s3cr3t";
