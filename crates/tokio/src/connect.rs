//! From a connector to a client.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use xmppwire_net::client::{ConnectError, Error};
use xmppwire_net::find::{Attempts, LookupError, SrvAnswers, Step};
use xmppwire_net::socket::{SockRef, prepare};

use crate::Client;
use crate::clock::Clock;
use crate::dns::Resolver;
use crate::pump::Pump;

/// Takes the steps of the attempts until a login succeeds or nothing is left to try. `clock` is the
/// clock that the attempts began by.
pub(crate) async fn connect(mut attempts: Attempts, clock: Clock) -> Result<Client, ConnectError> {
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
            Step::Open(address) => {
                let socket = within(limit, open(address)).await;
                match log_in(&mut attempts, socket, clock).await {
                    Ok(client) => return Ok(client),
                    Err(error) => attempts.failed(error),
                }
            }
        }
    }
    Err(attempts.into_error())
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

async fn log_in(
    attempts: &mut Attempts,
    socket: io::Result<TcpStream>,
    clock: Clock,
) -> Result<Client, Error> {
    let pump = Pump::new(socket?, clock);
    Client::drive(pump, attempts.log_in(clock.now())?).await
}
