//! Streams to and from other servers.

mod reporter;
mod task;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::JoinSet;
use xmppwire::Stanza;
use xmppwire_net::federation::{
    FederationConfig, FederationEvent, Hub, HubStep, Key, NotRouted, Order,
};
use xmppwire_net::find::Mode;

use self::reporter::{Reporter, Reports, reports};
use crate::clock::Clock;

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
/// stanzas are sent and connections are opened while it is awaited. While it is not, connections
/// stop to read: what arrived and waits holds at most
/// [`FederationLimits::arrived`](crate::FederationLimits::arrived) bytes of memory, and beside that
/// each connection holds what it is reading, and a batch of 8 KiB of what it has read.
///
/// With a connection the stanzas are lost that were written to it and that the peer has not read.
/// Between servers there is no stream management, so it is not known which ones these are.
#[derive(Debug)]
pub struct Federation {
    hub: Hub,
    clock: Clock,
    tasks: JoinSet<()>,
    reports: Reports,
    reporter: Reporter,
    connections: BTreeMap<Key, UnboundedSender<Order>>,
}

impl Federation {
    /// No stream is open yet.
    pub fn new(config: FederationConfig) -> Self {
        let (reporter, reports) = reports(config.limits().arrived);
        Self {
            hub: Hub::new(config),
            clock: Clock::start(),
            tasks: JoinSet::new(),
            reports,
            reporter,
            connections: BTreeMap::new(),
        }
    }

    /// Serves a connection that another server opened, with TLS from the first byte or without.
    /// Returns false, and closes the connection, where there are as many as may be, of all servers
    /// or from this address.
    ///
    /// Has to be called within a runtime.
    pub fn accept(&mut self, socket: TcpStream, mode: Mode) -> bool {
        // A socket without the address of a peer is not connected any more.
        let Ok(from) = socket.peer_addr() else {
            return false;
        };
        let Some(inbound) = self.hub.accept(self.clock.now(), from.ip(), mode) else {
            return false;
        };
        let (sender, orders) = mpsc::unbounded_channel();
        self.connections.insert(inbound.key(), sender);
        let reporter = self.reporter.clone();
        let serve = task::serve(inbound, socket, self.clock, orders, reporter);
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

    /// The next event; `None` when everything has ended after [`close`](Self::close).
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<FederationEvent> {
        loop {
            while let Some(step) = self.hub.poll(self.clock.now()) {
                match step {
                    HubStep::Event(event) => return Some(event),
                    HubStep::Order(key, order) => self.order(key, order),
                    HubStep::Connect(outbound) => {
                        let (sender, orders) = mpsc::unbounded_channel();
                        self.connections.insert(outbound.key(), sender);
                        let reporter = self.reporter.clone();
                        let connect = task::connect(outbound, self.clock, orders, reporter);
                        self.tasks.spawn(connect);
                    }
                }
            }
            if self.hub.is_finished() {
                return None;
            }
            let (clock, due) = (self.clock, self.hub.poll_timeout());
            let alarm = async {
                match due {
                    Some(due) => clock.sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            match either(self.reports.next(), alarm).await {
                Either::First(report) => {
                    if report.is_last() {
                        self.connections.remove(&report.key());
                    }
                    if let Some(event) = self.hub.hear(self.clock.now(), report) {
                        return Some(event);
                    }
                }
                Either::Second(()) => self.hub.handle_timeout(self.clock.now()),
            }
            // Takes the tasks that have ended out of the set.
            while self.tasks.try_join_next().is_some() {}
        }
    }

    /// Begins to end federation: what waits is given back by [`next`](Self::next) as undelivered,
    /// and all streams are closed. Await `next` until it gives `None`. Idempotent.
    pub fn close(&mut self) {
        self.hub.close(self.clock.now());
    }

    fn order(&mut self, key: Key, order: Order) {
        let refused = match self.connections.get(&key) {
            Some(orders) => orders.send(order).err().map(|error| error.0),
            None => Some(order),
        };
        if let Some(order) = refused {
            self.hub.not_taken(key, order);
        }
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
