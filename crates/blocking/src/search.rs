//! Looking names up, which takes a thread.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use xmppwire_net::find::{LookupError, NameServers, Resolver, SrvAnswers, SrvNames};

/// What is looked up, and how long it may take.
#[derive(Debug)]
pub(crate) enum Search {
    LookUp(SrvNames, Option<NameServers>, Duration),
    Resolve(String, u16, Duration),
}

/// What came of a search.
#[derive(Debug)]
pub(crate) enum Found {
    Answers(SrvAnswers),
    Addresses(io::Result<Vec<SocketAddr>>),
}

impl Search {
    /// Looks it up.
    pub(crate) fn run(self) -> Found {
        match self {
            Self::LookUp(names, servers, limit) => {
                let resolver = servers.map_or_else(Resolver::system, Resolver::new);
                Found::Answers(resolver.look_up(&names, limit))
            }
            Self::Resolve(host, port, limit) => Found::Addresses(resolve(host, port, limit)),
        }
    }

    /// The result where the system has no thread.
    pub(crate) fn failed(&self) -> Found {
        match self {
            Self::LookUp(..) => Found::Answers(SrvAnswers::failed(LookupError::TimedOut)),
            Self::Resolve(..) => Found::Addresses(Err(io::ErrorKind::OutOfMemory.into())),
        }
    }
}

/// Asks the system for the addresses of a host. The system's resolver has no time limit that one
/// could set, so a thread waits for it and is left behind when the time is over; it ends when the
/// resolver does.
fn resolve(host: String, port: u16, timeout: Duration) -> io::Result<Vec<SocketAddr>> {
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
