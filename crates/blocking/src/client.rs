//! The client's side.

mod split;

use std::net::TcpStream;
use std::task::Poll;
use std::time::Duration;

use xmppwire::{FullJid, Iq, Password, Stanza, StanzaFault};
use xmppwire_net::client::{
    ConnectError, Connector, Error, Login, LoginStep, RefusedStanzas, RequestError, Session,
};
use xmppwire_net::find::{Attempts, Mode};
use xmppwire_net::link::Wired;
use xmppwire_net::tls::TlsSummary;

use crate::clock::Clock;
use crate::connect;
use crate::pump::Pump;
use crate::waker::Waker;

pub use split::ClientDriver;
pub(crate) use split::{drive, rouse};

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
#[derive(Debug)]
pub struct Client {
    pump: Pump,
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
    pub fn connect(jid: &str, password: impl Into<Password>) -> Result<Self, ConnectError> {
        Self::connect_with(&Connector::account(jid, password)?)
    }

    /// Logs in with the settings of the connector.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]
    pub fn connect_with(connector: &Connector) -> Result<Self, ConnectError> {
        let clock = Clock::start();
        let attempts = Attempts::new(connector, clock.now());
        connect::connect(attempts, clock, &Waker::new())
    }

    /// Logs in over a socket that is connected, such as to a proxy. Sets it to non-blocking mode.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] if the peer cannot prove that it is the domain's server, [`Error::Closed`] if
    /// it ends the stream, [`Error::Io`] if the socket fails.
    pub fn over(socket: TcpStream, mode: Mode, connector: &Connector) -> Result<Self, Error> {
        let clock = Clock::start();
        let login = Login::new(connector, mode, clock.now())?;
        Self::drive(Pump::new(socket, clock, Waker::new())?, login)
    }

    pub(crate) fn drive(mut pump: Pump, mut login: Login) -> Result<Self, Error> {
        while let LoginStep::Derive(request) = pump.until(&mut login, Login::poll)? {
            let salted = request.derive();
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

    pub(crate) fn into_parts(self) -> (Pump, Session) {
        (self.pump, self.session)
    }

    /// The next stanza; `None` after either side has closed the stream in order.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], [`Error::Io`] or [`Error::Tls`], once; then `None`.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator does not work with `?`, and the method of the tokio adapter has this name"
    )]
    pub fn next(&mut self) -> Result<Option<Stanza>, Error> {
        self.pump.until(&mut self.session, Session::poll_next)
    }

    /// Like [`next`](Self::next), but returns [`Poll::Pending`] after `timeout` or when the
    /// [`waker`](Self::waker) is used. Nothing is lost then, and what was sent before is written
    /// while it waits. With a time-out of zero it takes what has arrived; with [`Duration::MAX`]
    /// only the waker ends it.
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

    /// A handle with which another thread ends a wait in [`next_timeout`](Self::next_timeout).
    pub fn waker(&self) -> Waker {
        self.pump.waker()
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
    /// # use xmppwire_blocking::{Client, Error};
    /// # fn run(client: &mut Client) -> Result<(), Error> {
    /// while let Some(stanza) = client.next()? {
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
    /// another method runs. Waits while more than 64 KiB are left to write. Stanzas that have
    /// arrived are kept for [`next`](Self::next).
    ///
    /// # Errors
    ///
    /// With any of them, the stanza was not sent. [`Error::NotConnected`] if the stream has ended,
    /// [`Error::Misuse`] if XML cannot carry the stanza, [`Error::InboxFull`] if stanzas that
    /// arrive have to be taken first because the server does not read. Others as for
    /// [`next`](Self::next); it is not known then how much arrived of what was sent before.
    pub fn send(&mut self, stanza: impl Into<Stanza>) -> Result<(), Error> {
        self.pump.until(&mut self.session, Session::poll_ready)?;
        self.session.send(&stanza.into())?;
        self.pump.exchange_now(self.session.wire());
        Ok(())
    }

    /// Waits until everything that was sent is written.
    ///
    /// # Errors
    ///
    /// [`Error::InboxFull`] if the inbox becomes full meanwhile; others as for
    /// [`send`](Self::send).
    pub fn flush(&mut self) -> Result<(), Error> {
        self.pump.until(&mut self.session, Session::poll_flushed)
    }

    /// Sends a request and waits for the answer of the entity that it is sent to. An unpredictable
    /// id replaces its own. Stanzas that arrive meanwhile are kept for [`next`](Self::next).
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
        let id = self.session.begin_request(now, &request)?;
        let poll = |session: &mut Session, now| session.poll_answer(now, &id);
        self.pump.until(&mut self.session, poll)
    }

    /// Checks now whether the server is there: for when the network has changed, or the device was
    /// asleep. Without a sign of life within `patience`, the session ends as
    /// [`TimedOut(Timer::KeepAlive)`](xmppwire::Timer::KeepAlive), which the next call that waits
    /// tells. The check itself is written by that call.
    ///
    /// A silent server is also checked from time to time by itself; see
    /// [`Connector::with_keep_alive`].
    pub fn check_peer(&mut self, patience: Duration) {
        let now = self.pump.now();
        self.session.check_peer(now, patience);
    }

    /// Closes the stream in order: what was sent is written, and the server confirms the end.
    /// Stanzas that still arrive are dropped.
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
