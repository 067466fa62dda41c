//! Names are looked up on threads of their own.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use xmppwire_net::federation::Key;
use xmppwire_net::find::{LookupError, NameServers, Resolver, SrvAnswers, SrvNames};

use crate::connect::resolve;
use crate::waker::Waker;

/// Threads that look names up at once. More searches wait.
const THREADS: usize = 16;

/// What a connection wants to know.
#[derive(Debug)]
pub(super) enum Search {
    LookUp(SrvNames, Option<NameServers>, Duration),
    Resolve(String, u16, Duration),
}

/// What came of a search.
#[derive(Debug)]
pub(super) enum Found {
    Answers(SrvAnswers),
    Addresses(io::Result<Vec<SocketAddr>>),
}

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

impl Search {
    fn run(self) -> Found {
        match self {
            Self::LookUp(names, servers, limit) => {
                let resolver = servers.map_or_else(Resolver::system, Resolver::new);
                Found::Answers(resolver.look_up(&names, limit))
            }
            Self::Resolve(host, port, limit) => Found::Addresses(resolve(host, port, limit)),
        }
    }

    /// The result where the system has no thread.
    fn failed(&self) -> Found {
        match self {
            Self::LookUp(..) => Found::Answers(SrvAnswers::failed(LookupError::TimedOut)),
            Self::Resolve(..) => Found::Addresses(Err(io::ErrorKind::OutOfMemory.into())),
        }
    }
}
