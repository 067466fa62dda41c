//! A client that comes back.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep};
use xmppwire::{CloseReason, Iq, Stanza};
use xmppwire_net::client::Policy;
use xmppwire_net::client::{ConnectError, Connector, Error, ReconnectEvent, RequestError, Retry};

use crate::clock::Clock;
use crate::{Client, connect};

/// A client that connects again when the connection is lost, as RFC 6120 §3.3 wants it: after a random delay, which
/// grows as long as attempts fail, and never where another attempt cannot help, such as after a wrong password.
///
/// ```no_run
/// use xmppwire_tokio::{Connector, Presence, ReconnectEvent, ReconnectingClient, Stanza};
///
/// # async fn run(password: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let connector = Connector::account("juliet@example.org", password)?;
/// let mut client = ReconnectingClient::new(connector);
/// while let Some(event) = client.next_event().await? {
///     match event {
///         // A new session knows nothing of the last one.
///         ReconnectEvent::Connected(_) => client.send(Presence::available()).await?,
///         ReconnectEvent::Stanza(Stanza::Message(message)) => println!("{:?}", message.body()),
///         ReconnectEvent::Disconnected { reason, retry_in } => eprintln!("{reason}; again in {retry_in:?}"),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// Everything happens inside of its methods, most of it in [`next_event`](Self::next_event): nothing is connected or
/// read in the background. Stanzas are not kept for the next session: what was sent shortly before a connection broke
/// may be lost, as with every stream without stream management (XEP-0198).
#[derive(Debug)]
pub struct ReconnectingClient {
    retry: Retry,
    clock: Clock,
    state: State,
}

enum State {
    Waiting(Pin<Box<Sleep>>),
    Connecting(Pin<Box<dyn Future<Output = Result<Client, ConnectError>> + Send>>),
    Connected(Box<Session>),
    Over,
}

#[derive(Debug)]
struct Session {
    client: Client,
    /// What ended it while the application waited for something else than an event. Stanzas that arrived before are
    /// given first.
    lost: Option<Error>,
}

impl ReconnectingClient {
    /// Connects as the connector says when the first event is awaited, and waits as RFC 6120 §3.3 recommends whenever
    /// that fails or a session ends.
    pub fn new(connector: Connector) -> Self {
        Self::with_policy(connector, Policy::default())
    }

    /// Like [`new`](Self::new), with other delays.
    pub fn with_policy(connector: Connector, policy: Policy) -> Self {
        let mut retry = Retry::new(connector, policy);
        Self {
            state: State::connecting(&mut retry),
            retry,
            clock: Clock::start(),
        }
    }

    /// What happens next; `None` after an error. It connects, and waits before it connects again.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any await, as `select!` does: no event is lost, and a login in progress goes on
    /// with the next call.
    ///
    /// # Errors
    ///
    /// Why there is no point in another attempt, once: the credentials were refused, another client took the resource,
    /// or, before the first session, the domain has no server or none that can prove to be its. Everything else is a
    /// [`ReconnectEvent::Disconnected`].
    pub async fn next_event(&mut self) -> Result<Option<ReconnectEvent>, Error> {
        match &mut self.state {
            State::Waiting(_) | State::Connecting(_) => {
                match poll_fn(|cx| self.poll_connect(cx)).await {
                    Ok(client) => Ok(Some(self.connected(client))),
                    Err(error) => self.ended(error.into()),
                }
            }
            State::Connected(session) => match session.client.next().await {
                Ok(Some(stanza)) => Ok(Some(ReconnectEvent::Stanza(stanza))),
                Ok(None) => {
                    // We did not close, so the server did.
                    let lost = session.lost.take();
                    self.ended(lost.unwrap_or_else(|| CloseReason::Peer.into()))
                }
                // What the server has said last explains more than that a write failed.
                Err(error) => self.ended(error),
            },
            State::Over => Ok(None),
        }
    }

    /// The session, if there is one at the moment: to look at its address and its TLS.
    pub fn client(&self) -> Option<&Client> {
        match &self.state {
            State::Connected(session) if session.lost.is_none() => Some(&session.client),
            _ => None,
        }
    }

    /// Sends a stanza over the present session, as [`Client::send`] does.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has sent nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] without a session, and where the session turns out to be lost:
    /// [`next_event`](Self::next_event) tells why. [`Error::Misuse`] and [`Error::InboxFull`] as for a client. Nothing
    /// was sent.
    pub async fn send(&mut self, stanza: impl Into<Stanza>) -> Result<(), Error> {
        let session = self.session()?;
        let sent = session.client.send(stanza).await;
        sent.map_err(|error| session.failed(error))
    }

    /// Waits until everything is written that was sent over the present session.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), Error> {
        let session = self.session()?;
        let flushed = session.client.flush().await;
        flushed.map_err(|error| session.failed(error))
    }

    /// Asks over the present session, as [`Client::request`] does.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; its connection errors are those of [`send`](Self::send), but the request may have been sent.
    pub async fn request(&mut self, request: Iq) -> Result<Iq, RequestError> {
        let session = self.session()?;
        match session.client.request(request).await {
            Err(RequestError::Connection(error)) => Err(session.failed(error).into()),
            other => other,
        }
    }

    /// Does not wait any longer before it connects again, and forgets how often that failed: for when the network has
    /// come back, or the user asks for it. Without effect on a session or a login in progress.
    pub fn connect_now(&mut self) {
        self.retry.reset();
        if matches!(self.state, State::Waiting(_)) {
            self.state = State::connecting(&mut self.retry);
        }
    }

    /// Closes the present session in order, if there is one, and ends.
    ///
    /// # Errors
    ///
    /// As for [`Client::close`].
    pub async fn close(self) -> Result<(), Error> {
        match self.state {
            State::Connected(session) => session.client.close().await,
            _ => Ok(()),
        }
    }

    fn poll_connect(&mut self, cx: &mut Context<'_>) -> Poll<Result<Client, ConnectError>> {
        if let State::Waiting(sleep) = &mut self.state {
            ready!(sleep.as_mut().poll(cx));
            self.state = State::connecting(&mut self.retry);
        }
        match &mut self.state {
            State::Connecting(login) => login.as_mut().poll(cx),
            _ => Poll::Pending,
        }
    }

    fn connected(&mut self, client: Client) -> ReconnectEvent {
        self.retry.connected(self.clock.now(), client.mode());
        let jid = client.jid().clone();
        self.state = State::Connected(Box::new(Session { client, lost: None }));
        ReconnectEvent::Connected(jid)
    }

    /// The session that is up.
    fn session(&mut self) -> Result<&mut Session, Error> {
        match &mut self.state {
            State::Connected(session) if session.lost.is_none() => Ok(session),
            _ => Err(Error::NotConnected),
        }
    }

    fn ended(&mut self, reason: Error) -> Result<Option<ReconnectEvent>, Error> {
        self.state = State::Over;
        let event = self.retry.ended(self.clock.now(), reason)?;
        if let ReconnectEvent::Disconnected { retry_in, .. } = &event {
            self.state = State::waiting(*retry_in);
        }
        Ok(Some(event))
    }
}

impl Session {
    /// Keeps the reason for the next event, if the error means the end of the session.
    fn failed(&mut self, error: Error) -> Error {
        match error {
            Error::Misuse(_) | Error::NoRequest | Error::InboxFull => error,
            reason => {
                self.lost = Some(reason);
                Error::NotConnected
            }
        }
    }
}

impl State {
    fn connecting(retry: &mut Retry) -> Self {
        Self::Connecting(Box::pin(connect::connect(retry.attempts())))
    }

    fn waiting(delay: Duration) -> Self {
        Self::Waiting(Box::pin(sleep(delay)))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting(_) => f.write_str("Waiting"),
            Self::Connecting(_) => f.write_str("Connecting"),
            Self::Connected(session) => f.debug_tuple("Connected").field(session).finish(),
            Self::Over => f.write_str("Over"),
        }
    }
}
