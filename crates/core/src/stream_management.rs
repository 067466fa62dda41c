//! When the peer is asked what it has handled, and how much may wait for its answer (XEP-0198).

use core::time::Duration;

/// The policy of stream management (XEP-0198): when the peer is asked how many stanzas it has
/// handled, how long it may take to answer, how many bytes of stanzas may wait for that, and whether
/// a session that lost its connection can be resumed.
///
/// Set it with [`ClientConfig::with_stream_management`](crate::ClientConfig::with_stream_management)
/// and [`Host::with_stream_management`](crate::Host::with_stream_management). Without one, a client
/// does not ask for stream management, and a server does not offer it. The adapters set one.
///
/// At most one question is open at a time.
///
/// ```
/// use core::time::Duration;
/// use xmppwire::StreamManagement;
///
/// let policy = StreamManagement::new()
///     .with_ask_after(10, 64 * 1024)
///     .with_max(Duration::from_secs(300));
/// assert!(policy.resumes());
/// assert_eq!(policy.max(), Some(Duration::from_secs(300)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct StreamManagement {
    stanzas: u32,
    bytes: usize,
    silence: Duration,
    patience: Duration,
    queue_bytes: usize,
    resumes: bool,
    max: Option<Duration>,
}

impl StreamManagement {
    /// Asks after 10 stanzas, after 64 KiB, and one second after a stanza about which the peer was
    /// not asked. Waits 30 seconds for the answer. Keeps up to 4 MiB of unacknowledged stanzas.
    /// Sessions can be resumed; a server grants five minutes for it.
    pub const fn new() -> Self {
        Self {
            stanzas: 10,
            bytes: 64 * 1024,
            silence: Duration::from_secs(1),
            patience: Duration::from_secs(30),
            queue_bytes: 4 * 1024 * 1024,
            resumes: true,
            max: None,
        }
    }

    /// Sets after how many stanzas, and after how many bytes of them, the peer is asked; at least
    /// one of each. XEP-0198 §8.2 advises against asking after each stanza.
    pub const fn with_ask_after(mut self, stanzas: u32, bytes: usize) -> Self {
        self.stanzas = if stanzas == 0 { 1 } else { stanzas };
        self.bytes = if bytes == 0 { 1 } else { bytes };
        self
    }

    /// Sets how long after a stanza the peer is asked at the latest.
    pub const fn with_ask_after_silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// Sets how long the peer may take to answer, at least one second. Then the connection counts as
    /// dead: it ends as [`TimedOut(Timer::Acknowledgement)`](crate::Timer::Acknowledgement), without
    /// a closing tag, so that the session can be resumed.
    ///
    /// While the queue of unacknowledged stanzas is more than half full, an answer that acknowledges
    /// nothing does not count, and the question is repeated after
    /// [`ask_after_silence`](Self::ask_after_silence), at least a second. So an application that waits
    /// for room waits no longer than this time for a peer that never acknowledges. The same holds for a
    /// peer that does not say whether it manages the stream.
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = if patience.as_secs() == 0 {
            Duration::from_secs(1)
        } else {
            patience
        };
        self
    }

    /// Sets how many bytes of unacknowledged stanzas may wait, as they were written, plus 16 for
    /// each. What exceeds it makes [`Endpoint::room`](crate::Endpoint::room) 0 until the peer
    /// acknowledges, and `send` of the adapters' clients waits. A queue that is more than half full is a
    /// reason to ask. At least 64 KiB.
    pub const fn with_queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = if bytes < 64 * 1024 { 64 * 1024 } else { bytes };
        self
    }

    /// Sets whether a session that lost its connection can be resumed, which it can by default: a
    /// client asks for it, and a server grants it.
    pub const fn with_resumption(mut self, resumes: bool) -> Self {
        self.resumes = resumes;
        self
    }

    /// Sets the time within which a session can be resumed: the wish of a client, and the longest
    /// time that a server grants. In whole seconds, at least one.
    pub const fn with_max(mut self, max: Duration) -> Self {
        self.max = Some(if max.as_secs() == 0 {
            Duration::from_secs(1)
        } else {
            Duration::from_secs(max.as_secs())
        });
        self
    }

    /// After how many stanzas the peer is asked.
    pub const fn ask_after_stanzas(&self) -> u32 {
        self.stanzas
    }

    /// After how many bytes of stanzas the peer is asked.
    pub const fn ask_after_bytes(&self) -> usize {
        self.bytes
    }

    /// How long after a stanza the peer is asked at the latest.
    pub const fn ask_after_silence(&self) -> Duration {
        self.silence
    }

    /// How long the peer may take to answer.
    pub const fn patience(&self) -> Duration {
        self.patience
    }

    /// How many bytes of unacknowledged stanzas may wait.
    pub const fn queue_bytes(&self) -> usize {
        self.queue_bytes
    }

    /// Whether a session that lost its connection can be resumed.
    pub const fn resumes(&self) -> bool {
        self.resumes
    }

    /// The time within which a session can be resumed, if one was set.
    pub const fn max(&self) -> Option<Duration> {
        self.max
    }

    /// The time that a server grants to a client with this wish.
    pub(crate) fn granted(&self, wish: Option<Duration>) -> Duration {
        let most = self.max.unwrap_or(Duration::from_secs(300));
        wish.map_or(most, |wish| wish.min(most))
    }
}

impl Default for StreamManagement {
    fn default() -> Self {
        Self::new()
    }
}
