//! The connections of other servers, and how many there may be.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use super::Key;

/// How many connections of other servers there may be at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct IncomingLimits {
    pub(super) all: usize,
    pub(super) per_address: usize,
    pub(super) unproven: usize,
}

#[derive(Debug)]
pub(super) struct Guests {
    limits: IncomingLimits,
    guests: BTreeMap<Key, Guest>,
    by_address: BTreeMap<IpAddr, usize>,
    unproven: usize,
}

#[derive(Debug)]
struct Guest {
    from: IpAddr,
    /// Whether it proved a domain.
    proven: bool,
}

impl Guests {
    pub(super) const fn new(limits: IncomingLimits) -> Self {
        Self {
            limits,
            guests: BTreeMap::new(),
            by_address: BTreeMap::new(),
            unproven: 0,
        }
    }

    pub(super) fn has_room_for(&self, from: IpAddr) -> bool {
        let same = self.by_address.get(&network(from)).copied().unwrap_or(0);
        self.guests.len() < self.limits.all
            && same < self.limits.per_address
            && self.unproven < self.limits.unproven
    }

    pub(super) fn add(&mut self, key: Key, from: IpAddr) {
        let from = network(from);
        let same = self.by_address.entry(from).or_default();
        *same = same.saturating_add(1);
        self.unproven = self.unproven.saturating_add(1);
        let proven = false;
        self.guests.insert(key, Guest { from, proven });
    }

    /// Notes that the other server proved a domain.
    pub(super) fn set_proven(&mut self, key: Key) {
        if let Some(guest) = self.guests.get_mut(&key)
            && !std::mem::replace(&mut guest.proven, true)
        {
            self.unproven = self.unproven.saturating_sub(1);
        }
    }

    pub(super) fn remove(&mut self, key: Key) {
        let Some(Guest { from, proven }) = self.guests.remove(&key) else {
            return;
        };
        self.unproven = self.unproven.saturating_sub((!proven).into());
        if let Some(same) = self.by_address.get_mut(&from) {
            *same = same.saturating_sub(1);
            if *same == 0 {
                self.by_address.remove(&from);
            }
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.guests.keys().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.guests.is_empty()
    }
}

/// What counts as one address: of IPv6 the network of 64 bits, because a host has them all.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let mask = u128::from(u64::MAX) << 64;
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_limit_holds() {
        let limits = IncomingLimits {
            all: 4,
            per_address: 2,
            unproven: 3,
        };
        let mut guests = Guests::new(limits);
        let (a, b) = (address("2001:db8::1"), address("192.0.2.1"));
        guests.add(Key(0), a);
        guests.add(Key(1), address("2001:db8::ffff"));
        // The same network has its share.
        assert!(!guests.has_room_for(a));
        assert!(guests.has_room_for(address("2001:db8:0:1::1")));
        guests.add(Key(2), b);
        // Three have proven nothing.
        assert!(!guests.has_room_for(address("192.0.2.2")));
        guests.set_proven(Key(2));
        guests.set_proven(Key(2));
        assert!(guests.has_room_for(address("192.0.2.2")));
        guests.set_proven(Key(1));
        guests.add(Key(3), address("::ffff:192.0.2.1"));
        // The address counts in both notations, and four are all.
        assert!(!guests.has_room_for(b) && !guests.has_room_for(address("192.0.2.2")));
        for key in 0..4 {
            guests.remove(Key(key));
            guests.remove(Key(key));
        }
        assert!(guests.is_empty() && guests.by_address.is_empty());
        assert_eq!(guests.unproven, 0);
    }
}
