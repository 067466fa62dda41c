//! Several addresses of one host at once (RFC 8305).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use xmppwire::Instant;

/// How long the connections that are being opened have before another one begins beside them: the
/// time that RFC 8305 §5 recommends.
const HEAD_START: Duration = Duration::from_millis(250);

/// Most connections that are being opened at once. Addresses beyond them wait until one fails.
const MOST_AT_ONCE: usize = 4;

/// Most addresses of one host that are tried.
const MOST_ADDRESSES: usize = 32;

/// A race for the first TCP connection to a host with several addresses: Happy Eyeballs (RFC 8305).
///
/// A host is often reachable over one of IPv6 and IPv4 only, and an address that nothing answers at
/// costs the whole time to connect. So the families take turns, and each connection has a head start
/// of 250 milliseconds before the next one begins beside it. One that fails is followed at once. At
/// most four are open at the same time, and at most 32 addresses are tried.
///
/// ```
/// use std::net::SocketAddr;
/// use xmppwire::Instant;
/// use xmppwire_net::find::{Race, RaceStep};
///
/// let now = Instant::ORIGIN;
/// let addresses: [SocketAddr; 3] = [
///     "[2001:db8::1]:5222".parse()?,
///     "[2001:db8::2]:5222".parse()?,
///     "192.0.2.1:5222".parse()?,
/// ];
/// let mut race = Race::new(addresses);
/// assert_eq!(race.next_step(now), Some(RaceStep::Open(addresses[0])));
/// // No family has to wait for all addresses of the other one.
/// let Some(RaceStep::Wait(Some(later))) = race.next_step(now) else { panic!() };
/// assert_eq!(race.next_step(later), Some(RaceStep::Open(addresses[2])));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug)]
pub struct Race {
    waiting: VecDeque<SocketAddr>,
    opening: Vec<SocketAddr>,
    /// When the next one may begin, while there are others.
    next: Instant,
}

/// What a driver does next. It has to know every step, so the list is exhaustive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RaceStep {
    /// Begin to open a connection to this address, beside those that are being opened.
    Open(SocketAddr),
    /// Wait until one of the connections is open or has failed, but not beyond this time, and then
    /// ask again.
    Wait(Option<Instant>),
}

impl Race {
    /// A race between these addresses, which the system has put in order (RFC 6724). The first one
    /// begins, and from there on the families take turns (RFC 8305 §4).
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let mut first = VecDeque::new();
        let mut second = VecDeque::new();
        let mut family = None;
        for address in addresses {
            let queue = match *family.get_or_insert(address.is_ipv6()) == address.is_ipv6() {
                true => &mut first,
                false => &mut second,
            };
            if !queue.contains(&address) && queue.len() < MOST_ADDRESSES {
                queue.push_back(address);
            }
        }
        let mut waiting = VecDeque::new();
        while waiting.len() < MOST_ADDRESSES && !(first.is_empty() && second.is_empty()) {
            waiting.extend(first.pop_front());
            waiting.extend(second.pop_front());
        }
        Self {
            waiting,
            opening: Vec::new(),
            next: Instant::ORIGIN,
        }
    }

    /// What to do next; `None` when every address has failed.
    ///
    /// Once a connection is open, the race is over: the driver drops the others, and asks no more.
    pub fn next_step(&mut self, now: Instant) -> Option<RaceStep> {
        if self.opening.len() >= MOST_AT_ONCE {
            return Some(RaceStep::Wait(None));
        }
        let Some(address) = self.waiting.front() else {
            return (!self.opening.is_empty()).then_some(RaceStep::Wait(None));
        };
        if !self.opening.is_empty() && now < self.next {
            return Some(RaceStep::Wait(Some(self.next)));
        }
        let address = *address;
        self.waiting.pop_front();
        self.opening.push(address);
        self.next = now + HEAD_START;
        Some(RaceStep::Open(address))
    }

    /// The connection to this address could not be opened. The next one need not wait.
    pub fn failed(&mut self, address: SocketAddr) {
        self.opening.retain(|opening| *opening != address);
        self.next = Instant::ORIGIN;
    }

    /// The addresses that have not failed, other than this one.
    pub(crate) fn others(self, winner: SocketAddr) -> Vec<SocketAddr> {
        let others = self.opening.into_iter().chain(self.waiting);
        others.filter(|address| *address != winner).collect()
    }

    /// Whether every address has failed.
    pub fn is_lost(&self) -> bool {
        self.waiting.is_empty() && self.opening.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::ORIGIN;

    fn v4(n: u8) -> SocketAddr {
        ([192, 0, 2, n], 5222).into()
    }

    fn v6(n: u16) -> SocketAddr {
        ([0x2001, 0xdb8, 0, 0, 0, 0, 0, n], 5222).into()
    }

    /// Lets every connection hang; returns when which one begins, in milliseconds.
    fn starts(race: &mut Race, until: Duration) -> Vec<(u128, SocketAddr)> {
        let mut all = Vec::new();
        let mut now = NOW;
        while now.since_origin() <= until {
            match race.next_step(now) {
                Some(RaceStep::Open(address)) => {
                    all.push((now.since_origin().as_millis(), address))
                }
                Some(RaceStep::Wait(Some(later))) => now = later,
                Some(RaceStep::Wait(None)) | None => break,
            }
        }
        all
    }

    #[test]
    fn families_take_turns_with_a_head_start() {
        let mut race = Race::new([v6(1), v6(2), v6(3), v4(1), v4(2)]);
        let all = starts(&mut race, Duration::from_secs(60));
        let expected = [(0, v6(1)), (250, v4(1)), (500, v6(2)), (750, v4(2))];
        assert_eq!(all, expected, "four at once");
        assert_eq!(
            race.next_step(NOW + Duration::from_secs(60)),
            Some(RaceStep::Wait(None))
        );
        race.failed(v6(2));
        let next = race.next_step(NOW + Duration::from_secs(60));
        assert_eq!(next, Some(RaceStep::Open(v6(3))));
    }

    #[test]
    fn the_first_family_is_that_of_the_first_address() {
        let mut race = Race::new([v4(1), v6(1), v6(2)]);
        let all = starts(&mut race, Duration::from_secs(1));
        assert_eq!(all, [(0, v4(1)), (250, v6(1)), (500, v6(2))]);
    }

    #[test]
    fn a_failure_is_followed_at_once() {
        let mut race = Race::new([v6(1), v4(1), v4(2)]);
        let brief = NOW + Duration::from_millis(3);
        assert_eq!(race.next_step(NOW), Some(RaceStep::Open(v6(1))));
        race.failed(v6(1));
        assert_eq!(race.next_step(brief), Some(RaceStep::Open(v4(1))));
        let next = brief + HEAD_START;
        assert_eq!(race.next_step(brief), Some(RaceStep::Wait(Some(next))));
        race.failed(v4(1));
        assert_eq!(race.next_step(brief), Some(RaceStep::Open(v4(2))));
        assert!(!race.is_lost());
        race.failed(v4(2));
        assert!(race.is_lost());
        assert_eq!(race.next_step(brief), None);
    }

    #[test]
    fn addresses_are_tried_once_and_not_without_end() {
        let mut race = Race::new([v4(1), v4(1), v4(1)]);
        assert_eq!(starts(&mut race, Duration::from_secs(9)), [(0, v4(1))]);
        let mut race = Race::new((0..=255).map(v4).chain((0..1000).map(v6)));
        let mut tried = 0;
        while let Some(RaceStep::Open(address)) = race.next_step(NOW) {
            tried += 1;
            race.failed(address);
        }
        assert_eq!(tried, MOST_ADDRESSES);
        assert_eq!(Race::new([]).next_step(NOW), None);
    }
}
