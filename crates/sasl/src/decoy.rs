//! Stand-ins for the keys of users that do not exist.

use core::fmt;

use zeroize::Zeroizing;

use crate::mechanism::ScramHash;
use crate::scram::crypto::hmac;
use crate::scram::keys::ScramKeys;

/// The secret from which a server makes up keys for unknown users.
///
/// SCRAM sends the salt before the password is checked, so a server that answers only for accounts
/// that exist tells the world which do. This one answers for all: salt and keys of an unknown user
/// are HMACs of the prepared username, the same at every attempt, and nobody without the secret can
/// tell them from real ones, provided that their *shape* is that of the real ones. So set
/// [`with_iterations`](Self::with_iterations) and [`with_salt_len`](Self::with_salt_len) to what
/// [`ScramKeys::derive`] is called with for new accounts, and give a real user's keys a salt of
/// their own for each hash: those of a decoy are never the same for two.
///
/// One secret serves all connections of a server. Keep it across restarts, or the salts of unknown
/// users change where those of known ones do not. `Debug` does not show it.
#[derive(Clone)]
pub struct DecoyKey {
    secret: Zeroizing<[u8; 32]>,
    iterations: u32,
    salt_len: usize,
    plain_hash: ScramHash,
}

impl DecoyKey {
    /// From 32 random octets, for accounts with 16 octets of salt and 4096 iterations, whose
    /// passwords are checked with SHA-256 when they come with PLAIN.
    pub fn new(secret: [u8; 32]) -> Self {
        Self {
            secret: Zeroizing::new(secret),
            iterations: 4096,
            salt_len: 16,
            plain_hash: ScramHash::Sha256,
        }
    }

    /// Sets the iterations of the server's real accounts; at least 1.
    #[must_use]
    pub fn with_iterations(self, iterations: u32) -> Self {
        Self {
            iterations: iterations.max(1),
            ..self
        }
    }

    /// Sets the salt's length of the server's real accounts, in octets: from 1 to 32.
    #[must_use]
    pub fn with_salt_len(self, octets: usize) -> Self {
        Self {
            salt_len: octets.clamp(1, 32),
            ..self
        }
    }

    /// Sets the hash of the keys that the server answers a PLAIN password with.
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

    /// Keys that no password opens, the same for the same name.
    pub(crate) fn keys(&self, hash: ScramHash, username: &str) -> ScramKeys {
        let made_up = |what: &[u8], hash: ScramHash| {
            let scheme = hash.scheme().as_bytes();
            let name = username.as_bytes();
            // The longest of the hashes, so that it can be cut to the length of any.
            hmac(
                ScramHash::Sha512,
                self.secret.as_slice(),
                &[what, b"\0", scheme, b"\0", name],
            )
        };
        let mut salt = made_up(b"salt", hash);
        salt.truncate(self.salt_len);
        let mut stored_key = made_up(b"stored key", hash);
        stored_key.truncate(hash.output_len());
        let mut server_key = made_up(b"server key", hash);
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
