//! Time as an input.

use core::ops::Add;
use core::time::Duration;

/// A moment on the driver's monotonic clock, counted from an origin that the driver picks once.
///
/// The machines never read a clock: every call that may start or end a deadline takes the current
/// moment. With `std`, measure from a [`std::time::Instant`] that was taken at start-up:
///
/// ```
/// # #[cfg(feature = "std")] {
/// let origin = std::time::Instant::now();
/// let now = xmppwire::Instant::from_origin(origin.elapsed());
/// # let _ = now; }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The origin itself.
    pub const ORIGIN: Self = Self(Duration::ZERO);

    /// The moment that lies `elapsed` after the origin.
    pub const fn from_origin(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// The time since the origin.
    pub const fn since_origin(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to `self`; zero if `earlier` is later than `self`.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// The moment `span` later. It saturates instead of overflowing.
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}
