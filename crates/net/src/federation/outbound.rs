//! A connection to another server: where its servers are, and the session with the one that works.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use xmppwire::s2s::{Outgoing, Pair};
use xmppwire::{CloseReason, Instant, Stanza, TlsPolicy};

use super::report::{Command, Order, Report, What};
use super::roads::Roads;
use super::session::{Ended, Progress, Session, Silence};
use super::{DomainPolicy, End, FederationConfig, Key, Purpose, Told};
use crate::find::{
    Domain, LookupError, Mode, NameServers, Race, RaceStep, Redirect, Service, SrvAnswers,
    SrvNames, Target,
};
use crate::link::{LinkError, Wire, Wired};
use crate::log::log;

/// How often `<see-other-host/>` is followed. RFC 6120 §4.9.3.19 asks for two to five times,
/// against redirections in a circle.
const MAX_REDIRECTS: u8 = 3;

/// Addresses of one host that are tried.
const MAX_ADDRESSES: usize = 8;

/// A connection to another server, as a machine.
///
/// [`next`](Self::next) says what to do. Where it says [`Next::Drive`], the driver moves bytes
/// through the [`Wire`] of the latest socket and calls `next` again whenever something moved.
/// Orders may come at any time, and are followed by another call of `next`.
///
/// - The servers of the domain are tried one after the other, until one is of use: until it
///   authorised a pair, or can be asked about keys. The addresses of one server race each other
///   ([`Race`], RFC 8305); those that lost are tried where the winner is of no use.
/// - `<see-other-host/>` is followed at most three times, and only where it arrived over TLS or the
///   policy does not require TLS (RFC 6120 §4.9.3.19). The stream headers and the certificate are
///   those of the target domain, wherever the connection leads.
#[derive(Debug)]
pub struct Outbound {
    key: Key,
    pair: Pair,
    purpose: Purpose,
    policy: DomainPolicy,
    config: Arc<FederationConfig>,
    /// Where open streams lead to; `None` where the pair needs a stream of its own.
    roads: Option<Roads>,
    /// What is left to try.
    left: VecDeque<Left>,
    stage: Stage,
    redirects: u8,
    /// How the last attempt ended.
    end: End,
    silence: Silence,
}

/// What the driver of an [`Outbound`] has to do. It has to know every step, so the list is
/// exhaustive.
#[derive(Debug)]
pub enum Next {
    /// Look both names up, with these [name servers](Outbound::name_servers), and call
    /// [`Outbound::looked_up`].
    LookUp(SrvNames),
    /// Ask the system for the addresses of a host, and call [`Outbound::resolved`].
    Resolve {
        /// The host name, in ASCII.
        host: String,
        /// The TCP port of the addresses.
        port: u16,
    },
    /// Begin to open a TCP connection to this address, beside those that are being opened, and ask
    /// for the next step. Tell of each that is open or has failed with [`Outbound::opened`].
    Open(SocketAddr),
    /// Wait until one of the connections that are being opened is open or has failed, but not beyond
    /// this time.
    Wait(Option<Instant>),
    /// Move bytes.
    Drive,
    /// Give the report to the [`Hub`](super::Hub).
    Report(Report),
    /// The connection has ended. Add the orders that are left with [`Report::take_back`], give this
    /// last report to the [`Hub`](super::Hub), and drop the socket.
    Over(Report),
}

#[derive(Debug)]
enum Left {
    LookUp(Domain),
    Target(Target),
    Addresses(Vec<SocketAddr>, Target),
}

#[derive(Debug)]
enum Stage {
    /// To go on with what is left.
    Choosing,
    LookingUp(Domain, SrvNames),
    Resolving(Target),
    /// Connections to the addresses of the target are being opened.
    Opening(Race, Target),
    Driving(SocketAddr, Target, Box<Session<Outgoing>>),
    /// The last report is to be made.
    Ending(Told),
}

impl Outbound {
    pub(super) fn new(
        key: Key,
        pair: Pair,
        purpose: Purpose,
        policy: DomainPolicy,
        config: Arc<FederationConfig>,
        roads: Option<Roads>,
    ) -> Self {
        let domain = pair.target();
        let mut left = VecDeque::new();
        match config.servers(domain) {
            Some(given) => left.extend(given.iter().cloned().map(Left::Target)),
            None => left.extend(Domain::parse(domain.as_str()).ok().map(Left::LookUp)),
        }
        let mut outbound = Self {
            key,
            pair,
            purpose,
            policy,
            config,
            roads,
            left,
            stage: Stage::Choosing,
            redirects: 0,
            end: End::NotFound,
            silence: Silence,
        };
        outbound.leave_out_tls();
        outbound
    }

    /// The name of the connection.
    pub const fn key(&self) -> Key {
        self.key
    }

    /// The pair of the stream headers.
    pub const fn pair(&self) -> &Pair {
        &self.pair
    }

    /// How long each look-up may take, and opening each connection.
    pub fn timeout(&self) -> Duration {
        self.config.connect_timeout()
    }

    /// The name servers to ask, if not those of the system.
    pub fn name_servers(&self) -> Option<&NameServers> {
        self.config.name_servers()
    }

    /// Whether the connection was ordered to close before it came into being, so that the step that
    /// the driver takes is of no use any more.
    pub const fn is_called_off(&self) -> bool {
        matches!(self.stage, Stage::Ending(_))
    }

    /// Takes what the pool wants of the connection.
    pub fn order(&mut self, now: Instant, order: Order) {
        match &mut self.stage {
            Stage::Driving(_, _, session) => session.order(now, order),
            Stage::Ending(told) => told.take_back(order),
            // Before there is a stream, nothing else is ordered.
            _ => {
                if matches!(order.0, Command::Close) {
                    self.finish(End::Closed(CloseReason::Local), Vec::new());
                }
            }
        }
    }

    /// What to do next.
    pub fn next(&mut self, now: Instant) -> Next {
        loop {
            match &mut self.stage {
                Stage::Choosing => self.choose(),
                Stage::LookingUp(_, names) => return Next::LookUp(names.clone()),
                Stage::Resolving(target) => {
                    let (host, port) = (target.host.clone(), target.port);
                    return Next::Resolve { host, port };
                }
                Stage::Opening(race, _) => match race.next_step(now) {
                    Some(RaceStep::Wait(until)) => return Next::Wait(until),
                    Some(RaceStep::Open(address)) => match self.road_to(address) {
                        Some(other) => self.stage = Stage::Ending(Told::Joins(other)),
                        None => return Next::Open(address),
                    },
                    None => self.stage = Stage::Choosing,
                },
                Stage::Driving(address, _, session) => match session.poll(now) {
                    Poll::Pending => return Next::Drive,
                    Poll::Ready(Progress::Told(what)) => {
                        if let (Some(roads), What::Ready(..)) = (&self.roads, &what) {
                            roads.open(*address, self.policy, self.key);
                        }
                        return self.report(what);
                    }
                    Poll::Ready(Progress::Ended(ended)) => self.end_session(ended),
                },
                Stage::Ending(told) => {
                    if let Some(roads) = &self.roads {
                        roads.close(self.key);
                    }
                    let over = Told::Closed {
                        end: End::NotFound,
                        unsent: Vec::new(),
                    };
                    let what = What::Told(mem::replace(told, over));
                    let key = self.key;
                    return Next::Over(Report { key, what });
                }
            }
        }
    }

    const fn report(&self, what: What) -> Next {
        let key = self.key;
        Next::Report(Report { key, what })
    }

    fn choose(&mut self) {
        let Some(left) = self.left.pop_front() else {
            let end = mem::replace(&mut self.end, End::NotFound);
            return self.finish(end, Vec::new());
        };
        self.stage = match left {
            Left::LookUp(domain) => match Service::SERVER.srv_names(&domain) {
                Some(names) => Stage::LookingUp(domain, names),
                None => return self.plan(&domain, None),
            },
            Left::Target(target) => match target.host.parse::<IpAddr>() {
                Ok(address) => {
                    let race = Race::new([(address, target.port).into()]);
                    Stage::Opening(race, target)
                }
                Err(_) => Stage::Resolving(target),
            },
            Left::Addresses(addresses, target) => Stage::Opening(Race::new(addresses), target),
        };
    }

    /// An open stream to this address, which may carry the pair.
    fn road_to(&self, address: SocketAddr) -> Option<Key> {
        self.roads.as_ref()?.leading_to(address, self.policy)
    }

    fn plan(&mut self, domain: &Domain, answers: Option<SrvAnswers>) {
        let rest = mem::take(&mut self.left);
        let targets = FederationConfig::plan(domain, answers);
        log!(debug, %domain, ?targets, "where to connect to");
        self.left = targets.into_iter().map(Left::Target).chain(rest).collect();
        self.leave_out_tls();
        self.stage = Stage::Choosing;
    }

    /// Leaves out the servers that begin with TLS where the policy forbids TLS.
    fn leave_out_tls(&mut self) {
        if self.policy.tls() == TlsPolicy::Forbidden {
            let begins_in_clear = |left: &Left| match left {
                Left::LookUp(_) => true,
                Left::Target(target) | Left::Addresses(_, target) => target.mode == Mode::StartTls,
            };
            self.left.retain(begins_in_clear);
        }
    }

    /// Takes the answers to [`Next::LookUp`]; `None` where they took too long.
    pub fn looked_up(&mut self, answers: Option<SrvAnswers>) {
        match mem::replace(&mut self.stage, Stage::Choosing) {
            Stage::LookingUp(domain, _) => {
                let answers = answers.unwrap_or_else(|| SrvAnswers::failed(LookupError::TimedOut));
                self.plan(&domain, Some(answers));
            }
            other => self.stage = other,
        }
    }

    /// Takes the addresses of [`Next::Resolve`], in the order to try them in.
    pub fn resolved(&mut self, addresses: io::Result<Vec<SocketAddr>>) {
        match mem::replace(&mut self.stage, Stage::Choosing) {
            Stage::Resolving(target) => {
                let mut addresses = addresses.unwrap_or_default();
                addresses.truncate(MAX_ADDRESSES);
                self.stage = Stage::Opening(Race::new(addresses), target);
            }
            other => self.stage = other,
        }
    }

    /// Takes what came of [`Next::Open`]. Where a connection is open, the driver drops the others that
    /// are being opened.
    pub fn opened(&mut self, now: Instant, address: SocketAddr, opened: io::Result<()>) {
        match (mem::replace(&mut self.stage, Stage::Choosing), opened) {
            (Stage::Opening(race, target), Ok(())) => {
                let others = race.others(address);
                if !others.is_empty() {
                    self.left
                        .push_front(Left::Addresses(others, target.clone()));
                }
                let terms = (self.pair.clone(), self.purpose, self.policy);
                let side = self.config.side(&self.pair);
                let config = Arc::clone(&self.config);
                let session = Session::new(config, terms, target.mode, side, now);
                self.stage = Stage::Driving(address, target, Box::new(session));
            }
            (Stage::Opening(mut race, target), Err(error)) => {
                race.failed(address);
                self.end = End::of(&LinkError::Io(error));
                self.stage = Stage::Opening(race, target);
            }
            (other, _) => self.stage = other,
        }
    }

    fn end_session(&mut self, ended: Ended) {
        let Stage::Driving(_, target, _) = mem::replace(&mut self.stage, Stage::Choosing) else {
            return;
        };
        if ended.useful {
            return self.finish(ended.end, ended.unsent);
        }
        log!(info, host = target.host, end = ?ended.end, "a server of a domain is of no use");
        if let Some(redirect) = ended.end.redirect() {
            self.follow(redirect, &target, ended.secured);
        }
        self.end = ended.end;
    }

    fn follow(&mut self, redirect: Redirect, from: &Target, secured: bool) {
        if !secured && self.policy.tls() == TlsPolicy::Required {
            // Whoever is on the network path can write it.
            log!(info, "not redirected in clear text");
            return;
        }
        if self.redirects >= MAX_REDIRECTS {
            log!(info, "redirected too often");
            return;
        }
        self.redirects = self.redirects.saturating_add(1);
        let Redirect { host, port } = redirect;
        log!(info, %host, port, "redirected");
        self.left.push_front(match port {
            Some(port) => Left::Target(Target::new(host.to_string(), port, from.mode)),
            None => Left::LookUp(host),
        });
        self.leave_out_tls();
    }

    fn finish(&mut self, end: End, unsent: Vec<Stanza>) {
        self.stage = Stage::Ending(Told::Closed { end, unsent });
    }
}

impl Wired for Outbound {
    fn wire(&mut self) -> &mut dyn Wire {
        match &mut self.stage {
            Stage::Driving(_, _, session) => session.wire(),
            _ => &mut self.silence,
        }
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        if let Some(roads) = &self.roads {
            roads.close(self.key);
        }
    }
}

#[cfg(test)]
mod tests;
