//! The server's side of an exchange.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::mem;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::Choice;

use crate::anonymous;
use crate::channel_binding::ChannelBindings;
use crate::condition::Condition;
use crate::decoy::DecoyKey;
use crate::error::Rejection;
use crate::external;
use crate::mechanism::{Mechanism, ScramHash};
use crate::offer::Offer;
use crate::plain;
use crate::scram::keys::ScramKeys;
use crate::scram::server::{Asking, AwaitingProof, Proved};

/// One login at a server, message by message.
///
/// Every message of the client goes to [`step`](Self::step). When that says [`ServerStep::Ask`],
/// look at [`question`](Self::question), find the answer, take as long as that needs, and hand it
/// to [`answer`](Self::answer). See [`ClientExchange`](crate::ClientExchange) for a whole login.
///
/// SCRAM costs the server a handful of hashes. PLAIN answered with keys costs as many iterations as
/// the keys have, in line.
///
/// An unknown user, that is `Reject(Condition::NotAuthorized)`, takes the path of a wrong password:
/// the same steps, the same work, messages of the same form.
pub struct ServerExchange {
    mechanism: Mechanism,
    bindings: ChannelBindings,
    offer: Offer,
    protects_offer: bool,
    nonce: String,
    decoy: DecoyKey,
    state: State,
    rejection: Option<Rejection>,
}

enum State {
    /// Nothing is in. A client that sends no initial response is prompted once.
    Start {
        prompted: bool,
    },
    AskKeys(Asking),
    AwaitProof(AwaitingProof),
    AskPassword(plain::Request),
    AskExternal {
        authzid: Option<String>,
    },
    AskAnonymous {
        trace: Option<String>,
    },
    Over,
}

/// What a server does next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum ServerStep {
    /// Send this `<challenge/>`.
    Challenge(Vec<u8>),
    /// Answer the [`question`](ServerExchange::question).
    Ask,
    /// Send `<success/>`: the client is who it says it is.
    Success {
        /// Who logged in, prepared with SASLprep; `None` with EXTERNAL and ANONYMOUS, where whoever
        /// answered the question knows.
        username: Option<String>,
        /// The identity to act as, as the client sent it, when it asked for one. That this user may
        /// is for the caller to check, at the question or now.
        authzid: Option<String>,
        /// What `<success/>` carries: the server's signature.
        additional_data: Option<Vec<u8>>,
    },
    /// Send `<failure/>` with this condition. [`ServerExchange::rejection`] says more.
    Failure(Condition),
}

/// What a server needs to know to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerQuestion<'a> {
    /// The keys of this user, for this hash.
    ScramKeys {
        /// The mechanism of the exchange.
        mechanism: Mechanism,
        /// The hash that the keys have to be for.
        hash: ScramHash,
        /// The user, prepared with SASLprep.
        username: &'a str,
        /// The identity to act as, as the client sent it.
        authzid: Option<&'a str>,
    },
    /// Whether this is the user's password. Answer with keys of any hash, or check it yourself.
    Password {
        /// The user, prepared with SASLprep.
        username: &'a str,
        /// The password, prepared with SASLprep.
        password: &'a str,
        /// The identity to act as, as the client sent it.
        authzid: Option<&'a str>,
    },
    /// Whether the client may be who it wants to be, by what is known of it outside of SASL.
    External {
        /// The identity to act as, as the client sent it. Without one it is the one that the
        /// certificate names.
        authzid: Option<&'a str>,
    },
    /// Whether anonymous logins are allowed.
    Anonymous {
        /// What the client says about itself; proves nothing.
        trace: Option<&'a str>,
    },
}

/// The answer to a [`ServerQuestion`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ServerAnswer {
    /// The user's keys. Also answers a [`ServerQuestion::Password`], which is then verified against
    /// them.
    ScramKeys(ScramKeys),
    /// Yes. Answers every question but [`ServerQuestion::ScramKeys`].
    Accept,
    /// No. Where there is a password, [`Condition::NotAuthorized`] stands for an unknown user (or a
    /// wrong password) and costs the same time as keys that do not fit; with any other condition
    /// the exchange fails at once.
    Reject(Condition),
}

impl ServerExchange {
    /// Begins a login with the mechanism that the client picked from those that were offered.
    ///
    /// - `bindings` are those of the connection.
    /// - `offer` is the whole of what was offered on this connection. SCRAM tells it to the client
    ///   once more, under its signatures (XEP-0474).
    /// - `nonce` is fresh from the system's random number generator, never used before.
    /// - `decoy` is the server's secret for unknown users.
    pub fn new(
        mechanism: Mechanism,
        bindings: &ChannelBindings,
        offer: &Offer,
        nonce: [u8; 24],
        decoy: DecoyKey,
    ) -> Self {
        let nonce = STANDARD.encode(nonce);
        Self::with_nonce(mechanism, bindings, offer, nonce, decoy)
    }

    /// [`new`](Self::new) with the nonce in its printable form, as the RFCs' examples have it.
    pub(crate) fn with_nonce(
        mechanism: Mechanism,
        bindings: &ChannelBindings,
        offer: &Offer,
        nonce: String,
        decoy: DecoyKey,
    ) -> Self {
        Self {
            mechanism,
            bindings: bindings.clone(),
            offer: offer.clone(),
            protects_offer: true,
            nonce,
            decoy,
            state: State::Start { prompted: false },
            rejection: None,
        }
    }

    /// Leaves the protection of the offer away, for clients that do not ignore SCRAM attributes
    /// they do not know, as RFC 5802 §5.1 wants them to.
    #[must_use]
    pub fn without_downgrade_protection(self) -> Self {
        Self {
            protects_offer: false,
            ..self
        }
    }

    /// The mechanism of the exchange.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Takes the client's next message: what came with `<auth/>` (`None` if nothing did, which the
    /// client follows up after an empty challenge) or with `<response/>`.
    ///
    /// A message while a question is open, or after the end, is a failure.
    pub fn step(&mut self, input: Option<&[u8]>) -> ServerStep {
        let next = match (mem::replace(&mut self.state, State::Over), input) {
            (State::Start { prompted: false }, None) => {
                self.state = State::Start { prompted: true };
                Ok(ServerStep::Challenge(Vec::new()))
            }
            (State::Start { .. }, Some(message)) => self.begin(message),
            (State::AwaitProof(awaiting), Some(message)) => {
                awaiting.receive(message).map(ServerStep::from)
            }
            _ => Err(Rejection::OutOfOrder),
        };
        self.settle(next)
    }

    /// The open question, after [`ServerStep::Ask`].
    pub fn question(&self) -> Option<ServerQuestion<'_>> {
        match &self.state {
            State::AskKeys(asking) => Some(ServerQuestion::ScramKeys {
                mechanism: self.mechanism,
                hash: asking.hash,
                username: &asking.username,
                authzid: asking.authzid.as_deref(),
            }),
            State::AskPassword(request) => Some(ServerQuestion::Password {
                username: &request.username,
                password: &request.password,
                authzid: request.authzid.as_deref(),
            }),
            State::AskExternal { authzid } => Some(ServerQuestion::External {
                authzid: authzid.as_deref(),
            }),
            State::AskAnonymous { trace } => Some(ServerQuestion::Anonymous {
                trace: trace.as_deref(),
            }),
            State::Start { .. } | State::AwaitProof(_) | State::Over => None,
        }
    }

    /// Answers the open question. An answer that does not fit it, or one without a question, fails
    /// the exchange with [`Condition::TemporaryAuthFailure`].
    pub fn answer(&mut self, answer: ServerAnswer) -> ServerStep {
        let next = match mem::replace(&mut self.state, State::Over) {
            State::AskKeys(asking) => self.answer_keys(asking, answer),
            State::AskPassword(request) => self.answer_password(request, answer),
            State::AskExternal { authzid } => accept(answer, authzid),
            State::AskAnonymous { .. } => accept(answer, None),
            State::Start { .. } | State::AwaitProof(_) | State::Over => Err(Rejection::Misuse),
        };
        self.settle(next)
    }

    /// Why the exchange failed, once it has: for the log, never for the client.
    pub fn rejection(&self) -> Option<Rejection> {
        self.rejection
    }

    fn begin(&mut self, message: &[u8]) -> Result<ServerStep, Rejection> {
        self.state = match (self.mechanism, self.mechanism.hash()) {
            (mechanism, Some(hash)) => State::AskKeys(Asking::receive(
                message,
                hash,
                mechanism.is_plus(),
                &self.bindings,
                self.offer.has_plus(),
            )?),
            (Mechanism::External, _) => State::AskExternal {
                authzid: external::parse(message)?,
            },
            (Mechanism::Anonymous, _) => State::AskAnonymous {
                trace: anonymous::parse(message)?,
            },
            _ => State::AskPassword(plain::Request::parse(message)?),
        };
        Ok(ServerStep::Ask)
    }

    fn answer_keys(
        &mut self,
        asking: Asking,
        answer: ServerAnswer,
    ) -> Result<ServerStep, Rejection> {
        // Made up whether or not they are needed, so that both ways take the same time.
        let decoy = self.decoy.keys(asking.hash, &asking.username);
        let (keys, known) = choose_keys(answer, decoy)?.ok_or(Rejection::Misuse)?;
        let offer = self.protects_offer.then_some(&self.offer);
        let (challenge, awaiting) = asking.challenge(keys, known, &self.nonce, offer)?;
        self.state = State::AwaitProof(awaiting);
        Ok(ServerStep::Challenge(challenge))
    }

    fn answer_password(
        &self,
        request: plain::Request,
        answer: ServerAnswer,
    ) -> Result<ServerStep, Rejection> {
        let decoy = self.decoy.plain_keys(&request.username);
        if let Some((keys, known)) = choose_keys(answer, decoy)?
            && !request.verify(&keys, known)
        {
            return Err(Rejection::WrongCredentials);
        }
        Ok(ServerStep::Success {
            username: Some(request.username),
            authzid: request.authzid,
            additional_data: None,
        })
    }

    fn settle(&mut self, next: Result<ServerStep, Rejection>) -> ServerStep {
        next.unwrap_or_else(|rejection| {
            // Keep the first reason: what is called after the end has no other.
            let _: &mut Rejection = self.rejection.get_or_insert(rejection);
            ServerStep::Failure(rejection.condition())
        })
    }
}

/// The answer to a question without a password.
fn accept(answer: ServerAnswer, authzid: Option<String>) -> Result<ServerStep, Rejection> {
    match answer {
        ServerAnswer::Accept => Ok(ServerStep::Success {
            username: None,
            authzid,
            additional_data: None,
        }),
        ServerAnswer::Reject(condition) => Err(Rejection::Application(condition)),
        ServerAnswer::ScramKeys(_) => Err(Rejection::Misuse),
    }
}

/// The keys to go on with and whether they are a user's; `None` if the answer makes keys needless.
fn choose_keys(
    answer: ServerAnswer,
    decoy: ScramKeys,
) -> Result<Option<(ScramKeys, Choice)>, Rejection> {
    match answer {
        ServerAnswer::ScramKeys(keys) => Ok(Some((keys, Choice::from(1)))),
        ServerAnswer::Reject(Condition::NotAuthorized) => Ok(Some((decoy, Choice::from(0)))),
        ServerAnswer::Reject(condition) => Err(Rejection::Application(condition)),
        ServerAnswer::Accept => Ok(None),
    }
}

impl From<Proved> for ServerStep {
    fn from(proved: Proved) -> Self {
        Self::Success {
            username: Some(proved.username),
            authzid: proved.authzid,
            additional_data: Some(proved.server_final),
        }
    }
}

impl fmt::Debug for ServerExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerExchange")
            .field("mechanism", &self.mechanism)
            .field("question", &self.question())
            .field("rejection", &self.rejection)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerQuestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ScramKeys {
                mechanism,
                hash,
                username,
                authzid,
            } => f
                .debug_struct("ScramKeys")
                .field("mechanism", mechanism)
                .field("hash", hash)
                .field("username", username)
                .field("authzid", authzid)
                .finish(),
            // Without the password.
            Self::Password {
                username, authzid, ..
            } => f
                .debug_struct("Password")
                .field("username", username)
                .field("authzid", authzid)
                .finish_non_exhaustive(),
            Self::External { authzid } => f
                .debug_struct("External")
                .field("authzid", authzid)
                .finish(),
            Self::Anonymous { trace } => f.debug_struct("Anonymous").field("trace", trace).finish(),
        }
    }
}
