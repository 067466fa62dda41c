//! Components, and the server's end of their connections (XEP-0114).

use std::fmt;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use xmppwire::Stanza;
use xmppwire::component::{Component, Host, HostConfig};
use xmppwire_net::client::{Error, Next, ReconnectPolicy};
use xmppwire_net::component::{
    Attaching, ComponentConnector, ComponentUpdate, ReconnectingComponent as Machine,
};
use xmppwire_net::link::{Handshake, Link, LinkError};
use xmppwire_net::tls::ServerTls;

use crate::Driver;
use crate::clock::Clock;
use crate::connect::open_any;
use crate::pump::Pump;

/// The connection of a component that is attached to its server.
///
/// Its events are [`ComponentEvent`](xmppwire::component::ComponentEvent)s without `Bound`, which
/// [`connect`](Driver::connect) has awaited. [`ReconnectingComponent`] attaches again when the
/// connection is lost.
pub type ComponentConnection<T = TcpStream> = Driver<Component, T>;

/// A component's connection to a server made with this library.
///
/// Its events are [`HostEvent`](xmppwire::component::HostEvent)s. Answer the questions among them
/// through [`connection_mut`](Driver::connection_mut), at once or later.
pub type ComponentHostConnection<T = TcpStream> = Driver<Host, T>;

/// Bytes that may wait to be written before `send` waits.
const SEND_AHEAD: usize = 64 * 1024;

impl Driver<Component> {
    /// Connects to the first address of the connector's host that works, and attaches.
    ///
    /// # Errors
    ///
    /// That of the last address. A wrong secret is [`Error::Closed`] with a stream error of the
    /// server.
    pub async fn connect(connector: &ComponentConnector) -> Result<Self, Error> {
        let limit = connector.connect_timeout();
        let host = (connector.host(), connector.port());
        let addresses = timeout(limit, lookup_host(host)).await;
        let addresses = addresses.map_err(io::Error::from)??;
        let socket = open_any(addresses, limit).await?;
        Self::over(socket, connector).await
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<Component, T> {
    /// Attaches over a transport that is open, such as a tunnel.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] if the server refuses, [`Error::Io`] or [`Error::Tls`].
    pub async fn over(transport: T, connector: &ComponentConnector) -> Result<Self, Error> {
        let clock = Clock::start();
        let mut pump = Pump::new(transport, clock);
        let mut attaching = Attaching::new(connector, clock.now())?;
        pump.until(&mut attaching, Attaching::poll).await?;
        Ok(Self::new(pump, attaching.into_link()?))
    }

    /// Sends a stanza: writes as many bytes as the socket takes now. Waits while more than 64 KiB
    /// are left to write.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has sent nothing.
    ///
    /// # Errors
    ///
    /// With any of them, the stanza was not sent. [`Error::NotConnected`] if the stream has ended;
    /// [`Error::Misuse`] if XML cannot carry the stanza or its addresses do not fit;
    /// [`Error::InboxFull`] if an event has to be taken first because the server does not read.
    pub async fn send(&mut self, stanza: impl Into<Stanza>) -> Result<(), Error> {
        let stanza = stanza.into();
        if self.backlog() > SEND_AHEAD && !self.flush().await && self.backlog() > SEND_AHEAD {
            return Err(Error::InboxFull);
        }
        self.link_mut().send(&stanza)?;
        self.write_now().await;
        Ok(())
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<Host, T> {
    /// Serves a component that begins without TLS. Listen on the loopback interface or in a private
    /// network: the protocol has no STARTTLS.
    ///
    /// # Errors
    ///
    /// [`LinkError::Io`] if the operating system gives no randomness.
    pub fn accept(socket: T, config: HostConfig) -> Result<Self, LinkError> {
        let clock = Clock::start();
        let link = Link::accept_component(config, clock.now())?;
        Ok(Self::new(Pump::new(socket, clock), link))
    }

    /// Serves a component that begins with TLS. The handshake has to be done within `limit`.
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the handshake fails.
    pub async fn accept_direct_tls(
        socket: T,
        config: HostConfig,
        tls: ServerTls,
        limit: Duration,
    ) -> Result<Self, LinkError> {
        let clock = Clock::start();
        let mut pump = Pump::new(socket, clock);
        let mut handshake = Handshake::new(tls.into(), clock.now() + limit)?;
        let secured = pump.until(&mut handshake, Handshake::poll).await?;
        let link = Link::accept_component_over_tls(config, secured, clock.now())?;
        Ok(Self::new(pump, link))
    }
}

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

    /// The next event; `None` after an error. Connects, and waits before it connects again.
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
                    let event = component.next_event().await;
                    if let Some(update) = self.machine.received(self.clock.now(), event)? {
                        return Ok(Some(update));
                    }
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

    /// Sends a stanza over the present connection, as [`ComponentConnection::send`](Driver::send)
    /// does.
    ///
    /// # Errors
    ///
    /// With any of them, the stanza was not sent: [`Error::NotConnected`] while the component is not
    /// attached, [`Error::Misuse`], [`Error::InboxFull`].
    pub async fn send(&mut self, stanza: impl Into<Stanza>) -> Result<(), Error> {
        self.machine.component_mut()?.send(stanza).await
    }

    /// The present connection, if there is one, to look at its TLS.
    pub const fn component(&self) -> Option<&ComponentConnection> {
        self.machine.component()
    }

    /// Ends the wait before the next attempt, and forgets the failures so far.
    pub fn connect_now(&mut self) {
        self.machine.connect_now(self.clock.now());
    }

    /// Closes the present connection in order, if there is one, and ends. Stanzas that still arrive
    /// are dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Tls`] if the end was not in order.
    pub async fn close(self) -> Result<(), Error> {
        if let Some(mut component) = self.machine.into_component() {
            component.close(None);
            while component.next_event().await?.is_some() {}
        }
        Ok(())
    }
}

impl fmt::Debug for ReconnectingComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectingComponent")
            .field("machine", &self.machine)
            .finish_non_exhaustive()
    }
}
