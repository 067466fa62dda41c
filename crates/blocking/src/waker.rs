//! Waking a thread that waits for a socket.

use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use mio::{Registry, Token};

/// Wakes the thread that waits for a connection, from any other thread.
///
/// It carries no data: put the work into a queue of the application first, then call
/// [`wake`](Self::wake). A call that waits with a time limit,
/// [`Client::next_timeout`](crate::Client::next_timeout) or a `next_event_timeout`, then returns
/// before its time. If there is no such call at the moment, the next one does. It returns
/// [`Poll::Pending`](std::task::Poll::Pending), unless it has an event; then the call after it
/// does. So look into the queue before each call, whatever the last one returned. Calls without a
/// time limit go on.
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
    /// The waker was used, and no call has returned for it yet.
    woken: bool,
    /// For waits for a socket: the waker of the present connection.
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

    /// Wakes this selector from now on, instead of the one before.
    pub(crate) fn attach(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let waker = mio::Waker::new(registry, token)?;
        self.state().socket = Some(waker);
        Ok(())
    }

    /// Wakes the thread. Several calls before it runs count as one. Without effect once the
    /// connection is dropped.
    pub fn wake(&self) {
        let mut state = self.state();
        state.woken = true;
        self.0.woken.notify_all();
        if let Some(socket) = &state.socket {
            // It fails only if its descriptor is broken; the wait then ends with the next event.
            let _ = socket.wake();
        }
    }

    /// Ends the present wait for a socket, without a call returning for it.
    pub(crate) fn nudge(&self) {
        if let Some(socket) = &self.state().socket {
            // It fails only if its descriptor is broken; the wait then ends with the next event.
            let _ = socket.wake();
        }
    }

    /// Whether the waker was used and no call has returned for it yet.
    pub(crate) fn is_woken(&self) -> bool {
        self.state().woken
    }

    /// Marks that a call returns because of the waker.
    pub(crate) fn take(&self) {
        self.state().woken = false;
    }

    /// Waits until the waker is used, for at most `timeout`; returns whether it was used.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let waited = self
            .0
            .woken
            .wait_timeout_while(self.state(), timeout, |state| !state.woken);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        mem::take(&mut state.woken)
    }

    /// Sleeps for `delay`. Where the caller has only `left`, returns whether it has to return: its
    /// time is over, or the waker was used.
    pub(crate) fn rest(&self, delay: Duration, left: Option<Duration>) -> bool {
        match left {
            Some(left) => self.wait(delay.min(left)) || left < delay,
            None => {
                thread::sleep(delay);
                false
            }
        }
    }

    /// The lock is never poisoned: no code that holds it panics.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
