//! One look-up as a state machine.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use super::message::{self, Reply};
use super::{LookupError, NameServers, SrvRecord};

/// Datagrams from the name server's address that answer another query, after which TCP is used.
/// They are attempts to guess the query id, and an attacker off the path cannot forge an answer
/// over TCP.
const MAX_STRAY: u32 = 16;

/// A query to send, and the server to send it to.
#[derive(Clone, Debug)]
pub struct Exchange {
    tcp: bool,
    server: SocketAddr,
    timeout: Duration,
    id: u16,
    bytes: Vec<u8>,
}

impl Exchange {
    /// Bytes of the largest datagram to make room for. Without EDNS an answer has at most 512
    /// octets (RFC 1035 §4.2.1), but some servers send more.
    pub const MAX_DATAGRAM: usize = 4096;

    /// Whether to use a TCP connection, with one message each way, each after two octets with its
    /// length (RFC 1035 §4.2.2). Otherwise one datagram goes each way over UDP.
    pub const fn is_tcp(&self) -> bool {
        self.tcp
    }

    /// Where to connect the socket to.
    pub const fn server(&self) -> SocketAddr {
        self.server
    }

    /// How long the whole exchange may take, opening a TCP connection included.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What to send: the datagram, or for TCP the message with its length before it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A look-up of SRV records in progress. The [module](super) shows how it is driven.
#[derive(Debug)]
pub struct Lookup {
    name: String,
    timeout: Duration,
    /// The attempts after the current one, each with its query id.
    waiting: VecDeque<(SocketAddr, u16)>,
    current: Option<Exchange>,
    stray: u32,
    result: Result<Vec<SrvRecord>, LookupError>,
}

impl Lookup {
    /// Begins to look up the SRV records of `name`, an absolute name of A-labels like those of
    /// [`Service::srv_names`](crate::find::Service::srv_names).
    ///
    /// # Errors
    ///
    /// [`LookupError::InvalidName`] for a name that does not fit, [`LookupError::NoNameServers`] if
    /// there is no server to ask, [`LookupError::NoRandomness`] if the operating system gives no
    /// query ids.
    pub fn srv(name: &str, servers: &NameServers) -> Result<Self, LookupError> {
        Self::with_ids(name, servers, random_id)
    }

    /// `id` gives one unpredictable query id a call, and is called once for each attempt that may
    /// become necessary.
    fn with_ids(
        name: &str,
        servers: &NameServers,
        mut id: impl FnMut() -> Result<u16, LookupError>,
    ) -> Result<Self, LookupError> {
        message::query(0, name)?;
        let mut lookup = Self {
            name: name.to_owned(),
            timeout: servers.timeout(),
            waiting: servers
                .attempts()
                .map(|server| Ok((server, id()?)))
                .collect::<Result<_, LookupError>>()?,
            current: None,
            stray: 0,
            result: Err(LookupError::NoNameServers),
        };
        lookup.next_attempt();
        match lookup.current {
            Some(_) => Ok(lookup),
            None => Err(LookupError::NoNameServers),
        }
    }

    /// What to send now, or `None` when the look-up is finished.
    pub fn exchange(&self) -> Option<&Exchange> {
        self.current.as_ref()
    }

    /// Takes a datagram, or a TCP message without its length, that the server of the current
    /// exchange has sent.
    ///
    /// Ready when the exchange is over: look at [`exchange`](Self::exchange) again. Pending if the
    /// message is no answer to the query: go on waiting, without more time.
    pub fn receive(&mut self, message: &[u8]) -> Poll<()> {
        let Some(exchange) = &self.current else {
            return Poll::Ready(());
        };
        match (
            message::reply(message, exchange.id, &self.name),
            exchange.tcp,
        ) {
            (Reply::Records(records), _) => {
                self.result = Ok(records);
                self.current = None;
            }
            (Reply::Truncated, false) => self.turn_to_tcp(),
            (Reply::NotOurs, false) => {
                self.stray = self.stray.saturating_add(1);
                if self.stray < MAX_STRAY {
                    return Poll::Pending;
                }
                self.turn_to_tcp();
            }
            (Reply::Truncated | Reply::NotOurs, true) => self.fail(LookupError::Malformed),
            (Reply::Failed(error), _) => self.fail(error),
        }
        Poll::Ready(())
    }

    /// Gives the current exchange up, with [`LookupError::TimedOut`] when its time is over or
    /// [`LookupError::Io`] when its socket failed. The next server comes next. Without effect once
    /// the look-up is finished.
    pub fn fail(&mut self, why: LookupError) {
        if self.current.is_some() {
            self.result = Err(why);
            self.next_attempt();
        }
    }

    /// The records; empty if the name has none.
    ///
    /// # Errors
    ///
    /// The reason that the last attempt failed for, if none was answered; [`LookupError::TimedOut`]
    /// if the look-up is not finished.
    pub fn finish(self) -> Result<Vec<SrvRecord>, LookupError> {
        match self.current {
            Some(_) => Err(LookupError::TimedOut),
            None => self.result,
        }
    }

    fn next_attempt(&mut self) {
        self.stray = 0;
        self.current = self.waiting.pop_front().and_then(|(server, id)| {
            // Unreachable: a query for this name was made before the first attempt.
            let bytes = message::query(id, &self.name).ok()?;
            Some(Exchange {
                tcp: false,
                server,
                timeout: self.timeout,
                id,
                bytes,
            })
        });
    }

    fn turn_to_tcp(&mut self) {
        if let Some(exchange) = &mut self.current {
            // A query has one name of at most 255 octets, so its length fits.
            let length = u16::try_from(exchange.bytes.len()).unwrap_or_default();
            exchange.bytes.splice(..0, length.to_be_bytes());
            exchange.tcp = true;
        }
    }
}

/// A query id that an attacker off the path cannot guess (RFC 5452 §9).
fn random_id() -> Result<u16, LookupError> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|_| LookupError::NoRandomness)?;
    Ok(u16::from_be_bytes(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "_xmpp-client._tcp.example.org";

    fn servers() -> NameServers {
        let servers = [1, 2].map(|n| SocketAddr::from(([192, 0, 2, n], 53)));
        NameServers::new(servers)
    }

    fn lookup() -> Lookup {
        let mut id = 0;
        Lookup::with_ids(NAME, &servers(), || {
            id += 1;
            Ok(id)
        })
        .unwrap()
    }

    /// The current query turned into an answer with these flags and no records.
    fn answer(lookup: &Lookup, flags: u16) -> Vec<u8> {
        let exchange = lookup.exchange().unwrap();
        let skip = if exchange.is_tcp() { 2 } else { 0 };
        let mut message = exchange.bytes()[skip..].to_vec();
        message[2..4].copy_from_slice(&flags.to_be_bytes());
        message
    }

    fn asked(lookup: &Lookup) -> (bool, u8) {
        let exchange = lookup.exchange().unwrap();
        match exchange.server() {
            SocketAddr::V4(server) => (exchange.is_tcp(), server.ip().octets()[3]),
            SocketAddr::V6(_) => unreachable!(),
        }
    }

    const OK: u16 = 0x8180;
    const SERVFAIL: u16 = 0x8182;
    const TRUNCATED: u16 = 0x8380;

    #[test]
    fn the_first_answer_ends_it() {
        let mut lookup = lookup();
        let message = answer(&lookup, OK);
        assert_eq!(lookup.receive(&message), Poll::Ready(()));
        assert!(lookup.exchange().is_none());
        lookup.fail(LookupError::TimedOut);
        assert_eq!(lookup.receive(b""), Poll::Ready(()));
        assert_eq!(lookup.finish(), Ok(vec![]));
    }

    #[test]
    fn every_server_has_its_turn_twice_with_a_new_id() {
        let mut lookup = lookup();
        let mut seen = Vec::new();
        while let Some(exchange) = lookup.exchange() {
            seen.push((asked(&lookup).1, exchange.bytes()[1]));
            if seen.len() % 2 == 0 {
                let message = answer(&lookup, SERVFAIL);
                assert_eq!(lookup.receive(&message), Poll::Ready(()));
            } else {
                lookup.fail(LookupError::TimedOut);
            }
        }
        assert_eq!(seen, [(1, 1), (2, 2), (1, 3), (2, 4)]);
        assert_eq!(lookup.finish(), Err(LookupError::Server(2)));
    }

    #[test]
    fn a_truncated_answer_is_fetched_over_tcp() {
        let mut lookup = lookup();
        let message = answer(&lookup, TRUNCATED);
        assert_eq!(lookup.receive(&message), Poll::Ready(()));
        assert_eq!(asked(&lookup), (true, 1));
        let bytes = lookup.exchange().unwrap().bytes();
        assert_eq!(bytes[..2], (bytes.len() as u16 - 2).to_be_bytes());
        let message = answer(&lookup, OK);
        assert_eq!(lookup.receive(&message), Poll::Ready(()));
        assert_eq!(lookup.finish(), Ok(vec![]));
    }

    #[test]
    fn nonsense_over_tcp_gives_the_next_server_its_turn() {
        for flags in [TRUNCATED, 0] {
            let mut lookup = lookup();
            let message = answer(&lookup, TRUNCATED);
            assert_eq!(lookup.receive(&message), Poll::Ready(()));
            let message = answer(&lookup, flags);
            assert_eq!(lookup.receive(&message), Poll::Ready(()));
            assert_eq!(asked(&lookup), (false, 2));
        }
    }

    #[test]
    fn guesses_are_ignored_until_there_are_too_many() {
        let mut lookup = lookup();
        let mut guess = answer(&lookup, OK);
        for id in 0..MAX_STRAY - 1 {
            guess[0] = id as u8 + 1;
            assert_eq!(lookup.receive(&guess), Poll::Pending);
        }
        assert_eq!(lookup.receive(&guess), Poll::Ready(()));
        assert_eq!(asked(&lookup), (true, 1));
    }

    #[test]
    fn a_lookup_that_cannot_start_says_why() {
        let no_servers = NameServers::new([]);
        let id = || Ok(1);
        assert_eq!(
            Lookup::with_ids(NAME, &no_servers, id).unwrap_err(),
            LookupError::NoNameServers
        );
        assert_eq!(
            Lookup::with_ids(&"a".repeat(64), &servers(), id).unwrap_err(),
            LookupError::InvalidName
        );
        assert_eq!(
            Lookup::with_ids(NAME, &servers(), || Err(LookupError::NoRandomness)).unwrap_err(),
            LookupError::NoRandomness
        );
    }

    #[test]
    fn giving_up_early_is_a_time_out() {
        assert_eq!(lookup().finish(), Err(LookupError::TimedOut));
    }
}
