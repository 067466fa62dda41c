//! A stream of the pool.

use std::collections::{BTreeSet, VecDeque};

use xmppwire::s2s::{Pair, VerifyRequest};
use xmppwire::{Domainpart, Instant};

use super::step::Key;

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) pair: Pair,
    pub(super) closing: bool,
    /// The deadline that is set: of the keys, or to be closed as idle.
    pub(super) alarm: Option<Instant>,
    pub(super) work: Work,
}

#[derive(Debug)]
pub(super) enum Work {
    Carries(Carrier),
    Verifies(Verifier),
}

/// What a stream for stanzas carries.
#[derive(Debug)]
pub(super) struct Carrier {
    /// Its pairs, those included that are not ready.
    pub(super) pairs: VecDeque<Pair>,
    /// Whether the other server opened the stream, so that the pool neither counts it nor closes
    /// it because it carries nothing.
    pub(super) adopted: bool,
    pub(super) ready_since: Option<Instant>,
    pub(super) last_used: Instant,
    /// Of each stanza that was given and is not told to be written: until when it may wait.
    pub(super) given: Vec<Instant>,
    pub(super) given_bytes: usize,
    /// Whether it is in the list of streams that may have something to send.
    pub(super) listed: bool,
}

/// What a stream to an authoritative server was opened for.
#[derive(Debug, Default)]
pub(super) struct Verifier {
    pub(super) connected: bool,
    pub(super) keys: Vec<Question>,
}

/// A key that is to be verified.
#[derive(Debug)]
pub(super) struct Question {
    /// The connection that the key arrived on.
    pub(super) source: Key,
    pub(super) request: VerifyRequest,
    pub(super) until: Instant,
}

impl Carrier {
    pub(super) fn new(now: Instant, pair: Pair) -> Self {
        Self {
            pairs: [pair].into(),
            adopted: false,
            ready_since: None,
            last_used: now,
            given: Vec::new(),
            given_bytes: 0,
            listed: false,
        }
    }

    /// The target domains of its pairs, each once.
    pub(super) fn targets(&self) -> BTreeSet<Domainpart> {
        self.pairs
            .iter()
            .map(|pair| pair.target().clone())
            .collect()
    }
}

impl Stream {
    pub(super) fn carrier(&self) -> Option<&Carrier> {
        match &self.work {
            Work::Carries(carrier) => Some(carrier),
            Work::Verifies(_) => None,
        }
    }

    pub(super) fn carrier_mut(&mut self) -> Option<&mut Carrier> {
        match &mut self.work {
            Work::Carries(carrier) => Some(carrier),
            Work::Verifies(_) => None,
        }
    }

    pub(super) fn verifier_mut(&mut self) -> Option<&mut Verifier> {
        match &mut self.work {
            Work::Verifies(verifier) => Some(verifier),
            Work::Carries(_) => None,
        }
    }
}

impl Verifier {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.keys.iter().map(|key| key.until).min()
    }
}
