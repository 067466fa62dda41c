//! The question of a client to its application: the key derivation of a SCRAM login, which may take
//! long.

use alloc::boxed::Box;
use core::fmt;

use xmppwire_sasl::{ClientExchange, ClientStep, Derivation, SaltedPassword, ScramHash};
use xmppwire_xml::Element;

use super::{Client, ClientEvent, State};
use crate::endpoint::Endpoint;
use crate::error::{ApiMisuse, PeerMisbehaved};
use crate::ns;
use crate::wire::sasl;
use crate::wire::stream_error::StreamErrorCondition;

/// Asks for the salted password, because the server wants more iterations than are computed in
/// line.
///
/// The request owns its data, so it can move to another thread. Give it back with the result of
/// [`derive`](Self::derive) to [`Endpoint::answer_derivation`].
///
/// It holds the password: its memory is wiped on drop, and `Debug` does not show it.
#[must_use = "a dropped question ends the connection by time-out"]
pub struct DerivationRequest {
    serial: u64,
    derivation: Derivation,
}

impl DerivationRequest {
    /// The hash function.
    pub const fn hash(&self) -> ScramHash {
        self.derivation.hash()
    }

    /// The salt, at most 1024 octets.
    pub fn salt(&self) -> &[u8] {
        self.derivation.salt()
    }

    /// The number of PBKDF2 iterations, within
    /// [`ClientConfig::with_iterations`](crate::ClientConfig::with_iterations).
    pub const fn iterations(&self) -> u32 {
        self.derivation.iterations()
    }

    /// Computes the salted password, in line.
    pub fn derive(&self) -> SaltedPassword {
        self.derivation.derive()
    }

    /// Whether a salted password of an earlier login has the hash, salt and iterations of this
    /// question. Whether it was made from the same password cannot be checked.
    pub fn is_answered_by(&self, salted: &SaltedPassword) -> bool {
        self.derivation.is_answered_by(salted)
    }
}

impl fmt::Debug for DerivationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.derivation.fmt(f)
    }
}

impl Endpoint<Client> {
    /// Answers [`ClientEvent::Derivation`].
    ///
    /// # Errors
    /// [`ApiMisuse::StaleRequest`] when the question is not the open one.
    /// [`ApiMisuse::WrongAnswer`] for a salted password of another salt, hash or number of
    /// iterations. The token is spent then, so the connection ends when its negotiation times out.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a question is answered only once"
    )]
    pub fn answer_derivation(
        &mut self,
        request: DerivationRequest,
        salted: &SaltedPassword,
    ) -> Result<(), ApiMisuse> {
        if self.is_done() {
            return Ok(());
        }
        let State::Deriving { serial, exchange } = &mut self.role.state else {
            return Err(ApiMisuse::StaleRequest);
        };
        if *serial != request.serial {
            return Err(ApiMisuse::StaleRequest);
        }
        if !request.is_answered_by(salted) {
            return Err(ApiMisuse::WrongAnswer);
        }
        let response = exchange
            .answer(salted)
            .map_err(|_| ApiMisuse::WrongAnswer)?;
        if let State::Deriving { exchange, .. } =
            core::mem::replace(&mut self.role.state, State::Offering)
        {
            self.respond(exchange, &response);
        }
        Ok(())
    }

    pub(super) fn handle_challenge(
        &mut self,
        mut exchange: Box<ClientExchange>,
        challenge: &Element,
    ) {
        let step = sasl::data(challenge)
            .map_err(|_| PeerMisbehaved::Negotiation("SASL data is not valid base64"))
            .and_then(|data| exchange.step(&data).map_err(PeerMisbehaved::Sasl));
        let response = match step {
            Ok(ClientStep::Response(response)) => Ok(response),
            Ok(ClientStep::Derive(derivation)) => {
                if derivation.iterations() > self.role.config.inline_iterations {
                    return self.ask_for_derivation(exchange, derivation);
                }
                let response = exchange.answer(&derivation.derive());
                response.map_err(PeerMisbehaved::Sasl)
            }
            Err(why) => Err(why),
        };
        match response {
            Ok(response) => self.respond(exchange, &response),
            Err(why) => {
                // End the SASL exchange before the stream (RFC 6120 §6.4.4).
                self.stream
                    .push_own(&Element::builder("abort", ns::SASL).build());
                self.stream.fail(StreamErrorCondition::NotAuthorized, why);
            }
        }
    }

    fn ask_for_derivation(&mut self, exchange: Box<ClientExchange>, derivation: Derivation) {
        let serial = self.serial();
        self.role.state = State::Deriving { serial, exchange };
        self.event = Some(ClientEvent::Derivation(DerivationRequest {
            serial,
            derivation,
        }));
    }

    fn respond(&mut self, exchange: Box<ClientExchange>, response: &[u8]) {
        let response = Element::builder("response", ns::SASL)
            .text(&sasl::encode(response))
            .build();
        self.stream.push_own(&response);
        self.role.state = State::Sasl(exchange);
    }
}
