//! Components (XEP-0114).

mod reconnecting;

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use xmppwire::component::Component;
use xmppwire::{Domainpart, Iq, Stanza, StanzaFault};
use xmppwire_net::client::{Error, RequestError, RequestId, Session};
use xmppwire_net::component::{Attaching, ComponentConnector};
use xmppwire_net::tls::TlsSummary;

use crate::clock::Clock;
use crate::connect::open_any;
use crate::pump::Pump;

pub use reconnecting::ReconnectingComponent;

/// A component that is attached to its server (XEP-0114).
///
/// ```no_run
/// use xmppwire_tokio::component::{ComponentConfig, Secret};
/// use xmppwire_tokio::{ComponentConnection, ComponentConnector, Domainpart, Stanza};
///
/// # async fn run(secret: String) -> Result<(), Box<dyn std::error::Error>> {
/// let config = ComponentConfig::new(Domainpart::new("echo.example.org")?, Secret::new(secret));
/// let connector = ComponentConnector::new(config, "localhost", 5347);
/// let mut component = ComponentConnection::connect(&connector).await?;
/// while let Some(stanza) = component.next().await? {
///     let answer = match &stanza {
///         // The reply is from the address that was written to.
///         Stanza::Message(message) => {
///             let body = message.body();
///             body.and_then(|body| message.reply(body)).map(Stanza::Message)
///         }
///         // Every request has an answer, and nothing else has.
///         _ => stanza.unsupported_reply(),
///     };
///     if let Some(answer) = answer {
///         component.send(answer).await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// A component is given every request, and has to answer it (RFC 6120 §8.2.3). All work happens
/// inside the methods: bytes move in both directions while one of them is awaited, and not otherwise.
/// [`ReconnectingComponent`] attaches again when the connection is lost.
#[derive(Debug)]
pub struct ComponentConnection<T = TcpStream> {
    pump: Pump<T>,
    session: Session<Component>,
}

impl ComponentConnection {
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

impl<T: AsyncRead + AsyncWrite + Unpin> ComponentConnection<T> {
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
        let session = attaching.into_session()?;
        Ok(Self { pump, session })
    }

    /// The domain of the component.
    pub const fn domain(&self) -> &Domainpart {
        self.session.domain()
    }

    /// The properties of TLS, if it is used.
    pub const fn tls(&self) -> Option<&TlsSummary> {
        self.session.link().tls()
    }

    /// The default language of the server's stanzas: that of a stanza whose `lang` is `None`
    /// (RFC 6120 §8.1.5).
    pub fn stream_lang(&self) -> Option<&str> {
        self.session.link().connection().stream_lang()
    }

    /// Bytes that wait to be written.
    pub fn backlog(&self) -> usize {
        self.session.link().backlog()
    }

    /// The next stanza; `None` after either side has closed the stream in order. It may be for any
    /// domain: some servers give a component the stanzas of several.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any await, as `select!` does. Nothing is lost.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], [`Error::Io`] or [`Error::Tls`], once; then `None`.
    pub async fn next(&mut self) -> Result<Option<Stanza>, Error> {
        self.pump.until(&mut self.session, Session::poll_next).await
    }

    /// Takes the oldest malformed stanza that arrived (RFC 6120 §8), of which
    /// [`next`](Self::next) does not tell. It was answered where the RFC requires an answer. The
    /// newest ones are kept, in at most 64 KiB of memory.
    pub fn take_refused(&mut self) -> Option<StanzaFault> {
        self.session.refused_mut().take()
    }

    /// Sends a stanza: writes as many bytes as the socket takes now. Waits while more than 64 KiB
    /// are left to write. Stanzas that have arrived are kept for [`next`](Self::next).
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has sent nothing.
    ///
    /// # Errors
    ///
    /// With any of them, the stanza was not sent. [`Error::NotConnected`] if the stream has ended
    /// or is closing; [`Error::Misuse`] if XML cannot carry the stanza, or if its `from` is not an
    /// address of the component or `to` is missing; [`Error::InboxFull`] if stanzas that arrive
    /// have to be taken first because the server does not read. Others as for [`next`](Self::next).
    pub async fn send(&mut self, stanza: impl Into<Stanza>) -> Result<(), Error> {
        let stanza = stanza.into();
        self.pump
            .until(&mut self.session, Session::poll_ready)
            .await?;
        self.session.send(&stanza)?;
        self.pump.exchange_now(&mut self.session).await;
        Ok(())
    }

    /// Waits until everything that was sent is written.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.pump
            .until(&mut self.session, Session::poll_flushed)
            .await
    }

    /// Sends a request and waits for the answer of the entity that it is sent to. Its `from` is an
    /// address of the component, and an unpredictable id replaces its own. Stanzas that arrive
    /// meanwhile are kept for [`next`](Self::next).
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped may have sent the request. Its answer is dropped when it comes.
    ///
    /// # Errors
    ///
    /// [`RequestError`]
    pub async fn request(&mut self, request: Iq) -> Result<Iq, RequestError> {
        let request = self.ask(request).await?;
        self.answer(request).await
    }

    /// Sends a request without waiting for the answer, which [`answer`](Self::answer) gives. Any
    /// number may be open, up to the connector's
    /// [limit](ComponentConnector::with_max_requests).
    ///
    /// # Errors
    ///
    /// [`RequestError`]
    pub async fn ask(&mut self, request: Iq) -> Result<RequestId, RequestError> {
        self.pump
            .until(&mut self.session, Session::poll_ready)
            .await?;
        let now = self.pump.clock().now();
        let id = self.session.begin_request(now, &request)?;
        self.pump.exchange_now(&mut self.session).await;
        Ok(id)
    }

    /// Waits for the answer to one of the requests that are open. Stanzas that arrive meanwhile are
    /// kept for [`next`](Self::next).
    ///
    /// # Errors
    ///
    /// [`RequestError`]. The request is forgotten then.
    pub async fn answer(&mut self, request: RequestId) -> Result<Iq, RequestError> {
        let poll = |session: &mut Session<Component>, now| session.poll_answer(now, &request);
        self.pump.until(&mut self.session, poll).await
    }

    /// Begins to close the stream (RFC 6120 §4.4). Nothing more can be sent. What still arrives is
    /// given by [`next`](Self::next), and then `None`: take it all, so that no stanza is lost.
    /// Idempotent.
    pub fn close(&mut self) {
        let now = self.pump.clock().now();
        self.session.close(now);
    }
}
