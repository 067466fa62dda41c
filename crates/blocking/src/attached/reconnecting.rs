//! A component that attaches again.

use std::task::Poll;
use std::time::Duration;

use xmppwire::{Instant, Iq, Stanza, StanzaFault};
use xmppwire_net::client::{Error, Next, ReconnectPolicy, RequestError};
use xmppwire_net::component::{
    ComponentConnector, ComponentUpdate, ReconnectingComponent as Machine,
};

use super::ComponentConnection;
use crate::clock::Clock;
use crate::waker::Waker;

/// A component that attaches again when the connection is lost: after a random delay, which grows
/// while attempts fail, and never if another attempt cannot help, such as after a wrong secret.
///
/// ```no_run
/// use xmppwire_blocking::component::{ComponentConfig, Secret};
/// use xmppwire_blocking::{ComponentConnector, ComponentUpdate, Domainpart, ReconnectingComponent, Stanza};
///
/// # fn run(secret: String) -> Result<(), Box<dyn std::error::Error>> {
/// let config = ComponentConfig::new(Domainpart::new("echo.example.org")?, Secret::new(secret));
/// let connector = ComponentConnector::new(config, "localhost", 5347);
/// let mut component = ReconnectingComponent::new(connector);
/// while let Some(update) = component.next_event()? {
///     match update {
///         ComponentUpdate::Stanza(stanza) => {
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
///         ComponentUpdate::Disconnected { reason, retry_in } => eprintln!("{reason}; again in {retry_in:?}"),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// All work happens inside its methods. Stanzas are not kept for the next connection, and what was
/// sent shortly before one broke may be lost.
#[derive(Debug)]
pub struct ReconnectingComponent {
    connector: ComponentConnector,
    machine: Machine<ComponentConnection>,
    clock: Clock,
    waker: Waker,
}

impl ReconnectingComponent {
    /// Connects when the first event is waited for.
    pub fn new(connector: ComponentConnector) -> Self {
        Self::with_policy(connector, ReconnectPolicy::default())
    }

    /// Like [`new`](Self::new), with other delays.
    pub fn with_policy(connector: ComponentConnector, policy: ReconnectPolicy) -> Self {
        let clock = Clock::start();
        Self {
            connector,
            machine: Machine::new(policy, clock.now()),
            clock,
            waker: Waker::new(),
        }
    }

    /// The next event; `None` after an error, and at the end after [`close`](Self::close). Connects, and waits before it connects again.
    ///
    /// # Errors
    ///
    /// Once, the reason why another attempt cannot help. Everything else is a
    /// [`ComponentUpdate::Disconnected`].
    pub fn next_event(&mut self) -> Result<Option<ComponentUpdate>, Error> {
        loop {
            if let Poll::Ready(event) = self.advance(None)? {
                return Ok(event);
            }
        }
    }

    /// Like [`next_event`](Self::next_event), but returns [`Poll::Pending`] after `timeout` or when
    /// the [`waker`](Self::waker) is used. Nothing is lost then. An attempt to connect is not
    /// interrupted.
    ///
    /// # Errors
    ///
    /// As for [`next_event`](Self::next_event).
    pub fn next_event_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<Poll<Option<ComponentUpdate>>, Error> {
        self.advance(Some(self.clock.now() + timeout))
    }

    /// A handle with which another thread ends a wait in
    /// [`next_event_timeout`](Self::next_event_timeout), in this connection and the following ones.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Pending when the deadline is over or the waker was used.
    fn advance(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Poll<Option<ComponentUpdate>>, Error> {
        loop {
            let now = self.clock.now();
            let left = deadline.map(|deadline| deadline.saturating_since(now));
            match self.machine.next(now) {
                Next::Connect => return self.connect().map(|update| Poll::Ready(Some(update))),
                Next::SleepUntil(time) => {
                    if self.waker.rest(time.saturating_since(now), left) {
                        return Ok(Poll::Pending);
                    }
                }
                Next::Drive(component) => {
                    let stanza = match left {
                        None => component.next(),
                        Some(left) => match component.next_timeout(left) {
                            Ok(Poll::Pending) => return Ok(Poll::Pending),
                            Ok(Poll::Ready(stanza)) => Ok(stanza),
                            Err(error) => Err(error),
                        },
                    };
                    let update = self.machine.received(self.clock.now(), stanza);
                    return update.map(Poll::Ready);
                }
                Next::Stop => return Ok(Poll::Ready(None)),
            }
        }
    }

    fn connect(&mut self) -> Result<ComponentUpdate, Error> {
        let result = ComponentConnection::connect_with_waker(&self.connector, self.waker.clone());
        match result {
            Ok(component) => Ok(self.machine.attached(self.clock.now(), component)),
            Err(error) => self.machine.not_attached(self.clock.now(), error),
        }
    }

    /// Sends a stanza over the present connection, as [`ComponentConnection::send`]
    /// does.
    ///
    /// # Errors
    ///
    /// With any of them, the stanza was not sent: [`Error::NotConnected`] while the component is not
    /// attached, [`Error::Misuse`], [`Error::InboxFull`].
    pub fn send(&mut self, stanza: impl Into<Stanza>) -> Result<(), Error> {
        self.machine.component_mut()?.send(stanza)
    }

    /// Sends a request over the present connection and waits for the answer, as
    /// [`ComponentConnection::request`] does.
    ///
    /// # Errors
    ///
    /// [`RequestError`]
    pub fn request(&mut self, request: Iq) -> Result<Iq, RequestError> {
        self.machine.component_mut()?.request(request)
    }

    /// The present connection, if there is one, to look at its TLS.
    pub const fn component(&self) -> Option<&ComponentConnection> {
        self.machine.component()
    }

    /// Ends the wait before the next attempt, and forgets the failures so far.
    pub fn connect_now(&mut self) {
        self.machine.connect_now(self.clock.now());
    }

    /// Takes the oldest malformed stanza that arrived in this connection; see
    /// [`ComponentConnection::take_refused`].
    pub fn take_refused(&mut self) -> Option<StanzaFault> {
        self.machine.component_mut().ok()?.take_refused()
    }

    /// Begins to close the present connection in order, and does not connect again. What still
    /// arrives is given by [`next_event`](Self::next_event), and then `None`: take it all, so that
    /// no stanza is lost.
    pub fn close(&mut self) {
        if let Some(component) = self.machine.close() {
            component.close();
        }
    }
}
