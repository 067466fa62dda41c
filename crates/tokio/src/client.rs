//! The client's side.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use xmppwire::{self as core, FullJid, Password};
use xmppwire_net::client::{ConnectError, Connector, Error, RequestError};
use xmppwire_net::find::Mode;

use crate::session::Session;

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
pub type Client<T = TcpStream> = Session<core::Client, T>;

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
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    /// Logs in over a transport that is open, such as that of a proxy or a test.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] if the peer cannot prove that it is the domain's server, [`Error::Closed`] if
    /// it ends the stream, [`Error::Io`] if the transport fails.
    pub async fn over(transport: T, mode: Mode, connector: &Connector) -> Result<Self, Error> {
        Self::begin(transport, mode, connector).await
    }

    /// The address that is bound.
    pub const fn jid(&self) -> &FullJid {
        self.session().jid()
    }

    /// Tells the server whether the user looks at the client, so that it can hold back what has time
    /// (XEP-0352). A client begins as active. A server that does not offer this is told nothing. It is
    /// written while the next method is awaited.
    pub fn set_active(&mut self, active: bool) {
        self.session_mut().set_active(active);
    }

    /// Enables carbons: copies of the messages that the user's other clients send and receive
    /// (XEP-0280), which [`Carbon::open`](core::Carbon::open) takes out of what arrives. Returns when
    /// the server has done it; at once where the login has
    /// ([`with_carbons`](crate::Connector::with_carbons)).
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped may have sent the request.
    ///
    /// # Errors
    ///
    /// As for [`request`](Self::request).
    pub async fn enable_carbons(&mut self) -> Result<(), RequestError> {
        match self.session().has_carbons() {
            true => Ok(()),
            false => self.switch_carbons(true).await,
        }
    }

    /// Disables carbons.
    ///
    /// # Errors
    ///
    /// As for [`request`](Self::request).
    pub async fn disable_carbons(&mut self) -> Result<(), RequestError> {
        self.switch_carbons(false).await
    }

    async fn switch_carbons(&mut self, on: bool) -> Result<(), RequestError> {
        self.request(core::Carbon::request(on)).await?;
        self.session_mut().note_carbons(on);
        Ok(())
    }
}
