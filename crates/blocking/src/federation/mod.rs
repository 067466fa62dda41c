//! Streams to and from other servers.

mod connection;
mod finder;
mod lines;

use std::collections::BTreeSet;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::task::Poll;
use std::time::Duration;

use mio::{Events, Interest, Token};
use xmppwire::{Instant, Stanza};
use xmppwire_net::federation::{FederationConfig, FederationEvent, Hub, HubStep, NotRouted};
use xmppwire_net::find::Mode;

use self::finder::Finder;
use self::lines::{Lines, Turn};
use crate::clock::Clock;
use crate::waker::Waker;

/// Longest single wait: some systems reject time-outs of years.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Wait before the next connection is accepted when the system has no room for one.
const NO_ROOM: Duration = Duration::from_millis(100);

const WAKER: Token = Token(0);
/// Listeners follow the waker, and connections follow at an even distance.
const LISTENERS: usize = 1;

/// The streams of a server to and from other servers.
///
/// [`send`](Self::send) takes stanzas to other domains, and [`next`](Self::next) gives those that
/// arrive and those that could not be delivered. Streams are opened, shared and closed as
/// [`xmppwire_net::federation::Federation`] decides.
///
/// ```no_run
/// use std::net::TcpListener;
/// use xmppwire_blocking::{
///     DialbackSecret, Domainpart, Federation, FederationConfig, FederationEvent, LocalDomain, Mode, tls,
/// };
///
/// # fn federate(pem: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// let identity = tls::Identity::from_pem(pem, pem)?;
/// let domain = LocalDomain::new(identity, tls::platform_roots()?)?;
/// let config = FederationConfig::new()
///     .with_domain(Domainpart::new("example.org")?, domain)
///     .with_dialback(DialbackSecret::new([0x17; 32]));
/// let mut federation = Federation::new(config)?;
/// federation.listen(TcpListener::bind("127.0.0.1:5269")?, Mode::StartTls)?;
/// while let Some(event) = federation.next()? {
///     match event {
///         FederationEvent::Stanza(stanza) => println!("{}", stanza.element().to_xml()),
///         FederationEvent::Undelivered(stanza) => println!("{:?}", stanza.reply()),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// All connections take turns on the thread that calls `next`; only names are looked up on other
/// threads, at most sixteen at once. Call `next` all the time: nothing moves between its calls.
/// Nothing that arrived waits for the application, beside the bytes that each connection has read
/// last. Another thread that has something to send uses the [`waker`](Self::waker).
///
/// With a connection the stanzas are lost that were written to it and that the peer has not read.
/// Between servers there is no stream management, so it is not known which ones these are.
pub struct Federation {
    hub: Hub,
    clock: Clock,
    selector: mio::Poll,
    events: Events,
    waker: Waker,
    listeners: Vec<Listener>,
    lines: Lines,
    finder: Finder,
}

struct Listener {
    socket: mio::net::TcpListener,
    mode: Mode,
    /// When to accept again though the system has not told of a connection.
    again: Option<Instant>,
}

impl Federation {
    /// No stream is open yet.
    ///
    /// # Errors
    ///
    /// If the operating system gives no more descriptors.
    pub fn new(config: FederationConfig) -> io::Result<Self> {
        let selector = mio::Poll::new()?;
        let (waker, clock) = (Waker::new(), Clock::start());
        waker.attach(selector.registry(), WAKER)?;
        Ok(Self {
            hub: Hub::new(config),
            clock,
            selector,
            events: Events::with_capacity(256),
            finder: Finder::new(waker.clone()),
            waker,
            listeners: Vec::new(),
            lines: Lines::new(clock),
        })
    }

    /// Accepts the connections of other servers from this listener, with TLS from the first byte or
    /// without, while [`next`](Self::next) is called. Those beyond what may be open are closed.
    /// Sets the listener to non-blocking mode. A server has at most 1,000 listeners.
    ///
    /// # Errors
    ///
    /// If the operating system refuses to watch the listener.
    pub fn listen(&mut self, listener: TcpListener, mode: Mode) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let mut socket = mio::net::TcpListener::from_std(listener);
        let at = self.listeners.len();
        if at >= lines::FIRST.saturating_sub(LISTENERS) {
            return Err(io::Error::other("too many listeners"));
        }
        let token = Token(LISTENERS.saturating_add(at));
        let registry = self.selector.registry();
        registry.register(&mut socket, token, Interest::READABLE)?;
        let again = Some(self.clock.now());
        self.listeners.push(Listener {
            socket,
            mode,
            again,
        });
        Ok(())
    }

    /// Serves a connection that another server opened, with TLS from the first byte or without.
    /// Returns false, and closes the connection, where there are as many as may be, of all servers
    /// or from this address. Sets the socket to non-blocking mode.
    pub fn accept(&mut self, socket: TcpStream, mode: Mode) -> bool {
        let accepted = socket.set_nonblocking(true);
        accepted.is_ok() && self.serve(mio::net::TcpStream::from_std(socket), mode)
    }

    fn serve(&mut self, socket: mio::net::TcpStream, mode: Mode) -> bool {
        let now = self.clock.now();
        // A socket without the address of a peer is not connected any more.
        let from = socket.peer_addr().ok();
        let inbound = from.and_then(|from| self.hub.accept(now, from.ip(), mode));
        let Some(inbound) = inbound else {
            return false;
        };
        let registry = self.selector.registry();
        self.lines.serve(registry, socket, inbound);
        true
    }

    /// Takes a stanza to another server. Its `from` has to be of a domain of this server. It is
    /// sent while [`next`](Self::next) is called.
    ///
    /// # Errors
    ///
    /// [`NotRouted`] gives the stanza back: it lacks an address, or as much waits as may.
    pub fn send(&mut self, stanza: impl Into<Stanza>) -> Result<(), Box<NotRouted>> {
        self.hub.send(self.clock.now(), stanza.into())
    }

    /// Bytes of memory that the stanzas hold that wait to be sent.
    pub const fn queued(&self) -> usize {
        self.hub.queued()
    }

    /// How many answers to malformed stanzas were lost, because their connection ended while too
    /// much waited for its server. Nothing else is lost without an event.
    pub const fn lost(&self) -> u64 {
        self.hub.lost()
    }

    /// A handle with which another thread ends a wait in [`next_timeout`](Self::next_timeout).
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// The next event; `None` when everything has ended after [`close`](Self::close).
    ///
    /// # Errors
    ///
    /// If the operating system cannot tell any more which sockets are ready.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could not be used again after an error"
    )]
    pub fn next(&mut self) -> io::Result<Option<FederationEvent>> {
        loop {
            if let Poll::Ready(event) = self.advance(None)? {
                return Ok(event);
            }
        }
    }

    /// Like [`next`](Self::next), but returns [`Poll::Pending`] after `timeout` or when the
    /// [`waker`](Self::waker) is used. Nothing is lost then.
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next).
    pub fn next_timeout(&mut self, timeout: Duration) -> io::Result<Poll<Option<FederationEvent>>> {
        let deadline = self.clock.now() + timeout;
        self.advance(Some(deadline))
    }

    /// Begins to end federation: what waits is given back by [`next`](Self::next) as undelivered,
    /// and all streams are closed. Call `next` until it gives `None`. Idempotent.
    pub fn close(&mut self) {
        self.hub.close(self.clock.now());
        self.listeners.clear();
    }

    fn advance(&mut self, deadline: Option<Instant>) -> io::Result<Poll<Option<FederationEvent>>> {
        loop {
            if let Some(event) = self.poll_hub() {
                return Ok(Poll::Ready(Some(event)));
            }
            if self.hub.is_finished() {
                return Ok(Poll::Ready(None));
            }
            while let Some((key, found)) = self.finder.poll() {
                self.lines.found(key, found);
            }
            if let Some(turn) = self.lines.turn(self.selector.registry()) {
                if let Some(event) = self.take(turn) {
                    return Ok(Poll::Ready(Some(event)));
                }
                continue;
            }
            let now = self.clock.now();
            if self.hub.poll_timeout().is_some_and(|due| due <= now) {
                self.hub.handle_timeout(now);
                continue;
            }
            if deadline.is_some_and(|deadline| deadline <= now) || self.is_woken(deadline) {
                return Ok(Poll::Pending);
            }
            self.wait(deadline)?;
        }
    }

    /// Whether another thread wants the caller of [`next_timeout`](Self::next_timeout) to return.
    fn is_woken(&self, deadline: Option<Instant>) -> bool {
        // Calls without a time limit go on.
        let woken = deadline.is_some() && self.waker.is_woken();
        if woken {
            self.waker.take();
        }
        woken
    }

    fn poll_hub(&mut self) -> Option<FederationEvent> {
        let now = self.clock.now();
        while let Some(step) = self.hub.poll(now) {
            match step {
                HubStep::Event(event) => return Some(event),
                HubStep::Connect(outbound) => self.lines.connect(outbound),
                HubStep::Order(key, order) => {
                    if let Some(order) = self.lines.order(now, key, order) {
                        self.hub.not_taken(key, order);
                    }
                }
            }
        }
        None
    }

    fn take(&mut self, turn: Turn) -> Option<FederationEvent> {
        match turn {
            Turn::Moved => None,
            Turn::Find(key, search) => {
                self.finder.find(key, search);
                None
            }
            Turn::Report(report) => self.hub.hear(self.clock.now(), report),
        }
    }

    /// Waits for sockets, other threads and deadlines, and notes which connections have a turn.
    fn wait(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let again = self.listeners.iter().filter_map(|it| it.again);
        let deadlines = [deadline, self.hub.poll_timeout(), self.lines.poll_timeout()];
        let next = deadlines.into_iter().flatten().chain(again).min();
        let now = self.clock.now();
        let timeout = next.map(|next| next.saturating_since(now).min(LONGEST));
        match self.selector.poll(&mut self.events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        let now = self.clock.now();
        let mut listening = BTreeSet::new();
        for event in &self.events {
            let Token(token) = event.token();
            if token >= lines::FIRST {
                self.lines.is_ready(token);
            } else if let Some(at) = token.checked_sub(LISTENERS) {
                listening.insert(at);
            }
        }
        self.lines.handle_timeout(now);
        for at in 0..self.listeners.len() {
            let listener = self.listeners.get(at);
            let again = listener.is_some_and(|it| it.again.is_some_and(|again| again <= now));
            if again || listening.contains(&at) {
                self.accept_all(now, at);
            }
        }
        Ok(())
    }

    fn accept_all(&mut self, now: Instant, at: usize) {
        while let Some(listener) = self.listeners.get_mut(at) {
            listener.again = None;
            match listener.socket.accept() {
                Ok((socket, _)) => {
                    let mode = listener.mode;
                    self.serve(socket, mode);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // That connection has ended already.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => {
                    listener.again = Some(now + NO_ROOM);
                    return;
                }
            }
        }
    }
}

impl std::fmt::Debug for Federation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Federation")
            .field("hub", &self.hub)
            .finish_non_exhaustive()
    }
}
