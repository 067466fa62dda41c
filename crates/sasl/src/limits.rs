//! Caps on everything that a peer or a user hands over, in octets.

use core::ops::RangeInclusive;

/// The longest message that either side takes from its peer, decoded. Ample for the other caps
/// together, in their escaped form.
pub const MAX_MESSAGE: usize = 16_384;

/// The longest username, before and after preparation. An XMPP localpart has at most 1023 octets
/// (RFC 7622, Section 3.1).
pub const MAX_USERNAME: usize = 1024;

/// The longest password, before and after preparation.
pub const MAX_PASSWORD: usize = 1024;

/// The longest authorization identity: a whole JID (RFC 7622, Section 3.1).
pub const MAX_AUTHZID: usize = 3071;

/// The longest trace of an anonymous client, in *characters* (RFC 4505, Section 2).
pub const MAX_TRACE: usize = 255;

/// The longest nonce, that of the client and that of the server together.
pub const MAX_NONCE: usize = 1024;

/// The longest salt.
pub const MAX_SALT: usize = 1024;

/// The iterations that a client accepts unless told otherwise.
///
/// The least is what RFC 7677, Section 4 asks servers for. The most is half as much again as the
/// highest figure in common advice on password storage, and costs a quarter of a second where the
/// processor knows the hash, several seconds on a small one that does not.
pub const DEFAULT_ITERATIONS: RangeInclusive<u32> = 4096..=2_000_000;
