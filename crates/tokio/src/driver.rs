//! The driver of a connection of either role.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use xmppwire::{Endpoint, Role};
use xmppwire_net::link::{Link, LinkError};
use xmppwire_net::tls::TlsSummary;

use crate::pump::Pump;

/// Drives a connection of either role over a socket, STARTTLS included.
///
/// All work happens inside [`next_event`](Self::next_event): bytes are read and written together,
/// deadlines are kept, and the transport changes to TLS. Between two calls nothing moves. To send,
/// queue stanzas in the [connection](Self::connection_mut) and await the next event, which also
/// writes. Without that, call [`flush`](Self::flush).
///
/// ```
/// use tokio::io::DuplexStream;
/// use xmppwire_tokio::{
///     BindAnswer, Client, ClientConfig, CloseReason, Connector, DecoyKey, Driver, Host, HostAnswer,
///     Jid, Mechanism, Mode, SaslAnswer, ScramHash, ScramKeys, Server, ServerConfig,
///     ServerConnection, ServerEvent, TlsOffer, TlsPolicy,
/// };
/// # type Error = Box<dyn std::error::Error>;
///
/// /// Serves a client until it leaves.
/// async fn serve(mut server: Driver<Server, DuplexStream>, keys: &ScramKeys) -> Result<CloseReason, Error> {
///     while let Some(event) = server.next_event().await? {
///         let connection = server.connection_mut();
///         match event {
///             ServerEvent::Opened(question) => {
///                 // No TLS, because nothing leaves the process.
///                 let host = Host::new(TlsOffer::Unavailable, [Mechanism::ScramSha256]);
///                 connection.choose_host(question, HostAnswer::Serve(host))?;
///             }
///             ServerEvent::Sasl(question) => {
///                 connection.answer_sasl(question, SaslAnswer::ScramKeys(keys.clone()))?;
///             }
///             ServerEvent::Bind(question) => {
///                 let resource = question.suggested().clone();
///                 connection.answer_bind(question, BindAnswer::Bind(resource))?;
///             }
///             ServerEvent::Closed(reason) => return Ok(reason),
///             _ => {}
///         }
///     }
///     Err("the connection is over already".into())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let (near, far) = tokio::io::duplex(4096);
/// let keys = ScramKeys::derive(ScramHash::Sha256, "secret", b"a salt", 4096)?;
/// let server = ServerConnection::accept(far, ServerConfig::new(DecoyKey::new([0x17; 32])), None)?;
/// let account = ClientConfig::new(Jid::new("juliet@example.org")?, "secret")?;
/// let connector = Connector::new(account.with_tls(TlsPolicy::Forbidden))?;
/// let (client, served) = tokio::join!(
///     async { Client::over(near, Mode::StartTls, &connector).await?.close().await },
///     serve(server, &keys),
/// );
/// client?;
/// assert_eq!(served?, CloseReason::Peer);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Driver<R: Role, T = TcpStream> {
    pump: Pump<T>,
    link: Link<R>,
}

impl<R: Role, T: AsyncRead + AsyncWrite + Unpin> Driver<R, T> {
    pub(crate) const fn new(pump: Pump<T>, link: Link<R>) -> Self {
        Self { pump, link }
    }

    /// The next event; `None` after the one that says how the connection ended, and after an error.
    ///
    /// That last event comes when the last bytes are written, TLS is closed and the socket is shut
    /// down. Dropping the driver then loses nothing.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any await, as `select!` does. No byte and no event is lost, not
    /// even in the middle of a TLS handshake.
    ///
    /// # Errors
    ///
    /// What failed below XMPP: the socket or TLS.
    pub async fn next_event(&mut self) -> Result<Option<R::Event>, LinkError> {
        let event = self.pump.until(&mut self.link, Link::poll_event).await;
        event.transpose()
    }

    /// Writes what is queued, without taking an event; returns whether everything is written. If
    /// not, an event has to be taken first with [`next_event`](Self::next_event), be it the last
    /// one. So a peer that writes before it reads does not block this call. Waits for a peer that
    /// neither reads nor sends as long as the connection allows.
    ///
    /// Cancel-safe.
    pub async fn flush(&mut self) -> bool {
        let flushed = self.pump.until(&mut self.link, Link::poll_flushed).await;
        self.pump.write_now(&mut self.link).await;
        flushed
    }

    /// Writes what is queued, even where an event waits to be taken, for at most `timeout`; returns
    /// false if that was not enough. True means that all is written, or that the connection has ended,
    /// which [`next_event`](Self::next_event) tells. At most one event is read meanwhile, so this
    /// holds back a peer that sends more than it reads. It takes all the time with a peer that reads
    /// only after it was read from.
    ///
    /// Cancel-safe.
    pub async fn drain(&mut self, timeout: Duration) -> bool {
        let deadline = self.pump.clock().now() + timeout;
        let drained = self
            .pump
            .until(&mut self.link, |link, now| link.poll_drained(now, deadline))
            .await;
        self.pump.write_now(&mut self.link).await;
        drained
    }

    /// What the application calls.
    pub fn connection(&self) -> &Endpoint<R> {
        self.link.connection()
    }

    /// What the application calls: to answer questions, to [`send`](Endpoint::send) and to
    /// [`close`](Self::close) with an error. What it queues is written by the next
    /// [`next_event`](Self::next_event) or [`flush`](Self::flush).
    pub fn connection_mut(&mut self) -> &mut Endpoint<R> {
        self.link.connection_mut()
    }

    /// Begins to close the stream (RFC 6120 §4.4); await events until the last one to see it
    /// through. Idempotent.
    pub fn close(&mut self, error: Option<xmppwire::StreamError>) {
        let now = self.pump.clock().now();
        self.link.connection_mut().close(now, error);
    }

    /// Bytes that wait to be written. Await [`flush`](Self::flush) or [`drain`](Self::drain) when
    /// they become many: a stanza longer than the [`room`](Endpoint::room) left ends the stream,
    /// because the peer does not read.
    pub fn backlog(&self) -> usize {
        self.link.backlog()
    }

    /// The properties of TLS, once it is established.
    pub const fn tls(&self) -> Option<&TlsSummary> {
        self.link.tls()
    }

    /// The socket, for example to ask for its addresses.
    pub const fn socket(&self) -> &T {
        self.pump.socket()
    }

    pub(crate) const fn link_mut(&mut self) -> &mut Link<R> {
        &mut self.link
    }
}
