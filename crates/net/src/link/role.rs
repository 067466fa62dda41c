//! The few things a link has to know about the events of a role.

use std::fmt;

use xmppwire::{
    Client, ClientEvent, CloseReason, Connection, PeerMisbehaved, Server, ServerEvent, StartTls,
};

/// A connection whose events a [`Link`](super::Link) can read.
pub trait Role: Connection<Event: fmt::Debug> {
    /// Sorts an event by what it means to a link.
    fn sort(event: Self::Event) -> Sorted<Self::Event>;
}

/// An event, sorted.
#[derive(Debug)]
pub enum Sorted<E> {
    /// The transport has to change to TLS; the application does not hear of it.
    StartTls(StartTls),
    /// The last event. `linger` says whether the other side may still be sending, so that closing the socket at once
    /// could destroy our last words on their way to it.
    Closed {
        /// The event itself.
        event: E,
        /// Whether to read on for a moment.
        linger: bool,
    },
    /// Any other.
    Other(E),
}

impl Role for Client {
    fn sort(event: ClientEvent) -> Sorted<ClientEvent> {
        match event {
            ClientEvent::StartTls(request) => Sorted::StartTls(request),
            ClientEvent::Closed(ref reason) => Sorted::Closed {
                linger: may_still_send(reason),
                event,
            },
            other => Sorted::Other(other),
        }
    }
}

impl Role for Server {
    fn sort(event: ServerEvent) -> Sorted<ServerEvent> {
        match event {
            ServerEvent::StartTls(request) => Sorted::StartTls(request),
            ServerEvent::Closed(ref reason) => Sorted::Closed {
                linger: may_still_send(reason),
                event,
            },
            other => Sorted::Other(other),
        }
    }
}

/// Whether we ended the stream while the peer had not. Who spoke out of turn during STARTTLS is not waited for.
const fn may_still_send(reason: &CloseReason) -> bool {
    match reason {
        CloseReason::Violation { why, .. } => {
            !matches!(why, PeerMisbehaved::ClearTextAfterStartTls)
        }
        CloseReason::Local | CloseReason::Incompatible(_) => true,
        _ => false,
    }
}
