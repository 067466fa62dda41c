//! What an incoming stream tells its application.

use xmppwire_xml::Element;

use super::PeerRequest;
use crate::error::CloseReason;
use crate::event::role_event;
use crate::s2s::exchange::News;
use crate::s2s::question::{KeyRequest, VerifyRequest};
use crate::s2s::{Pair, Refusal, Trust};
use crate::stanza::{Stanza, StanzaFault};
use crate::tls::StartTls;

/// What an [`Incoming`](super::Incoming) stream tells its application.
#[derive(Debug)]
#[non_exhaustive]
pub enum IncomingEvent {
    /// A stream was opened: answer with [`Endpoint::accept`](crate::Endpoint::accept).
    Opened(PeerRequest),
    /// The transport has to change to TLS: give the token to
    /// [`Connection::begin_tls`](crate::Connection::begin_tls).
    StartTls(StartTls),
    /// The peer wants to send for a pair and gave a key: ask the authoritative server, and answer
    /// with [`Endpoint::answer_verify`](crate::Endpoint::answer_verify). Until then the stream
    /// serves its other pairs.
    Verify(VerifyRequest),
    /// The peer asks whether this server made a key: answer with
    /// [`Endpoint::answer_key`](crate::Endpoint::answer_key).
    CheckKey(KeyRequest),
    /// The peer may send stanzas for this pair from now on.
    Authorised(Pair, Trust),
    /// On a bidirectional stream, stanzas may be sent to the peer for this pair from now on
    /// (XEP-0288).
    Ready(Pair, Trust),
    /// On a bidirectional stream, the peer refused a pair that was added.
    PairRefused(Pair, Refusal),
    /// A stanza of an authorised pair arrived.
    Stanza(Stanza),
    /// A malformed stanza of an authorised pair arrived. The stream goes in one direction, so the
    /// error that RFC 6120 §8 wants, [`StanzaFault::error_reply`], is for the application to route.
    Refused(StanzaFault),
    /// A dialback answer that was not asked for arrived and was ignored: a broken server, or an
    /// attempt to pose as another one (XEP-0220 §3.1).
    Unsolicited(Element),
    /// The connection has ended. Nothing follows.
    Closed(CloseReason),
}

role_event!(IncomingEvent);

impl IncomingEvent {
    /// The event for what dialback has to tell.
    pub(super) fn of(news: News) -> Option<Self> {
        Some(match news {
            News::Ready(pair, trust) => Self::Ready(pair, trust),
            News::PairRefused(pair, why) => Self::PairRefused(pair, why),
            News::Authorised(pair, trust) => Self::Authorised(pair, trust),
            News::Verify(request) => Self::Verify(request),
            News::CheckKey(request) => Self::CheckKey(request),
            News::Unsolicited(element) => Self::Unsolicited(element),
            News::Stanza(stanza) => Self::Stanza(stanza),
            News::Refused(fault) => Self::Refused(fault),
            // Only a stream that this server opened can be asked: see `Outgoing`.
            News::Verified(_) => return None,
        })
    }
}
