//! Questions that dialback puts, as tokens: plain data that can be answered elsewhere and later.

use alloc::string::String;
use core::fmt;

use super::{Pair, Verdict};

/// A server wants to send for a pair and gave a key: did the authoritative server of the sender
/// domain make it (XEP-0220 §2.1.2)?
///
/// Give it to [`Endpoint::verify`](crate::Endpoint::verify) of a stream to the sender domain, one
/// that was found by an own DNS look-up, and give what comes out to the connection that asked.
/// Where no such stream can be had, [`answer`](Self::answer) the request with an error.
#[must_use = "a dropped request makes the peer wait until its time is over"]
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyRequest {
    pub(super) serial: u64,
    pub(super) pair: Pair,
    pub(super) stream_id: String,
    pub(super) key: String,
}

impl VerifyRequest {
    /// The request that another machine of a cluster received. Its answer holds the [`Verdict`] to
    /// go back with; the machine that holds the connection then answers its own token.
    pub const fn new(pair: Pair, stream_id: String, key: String) -> Self {
        Self {
            serial: 0,
            pair,
            stream_id,
            key,
        }
    }

    /// The pair that the peer wants to send for.
    pub const fn pair(&self) -> &Pair {
        &self.pair
    }

    /// The id of the stream on which the peer gave the key.
    pub fn stream_id(&self) -> &str {
        &self.stream_id
    }

    /// The key, as the peer sent it. Only the authoritative server can tell what it means.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The answer to this request.
    pub fn answer(self, verdict: Verdict) -> VerifyAnswer {
        VerifyAnswer {
            request: self,
            verdict,
        }
    }
}

impl fmt::Debug for VerifyRequest {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyRequest")
            .field("pair", &self.pair)
            .field("stream_id", &self.stream_id)
            .finish_non_exhaustive()
    }
}

/// The answer to a [`VerifyRequest`]: give it to the connection that asked.
#[must_use = "a dropped answer makes the peer wait until its time is over"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyAnswer {
    pub(super) request: VerifyRequest,
    pub(super) verdict: Verdict,
}

impl VerifyAnswer {
    /// The pair that it is about.
    pub const fn pair(&self) -> &Pair {
        &self.request.pair
    }

    /// The id of the stream that it is about.
    pub fn stream_id(&self) -> &str {
        &self.request.stream_id
    }

    /// What became of the key.
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

/// Another server asks whether this server made a key (XEP-0220 §2.2.2). Emitted only where the
/// connection has no [`DialbackSecret`](super::DialbackSecret) to find the answer itself.
#[must_use = "a dropped request makes the peer wait until its time is over"]
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRequest {
    pub(super) serial: u64,
    pub(super) pair: Pair,
    pub(super) stream_id: String,
    pub(super) key: String,
}

impl KeyRequest {
    /// The pair that the key was used for: its sender domain is one of this server.
    pub const fn pair(&self) -> &Pair {
        &self.pair
    }

    /// The id of the stream that the key was used on.
    pub fn stream_id(&self) -> &str {
        &self.stream_id
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for KeyRequest {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRequest")
            .field("pair", &self.pair)
            .field("stream_id", &self.stream_id)
            .finish_non_exhaustive()
    }
}
