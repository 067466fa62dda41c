//! A connection with a queue of stanzas for whom it serves: a client or a component.

use std::error::Error;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use xmppwire_tokio::{
    ApiMisuse, Detached, Driver, Element, Iq, Jid, Role, Stanza, StreamErrorCondition, ns,
};

use crate::csi::Waiting;
use crate::queue::{Crowded, Inbox, Queued};
use crate::strangers::Ticket;
use crate::{Shared, lock};

/// Bytes that wait to be written to a peer above which it is given nothing more, and nothing more is
/// read from it.
const BACKLOG: usize = 64 * 1024;
/// Bytes that each peer may leave unacknowledged (XEP-0198), and bytes that all may share beyond that.
/// Clients that write much to each other need more than the first: their acknowledgements come behind
/// what they write, which waits while their queues are crowded.
const UNACKNOWLEDGED: usize = 512 * 1024;
const ALL_UNACKNOWLEDGED: usize = 16 * 1024 * 1024;
/// How long a peer waits for the queue that it crowds. Longer, and one that does not read would
/// hold up everything that others send.
const CROWDED: Duration = Duration::from_secs(2);

/// A connection, and what bounds its cost.
pub(crate) struct Peer<R: Role> {
    pub(crate) connection: Driver<R>,
    pub(crate) shared: Arc<Shared>,
    address: SocketAddr,
    stopping: watch::Receiver<()>,
    /// While the peer has not proven who it is.
    ticket: Option<Ticket>,
    /// What is to be sent to it, once it has.
    inbox: Option<Inbox>,
    /// What waits for a client that is not looked at.
    waiting: Waiting,
    closing: bool,
    /// When a peer to which more than [`BACKLOG`] waits has to have read it.
    read_until: Option<Instant>,
    /// A queue that this peer has crowded, and how long it is not read from because of that.
    crowded: Option<(Crowded, Instant)>,
    /// When to ask a peer that sends nothing whether it is still there.
    ping_at: Instant,
    unacknowledged: Share,
}

/// What a peer has of the bytes that all may leave unacknowledged together.
struct Share {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl Share {
    /// Takes note of what the peer has left unacknowledged. Returns whether it is given more.
    fn set(&mut self, unacknowledged: usize) -> bool {
        let bytes = unacknowledged.saturating_sub(UNACKNOWLEDGED);
        let before = std::mem::replace(&mut self.bytes, bytes);
        self.all.fetch_add(bytes, Ordering::Relaxed);
        let all = self.all.fetch_sub(before, Ordering::Relaxed) - before;
        bytes == 0 || all < ALL_UNACKNOWLEDGED
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// What a session has to deal with.
pub(crate) enum Step<E> {
    Event(E),
    /// The peer was silent for half of the idle time.
    Silent,
    /// A newer connection wants the place, or has it: see [`Peer::displaced`].
    Displaced,
    Over,
}

/// What moved on the connection or in the queue.
enum Moved<E> {
    Event(E),
    Stanza(Arc<Queued>),
    /// A newer connection wants the place.
    Displaced,
    /// What waited is written.
    Written,
    /// The queue that the peer crowded has room again, or was waited for long enough.
    Relieved,
    Over,
}

impl<R: Role> Peer<R> {
    pub(crate) fn new(
        connection: Driver<R>,
        address: SocketAddr,
        shared: &Arc<Shared>,
        stopping: watch::Receiver<()>,
    ) -> Self {
        Self {
            connection,
            shared: Arc::clone(shared),
            address,
            stopping,
            ticket: Some(Ticket::new(shared, address)),
            inbox: None,
            waiting: Waiting::default(),
            closing: false,
            read_until: None,
            crowded: None,
            ping_at: Instant::now(),
            unacknowledged: Share {
                bytes: 0,
                all: Arc::clone(&shared.unacknowledged),
            },
        }
    }

    /// The peer is known: it no longer counts as a stranger, and is sent what is in the inbox.
    pub(crate) fn settle(&mut self, inbox: Inbox) {
        self.ticket = None;
        self.inbox = Some(inbox);
    }

    /// The inbox, unless the peer has none or a newer connection has taken its place.
    pub(crate) fn take_inbox(&mut self) -> Option<Inbox> {
        self.inbox.take()
    }

    /// Moves bytes and stanzas until the session has something to deal with.
    pub(crate) async fn next(&mut self) -> Result<Step<R::Event>, Box<dyn Error>> {
        loop {
            let behind = !self.closing && self.connection.backlog() >= BACKLOG;
            let latest = Instant::now() + self.shared.idle;
            self.read_until = behind.then(|| self.read_until.unwrap_or(latest));
            let has_room = self.has_room();
            tokio::select! {
                moved = step(&mut self.connection, &mut self.inbox, has_room, self.read_until, self.crowded.as_ref()) => match moved? {
                    Moved::Event(event) => {
                        self.ping_later();
                        return Ok(Step::Event(event));
                    }
                    Moved::Stanza(queued) => self.pass_on(queued),
                    Moved::Displaced => return Ok(Step::Displaced),
                    Moved::Written => {}
                    Moved::Relieved => self.crowded = None,
                    Moved::Over => return Ok(Step::Over),
                },
                () = ended(&mut self.ticket) => return Err("makes room for a newer connection".into()),
                () = sleep_until(self.ping_at), if self.inbox.is_some() && !behind => {
                    self.ping_later();
                    return Ok(Step::Silent);
                }
                _ = self.stopping.changed(), if !self.closing => {
                    self.close(StreamErrorCondition::SystemShutdown);
                }
            }
        }
    }

    /// Routes a stanza of the peer. The machine has checked where it is from.
    pub(crate) fn route(&mut self, stanza: Stanza) -> Result<(), ApiMisuse> {
        let (reply, crowded) = {
            let mut registry = lock(&self.shared.registry);
            (registry.take(stanza), registry.take_crowded())
        };
        self.wait_for(crowded);
        match reply {
            Some(reply) => self.connection.connection_mut().send(&reply),
            None => Ok(()),
        }
    }

    /// The peer has to go, because a newer connection takes its place. Its inbox was taken.
    pub(crate) fn displaced(&mut self) {
        self.ticket = Some(Ticket::new(&self.shared, self.address));
        self.close(StreamErrorCondition::Conflict);
    }

    /// Reads nothing from the peer while the queue that it has crowded is so, for two seconds at
    /// most. What comes after that goes back to the peer where the queue is full.
    fn wait_for(&mut self, crowded: Option<Crowded>) {
        self.crowded = crowded.map(|crowded| (crowded, Instant::now() + CROWDED));
    }

    /// The user looks at the client, or does not. Nothing waits where the user does.
    pub(crate) fn set_active(&mut self, active: bool) {
        for queued in self.waiting.set_active(active) {
            self.write(&queued);
        }
    }

    /// Gives what waits for the user to look at the client to its session, which leaves the
    /// connection.
    pub(crate) fn give_waiting(&mut self, session: &mut Detached) {
        for queued in self.waiting.set_active(true) {
            // As in `write`, an error is the fault of the sender.
            let _ = session.push(queued.stanza());
        }
    }

    /// Gives the peer a stanza and all that wait behind it, so that one system call writes them all.
    fn pass_on(&mut self, first: Arc<Queued>) {
        let mut next = Some(first);
        while let Some(queued) = next {
            for queued in self.waiting.pass(queued) {
                self.write(&queued);
            }
            let has_room = self.has_room();
            let inbox = self.inbox.as_mut().filter(|_| has_room);
            next = inbox.and_then(Inbox::next_left);
        }
    }

    /// Whether the peer is given more: it has read most of what it was given, and has not left too much
    /// unacknowledged.
    fn has_room(&mut self) -> bool {
        let connection = self.connection.connection();
        let has_room = self.unacknowledged.set(connection.queued_bytes());
        has_room && connection.room() > 0 && self.connection.backlog() < BACKLOG
    }

    fn write(&mut self, queued: &Queued) {
        match self.connection.connection_mut().send(queued.stanza()) {
            Ok(()) => queued.set_delivered(),
            // The sender is at fault for a stanza that cannot be written, not this peer.
            Err(error) => self.log(error),
        }
    }

    /// Asks the peer whether it is there (XEP-0199 §4.1). One that does not answer runs into the
    /// machine's time limit for a silent peer, and gives up its place.
    pub(crate) fn ping(&mut self, from: Jid, to: Jid) -> Result<(), ApiMisuse> {
        let ping = Iq::get("keep-alive", &Element::builder("ping", ns::PING).build());
        let ping = ping.with_from(from).with_to(to);
        self.connection.connection_mut().send(&ping.into())
    }

    fn ping_later(&mut self) {
        self.ping_at = Instant::now() + self.shared.idle / 2;
    }

    fn close(&mut self, condition: StreamErrorCondition) {
        self.closing = true;
        self.connection.close(Some(condition.into()));
    }

    pub(crate) fn log(&self, what: impl Display) {
        lock(&self.shared.log).write(self.address, what);
    }
}

/// Moves bytes until there is something to do. A peer that is behind has to read first.
/// Cancel-safe.
async fn step<R: Role>(
    connection: &mut Driver<R, TcpStream>,
    inbox: &mut Option<Inbox>,
    has_room: bool,
    read_until: Option<Instant>,
    crowded: Option<&(Crowded, Instant)>,
) -> Result<Moved<R::Event>, Box<dyn Error>> {
    if let Some(deadline) = read_until {
        let left = deadline.saturating_duration_since(Instant::now());
        tokio::select! {
            in_time = connection.drain(left) => if !in_time {
                return Err("does not read what it is sent".into());
            },
            // Not even a peer that reads nothing keeps its place.
            _ = next(inbox, false) => return Ok(Moved::Displaced),
        }
        if connection.backlog() < BACKLOG {
            return Ok(Moved::Written);
        }
        // The connection has ended, and the events say how.
        let event = connection.next_event().await?;
        return Ok(event.map_or(Moved::Over, Moved::Event));
    }
    if let Some((crowded, until)) = crowded {
        let left = until.saturating_duration_since(Instant::now());
        return Ok(tokio::select! {
            () = crowded.relieved() => Moved::Relieved,
            () = sleep_until(*until) => Moved::Relieved,
            queued = next(inbox, has_room) => queued.map_or(Moved::Displaced, Moved::Stanza),
            _ = connection.drain(left), if connection.backlog() > 0 => Moved::Written,
        });
    }
    tokio::select! {
        event = connection.next_event() => Ok(event?.map_or(Moved::Over, Moved::Event)),
        queued = next(inbox, has_room) => Ok(queued.map_or(Moved::Displaced, Moved::Stanza)),
    }
}

/// The next stanza for the peer, if it has room; `None` if it has lost its place. Cancel-safe.
async fn next(inbox: &mut Option<Inbox>, has_room: bool) -> Option<Arc<Queued>> {
    match inbox {
        Some(inbox) => inbox.next(has_room).await,
        None => std::future::pending().await,
    }
}

/// Waits until a connection without a place has to make room. Cancel-safe.
async fn ended(ticket: &mut Option<Ticket>) {
    match ticket {
        Some(ticket) => ticket.ended().await,
        None => std::future::pending().await,
    }
}
