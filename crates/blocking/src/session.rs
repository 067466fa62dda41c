//! A client that is logged in, or a component that is attached.

mod split;

use std::net::TcpStream;
use std::task::Poll;
use std::time::Duration;

use xmppwire::{Client, Iq, Stanza, StanzaFault, Unacknowledged};
use xmppwire_net::client::{
    ConnectError, Error, Login, NotAcknowledged, RefusedStanzas, RequestError, RequestId,
    Session as Machine, SessionConnector, SessionRole, Suspended,
};
use xmppwire_net::find::{Attempts, Mode};
use xmppwire_net::link::Wired;
use xmppwire_net::tls::TlsSummary;

use crate::clock::Clock;
use crate::connect::{self, LoggingIn};
use crate::pump::Pump;
use crate::waker::Waker;

pub use split::SessionDriver;
pub(crate) use split::{drive, rouse};

/// An exchange of stanzas with a server: a [`Client`](crate::Client) that is logged in, or a
/// [`ComponentConnection`](crate::ComponentConnection) that is attached.
///
/// Bytes move in both directions while any of the methods runs, and not otherwise. After
/// [`split`](Self::split), several threads share the session.
#[derive(Debug)]
pub struct Session<R: SessionRole = Client> {
    pump: Pump,
    machine: Machine<R>,
}

impl<R: SessionRole> Session<R> {
    /// Connects and logs in with the settings of the connector: to the first of its servers, or of
    /// those of the domain, that works.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]
    pub fn connect_with(connector: &SessionConnector<R>) -> Result<Self, ConnectError> {
        let clock = Clock::start();
        connect::connect(Attempts::new(connector, clock.now()), clock)
    }

    /// Logs in over a socket that is connected.
    pub(crate) fn begin(
        socket: TcpStream,
        mode: Mode,
        connector: &SessionConnector<R>,
    ) -> Result<Self, Error> {
        let clock = Clock::start();
        let login = Login::new(connector, mode, clock.now())?;
        let mut login = LoggingIn::new(Pump::new(socket, clock, Waker::new())?, login);
        while login.advance(None)?.is_pending() {}
        login.into_session()
    }

    pub(crate) const fn new(pump: Pump, machine: Machine<R>) -> Self {
        Self { pump, machine }
    }

    /// The address that the stream is for: that of a client, or the domain of a component.
    pub const fn address(&self) -> &R::Address {
        self.machine.address()
    }

    /// The properties of TLS, if it is used.
    pub const fn tls(&self) -> Option<&TlsSummary> {
        self.machine.link().tls()
    }

    /// The default language of the server's stanzas: that of a stanza whose `lang` is `None`
    /// (RFC 6120 §8.1.5).
    pub fn stream_lang(&self) -> Option<&str> {
        self.machine.stream_lang()
    }

    /// Bytes that wait to be written.
    pub fn backlog(&self) -> usize {
        self.machine.link().backlog()
    }

    pub(crate) const fn mode(&self) -> Mode {
        self.machine.link().mode()
    }

    pub(crate) const fn session(&self) -> &Machine<R> {
        &self.machine
    }

    pub(crate) const fn session_mut(&mut self) -> &mut Machine<R> {
        &mut self.machine
    }

    pub(crate) fn into_parts(self) -> (Pump, Machine<R>) {
        (self.pump, self.machine)
    }

    /// The next stanza; `None` after either side has closed the stream in order. That of a component
    /// may be for any domain: some servers give a component the stanzas of several.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], [`Error::Io`] or [`Error::Tls`], once; then `None`.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator does not work with `?`, and the method of the tokio adapter has this name"
    )]
    pub fn next(&mut self) -> Result<Option<Stanza>, Error> {
        self.pump.until(&mut self.machine, Machine::poll_next)
    }

    /// Like [`next`](Self::next), but returns [`Poll::Pending`] after `timeout` or when the
    /// [`waker`](Self::waker) is used. Nothing is lost then, and what was sent before is written
    /// while it waits. With a time-out of zero it takes what has arrived; with [`Duration::MAX`]
    /// only the waker ends it.
    ///
    /// ```no_run
    /// # use std::task::Poll;
    /// # use std::time::Duration;
    /// # use xmppwire_blocking::{Client, Error};
    /// # fn run(client: &mut Client) -> Result<(), Error> {
    /// loop {
    ///     match client.next_timeout(Duration::from_secs(1))? {
    ///         Poll::Ready(Some(stanza)) => println!("{stanza:?}"),
    ///         Poll::Ready(None) => return Ok(()),
    ///         Poll::Pending => println!("time for something else"),
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next).
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Poll<Option<Stanza>>, Error> {
        let next = self
            .pump
            .until_timeout(&mut self.machine, timeout, Machine::poll_next);
        match next {
            Poll::Ready(stanza) => stanza.map(Poll::Ready),
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    /// A handle with which another thread ends a wait in [`next_timeout`](Self::next_timeout).
    pub fn waker(&self) -> Waker {
        self.pump.waker()
    }

    /// Takes the oldest malformed stanza that arrived (RFC 6120 §8), such as a message whose `from`
    /// is not an address.
    ///
    /// [`next`](Self::next) never gives such a stanza and does not return for it, so look here
    /// after `next` has returned. It was answered where the RFC requires an answer and
    /// `from` is not malformed. Nothing needs to be done about it: it shows that the server, or an
    /// entity whose stanzas the server does not check, breaks the protocol. The newest ones are
    /// kept, in at most 64 KiB of memory, or one stanza if that one is larger;
    /// [`refused_dropped`](Self::refused_dropped) counts the others.
    ///
    /// ```no_run
    /// # use xmppwire_blocking::{Client, Error};
    /// # fn run(client: &mut Client) -> Result<(), Error> {
    /// while let Some(stanza) = client.next()? {
    ///     while let Some(fault) = client.take_refused() {
    ///         eprintln!("{fault}: {}", fault.element().to_xml());
    ///     }
    ///     println!("{stanza:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn take_refused(&mut self) -> Option<StanzaFault> {
        self.machine.refused_mut().take()
    }

    /// The number of malformed stanzas that [`take_refused`](Self::take_refused) cannot give any
    /// more, because newer ones needed their room.
    pub const fn refused_dropped(&self) -> u64 {
        self.machine.refused().dropped()
    }

    /// The queue behind [`take_refused`](Self::take_refused), to keep it beyond the session.
    pub(crate) const fn refused_mut(&mut self) -> &mut RefusedStanzas {
        self.machine.refused_mut()
    }

    /// Sends a stanza: writes as many bytes as the socket takes now. The rest is written while
    /// another method runs. Waits while more than 64 KiB are left to write, and while the server has
    /// to acknowledge other stanzas first
    /// ([`StreamManagement::with_queue_bytes`](xmppwire::StreamManagement::with_queue_bytes), 4 MiB
    /// unless set). Stanzas that have arrived are kept for [`next`](Self::next).
    ///
    /// # Errors
    ///
    /// With any of them, the stanza was not sent. [`Error::NotConnected`] if the stream has ended,
    /// [`Error::Misuse`] if XML cannot carry the stanza, or if a component's stanza is not from an
    /// address of the component or has no `to`, [`Error::InboxFull`] if stanzas that arrive have to be
    /// taken first, because the server does not read or its acknowledgements come after them. Others as
    /// for [`next`](Self::next): a server that acknowledges nothing ends the session as
    /// [`TimedOut(Timer::Acknowledgement)`](xmppwire::Timer::Acknowledgement). It is not known then how
    /// much arrived of what was sent before, and [`close`](Self::close) or [`suspend`](Self::suspend)
    /// gives back what was not acknowledged.
    pub fn send(&mut self, stanza: impl Into<Stanza>) -> Result<(), Error> {
        self.pump.until(&mut self.machine, Machine::poll_ready)?;
        self.machine.send(&stanza.into())?;
        self.pump.exchange_now(self.machine.wire());
        Ok(())
    }

    /// Sends a stanza and waits until the server has handled it (XEP-0198 §4). Stanzas that arrive
    /// meanwhile are kept for [`next`](Self::next).
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`], which says whether the stanza was sent.
    pub fn send_acked(&mut self, stanza: impl Into<Stanza>) -> Result<(), NotAcknowledged> {
        self.pump
            .until(&mut self.machine, Machine::poll_ready)
            .map_err(NotAcknowledged::NotSent)?;
        let id = self.machine.send_watched(&stanza.into())?;
        self.pump.write_now(self.machine.wire());
        let poll = |machine: &mut Machine<R>, now| machine.poll_acknowledged(now, id);
        self.pump.until(&mut self.machine, poll)
    }

    /// Whether the session is that of an earlier connection (XEP-0198 §5). Otherwise it is new, and
    /// presence has to be sent again.
    pub const fn is_resumed(&self) -> bool {
        self.machine.is_resumed()
    }

    /// Takes the stanzas that the server has not acknowledged, in the order in which they were sent:
    /// those of an earlier session that could not be resumed, and, after the end of this one, its own
    /// if either side has [closed](Self::begin_close) it. The server may have handled them or not. Each
    /// is given once.
    pub fn take_unacknowledged(&mut self) -> Vec<Unacknowledged> {
        self.machine.take_unacknowledged()
    }

    /// Ends the connection without closing the stream, and returns the session, so that it can
    /// continue later or in another process ([`Connector::with_resumption`](crate::Connector)). What
    /// was sent and is not acknowledged is a part of it.
    ///
    /// It works after the connection was lost as well.
    pub fn suspend(mut self) -> Suspended {
        let now = self.pump.now();
        self.machine.suspend(now)
    }

    /// Waits until everything that was sent is written.
    ///
    /// # Errors
    ///
    /// [`Error::InboxFull`] if the inbox becomes full meanwhile; others as for
    /// [`send`](Self::send).
    pub fn flush(&mut self) -> Result<(), Error> {
        self.pump.until(&mut self.machine, Machine::poll_flushed)
    }

    /// Sends a request and waits for the answer of the entity that it is sent to. An unpredictable
    /// id replaces its own. Stanzas that arrive meanwhile are kept for [`next`](Self::next).
    ///
    /// ```no_run
    /// use xmppwire_blocking::{Client, Element, Iq, Jid, ns};
    ///
    /// # fn ping(client: &mut Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let ping = Iq::get("", &Element::builder("ping", ns::PING).build()).with_to(Jid::new("example.org")?);
    /// client.request(ping)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RequestError`]
    pub fn request(&mut self, request: Iq) -> Result<Iq, RequestError> {
        let id = self.ask(request)?;
        self.answer(&id)
    }

    /// Sends a request without waiting for the answer, which [`answer`](Self::answer) gives. Any
    /// number may be open, up to the connector's
    /// [limit](SessionConnector::with_max_requests).
    ///
    /// # Errors
    ///
    /// [`RequestError`]
    pub fn ask(&mut self, request: Iq) -> Result<RequestId, RequestError> {
        self.pump.until(&mut self.machine, Machine::poll_ready)?;
        let now = self.pump.now();
        let id = self.machine.begin_request(now, &request)?;
        self.pump.exchange_now(self.machine.wire());
        Ok(id)
    }

    /// Waits for the answer to one of the requests that are open. Stanzas that arrive meanwhile are
    /// kept for [`next`](Self::next). A request whose id is dropped is forgotten.
    ///
    /// # Errors
    ///
    /// [`RequestError`]. The request is forgotten then, as it is after the answer.
    pub fn answer(&mut self, request: &RequestId) -> Result<Iq, RequestError> {
        let poll = |machine: &mut Machine<R>, now| machine.poll_answer(now, request);
        self.pump.until(&mut self.machine, poll)
    }

    /// Checks now whether the server is there: for when the network has changed, or the device was
    /// asleep. Without a sign of life within `patience`, the session ends as
    /// [`TimedOut(Timer::KeepAlive)`](xmppwire::Timer::KeepAlive), which the next call that waits
    /// tells. The check itself is written by that call.
    ///
    /// A silent server is also checked from time to time by itself; see
    /// [`SessionConnector::with_keep_alive`].
    pub fn check_peer(&mut self, patience: Duration) {
        let now = self.pump.now();
        self.machine.check_peer(now, patience);
    }

    /// Closes the stream in order: what was sent is written, and the server confirms the end.
    /// Stanzas that still arrive are dropped; [`begin_close`](Self::begin_close) keeps them.
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next), if the end was not in order. [`Error::Unacknowledged`] gives back
    /// what the server has not acknowledged, where it manages the stream (XEP-0198): also after an
    /// orderly end, because a server that closes at the same moment may ignore what it is sent (RFC 6120
    /// §4.4). With it come the stanzas of an earlier session that
    /// [`take_unacknowledged`](Self::take_unacknowledged) would give.
    pub fn close(mut self) -> Result<(), Error> {
        self.begin_close();
        let end = self.pump.until(&mut self.machine, Machine::poll_closed);
        let now = self.pump.now();
        self.machine.finish(now, end)
    }

    /// Begins to close the stream (RFC 6120 §4.4). Nothing more can be sent. What still arrives is
    /// given by [`next`](Self::next), and then `None`: take it all, so that no stanza is lost. What the
    /// server has not acknowledged at the end is in
    /// [`take_unacknowledged`](Self::take_unacknowledged). Idempotent.
    pub fn begin_close(&mut self) {
        let now = self.pump.now();
        self.machine.close(now);
    }
}
