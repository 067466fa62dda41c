//! Requests to others, and their answers.

use std::task::Poll;

use xmppwire::{Instant, Iq};

use super::{Arrival, Session};
use crate::client::requests::RequestId;
use crate::client::{Error, RequestError, SessionRole};

impl<R: SessionRole> Session<R> {
    /// Sends a request. An unpredictable id replaces its own. Any number may be open, up to the
    /// connector's
    /// [limit](crate::client::SessionConnector::with_max_requests).
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send), [`Error::NoRequest`] for an IQ that is none,
    /// [`Error::TooManyRequests`], and [`Error::InboxFull`].
    pub fn begin_request(&mut self, now: Instant, iq: &Iq) -> Result<RequestId, RequestError> {
        // Stanzas before the answer need room, or the answer cannot be reached.
        if self.inbox.is_full() {
            return Err(Error::InboxFull.into());
        }
        Ok(self.begin(now, iq)?)
    }

    pub(super) fn begin(&mut self, now: Instant, iq: &Iq) -> Result<RequestId, Error> {
        if self.closing {
            return Err(Error::NotConnected);
        }
        let (id, request) = self.requests.begin(now, iq)?;
        match self.send(&request) {
            Ok(()) => {
                self.sent.add(self.link.connection().sent());
                Ok(id)
            }
            Err(error) => {
                self.forget_request(&id);
                Err(error)
            }
        }
    }

    /// Waits for the answer to a request, and takes what arrives meanwhile into the inbox. The
    /// request is forgotten when this is ready. While answers that were not taken use up the budget
    /// of the inbox, nothing is read.
    pub fn poll_answer(&mut self, now: Instant, id: &RequestId) -> Poll<Result<Iq, RequestError>> {
        loop {
            if let Some(answer) = self.requests.poll(id, None, &mut self.woken) {
                return Poll::Ready(answer);
            }
            let error = match self.inbox.is_full() {
                true => Error::InboxFull,
                false => match self.poll_sorted(now) {
                    Poll::Ready(Ok(Arrival::Stanza(stanza))) => {
                        self.keep(stanza);
                        continue;
                    }
                    Poll::Ready(Ok(Arrival::Answer)) => continue,
                    Poll::Ready(Ok(Arrival::End)) => Error::NotConnected,
                    Poll::Ready(Err(error)) => error,
                    Poll::Pending => match self.requests.poll(id, None, &mut self.woken) {
                        Some(answer) => return Poll::Ready(answer),
                        None => return Poll::Pending,
                    },
                },
            };
            self.forget_request(id);
            return Poll::Ready(Err(error.into()));
        }
    }

    /// Forgets a request. Its answer is dropped when it comes.
    pub fn forget_request(&mut self, id: &RequestId) {
        self.requests.forget(id, &mut self.woken);
    }
}
