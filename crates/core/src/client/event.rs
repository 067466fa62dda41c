//! What a client tells its application.

use alloc::vec::Vec;

use xmppwire_jid::FullJid;

use super::{DerivationRequest, TaskRequest, TokenEnd};
use crate::error::CloseReason;
use crate::event::role_event;
use crate::managed::Managed;
use crate::sasl2::Token;
use crate::stanza::{Stanza, StanzaErrorCondition, StanzaFault};
use crate::tls::StartTls;
use crate::unacknowledged::Unacknowledged;

/// An event of a [`Client`](crate::Client).
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The transport has to change to TLS: give the token to
    /// [`Connection::begin_tls`](crate::Connection::begin_tls).
    StartTls(StartTls),
    /// The SCRAM login needs a derivation that is not computed in line: answer with
    /// [`Endpoint::answer_derivation`](crate::Endpoint::answer_derivation). Only with
    /// [`ClientConfig::with_inline_iterations`](crate::ClientConfig::with_inline_iterations).
    Derivation(DerivationRequest),
    /// A token to store in the place of the one before it, for
    /// [`ClientConfig::with_token`](crate::ClientConfig::with_token) of later connections: the
    /// server issued it, or the client has just tried to log in with it, which its count says. Only
    /// with [`ClientConfig::with_user_agent`](crate::ClientConfig::with_user_agent).
    Token(Token),
    /// The stored token is of no use any more, and should be deleted.
    TokenGone(TokenEnd),
    /// The mechanism has succeeded, and the server asks for more: answer with
    /// [`Endpoint::answer_task`](crate::Endpoint::answer_task). Only with
    /// [`ClientConfig::with_tasks`](crate::ClientConfig::with_tasks).
    Task(TaskRequest),
    /// The login is complete. Stanzas may be sent, from this address.
    Bound(FullJid),
    /// A stanza arrived.
    Stanza(Stanza),
    /// The server has agreed to manage the stream (XEP-0198 §3). What is sent has
    /// [numbers](crate::Endpoint::sent) since [`Bound`](Self::Bound). Only with
    /// [`ClientConfig::with_stream_management`](crate::ClientConfig::with_stream_management).
    Managed(Managed),
    /// The server has refused to manage the stream, although it offered to. The stream goes on, and
    /// the numbers of what was sent are void.
    Unmanaged(StanzaErrorCondition),
    /// The server has handled all stanzas up to the one with this [number](crate::Endpoint::sent).
    Acknowledged(u64),
    /// The session continues on this connection (XEP-0198 §5), in place of [`Bound`](Self::Bound):
    /// what the server has not handled was sent again, and presence, roster and all other state are
    /// as they were. See [`Endpoint::resume`](crate::Endpoint::resume).
    Resumed {
        /// The address of the session.
        jid: FullJid,
        /// The server has handled all stanzas up to the one with this number.
        acknowledged: u64,
    },
    /// The session could not be resumed and is over. A resource is bound next.
    NotResumed {
        /// The server has handled all stanzas up to the one with this number.
        acknowledged: u64,
        /// The stanzas after it, in the order in which they were sent. The server may have handled
        /// them or not.
        unacknowledged: Vec<Unacknowledged>,
    },
    /// A malformed stanza arrived. It was answered with an error if RFC 6120 §8 requires one and
    /// its `from` is an address; otherwise it was dropped.
    Refused(StanzaFault),
    /// The connection has ended. This is the last event.
    Closed(CloseReason),
}

role_event!(ClientEvent);
