//! The application's interface, and what all roles share between the stream and their negotiation.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use xmppwire_xml::{Element, ElementRef, StreamHeader};

use crate::connection::Connection;
use crate::entropy::Entropy;
use crate::error::{ApiMisuse, PeerMisbehaved};
use crate::event::News;
use crate::keep_alive::KeepAlive;
use crate::limits::Limits;
use crate::negotiation::{self, Given, Item, Phase, Side};
use crate::ns;
use crate::role::{Pinged, Role, Step};
use crate::stanza::{Stanza, StanzaFault};
use crate::stream::management::is_counted;
use crate::stream::{Awaited, Due, Incoming, Stream};
use crate::time::Instant;
use crate::tls::TlsInfo;
use crate::unacknowledged::Unacknowledged;
use crate::wire::stream_error::{StreamError, StreamErrorCondition};

/// The application's side of a connection of role `R`: to send, to close, and to answer questions.
///
/// Every role has the methods of the first block below; each role adds its own in another block.
/// The driver, which holds the [`Connection`] around this endpoint, writes what they queue.
///
/// ```
/// use xmppwire::{ApiMisuse, Client, Endpoint, FullJid, Message};
///
/// /// Sends a message to the other resources of the own account, where there is room for it.
/// fn note(client: &mut Endpoint<Client>, text: &str) -> Result<bool, ApiMisuse> {
///     let Some(own) = client.jid().map(FullJid::to_bare) else {
///         return Err(ApiMisuse::NotBound);
///     };
///     let room = client.room() > 2 * text.len() + 1024;
///     if room {
///         client.send(&Message::chat(own, text).into())?;
///     }
///     Ok(room)
/// }
/// # use xmppwire::{ClientConfig, Entropy, Instant, Jid};
/// # let config = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t").unwrap();
/// # let mut client = Client::new(config, Entropy::from_seed([7; 32]), Instant::ORIGIN);
/// # assert_eq!(note(&mut client, "buy bread"), Err(ApiMisuse::NotBound));
/// ```
#[derive(Debug)]
pub struct Endpoint<R: Role> {
    /// The configuration of the role, and the state of its negotiation.
    pub(crate) role: R,
    pub(crate) entropy: Entropy,
    pub(crate) stream: Stream,
    /// The event that the driver has not taken yet. Nothing is read until it has.
    pub(crate) event: Option<R::Event>,
    /// Whether the driver can start TLS.
    pub(crate) tls_available: bool,
}

impl<R: Role> Endpoint<R> {
    /// A connection whose first stream begins at once. With `tls`, the transport is already
    /// protected.
    pub(crate) fn connect(
        role: R,
        limits: impl Into<Arc<Limits>>,
        entropy: Entropy,
        now: Instant,
        tls: Option<TlsInfo>,
    ) -> Connection<R> {
        let mut endpoint = Self {
            role,
            entropy,
            stream: Stream::new(limits.into(), now, tls, R::CONTENT_NS),
            event: None,
            tls_available: true,
        };
        R::take(&mut endpoint, Step::Open);
        Connection::new(endpoint)
    }

    // --- What the application calls ---------------------------------------------------------------

    /// Queues a stanza for the peer. After the stream has ended this is a no-op, unless the stream is
    /// managed: then the stanza belongs to the session, and is among those that come back or are sent
    /// again, until its [`sent`](Self::sent) does not grow any more because the queue is full.
    ///
    /// A client sends no `from`: its server writes it (RFC 6120 §8.1.2.1).
    ///
    /// A stanza that is longer than the [`room`](Self::room) left is not queued. It ends the stream
    /// with `<policy-violation/>` and [`BacklogExceeded`](crate::PeerMisbehaved::BacklogExceeded),
    /// because the peer does not read. An application that prefers to wait for the peer checks the
    /// room first.
    ///
    /// # Errors
    /// Nothing is queued then, and the peer has no influence on any of them:
    ///
    /// - [`ApiMisuse::NotBound`] before a resource is bound;
    /// - [`ApiMisuse::PairNotReady`] between servers, if the stanza's pair of domains is not ready;
    /// - [`ApiMisuse::Misaddressed`] on a component's stream, if an address is missing or not of the
    ///   component;
    /// - [`ApiMisuse::InvalidStanza`] if the stanza has characters that XML does not allow, breaks
    ///   RFC 6120 §8, would not fit into an empty output, or is longer than the peer announced to
    ///   accept (XEP-0478). A server passes on the stanzas of others unmodified, so its `send` checks
    ///   of the rules of §8 only that an error has `<error/>`.
    pub fn send(&mut self, stanza: &Stanza) -> Result<(), ApiMisuse> {
        // A managed stream keeps what is sent after its end, to give it back or to send it later.
        if self.is_done() && self.stream.sent().is_none() {
            return Ok(());
        }
        self.role.may_send(stanza)?;
        if R::MAKES_STANZAS {
            stanza.check()?;
        }
        if R::PEER_WRITES_FROM && stanza.from().is_some() {
            let mut stanza = stanza.clone();
            stanza.set_from(None);
            return self.stream.send(&stanza, R::CONTENT_NS);
        }
        self.stream.send(stanza, R::CONTENT_NS)
    }

    /// The next deadline of the stream or of the role.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let deadlines = self.stream.poll_timeout().into_iter();
        let of_role = (!self.stream.is_over()).then(|| self.role.deadline());
        deadlines.chain(of_role.flatten()).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        // While the application has to act first, the peer cannot show that it is there.
        if !self.wants_input() {
            self.stream.not_reading(now);
        }
        let awaited = match R::SIDE {
            _ if !self.role.is_asking() => Awaited::Peer,
            Side::Server | Side::Incoming | Side::Host => Awaited::Server,
            Side::Client | Side::Outgoing | Side::Component => Awaited::Client,
        };
        if self.stream.handle_timeout(now, awaited) == Due::Check {
            let ping = self.stream.pings().then(|| self.ping()).flatten();
            self.stream.check(now, ping);
        }
        if !self.stream.is_over() {
            R::take(self, Step::Deadline(now));
            // Where the role ended the stream, the wait for the last bytes begins with this call.
            if self.stream.is_over() {
                self.stream.handle_timeout(now, awaited);
            }
        }
    }

    /// The next event, if there is one.
    pub(crate) fn next_event(&mut self) -> Option<R::Event> {
        // Most calls end here, without a move of the event for each of the other sources.
        if self.event.is_some() {
            self.stream.event_taken();
            return self.event.take();
        }
        if let Some(event) = self.role.next_event(&self.stream) {
            return Some(event);
        }
        if let Some(request) = self.stream.poll_start_tls() {
            return Some(R::tell(News::StartTls(request)));
        }
        if self.stream.end_reason().is_some()
            && let Some(event) = self.role.parting(&mut self.stream)
        {
            return Some(event);
        }
        let reason = self.stream.poll_closed()?;
        Some(R::tell(News::Closed(reason)))
    }

    /// The number of bytes of written stanzas that can be sent now without ending the stream. It
    /// grows as the driver consumes output, and is 0 once the stream is closing or over.
    ///
    /// An application that sends no more than this never keeps the connection from reading. For the
    /// maximum see [`Limits::output_backlog`](crate::Limits::output_backlog).
    pub fn room(&self) -> usize {
        self.stream.room()
    }

    /// The same as [`room`](Self::room), but only of the output: the queue of unacknowledged stanzas
    /// does not count. For answers that an application makes before it takes the next event. While it
    /// waits with one of them it reads nothing, so no acknowledgement could make `room` grow again.
    pub fn room_for_answers(&self) -> usize {
        self.stream.room_for_answers()
    }

    /// The number of bytes of written stanzas that the queue of unacknowledged stanzas takes before
    /// [`send`](Self::send) ends the stream because of it: more than [`room`](Self::room), which is 0
    /// once the queue holds what its [policy](crate::StreamManagement::with_queue_bytes) allows.
    /// `usize::MAX` without management.
    pub fn room_in_queue(&self) -> usize {
        self.stream.room_in_queue()
    }

    // --- Stream management ------------------------------------------------------------------------

    /// Bytes of memory that the unacknowledged stanzas hold; 0 without management.
    pub fn queued_bytes(&self) -> usize {
        self.stream.queued_bytes()
    }

    /// The number of the stanza that was sent last on a managed stream (XEP-0198): after
    /// [`send`](Self::send), that of this stanza. It is 0 before the first one, and `None` without
    /// management.
    ///
    /// On a client the numbers begin when management is asked for, which is before the server agrees.
    /// If it does not agree, they are void.
    pub fn sent(&self) -> Option<u64> {
        self.stream.sent()
    }

    /// The number up to which the peer has acknowledged all stanzas; `None` without management.
    pub fn acknowledged(&self) -> Option<u64> {
        self.stream.acknowledged()
    }

    /// Asks the peer now what it has handled, whatever the policy says; without effect while an
    /// earlier question is not answered, and where everything is acknowledged.
    pub fn request_acknowledgement(&mut self) {
        self.stream.ask();
    }

    /// Tells the peer now what was handled: the stanzas whose events were taken. The machine does so
    /// when it is asked and before it closes. Call it before a session is suspended.
    pub fn acknowledge(&mut self) {
        self.stream.send_acknowledgement();
    }

    /// Takes the stanzas that the peer has not acknowledged from a managed stream that has ended,
    /// once, in the order in which they were sent. The session cannot be resumed after that.
    ///
    /// Stanzas that were sent after the end are among them: a managed stream keeps them too.
    pub fn take_unacknowledged(&mut self) -> Vec<Unacknowledged> {
        if self.stream.is_over() {
            self.drop_uncounted();
        }
        self.stream.take_unacknowledged()
    }

    /// Drops the event of a stanza that the peer will send again.
    pub(crate) fn drop_uncounted(&mut self) {
        if self.stream.event_is_uncounted() {
            self.event = None;
        }
    }

    /// Takes an `<a/>`: returns the number of the stanza that is newly acknowledged.
    pub(crate) fn take_acknowledgement(&mut self, element: ElementRef<'_>) -> Option<u64> {
        if !self.stream.is_managed() {
            return None;
        }
        let handled = self.stream.read_handled(element)?;
        self.stream.acknowledge(handled)
    }

    /// Closes the stream: at once with an error, by the closing handshake without one (RFC 6120
    /// §4.4). Idempotent.
    pub fn close(&mut self, now: Instant, error: Option<StreamError>) {
        self.stream.close(now, error);
    }

    /// Sets how a silent peer is checked from now on; `None`, with which every connection begins,
    /// for no checks (RFC 6120 §4.6). The adapters begin with [`KeepAlive::ping`].
    pub fn set_keep_alive(&mut self, policy: Option<KeepAlive>) {
        self.stream.set_keep_alive(policy);
    }

    /// How a silent peer is checked.
    pub fn keep_alive(&self) -> Option<KeepAlive> {
        self.stream.keep_alive()
    }

    /// Checks now whether the peer is there, whatever the [policy](Self::set_keep_alive): for when
    /// the network has changed, or the device was asleep. If no byte arrives within `patience`, the
    /// connection ends as [`TimedOut(Timer::KeepAlive)`](crate::Timer::KeepAlive).
    ///
    /// Where the role can ping, it does. Where it cannot, white space is sent, and nothing is
    /// awaited. Without effect before stanzas may be exchanged and after the stream was closed.
    pub fn check_peer(&mut self, now: Instant, patience: Duration) {
        if !self.stream.may_check() {
            return;
        }
        match self.ping() {
            Some(ping) => self.stream.check_within(now, patience, ping),
            None => self.stream.send_white_space(),
        }
    }

    /// A ping of the role, if it can ping, and its id.
    fn ping(&mut self) -> Option<(String, Element)> {
        let Pinged { from, to } = self.role.pinged()?;
        let id = self.entropy.id();
        let mut ping = Element::builder("iq", R::CONTENT_NS)
            .attr("type", "get")
            .attr("id", &id);
        for (name, address) in [("from", from), ("to", to)] {
            if let Some(address) = address {
                ping = ping.attr(name, address);
            }
        }
        Some((id, ping.open("ping", ns::PING).build()))
    }

    /// How far negotiation has come.
    pub fn phase(&self) -> Phase {
        if self.stream.is_over() {
            Phase::Closed
        } else {
            self.role.phase()
        }
    }

    // --- What arrives -----------------------------------------------------------------------------

    /// Whether neither an event nor a question to the application is open. Once this side has
    /// closed, no answer of the application matters, and the peer's closing tag has to be read
    /// (RFC 6120 §4.4).
    pub(crate) fn wants_input(&self) -> bool {
        let asking = self.role.is_asking() && !self.stream.is_closing();
        self.event.is_none() && !self.role.has_news() && !asking
    }

    pub(crate) fn handle(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Header(header) => R::take(self, Step::Header(*header)),
            Incoming::Element(element) if self.role.phase().passes_stanzas() => {
                self.exchange(element);
            }
            // Negotiation is over once this side has closed; only the closing tag is awaited.
            Incoming::Element(_) if self.stream.is_closing() => {}
            Incoming::Element(element) => self.negotiate(element),
        }
    }

    /// Handles an element in a phase in which stanzas are exchanged.
    fn exchange(&mut self, element: Element) {
        if element.ns() == ns::SM {
            return R::manage(self, Item::of(&element), &element);
        }
        let counts = self.stream.is_managed() && is_counted(&element, R::CONTENT_NS);
        if !self.is_pong(&element) {
            R::take(self, Step::Stanza(element));
        }
        if counts {
            self.stream.arrived(self.event.is_some());
        }
    }

    /// Whether the element answers a ping of the keep-alive. It has shown already, by arriving, that
    /// the peer is there.
    fn is_pong(&mut self, element: &Element) -> bool {
        element.is("iq", R::CONTENT_NS)
            && matches!(element.attr("type"), Some("result" | "error"))
            && self.role.may_pong(element.attr("from"))
            && self.stream.take_pong(element.root())
    }

    fn negotiate(&mut self, element: Element) {
        if let Some((condition, why)) = self.role.objection() {
            return self.stream.fail(condition, why);
        }
        let item = Item::of(&element);
        if self.allows(item) {
            R::take(self, Step::Item(item, element));
        } else {
            R::take(self, Step::Unexpected(item, element));
        }
    }

    /// Whether the table allows the peer to send the item now.
    pub(crate) fn allows(&self, item: Item) -> bool {
        let given = Given {
            secured: self.stream.secured(),
            authenticated: self.stream.authenticated(),
            bidirectional: self.role.is_bidirectional(),
        };
        negotiation::next(self.role.phase(), R::SIDE.peer(), item, given).is_some()
    }

    // --- What roles do in the same way ------------------------------------------------------------

    /// Whether a header declares the content namespace of the role, or none, so that each stanza
    /// declares its own (RFC 6120 §4.8.2).
    pub(crate) fn may_carry_stanzas(header: &StreamHeader) -> bool {
        header.content_ns.is_empty() || header.content_ns == R::CONTENT_NS
    }

    /// Ends the stream because of an element that has no place in this phase.
    pub(crate) fn unexpected(&mut self, element: &Element) {
        let authenticated = self.stream.authenticated() || self.role.phase().passes_stanzas();
        let content_ns = [ns::CLIENT, ns::SERVER, ns::COMPONENT];
        let of_other_streams = content_ns.contains(&element.ns()) && element.ns() != R::CONTENT_NS;
        let condition = if of_other_streams {
            // A content namespace that this stream does not have (RFC 6120 §4.8.3).
            StreamErrorCondition::InvalidNamespace
        // §4.9.3.12: before authentication only negotiation is allowed, and before binding no
        // stanza.
        } else if !authenticated || Item::of(element).is_stanza() {
            StreamErrorCondition::NotAuthorized
        } else {
            StreamErrorCondition::UnsupportedStanzaType
        };
        let why = PeerMisbehaved::UnexpectedElement {
            name: element.name().into(),
            ns: element.ns().into(),
        };
        self.stream.fail(condition, why);
    }

    /// Answers a malformed stanza if RFC 6120 §8 requires an answer, and tells the application.
    pub(crate) fn refuse(&mut self, fault: StanzaFault) {
        if let Some(reply) = Self::reply_to(&fault) {
            self.stream.push_own(&reply);
        }
        self.event = Some(R::tell(News::Refused(fault)));
    }

    /// The answer to a malformed stanza, as it is written to this stream.
    pub(crate) fn reply_to(fault: &StanzaFault) -> Option<Element> {
        let mut reply = fault.reply()?;
        if R::PEER_WRITES_FROM {
            reply.set_attr("from", None);
        }
        reply.requalify(ns::CLIENT, R::CONTENT_NS);
        Some(reply)
    }

    /// The number of the next question or hand-off. It is random, so that tokens of other
    /// connections do not fit.
    pub(crate) fn serial(&mut self) -> u64 {
        u64::from_be_bytes(self.entropy.bytes())
    }

    /// Whether the stream is closing or over, so that answers of the application have no effect.
    pub(crate) const fn is_done(&self) -> bool {
        self.stream.is_over() || self.stream.is_closing()
    }
}
