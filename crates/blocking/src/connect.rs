//! From a connector to a client.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use xmppwire_net::client::{ConnectError, Error};
use xmppwire_net::find::{Attempts, Resolver, Step};

use crate::Client;
use crate::clock::Clock;
use crate::open::Openings;
use crate::pump::Pump;
use crate::waker::Waker;

/// Takes the steps of the attempts until a login succeeds or nothing is left to try. `clock` is the
/// clock that the attempts began by.
pub(crate) fn connect(
    mut attempts: Attempts,
    clock: Clock,
    waker: &Waker,
) -> Result<Client, ConnectError> {
    let mut openings = Openings::default();
    while let Some(step) = attempts.next_step(clock.now()) {
        let limit = attempts.timeout(clock.now());
        match step {
            Step::LookUp(names) => {
                let name_servers = attempts.name_servers().cloned();
                let resolver = name_servers.map_or_else(Resolver::system, Resolver::new);
                attempts.looked_up(resolver.look_up(&names, limit));
            }
            Step::Resolve { host, port } => attempts.resolved(resolve(host, port, limit)),
            Step::Open(address) => openings.begin(address, clock.now() + limit),
            Step::Wait(until) => match openings.first(clock, Some(until)) {
                Some((_, Ok(socket))) => {
                    // The others are too late.
                    openings = Openings::default();
                    match log_in(&mut attempts, socket, clock, waker.clone()) {
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

/// Asks the system for the addresses of a host. The system's resolver has no time limit that one
/// could set, so a thread waits for it and is left behind when the time is over; it ends when the
/// resolver does.
pub(crate) fn resolve(host: String, port: u16, timeout: Duration) -> io::Result<Vec<SocketAddr>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::Builder::new().spawn(move || {
        let addresses = (host, port).to_socket_addrs().map(Iterator::collect);
        // Without effect when nothing waits for it any more.
        let _ = sender.send(addresses);
    })?;
    receiver
        .recv_timeout(timeout)
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn log_in(
    attempts: &mut Attempts,
    socket: TcpStream,
    clock: Clock,
    waker: Waker,
) -> Result<Client, Error> {
    let pump = Pump::new(socket, clock, waker)?;
    Client::drive(pump, attempts.log_in(clock.now())?)
}
