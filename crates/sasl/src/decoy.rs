//! Keys for users that do not exist.

use core::fmt;

use zeroize::Zeroizing;

#[cfg(feature = "std")]
use crate::error::EntropyUnavailable;
use crate::mechanism::ScramHash;
use crate::scram::crypto::hmacs;
use crate::scram::keys::ScramKeys;

/// The secret from which a server makes up keys for unknown users.
///
/// A SCRAM server sends the salt before it checks the password, so a server that sends a salt only
/// for existing accounts reveals which accounts exist. With this secret a server sends a salt for
/// every username. The salt and keys of an unknown user are HMACs of the prepared username: they
/// are the same at every attempt, and without the secret they cannot be distinguished from real
/// ones, provided that both have the same form. So set [`with_iterations`](Self::with_iterations)
/// and [`with_salt_len`](Self::with_salt_len) to the values that the server passes to
/// [`ScramKeys::derive`] for new accounts, and derive the keys of a real user with a different salt
/// for each hash, because the salts of an unknown user differ too.
///
/// Use one secret for all connections of a server. Keep it across restarts: otherwise the salts of
/// unknown users change, and those of real users do not. `Debug` does not show it.
#[derive(Clone)]
pub struct DecoyKey {
    secret: Zeroizing<[u8; 32]>,
    iterations: u32,
    salt_len: usize,
    plain_hash: ScramHash,
}

impl DecoyKey {
    /// Creates the secret from 32 random octets. The defaults are 16 octets of salt, 4096
    /// iterations, and SHA-256 for passwords that arrive with PLAIN.
    pub fn new(secret: [u8; 32]) -> Self {
        Self {
            secret: Zeroizing::new(secret),
            iterations: 4096,
            salt_len: 16,
            plain_hash: ScramHash::Sha256,
        }
    }

    /// Creates the secret from randomness of the operating system. A server that keeps its accounts
    /// across restarts has to keep the secret as well, so it stores 32 random octets and uses
    /// [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// [`EntropyUnavailable`] if the system gives none.
    #[cfg(feature = "std")]
    pub fn random() -> Result<Self, EntropyUnavailable> {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(secret.as_mut_slice()).map_err(|_| EntropyUnavailable)?;
        Ok(Self::new(*secret))
    }

    /// Sets the number of iterations of the server's real accounts; the least is 1.
    #[must_use]
    pub fn with_iterations(self, iterations: u32) -> Self {
        Self {
            iterations: iterations.max(1),
            ..self
        }
    }

    /// Sets the length of the salts of the server's real accounts, in octets, from 1 to 32.
    #[must_use]
    pub fn with_salt_len(self, octets: usize) -> Self {
        Self {
            salt_len: octets.clamp(1, 32),
            ..self
        }
    }

    /// Sets the hash of the keys with which the server verifies a PLAIN password.
    #[must_use]
    pub fn with_plain_hash(self, hash: ScramHash) -> Self {
        Self {
            plain_hash: hash,
            ..self
        }
    }

    pub(crate) fn plain_keys(&self, username: &str) -> ScramKeys {
        self.keys(self.plain_hash, username)
    }

    /// Returns keys that match no password. The same name always gets the same keys.
    pub(crate) fn keys(&self, hash: ScramHash, username: &str) -> ScramKeys {
        let (scheme, name) = (hash.scheme().as_bytes(), username.as_bytes());
        let [salt, stored_key, server_key]: [&[&[u8]]; 3] = [
            &[b"salt\0", scheme, b"\0", name],
            &[b"stored key\0", scheme, b"\0", name],
            &[b"server key\0", scheme, b"\0", name],
        ];
        // Every login pays for this, and SHA-256 is the cheapest. Only the keys of SHA-512 are
        // longer than its output.
        let made_up_with = match hash {
            ScramHash::Sha512 => ScramHash::Sha512,
            _ => ScramHash::Sha256,
        };
        let messages = [salt, stored_key, server_key];
        let [mut salt, mut stored_key, mut server_key] =
            hmacs(made_up_with, self.secret.as_slice(), messages);
        salt.truncate(self.salt_len);
        stored_key.truncate(hash.output_len());
        server_key.truncate(hash.output_len());
        ScramKeys::made_up(hash, &salt, self.iterations, stored_key, server_key)
    }
}

impl fmt::Debug for DecoyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecoyKey")
            .field("iterations", &self.iterations)
            .field("salt_len", &self.salt_len)
            .field("plain_hash", &self.plain_hash)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{DecoyKey, ScramHash};

    /// Keys of another length than real ones would tell that the user is unknown.
    #[test]
    fn made_up_keys_are_as_long_as_real_ones() {
        for hash in ScramHash::ALL {
            let decoy = DecoyKey::new([4; 32]).with_plain_hash(*hash);
            for keys in [decoy.keys(*hash, "nobody"), decoy.plain_keys("nobody")] {
                assert_eq!(keys.hash(), *hash);
                assert_eq!(keys.stored_key().len(), hash.output_len());
                assert_eq!(keys.server_key().len(), hash.output_len());
            }
        }
    }
}
