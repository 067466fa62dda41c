//! SRV look-ups over `std::net`, blocking the calling thread.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use super::{Exchange, Lookup, LookupError, NameServers, SrvRecord};
use crate::find::{Domain, Plan, PlanError, Service, SrvAnswers, SrvNames};

/// A blocking resolver for SRV records. It has no cache, because a client looks its server up once
/// a connection.
#[derive(Clone, Debug)]
pub struct Resolver {
    servers: Result<NameServers, LookupError>,
}

impl Resolver {
    /// Asks the name servers of the system. If it has none, or if there is no way to know them,
    /// every look-up fails with [`LookupError::NoNameServers`], and [`plan`](Self::plan) falls back
    /// to the domain itself.
    pub fn system() -> Self {
        Self {
            servers: NameServers::system(),
        }
    }

    /// Asks these name servers.
    pub fn new(servers: NameServers) -> Self {
        Self {
            servers: Ok(servers),
        }
    }

    /// Looks up where the server of `domain` is, with both SRV queries at the same time, and makes
    /// the plan.
    ///
    /// Blocks for as long as the name servers take: at worst twice their time-out, for UDP and TCP,
    /// for each server and round.
    ///
    /// # Errors
    ///
    /// Those of [`Plan::from_answers`]. If the look-up fails, the plan is the domain itself, and
    /// the plan's [`origin`](Plan::origin) says why.
    pub fn plan(&self, service: &Service, domain: &Domain) -> Result<Plan, PlanError> {
        let Some(names) = service.srv_names(domain) else {
            return Ok(Plan::fallback(service, domain));
        };
        let answers = self.look_up(&names, Duration::MAX);
        Plan::from_answers(service, domain, answers, crate::jitter)
    }

    /// Looks both names up at the same time, for no longer than `timeout`.
    pub fn look_up(&self, names: &SrvNames, timeout: Duration) -> SrvAnswers {
        let deadline = Deadline::after(timeout);
        thread::scope(|scope| {
            let direct_tls = thread::Builder::new()
                .spawn_scoped(scope, || self.srv_until(&names.direct_tls, &deadline))
                .map_err(|error| LookupError::Io(error.kind()));
            let starttls = self.srv_until(&names.starttls, &deadline);
            let direct_tls = direct_tls.and_then(|thread| {
                thread
                    .join()
                    .unwrap_or(Err(LookupError::Io(io::ErrorKind::Other)))
            });
            SrvAnswers {
                direct_tls,
                starttls,
            }
        })
    }

    /// Looks up the SRV records of an absolute name of A-labels, for no longer than `timeout`; none
    /// is an empty list.
    ///
    /// # Errors
    ///
    /// [`LookupError`], if no name server gave an answer.
    pub fn srv(&self, name: &str, timeout: Duration) -> Result<Vec<SrvRecord>, LookupError> {
        self.srv_until(name, &Deadline::after(timeout))
    }

    fn srv_until(&self, name: &str, deadline: &Deadline) -> Result<Vec<SrvRecord>, LookupError> {
        let servers = self.servers.as_ref().map_err(Clone::clone)?;
        let mut lookup = Lookup::srv(name, servers)?;
        while let Some(exchange) = lookup.exchange().cloned() {
            let Ok(left) = deadline.left() else {
                return Err(LookupError::TimedOut);
            };
            let deadline = Deadline::after(exchange.timeout().min(left));
            let done = match exchange.is_tcp() {
                false => over_udp(&exchange, &mut lookup, &deadline),
                true => over_tcp(&exchange, &mut lookup, &deadline),
            };
            if let Err(error) = done {
                lookup.fail(failure(&error));
            }
        }
        lookup.finish()
    }
}

fn over_udp(exchange: &Exchange, lookup: &mut Lookup, deadline: &Deadline) -> io::Result<()> {
    let any: SocketAddr = match exchange.server() {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    // Port zero asks for a new random port. A connected socket takes datagrams from the server only
    // (RFC 5452 §9).
    let socket = UdpSocket::bind(any)?;
    socket.connect(exchange.server())?;
    socket.send(exchange.bytes())?;
    let mut buffer = vec![0; Exchange::MAX_DATAGRAM];
    loop {
        socket.set_read_timeout(Some(deadline.left()?))?;
        let length = match socket.recv(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        };
        let message = buffer.get(..length).unwrap_or_default();
        if lookup.receive(message).is_ready() {
            return Ok(());
        }
    }
}

fn over_tcp(exchange: &Exchange, lookup: &mut Lookup, deadline: &Deadline) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&exchange.server(), deadline.left()?)?;
    stream.set_write_timeout(Some(deadline.left()?))?;
    stream.write_all(exchange.bytes())?;
    let mut length = [0; 2];
    read_exact(&mut stream, &mut length, deadline)?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    read_exact(&mut stream, &mut message, deadline)?;
    // Over TCP a message always ends the exchange.
    let _ = lookup.receive(&message);
    Ok(())
}

/// Fills the buffer before the deadline, however slowly the octets arrive.
fn read_exact(
    stream: &mut TcpStream,
    mut buffer: &mut [u8],
    deadline: &Deadline,
) -> io::Result<()> {
    while !buffer.is_empty() {
        stream.set_read_timeout(Some(deadline.left()?))?;
        match stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => buffer = buffer.get_mut(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Unix sockets report a time-out as `WouldBlock`, Windows sockets as `TimedOut`.
fn failure(error: &io::Error) -> LookupError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => LookupError::TimedOut,
        kind => LookupError::Io(kind),
    }
}

struct Deadline {
    start: Instant,
    limit: Duration,
}

impl Deadline {
    fn after(limit: Duration) -> Self {
        Self {
            start: Instant::now(),
            limit,
        }
    }

    /// The time that is left. Never zero, which a socket would take for "no limit".
    fn left(&self) -> io::Result<Duration> {
        match self.limit.saturating_sub(self.start.elapsed()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }
}
