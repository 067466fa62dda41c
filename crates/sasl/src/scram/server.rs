//! The server's side of SCRAM (RFC 5802 §3): one type for each state.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::{Choice, ConstantTimeEq};

use super::crypto;
use super::keys::ScramKeys;
use super::message::{ClientFinal, ClientFirst, Flag};
use crate::channel_binding::{ChannelBindingType, ChannelBindings};
use crate::error::Rejection;
use crate::mechanism::ScramHash;
use crate::offer::Offer;
use crate::prepare;

/// The client's first message has arrived; the application has to look up the user's keys.
pub(crate) struct Asking {
    pub(crate) username: String,
    pub(crate) authzid: Option<String>,
    pub(crate) hash: ScramHash,
    client_nonce: String,
    first_bare: String,
    /// The content that `c=` must have.
    binding: Vec<u8>,
}

impl Asking {
    pub(crate) fn receive(
        message: &[u8],
        hash: ScramHash,
        plus: bool,
        bindings: &ChannelBindings,
        plus_offered: bool,
    ) -> Result<Self, Rejection> {
        let first = ClientFirst::parse(message)?;
        // RFC 5802 §6.
        let bound = match first.flag {
            Flag::Uses(name) if plus => ChannelBindingType::from_name(name)
                .and_then(|kind| bindings.get(kind))
                .ok_or(Rejection::UnsupportedChannelBinding)?,
            Flag::Unsupported if !plus => &[],
            Flag::Unoffered if !plus && plus_offered => return Err(Rejection::Downgrade),
            Flag::Unoffered if !plus => &[],
            _ => return Err(Rejection::ChannelBindingFlag),
        };
        Ok(Self {
            username: prepare::username(&first.username).map_err(|_| Rejection::Username)?,
            authzid: first.authzid,
            hash,
            client_nonce: first.nonce.into(),
            first_bare: first.bare.into(),
            binding: [first.gs2_header.as_bytes(), bound].concat(),
        })
    }

    /// Continues with the keys, which may be those of an unknown user.
    pub(crate) fn challenge(
        self,
        keys: ScramKeys,
        known: Choice,
        nonce: &str,
        offer: Option<&Offer>,
    ) -> Result<(Vec<u8>, AwaitingProof), Rejection> {
        if keys.hash() != self.hash {
            return Err(Rejection::Misuse);
        }
        let nonce = format!("{}{nonce}", self.client_nonce);
        let salt = STANDARD.encode(keys.salt());
        let mut server_first = format!("r={nonce},s={salt},i={}", keys.iterations());
        if let Some(offer) = offer {
            server_first.push_str(",h=");
            server_first.push_str(&offer.hash(self.hash));
        }
        let message = server_first.clone().into_bytes();
        Ok((
            message,
            AwaitingProof {
                asking: self,
                nonce,
                server_first,
                keys,
                known,
            },
        ))
    }
}

/// The server has sent its challenge; the client must answer with its proof.
pub(crate) struct AwaitingProof {
    asking: Asking,
    nonce: String,
    server_first: String,
    keys: ScramKeys,
    /// Whether the keys belong to an existing user.
    known: Choice,
}

/// The client is authenticated.
pub(crate) struct Proved {
    pub(crate) username: String,
    pub(crate) authzid: Option<String>,
    pub(crate) server_final: Vec<u8>,
}

impl AwaitingProof {
    pub(crate) fn receive(self, message: &[u8]) -> Result<Proved, Rejection> {
        let client_final = ClientFinal::parse(message)?;
        if !bool::from(client_final.binding.ct_eq(&self.asking.binding)) {
            return Err(Rejection::ChannelBindingMismatch);
        }
        if client_final.nonce != self.nonce {
            return Err(Rejection::NonceMismatch);
        }

        let hash = self.keys.hash();
        let auth_message: [&[u8]; 5] = [
            self.asking.first_bare.as_bytes(),
            b",",
            self.server_first.as_bytes(),
            b",",
            client_final.without_proof.as_bytes(),
        ];
        let signature = crypto::hmac(hash, self.keys.stored_key(), &auth_message);
        let client_key = crypto::xor(&signature, &client_final.proof);
        let stored_key = crypto::digest(hash, &client_key);
        let right = stored_key.ct_eq(self.keys.stored_key())
            // XOR stops at the shorter side, so a longer proof needs this check.
            & client_final.proof.len().ct_eq(&hash.output_len())
            & self.known;
        if !bool::from(right) {
            return Err(Rejection::WrongCredentials);
        }
        let verifier = crypto::hmac(hash, self.keys.server_key(), &auth_message);
        Ok(Proved {
            username: self.asking.username,
            authzid: self.asking.authzid,
            server_final: format!("v={}", STANDARD.encode(verifier)).into_bytes(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientExchange, Credentials, Mechanism};

    /// An unknown user is refused even if the keys made up for it match.
    #[test]
    fn the_right_proof_for_an_unknown_user_is_refused() {
        let none = ChannelBindings::none();
        let credentials = Credentials::new("juliet", "r0m30myr0m30");
        let mechanism = Mechanism::ScramSha1;
        let offer = Offer::new([mechanism.name()]);
        let client = ClientExchange::new(mechanism, &credentials, &none, &offer, [1; 24]);
        let client = client.unwrap().with_iterations(1..=1);
        let keys = ScramKeys::derive(ScramHash::Sha1, "r0m30myr0m30", b"salt", 1).unwrap();
        for known in [true, false] {
            let mut client = client.clone();
            let first = client.initial_response();
            let asking = Asking::receive(&first, ScramHash::Sha1, false, &none, false).unwrap();
            let known_choice = Choice::from(u8::from(known));
            let (challenge, awaiting) = asking
                .challenge(keys.clone(), known_choice, "nonce", Some(&offer))
                .unwrap();
            let proved = awaiting.receive(&client.respond(&challenge).unwrap());
            assert_eq!(proved.is_ok(), known);
            assert_eq!(
                proved.err(),
                (!known).then_some(Rejection::WrongCredentials)
            );
        }
    }
}
