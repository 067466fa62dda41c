//! What a server tells its application.

use xmppwire_jid::{BareJid, FullJid};

use super::{
    BindRequest, Detached, HostRequest, ResumeRequest, SaslRequest, TaskQuestion, TokenLookup,
};
use crate::error::CloseReason;
use crate::event::role_event;
use crate::managed::Managed;
use crate::sasl2::TokenUpdate;
use crate::stanza::{Stanza, StanzaFault};
use crate::tls::StartTls;

/// An event of a [`Server`](crate::Server).
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A stream was opened to a domain: answer with
    /// [`Endpoint::choose_host`](crate::Endpoint::choose_host).
    Opened(HostRequest),
    /// The transport has to change to TLS: give the token to
    /// [`Connection::begin_tls`](crate::Connection::begin_tls).
    StartTls(StartTls),
    /// A client logs in: answer with [`Endpoint::answer_sasl`](crate::Endpoint::answer_sasl).
    Sasl(SaslRequest),
    /// A client logs in with a token: answer with
    /// [`Endpoint::answer_token`](crate::Endpoint::answer_token). Only with
    /// [`Sasl2::with_tokens`](crate::Sasl2::with_tokens).
    Token(TokenLookup),
    /// A token was issued, or used: [apply](crate::TokenUpdate::apply) this to the tokens that are
    /// stored for the client, before the next event is taken.
    Tokens(TokenUpdate),
    /// The mechanism of SASL2 has succeeded, or the client sent its part of a task: answer with
    /// [`Endpoint::decide_task`](crate::Endpoint::decide_task). Only with
    /// [`Sasl2::with_tasks`](crate::Sasl2::with_tasks).
    Task(TaskQuestion),
    /// The client has proven to be this account.
    Authenticated(BareJid),
    /// The client wants to bind a resource: answer with
    /// [`Endpoint::answer_bind`](crate::Endpoint::answer_bind).
    Bind(BindRequest),
    /// A stanza arrived. Its `from` is the bound address, whatever the client wrote
    /// (RFC 6120 §8.1.2.1).
    Stanza(Stanza),
    /// The client says whether its user looks at it (XEP-0352). What has to wait for an inactive
    /// client, and when it goes out, is up to the application.
    Active(bool),
    /// The client wants to resume a session instead of binding a resource (XEP-0198 §5): answer
    /// with [`Endpoint::answer_resume`](crate::Endpoint::answer_resume). Only with
    /// [`Host::with_stream_management`](crate::Host::with_stream_management).
    Resume(ResumeRequest),
    /// The session continues on this connection: what the client has not handled was sent again,
    /// and its presence is as it was.
    Resumed {
        /// The address of the session, which is bound again.
        jid: FullJid,
        /// The client has handled all stanzas up to the one with this number.
        acknowledged: u64,
    },
    /// The client has asked to manage the stream, and it is managed from now on (XEP-0198 §3).
    Managed(Managed),
    /// The client has handled all stanzas up to the one with this [number](crate::Endpoint::sent).
    Acknowledged(u64),
    /// The connection of a session that can be resumed is lost. The session is still there: the
    /// application keeps it, and with it the presence of the resource, until it is resumed or its
    /// time is over. Comes before [`Closed`](Self::Closed).
    Detached(Detached),
    /// A malformed stanza arrived. It was answered with an error if RFC 6120 §8 requires one.
    Refused(StanzaFault),
    /// The connection has ended. This is the last event.
    Closed(CloseReason),
}

role_event!(ServerEvent);
