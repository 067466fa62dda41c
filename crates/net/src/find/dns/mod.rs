//! SRV look-ups: a stub resolver as a state machine, and a blocking driver for it.
//!
//! Only SRV records are looked up here, because no system interface gives them. Addresses are left
//! to the operating system's resolver, so that the hosts file and its other sources work.
//!
//! [`Lookup`] decides what is sent to which name server, what counts as its answer, and when the
//! next server's turn comes; it touches no socket. [`Resolver`] drives it over `std::net`. An
//! asynchronous driver is the same loop:
//!
//! 1. Take [`Lookup::exchange`]; on `None` go to 4.
//! 2. Open a **new** socket bound to port zero and *connect* it to [`Exchange::server`], over TCP
//!    if [`Exchange::is_tcp`], and write [`Exchange::bytes`]. A new port and a new id for each
//!    query, and a connected socket, which takes datagrams from one sender only, protect against
//!    forged answers (RFC 5452 §9).
//! 3. Give every datagram, or the TCP message after its two length octets, to [`Lookup::receive`]
//!    until it is ready; after [`Exchange::timeout`] or an error of the socket call
//!    [`Lookup::fail`]. Then drop the socket and go to 1.
//! 4. Take the result with [`Lookup::finish`].
//!
//! The queries are plain DNS without EDNS: the SRV records of a domain nearly always fit into 512
//! octets, TCP serves the rest, and every middlebox understands them.

mod lookup;
mod message;
mod resolver;
mod servers;

pub use lookup::{Exchange, Lookup};
pub use resolver::Resolver;
pub use servers::NameServers;

use std::io;

use thiserror::Error;

/// One SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SrvRecord {
    /// Records with a lower number are tried before those with a higher one.
    pub priority: u16,
    /// The share of the attempts among records of the same priority.
    pub weight: u16,
    /// The TCP port.
    pub port: u16,
    /// The host name without its trailing dot, or `None` for the root, which says that the domain
    /// does not offer the service. A name in the DNS can have any octets, so this may not be a host
    /// name at all; [`Plan::from_answers`](crate::find::Plan::from_answers) skips such records.
    pub target: Option<String>,
}

impl SrvRecord {
    /// A record, for tests and other resolvers.
    pub fn new(priority: u16, weight: u16, port: u16, target: Option<&str>) -> Self {
        Self {
            priority,
            weight,
            port,
            target: target.map(str::to_owned),
        }
    }
}

/// Why a look-up has no answer. That a name has no records is an answer and not an error.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No name server answered in time.
    #[error("no name server answered in time")]
    TimedOut,
    /// The name server answered with this response code (RFC 1035 §4.1.1): 2 is SERVFAIL, 5 is
    /// REFUSED.
    #[error("the name server failed with response code {0}")]
    Server(u8),
    /// The name server's answer is malformed.
    #[error("the name server's answer is malformed")]
    Malformed,
    /// The socket failed. Usually, no name server is listening.
    #[error("the name server cannot be reached: {0}")]
    Io(io::ErrorKind),
    /// The name does not fit into the DNS: more than 255 octets, or a label of more than 63.
    #[error("the name does not fit into the DNS")]
    InvalidName,
    /// The system names no name server, or there is no way to ask it for one.
    #[error("no name server is configured")]
    NoNameServers,
    /// The operating system gave no random bits, and a query with a predictable id is not sent.
    #[error("no randomness for the query")]
    NoRandomness,
}
