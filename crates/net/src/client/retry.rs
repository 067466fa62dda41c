//! Whether and when a lost connection is made anew.

use std::time::Duration;

use xmppwire::{FullJid, Instant, Stanza};

use super::Error;
use crate::backoff::{Backoff, Policy};
use crate::log::log;

/// What a client that reconnects tells its user.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Logged in under this address, for the first time or anew. It is a new session: presence has to be sent again,
    /// and what the last one was still owed does not come.
    Connected(FullJid),
    /// A stanza arrived.
    Stanza(Stanza),
    /// The connection was lost, or an attempt to make one failed.
    Disconnected {
        /// Why.
        reason: Error,
        /// How long the next attempt waits, from now on.
        retry_in: Duration,
    },
}

/// The memory of a client that reconnects: how often in a row it failed, and since when it is up.
#[derive(Debug)]
pub struct Retry {
    backoff: Backoff,
    up_since: Option<Instant>,
}

impl Retry {
    /// Starts with no failed attempt.
    pub fn new(policy: Policy) -> Self {
        Self {
            backoff: Backoff::new(policy),
            up_since: None,
        }
    }

    /// Takes down that a session is up.
    pub const fn connected(&mut self, now: Instant) {
        self.up_since = Some(now);
    }

    /// How long to wait after a session or an attempt has ended like this.
    ///
    /// # Errors
    ///
    /// The reason itself, where trying again cannot help.
    pub fn ended(&mut self, now: Instant, reason: Error) -> Result<Event, Error> {
        let up = self.up_since.take();
        let up = up.map_or(Duration::ZERO, |since| now.saturating_since(since));
        match self.backoff.after(reason.verdict(), up, crate::jitter()) {
            Some(retry_in) => {
                log!(info, %reason, ?retry_in, "disconnected");
                Ok(Event::Disconnected { reason, retry_in })
            }
            None => Err(reason),
        }
    }
}
