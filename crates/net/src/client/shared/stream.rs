//! The traits of the crate `futures`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use xmppwire::{Client, Stanza};

use super::turns::Ticket;
use super::{Events, Handle, Stanzas};
use crate::client::{Error, ReconnectEvent, SessionRole};

impl<R: SessionRole> Stream for Stanzas<R> {
    type Item = Stanza;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Stanza>> {
        self.get_mut().poll_next_stanza(cx)
    }
}

impl<R: SessionRole> Stream for Events<R> {
    type Item = ReconnectEvent<R>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ReconnectEvent<R>>> {
        self.get_mut().poll_next_event(cx)
    }
}

/// Sends stanzas as a [`Sink`]; made by [`Handle::into_sink`].
///
/// It holds the one stanza that was given last until there is room for it: flush it before it is
/// dropped, or that stanza is lost. Closing it writes everything out and leaves the stream open,
/// because other handles may use it; see [`Handle::close`].
#[derive(Debug)]
pub struct StanzaSink<R: SessionRole = Client> {
    handle: Handle<R>,
    unsent: Option<Stanza>,
    sender: Option<Ticket>,
    observer: Option<Ticket>,
}

impl<R: SessionRole> Handle<R> {
    /// The handle as a [`Sink`] of stanzas.
    ///
    /// ```
    /// use futures_util::{StreamExt, future};
    /// use xmppwire::{Message, Stanza};
    /// use xmppwire_net::client::{Error, Handle, Stanzas};
    ///
    /// async fn echo(handle: Handle, stanzas: Stanzas) -> Result<(), Error> {
    ///     let reply = |stanza| match stanza {
    ///         Stanza::Message(message) => message.reply(message.body()?),
    ///         _ => None,
    ///     };
    ///     let replies = stanzas.filter_map(|stanza| future::ready(reply(stanza)));
    ///     replies.map(Ok).forward(handle.into_sink()).await
    /// }
    /// # let _ = echo;
    /// ```
    pub const fn into_sink(self) -> StanzaSink<R> {
        StanzaSink {
            handle: self,
            unsent: None,
            sender: None,
            observer: None,
        }
    }
}

impl<R: SessionRole> StanzaSink<R> {
    fn poll_sent(&mut self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        let Some(stanza) = &self.unsent else {
            return Poll::Ready(Ok(()));
        };
        let ticket = &mut self.sender;
        let sent = self
            .handle
            .shared()
            .with(|state| state.poll_send(cx, ticket, |session| session.send(stanza)));
        if sent.is_ready() {
            self.unsent = None;
        }
        sent
    }
}

impl<R: SessionRole, S: Into<Stanza>> Sink<S> for StanzaSink<R> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_sent(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, stanza: S) -> Result<(), Error> {
        self.unsent = Some(stanza.into());
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_sent(cx))?;
        let Self {
            handle, observer, ..
        } = &mut *self;
        handle
            .shared()
            .with(|state| state.poll_flushed(cx, observer))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Sink::<S>::poll_flush(self, cx)
    }
}

impl<R: SessionRole> Drop for StanzaSink<R> {
    fn drop(&mut self) {
        let Self {
            handle,
            sender,
            observer,
            ..
        } = self;
        handle.shared().with(|state| {
            state.leave_senders(sender);
            state.leave_observers(observer);
        });
    }
}
