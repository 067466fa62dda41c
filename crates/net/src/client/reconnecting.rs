//! A client that reconnects.

use std::collections::VecDeque;
use std::time::Duration;

use xmppwire::{Client, CloseReason, Instant, Resumption, Stanza, Token, TokenEnd, Unacknowledged};

use super::acks::Acks;
use super::continuity::{Carried, Left};
use super::requests::Answers;
use super::{
    Backoff, Cause, ConnectError, Error, ReconnectPolicy, Session, SessionConnector, SessionRole,
    Suspended, Verdict,
};
use crate::find::{Attempts, Mode, Redirect};
use crate::log::log;
#[cfg(feature = "tracing")]
use crate::told::Chain;

/// What a client or a component that reconnects tells the application.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReconnectEvent<R: SessionRole = Client> {
    /// Logged in under this address, or attached for this domain, for the first time or again. The
    /// session is new: presence has to be sent again, and what the server still owed the last
    /// session does not come.
    Connected(R::Address),
    /// The session continues on another connection (XEP-0198 §5): presence and everything else is as
    /// it was, what the server owed comes, and what it had not handled was sent again.
    Resumed(R::Address),
    /// A stanza arrived.
    Stanza(Stanza),
    /// The session is over, and the server has not acknowledged these stanzas, in the order in which
    /// they were sent: it may have handled them or not. Each is given back once. Those that are sent
    /// again should keep their id, so that a recipient can recognise a second copy. Comes before the
    /// event that tells of the end, or of the new session.
    Undelivered(Vec<Unacknowledged>),
    /// The token for the next login has changed: store it in the place of the one before it. The
    /// client uses it by itself. Comes before the event that tells what became of the login.
    Token(Token),
    /// The token is of no use any more, and a stored one should be deleted. The client logs in with
    /// its password, and asks for another token.
    TokenGone(TokenEnd),
    /// The connection was lost, or an attempt to connect failed.
    Disconnected {
        /// Why.
        reason: Error,
        /// How long the next attempt waits, from now on.
        retry_in: Duration,
    },
}

/// A client or a component that reconnects, as a machine: whether and when to connect again, and why
/// a session ended.
///
/// `C` is the client of the driver, with its socket. The machine keeps it while a session is up and
/// does not look into it. The driver asks [`next`](Self::next) what to do and tells what came of
/// it, until it has an event:
///
/// ```
/// use xmppwire::{FullJid, Instant, Stanza};
/// use xmppwire_net::client::{ConnectError, Error, Next, ReconnectEvent, Reconnecting};
/// use xmppwire_net::find::{Attempts, Mode};
///
/// fn next_event<C>(
///     reconnecting: &mut Reconnecting<C>,
///     now: impl Fn() -> Instant,
///     connect: impl Fn(Attempts) -> Result<(FullJid, Mode, C), ConnectError>,
///     sleep_until: impl Fn(Instant),
///     next_stanza: impl Fn(&mut C) -> Result<Option<Stanza>, Error>,
/// ) -> Result<Option<ReconnectEvent>, Error> {
///     loop {
///         return match reconnecting.next(now()) {
///             Next::Connect => match connect(reconnecting.attempts(now())) {
///                 Ok((jid, mode, client)) => Ok(Some(reconnecting.connected(now(), jid, mode, client, false))),
///                 Err(error) => reconnecting.not_connected(now(), error).map(Some),
///             },
///             Next::SleepUntil(time) => {
///                 sleep_until(time);
///                 continue;
///             }
///             Next::Drive(client) => {
///                 let stanza = next_stanza(client);
///                 reconnecting.received(now(), stanza)
///             }
///             Next::Stop => Ok(None),
///         };
///     }
/// }
/// ```
///
/// Before the first session, every final failure ends it, because something is set up wrongly.
/// Afterwards only the word of the domain itself does: anyone on the network path can cut a stream
/// in clear text or show a wrong certificate, and may be gone the next day. A `<conflict/>` is final
/// for a client and not for a component: the other component of the domain may go away.
#[derive(Debug)]
pub struct Reconnecting<C, R: SessionRole = Client> {
    pub(super) connector: SessionConnector<R>,
    backoff: Backoff,
    /// There was a session before.
    was_up: bool,
    /// Where the last session was redirected to.
    redirect: Option<(Redirect, Mode)>,
    /// The application has closed: what ends now ends for good.
    is_closing: bool,
    /// What the last session has left, for the next one.
    acks: Acks,
    carried: Option<Carried>,
    /// Stanzas to give back before `next`.
    undelivered: Vec<Unacknowledged>,
    /// What is told after the event that was given last, in this order.
    after: VecDeque<Result<Option<ReconnectEvent<R>>, Error>>,
    state: State<C>,
}

#[derive(Debug)]
enum State<C> {
    Waiting { until: Instant },
    Connecting,
    Up(Box<Up<C>>),
    Over,
}

/// The session that is up.
#[derive(Debug)]
struct Up<C> {
    client: C,
    since: Instant,
    mode: Mode,
    /// The application says that the network has changed: if the session is dead, there is no
    /// reason to wait.
    hasty: bool,
    lost: Lost,
}

/// Whether the application has learned that the session is lost. Stanzas that arrived before are
/// still to be given to it, and then the reason.
#[derive(Debug)]
enum Lost {
    No,
    /// The client will tell the reason.
    ReasonToCome,
    Reason(Error),
}

/// What the driver of a [`Reconnecting`] client does next. It has to know every step, so the list
/// is exhaustive.
#[derive(Debug)]
pub enum Next<'a, C> {
    /// Connect with [`Reconnecting::attempts`], or go on with that, and call
    /// [`Reconnecting::connected`] or [`Reconnecting::not_connected`].
    Connect,
    /// Wait until this time, unless [`Reconnecting::connect_now`] is called, and ask again.
    SleepUntil(Instant),
    /// Take the next stanza from the client, and call [`Reconnecting::received`].
    Drive(&'a mut C),
    /// Nothing: the last event was an error.
    Stop,
}

impl<C, R: SessionRole> Reconnecting<C, R> {
    /// Begins with an attempt to connect.
    pub fn new(mut connector: SessionConnector<R>, policy: ReconnectPolicy, now: Instant) -> Self {
        // Another client of the same connector has sessions of its own.
        connector.continuity = connector.continuity.take_over();
        Self {
            connector,
            backoff: Backoff::new(policy),
            was_up: false,
            redirect: None,
            is_closing: false,
            acks: Acks::default(),
            carried: None,
            undelivered: Vec::new(),
            after: VecDeque::new(),
            state: State::Waiting { until: now },
        }
    }

    /// What to do next.
    pub fn next(&mut self, now: Instant) -> Next<'_, C> {
        match &mut self.state {
            State::Waiting { until } if *until > now => Next::SleepUntil(*until),
            State::Waiting { .. } | State::Connecting => Next::Connect,
            State::Up(up) => Next::Drive(&mut up.client),
            State::Over => Next::Stop,
        }
    }

    /// Begins to connect: first to the host that the last session was redirected to, if it was
    /// (RFC 6120 §4.9.3.19).
    pub fn attempts(&mut self, now: Instant) -> Attempts<R> {
        self.state = State::Connecting;
        match self.redirect.take() {
            Some((redirect, mode)) => Attempts::after(&self.connector, now, redirect, mode),
            None => Attempts::new(&self.connector, now),
        }
    }

    /// A session is up under this address, over a connection of this mode.
    pub fn connected(
        &mut self,
        now: Instant,
        address: R::Address,
        mode: Mode,
        client: C,
        resumed: bool,
    ) -> ReconnectEvent<R> {
        self.was_up = true;
        self.state = State::Up(Box::new(Up {
            client,
            since: now,
            mode,
            hasty: false,
            lost: Lost::No,
        }));
        match resumed {
            true => ReconnectEvent::Resumed(address),
            false => ReconnectEvent::Connected(address),
        }
    }

    /// Keeps a session that has ended and can continue on another connection.
    pub fn keep(&mut self, now: Instant, resumption: Option<Resumption>) {
        if let Some(resumption) = resumption {
            self.connector.continuity.park(resumption, Some(now));
        }
    }

    /// Gives the session up that waits for a connection. Its stanzas come back with the next one.
    pub fn forget_session(&mut self) {
        self.connector.continuity.give_up();
    }

    /// Gives the session up that waits for a connection, because there will be none.
    pub fn abandon(&mut self) -> Suspended {
        self.forget_session();
        let mut left = self.suspend();
        if let Some(carried) = self.carried.take() {
            left.unacknowledged = carried.own.filter(left.unacknowledged);
        }
        left
    }

    /// Takes what is left between two sessions, to end.
    pub fn suspend(&mut self) -> Suspended {
        let after = std::mem::take(&mut self.after).into_iter();
        let given_back = after.filter_map(|told| match told {
            Ok(Some(ReconnectEvent::Undelivered(stanzas))) => Some(stanzas),
            _ => None,
        });
        self.undelivered.extend(given_back.flatten());
        let continuity = &self.connector.continuity;
        let settled = continuity.take_settled().unwrap_or_default();
        let mut unacknowledged = std::mem::take(&mut self.undelivered);
        unacknowledged.extend(settled.unacknowledged);
        Suspended {
            resumption: continuity.take_session(),
            arrived: Vec::new(),
            unacknowledged,
        }
    }

    /// Takes what a session leaves that has ended: call it before [`received`](Self::received), where
    /// the session is not [shared](super::share).
    pub fn leave(&mut self, now: Instant, left: Left) {
        self.acks = left.acks;
        self.carried = left.resumption.is_some().then_some(left.carried);
        self.keep(now, left.resumption);
        self.undelivered.extend(left.unacknowledged);
    }

    /// Gives a new session what the last one has left: call it before
    /// [`connected`](Self::connected), where the session is not [shared](super::share).
    pub fn follow(&mut self, now: Instant, session: &mut Session<R>) {
        let acks = std::mem::take(&mut self.acks);
        session.follow(acks, self.carried.take(), &mut Answers::default());
        session.meet(now, self.connector.wishes);
        self.undelivered.extend(session.take_unacknowledged());
    }

    /// Takes what the last session has left besides its stream, to be
    /// [carried](super::Driving::carry) by the driver of a shared session.
    pub fn take_carried(&mut self) -> Option<Carried> {
        self.carried.take()
    }

    /// What to tell the application: this, after what came before it, which are stanzas that are
    /// given back and the changes of the token.
    ///
    /// # Errors
    ///
    /// The error in `told`, unless something is told before.
    pub fn tell(
        &mut self,
        told: Result<Option<ReconnectEvent<R>>, Error>,
    ) -> Result<Option<ReconnectEvent<R>>, Error> {
        if matches!(told, Err(_) | Ok(None)) {
            let left = self.abandon();
            self.undelivered.extend(left.unacknowledged);
        }
        let news = self.take_news();
        self.after.extend(news.map(|event| Ok(Some(event))));
        if self.after.is_empty() && self.undelivered.is_empty() {
            return told;
        }
        if !self.undelivered.is_empty() {
            let undelivered = std::mem::take(&mut self.undelivered);
            let event = ReconnectEvent::Undelivered(undelivered);
            self.after.push_back(Ok(Some(event)));
        }
        self.after.push_back(told);
        self.take_after().unwrap_or(Ok(None))
    }

    /// What is still to be told after the last event, before [`next`](Self::next) is asked.
    pub fn take_after(&mut self) -> Option<Result<Option<ReconnectEvent<R>>, Error>> {
        self.after.pop_front()
    }

    /// The same as far as it is events, for a client that is [shared](super::share) from now on. The
    /// end that may follow stays, for the driver to take.
    pub fn take_events_after(&mut self) -> Vec<ReconnectEvent<R>> {
        let mut events = Vec::new();
        while let Some(Ok(Some(_))) = self.after.front() {
            events.extend(self.after.pop_front().and_then(Result::ok).flatten());
        }
        events
    }

    /// What became of the token in the last attempt, to be told before the attempt's own event where
    /// the session is [shared](super::share); otherwise [`tell`](Self::tell) does.
    pub fn take_news(&mut self) -> impl Iterator<Item = ReconnectEvent<R>> + use<C, R> {
        let continuity = &self.connector.continuity;
        let news = continuity.with_tokens(super::tokens::Tokens::take_news);
        let end = news.end.map(ReconnectEvent::TokenGone);
        end.into_iter()
            .chain(news.newest.map(ReconnectEvent::Token))
    }

    /// No connection came about.
    ///
    /// # Errors
    ///
    /// The reason itself, where another attempt cannot help.
    pub fn not_connected(
        &mut self,
        now: Instant,
        error: ConnectError,
    ) -> Result<ReconnectEvent<R>, Error> {
        self.ended(now, error.into(), None)
    }

    /// What the client gave when it was asked for the next stanza: `None` at the end of the stream.
    /// Gives `None` at the end that the application asked for.
    ///
    /// # Errors
    ///
    /// The reason of the end, where another attempt cannot help or the application had
    /// [closed](Self::close).
    pub fn received(
        &mut self,
        now: Instant,
        next: Result<Option<Stanza>, Error>,
    ) -> Result<Option<ReconnectEvent<R>>, Error> {
        let last = match next {
            Ok(Some(stanza)) => return Ok(Some(ReconnectEvent::Stanza(stanza))),
            ended if self.is_closing => {
                self.state = State::Over;
                return ended.map(|_| None);
            }
            Ok(None) | Err(Error::NotConnected) => None,
            // What the server said last explains more than that a write failed before.
            Err(reason) => Some(reason),
        };
        let State::Up(up) = std::mem::replace(&mut self.state, State::Over) else {
            let reason = last.unwrap_or(Error::NotConnected);
            return self.ended(now, reason, None).map(Some);
        };
        let known = match up.lost {
            Lost::Reason(reason) => Some(reason),
            Lost::No | Lost::ReasonToCome => None,
        };
        // An end without a reason is that of the server: this side did not close the stream.
        let reason = last.or(known).unwrap_or_else(|| CloseReason::Peer.into());
        let session = Some((up.since, up.mode, up.hasty));
        self.ended(now, reason, session).map(Some)
    }

    /// The client, while a session is up and not known to be lost.
    pub fn client(&self) -> Option<&C> {
        match &self.state {
            State::Up(up) if matches!(up.lost, Lost::No) => Some(&up.client),
            _ => None,
        }
    }

    /// The same, to send over.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`]
    pub fn client_mut(&mut self) -> Result<&mut C, Error> {
        match &mut self.state {
            State::Up(up) if matches!(up.lost, Lost::No) => Ok(&mut up.client),
            _ => Err(Error::NotConnected),
        }
    }

    /// Takes the error of an operation on the client and returns the error for the application. If
    /// the session is lost, that is [`Error::NotConnected`], and the reason is kept for the next
    /// event.
    pub fn refused(&mut self, error: Error) -> Error {
        if !error.ends_session() {
            return error;
        }
        if let State::Up(up) = &mut self.state
            && !matches!(up.lost, Lost::Reason(_))
        {
            up.lost = match error {
                Error::NotConnected => Lost::ReasonToCome,
                reason => Lost::Reason(reason),
            };
        }
        Error::NotConnected
    }

    /// Takes note that the network has changed: an attempt begins at once, also in the place of one
    /// that is in progress, and the failures so far are forgotten.
    ///
    /// If a session is up, returns the client. The driver checks with it whether the session lives;
    /// if it ends as [`TimedOut(Timer::KeepAlive)`](xmppwire::Timer::KeepAlive) or with an error of
    /// the socket, the next attempt begins at once. Otherwise the driver drops the attempt in
    /// progress, if it can.
    pub fn network_changed(&mut self, now: Instant) -> Option<&mut C> {
        self.backoff.reset();
        if matches!(self.state, State::Waiting { .. } | State::Connecting) {
            self.state = State::Waiting { until: now };
        }
        match &mut self.state {
            State::Up(up) => {
                up.hasty = true;
                matches!(up.lost, Lost::No).then_some(&mut up.client)
            }
            _ => None,
        }
    }

    /// Gives the session up, if there is one, and begins to connect again at once. Returns the
    /// client, for the driver to drop. The application learns of the next session only.
    pub fn drop_session(&mut self, now: Instant) -> Option<C> {
        let next = match self.is_closing {
            true => State::Over,
            false => State::Waiting { until: now },
        };
        match std::mem::replace(&mut self.state, next) {
            State::Up(up) => {
                log!(info, "the session is dropped");
                self.backoff.reset();
                Some(up.client)
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Ends the wait for the next attempt and forgets the failures so far: for when the network has
    /// come back, or the user asks for it. Without effect on a session or an attempt.
    pub const fn connect_now(&mut self, now: Instant) {
        self.backoff.reset();
        if let State::Waiting { until } = &mut self.state {
            *until = now;
        }
    }

    /// The same machine around another client, such as one that is shared by several tasks.
    pub fn map<D>(self, change: impl FnOnce(C) -> D) -> Reconnecting<D, R> {
        let Self {
            connector,
            backoff,
            was_up,
            redirect,
            is_closing,
            acks,
            carried,
            undelivered,
            after,
            state,
        } = self;
        let state = match state {
            State::Waiting { until } => State::Waiting { until },
            State::Connecting => State::Connecting,
            State::Up(up) => State::Up(Box::new(Up {
                client: change(up.client),
                since: up.since,
                mode: up.mode,
                hasty: up.hasty,
                lost: up.lost,
            })),
            State::Over => State::Over,
        };
        Reconnecting {
            connector,
            backoff,
            was_up,
            redirect,
            is_closing,
            acks,
            carried,
            undelivered,
            after,
            state,
        }
    }

    /// The budget for what waits to be taken, in bytes of memory.
    pub const fn inbox_bytes(&self) -> usize {
        self.connector.inbox_bytes()
    }

    /// Begins to end. The driver begins to close the client that this returns, and goes on until there
    /// is nothing more to do; an attempt in progress is dropped.
    pub fn close(&mut self) -> Option<&mut C> {
        self.is_closing = true;
        match &mut self.state {
            State::Up(up) => Some(&mut up.client),
            state => {
                *state = State::Over;
                None
            }
        }
    }

    /// What closing has come to: this end of the client, unless stanzas of it or of earlier sessions
    /// are left.
    ///
    /// # Errors
    ///
    /// Those of `end`, and [`Error::Unacknowledged`].
    pub fn finish(&mut self, end: Result<(), Error>) -> Result<(), Error> {
        Error::unless_acknowledged(self.abandon().unacknowledged, end)
    }

    /// The client, to close it, if a session is up.
    pub fn take_client(&mut self) -> Option<C> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Up(up) => Some(up.client),
            _ => None,
        }
    }

    /// The client, if a session is up.
    pub fn into_client(self) -> Option<C> {
        match self.state {
            State::Up(up) => Some(up.client),
            _ => None,
        }
    }

    fn ended(
        &mut self,
        now: Instant,
        reason: Error,
        session: Option<(Instant, Mode, bool)>,
    ) -> Result<ReconnectEvent<R>, Error> {
        // `Attempts` has followed the redirections of an attempt already.
        self.redirect =
            session.and_then(|(_, mode, _)| Some((self.connector.redirection(&reason)?, mode)));
        let lasted = session.map_or(Duration::ZERO, |(since, ..)| now.saturating_since(since));
        let cause = reason.cause(session.is_some());
        let hasty = session.is_some_and(|(.., hasty)| hasty) && cause == Cause::Network;
        let verdict = match self.was_up && !reason.is_proven() {
            true => Verdict::Retryable,
            false => R::verdict(&reason),
        };
        let delay = self.backoff.after(verdict, cause, lasted, crate::jitter());
        match delay.map(|delay| if hasty { Duration::ZERO } else { delay }) {
            Some(retry_in) => {
                // The session and the attempt have told why they ended.
                log!(info, ?retry_in, "the client will connect again");
                self.state = State::Waiting {
                    until: now + retry_in,
                };
                Ok(ReconnectEvent::Disconnected { reason, retry_in })
            }
            None => {
                log!(info, reason = %Chain(&reason), "the client will not connect again");
                self.state = State::Over;
                Err(reason)
            }
        }
    }
}

#[cfg(test)]
mod tests;
