//! The keys that a server stores instead of a password (RFC 5802 §3; RFC 5803).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::crypto::{self, Secret};
use super::hi::hi;
use crate::error::KeysError;
use crate::limits::{MAX_PASSWORD, MAX_SALT};
use crate::mechanism::ScramHash;
use crate::saslprep::{StringKind, saslprep};
use crate::wire::decode_base64;

/// The keys that a server keeps instead of a password, for one hash function.
///
/// An attacker who reads the keys can impersonate the *server* to the client, and can try passwords
/// at a cost of `iterations` HMACs each, but cannot log in as the user. So the keys are still
/// secret: `Debug` shows neither of them, they are wiped on drop, and there is no `Display`.
///
/// ```
/// use xmppwire_sasl::{KeysError, ScramHash, ScramKeys};
///
/// # fn main() -> Result<(), KeysError> {
/// let salt = [7; 16]; // 16 random octets, new for every password
/// let keys = ScramKeys::derive(ScramHash::Sha256, "r0m30myr0m30", &salt, 10_000)?;
/// let line = keys.to_text(); // for the accounts file
/// assert!(line.starts_with("SCRAM-SHA-256$10000:"));
/// assert!(ScramKeys::parse(&line)?.verify("r0m30myr0m30"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ScramKeys {
    hash: ScramHash,
    salt: Vec<u8>,
    iterations: u32,
    stored_key: Secret,
    server_key: Secret,
}

impl ScramKeys {
    /// Derives the keys of a password. A server calls this when the password is set; no later step
    /// needs the password. The call costs `iterations` HMACs, in line.
    ///
    /// The salt should have 16 random octets or more, and `iterations` should be 4096 or more (RFC
    /// 7677 §4). Use the same length and the same number for all accounts, so that the keys of a
    /// [`DecoyKey`](crate::DecoyKey) have the same form. A server should refuse passwords that are easy
    /// to guess before it calls this (RFC 6120 §13.9.4); any password is taken here.
    ///
    /// # Errors
    ///
    /// If SASLprep refuses the password as a stored string; if the password is empty or exceeds
    /// [`MAX_PASSWORD`]; if the salt is empty or exceeds [`MAX_SALT`]; if `iterations` is 0.
    pub fn derive(
        hash: ScramHash,
        password: &str,
        salt: &[u8],
        iterations: u32,
    ) -> Result<Self, KeysError> {
        check_salt(salt, iterations)?;
        if password.len() > MAX_PASSWORD {
            return Err(KeysError::PasswordLength);
        }
        let password = saslprep(password, StringKind::Stored).map_err(KeysError::Password)?;
        let password = Zeroizing::new(password.into_owned());
        if password.is_empty() {
            return Err(KeysError::PasswordLength);
        }
        let (stored_key, server_key) = derive(hash, password.as_bytes(), salt, iterations);
        Ok(Self {
            hash,
            salt: salt.into(),
            iterations,
            stored_key,
            server_key,
        })
    }

    /// Builds the keys from stored values.
    ///
    /// # Errors
    ///
    /// If a key does not have the length of the hash; if the salt is empty or exceeds [`MAX_SALT`];
    /// if `iterations` is 0.
    pub fn from_parts(
        hash: ScramHash,
        salt: &[u8],
        iterations: u32,
        stored_key: &[u8],
        server_key: &[u8],
    ) -> Result<Self, KeysError> {
        check_salt(salt, iterations)?;
        if stored_key.len() != hash.output_len() || server_key.len() != hash.output_len() {
            return Err(KeysError::KeyLength);
        }
        Ok(Self {
            hash,
            salt: salt.into(),
            iterations,
            stored_key: Zeroizing::new(stored_key.into()),
            server_key: Zeroizing::new(server_key.into()),
        })
    }

    /// Keys for a user that does not exist.
    pub(crate) fn made_up(
        hash: ScramHash,
        salt: &[u8],
        iterations: u32,
        stored_key: Secret,
        server_key: Secret,
    ) -> Self {
        Self {
            hash,
            salt: salt.into(),
            iterations,
            stored_key,
            server_key,
        }
    }

    /// The hash function, which determines the mechanisms that can use the keys.
    pub fn hash(&self) -> ScramHash {
        self.hash
    }

    /// The salt. The server sends it in every login attempt for this user.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// The number of PBKDF2 iterations.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// `StoredKey` of RFC 5802: verifies the client.
    pub fn stored_key(&self) -> &[u8] {
        &self.stored_key
    }

    /// `ServerKey` of RFC 5802: proves the server.
    pub fn server_key(&self) -> &[u8] {
        &self.server_key
    }

    /// Returns true if `password`, which arrived in the clear, is the user's password. The call
    /// costs as much as [`derive`](Self::derive). It returns false for a password that cannot be
    /// prepared.
    pub fn verify(&self, password: &str) -> bool {
        if password.len() > MAX_PASSWORD {
            return false;
        }
        match saslprep(password, StringKind::Query) {
            Ok(password) => self
                .matches(Zeroizing::new(password.into_owned()).as_bytes())
                .into(),
            Err(_) => false,
        }
    }

    /// [`verify`](Self::verify) for a password that is already prepared.
    pub(crate) fn matches(&self, prepared: &[u8]) -> Choice {
        let (stored_key, _) = derive(self.hash, prepared, &self.salt, self.iterations);
        stored_key.ct_eq(&self.stored_key)
    }

    /// One line of text for an accounts file, in the syntax of RFC 5803:
    /// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, the last three in base64.
    pub fn to_text(&self) -> String {
        let [salt, stored_key, server_key] =
            [&self.salt, &*self.stored_key, &*self.server_key].map(|b| STANDARD.encode(b));
        let (scheme, iterations) = (self.hash.scheme(), self.iterations);
        format!("{scheme}${iterations}:{salt}${stored_key}:{server_key}")
    }

    /// Reads the text that [`to_text`](Self::to_text) writes. It accepts no surrounding white space
    /// and no other spelling of the numbers.
    ///
    /// # Errors
    ///
    /// [`KeysError::Text`] if the form is wrong or the hash is unknown, and those of
    /// [`from_parts`](Self::from_parts).
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let mut sections = text.split('$');
        let (Some(scheme), Some(info), Some(value), None) = (
            sections.next(),
            sections.next(),
            sections.next(),
            sections.next(),
        ) else {
            return Err(KeysError::Text);
        };
        let hash = ScramHash::ALL.iter().find(|hash| hash.scheme() == scheme);
        let hash = *hash.ok_or(KeysError::Text)?;
        let (iterations, salt) = info.split_once(':').ok_or(KeysError::Text)?;
        let (stored_key, server_key) = value.split_once(':').ok_or(KeysError::Text)?;
        let iterations = super::message::number(iterations).ok_or(KeysError::Text)?;
        let [salt, stored_key, server_key] =
            [salt, stored_key, server_key].map(|text| decode_base64(text).map(Zeroizing::new));
        Self::from_parts(
            hash,
            &salt.map_err(|_| KeysError::Text)?,
            iterations,
            &stored_key.map_err(|_| KeysError::Text)?,
            &server_key.map_err(|_| KeysError::Text)?,
        )
    }
}

fn check_salt(salt: &[u8], iterations: u32) -> Result<(), KeysError> {
    if salt.is_empty() || salt.len() > MAX_SALT {
        return Err(KeysError::SaltLength);
    }
    if iterations == 0 {
        return Err(KeysError::Iterations);
    }
    Ok(())
}

/// `StoredKey` and `ServerKey` (RFC 5802 §3).
fn derive(hash: ScramHash, password: &[u8], salt: &[u8], iterations: u32) -> (Secret, Secret) {
    let salted = hi(hash, password, salt, iterations);
    let names: [&[&[u8]]; 2] = [&[b"Client Key"], &[b"Server Key"]];
    let [client_key, server_key] = crypto::hmacs(hash, &salted, names);
    (crypto::digest(hash, &client_key), server_key)
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramKeys")
            .field("hash", &self.hash)
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}
