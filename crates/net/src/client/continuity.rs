//! What outlives a connection: the session without one, the token, and what several tasks wait for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xmppwire::{Endpoint, Instant, Resumption, Stanza, Unacknowledged};

use super::SessionRole;
use super::acks::Acks;
use super::duties::Duties;
use super::requests::Requests;
use super::tokens::Tokens;
use super::wishes::Carbons;
use crate::find::Redirect;

/// A session on its way from one connection to the next, and stanzas of sessions that are over.
///
/// It is shared by a connector, the attempts to connect, and the login in progress. Each takes the
/// session out and puts it back when it fails or is dropped, so that it is neither lost nor used
/// twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Continuity(Arc<Mutex<Between>>);

#[derive(Debug, Default)]
struct Between {
    session: Option<Parked>,
    settled: Option<Settled>,
    tokens: Tokens,
}

/// A session without a connection.
#[derive(Debug)]
pub(super) struct Parked {
    resumption: Resumption,
    /// Until when the server keeps it.
    until: Option<Instant>,
}

/// What is known of the stanzas of a session that continued, or that is over.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// The server has handled all stanzas up to the one with this number.
    pub(super) acknowledged: u64,
    /// If the session is over: those after it.
    pub(super) unacknowledged: Vec<Unacknowledged>,
}

impl Parked {
    /// Whether its server has forgotten it.
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until < now)
    }
}

impl Continuity {
    fn lock(&self) -> MutexGuard<'_, Between> {
        // The lock is never poisoned: no code that holds it panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same in another place, where nothing else takes it. A token stays here too, because it
    /// can be used more than once.
    pub(super) fn take_over(&self) -> Self {
        let mut between = self.lock();
        let taken = Between {
            session: between.session.take(),
            settled: between.settled.take(),
            tokens: between.tokens.clone(),
        };
        Self(Arc::new(Mutex::new(taken)))
    }

    /// Gives access to the token.
    pub(super) fn with_tokens<T>(&self, work: impl FnOnce(&mut Tokens) -> T) -> T {
        work(&mut self.lock().tokens)
    }

    /// Keeps a session that lost its connection at this time.
    pub(super) fn park(&self, resumption: Resumption, lost: Option<Instant>) {
        let until = lost.and_then(|lost| Some(lost + resumption.max()?));
        self.lock().session = Some(Parked { resumption, until });
    }

    fn put_back(&self, parked: Parked) {
        self.lock().session = Some(parked);
    }

    pub(super) fn settle(&self, settled: Settled) {
        let mut between = self.lock();
        let all = between.settled.get_or_insert_default();
        all.acknowledged = settled.acknowledged;
        all.unacknowledged.extend(settled.unacknowledged);
    }

    /// What is known of stanzas of the sessions before.
    pub(super) fn take_settled(&self) -> Option<Settled> {
        self.lock().settled.take()
    }

    /// The session, to keep it elsewhere.
    pub(super) fn take_session(&self) -> Option<Resumption> {
        Some(self.lock().session.take()?.resumption)
    }

    /// Gives the session up, if there is one.
    pub(super) fn give_up(&self) {
        if let Some(resumption) = self.take_session() {
            self.settle(Settled {
                acknowledged: resumption.acknowledged(),
                unacknowledged: resumption.into_unacknowledged(),
            });
        }
    }

    /// Where the server prefers to resume the session, while it has it.
    pub(crate) fn location(&self, now: Instant) -> Option<Redirect> {
        let between = self.lock();
        let session = between.session.as_ref().filter(|s| !s.is_over(now))?;
        Redirect::parse(session.resumption.location()?)
    }

    /// Lets a login resume the session. Returns until when it can be, for
    /// [`recover`](Self::recover).
    pub(super) fn resume<R: SessionRole>(
        &self,
        endpoint: &mut Endpoint<R>,
        now: Instant,
    ) -> Option<Instant> {
        let parked = self.lock().session.take()?;
        if parked.is_over(now) {
            self.put_back(parked);
            self.give_up();
            return None;
        }
        let until = parked.until;
        if let Some(resumption) = R::resume(endpoint, parked.resumption) {
            // It is of another account.
            self.put_back(Parked { resumption, until });
            self.give_up();
        }
        until
    }

    /// Takes the session back from a login that has failed.
    pub(super) fn recover<R: SessionRole>(
        &self,
        endpoint: &mut Endpoint<R>,
        until: Option<Instant>,
    ) {
        match R::take_resumption(endpoint) {
            Some(resumption) => self.put_back(Parked { resumption, until }),
            None => {
                let unacknowledged = endpoint.take_unacknowledged();
                if let Some(first) = unacknowledged.first() {
                    self.settle(Settled {
                        acknowledged: first.number.saturating_sub(1),
                        unacknowledged,
                    });
                }
            }
        }
    }
}

/// What a session leaves when its connection has ended.
#[derive(Debug)]
#[must_use = "it holds what has to go on or back"]
pub struct Left {
    pub(super) acks: Acks,
    pub(super) carried: Carried,
    /// If the session can continue on another connection.
    pub(super) resumption: Option<Resumption>,
    /// If it cannot: the stanzas that the server has not acknowledged.
    pub(super) unacknowledged: Vec<Unacknowledged>,
}

impl Left {
    /// Gives the session up: the stanzas that its server has not acknowledged, without those that
    /// the application has not sent.
    pub(super) fn give_up(self) -> Vec<Unacknowledged> {
        let mut stanzas = self.unacknowledged;
        if let Some(resumption) = self.resumption {
            stanzas.extend(self.carried.own.filter(resumption.into_unacknowledged()));
        }
        stanzas
    }
}

/// What a session has besides its stream, for the one that continues it.
#[derive(Debug)]
pub struct Carried {
    pub(super) requests: Requests,
    pub(super) duties: Option<Duties>,
    pub(super) unsent: Option<Stanza>,
    pub(super) own: Own,
    pub(super) carbons: Carbons,
}

/// The numbers of the stanzas that the session itself has sent: requests whose failure is told
/// otherwise, and answers that the application knows nothing of. They are not given back.
#[derive(Debug, Default)]
pub(super) struct Own(std::collections::VecDeque<u64>);

impl Own {
    pub(super) fn add(&mut self, number: Option<u64>) {
        self.0.extend(number);
    }

    pub(super) fn acknowledged(&mut self, number: u64) {
        while self.0.front().is_some_and(|own| *own <= number) {
            self.0.pop_front();
        }
        if self.0.is_empty() {
            self.0 = std::collections::VecDeque::new();
        }
    }

    /// Without those that the application has not sent.
    pub(super) fn filter(&self, mut stanzas: Vec<Unacknowledged>) -> Vec<Unacknowledged> {
        stanzas.retain(|stanza| self.0.binary_search(&stanza.number).is_err());
        stanzas
    }
}

/// A client that was suspended: its session without a connection, and what the application has not
/// got of it.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Suspended {
    /// The session, to be resumed by
    /// [`Connector::with_resumption`](super::Connector::with_resumption), in this process or in a
    /// later one. `None` if it cannot be: the server does not allow it, or the stream was closed.
    pub resumption: Option<Resumption>,
    /// Stanzas that arrived and were not taken. The server does not send them again.
    pub arrived: Vec<Stanza>,
    /// Stanzas of sessions that are over, which the server has not acknowledged.
    pub unacknowledged: Vec<Unacknowledged>,
}

#[cfg(test)]
mod tests;
