//! Names are looked up on threads of their own.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use xmppwire_net::federation::Key;

use crate::search::{Found, Search};
use crate::waker::Waker;

/// Threads that look names up at once. More searches wait.
const THREADS: usize = 16;

#[derive(Debug)]
pub(super) struct Finder {
    waker: Waker,
    sender: Sender<(Key, Found)>,
    receiver: Receiver<(Key, Found)>,
    waiting: VecDeque<(Key, Search)>,
    running: usize,
}

impl Finder {
    /// Searches nudge the waker when they are done.
    pub(super) fn new(waker: Waker) -> Self {
        let (sender, receiver) = mpsc::channel();
        Self {
            waker,
            sender,
            receiver,
            waiting: VecDeque::new(),
            running: 0,
        }
    }

    pub(super) fn find(&mut self, key: Key, search: Search) {
        self.waiting.push_back((key, search));
        self.start();
    }

    /// The next search that is done.
    pub(super) fn poll(&mut self) -> Option<(Key, Found)> {
        let found = self.receiver.try_recv().ok()?;
        self.running = self.running.saturating_sub(1);
        self.start();
        Some(found)
    }

    fn start(&mut self) {
        while self.running < THREADS
            && let Some((key, search)) = self.waiting.pop_front()
        {
            self.running = self.running.saturating_add(1);
            let (sender, waker) = (self.sender.clone(), self.waker.clone());
            let failed = search.failed();
            let started = thread::Builder::new().spawn(move || {
                // Without effect when nothing waits for it any more.
                let _ = sender.send((key, search.run()));
                waker.nudge();
            });
            if started.is_err() {
                let _ = self.sender.send((key, failed));
                self.waker.nudge();
            }
        }
    }
}
