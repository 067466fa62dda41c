//! Connections that have not logged in, bounded apart from the clients that have.
//!
//! Anybody can open connections, so their number is bounded for each address and overall. A new one
//! is always taken in: the oldest of the same address makes room, or, where all places are taken,
//! the oldest of the address that has most. So an address that opens many connections displaces its
//! own.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{Shared, lock};

const MAX_STRANGERS: usize = 256;
const MAX_STRANGERS_OF_ADDRESS: usize = 32;

/// Where connections come from: an IPv4 address, or the network of an IPv6 address, which is one
/// customer's (RFC 6177 §2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin(IpAddr);

impl From<SocketAddr> for Origin {
    fn from(peer: SocketAddr) -> Self {
        Self(match peer.ip().to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64 << 64;
                Ipv6Addr::from_bits(network).into()
            }
            address => address,
        })
    }
}

/// The connections that have not logged in, oldest first.
#[derive(Default)]
pub(crate) struct Strangers {
    next: u64,
    inside: BTreeMap<u64, Stranger>,
}

struct Stranger {
    origin: Origin,
    /// Dropped to end the connection.
    _stay: oneshot::Sender<()>,
}

/// The place of one connection among the strangers, which ends with this value.
pub(crate) struct Ticket {
    number: u64,
    shared: Arc<Shared>,
    ended: oneshot::Receiver<()>,
}

impl Ticket {
    /// Takes a connection in. The oldest one makes room where there is none.
    pub(crate) fn new(shared: &Arc<Shared>, peer: SocketAddr) -> Self {
        let (stay, ended) = oneshot::channel();
        let number = lock(&shared.strangers).admit(peer.into(), stay);
        Self {
            number,
            shared: Arc::clone(shared),
            ended,
        }
    }

    /// Waits until the connection has to make room. Cancel-safe.
    pub(crate) async fn ended(&mut self) {
        let _ = (&mut self.ended).await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.shared.strangers).inside.remove(&self.number);
    }
}

impl Strangers {
    fn admit(&mut self, origin: Origin, stay: oneshot::Sender<()>) -> u64 {
        if self.count(origin) >= MAX_STRANGERS_OF_ADDRESS {
            self.end_oldest(origin);
        } else if self.inside.len() >= MAX_STRANGERS {
            let origins = self.inside.values().map(|stranger| stranger.origin);
            if let Some(most) = origins.max_by_key(|&origin| self.count(origin)) {
                self.end_oldest(most);
            }
        }
        self.next += 1;
        let stranger = Stranger {
            origin,
            _stay: stay,
        };
        self.inside.insert(self.next, stranger);
        self.next
    }

    fn count(&self, origin: Origin) -> usize {
        let of_origin = |stranger: &&Stranger| stranger.origin == origin;
        self.inside.values().filter(of_origin).count()
    }

    fn end_oldest(&mut self, origin: Origin) {
        let mut inside = self.inside.iter();
        let oldest = inside.find(|(_, stranger)| stranger.origin == origin);
        if let Some((&number, _)) = oldest {
            self.inside.remove(&number);
        }
    }
}
