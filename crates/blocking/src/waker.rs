//! Waking a thread that waits for a socket.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::{Registry, Token};

/// Wakes the thread that waits for a connection, from any other thread.
///
/// It carries nothing but the fact: put what there is to do into a queue of your own first, then
/// [`wake`](Self::wake). A call that waits with a time limit, [`Client::next_timeout`](crate::Client::next_timeout) or
/// [`Driver::next_event_timeout`](crate::Driver::next_event_timeout), then returns
/// [`Poll::Pending`](std::task::Poll::Pending) before its time; where there is no such call at the moment, the next one
/// does. Calls without a time limit are not disturbed.
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
/// let waker = client.waker()?;
/// thread::spawn(move || {
///     for line in std::io::stdin().lines().map_while(Result::ok) {
///         if queue.send(Message::chat(romeo.clone(), &line)).is_err() {
///             break;
///         }
///         waker.wake();
///     }
/// });
/// loop {
///     match client.next_timeout(Duration::MAX)? {
///         Poll::Ready(Some(stanza)) => println!("{stanza:?}"),
///         Poll::Ready(None) => return Ok(()),
///         Poll::Pending => {
///             for message in to_send.try_iter() {
///                 client.send(message)?;
///             }
///         }
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Waker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Woken, and nobody has returned for it yet.
    woken: AtomicBool,
    system: mio::Waker,
}

impl Waker {
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        Ok(Self(Arc::new(Inner {
            woken: AtomicBool::new(false),
            system: mio::Waker::new(registry, token)?,
        })))
    }

    /// Wakes the thread. Many calls before it gets to run are one. Without effect once the connection is dropped.
    pub fn wake(&self) {
        self.0.woken.store(true, Ordering::Release);
        // It fails only where its descriptor is broken, and then the flag still ends the wait at the next event.
        let _ = self.0.system.wake();
    }

    /// Whether somebody has called since the last time.
    pub(crate) fn take(&self) -> bool {
        self.0.woken.swap(false, Ordering::Acquire)
    }
}
