//! What connections are told, and what they tell.

use xmppwire::s2s::{Pair, Trust, VerifyAnswer, VerifyRequest};
use xmppwire::{InvalidStanza, Stanza};

use super::{Key, Told, Undelivered};

/// What a connection has to do: give it to [`Outbound::order`](super::Outbound::order) or
/// [`Inbound::order`](super::Inbound::order).
///
/// What waits for one connection is bounded by the pool: stanzas by
/// [`FederationLimits::window`](super::FederationLimits::window), questions by
/// [`keys_per_verifier`](super::FederationLimits::keys_per_verifier), answers by the questions that
/// the connection put ([`PairLimits::pending`](xmppwire::s2s::PairLimits::pending)), and pairs by
/// the senders of what is [queued](super::FederationLimits::queued).
#[derive(Debug)]
pub struct Order(pub(super) Command);

#[derive(Debug)]
pub(super) enum Command {
    Send(Stanza),
    AddPair(Pair),
    Verify(VerifyRequest),
    Answer(VerifyAnswer),
    /// The answer to a malformed stanza has found room.
    Resume,
    Close,
}

/// What a connection tells: give it to [`Hub::hear`](super::Hub::hear), in the order of the
/// connection.
#[derive(Debug)]
pub struct Report {
    pub(super) key: Key,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Told(Told),
    Ready(Pair, Trust),
    Authorised(Pair, Trust),
    Stanza(Stanza),
    /// A stanza that no stream would take.
    Unsendable(Stanza, InvalidStanza),
    /// A malformed stanza arrived, and this is its answer.
    Malformed(Stanza),
    Verify(VerifyRequest),
}

impl Report {
    /// The connection that tells it.
    pub const fn key(&self) -> Key {
        self.key
    }

    /// Whether it says how the connection ended. Nothing follows.
    pub const fn is_last(&self) -> bool {
        matches!(self.what, What::Told(Told::Closed { .. } | Told::Joins(_)))
    }

    /// Adds an order to the [last](Self::is_last) report that the connection did not take any more.
    /// The pool gets a stanza back.
    pub fn take_back(&mut self, order: Order) {
        if let What::Told(told) = &mut self.what {
            told.take_back(order);
        }
    }

    /// Upper bound of the bytes of memory that it holds.
    pub fn held(&self) -> usize {
        /// Two domains, a stream id and a key of the lengths that dialback accepts.
        const NAMES: usize = 4 * 1024;
        let heap = match &self.what {
            What::Stanza(stanza) | What::Malformed(stanza) | What::Unsendable(stanza, _) => {
                stanza.heap_size()
            }
            // What was not sent was counted as queued before.
            What::Told(Told::Closed { .. } | Told::Flushed | Told::Connected | Told::Used) => 0,
            What::Told(_) | What::Ready(..) | What::Authorised(..) | What::Verify(_) => NAMES,
        };
        heap.saturating_add(size_of::<Self>())
    }
}

impl Told {
    /// Counts a stanza that crossed the end of its stream as not sent.
    pub(super) fn take_back(&mut self, Order(command): Order) {
        if let (Self::Closed { unsent, .. }, Command::Send(stanza)) = (self, command) {
            unsent.push(stanza);
        }
    }
}

/// What federation gives to its application.
#[derive(Debug)]
#[non_exhaustive]
pub enum FederationEvent {
    /// Stanzas of this pair are sent from now on. The [`Trust`] tells what vouches for the server
    /// that they go to: without a policy that wants a certificate, it may be the DNS alone.
    Ready(Pair, Trust),
    /// Another server proved its domain: stanzas of this pair may arrive from now on.
    Authorised(Pair, Trust),
    /// A stanza of an authorised pair arrived. Its target domain is one of this server.
    Stanza(Stanza),
    /// A stanza could not be delivered: give [`Undelivered::reply`] to its sender.
    Undelivered(Box<Undelivered>),
}
