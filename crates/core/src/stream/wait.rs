//! The wait for an answer of the peer.

use core::time::Duration;

use crate::time::Instant;

/// How late a driver may tell that the time for an answer is over. One that is later did not run, so
/// bytes of the peer may wait to be read.
const LATE: Duration = Duration::from_secs(1);

/// A question to the peer whose answer is awaited. The time runs only while this side would read, and
/// bytes that the peer takes from a full output count as life.
#[derive(Debug)]
pub(super) struct Wait {
    patience: Duration,
    /// When the wait began; `None` while no call has told the time since the last byte of the
    /// question was written.
    since: Option<Instant>,
    /// Bytes of the output up to the end of the question.
    behind: usize,
    /// Bytes of it were written since the wait began.
    progress: bool,
    /// A late call has extended the wait.
    extended: bool,
}

impl Wait {
    /// A wait that begins now, or with the first call that carries a time. `behind` is the number of
    /// bytes in the output up to the end of the question.
    pub(super) const fn new(patience: Duration, since: Option<Instant>, behind: usize) -> Self {
        Self {
            patience,
            since,
            behind,
            progress: false,
            extended: false,
        }
    }

    /// Begins again with another patience.
    pub(super) fn restart(&mut self, now: Instant, patience: Duration) {
        self.patience = patience;
        self.since = self.since.map(|_| now);
        self.progress = false;
        self.extended = false;
    }

    /// This side does not read, so until now the peer cannot show its answer.
    pub(super) const fn not_reading(&mut self, now: Instant) {
        self.since = Some(now);
    }

    /// So many bytes of the output were written.
    pub(super) const fn written(&mut self, bytes: usize) {
        if self.behind > 0 && bytes > 0 {
            self.behind = self.behind.saturating_sub(bytes);
            self.progress = self.behind > 0;
            if self.behind == 0 {
                self.since = None;
            }
        }
    }

    /// When [`is_over`](Self::is_over) has to be asked.
    pub(super) fn deadline(&self) -> Instant {
        // The time of the last byte is unknown: a deadline in the past makes the driver tell it.
        self.since
            .map_or(Instant::ORIGIN, |since| since + self.patience)
    }

    /// Whether the peer has not answered in time. Asked at the deadline.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        let Some(since) = self.since else {
            self.since = Some(now);
            return false;
        };
        let late = now.saturating_since(since + self.patience) > LATE;
        if self.progress || (late && !self.extended) {
            self.extended |= !self.progress;
            self.progress = false;
            self.since = Some(now);
            return false;
        }
        true
    }
}
