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
/// Pass every message of the client to [`step`](Self::step). When it returns [`ServerStep::Ask`],
/// read [`question`](Self::question), find the answer and pass it to [`answer`](Self::answer), at
/// any later time. See [`ClientExchange`](crate::ClientExchange) for a whole login.
///
/// SCRAM costs the server only a few hashes. PLAIN answered with keys costs as many iterations as
/// the keys have, in line.
///
/// An unknown user, that is `Reject(Condition::NotAuthorized)`, is handled like a wrong password:
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
    /// No message has arrived. A client that sends no initial response is prompted once.
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
    /// Send `<success/>`: the client is authenticated.
    Success {
        /// The authentication identity, prepared with SASLprep. `None` with EXTERNAL and ANONYMOUS,
        /// where the application determines the identity when it answers the question.
        username: Option<String>,
        /// The authorization identity as the client sent it, if it sent one. The caller must check
        /// that the user may act as it, at the question or now.
        authzid: Option<String>,
        /// The additional data of `<success/>`: the server's signature.
        additional_data: Option<Vec<u8>>,
    },
    /// Send `<failure/>` with this condition. [`ServerExchange::rejection`] gives the reason.
    Failure(Condition),
}

/// A question that the application has to answer before the exchange can continue.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerQuestion<'a> {
    /// Asks for the keys of this user, for this hash.
    ScramKeys {
        /// The mechanism of the exchange.
        mechanism: Mechanism,
        /// The hash that the keys must have.
        hash: ScramHash,
        /// The user, prepared with SASLprep.
        username: &'a str,
        /// The authorization identity, as the client sent it.
        authzid: Option<&'a str>,
    },
    /// Asks whether this is the user's password. Answer with keys of any hash, or check it
    /// yourself.
    Password {
        /// The user, prepared with SASLprep.
        username: &'a str,
        /// The password, prepared with SASLprep.
        password: &'a str,
        /// The authorization identity, as the client sent it.
        authzid: Option<&'a str>,
    },
    /// Asks whether the client may act as this identity, by the proof that it gave outside of SASL.
    External {
        /// The authorization identity, as the client sent it. If it is `None`, the identity is the
        /// one that the certificate names.
        authzid: Option<&'a str>,
    },
    /// Asks whether anonymous logins are allowed.
    Anonymous {
        /// The trace that the client sent, if any; it proves nothing.
        trace: Option<&'a str>,
    },
}

/// The answer to a [`ServerQuestion`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ServerAnswer {
    /// The user's keys. They also answer a [`ServerQuestion::Password`]: the exchange then verifies
    /// the password with them.
    ScramKeys(ScramKeys),
    /// Yes. It answers every question except [`ServerQuestion::ScramKeys`].
    Accept,
    /// No. With a password mechanism, [`Condition::NotAuthorized`] means an unknown user (or a
    /// wrong password) and costs the same time as keys that do not match. With any other condition
    /// the exchange fails at once.
    Reject(Condition),
}

impl ServerExchange {
    /// Begins a login with the mechanism that the client picked from the server's offer.
    ///
    /// - `bindings` are those of the connection.
    /// - `offer` is the server's whole offer on this connection. SCRAM sends its hash to the
    ///   client, protected by the signatures (XEP-0474).
    /// - `nonce` is fresh from the system's random number generator. Never use one twice.
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

    /// [`new`](Self::new) with the nonce in its printable form, as in the examples of the RFCs.
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

    /// Omits the protection of the offer (XEP-0474), for clients that fail on unknown SCRAM
    /// attributes although RFC 5802 §5.1 requires them to ignore these.
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

    /// Takes the client's next message: the content of `<auth/>` or of `<response/>`. `None` means
    /// an `<auth/>` without initial response; the client sends it after an empty challenge.
    ///
    /// A message while a question is open or after the end of the exchange is a failure.
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

    /// Answers the open question. An answer that does not fit it, or an answer without an open
    /// question, fails the exchange with [`Condition::TemporaryAuthFailure`].
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

    /// Why the exchange failed; `None` if it has not. Log it, but never send it to the client.
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
        // The decoy keys are computed even if they are not needed, so that both cases take the same
        // time.
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
            // Keep the first reason: calls after the end must not replace it.
            let _: &mut Rejection = self.rejection.get_or_insert(rejection);
            ServerStep::Failure(rejection.condition())
        })
    }
}

/// Applies the answer to a question without a password.
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

/// The keys to continue with, and whether they belong to an existing user; `None` if the answer
/// needs no keys.
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
            // Omits the password.
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
