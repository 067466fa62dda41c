//! From a connector to a client: which hosts, which addresses, in which order.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use xmppwire_net::client::{ConnectError, Error};
use xmppwire_net::find::{Attempt, Attempts, Step};

use crate::Client;
use crate::dns::Resolver;

/// Tries one server after the other until one lets us in, or until it makes no sense to go on.
pub(crate) async fn connect(mut attempts: Attempts) -> Result<Client, ConnectError> {
    while let Some(step) = attempts.next_step() {
        match step {
            Step::LookUp(names) => {
                let resolver = Resolver::new(attempts.name_servers());
                attempts.looked_up(resolver.look_up(&names).await);
            }
            Step::Connect(attempt) => match log_in(&attempt).await {
                Ok(client) => return Ok(client),
                Err(error) => attempts.failed(attempt, error),
            },
        }
    }
    Err(attempts.into_error())
}

async fn log_in(attempt: &Attempt) -> Result<Client, Error> {
    let socket = tcp(attempt).await?;
    Client::over(socket, attempt.target.mode, &attempt.connector).await
}

/// Tries the addresses of a host, in the order in which the system's resolver gives them.
async fn tcp(
    Attempt {
        target, connector, ..
    }: &Attempt,
) -> io::Result<TcpStream> {
    let patience = connector.connect_timeout();
    let host = (target.host.as_str(), target.port);
    let addresses: Vec<SocketAddr> = timeout(patience, lookup_host(host)).await??.collect();
    let mut result = Err(io::Error::other("the host has no address"));
    for address in addresses {
        result = match timeout(patience, TcpStream::connect(address)).await {
            Ok(result) => result,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        if result.is_ok() {
            break;
        }
    }
    let socket = result?;
    // Stanzas are written whole, and nothing is gained by holding the last segment back.
    socket.set_nodelay(true)?;
    Ok(socket)
}
