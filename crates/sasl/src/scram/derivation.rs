//! The costly step of a SCRAM client, as a value that another thread can compute (RFC 5802 §3).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::crypto::{self, Secret};
use super::hi::hi;
use crate::mechanism::ScramHash;

/// The salted password that a SCRAM client has to compute before it can answer the server.
///
/// The cost is [`iterations`](Self::iterations) HMACs, a number that the client has checked against
/// [`ClientExchange::with_iterations`](crate::ClientExchange::with_iterations). The value owns all
/// its data, so [`derive`](Self::derive) can run on another thread. Give the result to
/// [`ClientExchange::answer`](crate::ClientExchange::answer).
///
/// It contains the password. Its memory is wiped on drop, and `Debug` does not show the password.
#[must_use = "the login goes on only with the salted password"]
pub struct Derivation {
    parameters: Parameters,
    password: Zeroizing<String>,
}

/// The parameters of a salted password, apart from the password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) hash: ScramHash,
    pub(crate) salt: Vec<u8>,
    pub(crate) iterations: u32,
}

impl Derivation {
    pub(crate) const fn new(parameters: Parameters, password: Zeroizing<String>) -> Self {
        Self {
            parameters,
            password,
        }
    }

    /// The hash function.
    pub const fn hash(&self) -> ScramHash {
        self.parameters.hash
    }

    /// The salt, at most [`MAX_SALT`](crate::MAX_SALT) octets.
    pub fn salt(&self) -> &[u8] {
        &self.parameters.salt
    }

    /// The number of PBKDF2 iterations.
    pub const fn iterations(&self) -> u32 {
        self.parameters.iterations
    }

    /// Computes the salted password, in line.
    pub fn derive(&self) -> SaltedPassword {
        let Parameters {
            hash,
            salt,
            iterations,
        } = &self.parameters;
        let octets = hi(*hash, self.password.as_bytes(), salt, *iterations);
        SaltedPassword {
            parameters: self.parameters.clone(),
            octets,
        }
    }

    /// Whether `salted` has the same hash, salt and number of iterations, so that a value from an
    /// earlier login can be used again. This does not check that it was derived from the same
    /// password.
    pub fn is_answered_by(&self, salted: &SaltedPassword) -> bool {
        salted.is_for(&self.parameters)
    }
}

/// Omits the password and the salt.
impl fmt::Debug for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Derivation")
            .field("hash", &self.hash())
            .field("iterations", &self.iterations())
            .finish_non_exhaustive()
    }
}

/// The answer to a [`Derivation`]: the `SaltedPassword` of RFC 5802 §3.
///
/// A client may keep it for later logins, until the password changes or the server asks for another
/// salt or number of iterations. It gives access to the account, as the password does: its memory
/// is wiped on drop, and `Debug` does not show it.
#[derive(Clone)]
pub struct SaltedPassword {
    parameters: Parameters,
    octets: Secret,
}

impl SaltedPassword {
    /// `ClientKey` and `ServerKey`.
    pub(crate) fn keys(&self) -> (Secret, Secret) {
        let names: [&[&[u8]]; 2] = [&[b"Client Key"], &[b"Server Key"]];
        let [client_key, server_key] = crypto::hmacs(self.parameters.hash, &self.octets, names);
        (client_key, server_key)
    }

    pub(crate) fn is_for(&self, parameters: &Parameters) -> bool {
        self.parameters == *parameters
    }
}

impl fmt::Debug for SaltedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaltedPassword")
            .field("hash", &self.parameters.hash)
            .field("iterations", &self.parameters.iterations)
            .finish_non_exhaustive()
    }
}
