//! A session of a client that has lost its stream.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use xmppwire_jid::FullJid;

use crate::error::InvalidStanza;
use crate::managed::limit;
use crate::saved_session::{Kind, SavedSessionError, Session};
use crate::stanza::Stanza;
use crate::unacknowledged::Unacknowledged;

/// A client's session without a stream: what it takes to [resume](crate::Endpoint::resume) it on
/// another connection, in this process or in a later one (XEP-0198 §5).
///
/// It comes from [`Endpoint::take_resumption`](crate::Endpoint::take_resumption), holds the stanzas
/// that the server has not acknowledged, and can be used once: the same session on two connections
/// would lose stanzas and repeat others. So it is not `Clone`; to store it, use
/// [`to_bytes`](Self::to_bytes) or `serde` (feature `serde`). Store it only after the last event was
/// taken and processed, because the counters in it say what was.
///
/// It is a secret: it holds stanzas, and with the password it gives access to the session. `Debug`
/// shows neither.
///
/// ```
/// use xmppwire::{
///     Client, ClientConfig, Connection, Entropy, Instant, Jid, Resumption, SavedSessionError,
///     StreamManagement,
/// };
///
/// /// Connects again after the loss of a connection, with the session that it left, if it left one.
/// fn reconnect(mut old: Connection<Client>, config: ClientConfig, now: Instant) -> Connection<Client> {
///     let session = old.take_resumption();
///     let mut client = Client::new(config, Entropy::from_seed([7; 32]), now); // random in real use
///     match session.map(|session| client.resume(session)) {
///         // The outcome is the event `Resumed` or `NotResumed`.
///         Some(Ok(())) => {}
///         Some(Err(refused)) => {
///             for one in refused.resumption.into_unacknowledged() {
///                 println!("perhaps not delivered: {:?}", one.stanza);
///             }
///         }
///         None => {
///             for one in old.take_unacknowledged() {
///                 println!("perhaps not delivered: {:?}", one.stanza);
///             }
///         }
///     }
///     client
/// }
///
/// let config = ClientConfig::new(Jid::new("juliet@example.org")?, "s3cr3t")?
///     .with_stream_management(StreamManagement::new());
/// let entropy = Entropy::from_seed([8; 32]);
/// let first = Client::new(config.clone(), entropy, Instant::ORIGIN);
/// let second = reconnect(first, config, Instant::ORIGIN);
/// assert!(second.output().starts_with(b"<?xml"));
///
/// // What a file holds may be anything.
/// let error = Resumption::from_bytes(b"not a session").unwrap_err();
/// assert_eq!(error, SavedSessionError::Kind);
/// # Ok::<_, Box<dyn core::error::Error>>(())
/// ```
pub struct Resumption {
    pub(crate) session: Session,
}

impl Resumption {
    /// The address that is bound to the session.
    pub const fn jid(&self) -> &FullJid {
        &self.session.jid
    }

    /// Where the server prefers to resume the session: see
    /// [`Managed::location`](crate::Managed::location). It is tried first.
    pub fn location(&self) -> Option<&str> {
        self.session.location.as_deref()
    }

    /// For how long after the loss of the connection the session can be resumed, if the server said
    /// so.
    pub fn max(&self) -> Option<Duration> {
        limit(self.session.max)
    }

    /// The number of the last stanza that was sent.
    pub fn sent(&self) -> u64 {
        self.session.parked.sent()
    }

    /// The number of the last stanza that the server acknowledged.
    pub const fn acknowledged(&self) -> u64 {
        self.session.parked.acknowledged
    }

    /// Bytes of memory that the unacknowledged stanzas hold.
    pub fn queued_bytes(&self) -> usize {
        self.session.parked.queue.held()
    }

    /// Adds a stanza, which is sent once the session is resumed, and returns its number. The
    /// application bounds how many it adds: see [`queued_bytes`](Self::queued_bytes).
    ///
    /// # Errors
    /// [`InvalidStanza`] if it cannot be written.
    pub fn push(&mut self, stanza: &Stanza) -> Result<u64, InvalidStanza> {
        self.session.parked.push_from_client(stanza)
    }

    /// Gives the session up: the stanzas that the server has not acknowledged, in the order in which
    /// they were sent.
    pub fn into_unacknowledged(self) -> Vec<Unacknowledged> {
        self.session.parked.unacknowledged()
    }

    /// The session as bytes, in a format with a version.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.session.save(Kind::Client)
    }

    /// Reads a session from bytes, which may be anything: it holds no more than a small multiple of
    /// them afterwards.
    ///
    /// # Errors
    /// [`SavedSessionError`] if they are no session of a client.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SavedSessionError> {
        let session = Session::load(bytes, Kind::Client)?;
        Ok(Self { session })
    }
}

impl fmt::Debug for Resumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumption")
            .field("jid", &self.session.jid)
            .field("acknowledged", &self.acknowledged())
            .field("sent", &self.sent())
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "serde")]
crate::saved_session::impl_serde!(Resumption);

/// Why a client does not resume a session. It gives the session back.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct ResumeRefused {
    /// The session.
    pub resumption: Resumption,
    /// The reason.
    #[source]
    pub why: WhyNotResumed,
}

/// The reason of a [`ResumeRefused`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WhyNotResumed {
    /// The session is of another account.
    #[error("the session is of another account")]
    OtherAccount,
    /// The client has begun to bind a resource, or has ended, or resumes another session.
    #[error("it is too late to resume a session on this connection")]
    TooLate,
}
