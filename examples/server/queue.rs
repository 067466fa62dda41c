//! Queues of stanzas, bounded in bytes of memory.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use xmppwire_tokio::Stanza;

use crate::lock;

/// Bytes of memory that the stanzas in one queue hold. Any stanza of
/// [`MAX_STANZA`](crate::MAX_STANZA) bytes fits: the most that one was seen to hold is 450,910
/// bytes.
const QUEUE: usize = 512 * 1024;
/// Bytes in a queue above which it is crowded: those who fill it are not read from until it is
/// relieved.
const CROWDED: usize = QUEUE / 2;
/// Places that an empty queue keeps.
const SLOTS: usize = 32;
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
    let line = Arc::new(Line::default());
    (Outlet(Arc::clone(&line)), Inbox(line))
}

/// A queue. It is much smaller than a channel of tokio, of which each connection would have one.
#[derive(Default)]
struct Line {
    stanzas: Mutex<Stanzas>,
    /// Something was added, or the place is wanted. Only the inbox waits for it.
    arrived: Notify,
    /// Bytes of memory of the stanzas.
    held: AtomicUsize,
    relieved: Notify,
}

#[derive(Default)]
struct Stanzas {
    waiting: VecDeque<Arc<Queued>>,
    /// The inbox takes no more.
    closed: bool,
    /// A newer connection wants the place, or has it.
    recalled: bool,
}

impl Line {
    fn is_crowded(&self) -> bool {
        self.held.load(Ordering::Relaxed) > CROWDED
    }

    /// Takes the first stanza.
    fn pop(&self) -> Option<Arc<Queued>> {
        let queued = {
            let mut stanzas = lock(&self.stanzas);
            let queued = stanzas.waiting.pop_front()?;
            if stanzas.waiting.is_empty() && stanzas.waiting.capacity() > SLOTS {
                stanzas.waiting = VecDeque::new();
            }
            queued
        };
        self.held.fetch_sub(queued.size, Ordering::Relaxed);
        if !self.is_crowded() {
            self.relieved.notify_waiters();
        }
        Some(queued)
    }
}

/// A queue that was crowded after a stanza was added.
pub(crate) struct Crowded(Arc<Line>);

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

/// The end of a queue that takes stanzas. The inbox loses its place when it is dropped.
pub(crate) struct Outlet(Arc<Line>);

impl Outlet {
    /// Adds a stanza; false if the queue is full or closed.
    pub(crate) fn send(&self, queued: &Arc<Queued>) -> bool {
        let mut stanzas = lock(&self.0.stanzas);
        if stanzas.closed || !reserve(&self.0.held, queued.size, QUEUE) {
            return false;
        }
        stanzas.waiting.push_back(Arc::clone(queued));
        self.0.arrived.notify_one();
        true
    }

    /// The queue, if it is crowded.
    pub(crate) fn crowded(&self) -> Option<Crowded> {
        let crowded = self.0.is_crowded();
        crowded.then(|| Crowded(Arc::clone(&self.0)))
    }

    /// Makes a queue that takes the place of this one and begins with what waits in it and concerns
    /// the newer connection too. The inbox of this one is told that it has lost its place.
    pub(crate) fn succeed(self, concerns: impl Fn(&Stanza) -> bool) -> (Self, Inbox) {
        let (outlet, inbox) = queue();
        let mut waiting = std::mem::take(&mut lock(&self.0.stanzas).waiting);
        waiting.retain(|queued| concerns(&queued.stanza));
        let held = waiting.iter().map(|queued| queued.size).sum();
        outlet.0.held.store(held, Ordering::Relaxed);
        lock(&outlet.0.stanzas).waiting = waiting;
        (outlet, inbox)
    }

    /// Tells the inbox that another connection wants the place. The queue takes stanzas until the
    /// inbox is closed.
    pub(crate) fn recall(&self) {
        lock(&self.0.stanzas).recalled = true;
        self.0.arrived.notify_one();
    }

    /// Whether the inbox was closed.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.0.stanzas).closed
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.recall();
    }
}

/// The end of a queue that gives stanzas to a client, a component or other servers. When it is
/// dropped, nothing crowds the queue any more.
pub(crate) struct Inbox(Arc<Line>);

impl Inbox {
    /// The next stanza; `None` once a newer connection wants the place. Without room stanzas stay
    /// here. Cancel-safe.
    pub(crate) async fn next(&mut self, has_room: bool) -> Option<Arc<Queued>> {
        loop {
            if lock(&self.0.stanzas).recalled {
                return None;
            }
            if has_room && let Some(queued) = self.0.pop() {
                return Some(queued);
            }
            self.0.arrived.notified().await;
        }
    }

    /// Takes no more stanzas.
    pub(crate) fn close(&mut self) {
        lock(&self.0.stanzas).closed = true;
    }

    /// The next stanza that is left.
    pub(crate) fn next_left(&mut self) -> Option<Arc<Queued>> {
        self.0.pop()
    }

    /// The next stanza that is left and that nobody else was given or will be.
    pub(crate) fn next_undelivered(&mut self) -> Option<Arc<Queued>> {
        loop {
            let queued = self.0.pop()?;
            let is_last = Arc::strong_count(&queued) == 1;
            if is_last && !queued.is_delivered.load(Ordering::Relaxed) {
                return Some(queued);
            }
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let left = {
            let mut stanzas = lock(&self.0.stanzas);
            stanzas.closed = true;
            std::mem::take(&mut stanzas.waiting)
        };
        drop(left);
        self.0.held.store(0, Ordering::Relaxed);
        self.0.relieved.notify_waiters();
    }
}
