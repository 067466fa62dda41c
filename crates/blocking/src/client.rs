//! The client's side.

use std::net::TcpStream;

use xmppwire::{self as core, FullJid, Password};
use xmppwire_net::client::{ConnectError, Connector, Error, RequestError};
use xmppwire_net::find::Mode;

use crate::session::Session;

/// A client that is logged in.
///
/// ```
/// use xmppwire_blocking::{Client, Connector, Presence, Stanza};
///
/// fn pong(connector: &Connector) -> Result<(), Box<dyn std::error::Error>> {
///     // Or `Client::connect("juliet@example.org", password)`, with the defaults.
///     let mut client = Client::connect_with(connector)?;
///     client.send(Presence::available())?;
///     while let Some(stanza) = client.next()? {
///         let answer = match &stanza {
///             Stanza::Message(message) if message.body().as_deref() == Some("ping") => {
///                 message.reply("pong").map(Stanza::Message)
///             }
///             // Every request has an answer, and nothing else has.
///             _ => stanza.unsupported_reply(),
///         };
///         if let Some(answer) = answer {
///             client.send(answer)?;
///         }
///     }
///     Ok(())
/// }
/// # use xmppwire_test_support::adapter::{Accepted, Blocking};
/// # use xmppwire_test_support::site::{self, Site};
/// # let site = Site::new();
/// # let connector = site.juliet(xmppwire_blocking::Mode::StartTls);
/// # let server = std::thread::spawn(move || {
/// #     let mut client = site.welcome::<Blocking>(xmppwire_blocking::Mode::StartTls);
/// #     client.send(site::message("ping"));
/// #     while !matches!(client.next_event().unwrap(), Some(xmppwire_blocking::ServerEvent::Stanza(Stanza::Message(message)))
/// #         if message.body().as_deref() == Some("pong")) {}
/// #     client.close(None);
/// #     site::end(&mut client);
/// # });
/// # pong(&connector).unwrap();
/// # server.join().unwrap();
/// ```
///
/// Several threads share a client after [`split`](Self::split): each sends and asks through a clone
/// of its handle.
///
/// Without that, bytes move in both directions while any of the methods runs, and not otherwise. So
/// call one all the time.
///
/// Every request that arrives is answered (RFC 6120 §8.2.3), while a method runs: pings, the
/// software version and service discovery by the [`Profile`](crate::Profile), for those who may see
/// the client's presence, and everything else with `service-unavailable`. An application that
/// answers requests itself claims their namespace, and is given them by [`next`](Self::next):
///
/// ```no_run
/// use xmppwire_blocking::{Client, Connector, Stanza, StanzaErrorCondition};
///
/// # fn run(password: &str) -> Result<(), Box<dyn std::error::Error>> {
/// const TIME: &str = "urn:xmpp:time";
/// let connector = Connector::account("juliet@example.org", password)?.with_claim(TIME);
/// let mut client = Client::connect_with(&connector)?;
/// while let Some(stanza) = client.next()? {
///     if let Stanza::Iq(iq) = stanza {
///         // `None` for results and errors, which are not answered.
///         if let Some(answer) = iq.error_reply(&StanzaErrorCondition::NotAllowed.into()) {
///             client.send(answer)?;
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub type Client = Session<core::Client>;

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
    pub fn connect(jid: &str, password: impl Into<Password>) -> Result<Self, ConnectError> {
        Self::connect_with(&Connector::account(jid, password)?)
    }

    /// Logs in over a socket that is connected, such as to a proxy. Sets it to non-blocking mode.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] if the peer cannot prove that it is the domain's server, [`Error::Closed`] if
    /// it ends the stream, [`Error::Io`] if the socket fails.
    pub fn over(socket: TcpStream, mode: Mode, connector: &Connector) -> Result<Self, Error> {
        Self::begin(socket, mode, connector)
    }

    /// The address that is bound.
    pub const fn jid(&self) -> &FullJid {
        self.session().jid()
    }

    /// Tells the server whether the user looks at the client, so that it can hold back what has time
    /// (XEP-0352). A client begins as active. A server that does not offer this is told nothing. It is
    /// written while the next method runs.
    pub fn set_active(&mut self, active: bool) {
        self.session_mut().set_active(active);
    }

    /// Enables carbons: copies of the messages that the user's other clients send and receive
    /// (XEP-0280), which [`Carbon::open`](core::Carbon::open) takes out of what arrives. Returns when
    /// the server has done it; at once where the login has
    /// ([`with_carbons`](crate::Connector::with_carbons)).
    ///
    /// # Errors
    ///
    /// As for [`request`](Self::request).
    pub fn enable_carbons(&mut self) -> Result<(), RequestError> {
        match self.session().has_carbons() {
            true => Ok(()),
            false => self.switch_carbons(true),
        }
    }

    /// Disables carbons.
    ///
    /// # Errors
    ///
    /// As for [`request`](Self::request).
    pub fn disable_carbons(&mut self) -> Result<(), RequestError> {
        self.switch_carbons(false)
    }

    fn switch_carbons(&mut self, on: bool) -> Result<(), RequestError> {
        self.request(core::Carbon::request(on))?;
        self.session_mut().note_carbons(on);
        Ok(())
    }
}
