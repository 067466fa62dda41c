//! What this side may send: the pairs that the peer authorised, and the requests that it has not
//! answered.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use xmppwire_jid::Domainpart;

use super::config::PairLimits;
use super::dialback::{Dialback, DialbackError, DialbackSecret, Verdict};
use super::question::{VerifyAnswer, VerifyRequest};
use super::{Pair, Trust};
use crate::error::CloseReason;
use crate::stanza::StanzaErrorCondition as Condition;
use crate::time::Instant;
use crate::wire::stream_error::StreamErrorCondition;

/// Why a pair was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The authoritative server did not make the key: another server has the sender domain, or the
    /// machines of this one do not share their [`DialbackSecret`].
    Invalid,
    /// The pair could not be authorised.
    Error(DialbackError),
}

impl Refusal {
    /// The refusal of a pair that was asked for on a stream that ended before the answer (XEP-0220
    /// §2.1.1).
    pub fn by_end(reason: &CloseReason) -> Self {
        Self::Error(DialbackError::new(meaning(reason)))
    }

    /// The condition that the senders of waiting stanzas are told (XEP-0220 §2.1.1).
    pub const fn bounce(&self) -> Condition {
        match self {
            Self::Invalid => Condition::InternalServerError,
            Self::Error(_) => Condition::RemoteServerTimeout,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid => f.write_str("the key is invalid"),
            Self::Error(error) => write!(f, "{error}"),
        }
    }
}

/// The initiating server's part of dialback on one stream, and the receiving server's where it
/// asks.
#[derive(Debug, Default)]
pub(super) struct Speaker {
    ready: BTreeMap<Pair, Trust>,
    keys: Vec<Key>,
    verifications: Vec<Verification>,
}

/// A pair that is to be authorised.
#[derive(Debug)]
struct Key {
    pair: Pair,
    state: Request,
}

/// A key of another server that the peer is asked about.
#[derive(Debug)]
struct Verification {
    request: VerifyRequest,
    state: Request,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    /// It waits for the negotiation to be over.
    Waiting,
    /// It was sent. The deadline is `None` until a call tells the time.
    Sent(Option<Instant>),
}

impl Request {
    fn deadline(self) -> Option<Instant> {
        match self {
            Self::Waiting => None,
            Self::Sent(deadline) => Some(deadline.unwrap_or(Instant::ORIGIN)),
        }
    }

    /// Whether its time is over. Starts the deadline of a new one.
    fn is_over(&mut self, now: Instant, timeout: Duration) -> bool {
        match self {
            Self::Waiting => false,
            Self::Sent(deadline) => now >= *deadline.get_or_insert(now + timeout),
        }
    }
}

impl Speaker {
    pub(super) fn trust(&self, pair: &Pair) -> Option<Trust> {
        self.ready.get(pair).copied()
    }

    /// Whether this side may send nothing yet.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    pub(super) fn is_asked(&self, pair: &Pair) -> bool {
        self.keys.iter().any(|key| key.pair == *pair)
    }

    /// The sender domains that are ready.
    pub(super) fn senders(&self) -> impl Iterator<Item = &Domainpart> {
        self.ready.keys().map(Pair::sender)
    }

    /// Whether a stanza from one domain to the other may be sent.
    pub(super) fn may_send(&self, sender: &str, target: &str) -> bool {
        self.ready
            .keys()
            .any(|pair| pair.sender().as_str() == sender && pair.target().as_str() == target)
    }

    /// Whether another pair fits.
    pub(super) fn has_room(&self, limits: PairLimits) -> bool {
        let pairs = self.ready.len().saturating_add(self.keys.len());
        pairs < limits.pairs && self.keys.len() < limits.pending
    }

    /// Whether another verification fits.
    pub(super) fn has_room_to_verify(&self, limits: PairLimits) -> bool {
        self.verifications.len() < limits.pending
    }

    pub(super) fn set_ready(&mut self, pair: Pair, trust: Trust) {
        self.keys.retain(|key| key.pair != pair);
        self.ready.insert(pair, trust);
    }

    pub(super) fn add(&mut self, pair: Pair) {
        self.keys.push(Key {
            pair,
            state: Request::Waiting,
        });
    }

    pub(super) fn verify(&mut self, request: VerifyRequest) {
        self.verifications.push(Verification {
            request,
            state: Request::Waiting,
        });
    }

    /// What can be sent now: the waiting keys where there is a secret to make them from, and the
    /// waiting verifications.
    pub(super) fn send(
        &mut self,
        secret: Option<&DialbackSecret>,
        stream_id: &str,
    ) -> Vec<Dialback> {
        let mut elements = Vec::new();
        if let Some(secret) = secret {
            for key in &mut self.keys {
                if key.state == Request::Waiting {
                    key.state = Request::Sent(None);
                    elements.push(Dialback::Key {
                        pair: key.pair.clone(),
                        key: secret.key(&key.pair, stream_id),
                    });
                }
            }
        }
        for verification in &mut self.verifications {
            if verification.state == Request::Waiting {
                verification.state = Request::Sent(None);
                let request = &verification.request;
                elements.push(Dialback::Verify {
                    pair: request.pair.clone(),
                    stream_id: request.stream_id.clone(),
                    key: request.key.clone(),
                });
            }
        }
        elements
    }

    /// Takes the peer's answer to a key. `None` where no such key was sent on this stream: an
    /// answer that was not asked for must have no effect (XEP-0220 §3.1).
    pub(super) fn take_result(
        &mut self,
        pair: &Pair,
        verdict: Verdict,
        trust: Trust,
    ) -> Option<Result<Trust, Refusal>> {
        let sent = |key: &Key| key.pair == *pair && key.state != Request::Waiting;
        let at = self.keys.iter().position(sent)?;
        let key = self.keys.swap_remove(at);
        Some(match verdict {
            Verdict::Valid => {
                self.ready.insert(key.pair, trust);
                Ok(trust)
            }
            Verdict::Invalid => Err(Refusal::Invalid),
            Verdict::Error(error) => Err(Refusal::Error(error)),
        })
    }

    /// Takes the authoritative server's answer. `None` where nothing of the kind was asked on this
    /// stream.
    pub(super) fn take_verified(
        &mut self,
        pair: &Pair,
        stream_id: &str,
        verdict: Verdict,
    ) -> Option<VerifyAnswer> {
        let asked = |it: &Verification| {
            it.state != Request::Waiting
                && it.request.pair == *pair
                && it.request.stream_id == stream_id
        };
        let at = self.verifications.iter().position(asked)?;
        Some(self.verifications.remove(at).request.answer(verdict))
    }

    // --- Time and end -----------------------------------------------------------------------------

    pub(super) fn deadline(&self) -> Option<Instant> {
        let keys = self.keys.iter().filter_map(|key| key.state.deadline());
        let verifications = self.verifications.iter();
        keys.chain(verifications.filter_map(|it| it.state.deadline()))
            .min()
    }

    /// Starts the deadlines of new requests and gives up one that is over.
    pub(super) fn expire(&mut self, now: Instant, limits: PairLimits) -> Option<Unanswered> {
        let timeout = DialbackError::new(Condition::RemoteServerTimeout);
        let over = |key: &mut Key| key.state.is_over(now, limits.answer_timeout);
        if let Some(at) = position_mut(&mut self.keys, over) {
            let key = self.keys.swap_remove(at);
            return Some(Unanswered::Pair(key.pair, Refusal::Error(timeout)));
        }
        let over = |it: &mut Verification| it.state.is_over(now, limits.verify_timeout);
        let at = position_mut(&mut self.verifications, over)?;
        let request = self.verifications.remove(at).request;
        Some(Unanswered::Verification(
            request.answer(Verdict::Error(timeout)),
        ))
    }

    /// Gives up one verification because the stream ended, which is as good as an error for an
    /// answer (XEP-0220 §2.1.2).
    pub(super) fn give_up(&mut self, reason: Option<&CloseReason>) -> Option<VerifyAnswer> {
        let request = self.verifications.pop()?.request;
        let error = DialbackError::new(reason.map_or(Condition::RemoteServerTimeout, meaning));
        Some(request.answer(Verdict::Error(error)))
    }
}

/// A request that the peer did not answer in time.
#[derive(Debug)]
pub(super) enum Unanswered {
    Pair(Pair, Refusal),
    Verification(VerifyAnswer),
}

/// What the end of the stream means for a request on it. Servers that know no dialback errors close
/// instead (RFC 3920 §8.3).
fn meaning(reason: &CloseReason) -> Condition {
    match reason {
        CloseReason::PeerError(error) => match error.condition() {
            StreamErrorCondition::HostUnknown | StreamErrorCondition::HostGone => {
                Condition::RemoteServerNotFound
            }
            _ => Condition::RemoteServerTimeout,
        },
        _ => Condition::RemoteServerTimeout,
    }
}

fn position_mut<T>(items: &mut [T], mut is: impl FnMut(&mut T) -> bool) -> Option<usize> {
    // Not `position`: every item has to be visited, because that starts its deadline.
    let mut found = None;
    for (at, item) in items.iter_mut().enumerate() {
        if is(item) {
            found.get_or_insert(at);
        }
    }
    found
}
