//! The client's side.

mod split;

use std::io;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use xmppwire::{FullJid, Instant, Iq, Password, Stanza, StanzaFault};
use xmppwire_net::client::{
    ConnectError, Connector, Error, Login, LoginStep, RefusedStanzas, RequestError, RequestId,
    Session,
};
use xmppwire_net::find::{Attempts, Mode};
use xmppwire_net::link::{Wire, Wired};
use xmppwire_net::tls::TlsSummary;

use crate::clock::Clock;
use crate::connect;
use crate::pump::Pump;

pub use split::ClientDriver;
pub(crate) use split::drive;

/// A client that is logged in.
///
/// ```
/// use xmppwire_tokio::{Client, Connector, Presence, Stanza};
///
/// async fn pong(connector: &Connector) -> Result<(), Box<dyn std::error::Error>> {
///     // Or `Client::connect("juliet@example.org", password)`, with the defaults.
///     let mut client = Client::connect_with(connector).await?;
///     client.send(Presence::available()).await?;
///     while let Some(stanza) = client.next().await? {
///         let answer = match &stanza {
///             Stanza::Message(message) if message.body().as_deref() == Some("ping") => {
///                 message.reply("pong").map(Stanza::Message)
///             }
///             // Every request has an answer, and nothing else has.
///             _ => stanza.unsupported_reply(),
///         };
///         if let Some(answer) = answer {
///             client.send(answer).await?;
///         }
///     }
///     Ok(())
/// }
/// # use xmppwire_test_support::adapter::{Accepted, Tokio};
/// # use xmppwire_test_support::site::{self, Site};
/// # let site = Site::new();
/// # let connector = site.juliet(xmppwire_tokio::Mode::StartTls);
/// # let server = std::thread::spawn(move || {
/// #     let mut client = site.welcome::<Tokio>(xmppwire_tokio::Mode::StartTls);
/// #     Accepted::send(&mut client, site::message("ping"));
/// #     while !matches!(Accepted::next_event(&mut client).unwrap(), Some(xmppwire_tokio::ServerEvent::Stanza(Stanza::Message(message)))
/// #         if message.body().as_deref() == Some("pong")) {}
/// #     Accepted::close(&mut client, None);
/// #     site::end(&mut client);
/// # });
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(pong(&connector)).unwrap();
/// # server.join().unwrap();
/// ```
///
/// Several tasks share a client after [`split`](Self::split): each sends and asks through a clone of
/// its handle.
///
/// Without that, bytes move in both directions while any of the `async` methods is awaited, and not
/// otherwise. So one task awaits the client all the time, and others give it what it is to send:
///
/// ```no_run
/// use tokio::sync::mpsc::Receiver;
/// use xmppwire_tokio::{Client, Error, Stanza};
///
/// async fn run(mut client: Client, mut outgoing: Receiver<Stanza>) -> Result<(), Error> {
///     loop {
///         tokio::select! {
///             stanza = outgoing.recv() => match stanza {
///                 Some(stanza) => client.send(stanza).await?,
///                 None => return client.close().await,
///             },
///             stanza = client.next() => match stanza? {
///                 Some(stanza) => println!("{}", stanza.element().to_xml()),
///                 None => return Ok(()),
///             },
///         }
///     }
/// }
/// # let _ = run;
/// ```
///
/// Every request that arrives is answered (RFC 6120 §8.2.3), while a method is awaited: pings, the
/// software version and service discovery by the [`Profile`](crate::Profile), for those who may see
/// the client's presence, and everything else with `service-unavailable`. An application that
/// answers requests itself claims their namespace, and is given them by [`next`](Self::next):
///
/// ```no_run
/// use xmppwire_tokio::{Client, Connector, Stanza, StanzaErrorCondition};
///
/// # async fn run(password: &str) -> Result<(), Box<dyn std::error::Error>> {
/// const TIME: &str = "urn:xmpp:time";
/// let connector = Connector::account("juliet@example.org", password)?.with_claim(TIME);
/// let mut client = Client::connect_with(&connector).await?;
/// while let Some(stanza) = client.next().await? {
///     if let Stanza::Iq(iq) = stanza {
///         // `None` for results and errors, which are not answered.
///         if let Some(answer) = iq.error_reply(&StanzaErrorCondition::NotAllowed.into()) {
///             client.send(answer).await?;
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client<T = TcpStream> {
    pump: Pump<T>,
    session: Session,
}

impl Client {
    /// Logs in with the defaults: finds the servers of the JID's domain by their SRV records,
    /// connects to the first that works, and logs in over TLS only. The server has to prove with a
    /// certificate that the platform trusts that it is the domain's server.
    /// [`connect_with`](Self::connect_with) is for everything else.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]. Its [`verdict`](ConnectError::verdict) says whether another attempt can
    /// succeed, and its [`close_reason`](ConnectError::close_reason) tells refused credentials.
    pub async fn connect(jid: &str, password: impl Into<Password>) -> Result<Self, ConnectError> {
        Self::connect_with(&Connector::account(jid, password)?).await
    }

    /// Logs in with the settings of the connector.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]
    pub async fn connect_with(connector: &Connector) -> Result<Self, ConnectError> {
        let clock = Clock::start();
        connect::connect(Attempts::new(connector, clock.now()), clock).await
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    /// Logs in over a transport that is open, such as that of a proxy or a test.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] if the peer cannot prove that it is the domain's server, [`Error::Closed`] if
    /// it ends the stream, [`Error::Io`] if the transport fails.
    pub async fn over(transport: T, mode: Mode, connector: &Connector) -> Result<Self, Error> {
        let clock = Clock::start();
        let login = Login::new(connector, mode, clock.now())?;
        Self::drive(Pump::new(transport, clock), login).await
    }

    pub(crate) async fn drive(mut pump: Pump<T>, mut login: Login) -> Result<Self, Error> {
        while let LoginStep::Derive(request) = pump.until(&mut login, Login::poll).await? {
            // It takes up to half a second, which would hold up every other task of this thread.
            let derive = move || (request.derive(), request);
            let derived = tokio::task::spawn_blocking(derive).await;
            // An error means that the runtime shuts down.
            let (salted, request) = derived.map_err(io::Error::other)?;
            login.derived(request, &salted)?;
        }
        let session = login.into_session()?;
        Ok(Self { pump, session })
    }

    /// The address that is bound.
    pub const fn jid(&self) -> &FullJid {
        self.session.jid()
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

    pub(crate) const fn mode(&self) -> Mode {
        self.session.link().mode()
    }

    pub(crate) fn into_parts(self) -> (Pump<T>, Session) {
        (self.pump, self.session)
    }

    /// The next stanza; `None` after either side has closed the stream in order.
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

    /// Takes the oldest malformed stanza that arrived (RFC 6120 §8), such as a message whose `from`
    /// is not an address.
    ///
    /// [`next`](Self::next) never gives such a stanza and does not return for it, so look here
    /// after `next` has returned. The client has answered it where the RFC requires an answer and
    /// `from` is not malformed. Nothing needs to be done about it: it shows that the server, or an
    /// entity whose stanzas the server does not check, breaks the protocol. The newest ones are
    /// kept, in at most 64 KiB of memory, or one stanza if that one is larger;
    /// [`refused_dropped`](Self::refused_dropped) counts the others.
    ///
    /// ```no_run
    /// # use xmppwire_tokio::{Client, Error};
    /// # async fn run(client: &mut Client) -> Result<(), Error> {
    /// while let Some(stanza) = client.next().await? {
    ///     while let Some(fault) = client.take_refused() {
    ///         eprintln!("{fault}: {}", fault.element().to_xml());
    ///     }
    ///     println!("{stanza:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn take_refused(&mut self) -> Option<StanzaFault> {
        self.session.refused_mut().take()
    }

    /// The number of malformed stanzas that [`take_refused`](Self::take_refused) cannot give any
    /// more, because newer ones needed their room.
    pub const fn refused_dropped(&self) -> u64 {
        self.session.refused().dropped()
    }

    /// The queue behind [`take_refused`](Self::take_refused), to keep it beyond the session.
    pub(crate) const fn refused_mut(&mut self) -> &mut RefusedStanzas {
        self.session.refused_mut()
    }

    /// Sends a stanza: writes as many bytes as the socket takes now. The rest is written while
    /// another method is awaited. Waits while more than 64 KiB are left to write. Stanzas that have
    /// arrived are kept for [`next`](Self::next).
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has sent nothing.
    ///
    /// # Errors
    ///
    /// With any of them, the stanza was not sent. [`Error::NotConnected`] if the stream has ended,
    /// [`Error::Misuse`] if XML cannot carry the stanza, [`Error::InboxFull`] if stanzas that
    /// arrive have to be taken first because the server does not read. Others as for
    /// [`next`](Self::next); it is not known then how much arrived of what was sent before.
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
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`Error::InboxFull`] if the inbox becomes full meanwhile; others as for
    /// [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.pump
            .until(&mut self.session, Session::poll_flushed)
            .await
    }

    /// Sends a request and waits for the answer of the entity that it is sent to. An unpredictable
    /// id replaces its own. Stanzas that arrive meanwhile are kept for [`next`](Self::next).
    ///
    /// ```no_run
    /// use xmppwire_tokio::{Client, Element, Iq, Jid, ns};
    ///
    /// # async fn ping(client: &mut Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let ping = Iq::get("", &Element::builder("ping", ns::PING).build()).with_to(Jid::new("example.org")?);
    /// client.request(ping).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped may have sent the request. The answer is dropped when it comes.
    ///
    /// # Errors
    ///
    /// [`RequestError`]
    pub async fn request(&mut self, request: Iq) -> Result<Iq, RequestError> {
        self.pump
            .until(&mut self.session, Session::poll_ready)
            .await?;
        let now = self.pump.clock().now();
        let id = self.session.begin_request(now, &request)?;
        let mut asked = Asked {
            session: &mut self.session,
            id,
        };
        self.pump.until(&mut asked, Asked::poll).await
    }

    /// Checks now whether the server is there: for when the network has changed, or the device was
    /// asleep. Without a sign of life within `patience`, the session ends as
    /// [`TimedOut(Timer::KeepAlive)`](xmppwire::Timer::KeepAlive), which the next call that waits
    /// tells. The check itself is written by that call.
    ///
    /// A silent server is also checked from time to time by itself; see
    /// [`Connector::with_keep_alive`].
    pub fn check_peer(&mut self, patience: Duration) {
        let now = self.pump.clock().now();
        self.session.check_peer(now, patience);
    }

    /// Closes the stream in order: what was sent is written, and the server confirms the end.
    /// Stanzas that still arrive are dropped.
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next), if the end was not in order.
    pub async fn close(mut self) -> Result<(), Error> {
        let now = self.pump.clock().now();
        self.session.close(now);
        self.pump
            .until(&mut self.session, Session::poll_closed)
            .await
    }
}

/// A request that is forgotten when the future that waits for it is dropped.
struct Asked<'a> {
    session: &'a mut Session,
    id: RequestId,
}

impl Asked<'_> {
    fn poll(&mut self, now: Instant) -> Poll<Result<Iq, RequestError>> {
        self.session.poll_answer(now, &self.id)
    }
}

impl Wired for Asked<'_> {
    fn wire(&mut self) -> &mut dyn Wire {
        self.session.wire()
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.session.forget_request(&self.id);
    }
}
