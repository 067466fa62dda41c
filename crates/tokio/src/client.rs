//! The client's side.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use xmppwire::{FullJid, Iq, Password, Stanza};
use xmppwire_net::client::{ConnectError, Connector, Error, Login, RequestError, Session};
use xmppwire_net::find::{Attempts, Mode};
use xmppwire_net::tls::TlsSummary;

use crate::clock::Clock;
use crate::connect;
use crate::pump::Pump;

/// A client that is logged in.
///
/// ```no_run
/// use xmppwire_tokio::{Client, Presence, Stanza};
///
/// # async fn echo(password: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::connect("juliet@example.org", password).await?;
/// client.send(Presence::available()).await?;
/// while let Some(stanza) = client.next().await? {
///     if let Stanza::Message(message) = stanza && let Some(body) = message.body() {
///         client.send(message.reply(body)).await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// Bytes move while one of the `async` methods is awaited, in both directions whichever it is. A client that awaits
/// nothing for long does not answer its server either. So one task has the client, and others send through it:
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
/// Every request that arrives has to be answered (RFC 6120 §8.2.3), those that the application does not know as well.
/// The client does not do that behind the application's back; this does:
///
/// ```
/// use xmppwire_tokio::{Stanza, StanzaError, StanzaErrorCondition};
///
/// fn answer_to_the_unknown(stanza: &Stanza) -> Option<Stanza> {
///     let Stanza::Iq(iq) = stanza else { return None };
///     // `None` for results and errors, which are not answered.
///     let answer = iq.error_reply(&StanzaError::new(StanzaErrorCondition::ServiceUnavailable))?;
///     Some(answer.into())
/// }
/// # let _ = answer_to_the_unknown;
/// ```
#[derive(Debug)]
pub struct Client<T = TcpStream> {
    pump: Pump<T>,
    session: Session,
}

impl Client {
    /// Logs in with everything at its default: finds the servers of the JID's domain by their SRV records, connects to
    /// the first that will do, and talks to it over TLS only, which has to prove that it is the domain's server by a
    /// certificate that the platform trusts. For anything else there is [`connect_with`](Self::connect_with).
    ///
    /// # Errors
    ///
    /// [`ConnectError`], which keeps what cannot be mended, such as a wrong password
    /// ([`close_reason`](ConnectError::close_reason)), apart from what can
    /// ([`verdict`](ConnectError::verdict)).
    pub async fn connect(jid: &str, password: impl Into<Password>) -> Result<Self, ConnectError> {
        Self::connect_with(&Connector::account(jid, password)?).await
    }

    /// Logs in as the connector says.
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
    /// Logs in over a transport that is there already, such as a proxy's or a test's.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] where the other side is not the domain's server, [`Error::Closed`] where it ends the stream, and
    /// [`Error::Io`] where the transport fails.
    pub async fn over(transport: T, mode: Mode, connector: &Connector) -> Result<Self, Error> {
        let clock = Clock::start();
        let login = Login::new(connector, mode, clock.now())?;
        Self::drive(Pump::new(transport, clock), login).await
    }

    pub(crate) async fn drive(mut pump: Pump<T>, mut login: Login) -> Result<Self, Error> {
        pump.until(&mut login, Login::poll).await?;
        let session = login.into_session()?;
        Ok(Self { pump, session })
    }

    /// The address that is bound.
    pub const fn jid(&self) -> &FullJid {
        self.session.jid()
    }

    /// What there is to know about TLS.
    pub const fn tls(&self) -> Option<&TlsSummary> {
        self.session.link().tls()
    }

    /// The default language of the server's stanzas: that of a stanza whose `lang` is `None` (RFC 6120 §8.1.5).
    pub fn stream_lang(&self) -> Option<&str> {
        self.session.link().connection().stream_lang()
    }

    /// How many bytes wait to be written.
    pub fn backlog(&self) -> usize {
        self.session.link().backlog()
    }

    pub(crate) const fn mode(&self) -> Mode {
        self.session.link().mode()
    }

    /// The next stanza; `None` after either side has closed the stream in order.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any await, as `select!` does: nothing is lost.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], [`Error::Io`] or [`Error::Tls`], once; then `None`.
    pub async fn next(&mut self) -> Result<Option<Stanza>, Error> {
        self.pump.until(&mut self.session, Session::poll_next).await
    }

    /// Sends a stanza. When this returns, it is on its way as far as the network takes bytes at the moment; the rest is
    /// written while the client awaits something else. Waits while more than 64 KiB are left to write, and keeps
    /// stanzas that arrive meanwhile for [`next`](Self::next).
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has sent nothing.
    ///
    /// # Errors
    ///
    /// Nothing was sent with any of them: [`Error::NotConnected`] if the stream has ended, [`Error::Misuse`] if XML
    /// cannot carry the stanza, [`Error::InboxFull`] if neither side reads because both have too much to say. Others as
    /// for [`next`](Self::next): how much of what was sent before has arrived is not known then.
    pub async fn send(&mut self, stanza: impl Into<Stanza>) -> Result<(), Error> {
        let stanza = stanza.into();
        self.pump
            .until(&mut self.session, Session::poll_ready)
            .await?;
        self.session.send(&stanza)?;
        self.pump.write_now(&mut self.session).await;
        Ok(())
    }

    /// Waits until everything is written that was sent.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`Error::InboxFull`] if so much arrives meanwhile that there is no room for it; others as for
    /// [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.pump
            .until(&mut self.session, Session::poll_flushed)
            .await
    }

    /// Sends a request and waits for the answer from whom it was sent to. The id is replaced by one that nobody can
    /// guess. Stanzas that arrive meanwhile are kept for [`next`](Self::next).
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
    /// A future that is dropped may have sent the request. Nothing is lost then: the answer is given by
    /// [`next`](Self::next) when it comes.
    ///
    /// # Errors
    ///
    /// [`RequestError`]
    pub async fn request(&mut self, request: Iq) -> Result<Iq, RequestError> {
        self.pump
            .until(&mut self.session, Session::poll_ready)
            .await?;
        let now = self.pump.clock().now();
        self.session.begin_request(now, &request)?;
        self.pump
            .until(&mut self.session, Session::poll_answer)
            .await
    }

    /// Closes the stream in order: what was sent is written, the server confirms. What still arrives is dropped.
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
