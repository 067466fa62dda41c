//! The task of a connection to another server.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpStream, lookup_host};
use tokio::sync::mpsc::{Sender, UnboundedReceiver};
use tokio::time::timeout;
use xmppwire::s2s::{Outgoing, OutgoingEvent, Pair, PairAdded, Verdict, VerifyRequest};
use xmppwire::{CloseReason, Stanza, StanzaErrorCondition};
use xmppwire_net::federation::{DomainPolicy, End, FederationConfig, Key, Purpose, Told};
use xmppwire_net::find::{LookupError, Mode, SrvAnswers, Target};
use xmppwire_net::link::{Handshake, LinkError};

use super::{Either, Report, either};
use crate::Driver;
use crate::clock::Clock;
use crate::dns::Resolver;
use crate::pump::Pump;

/// Bytes of output above which a stanza waits here.
const SEND_AHEAD: usize = 64 * 1024;

/// What the pool wants of a connection.
#[derive(Debug)]
pub(super) enum Order {
    AddPair(Pair),
    Send(Stanza),
    Verify(VerifyRequest),
    Close,
}

/// A connection that is to be made.
pub(super) struct Dial {
    pub(super) config: Arc<FederationConfig>,
    pub(super) clock: Clock,
    pub(super) key: Key,
    pub(super) pair: Pair,
    pub(super) purpose: Purpose,
    pub(super) policy: DomainPolicy,
    pub(super) reporter: Sender<Report>,
}

impl Dial {
    pub(super) async fn run(self, mut orders: UnboundedReceiver<Order>) {
        let mut unsent = VecDeque::new();
        let end = self.try_all(&mut orders, &mut unsent).await;
        // Orders that crossed the end.
        orders.close();
        while let Ok(order) = orders.try_recv() {
            if let Order::Send(stanza) = order {
                unsent.push_back(stanza);
            }
        }
        let unsent = unsent.into();
        self.tell(Told::Closed { end, unsent }).await;
    }

    async fn tell(&self, told: Told) {
        let _ = self.reporter.send(Report::Told(self.key, told)).await;
    }

    /// Tries the servers of the domain, one after the other, until one is of use.
    async fn try_all(
        &self,
        orders: &mut UnboundedReceiver<Order>,
        unsent: &mut VecDeque<Stanza>,
    ) -> End {
        let mut end = End::NotFound;
        let Either::Second(targets) = either(orders.recv(), self.look_up()).await else {
            // An order before the stream is of use is to close it.
            return End::Closed(CloseReason::Local);
        };
        for target in targets {
            let resolved = either(orders.recv(), self.resolve(&target)).await;
            let Either::Second(addresses) = resolved else {
                return End::Closed(CloseReason::Local);
            };
            for address in addresses {
                let driver = match either(orders.recv(), self.open(address, target.mode)).await {
                    Either::First(_) => return End::Closed(CloseReason::Local),
                    Either::Second(Ok(driver)) => driver,
                    Either::Second(Err(error)) => {
                        end = end_of(&error);
                        continue;
                    }
                };
                let (useful, ended) = self.drive(driver, orders, unsent).await;
                if useful {
                    return ended;
                }
                end = ended;
            }
        }
        end
    }

    async fn look_up(&self) -> Vec<Target> {
        let domain = self.pair.target();
        let answers = match self.config.srv_names(domain) {
            Some(names) => {
                let resolver = Resolver::new(self.config.name_servers());
                let answers = timeout(self.config.connect_timeout(), resolver.look_up(&names));
                let timed_out = SrvAnswers::failed(LookupError::TimedOut);
                Some(answers.await.unwrap_or(timed_out))
            }
            None => None,
        };
        self.config.targets(domain, answers, self.policy)
    }

    async fn resolve(&self, target: &Target) -> Vec<SocketAddr> {
        let hosts = lookup_host((target.host.as_str(), target.port));
        match timeout(self.config.connect_timeout(), hosts).await {
            Ok(Ok(addresses)) => addresses.collect(),
            _ => Vec::new(),
        }
    }

    async fn open(&self, address: SocketAddr, mode: Mode) -> Result<Driver<Outgoing>, LinkError> {
        let patience = self.config.connect_timeout();
        let socket = timeout(patience, TcpStream::connect(address)).await;
        let socket = socket.map_err(io::Error::from)??;
        socket.set_nodelay(true)?;
        let mut pump = Pump::new(socket, self.clock);
        let secured = match (mode, self.config.side(&self.pair)) {
            (Mode::DirectTls, Some(side)) => {
                let mut handshake = Handshake::new(side, self.clock.now() + patience)?;
                Some(pump.until(&mut handshake, Handshake::poll).await?)
            }
            _ => None,
        };
        let now = self.clock.now();
        let link = self
            .config
            .outgoing(now, &self.pair, self.purpose, self.policy, secured)?;
        Ok(Driver::new(pump, link))
    }

    /// Drives the stream to its end; tells whether it was of use.
    async fn drive(
        &self,
        mut driver: Driver<Outgoing>,
        orders: &mut UnboundedReceiver<Order>,
        waiting: &mut VecDeque<Stanza>,
    ) -> (bool, End) {
        let mut useful = false;
        // Whether stanzas were given that the pool does not know to be written.
        let mut owing = false;
        // Whether the stream takes nothing more. What waits is given back at its end.
        let mut ending = false;
        self.tell(Told::Connected).await;
        loop {
            while !ending
                && driver.backlog() <= SEND_AHEAD
                && let Some(stanza) = waiting.pop_front()
            {
                if driver.connection_mut().send(&stanza).is_err() {
                    waiting.push_front(stanza);
                    driver.close(None);
                    ending = true;
                }
            }
            let next = if owing && !ending {
                match either(orders.recv(), driver.flush()).await {
                    Either::First(order) => Either::First(order),
                    Either::Second(true) => {
                        if waiting.is_empty() {
                            owing = false;
                            self.tell(Told::Flushed).await;
                        }
                        continue;
                    }
                    Either::Second(false) => Either::Second(driver.next_event().await),
                }
            } else {
                either(orders.recv(), driver.next_event()).await
            };
            let event = match next {
                Either::First(Some(Order::Send(stanza))) => {
                    owing = true;
                    waiting.push_back(stanza);
                    continue;
                }
                Either::First(Some(order)) => {
                    useful = true;
                    self.obey(&mut driver, order).await;
                    continue;
                }
                Either::First(None) => return (true, End::Closed(CloseReason::Local)),
                Either::Second(event) => event,
            };
            let told = match event {
                Ok(Some(OutgoingEvent::Ready(pair, _))) => Told::Ready(pair),
                Ok(Some(OutgoingEvent::PairRefused(pair, refusal))) => Told::Refused(pair, refusal),
                Ok(Some(OutgoingEvent::Verified(answer))) => Told::Verified(answer),
                Ok(Some(OutgoingEvent::Closed(reason))) => return (useful, End::Closed(reason)),
                Ok(None) => return (useful, End::Unreachable),
                Err(error) => return (useful, end_of(&error)),
                // Events of bidirectional streams, which are not asked for, and notes.
                Ok(Some(_)) => continue,
            };
            useful = true;
            self.tell(told).await;
        }
    }

    async fn obey(&self, driver: &mut Driver<Outgoing>, order: Order) {
        match order {
            Order::AddPair(pair) => match driver.connection_mut().add_pair(pair.clone()) {
                PairAdded::Asked => {}
                PairAdded::Ready => self.tell(Told::Ready(pair)).await,
                PairAdded::NeedsOtherStream => self.tell(Told::NeedsOtherStream(pair)).await,
            },
            Order::Verify(request) => {
                if let Err(request) = driver.connection_mut().verify(request) {
                    let timeout = StanzaErrorCondition::RemoteServerTimeout;
                    let answer = request.answer(Verdict::error(timeout));
                    self.tell(Told::Verified(answer)).await;
                }
            }
            Order::Close => driver.close(None),
            // Taken by the caller.
            Order::Send(_) => {}
        }
    }
}

fn end_of(error: &LinkError) -> End {
    match error {
        LinkError::Io(_) => End::Unreachable,
        _ => End::Insecure,
    }
}
