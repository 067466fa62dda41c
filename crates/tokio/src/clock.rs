//! The core's clock, read from tokio's clock, so that tests can pause it.

use tokio::time;
use xmppwire::Instant;

/// Counts from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(time::Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(time::Instant::now())
    }

    pub(crate) fn now(self) -> Instant {
        Instant::from_origin(self.0.elapsed())
    }

    pub(crate) async fn sleep_until(self, when: Instant) {
        match self.at(when) {
            Some(when) => time::sleep_until(when).await,
            None => std::future::pending().await,
        }
    }

    /// The moment on tokio's clock; `None` where that clock does not reach so far.
    pub(crate) fn at(self, when: Instant) -> Option<time::Instant> {
        self.0.checked_add(when.since_origin())
    }
}
