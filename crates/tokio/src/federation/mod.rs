//! Streams to and from other servers.

mod incoming;
mod outgoing;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedSender};
use tokio::task::JoinSet;
use xmppwire::Stanza;
use xmppwire::s2s::{Pair, Trust, VerifyAnswer, VerifyRequest};
use xmppwire_net::federation::{
    Federation as Pool, FederationConfig, Key, NotRouted, Source, Step, Told, Undelivered,
};
use xmppwire_net::find::Mode;

use self::outgoing::{Dial, Order};
use crate::clock::Clock;

/// Reports that wait to be taken. When there are so many, the connections stop to read.
const REPORTS: usize = 64;

/// The streams of a server to and from other servers.
///
/// [`send`](Self::send) takes stanzas to other domains, and [`next`](Self::next) gives those that
/// arrive and those that could not be delivered. Streams are opened, shared and closed as
/// [`xmppwire_net::federation::Federation`] decides.
///
/// ```no_run
/// use tokio::net::TcpListener;
/// use xmppwire_tokio::{
///     DialbackSecret, Domainpart, Federation, FederationConfig, FederationEvent, LocalDomain, Mode, tls,
/// };
///
/// # async fn federate(pem: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// let identity = tls::Identity::from_pem(pem, pem)?;
/// let domain = LocalDomain::new(identity, tls::platform_roots()?)?;
/// let config = FederationConfig::new()
///     .with_domain(Domainpart::new("example.org")?, domain)
///     .with_dialback(DialbackSecret::new([0x17; 32]));
/// let mut federation = Federation::new(config);
/// let listener = TcpListener::bind("127.0.0.1:5269").await?;
/// loop {
///     tokio::select! {
///         accepted = listener.accept() => {
///             federation.accept(accepted?.0, Mode::StartTls);
///         }
///         event = federation.next() => match event {
///             Some(FederationEvent::Stanza(stanza)) => println!("{}", stanza.element().to_xml()),
///             Some(FederationEvent::Undelivered(stanza)) => println!("{:?}", stanza.reply()),
///             Some(_) => {}
///             None => return Ok(()),
///         },
///     }
/// }
/// # }
/// ```
///
/// Each connection is a task of its own. The tasks end with this value. Await `next` all the time:
/// stanzas are sent and connections are opened while it is awaited, and connections stop to read
/// while it is not.
///
/// What is lost with a connection is what was written to it and not read by the peer; without
/// stream management nothing tells how much that is.
#[derive(Debug)]
pub struct Federation {
    config: Arc<FederationConfig>,
    clock: Clock,
    pool: Pool,
    tasks: JoinSet<()>,
    reports: Receiver<Report>,
    reporter: Sender<Report>,
    outgoing: BTreeMap<Key, UnboundedSender<Order>>,
    incoming: BTreeMap<Source, UnboundedSender<Reply>>,
    next_source: u64,
    closed: bool,
}

/// What federation gives to its application.
#[derive(Debug)]
#[non_exhaustive]
pub enum FederationEvent {
    /// Another server proved its domain: stanzas of this pair may arrive from now on.
    Authorised(Pair, Trust),
    /// A stanza of an authorised pair arrived. Its target domain is one of this server.
    Stanza(Stanza),
    /// A stanza could not be delivered: give [`Undelivered::reply`] to its sender.
    Undelivered(Box<Undelivered>),
}

/// What the task of a connection tells.
#[derive(Debug)]
enum Report {
    Told(Key, Told),
    Authorised(Pair, Trust),
    Stanza(Stanza),
    /// A malformed stanza arrived, and this is its answer.
    Answer(Stanza),
    Verify(Source, VerifyRequest),
    Gone(Source),
}

/// What the task of an incoming connection is told.
#[derive(Debug)]
enum Reply {
    Verified(VerifyAnswer),
    Close,
}

impl Federation {
    /// No stream is open yet.
    pub fn new(config: FederationConfig) -> Self {
        let (reporter, reports) = mpsc::channel(REPORTS);
        Self {
            pool: config.pool(),
            config: Arc::new(config),
            clock: Clock::start(),
            tasks: JoinSet::new(),
            reports,
            reporter,
            outgoing: BTreeMap::new(),
            incoming: BTreeMap::new(),
            next_source: 0,
            closed: false,
        }
    }

    /// Serves a connection that another server opened, with TLS from the first byte or without.
    /// Returns false, and closes the connection, where there are as many as may be.
    ///
    /// Has to be called within a runtime.
    pub fn accept(&mut self, socket: TcpStream, mode: Mode) -> bool {
        if self.closed || self.incoming.len() >= self.config.incoming() {
            return false;
        }
        let source = Source(self.next_source);
        self.next_source = self.next_source.wrapping_add(1);
        let (sender, replies) = mpsc::unbounded_channel();
        self.incoming.insert(source, sender);
        let (config, reporter) = (Arc::clone(&self.config), self.reporter.clone());
        let serve = incoming::serve(config, self.clock, socket, mode, source, replies, reporter);
        self.tasks.spawn(serve);
        true
    }

    /// Takes a stanza to another server. Its `from` has to be of a domain of this server. It is
    /// sent while [`next`](Self::next) is awaited.
    ///
    /// # Errors
    ///
    /// [`NotRouted`] gives the stanza back: it lacks an address, or as much waits as may.
    pub fn send(&mut self, stanza: impl Into<Stanza>) -> Result<(), Box<NotRouted>> {
        self.pool.route(self.clock.now(), stanza.into())
    }

    /// Bytes of memory that the stanzas hold that wait.
    pub const fn queued(&self) -> usize {
        self.pool.queued()
    }

    /// The next event; `None` when everything has ended after [`close`](Self::close).
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<FederationEvent> {
        loop {
            while let Some(step) = self.pool.poll(self.clock.now()) {
                if let Step::Bounce(undelivered) = step {
                    return Some(FederationEvent::Undelivered(undelivered));
                }
                self.take(step);
            }
            if self.closed && self.pool.is_finished() && self.incoming.is_empty() {
                return None;
            }
            let (clock, due) = (self.clock, self.pool.poll_timeout());
            let alarm = async {
                match due {
                    Some(due) => clock.sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            match either(self.reports.recv(), alarm).await {
                Either::First(Some(report)) => {
                    if let Some(event) = self.hear(report) {
                        return Some(event);
                    }
                }
                // Unreachable: this value holds a sender.
                Either::First(None) => return None,
                Either::Second(()) => self.pool.handle_timeout(self.clock.now()),
            }
            // Takes the tasks that have ended out of the set.
            while self.tasks.try_join_next().is_some() {}
        }
    }

    /// Begins to end federation: what waits is given back by [`next`](Self::next) as undelivered,
    /// and all streams are closed. Await `next` until it gives `None`. Idempotent.
    pub fn close(&mut self) {
        self.closed = true;
        self.pool.close(self.clock.now());
        for replies in self.incoming.values() {
            let _ = replies.send(Reply::Close);
        }
    }

    fn take(&mut self, step: Step) {
        // A task that has ended told its end, and the pool will hear of it.
        match step {
            Step::Connect {
                key,
                pair,
                purpose,
                policy,
            } => {
                let (sender, orders) = mpsc::unbounded_channel();
                self.outgoing.insert(key, sender);
                let dial = Dial {
                    config: Arc::clone(&self.config),
                    clock: self.clock,
                    key,
                    pair,
                    purpose,
                    policy,
                    reporter: self.reporter.clone(),
                };
                self.tasks.spawn(dial.run(orders));
            }
            Step::AddPair(key, pair) => self.order(key, Order::AddPair(pair)),
            Step::Send(key, stanza) => self.order(key, Order::Send(stanza)),
            Step::Verify(key, request) => self.order(key, Order::Verify(request)),
            Step::Close(key) => self.order(key, Order::Close),
            Step::Answer(source, answer) => {
                if let Some(replies) = self.incoming.get(&source) {
                    let _ = replies.send(Reply::Verified(answer));
                }
            }
            // Taken by the caller.
            Step::Bounce(_) => {}
        }
    }

    fn order(&self, key: Key, order: Order) {
        if let Some(orders) = self.outgoing.get(&key) {
            let _ = orders.send(order);
        }
    }

    fn hear(&mut self, report: Report) -> Option<FederationEvent> {
        let now = self.clock.now();
        match report {
            Report::Told(key, told) => {
                if matches!(told, Told::Closed { .. }) {
                    self.outgoing.remove(&key);
                }
                self.pool.told(now, key, told);
            }
            Report::Verify(source, request) => self.pool.verify(now, source, request),
            Report::Gone(source) => {
                self.incoming.remove(&source);
            }
            // An answer that finds no room is lost like one that the network loses.
            Report::Answer(stanza) => drop(self.pool.route(now, stanza)),
            Report::Authorised(pair, trust) => {
                return Some(FederationEvent::Authorised(pair, trust));
            }
            Report::Stanza(stanza) => return Some(FederationEvent::Stanza(stanza)),
        }
        None
    }
}

enum Either<A, B> {
    First(A),
    Second(B),
}

/// The result of whichever is ready first.
async fn either<A, B>(
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> Either<A, B> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|cx| match first.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Either::First(result)),
        Poll::Pending => second.as_mut().poll(cx).map(Either::Second),
    })
    .await
}
