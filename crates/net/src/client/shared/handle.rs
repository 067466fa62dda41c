//! What sends, asks and closes.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use xmppwire::component::Component;
use xmppwire::{Carbon, Client, Domainpart, FullJid, Iq, Stanza, Unacknowledged};

use super::turns::Ticket;
use super::{Shared, State, Wish};
use crate::client::acks::AckId;
use crate::client::requests::RequestId;
use crate::client::{Error, NotAcknowledged, RequestError, Session, SessionRole, Suspended};
use crate::tls::TlsSummary;

/// Sends, asks and closes, from any number of tasks: each has a clone.
///
/// Nothing moves unless the driver runs. When the last handle and the receiver are dropped, the
/// driver closes the stream in order and ends.
///
/// Those that wait come in their order. Every future can be dropped at any await: see each method
/// for what was done then. Drop those that are not polled any more, because one that waits for
/// its turn holds up those behind it.
#[derive(Debug)]
pub struct Handle<R: SessionRole = Client>(Shared<R>);

impl Handle<Client> {
    /// The address that is bound, or that was bound last; `None` before the first session of a
    /// client that reconnects.
    pub fn jid(&self) -> Option<FullJid> {
        self.address()
    }

    /// Tells the server whether the user looks at the client, so that it can hold back what has time
    /// (XEP-0352). A client begins as active. A server that does not offer this is told nothing.
    ///
    /// A client that reconnects tells it again in each session.
    pub fn set_active(&self, active: bool) {
        self.0.with(|state| {
            state.wishes.inactive = !active;
            if let Some(session) = &mut state.session {
                session.set_active(active);
            }
            state.wake_driver();
        });
    }

    /// Enables carbons: copies of the messages that the user's other clients send and receive
    /// (XEP-0280), which [`Carbon::open`] takes out of what arrives. Ready when the server has done
    /// it; at once where the login has.
    ///
    /// A client that reconnects enables them in each new session, also after an error, unless the
    /// server refused: with the binding where the server offers that (XEP-0386), otherwise by a
    /// request.
    ///
    /// # Errors
    ///
    /// As for [`request`](Self::request).
    pub async fn enable_carbons(&self) -> Result<(), RequestError> {
        let has_them = self.0.with(|state| {
            state.wishes.carbons = true;
            state.session.as_ref().is_some_and(Session::has_carbons)
        });
        match has_them {
            true => Ok(()),
            false => self.switch_carbons(true).await,
        }
    }

    /// Disables carbons, in later sessions of a client that reconnects too.
    ///
    /// # Errors
    ///
    /// As for [`request`](Self::request).
    pub async fn disable_carbons(&self) -> Result<(), RequestError> {
        self.0.with(|state| state.wishes.carbons = false);
        self.switch_carbons(false).await
    }

    async fn switch_carbons(&self, on: bool) -> Result<(), RequestError> {
        let answer = self.request(Carbon::request(on)).await;
        self.0.with(|state| match (&answer, &mut state.session) {
            (Ok(_), Some(session)) => session.note_carbons(on),
            (Err(RequestError::Refused(_)), _) => state.wishes.carbons = false,
            _ => {}
        });
        answer.map(drop)
    }
}

impl Handle<Component> {
    /// The domain of the component; `None` before the first session of a component that reconnects.
    pub fn domain(&self) -> Option<Domainpart> {
        self.address()
    }
}

impl<R: SessionRole> Handle<R> {
    pub(super) const fn new(shared: Shared<R>) -> Self {
        Self(shared)
    }

    #[cfg(feature = "futures")]
    pub(super) const fn shared(&self) -> &Shared<R> {
        &self.0
    }

    /// Sends a stanza: gives it to the driver, which writes it. Waits while more than 64 KiB are
    /// left to write, and while the server has to acknowledge other stanzas first
    /// ([`StreamManagement::with_queue_bytes`](xmppwire::StreamManagement::with_queue_bytes)). It does
    /// not wait for acknowledgements that cannot be read because the receiver takes nothing: the task
    /// that sends may be the one that receives.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has sent nothing.
    ///
    /// # Errors
    ///
    /// With any of them, the stanza was not sent: [`Error::NotConnected`] if the stream has ended,
    /// is closing, or is not there at the moment; [`Error::Misuse`] if XML cannot carry the stanza;
    /// [`Error::InboxFull`] if so many stanzas are not acknowledged that another one would end the
    /// stream, while the receiver has to take what arrives first.
    pub async fn send(&self, stanza: impl Into<Stanza>) -> Result<(), Error> {
        let mut sending = Sending::new(&self.0, stanza.into());
        poll_fn(|cx| sending.poll(cx)).await
    }

    /// Sends a request and waits for the answer of the entity that it is sent to. An unpredictable
    /// id replaces its own. Any number may be open; where the connector's
    /// [limit](crate::client::Connector::with_max_requests) is reached, waits for one of them to
    /// end.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped may have sent the request. Its answer is dropped when it comes.
    ///
    /// # Errors
    ///
    /// [`RequestError::Refused`] and [`RequestError::TimedOut`] (the time runs from when the
    /// request is sent); otherwise those of [`send`](Self::send), and the request may have been
    /// sent.
    pub async fn request(&self, request: Iq) -> Result<Iq, RequestError> {
        let mut asking = Asking::new(&self.0, request);
        poll_fn(|cx| asking.poll(cx)).await
    }

    /// Sends a stanza and waits until the server has handled it (XEP-0198 §4). Where the connection
    /// is lost meanwhile and the session continues on another one, waits on.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped may have sent the stanza. If it comes back then, it is in
    /// [`ReconnectEvent::Undelivered`](crate::client::ReconnectEvent::Undelivered).
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`], which says whether the stanza was sent, and gives it back where the
    /// server may have got it or not.
    pub async fn send_acked(&self, stanza: impl Into<Stanza>) -> Result<(), NotAcknowledged> {
        let mut sending = SendingAcked {
            sending: Sending::new(&self.0, stanza.into()),
            id: None,
        };
        poll_fn(|cx| sending.poll(cx)).await
    }

    /// Takes the session out of its connection, which ends without a closing tag, and waits until the
    /// driver has ended. The session can continue later, or in another process
    /// ([`Connector::with_resumption`](crate::client::Connector::with_resumption)). What has arrived
    /// is still given by the receiver.
    ///
    /// # Cancel safety
    ///
    /// The client ends also where the future is dropped after its first poll. Another call gives the
    /// session.
    pub async fn suspend(&self) -> Suspended {
        self.0.with(|state| {
            state.suspending = true;
            state.close();
        });
        let mut observing = Observing::new(&self.0);
        poll_fn(|cx| observing.poll(|state, ticket| state.poll_over(cx, ticket))).await;
        self.0.with(State::take_suspended)
    }

    /// Waits until everything that was sent is written, by any handle.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if the stream ends before.
    pub async fn flush(&self) -> Result<(), Error> {
        let mut observing = Observing::new(&self.0);
        poll_fn(|cx| observing.poll(|state, ticket| state.poll_flushed(cx, ticket))).await
    }

    /// Closes the stream in order, and waits until the driver has ended: what was sent is written,
    /// and the server confirms the end. A client that reconnects does so no more. Stanzas that
    /// still arrive go to the receiver; one that takes none holds the end up for as long as the
    /// [limits](xmppwire::Limits::close_timeout) allow.
    ///
    /// Returns the stanzas that the server has not acknowledged (XEP-0198), in the order in which they
    /// were sent: it may have handled them or not. Each is given once: those of a client that
    /// reconnects are in [`ReconnectEvent::Undelivered`](crate::client::ReconnectEvent::Undelivered),
    /// unless the receiver is gone.
    ///
    /// # Cancel safety
    ///
    /// The client closes also where the future is dropped after its first poll. Another call gives
    /// the stanzas.
    pub async fn close(&self) -> Vec<Unacknowledged> {
        self.0.with(State::close);
        let mut observing = Observing::new(&self.0);
        poll_fn(|cx| observing.poll(|state, ticket| state.poll_over(cx, ticket))).await;
        self.0.with(State::give_up)
    }

    /// The address of the session, or of the last one: that of a client, or the domain of a
    /// component. `None` before the first session.
    pub fn address(&self) -> Option<R::Address> {
        self.0.with(|state| state.address.clone())
    }

    /// Whether there is a session, and it is not closing.
    pub fn is_connected(&self) -> bool {
        self.0
            .with(|state| state.session.is_some() && !state.closing)
    }

    /// The properties of TLS, if there is a session and it uses TLS.
    pub fn tls(&self) -> Option<TlsSummary> {
        self.0
            .with(|state| state.session.as_ref()?.link().tls().cloned())
    }

    /// The default language of the server's stanzas: that of a stanza whose `lang` is `None`
    /// (RFC 6120 §8.1.5).
    pub fn stream_lang(&self) -> Option<String> {
        self.0.with(|state| {
            let session = state.session.as_ref()?;
            session.stream_lang().map(str::to_owned)
        })
    }

    /// Bytes that wait to be written.
    pub fn backlog(&self) -> usize {
        self.0.with(|state| {
            let session = state.session.as_ref();
            session.map_or(0, |session| session.link().backlog())
        })
    }

    /// Ends the wait before the next attempt of a client that reconnects, and forgets the failures
    /// so far. Without effect on a session or a login in progress.
    pub fn connect_now(&self) {
        self.0.with(|state| {
            if state.session.is_none() {
                state.hint.get_or_insert(Wish::ConnectNow);
                state.wake_driver();
            }
        });
    }

    /// Says that the network has changed or that the device was asleep. A session is checked, and
    /// if nothing arrives within `patience`, it ends as
    /// [`TimedOut(Timer::KeepAlive)`](xmppwire::Timer::KeepAlive). A client that reconnects then
    /// does so at once; without a session it begins anew, also where an attempt is in progress.
    pub fn network_changed(&self, patience: Duration) {
        let now = self.0.now();
        self.0.with(|state| {
            state.hint = Some(Wish::NetworkChanged);
            if let Some(session) = &mut state.session {
                session.check_peer(now, patience);
            }
            state.wake_driver();
        });
    }
}

impl<R: SessionRole> Clone for Handle<R> {
    fn clone(&self) -> Self {
        self.0
            .with(|state| state.handles = state.handles.saturating_add(1));
        Self(self.0.clone())
    }
}

impl<R: SessionRole> Drop for Handle<R> {
    fn drop(&mut self) {
        self.0.with(|state| {
            state.handles = state.handles.saturating_sub(1);
            state.released();
        });
    }
}

/// A stanza that waits to be sent.
struct Sending<'a, R: SessionRole> {
    shared: &'a Shared<R>,
    stanza: Stanza,
    ticket: Option<Ticket>,
}

impl<'a, R: SessionRole> Sending<'a, R> {
    const fn new(shared: &'a Shared<R>, stanza: Stanza) -> Self {
        Self {
            shared,
            stanza,
            ticket: None,
        }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        let Self { stanza, ticket, .. } = self;
        self.shared
            .with(|state| state.poll_send(cx, ticket, |session| session.send(stanza)))
    }
}

impl<R: SessionRole> Drop for Sending<'_, R> {
    fn drop(&mut self) {
        self.shared
            .with(|state| state.leave_senders(&mut self.ticket));
    }
}

/// A stanza that waits to be sent or acknowledged.
struct SendingAcked<'a, R: SessionRole> {
    sending: Sending<'a, R>,
    /// While it is awaited.
    id: Option<AckId>,
}

impl<R: SessionRole> SendingAcked<'_, R> {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<(), NotAcknowledged>> {
        let Self {
            sending:
                Sending {
                    shared,
                    stanza,
                    ticket,
                },
            id,
        } = self;
        shared.with(|state| {
            if id.is_none() {
                let mut refusal = None;
                let sent = state.poll_send(cx, ticket, |session| {
                    match session.send_watched(stanza) {
                        Ok(watched) => *id = Some(watched),
                        Err(error) => refusal = Some(error),
                    }
                    Ok(())
                });
                match (sent, refusal) {
                    (Poll::Pending, _) => return Poll::Pending,
                    (Poll::Ready(_), Some(refusal)) => return Poll::Ready(Err(refusal)),
                    (Poll::Ready(Err(error)), None) => {
                        return Poll::Ready(Err(NotAcknowledged::NotSent(error)));
                    }
                    (Poll::Ready(Ok(())), None) => {}
                }
            }
            let Some(watched) = *id else {
                return Poll::Pending;
            };
            let outcome = state.poll_acknowledged(cx, watched);
            if outcome.is_ready() {
                *id = None;
            }
            outcome
        })
    }
}

impl<R: SessionRole> Drop for SendingAcked<'_, R> {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            let shared = self.sending.shared;
            shared.with(|state| state.forget_acknowledgement(id));
        }
    }
}

/// A request that waits to be sent or answered.
struct Asking<'a, R: SessionRole> {
    shared: &'a Shared<R>,
    request: Iq,
    asker: Option<Ticket>,
    sender: Option<Ticket>,
    /// While it is open.
    id: Option<RequestId>,
}

impl<'a, R: SessionRole> Asking<'a, R> {
    const fn new(shared: &'a Shared<R>, request: Iq) -> Self {
        Self {
            shared,
            request,
            asker: None,
            sender: None,
            id: None,
        }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<Iq, RequestError>> {
        let now = self.shared.now();
        let Self {
            request,
            asker,
            sender,
            id,
            ..
        } = self;
        self.shared.with(|state| {
            if id.is_none() {
                match state.poll_ask(now, cx, request, asker, sender) {
                    Poll::Ready(Ok(begun)) => *id = Some(begun),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                    Poll::Pending => return Poll::Pending,
                }
            }
            let Some(open) = id.as_ref() else {
                return Poll::Pending;
            };
            let answer = state.poll_answer(cx, open);
            if answer.is_ready() {
                *id = None;
            }
            answer
        })
    }
}

impl<R: SessionRole> Drop for Asking<'_, R> {
    fn drop(&mut self) {
        self.shared.with(|state| {
            state.leave_senders(&mut self.sender);
            state.leave_askers(&mut self.asker);
            if let Some(id) = self.id.take() {
                state.forget(&id);
            }
        });
    }
}

/// Waits for the state to change.
struct Observing<'a, R: SessionRole> {
    shared: &'a Shared<R>,
    ticket: Option<Ticket>,
}

impl<'a, R: SessionRole> Observing<'a, R> {
    const fn new(shared: &'a Shared<R>) -> Self {
        Self {
            shared,
            ticket: None,
        }
    }

    fn poll<T>(&mut self, poll: impl FnOnce(&mut State<R>, &mut Option<Ticket>) -> T) -> T {
        let ticket = &mut self.ticket;
        self.shared.with(|state| poll(state, ticket))
    }
}

impl<R: SessionRole> Drop for Observing<'_, R> {
    fn drop(&mut self) {
        self.shared
            .with(|state| state.leave_observers(&mut self.ticket));
    }
}
