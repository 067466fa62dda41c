//! Acknowledgements, and what goes on on another connection (XEP-0198).

use std::task::{Poll, Waker};

use xmppwire::{Instant, Stanza, StreamErrorCondition, Unacknowledged};

use super::Session;
use crate::client::acks::{AckId, Acks};
use crate::client::continuity::{Carried, Left};
use crate::client::requests::{Answers, Requests};
use crate::client::{Error, NotAcknowledged, SessionRole, Suspended};

impl<R: SessionRole> Session<R> {
    /// Queues a stanza whose acknowledgement [`poll_acknowledged`](Self::poll_acknowledged) waits
    /// for, and asks the server for it (XEP-0198 §4).
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged::NotSent`] and [`NotAcknowledged::Unmanaged`].
    pub fn send_watched(&mut self, stanza: &Stanza) -> Result<AckId, NotAcknowledged> {
        if self.link.connection().sent().is_none() {
            return Err(NotAcknowledged::Unmanaged);
        }
        self.send(stanza).map_err(NotAcknowledged::NotSent)?;
        let endpoint = self.link.connection_mut();
        let number = endpoint.sent().unwrap_or_default();
        endpoint.request_acknowledgement();
        Ok(self.acks.watch(number))
    }

    /// Waits until the server has handled a stanza, and takes what arrives meanwhile into the inbox.
    /// The stanza is not watched any more when this is ready.
    pub fn poll_acknowledged(
        &mut self,
        now: Instant,
        id: AckId,
    ) -> Poll<Result<(), NotAcknowledged>> {
        if let Some(outcome) = self.acks.poll(id, None, &mut self.woken) {
            return Poll::Ready(outcome);
        }
        let arrived = self.poll_arrivals(now);
        if let Some(outcome) = self.acks.poll(id, None, &mut self.woken) {
            return Poll::Ready(outcome);
        }
        let error = match arrived {
            Poll::Ready(error) => error,
            Poll::Pending if self.inbox.is_full() => Error::InboxFull,
            Poll::Pending => return Poll::Pending,
        };
        self.forget_acknowledgement(id);
        Poll::Ready(Err(NotAcknowledged::Lost(error)))
    }

    /// Watches a stanza no more.
    pub fn forget_acknowledgement(&mut self, id: AckId) {
        let given_back = self.acks.forget(id, &mut self.woken);
        self.unacknowledged.extend(given_back);
    }

    /// What became of the stanza, if that is known; otherwise `waker` is called when it is.
    pub(in crate::client) fn take_outcome(
        &mut self,
        id: AckId,
        waker: &Waker,
        woken: &mut Vec<Waker>,
    ) -> Option<Result<(), NotAcknowledged>> {
        self.acks.poll(id, Some(waker), woken)
    }

    /// Whether the session is that of an earlier connection.
    pub const fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// Takes the stanzas that are given back: those of an earlier session, which is over, and, after
    /// the end of a session that either side has closed, its own. Its server has not acknowledged them.
    pub fn take_unacknowledged(&mut self) -> Vec<Unacknowledged> {
        let mut stanzas = self.take_earlier();
        if self.closing {
            // Before the end there are none.
            let own = self.link.connection_mut().take_unacknowledged();
            stanzas.extend(self.sent.filter(own));
        }
        stanzas
    }

    fn take_earlier(&mut self) -> Vec<Unacknowledged> {
        std::mem::take(&mut self.unacknowledged)
    }

    /// What closing has come to, after [`poll_closed`](Self::poll_closed): this end, with the stanzas
    /// that the server has not acknowledged.
    ///
    /// They come back after an orderly end as well. The closing tag of the server does not confirm them:
    /// a server that closes by itself may ignore what arrives after its own tag (RFC 6120 §4.4), and
    /// nothing tells whose tag was first. The client asks what the server has handled before it writes
    /// its own tag, and a server that reads the question has to answer it (XEP-0198 §4). Prosody and
    /// ejabberd do so before they close, so all that they have read is acknowledged.
    ///
    /// # Errors
    ///
    /// Those of `end`, and [`Error::Unacknowledged`].
    pub fn finish(&mut self, now: Instant, end: Result<(), Error>) -> Result<(), Error> {
        let mut stanzas = self.take_earlier();
        stanzas.extend(self.leave(now).give_up());
        Error::unless_acknowledged(stanzas, end)
    }

    /// Takes over what the last session has left, whether this one continues it or replaces it.
    pub(in crate::client) fn follow(
        &mut self,
        mut acks: Acks,
        carried: Option<Carried>,
        answers: &mut Answers,
    ) {
        acks.acknowledged(self.acknowledged, &mut self.woken);
        match carried {
            Some(carried) if self.resumed => {
                self.requests = carried.requests;
                self.duties = carried.duties;
                self.unsent = carried.unsent;
                self.sent = carried.own;
                self.carbons = carried.carbons;
                self.sent.acknowledged(self.acknowledged);
            }
            carried => {
                let unacknowledged = self.take_earlier();
                let unacknowledged = match carried {
                    Some(mut carried) => {
                        carried.requests.finish(answers, &mut self.woken);
                        carried.own.filter(unacknowledged)
                    }
                    None => unacknowledged,
                };
                if !self.resumed {
                    self.unacknowledged = acks.end(unacknowledged, &mut self.woken);
                }
            }
        }
        self.acks = acks;
    }

    /// Takes the session out of the connection, which ends.
    pub fn leave(&mut self, now: Instant) -> Left {
        let endpoint = self.link.connection_mut();
        let resumption = R::take_resumption(endpoint);
        let mut acks = std::mem::take(&mut self.acks);
        let mut unacknowledged = self.take_earlier();
        if resumption.is_none() {
            let endpoint = self.link.connection_mut();
            // Where the connection broke below the stream, the stream does not know it yet.
            endpoint.close(now, Some(StreamErrorCondition::Reset.into()));
            let lost = self.sent.filter(endpoint.take_unacknowledged());
            unacknowledged.extend(acks.end(lost, &mut self.woken));
        }
        self.closing = true;
        let requests = std::mem::replace(&mut self.requests, Requests::none());
        Left {
            acks,
            carried: Carried {
                requests,
                duties: self.duties.take(),
                unsent: self.unsent.take(),
                own: std::mem::take(&mut self.sent),
                carbons: self.carbons,
            },
            resumption,
            unacknowledged,
        }
    }

    /// Takes the session out of the connection, which ends without a closing tag, so that it can
    /// continue on another connection. What was not written yet is part of the session.
    pub fn suspend(&mut self, now: Instant) -> Suspended {
        let arrived = self.take_inbox().collect();
        let left = self.leave(now);
        Suspended {
            resumption: left.resumption,
            arrived,
            unacknowledged: left.unacknowledged,
        }
    }
}
