//! What both sides of a managed stream agreed on.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

/// A session that is managed from now on (XEP-0198 §3), and whether it can be resumed.
#[derive(Clone, PartialEq, Eq)]
pub struct Managed {
    pub(crate) id: Option<Box<str>>,
    pub(crate) max: Option<Duration>,
    pub(crate) location: Option<Box<str>>,
}

impl Managed {
    /// Whether the session can be resumed after its connection was lost.
    pub const fn is_resumable(&self) -> bool {
        self.id.is_some()
    }

    /// The id of the session, if it can be resumed. Whoever has it and the account's credentials can
    /// take the session over, so it is a secret.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// For how long the session can be resumed, if the server says so. A client may try later too.
    pub const fn max(&self) -> Option<Duration> {
        self.max
    }

    /// Where the server prefers to resume the session: a host name or an address, `[…]` around one
    /// of IPv6, and an optional port after a colon, as in `<see-other-host/>` (RFC 6120 §4.9.3.19).
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }
}

impl fmt::Debug for Managed {
    /// Omits the id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Managed")
            .field("is_resumable", &self.is_resumable())
            .field("max", &self.max)
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

/// Seconds of a limit; 0 for none.
pub(crate) fn limit(seconds: u32) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}
