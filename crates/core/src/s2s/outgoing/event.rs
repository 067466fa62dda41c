//! What an outgoing stream tells its application.

use xmppwire_xml::Element;

use crate::error::CloseReason;
use crate::event::role_event;
use crate::s2s::exchange::News;
use crate::s2s::question::{KeyRequest, VerifyAnswer, VerifyRequest};
use crate::s2s::{Pair, Refusal, Trust};
use crate::stanza::{Stanza, StanzaFault};
use crate::tls::StartTls;

/// What an [`Outgoing`](super::Outgoing) stream tells its application.
#[derive(Debug)]
#[non_exhaustive]
pub enum OutgoingEvent {
    /// The transport has to change to TLS: give the token to
    /// [`Connection::begin_tls`](crate::Connection::begin_tls).
    StartTls(StartTls),
    /// Stanzas may be sent for this pair from now on.
    Ready(Pair, Trust),
    /// The pair was refused, or not answered in time. What waits for it goes back to its senders
    /// with the condition [`Refusal::bounce`]. After [`Refusal::Invalid`] the peer will most likely
    /// close the stream, so nothing more should be sent on it (XEP-0220 §2.1.1).
    PairRefused(Pair, Refusal),
    /// The answer to [`Endpoint::verify`](crate::Endpoint::verify): give it to the connection that
    /// asked. Comes for every request, also where the stream ends before the peer answered.
    Verified(VerifyAnswer),
    /// On a bidirectional stream, the peer may send stanzas for this pair from now on (XEP-0288).
    Authorised(Pair, Trust),
    /// On a bidirectional stream, the peer wants to send for a pair and gave a key: ask the
    /// authoritative server, on another stream, and answer with
    /// [`Endpoint::answer_verify`](crate::Endpoint::answer_verify).
    Verify(VerifyRequest),
    /// On a bidirectional stream, the peer asks whether this server made a key: answer with
    /// [`Endpoint::answer_key`](crate::Endpoint::answer_key).
    CheckKey(KeyRequest),
    /// On a bidirectional stream, a stanza of an authorised pair arrived.
    Stanza(Stanza),
    /// On a bidirectional stream, a malformed stanza of an authorised pair arrived. The error that
    /// RFC 6120 §8 wants, [`StanzaFault::error_reply`], is for the application to send.
    Refused(StanzaFault),
    /// A dialback answer that was not asked for arrived and was ignored: a broken server, or an
    /// attempt to have stanzas sent to the wrong one (XEP-0220 §3.1).
    Unsolicited(Element),
    /// The connection has ended. Nothing follows. Pairs that were asked for and not answered are
    /// refused with [`Refusal::by_end`], unless another stream is worth a try: after
    /// `<see-other-host/>`, or at another address of the target domain.
    Closed(CloseReason),
}

role_event!(OutgoingEvent);

impl From<News> for OutgoingEvent {
    fn from(news: News) -> Self {
        match news {
            News::Ready(pair, trust) => Self::Ready(pair, trust),
            News::PairRefused(pair, why) => Self::PairRefused(pair, why),
            News::Authorised(pair, trust) => Self::Authorised(pair, trust),
            News::Verify(request) => Self::Verify(request),
            News::CheckKey(request) => Self::CheckKey(request),
            News::Verified(answer) => Self::Verified(answer),
            News::Unsolicited(element) => Self::Unsolicited(element),
            News::Stanza(stanza) => Self::Stanza(stanza),
            News::Refused(fault) => Self::Refused(fault),
        }
    }
}
