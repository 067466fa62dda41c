//! A component that attaches again.

use std::fmt;
use std::pin::Pin;

use xmppwire::{Iq, Stanza, StanzaFault};
use xmppwire_net::client::{Error, Next, ReconnectPolicy, RequestError};
use xmppwire_net::component::{
    ComponentConnector, ComponentUpdate, ReconnectingComponent as Machine,
};

use super::ComponentConnection;
use crate::clock::Clock;

/// A component that attaches again when the connection is lost: after a random delay, which grows
/// while attempts fail, and never if another attempt cannot help, such as after a wrong secret.
///
/// ```no_run
/// use xmppwire_tokio::component::{ComponentConfig, Secret};
/// use xmppwire_tokio::{ComponentConnector, ComponentUpdate, Domainpart, ReconnectingComponent, Stanza};
///
/// # async fn run(secret: String) -> Result<(), Box<dyn std::error::Error>> {
/// let config = ComponentConfig::new(Domainpart::new("echo.example.org")?, Secret::new(secret));
/// let connector = ComponentConnector::new(config, "localhost", 5347);
/// let mut component = ReconnectingComponent::new(connector);
/// while let Some(update) = component.next_event().await? {
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
///                 component.send(answer).await?;
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
pub struct ReconnectingComponent {
    connector: ComponentConnector,
    machine: Machine<ComponentConnection>,
    clock: Clock,
    /// The attempt in progress. It survives when a future of [`next_event`](Self::next_event) is
    /// dropped.
    attempt: Option<Attempt>,
}

type Attempt = Pin<Box<dyn Future<Output = Result<ComponentConnection, Error>> + Send>>;

impl ReconnectingComponent {
    /// Connects when the first event is awaited.
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
            attempt: None,
        }
    }

    /// The next event; `None` after an error, and at the end after [`close`](Self::close). Connects, and waits before it connects again.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any await. No event is lost.
    ///
    /// # Errors
    ///
    /// Once, the reason why another attempt cannot help. Everything else is a
    /// [`ComponentUpdate::Disconnected`].
    pub async fn next_event(&mut self) -> Result<Option<ComponentUpdate>, Error> {
        loop {
            match self.machine.next(self.clock.now()) {
                Next::Connect => return self.connect().await.map(Some),
                Next::SleepUntil(time) => self.clock.sleep_until(time).await,
                Next::Drive(component) => {
                    let stanza = component.next().await;
                    return self.machine.received(self.clock.now(), stanza);
                }
                Next::Stop => return Ok(None),
            }
        }
    }

    async fn connect(&mut self) -> Result<ComponentUpdate, Error> {
        let attempt = self.attempt.get_or_insert_with(|| {
            let connector = self.connector.clone();
            Box::pin(async move { ComponentConnection::connect(&connector).await })
        });
        let result = attempt.await;
        self.attempt = None;
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
    pub async fn send(&mut self, stanza: impl Into<Stanza>) -> Result<(), Error> {
        self.machine.component_mut()?.send(stanza).await
    }

    /// Sends a request over the present connection and waits for the answer, as
    /// [`ComponentConnection::request`] does.
    ///
    /// # Errors
    ///
    /// [`RequestError`]
    pub async fn request(&mut self, request: Iq) -> Result<Iq, RequestError> {
        self.machine.component_mut()?.request(request).await
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

impl fmt::Debug for ReconnectingComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectingComponent")
            .field("machine", &self.machine)
            .finish_non_exhaustive()
    }
}
