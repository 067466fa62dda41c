//! The client's side.

use std::net::TcpStream;
use std::task::Poll;
use std::time::Duration;

use xmppwire::{FullJid, Iq, Password, Stanza};
use xmppwire_net::client::{ConnectError, Connector, Error, Login, RequestError, Session};
use xmppwire_net::find::{Attempts, Mode};
use xmppwire_net::link::Wired;
use xmppwire_net::tls::TlsSummary;

use crate::clock::Clock;
use crate::connect;
use crate::pump::Pump;
use crate::waker::Waker;

/// A client that is logged in.
///
/// ```no_run
/// use xmppwire_blocking::{Client, Presence, Stanza};
///
/// # fn echo(password: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::connect("juliet@example.org", password)?;
/// client.send(Presence::available())?;
/// while let Some(stanza) = client.next()? {
///     if let Stanza::Message(message) = stanza && let Some(body) = message.body() {
///         client.send(message.reply(body))?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// Bytes move while one of the methods runs, in both directions whichever it is. A client that calls none for long
/// does not answer its server either.
///
/// Every request that arrives has to be answered (RFC 6120 §8.2.3), those that the application does not know as well.
/// The client does not do that behind the application's back; this does:
///
/// ```
/// use xmppwire_blocking::{Stanza, StanzaError, StanzaErrorCondition};
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
pub struct Client {
    pump: Pump,
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
    pub fn connect(jid: &str, password: impl Into<Password>) -> Result<Self, ConnectError> {
        Self::connect_with(&Connector::account(jid, password)?)
    }

    /// Logs in as the connector says.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]
    pub fn connect_with(connector: &Connector) -> Result<Self, ConnectError> {
        let clock = Clock::start();
        let attempts = Attempts::new(connector, clock.now());
        connect::connect(attempts, clock, &Waker::new())
    }

    /// Logs in over a socket that is connected already, such as to a proxy. It is set to non-blocking mode.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] where the other side is not the domain's server, [`Error::Closed`] where it ends the stream, and
    /// [`Error::Io`] where the socket fails.
    pub fn over(socket: TcpStream, mode: Mode, connector: &Connector) -> Result<Self, Error> {
        let clock = Clock::start();
        let login = Login::new(connector, mode, clock.now())?;
        Self::drive(Pump::new(socket, clock, Waker::new())?, login)
    }

    pub(crate) fn drive(mut pump: Pump, mut login: Login) -> Result<Self, Error> {
        pump.until(&mut login, Login::poll)?;
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
    /// # Errors
    ///
    /// [`Error::Closed`], [`Error::Io`] or [`Error::Tls`], once; then `None`.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot be left with `?`, and the tokio twin calls it so"
    )]
    pub fn next(&mut self) -> Result<Option<Stanza>, Error> {
        self.pump.until(&mut self.session, Session::poll_next)
    }

    /// Like [`next`](Self::next), but waits for no longer than `timeout`, and for no longer than until the
    /// [`waker`](Self::waker) is used: [`Poll::Pending`] then. Nothing is lost by that, and what was sent before goes on
    /// being written. With a time-out of zero it takes what is there; with [`Duration::MAX`] only the waker ends it.
    ///
    /// ```no_run
    /// # use std::task::Poll;
    /// # use std::time::Duration;
    /// # use xmppwire_blocking::{Client, Error};
    /// # fn run(client: &mut Client) -> Result<(), Error> {
    /// loop {
    ///     match client.next_timeout(Duration::from_secs(1))? {
    ///         Poll::Ready(Some(stanza)) => println!("{stanza:?}"),
    ///         Poll::Ready(None) => return Ok(()),
    ///         Poll::Pending => println!("time for something else"),
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next).
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Poll<Option<Stanza>>, Error> {
        let next = self
            .pump
            .until_timeout(&mut self.session, timeout, Session::poll_next);
        match next {
            Poll::Ready(stanza) => stanza.map(Poll::Ready),
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    /// What another thread can wake this one with while it waits in [`next_timeout`](Self::next_timeout).
    pub fn waker(&self) -> Waker {
        self.pump.waker()
    }

    /// Sends a stanza. When this returns, it is on its way as far as the network takes bytes at the moment; the rest is
    /// written while the client waits for something else. Waits while more than 64 KiB are left to write, and keeps
    /// stanzas that arrive meanwhile for [`next`](Self::next).
    ///
    /// # Errors
    ///
    /// Nothing was sent with any of them: [`Error::NotConnected`] if the stream has ended, [`Error::Misuse`] if XML
    /// cannot carry the stanza, [`Error::InboxFull`] if neither side reads because both have too much to say. Others as
    /// for [`next`](Self::next): how much of what was sent before has arrived is not known then.
    pub fn send(&mut self, stanza: impl Into<Stanza>) -> Result<(), Error> {
        self.pump.until(&mut self.session, Session::poll_ready)?;
        self.session.send(&stanza.into())?;
        self.pump.write_now(self.session.wire());
        Ok(())
    }

    /// Waits until everything is written that was sent.
    ///
    /// # Errors
    ///
    /// [`Error::InboxFull`] if so much arrives meanwhile that there is no room for it; others as for
    /// [`send`](Self::send).
    pub fn flush(&mut self) -> Result<(), Error> {
        self.pump.until(&mut self.session, Session::poll_flushed)
    }

    /// Sends a request and waits for the answer from whom it was sent to. The id is replaced by one that nobody can
    /// guess. Stanzas that arrive meanwhile are kept for [`next`](Self::next).
    ///
    /// ```no_run
    /// use xmppwire_blocking::{Client, Element, Iq, Jid, ns};
    ///
    /// # fn ping(client: &mut Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let ping = Iq::get("", &Element::builder("ping", ns::PING).build()).with_to(Jid::new("example.org")?);
    /// client.request(ping)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RequestError`]
    pub fn request(&mut self, request: Iq) -> Result<Iq, RequestError> {
        self.pump.until(&mut self.session, Session::poll_ready)?;
        let now = self.pump.now();
        self.session.begin_request(now, &request)?;
        self.pump.until(&mut self.session, Session::poll_answer)
    }

    /// Closes the stream in order: what was sent is written, the server confirms. What still arrives is dropped.
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next), if the end was not in order.
    pub fn close(mut self) -> Result<(), Error> {
        let now = self.pump.now();
        self.session.close(now);
        self.pump.until(&mut self.session, Session::poll_closed)
    }
}
