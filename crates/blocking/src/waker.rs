//! Waking a thread that waits for a socket.

use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mio::{Registry, Token};

/// Wakes the thread that waits for a connection, from any other thread.
///
/// It carries nothing but the fact: put what there is to do into a queue of your own first, then
/// [`wake`](Self::wake). A call that waits with a time limit, [`Client::next_timeout`](crate::Client::next_timeout) or
/// a `next_event_timeout`, then returns before its time; where there is no such call at the moment, the next one does.
/// It returns [`Poll::Pending`](std::task::Poll::Pending), unless it has something better to return, and then the one
/// after it does. So look into the queue before each call, whatever the last one has returned. Calls without a time limit
/// are not disturbed.
///
/// ```no_run
/// use std::sync::mpsc;
/// use std::task::Poll;
/// use std::thread;
/// use std::time::Duration;
/// use xmppwire_blocking::{Client, Jid, Message};
///
/// # fn run(mut client: Client, romeo: Jid) -> Result<(), Box<dyn std::error::Error>> {
/// let (queue, to_send) = mpsc::sync_channel(16);
/// let waker = client.waker();
/// thread::spawn(move || {
///     for line in std::io::stdin().lines().map_while(Result::ok) {
///         if queue.send(Message::chat(romeo.clone(), &line)).is_err() {
///             break;
///         }
///         waker.wake();
///     }
/// });
/// loop {
///     for message in to_send.try_iter() {
///         client.send(message)?;
///     }
///     match client.next_timeout(Duration::MAX)? {
///         Poll::Ready(Some(stanza)) => println!("{stanza:?}"),
///         Poll::Ready(None) => return Ok(()),
///         Poll::Pending => {}
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Waker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// For waits without a socket.
    woken: Condvar,
}

#[derive(Debug)]
struct State {
    /// Woken, and no call has returned for it yet.
    woken: bool,
    /// For waits for a socket: that of the present connection.
    socket: Option<mio::Waker>,
}

impl Waker {
    pub(crate) fn new() -> Self {
        let state = State {
            woken: false,
            socket: None,
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            woken: Condvar::new(),
        }))
    }

    /// Wakes this selector from now on, and no other.
    pub(crate) fn attach(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let waker = mio::Waker::new(registry, token)?;
        self.state().socket = Some(waker);
        Ok(())
    }

    /// Wakes the thread. Many calls before it gets to run are one. Without effect once the connection is dropped.
    pub fn wake(&self) {
        let mut state = self.state();
        state.woken = true;
        self.0.woken.notify_all();
        if let Some(socket) = &state.socket {
            // It fails only where its descriptor is broken, and then the wait ends with the next event.
            let _ = socket.wake();
        }
    }

    /// Whether somebody has called and no call has returned for it yet.
    pub(crate) fn is_woken(&self) -> bool {
        self.state().woken
    }

    /// Returns for it.
    pub(crate) fn take(&self) {
        self.state().woken = false;
    }

    /// Waits for a call, but no longer than this; returns whether there was one.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let waited = self
            .0
            .woken
            .wait_timeout_while(self.state(), timeout, |state| !state.woken);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        mem::take(&mut state.woken)
    }

    /// Nothing can panic while it is locked.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
