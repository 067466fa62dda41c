//! Queues of stanzas, bounded in bytes of memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Notify, mpsc};
use xmppwire_tokio::Stanza;

/// Bytes of memory that the stanzas in one queue hold. Any stanza of
/// [`MAX_STANZA`](crate::MAX_STANZA) bytes fits: the most that one was seen to hold is 450,910
/// bytes.
const QUEUE: usize = 512 * 1024;
/// Bytes in a queue above which it is crowded: those who fill it are not read from until it is
/// relieved.
const CROWDED: usize = QUEUE / 2;
/// The same as [`QUEUE`] for all queues together.
const ALL_QUEUES: usize = 64 * 1024 * 1024;

/// The memory of all queues.
#[derive(Default)]
pub(crate) struct Budget {
    held: Arc<AtomicUsize>,
}

/// A stanza in any number of queues, held once.
pub(crate) struct Queued {
    stanza: Stanza,
    /// Whether one of those whom it is for was given it.
    is_delivered: AtomicBool,
    size: usize,
    held: Arc<AtomicUsize>,
}

impl Budget {
    /// Makes a stanza ready for queues, or gives it back where there is no memory left.
    pub(crate) fn hold(&self, stanza: Stanza) -> Result<Arc<Queued>, Box<Stanza>> {
        let size = stanza.heap_size() + size_of::<Queued>();
        if !reserve(&self.held, size, ALL_QUEUES) {
            return Err(Box::new(stanza));
        }
        Ok(Arc::new(Queued {
            stanza,
            is_delivered: AtomicBool::new(false),
            size,
            held: Arc::clone(&self.held),
        }))
    }
}

impl Queued {
    pub(crate) const fn stanza(&self) -> &Stanza {
        &self.stanza
    }

    pub(crate) fn set_delivered(&self) {
        self.is_delivered.store(true, Ordering::Relaxed);
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.held.fetch_sub(self.size, Ordering::Relaxed);
    }
}

/// Adds a number of bytes unless that exceeds the limit.
fn reserve(held: &AtomicUsize, size: usize, limit: usize) -> bool {
    let add = |held: usize| held.checked_add(size).filter(|&sum| sum <= limit);
    let order = Ordering::Relaxed;
    held.fetch_update(order, order, add).is_ok()
}

/// Makes the two ends of a queue.
pub(crate) fn queue() -> (Outlet, Inbox) {
    let (stanzas, arriving) = mpsc::unbounded_channel();
    let level = Arc::new(Level::default());
    let outlet = Outlet {
        stanzas,
        level: Arc::clone(&level),
    };
    let inbox = Inbox {
        stanzas: arriving,
        level,
    };
    (outlet, inbox)
}

/// How full a queue is.
#[derive(Default)]
struct Level {
    held: AtomicUsize,
    relieved: Notify,
}

impl Level {
    fn is_crowded(&self) -> bool {
        self.held.load(Ordering::Relaxed) > CROWDED
    }

    fn take(&self, size: usize) {
        self.held.fetch_sub(size, Ordering::Relaxed);
        if !self.is_crowded() {
            self.relieved.notify_waiters();
        }
    }
}

/// A queue that was crowded after a stanza was added.
pub(crate) struct Crowded(Arc<Level>);

impl Crowded {
    /// Waits until the queue is relieved. Cancel-safe.
    pub(crate) async fn relieved(&self) {
        loop {
            let relieved = self.0.relieved.notified();
            if !self.0.is_crowded() {
                return;
            }
            relieved.await;
        }
    }
}

/// The end of a queue that takes stanzas. The other end notices when it is dropped.
pub(crate) struct Outlet {
    stanzas: mpsc::UnboundedSender<Arc<Queued>>,
    level: Arc<Level>,
}

impl Outlet {
    /// Adds a stanza; false if the queue is full.
    pub(crate) fn send(&self, queued: &Arc<Queued>) -> bool {
        reserve(&self.level.held, queued.size, QUEUE)
            && self.stanzas.send(Arc::clone(queued)).is_ok()
    }

    /// The queue, if it is crowded.
    pub(crate) fn crowded(&self) -> Option<Crowded> {
        let crowded = self.level.is_crowded();
        crowded.then(|| Crowded(Arc::clone(&self.level)))
    }

    /// Whether the inbox was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.stanzas.is_closed()
    }
}

/// The end of a queue that gives stanzas to a client, a component or other servers. When it is
/// dropped, nothing crowds the queue any more.
pub(crate) struct Inbox {
    stanzas: mpsc::UnboundedReceiver<Arc<Queued>>,
    level: Arc<Level>,
}

impl Inbox {
    /// The next stanza; `None` once the outlet is gone. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Arc<Queued>> {
        let queued = self.stanzas.recv().await?;
        self.level.take(queued.size);
        Some(queued)
    }

    /// Takes no more stanzas.
    pub(crate) fn close(&mut self) {
        self.stanzas.close();
    }

    /// The next stanza that is left.
    pub(crate) fn next_left(&mut self) -> Option<Arc<Queued>> {
        let queued = self.stanzas.try_recv().ok()?;
        self.level.take(queued.size);
        Some(queued)
    }

    /// The next stanza that is left and that nobody else was given or will be.
    pub(crate) fn next_undelivered(&mut self) -> Option<Arc<Queued>> {
        loop {
            let queued = self.stanzas.try_recv().ok()?;
            self.level.take(queued.size);
            let is_last = Arc::strong_count(&queued) == 1;
            if is_last && !queued.is_delivered.load(Ordering::Relaxed) {
                return Some(queued);
            }
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.level.held.store(0, Ordering::Relaxed);
        self.level.relieved.notify_waiters();
    }
}
