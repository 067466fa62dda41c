//! From a connector to a client: which hosts, which addresses, in which order.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use xmppwire_net::client::{Attempts, ConnectError, Connector, Error};
use xmppwire_net::srv::{Plan, SrvAnswers, Target};

use crate::Client;
use crate::dns::Resolver;

/// Tries the servers of the domain until one lets us in, or until it makes no sense to go on.
pub(crate) async fn connect(connector: &Connector) -> Result<Client, ConnectError> {
    let mut attempts = Attempts::new(plan(connector).await?);
    while let Some(target) = attempts.next_target() {
        match log_in(connector, &target).await {
            Ok(client) => return Ok(client),
            Err(error) => attempts.failed(target, error),
        }
    }
    Err(attempts.into_error())
}

async fn plan(connector: &Connector) -> Result<Plan, ConnectError> {
    let names = match connector.srv_names() {
        Ok(names) => names,
        Err(plan) => return Ok(plan),
    };
    let resolver = Resolver::new(connector.name_servers());
    let (direct_tls, starttls) = resolver.both(&names.direct_tls, &names.starttls).await;
    connector.plan(SrvAnswers {
        direct_tls,
        starttls,
    })
}

async fn log_in(connector: &Connector, target: &Target) -> Result<Client, Error> {
    let socket = tcp(connector, target).await?;
    Client::over(socket, target.mode, connector).await
}

/// Tries the addresses of a host, in the order in which the system's resolver gives them.
async fn tcp(connector: &Connector, target: &Target) -> io::Result<TcpStream> {
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
