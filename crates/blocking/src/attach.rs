//! Components, and the server's end of their connections (XEP-0114).

use std::net::TcpStream;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use xmppwire::component::{Component, Host, HostConfig};
use xmppwire::{Instant, Stanza};
use xmppwire_net::client::{Error, Next, ReconnectPolicy};
use xmppwire_net::component::{
    Attaching, ComponentConnector, ComponentUpdate, ReconnectingComponent as Machine,
};
use xmppwire_net::link::{Handshake, Link, LinkError};
use xmppwire_net::tls::ServerTls;

use crate::Driver;
use crate::clock::Clock;
use crate::connect::resolve;
use crate::open::open_any;
use crate::pump::Pump;
use crate::waker::Waker;

/// The connection of a component that is attached to its server.
///
/// Its events are [`ComponentEvent`](xmppwire::component::ComponentEvent)s without `Bound`, which
/// [`connect`](Driver::connect) has waited for. [`ReconnectingComponent`] attaches again when the
/// connection is lost.
pub type ComponentConnection = Driver<Component>;

/// A component's connection to a server made with this library.
///
/// Its events are [`HostEvent`](xmppwire::component::HostEvent)s. Answer the questions among them
/// through [`connection_mut`](Driver::connection_mut), at once or later.
pub type ComponentHostConnection = Driver<Host>;

/// Bytes that may wait to be written before `send` waits.
const SEND_AHEAD: usize = 64 * 1024;

impl Driver<Component> {
    /// Connects to the first address of the connector's host that works, and attaches.
    ///
    /// # Errors
    ///
    /// That of the last address. A wrong secret is [`Error::Closed`] with a stream error of the
    /// server.
    pub fn connect(connector: &ComponentConnector) -> Result<Self, Error> {
        Self::connect_with_waker(connector, Waker::new())
    }

    fn connect_with_waker(connector: &ComponentConnector, waker: Waker) -> Result<Self, Error> {
        let limit = connector.connect_timeout();
        let addresses = resolve(connector.host().to_owned(), connector.port(), limit)?;
        Self::attach(open_any(addresses, limit)?, connector, waker)
    }

    /// Attaches over a socket that is connected, such as to a tunnel. Sets it to non-blocking mode.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] if the server refuses, [`Error::Io`] or [`Error::Tls`].
    pub fn over(socket: TcpStream, connector: &ComponentConnector) -> Result<Self, Error> {
        Self::attach(socket, connector, Waker::new())
    }

    fn attach(
        socket: TcpStream,
        connector: &ComponentConnector,
        waker: Waker,
    ) -> Result<Self, Error> {
        let mut pump = Pump::new(socket, Clock::start(), waker)?;
        let mut attaching = Attaching::new(connector, pump.now())?;
        pump.until(&mut attaching, Attaching::poll)?;
        Ok(Self::new(pump, attaching.into_link()?))
    }

    /// Sends a stanza: writes as many bytes as the socket takes now. Waits while more than 64 KiB
    /// are left to write.
    ///
    /// # Errors
    ///
    /// With any of them, the stanza was not sent. [`Error::NotConnected`] if the stream has ended;
    /// [`Error::Misuse`] if XML cannot carry the stanza or its addresses do not fit;
    /// [`Error::InboxFull`] if an event has to be taken first because the server does not read.
    pub fn send(&mut self, stanza: impl Into<Stanza>) -> Result<(), Error> {
        if self.backlog() > SEND_AHEAD && !self.flush() && self.backlog() > SEND_AHEAD {
            return Err(Error::InboxFull);
        }
        self.link_mut().send(&stanza.into())?;
        self.write_now();
        Ok(())
    }
}

impl Driver<Host> {
    /// Serves a component that begins without TLS. Listen on the loopback interface or in a private
    /// network: the protocol has no STARTTLS. Sets the socket to non-blocking mode.
    ///
    /// # Errors
    ///
    /// [`LinkError::Io`] if the operating system gives no randomness or no more descriptors.
    pub fn accept(socket: TcpStream, config: HostConfig) -> Result<Self, LinkError> {
        let pump = Pump::new(socket, Clock::start(), Waker::new())?;
        let link = Link::accept_component(config, pump.now())?;
        Ok(Self::new(pump, link))
    }

    /// Serves a component that begins with TLS. The handshake has to be done within `limit`, and is
    /// waited for: accept the next connection in another thread.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the handshake fails.
    pub fn accept_direct_tls(
        socket: TcpStream,
        config: HostConfig,
        tls: ServerTls,
        limit: Duration,
    ) -> Result<Self, LinkError> {
        let mut pump = Pump::new(socket, Clock::start(), Waker::new())?;
        let mut handshake = Handshake::new(tls.into(), pump.now() + limit)?;
        let secured = pump.until(&mut handshake, Handshake::poll)?;
        let link = Link::accept_component_over_tls(config, secured, pump.now())?;
        Ok(Self::new(pump, link))
    }
}

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

    /// The next event; `None` after an error. Connects, and waits before it connects again.
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
                    let delay = time.saturating_since(now);
                    match left {
                        None => thread::sleep(delay),
                        Some(left) if self.waker.wait(delay.min(left)) || left < delay => {
                            return Ok(Poll::Pending);
                        }
                        Some(_) => {}
                    }
                }
                Next::Drive(component) => {
                    let event = match left {
                        None => component.next_event(),
                        Some(left) => match component.next_event_timeout(left) {
                            Ok(Poll::Pending) => return Ok(Poll::Pending),
                            Ok(Poll::Ready(event)) => Ok(event),
                            Err(error) => Err(error),
                        },
                    };
                    if let Some(update) = self.machine.received(self.clock.now(), event)? {
                        return Ok(Poll::Ready(Some(update)));
                    }
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

    /// Sends a stanza over the present connection, as [`ComponentConnection::send`](Driver::send)
    /// does.
    ///
    /// # Errors
    ///
    /// With any of them, the stanza was not sent: [`Error::NotConnected`] while the component is not
    /// attached, [`Error::Misuse`], [`Error::InboxFull`].
    pub fn send(&mut self, stanza: impl Into<Stanza>) -> Result<(), Error> {
        self.machine.component_mut()?.send(stanza)
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
    pub fn close(self) -> Result<(), Error> {
        if let Some(mut component) = self.machine.into_component() {
            component.close(None);
            while component.next_event()?.is_some() {}
        }
        Ok(())
    }
}
