//! The client's side of SCRAM (RFC 5802 §3).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::crypto::{self, Secret};
use super::derivation::{Derivation, Parameters, SaltedPassword};
use super::message::{ServerFinal, ServerFirst, escape, text};
use crate::channel_binding::ChannelBindings;
use crate::credentials::Credentials;
use crate::error::{ClientError, MessageError, ScramServerError};
use crate::limits::DEFAULT_ITERATIONS;
use crate::mechanism::ScramHash;
use crate::offer::Offer;
use crate::prepare;
use crate::saslprep::StringKind;

#[derive(Clone)]
pub(crate) struct ScramClient {
    hash: ScramHash,
    nonce: String,
    first_bare: String,
    gs2_header: String,
    /// The content of `c=`: the header again, followed by the octets of the channel binding.
    binding: Vec<u8>,
    iterations: RangeInclusive<u32>,
    /// The value that `h=` must have if the server sends it (XEP-0474).
    offer_hash: String,
    state: State,
}

#[derive(Clone)]
enum State {
    /// The client has sent its first message.
    AwaitFirst {
        password: Zeroizing<String>,
    },
    /// The server's first message has arrived; the client has to compute the salted password.
    AwaitSalted(Challenge),
    /// The client has sent its proof; the server must answer with this signature.
    AwaitSignature {
        expected: Secret,
    },
    /// The server is authenticated; only its success is missing.
    Verified,
    Over,
}

/// The server's first message, checked.
#[derive(Clone)]
struct Challenge {
    parameters: Parameters,
    /// The client's nonce with that of the server.
    nonce: String,
    message: String,
}

/// What the client does after a challenge.
pub(crate) enum Step {
    Response(Vec<u8>),
    Derive(Derivation),
}

impl ScramClient {
    pub(crate) fn new(
        hash: ScramHash,
        plus: bool,
        credentials: &Credentials,
        bindings: &ChannelBindings,
        offer: &Offer,
        nonce: String,
    ) -> Result<Self, ClientError> {
        let (username, password) = credentials.known()?;
        let username = prepare::username(username)?;
        // The client derives keys from the password, as the server did: hence "stored" (RFC 5802
        // §2.2).
        let password = prepare::password(password.expose(), StringKind::Stored)?;
        let authzid = match prepare::authzid(credentials.authzid())? {
            Some(authzid) => format!("a={}", escape(authzid)),
            None => String::new(),
        };
        // RFC 5802 §6. `y` tells a server that did offer -PLUS that an attacker removed it from the
        // offer. If -PLUS was offered but is not used, `y` would be false.
        let (flag, bound) = if plus {
            let kind = offer.binding(bindings);
            let kind = kind.ok_or(ClientError::NoChannelBinding)?;
            let bound = bindings.get(kind).unwrap_or_default();
            (format!("p={}", kind.name()), bound)
        } else if !bindings.is_empty() && !offer.has_plus() {
            (String::from("y"), [].as_slice())
        } else {
            (String::from("n"), [].as_slice())
        };
        let gs2_header = format!("{flag},{authzid},");
        Ok(Self {
            hash,
            first_bare: format!("n={},r={nonce}", escape(&username)),
            nonce,
            binding: [gs2_header.as_bytes(), bound].concat(),
            gs2_header,
            iterations: DEFAULT_ITERATIONS,
            offer_hash: offer.hash(hash),
            state: State::AwaitFirst { password },
        })
    }

    pub(crate) fn set_iterations(&mut self, accepted: RangeInclusive<u32>) {
        self.iterations = accepted;
    }

    pub(crate) fn initial_response(&self) -> Vec<u8> {
        format!("{}{}", self.gs2_header, self.first_bare).into_bytes()
    }

    pub(crate) fn step(&mut self, challenge: &[u8]) -> Result<Step, ClientError> {
        match mem::replace(&mut self.state, State::Over) {
            State::AwaitFirst { password } => {
                let challenge = self.check(challenge)?;
                let parameters = challenge.parameters.clone();
                self.state = State::AwaitSalted(challenge);
                Ok(Step::Derive(Derivation::new(parameters, password)))
            }
            // The general form of SASL, in which success carries no data (RFC 5802 §5).
            State::AwaitSignature { expected } => {
                verify(challenge, &expected)?;
                self.state = State::Verified;
                Ok(Step::Response(Vec::new()))
            }
            State::AwaitSalted(_) | State::Verified | State::Over => Err(ClientError::OutOfOrder),
        }
    }

    /// Takes the answer to [`Step::Derive`]: the response to the challenge.
    pub(crate) fn answer(&mut self, salted: &SaltedPassword) -> Result<Vec<u8>, ClientError> {
        match mem::replace(&mut self.state, State::Over) {
            State::AwaitSalted(challenge) if salted.is_for(&challenge.parameters) => {
                let (message, expected) = self.prove(&challenge, salted);
                self.state = State::AwaitSignature { expected };
                Ok(message)
            }
            _ => Err(ClientError::Misuse),
        }
    }

    pub(crate) fn finish(&mut self, data: Option<&[u8]>) -> Result<(), ClientError> {
        match (mem::replace(&mut self.state, State::Over), data) {
            (State::AwaitSignature { expected }, Some(data)) if !data.is_empty() => {
                verify(data, &expected)
            }
            (
                State::AwaitFirst { .. } | State::AwaitSalted(_) | State::AwaitSignature { .. },
                _,
            ) => Err(ClientError::ServerSignatureMissing),
            (State::Verified, None | Some([])) => Ok(()),
            (State::Verified, Some(_)) => Err(ClientError::UnexpectedData),
            (State::Over, _) => Err(ClientError::OutOfOrder),
        }
    }

    /// Checks the server's first message, before anything is derived from the password.
    fn check(&self, challenge: &[u8]) -> Result<Challenge, ClientError> {
        let server_first = text(challenge)?;
        // A server may report an error here already, although the grammar permits it only in its
        // last message.
        if server_first.starts_with("e=") {
            return Err(refusal(server_first)?);
        }
        let ServerFirst {
            nonce,
            salt,
            iterations,
            offer_hash,
        } = ServerFirst::parse(server_first)?;
        match nonce.strip_prefix(self.nonce.as_str()) {
            Some(added) if !added.is_empty() => {}
            _ => return Err(ClientError::NonceMismatch),
        }
        // This check comes before the client sends anything derived from the password (XEP-0474
        // §5.2). An attacker who changes this attribute too changes the signed messages, and the
        // server detects that.
        if offer_hash.is_some_and(|hash| hash != self.offer_hash) {
            return Err(ClientError::Downgrade);
        }
        let (least, most) = (*self.iterations.start(), *self.iterations.end());
        let asked = iterations;
        if asked < least {
            return Err(ClientError::TooFewIterations { asked, least });
        }
        if asked > most {
            return Err(ClientError::TooManyIterations { asked, most });
        }

        Ok(Challenge {
            parameters: Parameters {
                hash: self.hash,
                salt,
                iterations,
            },
            nonce: nonce.into(),
            message: server_first.into(),
        })
    }

    /// The client's proof, and the signature that the server must answer with (RFC 5802 §3).
    fn prove(&self, challenge: &Challenge, salted: &SaltedPassword) -> (Vec<u8>, Secret) {
        let Challenge { nonce, message, .. } = challenge;
        let hash = self.hash;
        let (client_key, server_key) = salted.keys();
        let stored_key = crypto::digest(hash, &client_key);
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(&self.binding));
        let auth_message = [&self.first_bare, ",", message, ",", &without_proof].concat();
        let auth_message = [auth_message.as_bytes()];
        let signature = crypto::hmac(hash, &stored_key, &auth_message);
        let expected = crypto::hmac(hash, &server_key, &auth_message);
        let proof = STANDARD.encode(crypto::xor(&client_key, &signature));
        (format!("{without_proof},p={proof}").into_bytes(), expected)
    }
}

fn verify(message: &[u8], expected: &[u8]) -> Result<(), ClientError> {
    let message = text(message)?;
    match ServerFinal::parse(message)? {
        ServerFinal::Verifier(signature) if bool::from(signature.ct_eq(expected)) => Ok(()),
        ServerFinal::Verifier(_) => Err(ClientError::ServerSignatureMismatch),
        ServerFinal::Error(value) => Err(ClientError::Refused(ScramServerError::from_value(value))),
    }
}

fn refusal(message: &str) -> Result<ClientError, MessageError> {
    match ServerFinal::parse(message)? {
        ServerFinal::Error(value) => Ok(ClientError::Refused(ScramServerError::from_value(value))),
        ServerFinal::Verifier(_) => Err(MessageError::Missing('e')),
    }
}
