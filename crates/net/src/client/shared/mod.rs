//! One session for several tasks.
//!
//! A session in a lock, with handles around it: [`Handle`] sends and asks, [`Stanzas`] or
//! [`Events`] receive, and [`Driving`] is the adapter's part, which moves bytes. Their futures need
//! no runtime, and each can be dropped at any await: a stanza is queued in the session in one step,
//! so it was sent or it was not. Nothing is queued outside of the session and its inbox.
//!
//! The lock is held while bytes are moved by calls that do not wait. No waker is called or dropped
//! under it.

mod driving;
mod handle;
mod inbound;
#[cfg(feature = "futures")]
mod stream;
mod turns;

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use xmppwire::{Instant, Iq, Resumption, Stanza, Unacknowledged};

pub use driving::{Driven, Driving, Wish};
pub use handle::Handle;
pub use inbound::{Events, Stanzas};
#[cfg(feature = "futures")]
pub use stream::StanzaSink;
use turns::{Ticket, Turns};

use super::acks::{AckId, Acks};
use super::continuity::{Carried, Own};
use super::inbox::Inbox;
use super::requests::{Answers, RequestId};
use super::wishes::Wishes;
use super::{
    Error, NotAcknowledged, ReconnectEvent, RefusedStanzas, RequestError, Session, SessionRole,
    Suspended,
};

/// Gives the time, on the clock that the driver uses.
type Clock = Box<dyn Fn() -> Instant + Send + Sync>;

/// Splits a client into a handle, a receiver and the adapter's part.
///
/// `session` is `None` for a client that reconnects: its driver [attaches](Driving::attach) each
/// session. `inbox_bytes` is the [budget](super::Connector::with_inbox_bytes) for what waits to be
/// received.
pub fn share<R: SessionRole>(
    session: Option<Session<R>>,
    inbox_bytes: usize,
    clock: impl Fn() -> Instant + Send + Sync + 'static,
) -> (Handle<R>, Events<R>, Driving<R>) {
    let mut state = State {
        session: None,
        address: None,
        // With a budget of nothing, one event at a time still passes.
        inbox: Inbox::new(inbox_bytes.max(1)),
        refused: RefusedStanzas::default(),
        answers: Answers::default(),
        acks: Acks::default(),
        carried: None,
        resumption: None,
        unacknowledged: Vec::new(),
        suspending: false,
        own: Own::default(),
        wishes: session.as_ref().map(Session::wishes).unwrap_or_default(),
        handles: 1,
        receives: true,
        closing: false,
        over: false,
        hint: None,
        driver: None,
        receiver: None,
        senders: Turns::default(),
        askers: Turns::default(),
        observers: Turns::default(),
        woken: Vec::new(),
    };
    if let Some(session) = session {
        state.attach(clock(), None, session);
    }
    let shared = Shared(Arc::new(Inner {
        state: Mutex::new(state),
        clock: Box::new(clock),
    }));
    (
        Handle::new(shared.clone()),
        Events::new(shared.clone()),
        Driving::new(shared),
    )
}

struct Shared<R: SessionRole>(Arc<Inner<R>>);

struct Inner<R: SessionRole> {
    state: Mutex<State<R>>,
    clock: Clock,
}

impl<R: SessionRole> Clone for Shared<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: SessionRole> Shared<R> {
    fn now(&self) -> Instant {
        (self.0.clock)()
    }

    /// Runs `work` under the lock, and wakes afterwards whom it made ready.
    fn with<T>(&self, work: impl FnOnce(&mut State<R>) -> T) -> T {
        let (result, woken) = {
            // The lock is never poisoned: no code that holds it panics.
            let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
            let result = work(&mut state);
            (result, mem::take(&mut state.woken))
        };
        for waker in woken {
            waker.wake();
        }
        result
    }
}

impl<R: SessionRole> fmt::Debug for Shared<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared(..)")
    }
}

/// What the lock protects.
struct State<R: SessionRole> {
    session: Option<Session<R>>,
    /// The address of the session, or of the last one.
    address: Option<R::Address>,
    /// What the receiver has not taken.
    inbox: Inbox<ReconnectEvent<R>>,
    refused: RefusedStanzas,
    /// Answers that came before their session ended.
    answers: Answers,
    /// The outcomes that are waited for, while there is no session.
    acks: Acks,
    /// What the last session has left for the one that continues it.
    carried: Option<Carried>,
    /// A session that ended and can continue elsewhere, until the driver takes it.
    resumption: Option<Resumption>,
    /// Stanzas that were given back, until the driver tells of them.
    unacknowledged: Vec<Unacknowledged>,
    /// A handle wants the session without its connection.
    suspending: bool,
    /// What the last session itself has sent, if it has ended and is not carried on.
    own: Own,
    /// What the handles want of every session.
    wishes: Wishes,
    handles: usize,
    /// There is a receiver.
    receives: bool,
    /// A handle wants to close, or nothing uses the client any more.
    closing: bool,
    /// The driver is gone.
    over: bool,
    /// What a handle said about connecting.
    hint: Option<Wish>,
    driver: Option<Waker>,
    receiver: Option<Waker>,
    /// Those that wait for room to send. The first one alone is woken.
    senders: Turns,
    /// Those that wait until another request may be open.
    askers: Turns,
    /// Those that wait until everything is written, or for the end.
    observers: Turns,
    /// Wakers to call when the lock is free.
    woken: Vec<Waker>,
}

impl<R: SessionRole> State<R> {
    fn attach(&mut self, now: Instant, event: Option<ReconnectEvent<R>>, mut session: Session<R>) {
        let acks = std::mem::take(&mut self.acks);
        session.follow(acks, self.carried.take(), &mut self.answers);
        session.meet(now, self.wishes);
        session.take_woken(&mut self.woken);
        let unacknowledged = session.take_unacknowledged();
        self.give_back(unacknowledged);
        if let Some(event) = event {
            // In this order, or a stanza of the session could come before the event.
            self.tell(event);
        }
        for stanza in session.take_inbox() {
            self.tell(ReconnectEvent::Stanza(stanza));
        }
        if !self.receives {
            session.drop_claims();
            // Requests of the last session, which ended before they were answered.
            while self.inbox.pop().is_some() {}
        }
        self.address = Some(session.address().clone());
        self.session = Some(session);
        self.wake_driver();
    }

    /// Ends the session for those that wait for it.
    fn detach(&mut self, now: Instant) {
        if let Some(mut session) = self.session.take() {
            self.refused.append(session.refused_mut());
            let left = session.leave(now);
            session.take_woken(&mut self.woken);
            self.acks = left.acks;
            self.carried = Some(left.carried);
            self.resumption = left.resumption;
            self.unacknowledged.extend(left.unacknowledged);
            if self.resumption.is_none() {
                self.end_carried();
            }
        }
        self.wake_waiting();
    }

    /// The last session will not continue: nothing answers its requests any more.
    fn end_carried(&mut self) {
        if let Some(mut carried) = self.carried.take() {
            carried.requests.finish(&mut self.answers, &mut self.woken);
            self.own = carried.own;
        }
    }

    /// Gives the session up that has ended: takes the stanzas that its server has not acknowledged.
    fn give_up(&mut self) -> Vec<Unacknowledged> {
        let mut stanzas = std::mem::take(&mut self.unacknowledged);
        if let Some(resumption) = self.resumption.take() {
            let own = self
                .carried
                .as_ref()
                .map_or(&self.own, |carried| &carried.own);
            let lost = own.filter(resumption.into_unacknowledged());
            stanzas.extend(self.acks.end(lost, &mut self.woken));
        }
        stanzas
    }

    /// Gives stanzas back to the application.
    fn give_back(&mut self, unacknowledged: Vec<Unacknowledged>) {
        if !unacknowledged.is_empty() {
            self.tell(ReconnectEvent::Undelivered(unacknowledged));
        }
    }

    fn wake_waiting(&mut self) {
        self.senders.wake_all(&mut self.woken);
        self.askers.wake_all(&mut self.woken);
        self.observers.wake_all(&mut self.woken);
    }

    fn wake_driver(&mut self) {
        self.woken.extend(self.driver.take());
    }

    fn wake_receiver(&mut self) {
        self.woken.extend(self.receiver.take());
    }

    fn close(&mut self) {
        self.closing = true;
        self.wake_driver();
    }

    /// Closes when nothing uses the client any more.
    fn released(&mut self) {
        if self.handles == 0 && !self.receives {
            self.close();
        }
    }

    // --- Sending ---

    /// Sends when it is the turn of this ticket and there is room. Gives the ticket back when it is
    /// ready.
    fn poll_send(
        &mut self,
        cx: &Context<'_>,
        ticket: &mut Option<Ticket>,
        send: impl FnOnce(&mut Session<R>) -> Result<(), Error>,
    ) -> Poll<Result<(), Error>> {
        let reads = self.reads();
        let Some(session) = self.session.as_mut().filter(|_| !self.closing) else {
            self.leave_senders(ticket);
            return Poll::Ready(Err(Error::NotConnected));
        };
        let place = ticket.get_or_insert_with(|| self.senders.join());
        if !self.senders.is_first(place) || !session.has_send_room(reads) {
            self.senders.wait(place, cx.waker(), &mut self.woken);
            return Poll::Pending;
        }
        let sent = send(session);
        self.wake_driver();
        self.leave_senders(ticket);
        Poll::Ready(sent)
    }

    /// Whether what arrives is read, as far as the receiver is concerned.
    fn reads(&self) -> bool {
        !self.receives || !self.inbox.is_full()
    }

    fn leave_senders(&mut self, ticket: &mut Option<Ticket>) {
        if let Some(ticket) = ticket.take() {
            self.senders.leave(&ticket, &mut self.woken);
        }
    }

    // --- Asking ---

    /// Begins a request when it is the turn of this ticket, fewer requests are open than may be,
    /// and there is room to send. One asker at a time waits for that room.
    fn poll_ask(
        &mut self,
        now: Instant,
        cx: &Context<'_>,
        iq: &Iq,
        asker: &mut Option<Ticket>,
        sender: &mut Option<Ticket>,
    ) -> Poll<Result<RequestId, Error>> {
        let place = asker.get_or_insert_with(|| self.askers.join());
        let may_ask = self.session.as_ref().is_none_or(Session::may_request);
        if !self.closing && (!self.askers.is_first(place) || !may_ask) {
            self.askers.wait(place, cx.waker(), &mut self.woken);
            return Poll::Pending;
        }
        let mut id = None;
        let sent = self.poll_send(cx, sender, |session| {
            id = Some(session.ask(now, iq)?);
            Ok(())
        });
        match sent {
            Poll::Pending => Poll::Pending,
            Poll::Ready(sent) => {
                self.leave_askers(asker);
                Poll::Ready(sent.and(id.ok_or(Error::NotConnected)))
            }
        }
    }

    fn leave_askers(&mut self, ticket: &mut Option<Ticket>) {
        if let Some(ticket) = ticket.take() {
            self.askers.leave(&ticket, &mut self.woken);
        }
    }

    fn poll_answer(&mut self, cx: &Context<'_>, id: &RequestId) -> Poll<Result<Iq, RequestError>> {
        if let Some(answer) = self.answers.take(id) {
            return Poll::Ready(answer);
        }
        let Some(session) = &mut self.session else {
            // A request survives where its session may continue.
            let carried = self.carried.as_mut();
            let answer = carried.map(|carried| {
                let requests = &mut carried.requests;
                requests.poll(id, Some(cx.waker()), &mut self.woken)
            });
            return match answer {
                Some(None) => Poll::Pending,
                Some(Some(answer)) => Poll::Ready(answer),
                None => Poll::Ready(Err(Error::NotConnected.into())),
            };
        };
        let was_full = session.is_full_of_answers();
        let answer = session.take_answer(id, cx.waker(), &mut self.woken);
        let Some(answer) = answer else {
            return Poll::Pending;
        };
        self.answer_left(was_full);
        Poll::Ready(answer)
    }

    fn forget(&mut self, id: &RequestId) {
        drop(self.answers.take(id));
        if let Some(carried) = &mut self.carried {
            carried.requests.forget(id, &mut self.woken);
        }
        if let Some(session) = &mut self.session {
            let was_full = session.is_full_of_answers();
            session.forget_request(id);
            session.take_woken(&mut self.woken);
            self.answer_left(was_full);
        }
    }

    /// There is room for another request, and perhaps for another answer.
    fn answer_left(&mut self, was_full: bool) {
        self.askers.wake_first(&mut self.woken);
        if was_full {
            self.wake_driver();
        }
    }

    // --- Acknowledgements ---

    fn poll_acknowledged(
        &mut self,
        cx: &Context<'_>,
        id: AckId,
    ) -> Poll<Result<(), NotAcknowledged>> {
        let outcome = match &mut self.session {
            Some(session) => session.take_outcome(id, cx.waker(), &mut self.woken),
            None => self.acks.poll(id, Some(cx.waker()), &mut self.woken),
        };
        outcome.map_or(Poll::Pending, Poll::Ready)
    }

    fn forget_acknowledgement(&mut self, id: AckId) {
        let unacknowledged = match &mut self.session {
            Some(session) => {
                session.forget_acknowledgement(id);
                session.take_woken(&mut self.woken);
                session.take_unacknowledged()
            }
            None => Vec::from_iter(self.acks.forget(id, &mut self.woken)),
        };
        self.give_back(unacknowledged);
    }

    /// The session without its connection, once the driver has ended.
    fn take_suspended(&mut self) -> Suspended {
        Suspended {
            resumption: self.resumption.take(),
            arrived: Vec::new(),
            unacknowledged: std::mem::take(&mut self.unacknowledged),
        }
    }

    // --- Observing ---

    /// Waits until `done` returns something; asked again whenever something is written, and at the
    /// end.
    fn poll_observe<T>(
        &mut self,
        cx: &Context<'_>,
        ticket: &mut Option<Ticket>,
        done: impl FnOnce(&Self) -> Option<T>,
    ) -> Poll<T> {
        let place = ticket.get_or_insert_with(|| self.observers.join());
        self.observers.wait(place, cx.waker(), &mut self.woken);
        match done(self) {
            Some(result) => {
                self.leave_observers(ticket);
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }

    fn poll_flushed(
        &mut self,
        cx: &Context<'_>,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<(), Error>> {
        self.poll_observe(cx, ticket, |state| match &state.session {
            Some(session) if session.is_flushed() => Some(Ok(())),
            Some(_) => None,
            None => Some(Err(Error::NotConnected)),
        })
    }

    fn poll_over(&mut self, cx: &Context<'_>, ticket: &mut Option<Ticket>) -> Poll<()> {
        self.poll_observe(cx, ticket, |state| state.over.then_some(()))
    }

    fn leave_observers(&mut self, ticket: &mut Option<Ticket>) {
        if let Some(ticket) = ticket.take() {
            self.observers.leave(&ticket, &mut self.woken);
        }
    }

    // --- Receiving ---

    fn poll_event(&mut self, cx: &Context<'_>) -> Poll<Option<ReconnectEvent<R>>> {
        let was_full = self.inbox.is_full();
        if let Some(event) = self.inbox.pop() {
            if was_full {
                self.wake_driver();
            }
            return Poll::Ready(Some(event));
        }
        if self.over {
            return Poll::Ready(None);
        }
        let before = self.receiver.replace(cx.waker().clone());
        self.woken
            .extend(before.filter(|before| !before.will_wake(cx.waker())));
        Poll::Pending
    }

    /// The receiver is gone: nothing takes stanzas any more, so requests are answered here.
    fn stop_receiving(&mut self) {
        self.receives = false;
        if let Some(session) = &mut self.session {
            session.drop_claims();
        }
        self.released();
        self.wake_driver();
    }

    /// Puts an event into the inbox, whether it has room or not.
    fn tell(&mut self, event: ReconnectEvent<R>) {
        if self.receives {
            let heap = match &event {
                ReconnectEvent::Stanza(stanza) => Stanza::heap_size(stanza),
                ReconnectEvent::Undelivered(stanzas) => {
                    let sizes = stanzas.iter().map(|each| each.stanza.heap_size());
                    sizes.fold(0, usize::saturating_add)
                }
                _ => 0,
            };
            self.inbox.push(event, heap);
            self.wake_receiver();
        }
    }
}
