//! The adapter's part of a shared session.

use std::task::{Poll, Waker};

use xmppwire::{Client, Instant, Resumption};

use super::{Shared, State};
use crate::client::wishes::Wishes;
use crate::client::{
    Carried, Error, ReconnectEvent, RefusedStanzas, Session, SessionRole, Suspended,
};
use crate::link::{Wire, Wired};

/// What the handles of a client that reconnects want while there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To end.
    Close,
    /// To end the wait for the next attempt.
    ConnectNow,
    /// To begin anew, because the network has changed.
    NetworkChanged,
}

/// The part of a shared client that belongs to the adapter: it moves the bytes.
///
/// When it is dropped, the client is over: what waits in the handles ends with
/// [`Error::NotConnected`], and the receiver gives what has arrived and then `None`.
#[derive(Debug)]
pub struct Driving<R: SessionRole = Client>(Shared<R>);

impl<R: SessionRole> Driving<R> {
    pub(super) const fn new(shared: Shared<R>) -> Self {
        Self(shared)
    }

    /// Gives access to the session under its lock. The work must not wait.
    ///
    /// Poll it, then take one step in each direction over its [wire](Driven::wire); wait for the
    /// socket when neither moved, without the lock.
    pub fn with<T>(&mut self, work: impl FnOnce(&mut Driven<'_, R>) -> T) -> T {
        self.0.with(|state| work(&mut Driven(state)))
    }

    /// A session is up, of which this event tells unless it was told before. Without effect on the
    /// stanzas that still wait to be received.
    pub fn attach(&mut self, event: impl Into<Option<ReconnectEvent<R>>>, session: Session<R>) {
        let (now, event) = (self.0.now(), event.into());
        self.0.with(|state| state.attach(now, event, session));
    }

    /// Keeps what the last session had besides its stream, before the client was shared.
    pub fn carry(&mut self, carried: Option<Carried>) {
        self.0.with(|state| state.carried = carried);
    }

    /// What the handles want of every session, for the next attempt to connect.
    #[doc(hidden)]
    pub fn wishes(&self) -> Wishes {
        self.0.with(|state| state.wishes)
    }

    /// Keeps what the application wanted before the client was shared.
    #[doc(hidden)]
    pub fn set_wishes(&mut self, wishes: Wishes) {
        self.0.with(|state| state.wishes = wishes);
    }

    /// Ends the requests whose time is over while there is no session. Returns when to call it again.
    pub fn handle_timeouts(&mut self, now: Instant) -> Option<Instant> {
        self.0.with(|state| {
            let requests = &mut state.carried.as_mut()?.requests;
            requests.handle_timeout(now, &mut state.woken);
            requests.poll_timeout()
        })
    }

    /// Takes the session that has ended, if it can continue on another connection.
    pub fn take_resumption(&mut self) -> Option<Resumption> {
        self.0.with(|state| state.resumption.take())
    }

    /// Gives the receiver the stanzas that sessions have given back, in an event, if there are any.
    pub fn tell_undelivered(&mut self) {
        self.0.with(|state| {
            let unacknowledged = std::mem::take(&mut state.unacknowledged);
            state.give_back(unacknowledged);
        });
    }

    /// The same for a client that ends, unless a handle that suspends it takes them, or nothing
    /// receives: then the handle that closes it does.
    pub fn tell_left(&mut self) {
        self.0.with(|state| {
            if !state.suspending && state.receives {
                let unacknowledged = state.give_up();
                state.give_back(unacknowledged);
            }
        });
    }

    /// Keeps what a client that ends between two sessions leaves, for the handle that suspends it.
    pub fn keep_suspended(&mut self, suspended: Suspended) {
        self.0.with(|state| {
            state.resumption = suspended.resumption;
            let unacknowledged = match &state.carried {
                Some(carried) => carried.own.filter(suspended.unacknowledged),
                None => suspended.unacknowledged,
            };
            let unacknowledged = state.acks.end(unacknowledged, &mut state.woken);
            state.unacknowledged.extend(unacknowledged);
        });
    }

    /// Gives an event of a client that reconnects to the receiver, after everything that arrived
    /// before it.
    pub fn tell(&mut self, event: ReconnectEvent<R>) {
        self.0.with(|state| state.tell(event));
    }

    /// Keeps malformed stanzas that arrived before the client was shared.
    pub fn keep_refused(&mut self, refused: &mut RefusedStanzas) {
        self.0.with(|state| state.refused.append(refused));
    }

    /// Whether the client is to end, because a handle closes it or nothing uses it any more.
    pub fn is_closing(&self) -> bool {
        self.0.with(|state| state.closing)
    }

    /// Whether a handle has told, since the last call, that the network has changed. To be asked
    /// when a session has ended.
    pub fn network_changed(&mut self) -> bool {
        self.0
            .with(|state| state.hint.take() == Some(Wish::NetworkChanged))
    }

    /// What the handles want while there is no session.
    pub fn poll_wish(&mut self, waker: &Waker) -> Poll<Wish> {
        self.0.with(|state| {
            if state.closing {
                return Poll::Ready(Wish::Close);
            }
            if let Some(wish) = state.hint.take() {
                return Poll::Ready(wish);
            }
            set_driver(state, waker);
            Poll::Pending
        })
    }

    /// Ready when the receiver has taken so much that there is room for more, or when the client is
    /// to end. A client that reconnects waits for it, so that its events are bounded too.
    pub fn poll_room(&mut self, waker: &Waker) -> Poll<()> {
        self.0.with(|state| {
            if state.closing || state.reads() {
                return Poll::Ready(());
            }
            set_driver(state, waker);
            Poll::Pending
        })
    }
}

impl<R: SessionRole> Drop for Driving<R> {
    fn drop(&mut self) {
        let now = self.0.now();
        self.0.with(|state| {
            state.over = true;
            state.detach(now);
            state.end_carried();
            let settled = std::mem::take(&mut state.acks).end(Vec::new(), &mut state.woken);
            state.unacknowledged.extend(settled);
            state.wake_receiver();
            let driver = state.driver.take();
            state.woken.extend(driver);
        });
    }
}

/// A shared session under its lock.
#[derive(Debug)]
pub struct Driven<'a, R: SessionRole = Client>(&'a mut State<R>);

impl<R: SessionRole> std::fmt::Debug for State<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

impl<R: SessionRole> Driven<'_, R> {
    /// Ready when the session has ended: in order, or with the reason. Otherwise `waker` is called
    /// when a handle has something to do for the driver; bytes and time are the driver's matter.
    ///
    /// # Errors
    ///
    /// As for [`Session::poll_next`].
    pub fn poll(&mut self, now: Instant, waker: &Waker) -> Poll<Result<(), Error>> {
        let state = &mut *self.0;
        if state.suspending {
            state.detach(now);
        }
        let Some(mut session) = state.session.take() else {
            return Poll::Ready(Ok(()));
        };
        if state.closing {
            session.close(now);
        }
        let end = state.take_arrivals(&mut session, now);
        state.refused.append(session.refused_mut());
        session.take_woken(&mut state.woken);
        let has_room = session.has_send_room(state.reads());
        let is_flushed = session.is_flushed();
        let may_request = session.may_request();
        state.session = Some(session);
        if let Some(end) = end {
            state.detach(now);
            return Poll::Ready(end);
        }
        if has_room {
            state.senders.wake_first(&mut state.woken);
        }
        if is_flushed {
            state.observers.wake_all(&mut state.woken);
        }
        if may_request {
            state.askers.wake_first(&mut state.woken);
        }
        set_driver(state, waker);
        Poll::Pending
    }

    /// The side of the session that faces the socket, while there is a session.
    pub fn wire(&mut self) -> Option<&mut dyn Wire> {
        self.0.session.as_mut().map(Wired::wire)
    }
}

impl<R: SessionRole> State<R> {
    /// Moves what arrives into the inbox while that has room. Returns how the session ended, if it
    /// did.
    fn take_arrivals(
        &mut self,
        session: &mut Session<R>,
        now: Instant,
    ) -> Option<Result<(), Error>> {
        if !self.receives {
            // Requests that nothing will take have to be answered (RFC 6120 §8.2.3).
            while session.is_free_to_refuse()
                && let Some(event) = self.inbox.pop()
            {
                if let ReconnectEvent::Stanza(stanza) = event {
                    session.refuse(&stanza);
                }
            }
        }
        loop {
            if !self.reads() {
                session.handle_timeouts(now);
                return None;
            }
            match session.poll_arrival(now) {
                Poll::Ready(Ok(Some(stanza))) => self.tell(ReconnectEvent::Stanza(stanza)),
                Poll::Ready(Ok(None)) => return Some(Ok(())),
                Poll::Ready(Err(error)) => return Some(Err(error)),
                Poll::Pending => return None,
            }
        }
    }
}

fn set_driver<R: SessionRole>(state: &mut State<R>, waker: &Waker) {
    let before = state.driver.replace(waker.clone());
    // Dropped without the lock; being woken once more does no harm.
    state
        .woken
        .extend(before.filter(|before| !before.will_wake(waker)));
}
