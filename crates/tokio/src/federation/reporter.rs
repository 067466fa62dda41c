//! The way of reports from the tasks to the application, bounded by the memory that they hold.

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
pub(super) struct Reports(UnboundedReceiver<Counted>);

/// A report, and its share of the room until it is taken.
#[derive(Debug)]
struct Counted {
    report: Report,
    _share: Option<OwnedSemaphorePermit>,
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
    (reporter, Reports(receiver))
}

impl Reporter {
    /// Waits for room, and hands the report over. Returns false when the application is gone.
    pub(super) async fn report(&self, report: Report) -> bool {
        let bytes = u32::try_from(report.held()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room);
        // The semaphore is never closed.
        let share = room.acquire_many_owned(bytes.min(self.limit)).await.ok();
        let counted = Counted {
            report,
            _share: share,
        };
        self.sender.send(counted).is_ok()
    }
}

impl Reports {
    pub(super) async fn next(&mut self) -> Report {
        match self.0.recv().await {
            Some(counted) => counted.report,
            // Unreachable: the value that holds this end holds the other one too.
            None => std::future::pending().await,
        }
    }
}
