//! One interface for both roles, with one type for the events and questions of both.

use xmppwire::negotiation;
use xmppwire::{
    ApiMisuse, BindAnswer, BindRequest, Client, ClientEvent, CloseReason, Endpoint, Host,
    HostAnswer, HostRequest, Mechanism, Resourcepart, Role, SaslAnswer, SaslCondition, SaslFailure,
    SaslQuestion, SaslRequest, ScramKeys, Server, ServerEvent, Stanza, StanzaError,
    StanzaErrorCondition, StartTls, TlsOffer,
};

/// An event of either role.
#[derive(Debug)]
pub enum Told {
    StartTls(StartTls),
    Question(Question),
    Authenticated,
    Bound,
    Stanza(Stanza),
    Refused,
    Closed(CloseReason),
    Unknown(String),
}

/// A question of a server to its application.
#[derive(Debug)]
pub enum Question {
    Host(HostRequest),
    Sasl(SaslRequest),
    Bind(BindRequest),
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
        }
    }
}

/// A role whose machine is explored.
pub trait Party: Role {
    const END: negotiation::Side;

    fn sort(event: Self::Event) -> Told;

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

    fn sort(event: ClientEvent) -> Told {
        match event {
            ClientEvent::StartTls(request) => Told::StartTls(request),
            ClientEvent::Bound(_) => Told::Bound,
            ClientEvent::Stanza(stanza) => Told::Stanza(stanza),
            ClientEvent::Refused(_) => Told::Refused,
            ClientEvent::Closed(reason) => Told::Closed(reason),
            other => Told::Unknown(format!("{other:?}")),
        }
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

impl Party for Server {
    const END: negotiation::Side = negotiation::Side::Server;

    fn sort(event: ServerEvent) -> Told {
        match event {
            ServerEvent::Opened(request) => Told::Question(Question::Host(request)),
            ServerEvent::StartTls(request) => Told::StartTls(request),
            ServerEvent::Sasl(request) => Told::Question(Question::Sasl(request)),
            ServerEvent::Authenticated(_) => Told::Authenticated,
            ServerEvent::Bind(request) => Told::Question(Question::Bind(request)),
            ServerEvent::Stanza(stanza) => Told::Stanza(stanza),
            ServerEvent::Refused(_) => Told::Refused,
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
        }
    }
}

fn host_answer(answer: &Answer) -> HostAnswer {
    let serve = |tls| {
        HostAnswer::Serve(Host::new(
            tls,
            [
                Mechanism::ScramSha256Plus,
                Mechanism::ScramSha256,
                Mechanism::Plain,
            ],
        ))
    };
    match answer {
        Answer::TlsRequired => serve(TlsOffer::Required),
        Answer::TlsOptional => serve(TlsOffer::Optional),
        Answer::NoTls => serve(TlsOffer::Unavailable),
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

/// Juliet's password.
pub const PASSWORD: &str = "s3cr3t";
