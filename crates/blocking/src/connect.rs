//! From a connector to a client: which hosts, which addresses, in which order.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};

use xmppwire_net::client::{ConnectError, Error};
use xmppwire_net::find::{Attempt, Attempts, Resolver, Step};

use crate::Client;
use crate::waker::Waker;

/// Tries one server after the other until one lets us in, or until it makes no sense to go on.
pub(crate) fn connect(mut attempts: Attempts, waker: &Waker) -> Result<Client, ConnectError> {
    while let Some(step) = attempts.next_step() {
        match step {
            Step::LookUp(names) => {
                let name_servers = attempts.name_servers().cloned();
                let resolver = name_servers.map_or_else(Resolver::system, Resolver::new);
                attempts.looked_up(resolver.look_up(&names));
            }
            Step::Connect(attempt) => match log_in(&attempt, waker) {
                Ok(client) => return Ok(client),
                Err(error) => attempts.failed(attempt, error),
            },
        }
    }
    Err(attempts.into_error())
}

fn log_in(attempt: &Attempt, waker: &Waker) -> Result<Client, Error> {
    let socket = tcp(attempt)?;
    Client::start(
        socket,
        attempt.target.mode,
        &attempt.connector,
        waker.clone(),
    )
}

/// Tries the addresses of a host, in the order in which the system's resolver gives them. How long that resolver may
/// take is the system's affair: there is no way to ask it for less.
fn tcp(
    Attempt {
        target, connector, ..
    }: &Attempt,
) -> io::Result<TcpStream> {
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
