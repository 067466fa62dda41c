//! What receives.

use std::future::poll_fn;
use std::task::{Context, Poll};

use xmppwire::{Client, Stanza, StanzaFault};

use super::{Shared, State};
use crate::client::{ReconnectEvent, SessionRole};

/// Receives the events of a client that reconnects. There is one for each client.
///
/// At most the connector's [budget](crate::client::SessionConnector::with_inbox_bytes) and one stanza wait
/// to be taken. Past it nothing is read from the server, and so no request is answered: go on
/// taking events. When this is dropped, what arrives is dropped, and the requests that the
/// application claimed are answered with `service-unavailable`.
#[derive(Debug)]
pub struct Events<R: SessionRole = Client>(Shared<R>);

impl<R: SessionRole> Events<R> {
    pub(super) const fn new(shared: Shared<R>) -> Self {
        Self(shared)
    }

    /// The next event; `None` after the driver has ended, which tells the reason.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any await. No event is lost.
    pub async fn next(&mut self) -> Option<ReconnectEvent<R>> {
        poll_fn(|cx| self.poll_next_event(cx)).await
    }

    pub(super) fn poll_next_event(&mut self, cx: &Context<'_>) -> Poll<Option<ReconnectEvent<R>>> {
        self.0.with(|state| state.poll_event(cx))
    }

    /// Takes the oldest malformed stanza that arrived (RFC 6120 §8). The newest ones are kept, in
    /// at most 64 KiB of memory, or one stanza if that one is larger.
    pub fn take_refused(&mut self) -> Option<StanzaFault> {
        self.0.with(|state| state.refused.take())
    }

    /// The number of malformed stanzas that [`take_refused`](Self::take_refused) cannot give any
    /// more, because newer ones needed their room.
    pub fn refused_dropped(&self) -> u64 {
        self.0.with(|state| state.refused.dropped())
    }
}

impl<R: SessionRole> Drop for Events<R> {
    fn drop(&mut self) {
        self.0.with(State::stop_receiving);
    }
}

/// Receives the stanzas of a client. There is one for each client.
///
/// At most the connector's [budget](crate::client::SessionConnector::with_inbox_bytes) and one stanza wait
/// to be taken. Past it nothing is read from the server, and so no request is answered: go on
/// taking stanzas. When this is dropped, what arrives is dropped, and the requests that the
/// application claimed are answered with `service-unavailable`.
#[derive(Debug)]
pub struct Stanzas<R: SessionRole = Client>(Events<R>);

impl<R: SessionRole> Stanzas<R> {
    /// The next stanza; `None` after the driver has ended, which tells the reason.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any await. No stanza is lost.
    pub async fn next(&mut self) -> Option<Stanza> {
        poll_fn(|cx| self.poll_next_stanza(cx)).await
    }

    pub(super) fn poll_next_stanza(&mut self, cx: &Context<'_>) -> Poll<Option<Stanza>> {
        loop {
            match self.0.poll_next_event(cx) {
                Poll::Ready(Some(ReconnectEvent::Stanza(stanza))) => {
                    return Poll::Ready(Some(stanza));
                }
                // The session that could not be resumed; closing the client gives them.
                Poll::Ready(Some(ReconnectEvent::Undelivered(stanzas))) => {
                    let shared = &self.0.0;
                    shared.with(|state| state.unacknowledged.extend(stanzas));
                }
                // A client that does not reconnect has no other events.
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
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

impl<R: SessionRole> From<Events<R>> for Stanzas<R> {
    fn from(events: Events<R>) -> Self {
        Self(events)
    }
}
