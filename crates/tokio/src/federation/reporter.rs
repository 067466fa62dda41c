//! The way of reports from the tasks to the application, in batches, bounded by the memory that they
//! hold.
//!
//! A task sends what it has at hand at once: to wake the application for each report costs several
//! times what the report itself costs where they run on different threads.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use xmppwire_net::federation::Report;

/// The end of a task.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    sender: UnboundedSender<Counted>,
    /// A permit for each byte that may still wait.
    room: Arc<Semaphore>,
    limit: u32,
}

/// The end of the application.
#[derive(Debug)]
pub(super) struct Reports {
    receiver: UnboundedReceiver<Counted>,
    /// The batch that is being taken.
    batch: VecDeque<Report>,
    /// Its share of the room.
    share: Option<OwnedSemaphorePermit>,
}

/// A batch, and its share of the room until all of it is taken.
#[derive(Debug)]
struct Counted {
    batch: VecDeque<Report>,
    share: Option<OwnedSemaphorePermit>,
}

/// Reports that are sent together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    reports: VecDeque<Report>,
    held: usize,
}

/// Most bytes of memory that a batch holds, or one report that holds more.
const BATCH: usize = 8 * 1024;

impl Batch {
    pub(super) fn push(&mut self, report: Report) {
        self.held = self.held.saturating_add(report.held());
        self.reports.push_back(report);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    pub(super) const fn is_full(&self) -> bool {
        self.held >= BATCH
    }
}

/// A way for reports that hold at most so many bytes of memory while they wait, or for one that
/// holds more.
pub(super) fn reports(limit: usize) -> (Reporter, Reports) {
    let limit = u32::try_from(limit.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
    let (sender, receiver) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(usize::try_from(limit).unwrap_or(usize::MAX)));
    let reporter = Reporter {
        sender,
        room,
        limit,
    };
    let reports = Reports {
        receiver,
        batch: VecDeque::new(),
        share: None,
    };
    (reporter, reports)
}

impl Reporter {
    /// Waits for room, and hands the reports over. Returns false when the application is gone.
    pub(super) async fn report(&self, batch: &mut Batch) -> bool {
        let Batch { reports, held } = std::mem::take(batch);
        if reports.is_empty() {
            return true;
        }
        let bytes = u32::try_from(held).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room);
        // The semaphore is never closed.
        let share = room.acquire_many_owned(bytes.min(self.limit)).await.ok();
        let counted = Counted {
            batch: reports,
            share,
        };
        self.sender.send(counted).is_ok()
    }
}

impl Reports {
    /// The next report. Cancel-safe.
    pub(super) async fn next(&mut self) -> Report {
        loop {
            if let Some(report) = self.batch.pop_front() {
                if self.batch.is_empty() {
                    self.share = None;
                }
                return report;
            }
            match self.receiver.recv().await {
                Some(Counted { batch, share }) => (self.batch, self.share) = (batch, share),
                // Unreachable: the value that holds this end holds the other one too.
                None => std::future::pending().await,
            }
        }
    }
}
