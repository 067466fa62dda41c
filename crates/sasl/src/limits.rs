//! Caps on everything that a peer or a user hands over, in octets.

use core::ops::RangeInclusive;

/// The longest message that either side takes from its peer, decoded. Ample for the other caps
/// together, in their escaped form.
pub const MAX_MESSAGE: usize = 16_384;

/// The longest username, before and after preparation. An XMPP localpart has at most 1023 octets
/// (RFC 7622 §3.1).
pub const MAX_USERNAME: usize = 1024;

/// The longest password, before and after preparation.
pub const MAX_PASSWORD: usize = 1024;

/// The longest authorization identity: a whole JID (RFC 7622 §3.1).
pub const MAX_AUTHZID: usize = 3071;

/// The longest trace of an anonymous client, in *characters* (RFC 4505 §2).
pub const MAX_TRACE: usize = 255;

/// The longest nonce, that of the client and that of the server together.
pub const MAX_NONCE: usize = 1024;

/// The longest salt.
pub const MAX_SALT: usize = 1024;

/// The iterations that a client accepts unless told otherwise: see
/// [`ClientExchange::with_iterations`](crate::ClientExchange::with_iterations).
///
/// The least is what RFC 7677 §4 asks of servers. ejabberd and MongooseIM use 4,096 by default,
/// Prosody 10,000. The most is the number that OWASP recommends for PBKDF2 with SHA-256, so that
/// servers whose operators follow it are accepted. Measured on an AMD EPYC, whose SHA extensions do
/// not cover SHA-512, the most costs 0.1 seconds with SHA-1 and SHA-256, and 0.5 with SHA-512.
pub const DEFAULT_ITERATIONS: RangeInclusive<u32> = 4096..=600_000;
