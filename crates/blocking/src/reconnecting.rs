//! A client or a component that reconnects.

mod split;

use std::task::Poll;
use std::time::Duration;

use xmppwire::component::Component;
use xmppwire::{Client, Instant, Iq, Stanza, StanzaFault};
use xmppwire_net::client::{
    Error, Next, NotAcknowledged, ReconnectEvent, ReconnectPolicy, Reconnecting as Machine,
    RefusedStanzas, RequestError, SessionConnector, SessionRole, Suspended,
};

use crate::Session;
use crate::clock::Clock;
use crate::connect::{Attempt, Outcome};
use crate::waker::Waker;

pub use split::ReconnectingDriver;

/// A client that connects again when the connection is lost (RFC 6120 §3.3).
///
/// It waits for a random time before: up to five seconds after a fault of the network, up to a
/// minute where the server went away, and longer while attempts fail. It does not come back where
/// another attempt cannot help, such as after a wrong password. [`ReconnectPolicy`] sets these times.
/// A session with a server that falls silent is lost too; see [`with_keep_alive`](SessionConnector::with_keep_alive).
/// An application that learns of a change of the network tells it with
/// [`network_changed`](Self::network_changed).
///
/// ```no_run
/// use xmppwire_blocking::{Connector, Presence, ReconnectEvent, ReconnectingClient, Stanza};
///
/// # fn run(password: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let connector = Connector::account("juliet@example.org", password)?;
/// let mut client = ReconnectingClient::new(connector);
/// while let Some(event) = client.next_event()? {
///     match event {
///         // A new session knows nothing of the last one.
///         ReconnectEvent::Connected(_) => client.send(Presence::available())?,
///         ReconnectEvent::Stanza(Stanza::Message(message)) => println!("{:?}", message.body()),
///         ReconnectEvent::Disconnected { reason, retry_in } => eprintln!("{reason}; again in {retry_in:?}"),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// All work happens inside its methods, most of it in [`next_event`](Self::next_event): nothing is
/// connected or read in the background. Where the server manages the stream (XEP-0198), the next
/// connection continues the session ([`ReconnectEvent::Resumed`]), and what was sent and not
/// acknowledged is sent again. Where a session is over, that comes back once
/// ([`ReconnectEvent::Undelivered`]). Without management, what was sent shortly before a connection
/// broke may be lost.
pub type ReconnectingClient = Reconnecting<Client>;

/// A component that attaches again when the connection is lost: after a random delay, which grows
/// while attempts fail, and never if another attempt cannot help, such as after a wrong secret.
///
/// ```no_run
/// use xmppwire_blocking::component::{ComponentConfig, Secret};
/// use xmppwire_blocking::{ComponentConnector, Domainpart, ReconnectEvent, ReconnectingComponent, Stanza};
///
/// # fn run(secret: String) -> Result<(), Box<dyn std::error::Error>> {
/// let config = ComponentConfig::new(Domainpart::new("echo.example.org")?, Secret::new(secret));
/// let connector = ComponentConnector::new(config, "localhost", 5347);
/// let mut component = ReconnectingComponent::new(connector);
/// while let Some(update) = component.next_event()? {
///     match update {
///         ReconnectEvent::Stanza(stanza) => {
///             let answer = match &stanza {
///                 Stanza::Message(message) if message.body().as_deref() == Some("ping") => {
///                     message.reply("pong").map(Stanza::Message)
///                 }
///                 // Every request has an answer, and nothing else has.
///                 _ => stanza.unsupported_reply(),
///             };
///             if let Some(answer) = answer {
///                 component.send(answer)?;
///             }
///         }
///         ReconnectEvent::Disconnected { reason, retry_in } => eprintln!("{reason}; again in {retry_in:?}"),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// All work happens inside its methods. Stanzas are not kept for the next connection, and what was
/// sent shortly before one broke may be lost.
pub type ReconnectingComponent = Reconnecting<Component>;

/// A [`ReconnectingClient`] or a [`ReconnectingComponent`].
#[derive(Debug)]
pub struct Reconnecting<R: SessionRole> {
    machine: Machine<Session<R>, R>,
    clock: Clock,
    waker: Waker,
    /// The attempt in progress.
    attempt: Option<Attempt<R>>,
    /// Malformed stanzas that arrived before the last event was given.
    refused: RefusedStanzas,
}

impl<R: SessionRole> Reconnecting<R> {
    /// Connects as the connector says when the first event is waited for, and waits as RFC 6120
    /// §3.3 recommends whenever that fails or a session ends.
    pub fn new(connector: SessionConnector<R>) -> Self {
        Self::with_policy(connector, ReconnectPolicy::default())
    }

    /// Like [`new`](Self::new), with other delays.
    pub fn with_policy(connector: SessionConnector<R>, policy: ReconnectPolicy) -> Self {
        let clock = Clock::start();
        Self {
            machine: Machine::new(connector, policy, clock.now()),
            clock,
            waker: Waker::new(),
            attempt: None,
            refused: RefusedStanzas::default(),
        }
    }

    /// The next event; `None` after an error, and at the end after
    /// [`begin_close`](Self::begin_close). Connects, and waits before it connects again.
    ///
    /// # Errors
    ///
    /// Once, the reason why another attempt cannot help: the credentials were refused, another
    /// client took the resource, or, before the first session, the domain has no server or none
    /// that can prove its identity. Everything else is a [`ReconnectEvent::Disconnected`].
    pub fn next_event(&mut self) -> Result<Option<ReconnectEvent<R>>, Error> {
        loop {
            if let Poll::Ready(event) = self.advance(None)? {
                return Ok(event);
            }
        }
    }

    /// Like [`next_event`](Self::next_event), but returns [`Poll::Pending`] after `timeout` or when
    /// the [`waker`](Self::waker) is used. Nothing is lost then, and the next call continues an attempt
    /// to connect. Its time, at most the connector's [time to
    /// connect](SessionConnector::with_total_timeout), also runs between the calls.
    ///
    /// # Errors
    ///
    /// As for [`next_event`](Self::next_event).
    pub fn next_event_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<Poll<Option<ReconnectEvent<R>>>, Error> {
        self.advance(Some(self.clock.now() + timeout))
    }

    /// A handle with which another thread ends a wait in
    /// [`next_event_timeout`](Self::next_event_timeout), in this session and the following ones.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// The present session, if there is one, to look at its address and its TLS.
    pub fn session(&self) -> Option<&Session<R>> {
        self.machine.client()
    }

    /// Takes the oldest malformed stanza that arrived in this session or an earlier one, as
    /// [`Session::take_refused`] does. Look here after [`next_event`](Self::next_event) has
    /// returned. Those of the last session are still there after
    /// [`ReconnectEvent::Disconnected`] and after an error.
    pub fn take_refused(&mut self) -> Option<StanzaFault> {
        let earlier = self.refused.take();
        earlier.or_else(|| self.machine.client_mut().ok()?.take_refused())
    }

    /// The number of malformed stanzas of all sessions that
    /// [`take_refused`](Self::take_refused) cannot give any more, because newer ones needed their
    /// room.
    pub fn refused_dropped(&self) -> u64 {
        let present = self.session().map_or(0, Session::refused_dropped);
        self.refused.dropped().saturating_add(present)
    }

    /// Sends a stanza over the present session, as [`Session::send`] does.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] without a session, and if the session turns out to be lost;
    /// [`next_event`](Self::next_event) tells why. [`Error::Misuse`] and [`Error::InboxFull`] as
    /// for a client. With any of them, the stanza was not sent.
    pub fn send(&mut self, stanza: impl Into<Stanza>) -> Result<(), Error> {
        let sent = self.machine.client_mut()?.send(stanza);
        sent.map_err(|error| self.machine.refused(error))
    }

    /// Sends a stanza over the present session and waits until the server has handled it, as
    /// [`Session::send_acked`] does.
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`]. Where the connection was lost ([`NotAcknowledged::Lost`]), the stanza is
    /// sent again when the session is resumed, or comes back in [`ReconnectEvent::Undelivered`].
    pub fn send_acked(&mut self, stanza: impl Into<Stanza>) -> Result<(), NotAcknowledged> {
        use NotAcknowledged::{Lost, NotSent};
        let client = self.machine.client_mut().map_err(NotSent)?;
        match client.send_acked(stanza) {
            Err(NotSent(error)) => Err(NotSent(self.machine.refused(error))),
            Err(Lost(error)) => Err(Lost(self.machine.refused(error))),
            other => other,
        }
    }

    /// Ends the connection without closing the stream, and returns the session, so that it can
    /// continue later or in another process ([`Connector::with_resumption`](crate::Connector)).
    /// Stanzas that arrived and were not taken are returned with it.
    pub fn suspend(mut self) -> Suspended {
        let mut suspended = self.machine.suspend();
        if let Some(client) = self.machine.into_client() {
            let present = client.suspend();
            suspended.resumption = present.resumption;
            suspended.arrived = present.arrived;
            suspended.unacknowledged.extend(present.unacknowledged);
        }
        suspended
    }

    /// Waits until everything that was sent over the present session is written.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn flush(&mut self) -> Result<(), Error> {
        let flushed = self.machine.client_mut()?.flush();
        flushed.map_err(|error| self.machine.refused(error))
    }

    /// Sends a request over the present session, as [`Session::request`] does.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; its connection errors are those of [`send`](Self::send), but the request
    /// may have been sent.
    pub fn request(&mut self, request: Iq) -> Result<Iq, RequestError> {
        match self.machine.client_mut()?.request(request) {
            Err(RequestError::Connection(error)) => Err(self.machine.refused(error).into()),
            other => other,
        }
    }

    /// Ends the wait before the next attempt, and forgets the failures so far: for when the network
    /// is back, or the user asks for it. Without effect on a session.
    pub fn connect_now(&mut self) {
        self.machine.connect_now(self.clock.now());
    }

    /// Says that the network has changed or that the device was asleep: another network, another
    /// address, a new tunnel. Without a session, an attempt in progress begins anew. A session is
    /// checked, and if nothing arrives within ten seconds, it ends and the client connects again at
    /// once.
    pub fn network_changed(&mut self) {
        self.check_session(Duration::from_secs(10));
    }

    /// The same with another time for the sign of life.
    pub fn check_session(&mut self, patience: Duration) {
        match self.machine.network_changed(self.clock.now()) {
            Some(client) => client.check_peer(patience),
            None => self.attempt = None,
        }
    }

    /// Gives the present session up and connects again at once: for an application that knows that
    /// the session is of no more use. Stanzas that were not taken are lost. The next event is that
    /// of the next attempt. Without a session it has no effect.
    pub fn drop_session(&mut self) {
        let now = self.clock.now();
        if let Some(mut session) = self.machine.drop_session(now) {
            self.machine.leave(now, session.session_mut().leave(now));
            self.machine.forget_session();
        }
    }

    /// Begins to close the present session in order, if there is one, and does not connect again.
    /// What still arrives is given by [`next_event`](Self::next_event), and then `None`: take it all,
    /// so that no stanza is lost.
    pub fn begin_close(&mut self) {
        self.attempt = None;
        if let Some(session) = self.machine.close() {
            session.begin_close();
        }
    }

    /// Closes the present session in order, if there is one, and ends. Stanzas that still arrive are
    /// dropped; [`begin_close`](Self::begin_close) keeps them.
    ///
    /// # Errors
    ///
    /// As for [`Session::close`]. [`Error::Unacknowledged`] gives back what is left of earlier sessions
    /// too.
    pub fn close(mut self) -> Result<(), Error> {
        let end = match self.machine.take_client() {
            Some(client) => client.close(),
            None => Ok(()),
        };
        self.machine.finish(end)
    }

    /// Pending when the deadline is over or the waker was used.
    fn advance(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Poll<Option<ReconnectEvent<R>>>, Error> {
        if let Some(told) = self.machine.take_after() {
            return told.map(Poll::Ready);
        }
        loop {
            let now = self.clock.now();
            let left = deadline.map(|deadline| deadline.saturating_since(now));
            match self.machine.next(now) {
                Next::Connect => {
                    let event = match self.connect(deadline) {
                        Ok(Poll::Pending) => return Ok(Poll::Pending),
                        Ok(Poll::Ready(event)) => Ok(Some(event)),
                        Err(error) => Err(error),
                    };
                    return self.machine.tell(event).map(Poll::Ready);
                }
                Next::SleepUntil(time) => {
                    if self.waker.rest(time.saturating_since(now), left) {
                        return Ok(Poll::Pending);
                    }
                }
                Next::Drive(client) => {
                    let stanza = match left {
                        None => client.next(),
                        Some(left) => match client.next_timeout(left) {
                            Ok(Poll::Pending) => return Ok(Poll::Pending),
                            Ok(Poll::Ready(stanza)) => Ok(stanza),
                            Err(error) => Err(error),
                        },
                    };
                    self.refused.append(client.refused_mut());
                    let now = self.clock.now();
                    if !matches!(stanza, Ok(Some(_))) {
                        let left = client.session_mut().leave(now);
                        self.machine.leave(now, left);
                    }
                    let told = self.machine.received(now, stanza);
                    return self.machine.tell(told).map(Poll::Ready);
                }
                Next::Stop => return Ok(Poll::Ready(None)),
            }
        }
    }

    fn connect(&mut self, deadline: Option<Instant>) -> Result<Poll<ReconnectEvent<R>>, Error> {
        let attempt = self.attempt.take().unwrap_or_else(|| {
            let attempts = self.machine.attempts(self.clock.now());
            Attempt::new(attempts, self.clock, self.waker.clone())
        });
        let result = match attempt.advance(deadline) {
            Outcome::Pending(attempt) => {
                self.attempt = Some(*attempt);
                return Ok(Poll::Pending);
            }
            Outcome::Done(result) => *result,
        };
        let now = self.clock.now();
        let event = match result {
            Ok(mut client) => {
                self.machine.follow(now, client.session_mut());
                let (address, mode) = (client.address().clone(), client.mode());
                let resumed = client.is_resumed();
                self.machine.connected(now, address, mode, client, resumed)
            }
            Err(error) => self.machine.not_connected(now, error)?,
        };
        Ok(Poll::Ready(event))
    }
}

impl Reconnecting<Client> {
    /// Tells the server whether the user looks at the client, now and in each later session, as
    /// [`Session::set_active`] does.
    pub fn set_active(&mut self, active: bool) {
        self.machine.wish_active(active);
        if let Ok(client) = self.machine.client_mut() {
            client.set_active(active);
        }
    }

    /// Enables carbons, as [`Session::enable_carbons`] does, and in each new session after the present
    /// one: with the binding where the server offers that (XEP-0386), otherwise by a request, of whose
    /// answer nothing is told.
    ///
    /// # Errors
    ///
    /// As for [`request`](Self::request). Later sessions enable them all the same, unless the server
    /// refused.
    pub fn enable_carbons(&mut self) -> Result<(), RequestError> {
        self.machine.wish_carbons(true);
        let enabled = self.machine.client_mut()?.enable_carbons();
        self.switched(enabled)
    }

    /// Disables carbons, in later sessions too.
    ///
    /// # Errors
    ///
    /// As for [`request`](Self::request).
    pub fn disable_carbons(&mut self) -> Result<(), RequestError> {
        self.machine.wish_carbons(false);
        let disabled = self.machine.client_mut()?.disable_carbons();
        self.switched(disabled)
    }

    fn switched(&mut self, answer: Result<(), RequestError>) -> Result<(), RequestError> {
        match answer {
            Err(RequestError::Connection(error)) => Err(self.machine.refused(error).into()),
            Err(error @ RequestError::Refused(_)) => {
                self.machine.wish_carbons(false);
                Err(error)
            }
            other => other,
        }
    }
}
