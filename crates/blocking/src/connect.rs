//! From a connector to a client: which hosts, which addresses, in which order.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};

use xmppwire_net::client::{Attempts, ConnectError, Connector, Error};
use xmppwire_net::dns::Resolver;
use xmppwire_net::srv::{Plan, Target};

use crate::Client;

/// Tries the servers of the domain until one lets us in, or until it makes no sense to go on.
pub(crate) fn connect(connector: &Connector) -> Result<Client, ConnectError> {
    let mut attempts = Attempts::new(plan(connector)?);
    while let Some(target) = attempts.next_target() {
        match log_in(connector, &target) {
            Ok(client) => return Ok(client),
            Err(error) => attempts.failed(target, error),
        }
    }
    Err(attempts.into_error())
}

fn plan(connector: &Connector) -> Result<Plan, ConnectError> {
    let names = match connector.srv_names() {
        Ok(names) => names,
        Err(plan) => return Ok(plan),
    };
    let name_servers = connector.name_servers().cloned();
    let resolver = name_servers.map_or_else(Resolver::system, Resolver::new);
    connector.plan(resolver.both(&names))
}

fn log_in(connector: &Connector, target: &Target) -> Result<Client, Error> {
    Client::over(tcp(connector, target)?, target.mode, connector)
}

/// Tries the addresses of a host, in the order in which the system's resolver gives them. How long that resolver may
/// take is the system's affair: there is no way to ask it for less.
fn tcp(connector: &Connector, target: &Target) -> io::Result<TcpStream> {
    let mut result = Err(io::Error::other("the host has no address"));
    for address in (target.host.as_str(), target.port).to_socket_addrs()? {
        result = TcpStream::connect_timeout(&address, connector.connect_timeout());
        if result.is_ok() {
            break;
        }
    }
    let socket = result?;
    // Stanzas are written whole, and nothing is gained by holding the last segment back.
    socket.set_nodelay(true)?;
    Ok(socket)
}
