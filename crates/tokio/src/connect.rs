//! From a connector to a client.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use xmppwire::Instant;
use xmppwire_net::client::{ConnectError, Error};
use xmppwire_net::find::{Attempts, LookupError, Race, RaceStep, SrvAnswers, Step};
use xmppwire_net::socket::{SockRef, prepare};

use crate::Client;
use crate::clock::Clock;
use crate::dns::Resolver;
use crate::pump::Pump;

/// Takes the steps of the attempts until a login succeeds or nothing is left to try. `clock` is the
/// clock that the attempts began by.
pub(crate) async fn connect(mut attempts: Attempts, clock: Clock) -> Result<Client, ConnectError> {
    let mut openings = Openings::default();
    while let Some(step) = attempts.next_step(clock.now()) {
        let limit = attempts.timeout(clock.now());
        match step {
            Step::LookUp(names) => {
                let resolver = Resolver::new(attempts.name_servers());
                let answers = timeout(limit, resolver.look_up(&names)).await;
                let answers = answers.unwrap_or(SrvAnswers::failed(LookupError::TimedOut));
                attempts.looked_up(answers);
            }
            Step::Resolve { host, port } => {
                let addresses = within(limit, lookup_host((host, port))).await;
                attempts.resolved(addresses.map(Iterator::collect));
            }
            Step::Open(address) => openings.begin(address, limit),
            Step::Wait(until) => match openings.first(clock, Some(until)).await {
                Some((_, Ok(socket))) => {
                    // The others are too late.
                    openings = Openings::default();
                    match log_in(&mut attempts, socket, clock).await {
                        Ok(client) => return Ok(client),
                        Err(error) => attempts.failed(error),
                    }
                }
                Some((address, Err(error))) => attempts.not_opened(address, error),
                None => {}
            },
        }
    }
    Err(attempts.into_error())
}

/// Opens a connection to one of these addresses of a host, each of which may take this long.
pub(crate) async fn open_any(
    addresses: impl IntoIterator<Item = SocketAddr>,
    limit: Duration,
) -> io::Result<TcpStream> {
    let clock = Clock::start();
    let mut race = Race::new(addresses);
    let mut openings = Openings::default();
    let mut last = io::Error::other("the host has no address");
    while let Some(step) = race.next_step(clock.now()) {
        match step {
            RaceStep::Open(address) => openings.begin(address, limit),
            RaceStep::Wait(until) => match openings.first(clock, until).await {
                Some((_, Ok(socket))) => return Ok(socket),
                Some((address, Err(error))) => {
                    race.failed(address);
                    last = error;
                }
                None => {}
            },
        }
    }
    Err(last)
}

/// The connections that are being opened. Dropping it ends the attempts.
#[derive(Default)]
struct Openings(Vec<(SocketAddr, Opening)>);

type Opening = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

impl Openings {
    fn begin(&mut self, address: SocketAddr, limit: Duration) {
        let opening = Box::pin(within(limit, open(address)));
        self.0.push((address, opening));
    }

    /// The first connection that is open or has failed; `None` if there is none by this time.
    async fn first(
        &mut self,
        clock: Clock,
        until: Option<Instant>,
    ) -> Option<(SocketAddr, io::Result<TcpStream>)> {
        let mut over = pin!(async {
            match until {
                Some(until) => clock.sleep_until(until).await,
                None => std::future::pending().await,
            }
        });
        poll_fn(|cx| {
            for at in 0..self.0.len() {
                let Some((address, opening)) = self.0.get_mut(at) else {
                    break;
                };
                if let Poll::Ready(result) = opening.as_mut().poll(cx) {
                    let address = *address;
                    drop(self.0.swap_remove(at));
                    return Poll::Ready(Some((address, result)));
                }
            }
            over.as_mut().poll(cx).map(|()| None)
        })
        .await
    }
}

async fn within<T>(
    limit: Duration,
    operation: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    timeout(limit, operation).await?
}

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address).await?;
    prepare(&SockRef::from(&socket))?;
    Ok(socket)
}

async fn log_in(attempts: &mut Attempts, socket: TcpStream, clock: Clock) -> Result<Client, Error> {
    let pump = Pump::new(socket, clock);
    Client::drive(pump, attempts.log_in(clock.now())?).await
}

#[cfg(all(test, target_os = "linux"))]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::*;
    use xmppwire_test_support::{BlackHole, within};

    /// Longer than any test.
    const LONG: Duration = Duration::from_secs(100_000);

    fn open(addresses: Vec<SocketAddr>, limit: Duration) -> io::Result<TcpStream> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(open_any(addresses, limit))
    }

    #[test]
    fn an_address_that_nothing_answers_at_is_not_waited_for() {
        within(|| {
            let (hole, listener) = BlackHole::beside_a_listener();
            let there = listener.local_addr().unwrap();
            let closed = ([127, 0, 0, 1], 1).into();
            for addresses in [vec![hole.address, there], vec![hole.address, closed, there]] {
                let socket = open(addresses, LONG).unwrap();
                assert_eq!(socket.peer_addr().unwrap(), there);
                assert!(socket.nodelay().unwrap());
                drop(listener.accept().unwrap());
            }
            // Each address has its own time.
            let error = open(vec![hole.address], Duration::from_millis(20)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            let error = open(vec![closed], LONG).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            assert!(open(vec![], LONG).is_err());
        });
    }
}
