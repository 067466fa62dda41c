//! A client that has logged in, or a component that is attached.

mod asking;
mod continuing;
mod sharing;
mod wishes;

use std::task::{Poll, Waker, ready};
use std::time::Duration;

use xmppwire::component::Component;
use xmppwire::{
    Client, CloseReason, Domainpart, Entropy, FullJid, Instant, Stanza, Unacknowledged,
};

use super::acks::Acks;
use super::continuity::Own;
use super::duties::Duties;
use super::inbox::Inbox;
use super::requests::Requests;
use super::role::{News, SessionRole};
use super::wishes::Carbons;
use super::{Error, RefusedStanzas, SessionConnector};
use crate::link::{Link, Wire, Wired};
use crate::log::log;
#[cfg(feature = "tracing")]
use crate::told::Chain;

/// Bytes that may wait to be written before `send` waits.
const SEND_AHEAD: usize = 64 * 1024;

/// A client that has logged in, or a component that is attached: sends stanzas, gives those that
/// arrive, and finds the answers to its requests among them. A client also answers the requests of
/// others that its application does not claim ([`Connector::with_claim`](super::Connector::with_claim)); a component is given all
/// of them.
///
/// The methods named `poll_…` return `Pending` when the driver has to move bytes first.
#[derive(Debug)]
pub struct Session<R: SessionRole = Client> {
    link: Link<R>,
    own: R::Address,
    requests: Requests,
    /// `None` where the application answers all requests.
    duties: Option<Duties>,
    /// Nothing takes requests any more.
    refuses: bool,
    /// The answer to a request of another entity, which waits for room in the output. Nothing is
    /// read before it is queued, so a flood of requests costs no memory.
    unsent: Option<Stanza>,
    /// Stanzas that arrived while the caller waited for something else.
    inbox: Inbox,
    refused: RefusedStanzas,
    acks: Acks,
    /// What the session itself has sent.
    sent: Own,
    carbons: Carbons,
    /// Whether it continues a session of another connection.
    resumed: bool,
    /// The stanzas of the session before that its server has handled, if there was one.
    acknowledged: u64,
    /// Stanzas of an earlier session that its server may not have got.
    unacknowledged: Vec<Unacknowledged>,
    /// The stream is closed in order, or about to be.
    closing: bool,
    /// Tasks to wake, once no lock is held.
    woken: Vec<Waker>,
}

/// What arrived.
enum Arrival {
    /// A stanza for the application.
    Stanza(Stanza),
    /// The answer to a request, or one that nothing waits for.
    Answer,
    /// The end of the stream, in order.
    End,
}

impl Session<Client> {
    /// The address that is bound.
    pub const fn jid(&self) -> &FullJid {
        &self.own
    }
}

impl Session<Component> {
    /// The domain of the component.
    pub const fn domain(&self) -> &Domainpart {
        &self.own
    }
}

impl<R: SessionRole> Session<R> {
    /// The session over a link whose login is complete since this time.
    pub(super) fn new(
        connector: &SessionConnector<R>,
        mut link: Link<R>,
        resumed: bool,
        now: Instant,
    ) -> Result<Self, Error> {
        let own = R::address(link.connection()).ok_or(Error::NotConnected)?;
        let own = own.clone();
        let requests = Requests::new(
            R::tracker(&own, Entropy::from_os()?),
            connector.request_timeout(),
            connector.max_requests(),
            connector.inbox_bytes(),
        );
        link.set_alarm(None);
        log!(info, %own, resumed, tls = ?link.tls().map(|tls| tls.version), "connected");
        let settled = connector.continuity.take_settled().unwrap_or_default();
        let carbons = match R::has_carbons(link.connection()) {
            true => Carbons::On,
            false => Carbons::Off,
        };
        let mut session = Self {
            link,
            duties: R::duties(&connector.role, &own),
            refuses: false,
            own,
            requests,
            unsent: None,
            inbox: Inbox::new(connector.inbox_bytes()),
            refused: RefusedStanzas::default(),
            acks: Acks::default(),
            sent: Own::default(),
            carbons,
            resumed,
            acknowledged: settled.acknowledged,
            unacknowledged: settled.unacknowledged,
            closing: false,
            woken: Vec::new(),
        };
        // What a session that continues has is told by what it left.
        if !resumed {
            session.meet(now, connector.wishes);
        }
        Ok(session)
    }

    /// The address that the stream is for: that of the client, or the domain of the component.
    pub const fn address(&self) -> &R::Address {
        &self.own
    }

    /// The default language of the server's stanzas: that of a stanza whose `lang` is `None`
    /// (RFC 6120 §8.1.5).
    pub fn stream_lang(&self) -> Option<&str> {
        R::stream_lang(self.link.connection())
    }

    /// The link.
    pub const fn link(&self) -> &Link<R> {
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

    /// The next stanza for the application that arrives.
    fn poll_stanza(&mut self, now: Instant) -> Poll<Result<Option<Stanza>, Error>> {
        loop {
            match self.poll_sorted(now)? {
                Poll::Ready(Arrival::Stanza(stanza)) => return Poll::Ready(Ok(Some(stanza))),
                Poll::Ready(Arrival::Answer) => {}
                Poll::Ready(Arrival::End) => return Poll::Ready(Ok(None)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// What arrives next, one thing at a time: who waits for an answer looks at it before the end
    /// of the stream is taken.
    fn poll_sorted(&mut self, now: Instant) -> Poll<Result<Arrival, Error>> {
        loop {
            // Before each event: a peer that sends on and on must not hold up a time-out.
            self.handle_timeouts(now);
            if self.requests.is_full() || !self.send_answer() {
                return Poll::Pending;
            }
            let event = match self.link.poll_event(now) {
                Poll::Ready(Some(Err(error))) => {
                    log!(info, own = %self.own, reason = %Chain(&error), "disconnected");
                    return Poll::Ready(Err(error.into()));
                }
                event => event?,
            };
            let news = match event {
                Poll::Ready(Some(event)) => R::news(event),
                Poll::Ready(None) => return Poll::Ready(Ok(Arrival::End)),
                Poll::Pending => return Poll::Pending,
            };
            match news {
                News::Stanza(stanza) => {
                    if let Some(arrival) = self.sort(stanza) {
                        return Poll::Ready(Ok(arrival));
                    }
                }
                News::Closed(reason) => {
                    log!(info, own = %self.own, %reason, "disconnected");
                    return Poll::Ready(match reason {
                        CloseReason::Local | CloseReason::Peer => {
                            // It cannot continue elsewhere, whoever has closed it.
                            self.closing = true;
                            Ok(Arrival::End)
                        }
                        reason => Err(reason.into()),
                    });
                }
                News::Acknowledged(number) => {
                    self.sent.acknowledged(number);
                    if self.acks.acknowledged(number, &mut self.woken) {
                        self.link.connection_mut().request_acknowledgement();
                    }
                }
                News::Unmanaged => self.acks.unmanaged(&mut self.woken),
                News::Refused(fault) => {
                    log!(warn, kind = %fault.kind(), "a malformed stanza was refused");
                    self.refused.push(fault);
                }
                // The other events belong to the login, which is complete.
                News::Ready
                | News::Resumed(_)
                | News::NotResumed(..)
                | News::Derive(_)
                | News::Token(_)
                | News::TokenGone(_)
                | News::Other => {}
            }
        }
    }

    /// Keeps a stanza for the caller, who waits for something else.
    fn keep(&mut self, stanza: Stanza) {
        let heap = stanza.heap_size();
        self.inbox.push(stanza, heap);
    }

    /// Settles the request that the stanza answers, or prepares its answer, or passes it on.
    fn sort(&mut self, stanza: Stanza) -> Option<Arrival> {
        if let Some(duties) = &mut self.duties {
            duties.arrived(&stanza);
        }
        let Stanza::Iq(iq) = stanza else {
            return Some(Arrival::Stanza(stanza));
        };
        if !iq.is_request() {
            let other = self.requests.settle(iq, &mut self.woken);
            return Some(other.map_or(Arrival::Answer, |iq| Arrival::Stanza(iq.into())));
        }
        let claimed = match &self.duties {
            Some(duties) => duties.claims(&iq),
            None => !self.refuses,
        };
        let stanza = Stanza::Iq(iq);
        if claimed {
            return Some(Arrival::Stanza(stanza));
        }
        self.refuse(&stanza);
        None
    }

    /// Queues the answer to the last request of another entity; false if it has no room yet.
    fn send_answer(&mut self) -> bool {
        let Some(answer) = &self.unsent else {
            return true;
        };
        // What is queued after the end has no effect, and must not keep the end from being read.
        let over = self.closing || self.link.is_ending() || self.link.write_error().is_some();
        let endpoint = self.link.connection_mut();
        // The queue of unacknowledged stanzas does not count: acknowledgements are read after this.
        let fits = answer.element().to_xml().len() <= endpoint.room_for_answers();
        if !over && !fits && self.link.backlog() > 0 {
            return false;
        }
        if fits && !over {
            let endpoint = self.link.connection_mut();
            if endpoint.send(answer).is_ok() {
                self.sent.add(endpoint.sent());
            } else {
                // It repeats an id and an address, which XML carried before, and text of the profile.
                log!(warn, "an answer cannot be written");
            }
        }
        self.unsent = None;
        true
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
                Poll::Ready(Ok(Some(stanza))) => self.keep(stanza),
                Poll::Ready(Ok(None)) => return Poll::Ready(Error::NotConnected),
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Pending => break,
            }
        }
        Poll::Pending
    }

    // --- Sending ---

    /// Takes what has arrived into the inbox, and waits until at most 64 KiB are left to write and the
    /// queue of unacknowledged stanzas has room (XEP-0198). Call it before each [`send`](Self::send): a
    /// caller that stops waiting has sent nothing. A caller that only sends learns from it that the
    /// stream has ended.
    ///
    /// # Errors
    ///
    /// [`Error::InboxFull`] where what arrives has to be taken first, because nothing else is read
    /// before; others as for [`poll_next`](Self::poll_next).
    pub fn poll_ready(&mut self, now: Instant) -> Poll<Result<(), Error>> {
        // What failed to be written after the end, such as the closing tag, is no news.
        if self.link.is_ending() {
            return Poll::Ready(Err(Error::NotConnected));
        }
        if self.link.write_error().is_none()
            && let Poll::Ready(error) = self.poll_arrivals(now)
        {
            return Poll::Ready(Err(error));
        }
        ready!(self.poll_written(now, SEND_AHEAD))?;
        match self.is_queue_full() {
            false => Poll::Ready(Ok(())),
            // No acknowledgement is read.
            true if self.inbox.is_full() || self.requests.is_full() => {
                Poll::Ready(Err(Error::InboxFull))
            }
            true => Poll::Pending,
        }
    }

    /// Whether so many stanzas are not acknowledged that the next one has to wait. The core asks the
    /// server about them, and ends the stream of a server that acknowledges nothing for too long.
    fn is_queue_full(&self) -> bool {
        let endpoint = self.link.connection();
        endpoint.room() == 0 && endpoint.room_for_answers() > 0
    }

    /// Queues a stanza.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if the stream has ended or is closing, [`Error::Misuse`] if the
    /// stanza cannot be written, [`Error::InboxFull`] if the server has to acknowledge others before:
    /// the stream would end for the length of their queue
    /// ([`Endpoint::room_in_queue`](xmppwire::Endpoint::room_in_queue)). Nothing was queued then.
    pub fn send(&mut self, stanza: &Stanza) -> Result<(), Error> {
        if self.closing || self.link.is_ending() || self.link.write_error().is_some() {
            return Err(Error::NotConnected);
        }
        if self.is_queue_full() {
            let room = self.link.connection().room_in_queue();
            if stanza.element().to_xml().len() > room {
                return Err(Error::InboxFull);
            }
        }
        self.link.connection_mut().send(stanza)?;
        if let Some(duties) = &mut self.duties {
            duties.sent(stanza);
        }
        Ok(())
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

impl<R: SessionRole> Wired for Session<R> {
    fn wire(&mut self) -> &mut dyn Wire {
        self.link.wire()
    }
}
