//! The driver of a connection of either role.

use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use xmppwire::{Endpoint, Role, StreamError};
use xmppwire_net::link::{Link, LinkError};
use xmppwire_net::tls::TlsSummary;

use crate::pump::Pump;
use crate::waker::Waker;

/// Drives a connection of either role over a socket, STARTTLS included.
///
/// All work happens inside [`next_event`](Self::next_event): bytes are read and written together,
/// deadlines are kept, and the transport changes to TLS. Between two calls nothing moves. To send,
/// queue stanzas in the [connection](Self::connection_mut) and wait for the next event, which also
/// writes. Without that, call [`flush`](Self::flush).
///
/// ```
/// use std::net::{TcpListener, TcpStream};
/// use std::thread;
/// use xmppwire_blocking::{
///     BindAnswer, Client, ClientConfig, CloseReason, Connector, DecoyKey, Driver, Host, HostAnswer,
///     Jid, Mechanism, Mode, SaslAnswer, ScramHash, ScramKeys, Server, ServerConfig, ServerConnection,
///     ServerEvent, TlsOffer, TlsPolicy,
/// };
/// # type Error = Box<dyn std::error::Error + Send + Sync>;
///
/// /// Serves a client until it leaves.
/// fn serve(mut server: Driver<Server>, keys: &ScramKeys) -> Result<CloseReason, Error> {
///     while let Some(event) = server.next_event()? {
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
/// # fn main() -> Result<(), Error> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// let served = thread::spawn(move || {
///     let keys = ScramKeys::derive(ScramHash::Sha256, "secret", b"a salt", 4096)?;
///     let config = ServerConfig::new(DecoyKey::new([0x17; 32]));
///     serve(ServerConnection::accept(listener.accept()?.0, config, None)?, &keys)
/// });
/// let account = ClientConfig::new(Jid::new("juliet@example.org")?, "secret")?;
/// let connector = Connector::new(account.with_tls(TlsPolicy::Forbidden))?;
/// Client::over(TcpStream::connect(address)?, Mode::StartTls, &connector)?.close()?;
/// assert_eq!(served.join().expect("the server panicked")?, CloseReason::Peer);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Driver<R: Role> {
    pump: Pump,
    link: Link<R>,
}

impl<R: Role> Driver<R> {
    pub(crate) const fn new(pump: Pump, link: Link<R>) -> Self {
        Self { pump, link }
    }

    /// The next event; `None` after the one that says how the connection ended, and after an error.
    ///
    /// That last event comes when the last bytes are written, TLS is closed and the socket is shut
    /// down. Dropping the driver then loses nothing.
    ///
    /// # Errors
    ///
    /// What failed below XMPP: the socket or TLS.
    pub fn next_event(&mut self) -> Result<Option<R::Event>, LinkError> {
        self.pump
            .until(&mut self.link, Link::poll_event)
            .transpose()
    }

    /// Like [`next_event`](Self::next_event), but returns [`Poll::Pending`] after `timeout` or when
    /// the [`waker`](Self::waker) is used. Nothing is lost then, not even in the middle of a TLS
    /// handshake. With a time-out of zero it takes what has arrived; with [`Duration::MAX`] only
    /// the waker ends it.
    ///
    /// # Errors
    ///
    /// As for [`next_event`](Self::next_event).
    pub fn next_event_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<Poll<Option<R::Event>>, LinkError> {
        let event = self
            .pump
            .until_timeout(&mut self.link, timeout, Link::poll_event);
        match event {
            Poll::Ready(event) => event.transpose().map(Poll::Ready),
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    /// A handle with which another thread ends a wait in
    /// [`next_event_timeout`](Self::next_event_timeout), as when the threads of a server pass
    /// stanzas to each other.
    pub fn waker(&self) -> Waker {
        self.pump.waker()
    }

    /// Writes what is queued, without taking an event; returns whether everything is written. If
    /// not, an event has to be taken first with [`next_event`](Self::next_event), be it the last
    /// one. So a peer that writes before it reads does not block this call. Waits for a peer that
    /// neither reads nor sends as long as the connection allows.
    pub fn flush(&mut self) -> bool {
        let flushed = self.pump.until(&mut self.link, Link::poll_flushed);
        self.pump.write_now(&mut self.link);
        flushed
    }

    /// Writes what is queued, even where an event waits to be taken, for at most `timeout`; returns
    /// false if that was not enough. True means that all is written, or that the connection has ended,
    /// which [`next_event`](Self::next_event) tells. At most one event is read meanwhile, so this
    /// holds back a peer that sends more than it reads. It takes all the time with a peer that reads
    /// only after it was read from.
    pub fn drain(&mut self, timeout: Duration) -> bool {
        let deadline = self.pump.now() + timeout;
        let drained = self
            .pump
            .until(&mut self.link, |link, now| link.poll_drained(now, deadline));
        self.pump.write_now(&mut self.link);
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

    /// Begins to close the stream (RFC 6120 §4.4); take events until the last one to see it
    /// through. Idempotent.
    pub fn close(&mut self, error: Option<StreamError>) {
        let now = self.pump.now();
        self.link.connection_mut().close(now, error);
    }

    /// Bytes that wait to be written. Call [`flush`](Self::flush) or [`drain`](Self::drain) when
    /// they become many: a stanza longer than the [`room`](Endpoint::room) left ends the stream,
    /// because the peer does not read.
    pub fn backlog(&self) -> usize {
        self.link.backlog()
    }

    /// The properties of TLS, once it is established.
    pub const fn tls(&self) -> Option<&TlsSummary> {
        self.link.tls()
    }

    /// The address of the peer.
    ///
    /// # Errors
    ///
    /// If the socket is no longer connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.pump.peer_addr()
    }

    pub(crate) const fn link_mut(&mut self) -> &mut Link<R> {
        &mut self.link
    }
}
