//! The question of a client to its application: the key derivation of a SCRAM login, which may take
//! long.

use alloc::boxed::Box;
use core::fmt;

use xmppwire_sasl::{ClientStep, Derivation, SaltedPassword, ScramHash};
use xmppwire_xml::Element;

use super::login::Login;
use super::{Client, ClientEvent, State};
use crate::endpoint::Endpoint;
use crate::error::{ApiMisuse, PeerMisbehaved};
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
        let State::Deriving { serial, login } = &mut self.role.state else {
            return Err(ApiMisuse::StaleRequest);
        };
        if *serial != request.serial {
            return Err(ApiMisuse::StaleRequest);
        }
        if !request.is_answered_by(salted) {
            return Err(ApiMisuse::WrongAnswer);
        }
        let response = login
            .exchange
            .answer(salted)
            .map_err(|_| ApiMisuse::WrongAnswer)?;
        if let State::Deriving { login, .. } =
            core::mem::replace(&mut self.role.state, State::Offering)
        {
            self.respond(login, &response);
        }
        Ok(())
    }

    pub(super) fn handle_challenge(&mut self, mut login: Box<Login>, challenge: &Element) {
        let step = login
            .profile
            .data(challenge)
            .map_err(|_| PeerMisbehaved::Negotiation("SASL data is not valid base64"))
            .and_then(|data| login.exchange.step(&data).map_err(PeerMisbehaved::Sasl));
        let response = match step {
            Ok(ClientStep::Response(response)) => Ok(response),
            Ok(ClientStep::Derive(derivation)) => {
                if derivation.iterations() > self.role.config.inline_iterations {
                    return self.ask_for_derivation(login, derivation);
                }
                let response = login.exchange.answer(&derivation.derive());
                response.map_err(PeerMisbehaved::Sasl)
            }
            Err(why) => Err(why),
        };
        match response {
            Ok(response) => self.respond(login, &response),
            Err(why) => {
                // End the SASL exchange before the stream (RFC 6120 §6.4.4).
                self.stream.push_own(&login.profile.empty("abort"));
                self.stream.fail(StreamErrorCondition::NotAuthorized, why);
            }
        }
    }

    fn ask_for_derivation(&mut self, login: Box<Login>, derivation: Derivation) {
        let serial = self.serial();
        self.role.state = State::Deriving { serial, login };
        self.event = Some(ClientEvent::Derivation(DerivationRequest {
            serial,
            derivation,
        }));
    }

    fn respond(&mut self, login: Box<Login>, response: &[u8]) {
        let response = login.profile.message("response", response);
        self.stream.push_own(&response);
        self.role.state = State::Sasl(login);
    }
}
