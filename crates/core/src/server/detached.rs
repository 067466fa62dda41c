//! A session of a server that has lost its stream.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use xmppwire_jid::FullJid;

use super::question::ResumeRequest;
use crate::error::InvalidStanza;
use crate::managed::limit;
use crate::saved_session::{Kind, SavedSessionError, Session};
use crate::stanza::Stanza;
use crate::time::Instant;
use crate::unacknowledged::Unacknowledged;

/// A server's session whose connection is lost, until its client resumes it or its time is over
/// (XEP-0198 §5).
///
/// It comes from [`ServerEvent::Detached`](crate::ServerEvent::Detached) or
/// [`Endpoint::detach`](crate::Endpoint::detach), and goes to another connection with
/// [`Endpoint::answer_resume`](crate::Endpoint::answer_resume). The application keeps it where it
/// likes, such as in [`DetachedSessions`](crate::DetachedSessions), or on another machine by
/// [`to_bytes`](Self::to_bytes). It can be used once, so it is not `Clone`.
///
/// The resource is still there for others: its presence stays, and what arrives for it is
/// [added](Self::push).
pub struct Detached {
    pub(crate) session: Session,
    /// When it ends at the latest: the time that it had in a table before a client asked for it.
    pub(super) until: Option<Instant>,
}

impl Detached {
    /// A session whose connection is lost now.
    pub(super) const fn new(session: Session) -> Self {
        Self {
            session,
            until: None,
        }
    }

    /// The id of the session, which its client knows. It is a secret.
    pub fn id(&self) -> &str {
        &self.session.id
    }

    /// The address that is bound to the session.
    pub const fn jid(&self) -> &FullJid {
        &self.session.jid
    }

    /// How many stanzas of the client were handled, modulo 2^32. Worth remembering longer than the
    /// session, for [`ResumeAnswer::Unknown`](crate::ResumeAnswer::Unknown).
    pub const fn handled(&self) -> u32 {
        self.session.parked.handled
    }

    /// For how long the session may wait for its client, as the client was told.
    pub fn max(&self) -> Option<Duration> {
        limit(self.session.max)
    }

    /// The number of the last stanza that was sent to the client.
    pub fn sent(&self) -> u64 {
        self.session.parked.sent()
    }

    /// Bytes of memory that the unacknowledged stanzas hold.
    pub fn queued_bytes(&self) -> usize {
        self.session.parked.queue.held()
    }

    /// Adds a stanza for the client and returns its number. The application bounds how many it adds:
    /// see [`queued_bytes`](Self::queued_bytes).
    ///
    /// # Errors
    /// [`InvalidStanza`] if it cannot be written.
    pub fn push(&mut self, stanza: &Stanza) -> Result<u64, InvalidStanza> {
        self.session.parked.push(stanza)
    }

    /// Ends the session: the stanzas that the client has not acknowledged, in the order in which they
    /// were sent.
    pub fn into_unacknowledged(self) -> Vec<Unacknowledged> {
        self.session.parked.unacknowledged()
    }

    /// The session as bytes, in a format with a version.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.session.save(Kind::Server)
    }

    /// Reads a session from bytes, which may be anything: it holds no more than a small multiple of
    /// them afterwards.
    ///
    /// # Errors
    /// [`SavedSessionError`] if they are no session of a server.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SavedSessionError> {
        Ok(Self::new(Session::load(bytes, Kind::Server)?))
    }

    /// Whether the request is for this session, and of its account.
    pub(super) fn is_asked_for_by(&self, request: &ResumeRequest) -> bool {
        *self.session.id == *request.id && self.jid().bare_str() == request.account.as_str()
    }
}

impl fmt::Debug for Detached {
    /// Omits the id and the stanzas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detached")
            .field("jid", self.jid())
            .field("handled", &self.handled())
            .field("sent", &self.sent())
            .field("acknowledged", &self.session.parked.acknowledged)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "serde")]
crate::saved_session::impl_serde!(Detached);
