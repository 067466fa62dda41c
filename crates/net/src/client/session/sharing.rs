//! What several tasks need that share a session.

use std::task::{Poll, Waker};

use xmppwire::{Instant, Iq, Stanza};

use super::{SEND_AHEAD, Session};
use crate::client::requests::RequestId;
use crate::client::{Error, RequestError, SessionRole};

/// What several tasks need that [share](crate::client::share) the session.
impl<R: SessionRole> Session<R> {
    /// The budget for what waits to be taken, in bytes of memory.
    pub const fn inbox_bytes(&self) -> usize {
        self.inbox.budget()
    }

    /// Takes the stanzas that wait to be taken.
    pub(in crate::client) fn take_inbox(&mut self) -> impl Iterator<Item = Stanza> {
        std::iter::from_fn(|| self.inbox.pop())
    }

    /// The next stanza for the application that arrives.
    pub(in crate::client) fn poll_arrival(
        &mut self,
        now: Instant,
    ) -> Poll<Result<Option<Stanza>, Error>> {
        self.poll_stanza(now)
    }

    /// Handles the time-outs of the requests while nothing is read.
    pub(in crate::client) fn handle_timeouts(&mut self, now: Instant) {
        self.requests.handle_timeout(now, &mut self.woken);
        self.link.set_alarm(self.requests.poll_timeout());
    }

    /// Whether a stanza may be sent without waiting. Where the output is dead, sending tells so.
    ///
    /// A full queue of unacknowledged stanzas is a reason to wait only while acknowledgements are
    /// `read`: the task that sends may be the one that has to take what stands in their way.
    pub(in crate::client) fn has_send_room(&self, read: bool) -> bool {
        let waits = read && !self.requests.is_full() && self.is_queue_full();
        self.link.backlog() <= SEND_AHEAD && !waits
    }

    /// Whether everything is written.
    pub(in crate::client) fn is_flushed(&self) -> bool {
        self.link.backlog() == 0 && self.link.write_error().is_none()
    }

    /// Whether another request may begin.
    pub(in crate::client) fn may_request(&self) -> bool {
        self.requests.has_room()
    }

    /// Begins a request where [`may_request`](Self::may_request) and
    /// [`has_send_room`](Self::has_send_room) allow it.
    pub(in crate::client) fn ask(&mut self, now: Instant, iq: &Iq) -> Result<RequestId, Error> {
        self.begin(now, iq)
    }

    /// Whether nothing is read until an answer is taken.
    pub(in crate::client) const fn is_full_of_answers(&self) -> bool {
        self.requests.is_full()
    }

    /// The answer, if it has come; otherwise `waker` is called when it does.
    pub(in crate::client) fn take_answer(
        &mut self,
        id: &RequestId,
        waker: &Waker,
        woken: &mut Vec<Waker>,
    ) -> Option<Result<Iq, RequestError>> {
        self.requests.poll(id, Some(waker), woken)
    }

    /// Nothing takes requests any more: all are answered here from now on.
    pub(in crate::client) fn drop_claims(&mut self) {
        self.refuses = true;
        if let Some(duties) = &mut self.duties {
            duties.drop_claims();
        }
    }

    /// Whether [`refuse`](Self::refuse) may be called.
    pub(in crate::client) fn is_free_to_refuse(&mut self) -> bool {
        self.send_answer()
    }

    /// Answers a request that was claimed.
    pub(in crate::client) fn refuse(&mut self, stanza: &Stanza) {
        if let Stanza::Iq(iq) = stanza {
            self.unsent = match &self.duties {
                Some(duties) => duties.answer(iq),
                None => stanza.unsupported_reply(),
            };
        }
    }

    /// Takes the tasks that have become ready. To be called without a lock.
    pub(in crate::client) fn take_woken(&mut self, woken: &mut Vec<Waker>) {
        woken.append(&mut self.woken);
    }
}
