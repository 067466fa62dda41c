//! The client's side of an exchange.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::anonymous;
use crate::channel_binding::ChannelBindings;
use crate::credentials::Credentials;
use crate::error::ClientError;
use crate::external;
use crate::mechanism::Mechanism;
use crate::offer::Offer;
use crate::plain;
use crate::scram::client::{ScramClient, Step};
use crate::scram::derivation::{Derivation, SaltedPassword};

/// One login of a client, message by message.
///
/// 1. Send [`initial_response`](Self::initial_response).
/// 2. Answer every `<challenge/>` with [`respond`](Self::respond).
/// 3. Give `<success/>` to [`finish`](Self::finish), and go on only if that returns `Ok`: with
///    SCRAM, this step authenticates the *server*.
///
/// A `<failure/>` ends the exchange; it needs no call.
///
/// `respond` computes the salted password in line. That costs as many HMACs as the server asks for,
/// within the bounds of [`with_iterations`](Self::with_iterations). To compute it on another
/// thread, use [`step`](Self::step) and [`answer`](Self::answer) instead.
///
/// ```
/// use xmppwire_sasl::{
///     ChannelBindings, ClientExchange, Credentials, DecoyKey, Mechanism, Offer, ScramHash,
///     ScramKeys, ServerAnswer, ServerExchange, ServerStep,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mechanism = Mechanism::ScramSha256Plus;
/// let bindings = ChannelBindings::tls13([9; 32]);
/// let credentials = Credentials::new("juliet", "r0m30myr0m30");
/// let offer = Offer::new([mechanism.name()]).with_channel_bindings(["tls-exporter"]);
/// // In real use, nonces and salts are random.
/// let mut client = ClientExchange::new(mechanism, &credentials, &bindings, &offer, [1; 24])?;
/// let mut server =
///     ServerExchange::new(mechanism, &bindings, &offer, [2; 24], DecoyKey::new([3; 32]));
///
/// let keys = ScramKeys::derive(ScramHash::Sha256, "r0m30myr0m30", &[4; 16], 4096)?;
/// assert_eq!(server.step(Some(&client.initial_response())), ServerStep::Ask);
/// let ServerStep::Challenge(challenge) = server.answer(ServerAnswer::ScramKeys(keys)) else {
///     panic!("the server challenges");
/// };
/// let response = client.respond(&challenge)?;
/// let ServerStep::Success { username, additional_data, .. } = server.step(Some(&response)) else {
///     panic!("the server accepts");
/// };
/// assert_eq!(username.as_deref(), Some("juliet"));
/// client.finish(additional_data.as_deref())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ClientExchange {
    mechanism: Mechanism,
    machine: Machine,
}

/// What the client does after a challenge.
#[derive(Debug)]
#[must_use]
pub enum ClientStep {
    /// Send this `<response/>`.
    Response(Vec<u8>),
    /// Compute this, on any thread, and give the result to [`ClientExchange::answer`].
    Derive(Derivation),
}

#[derive(Clone)]
enum Machine {
    /// A mechanism of one message, in which the server proves nothing.
    Single {
        message: Zeroizing<Vec<u8>>,
        state: Single,
    },
    Scram(ScramClient),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Single {
    /// The message went with `<auth/>`. The server may ask for it once more.
    Fresh,
    /// The server has asked for the message once more.
    Repeated,
    Over,
}

impl ClientExchange {
    /// Begins a login.
    ///
    /// - `mechanism` comes from [`choose`](crate::choose).
    /// - `bindings` are those of the connection, whether or not the mechanism uses them: their
    ///   presence reveals an offer from which an attacker removed `-PLUS`. A `-PLUS` mechanism uses
    ///   the most preferred type that the server announced, or the default type of the TLS version
    ///   if it announced none.
    /// - `offer` is the server's whole offer, unchanged.
    /// - `nonce` is fresh from the system's random number generator. Never use one twice.
    ///
    /// # Errors
    ///
    /// [`ClientError::Credentials`] if the credentials cannot be prepared, are empty or too long,
    /// or do not fit the mechanism. [`ClientError::NoChannelBinding`] for a `-PLUS` mechanism if
    /// `bindings` has no type that the server supports.
    pub fn new(
        mechanism: Mechanism,
        credentials: &Credentials,
        bindings: &ChannelBindings,
        offer: &Offer,
        nonce: [u8; 24],
    ) -> Result<Self, ClientError> {
        Self::with_nonce(
            mechanism,
            credentials,
            bindings,
            offer,
            STANDARD.encode(nonce),
        )
    }

    /// [`new`](Self::new) with the nonce in its printable form, as in the examples of the RFCs.
    pub(crate) fn with_nonce(
        mechanism: Mechanism,
        credentials: &Credentials,
        bindings: &ChannelBindings,
        offer: &Offer,
        nonce: String,
    ) -> Result<Self, ClientError> {
        let message = match (mechanism, mechanism.hash()) {
            (_, Some(hash)) => {
                let plus = mechanism.is_plus();
                let scram = ScramClient::new(hash, plus, credentials, bindings, offer, nonce)?;
                let machine = Machine::Scram(scram);
                return Ok(Self { mechanism, machine });
            }
            (Mechanism::External, _) => Zeroizing::new(external::message(credentials)?),
            (Mechanism::Anonymous, _) => Zeroizing::new(anonymous::message(credentials)?),
            _ => plain::message(credentials)?,
        };
        let state = Single::Fresh;
        let machine = Machine::Single { message, state };
        Ok(Self { mechanism, machine })
    }

    /// Sets the numbers of iterations that the client accepts from the server, instead of
    /// [`DEFAULT_ITERATIONS`](crate::DEFAULT_ITERATIONS). Only SCRAM uses it.
    ///
    /// The lower bound stops a hostile server from asking for a proof that is cheap to attack. The
    /// upper bound limits the computing time that it can cost the client.
    #[must_use]
    pub fn with_iterations(mut self, accepted: RangeInclusive<u32>) -> Self {
        if let Machine::Scram(scram) = &mut self.machine {
            scram.set_iterations(accepted);
        }
        self
    }

    /// The mechanism, for the attribute of `<auth/>`.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The message to send with `<auth/>`. Every call returns the same message.
    ///
    /// With PLAIN it contains the password: wipe it after sending it.
    pub fn initial_response(&self) -> Vec<u8> {
        match &self.machine {
            Machine::Single { message, .. } => message.to_vec(),
            Machine::Scram(scram) => scram.initial_response(),
        }
    }

    /// Takes a challenge and returns the response, or the derivation that the response needs.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if the server's message is malformed, unacceptable or superfluous, or
    /// reports an error. The exchange is then over; abort it.
    pub fn step(&mut self, challenge: &[u8]) -> Result<ClientStep, ClientError> {
        match &mut self.machine {
            // A server that ignored the initial response asks for it with an empty challenge (RFC
            // 4422 §5). The response of PLAIN contains the password and is not sent twice.
            Machine::Single { message, state }
                if *state == Single::Fresh
                    && challenge.is_empty()
                    && self.mechanism != Mechanism::Plain =>
            {
                *state = Single::Repeated;
                Ok(ClientStep::Response(message.to_vec()))
            }
            Machine::Single { state, .. } => {
                *state = Single::Over;
                Err(ClientError::OutOfOrder)
            }
            Machine::Scram(scram) => Ok(match scram.step(challenge)? {
                Step::Response(response) => ClientStep::Response(response),
                Step::Derive(derivation) => ClientStep::Derive(derivation),
            }),
        }
    }

    /// Answers [`ClientStep::Derive`] and returns the response to the challenge.
    ///
    /// # Errors
    ///
    /// [`ClientError::Misuse`] if no derivation is open, or if the salted password is for a
    /// different one: see [`Derivation::is_answered_by`]. The exchange is then over.
    pub fn answer(&mut self, salted: &SaltedPassword) -> Result<Vec<u8>, ClientError> {
        match &mut self.machine {
            Machine::Single { state, .. } => {
                *state = Single::Over;
                Err(ClientError::Misuse)
            }
            Machine::Scram(scram) => scram.answer(salted),
        }
    }

    /// [`step`](Self::step), with any derivation computed in line.
    ///
    /// # Errors
    ///
    /// Those of [`step`](Self::step).
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ClientError> {
        match self.step(challenge)? {
            ClientStep::Response(response) => Ok(response),
            ClientStep::Derive(derivation) => self.answer(&derivation.derive()),
        }
    }

    /// Takes the server's success and its additional data, if any.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if the server is not authenticated: its signature is missing or wrong, or
    /// success came too early. Do not continue with the connection then.
    pub fn finish(&mut self, additional_data: Option<&[u8]>) -> Result<(), ClientError> {
        match &mut self.machine {
            Machine::Single { state, .. } => {
                if core::mem::replace(state, Single::Over) == Single::Over {
                    return Err(ClientError::OutOfOrder);
                }
                match additional_data {
                    None | Some([]) => Ok(()),
                    Some(_) => Err(ClientError::UnexpectedData),
                }
            }
            Machine::Scram(scram) => scram.finish(additional_data),
        }
    }
}

impl fmt::Debug for ClientExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientExchange")
            .field("mechanism", &self.mechanism)
            .finish_non_exhaustive()
    }
}
