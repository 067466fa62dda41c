//! Caps on all input from a peer or a user, in octets.

use core::ops::RangeInclusive;

/// The longest message that either side accepts from its peer, after decoding base64. It has room
/// for fields at all the other caps, in their escaped form.
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

/// The longest nonce: the client's and the server's together.
pub const MAX_NONCE: usize = 1024;

/// The longest salt.
pub const MAX_SALT: usize = 1024;

/// The numbers of iterations that a client accepts by default: see
/// [`ClientExchange::with_iterations`](crate::ClientExchange::with_iterations).
///
/// The lower bound is the number that RFC 7677 §4 requires of servers. ejabberd and MongooseIM use
/// 4,096 by default, Prosody 10,000. The upper bound is the number that OWASP recommends for PBKDF2
/// with SHA-256, so that a client accepts servers whose operators follow that advice. Measured on
/// an AMD EPYC, whose SHA extensions do not cover SHA-512, the upper bound costs 0.1 seconds with
/// SHA-1 and SHA-256, and 0.5 seconds with SHA-512.
pub const DEFAULT_ITERATIONS: RangeInclusive<u32> = 4096..=600_000;
