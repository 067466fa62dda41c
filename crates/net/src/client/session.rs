//! A client that has logged in.

use std::task::Poll;
use std::time::Duration;

use xmppwire::{
    Client, ClientEvent, CloseReason, Entropy, FullJid, Instant, Iq, IqTracker, IqType, Stanza,
};

use super::inbox::Inbox;
use super::{Connector, Error, RefusedStanzas, RequestError};
use crate::link::{Link, Wire, Wired};
use crate::log::log;

/// Bytes that may wait to be written before `send` waits.
const SEND_AHEAD: usize = 64 * 1024;

/// A client that has logged in: sends stanzas, gives those that arrive, and finds the answers to
/// its requests among them.
///
/// The methods named `poll_…` return `Pending` when the driver has to move bytes first.
#[derive(Debug)]
pub struct Session {
    link: Link<Client>,
    jid: FullJid,
    tracker: IqTracker,
    wait: Duration,
    request: Option<Request>,
    /// Stanzas that arrived while the caller waited for something else.
    inbox: Inbox,
    refused: RefusedStanzas,
    closing: bool,
}

/// The request whose answer the caller waits for. There is at most one, because waiting borrows the
/// client.
#[derive(Debug)]
struct Request {
    id: String,
}

impl Session {
    /// The session over a link whose login is complete.
    pub(super) fn new(
        connector: &Connector,
        mut link: Link<Client>,
        jid: FullJid,
    ) -> Result<Self, Error> {
        link.set_alarm(None);
        Ok(Self {
            link,
            tracker: IqTracker::new(jid.clone(), Entropy::from_os()?),
            jid,
            wait: connector.request_timeout(),
            request: None,
            inbox: Inbox::new(connector.inbox_bytes()),
            refused: RefusedStanzas::default(),
            closing: false,
        })
    }

    /// The address that is bound.
    pub const fn jid(&self) -> &FullJid {
        &self.jid
    }

    /// The link.
    pub const fn link(&self) -> &Link<Client> {
        &self.link
    }

    // --- Receiving ---

    /// The next stanza; `None` after the stream was closed in order.
    pub fn poll_next(&mut self, now: Instant) -> Poll<Result<Option<Stanza>, Error>> {
        match self.inbox.pop() {
            Some(stanza) => Poll::Ready(Ok(Some(stanza))),
            None => self.poll_stanza(now),
        }
    }

    fn poll_stanza(&mut self, now: Instant) -> Poll<Result<Option<Stanza>, Error>> {
        loop {
            match self.link.poll_event(now)? {
                Poll::Ready(Some(ClientEvent::Stanza(stanza))) => {
                    return Poll::Ready(Ok(Some(stanza)));
                }
                Poll::Ready(Some(ClientEvent::Closed(CloseReason::Local | CloseReason::Peer))) => {
                    return Poll::Ready(Ok(None));
                }
                Poll::Ready(Some(ClientEvent::Closed(reason))) => {
                    return Poll::Ready(Err(reason.into()));
                }
                Poll::Ready(Some(ClientEvent::Refused(fault))) => {
                    log!(warn, kind = %fault.kind(), "a malformed stanza was refused");
                    self.refused.push(fault);
                }
                // The other events belong to the login, which is complete.
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The malformed stanzas that arrived until now. The core has answered those for which RFC 6120
    /// §8 requires an answer, and none of them is given as a stanza.
    pub const fn refused(&self) -> &RefusedStanzas {
        &self.refused
    }

    /// The same, to take them.
    pub const fn refused_mut(&mut self) -> &mut RefusedStanzas {
        &mut self.refused
    }

    /// Takes arrived stanzas into the inbox while it has room, so that writing does not wait for a
    /// peer that itself waits. Ready when the stream has ended.
    fn poll_arrivals(&mut self, now: Instant) -> Poll<Error> {
        while !self.inbox.is_full() {
            match self.poll_stanza(now) {
                Poll::Ready(Ok(Some(stanza))) => self.inbox.push(stanza),
                Poll::Ready(Ok(None)) => return Poll::Ready(Error::NotConnected),
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Pending => break,
            }
        }
        Poll::Pending
    }

    // --- Sending ---

    /// Waits until at most 64 KiB are left to write, and takes what arrives meanwhile into the
    /// inbox. Call it before each [`send`](Self::send): a caller that stops waiting has sent
    /// nothing.
    pub fn poll_ready(&mut self, now: Instant) -> Poll<Result<(), Error>> {
        self.poll_written(now, SEND_AHEAD)
    }

    /// Queues a stanza.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if the stream has ended or is closing, [`Error::Misuse`] if the
    /// stanza cannot be written. Nothing was queued then.
    pub fn send(&mut self, stanza: &Stanza) -> Result<(), Error> {
        if self.closing || self.link.is_ending() || self.link.write_error().is_some() {
            return Err(Error::NotConnected);
        }
        Ok(self.link.connection_mut().send(stanza)?)
    }

    /// Waits until everything is written.
    pub fn poll_flushed(&mut self, now: Instant) -> Poll<Result<(), Error>> {
        self.poll_written(now, 0)
    }

    fn poll_written(&mut self, now: Instant, backlog: usize) -> Poll<Result<(), Error>> {
        if let Some(kind) = self.link.write_error() {
            return Poll::Ready(Err(std::io::Error::from(kind).into()));
        }
        if self.link.backlog() <= backlog {
            return Poll::Ready(Ok(()));
        }
        if let Poll::Ready(error) = self.poll_arrivals(now) {
            return Poll::Ready(Err(error));
        }
        if self.inbox.is_full() {
            return Poll::Ready(Err(Error::InboxFull));
        }
        Poll::Pending
    }

    // --- Asking ---

    /// Sends a request. An unpredictable id replaces its own.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send), [`Error::NoRequest`] for an IQ that is none, and
    /// [`Error::InboxFull`].
    pub fn begin_request(&mut self, now: Instant, iq: &Iq) -> Result<(), RequestError> {
        self.forget_request();
        let Some(payload) = iq.child().filter(|_| iq.is_request()) else {
            return Err(Error::NoRequest.into());
        };
        // Stanzas before the answer need room, or the answer cannot be reached.
        if self.inbox.is_full() {
            return Err(Error::InboxFull.into());
        }
        let (to, payload) = (iq.to().cloned(), payload.to_element());
        let request = match iq.iq_type() {
            IqType::Set => self.tracker.set(now, to, &payload, self.wait),
            _ => self.tracker.get(now, to, &payload, self.wait),
        };
        let id = request.id().unwrap_or_default().to_owned();
        self.request = Some(Request { id });
        self.link.set_alarm(self.tracker.poll_timeout());
        self.send(&request.into()).map_err(|error| {
            self.forget_request();
            error.into()
        })
    }

    /// Waits for the answer to the request that was begun last.
    pub fn poll_answer(&mut self, now: Instant) -> Poll<Result<Iq, RequestError>> {
        let answer = self.poll_raw_answer(now);
        if answer.is_ready() {
            self.forget_request();
        }
        answer
    }

    fn poll_raw_answer(&mut self, now: Instant) -> Poll<Result<Iq, RequestError>> {
        while !self.inbox.is_full() {
            match self.poll_stanza(now)? {
                Poll::Ready(Some(Stanza::Iq(iq))) if self.tracker.resolve(&iq) => {
                    return Poll::Ready(match iq.error() {
                        Some(error) => Err(RequestError::Refused(Box::new(error))),
                        None => Ok(iq),
                    });
                }
                Poll::Ready(Some(stanza)) => self.inbox.push(stanza),
                Poll::Ready(None) => return Poll::Ready(Err(Error::NotConnected.into())),
                Poll::Pending if self.tracker.handle_timeout(now).is_empty() => {
                    return Poll::Pending;
                }
                Poll::Pending => return Poll::Ready(Err(RequestError::TimedOut)),
            }
        }
        Poll::Ready(Err(Error::InboxFull.into()))
    }

    /// Stops waiting for the answer. A late answer is a stanza like any other.
    fn forget_request(&mut self) {
        if let Some(request) = self.request.take() {
            self.tracker.cancel(&request.id);
            self.link.set_alarm(None);
        }
    }

    // --- Checking ---

    /// Checks whether the server is there; see [`xmppwire::Endpoint::check_peer`].
    pub fn check_peer(&mut self, now: Instant, patience: Duration) {
        self.link.connection_mut().check_peer(now, patience);
    }

    // --- Closing ---

    /// Begins the closing handshake (RFC 6120 §4.4). Stanzas that arrive before its end are still
    /// given.
    pub fn close(&mut self, now: Instant) {
        self.closing = true;
        self.link.connection_mut().close(now, None);
    }

    /// Waits for the end of the closing handshake and drops the stanzas that still arrive.
    pub fn poll_closed(&mut self, now: Instant) -> Poll<Result<(), Error>> {
        loop {
            match self.poll_stanza(now)? {
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Wired for Session {
    fn wire(&mut self) -> &mut dyn Wire {
        self.link.wire()
    }
}
