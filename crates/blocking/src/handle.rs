//! The handle and the receivers of a session for several threads.

use std::task::Poll;
use std::time::Duration;

use xmppwire::component::Component;
use xmppwire::{Client, Domainpart, FullJid, Iq, Stanza, StanzaFault, Unacknowledged};
use xmppwire_net::client::{
    self, Error, NotAcknowledged, ReconnectEvent, RequestError, SessionRole, Suspended,
};
use xmppwire_net::tls::TlsSummary;

use crate::park;

/// Sends, asks and closes, from any number of threads: each has a clone.
///
/// The calls wait for the driver, which has to run in another thread. When the last handle and the
/// receiver are dropped, the driver closes the stream in order and ends. Those that wait come in
/// their order.
#[derive(Debug)]
pub struct Handle<R: SessionRole = Client>(pub(crate) client::Handle<R>);

impl Handle<Client> {
    /// The address that is bound, or that was bound last; `None` before the first session of a
    /// client that reconnects.
    pub fn jid(&self) -> Option<FullJid> {
        self.0.jid()
    }

    /// Tells the server whether the user looks at the client, so that it can hold back what has time
    /// (XEP-0352). A client begins as active. A server that does not offer this is told nothing.
    ///
    /// A client that reconnects tells it again in each session.
    pub fn set_active(&self, active: bool) {
        self.0.set_active(active);
    }

    /// Enables carbons: copies of the messages that the user's other clients send and receive
    /// (XEP-0280), which [`Carbon::open`](crate::Carbon::open) takes out of what arrives. Returns when
    /// the server has done it; at once where the login has.
    ///
    /// A client that reconnects enables them in each new session, also after an error, unless the
    /// server refused: with the binding where the server offers that (XEP-0386), otherwise by a
    /// request.
    ///
    /// # Errors
    ///
    /// As for [`request`](Self::request).
    pub fn enable_carbons(&self) -> Result<(), RequestError> {
        park::wait(self.0.enable_carbons())
    }

    /// Disables carbons, in later sessions of a client that reconnects too.
    ///
    /// # Errors
    ///
    /// As for [`request`](Self::request).
    pub fn disable_carbons(&self) -> Result<(), RequestError> {
        park::wait(self.0.disable_carbons())
    }
}

impl Handle<Component> {
    /// The domain of the component; `None` before the first session of a component that reconnects.
    pub fn domain(&self) -> Option<Domainpart> {
        self.0.domain()
    }
}

impl<R: SessionRole> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R: SessionRole> Handle<R> {
    /// Sends a stanza: gives it to the driver, which writes it. Waits while more than 64 KiB are
    /// left to write.
    ///
    /// # Errors
    ///
    /// With any of them, the stanza was not sent: [`Error::NotConnected`] if the stream has ended,
    /// is closing, or is not there at the moment; [`Error::Misuse`] if XML cannot carry the stanza.
    pub fn send(&self, stanza: impl Into<Stanza>) -> Result<(), Error> {
        park::wait(self.0.send(stanza))
    }

    /// Sends a request and waits for the answer of the entity that it is sent to. An unpredictable
    /// id replaces its own. Any number may be open, each from a thread of its own; where the
    /// connector's [limit](crate::SessionConnector::with_max_requests) is reached, waits for one of them
    /// to end.
    ///
    /// # Errors
    ///
    /// [`RequestError::Refused`] and [`RequestError::TimedOut`] (the time runs from when the
    /// request is sent); otherwise those of [`send`](Self::send), and the request may have been
    /// sent.
    pub fn request(&self, request: Iq) -> Result<Iq, RequestError> {
        park::wait(self.0.request(request))
    }

    /// Sends a stanza and waits until the server has handled it (XEP-0198 §4). Where the connection
    /// is lost meanwhile and the session continues on another one, waits on.
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`], which says whether the stanza was sent, and gives it back where the
    /// server may have got it or not.
    pub fn send_acked(&self, stanza: impl Into<Stanza>) -> Result<(), NotAcknowledged> {
        park::wait(self.0.send_acked(stanza))
    }

    /// Takes the session out of its connection, which ends without a closing tag, and waits until the
    /// driver has ended. The session can continue later, or in another process
    /// ([`Connector::with_resumption`](crate::Connector)). What has arrived is still given by the
    /// receiver.
    pub fn suspend(&self) -> Suspended {
        park::wait(self.0.suspend())
    }

    /// Waits until everything that was sent is written, by any handle.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if the stream ends before.
    pub fn flush(&self) -> Result<(), Error> {
        park::wait(self.0.flush())
    }

    /// Closes the stream in order, and waits until the driver has ended: what was sent is written,
    /// and the server confirms the end. A client that reconnects does so no more, and an attempt to
    /// connect is dropped. Stanzas that still arrive go to the receiver; one that takes none holds
    /// the end up for as long as the [limits](xmppwire::Limits::close_timeout) allow.
    ///
    /// Returns the stanzas that the server has not acknowledged (XEP-0198), in the order in which they
    /// were sent: it may have handled them or not. Each is given once: those of a client that
    /// reconnects are in [`ReconnectEvent::Undelivered`], unless the receiver is gone.
    pub fn close(&self) -> Vec<Unacknowledged> {
        park::wait(self.0.close())
    }

    /// The address of the session, or of the last one: that of a client, or the domain of a
    /// component. `None` before the first session.
    pub fn address(&self) -> Option<R::Address> {
        self.0.address()
    }

    /// Whether there is a session, and it is not closing.
    pub fn is_connected(&self) -> bool {
        self.0.is_connected()
    }

    /// The properties of TLS, if there is a session and it uses TLS.
    pub fn tls(&self) -> Option<TlsSummary> {
        self.0.tls()
    }

    /// The default language of the server's stanzas: that of a stanza whose `lang` is `None`
    /// (RFC 6120 §8.1.5).
    pub fn stream_lang(&self) -> Option<String> {
        self.0.stream_lang()
    }

    /// Bytes that wait to be written.
    pub fn backlog(&self) -> usize {
        self.0.backlog()
    }

    /// Ends the wait before the next attempt of a client that reconnects, and forgets the failures
    /// so far. Without effect on a session or a login in progress.
    pub fn connect_now(&self) {
        self.0.connect_now();
    }

    /// Says that the network has changed or that the device was asleep. A session is checked, and
    /// if nothing arrives within `patience`, it ends as
    /// [`TimedOut(Timer::KeepAlive)`](xmppwire::Timer::KeepAlive). A client that reconnects then
    /// does so at once; without a session it begins anew, also where an attempt is in progress.
    pub fn network_changed(&self, patience: Duration) {
        self.0.network_changed(patience);
    }
}

/// Receives the stanzas of a client: an iterator. There is one for each client.
///
/// At most the connector's [budget](crate::SessionConnector::with_inbox_bytes) and one stanza wait to be
/// taken. Past it nothing is read from the server, and so no request is answered: go on taking
/// stanzas. When this is dropped, what arrives is dropped, and the requests that the application
/// claimed are answered with `service-unavailable`.
#[derive(Debug)]
pub struct Stanzas<R: SessionRole = Client>(pub(crate) client::Stanzas<R>);

impl<R: SessionRole> Stanzas<R> {
    /// The next stanza; `None` after the driver has ended, which tells the reason. Pending when the
    /// time is over; nothing is lost then.
    pub fn next_timeout(&mut self, timeout: Duration) -> Poll<Option<Stanza>> {
        park::wait_timeout(self.0.next(), timeout)
    }

    /// Takes the oldest malformed stanza that arrived (RFC 6120 §8). The newest ones are kept, in
    /// at most 64 KiB of memory, or one stanza if that one is larger.
    pub fn take_refused(&mut self) -> Option<StanzaFault> {
        self.0.take_refused()
    }

    /// The number of malformed stanzas that [`take_refused`](Self::take_refused) cannot give any
    /// more, because newer ones needed their room.
    pub fn refused_dropped(&self) -> u64 {
        self.0.refused_dropped()
    }
}

impl<R: SessionRole> Iterator for Stanzas<R> {
    type Item = Stanza;

    /// The next stanza; `None` after the driver has ended, which tells the reason.
    fn next(&mut self) -> Option<Stanza> {
        park::wait(self.0.next())
    }
}

/// Receives the events of a client that reconnects: an iterator. There is one for each client.
///
/// What waits to be taken is bounded as in [`Stanzas`].
#[derive(Debug)]
pub struct Events<R: SessionRole = Client>(pub(crate) client::Events<R>);

impl<R: SessionRole> Events<R> {
    /// The next event; `None` after the driver has ended, which tells the reason. Pending when the
    /// time is over; nothing is lost then.
    pub fn next_timeout(&mut self, timeout: Duration) -> Poll<Option<ReconnectEvent<R>>> {
        park::wait_timeout(self.0.next(), timeout)
    }

    /// Takes the oldest malformed stanza that arrived (RFC 6120 §8). The newest ones are kept, in
    /// at most 64 KiB of memory, or one stanza if that one is larger.
    pub fn take_refused(&mut self) -> Option<StanzaFault> {
        self.0.take_refused()
    }

    /// The number of malformed stanzas that [`take_refused`](Self::take_refused) cannot give any
    /// more, because newer ones needed their room.
    pub fn refused_dropped(&self) -> u64 {
        self.0.refused_dropped()
    }
}

impl<R: SessionRole> Iterator for Events<R> {
    type Item = ReconnectEvent<R>;

    /// The next event; `None` after the driver has ended, which tells the reason.
    fn next(&mut self) -> Option<ReconnectEvent<R>> {
        park::wait(self.0.next())
    }
}
