//! What an adapter needs besides the protocol, also without I/O: finding a server, TLS, logging in,
//! reconnecting.
//!
//! Applications use an adapter, `xmppwire-tokio` or `xmppwire-blocking`. This crate is for the
//! authors of another one: for another runtime, a completion-based loop, a simulation. The protocol
//! itself is in [`xmppwire`]. Each machine here takes bytes and time and says what to do next, so
//! an adapter decides nothing; it opens sockets, moves bytes and waits.
//!
//! | to write | drive | which decides |
//! |---|---|---|
//! | the way of a client or a component to its server | [`find::Attempts`] | what to look up, which address to open, when to give up |
//! | its login | [`client::Login`] | direct TLS or STARTTLS, authentication, resource binding, the handshake of a component |
//! | a session | [`client::Session`] | what is an answer and what is for the application, when a stanza may be sent |
//! | a session for several tasks | [`client::share`] | who comes next, what is woken, when the stream is closed |
//! | a client or a component that reconnects | [`client::Reconnecting`] | when to connect, to sleep and to drive |
//! | a server's connection | [`link::Link`], after a [`link::Handshake`] with direct TLS | the change to TLS, the end of the connection |
//! | a server's streams to other servers | [`federation::Federation`] | when to connect, what waits, what goes back to its sender |
//! | SRV look-ups over sockets of its own | [`find::dns::Lookup`] | what to ask which name server |
//!
//! The machines between the first and the last are driven alike, by the [`Wire`](link::Wire)
//! inside. This is a whole client adapter, over a blocking socket that polls:
//!
//! ```no_run
//! use std::io;
//! use std::io::{Read, Write};
//! use std::net::{TcpStream, ToSocketAddrs};
//! use std::task::Poll;
//! use std::time::{self, Duration};
//! use xmppwire::{Instant, Presence};
//! use xmppwire_net::client::{ConnectError, Connector, Error, Login, LoginStep, Session};
//! use xmppwire_net::find::{Attempts, Resolver, Step};
//! use xmppwire_net::link::{Wire, Wired};
//!
//! struct Pump {
//!     socket: TcpStream,
//!     start: time::Instant,
//! }
//!
//! impl Pump {
//!     fn now(&self) -> Instant {
//!         Instant::from_origin(self.start.elapsed())
//!     }
//!
//!     /// Moves bytes until the machine has a result.
//!     fn until<M: Wired, R>(&mut self, machine: &mut M, poll: impl Fn(&mut M, Instant) -> Poll<R>) -> R {
//!         loop {
//!             if let Poll::Ready(result) = poll(machine, self.now()) {
//!                 return result;
//!             }
//!             let wire = machine.wire();
//!             wire.handle_timeout(self.now());
//!             match self.socket.write(wire.output()) {
//!                 Ok(written) => wire.consume_output(written),
//!                 Err(error) => wire.write_failed(error),
//!             }
//!             // A better adapter waits for whichever comes first: room to write, bytes to read, `poll_timeout`. A
//!             // write must never wait for a read, nor a read for a write.
//!             let mut chunk = [0; 4096];
//!             match self.socket.read(&mut chunk) {
//!                 _ if !wire.wants_read() => {}
//!                 Ok(0) => wire.receive_eof(),
//!                 Ok(length) => wire.receive(self.now(), &chunk[..length]),
//!                 Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
//!                 Err(error) => wire.read_failed(error),
//!             }
//!             if wire.wants_shutdown() {
//!                 let _ = self.socket.shutdown(std::net::Shutdown::Write);
//!                 wire.shut_down();
//!             }
//!         }
//!     }
//! }
//!
//! fn connect(connector: &Connector) -> Result<(Pump, Session), ConnectError> {
//!     let start = time::Instant::now();
//!     let now = || Instant::from_origin(start.elapsed());
//!     let mut attempts = Attempts::new(connector, now());
//!     while let Some(step) = attempts.next_step(now()) {
//!         let timeout = attempts.timeout(now());
//!         match step {
//!             Step::LookUp(names) => attempts.looked_up(Resolver::system().look_up(&names, timeout)),
//!             Step::Resolve { host, port } => {
//!                 attempts.resolved((host, port).to_socket_addrs().map(Iterator::collect));
//!             }
//!             // A better adapter goes on while it waits for the connection, and takes the first that is open.
//!             Step::Open(address) => match TcpStream::connect_timeout(&address, timeout) {
//!                 Ok(socket) => match log_in(&mut attempts, socket, start) {
//!                     Ok(connected) => return Ok(connected),
//!                     Err(error) => attempts.failed(error),
//!                 },
//!                 Err(error) => attempts.not_opened(address, error),
//!             },
//!             Step::Wait(_) => unreachable!("no connection is being opened"),
//!         }
//!     }
//!     Err(attempts.into_error())
//! }
//!
//! fn log_in(
//!     attempts: &mut Attempts,
//!     socket: TcpStream,
//!     start: time::Instant,
//! ) -> Result<(Pump, Session), Error> {
//!     socket.set_read_timeout(Some(Duration::from_millis(50)))?;
//!     let mut pump = Pump { socket, start };
//!     let mut login: Login = attempts.log_in(pump.now())?;
//!     while let LoginStep::Derive(request) = pump.until(&mut login, Login::poll)? {
//!         // An event loop computes this on another thread.
//!         let salted = request.derive();
//!         login.derived(request, &salted)?;
//!     }
//!     Ok((pump, login.into_session()?))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let connector = Connector::account("juliet@example.org", "s3cr3t")?;
//! let (mut pump, mut session) = connect(&connector)?;
//! pump.until(&mut session, Session::poll_ready)?;
//! session.send(&Presence::available().into())?;
//! while let Some(stanza) = pump.until(&mut session, Session::poll_next)? {
//!     println!("{}", stanza.element().to_xml());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The modules by subject:
//!
//! | module | subject |
//! |---|---|
//! | [`find`] | domains, SRV records and their order, the attempts to connect |
//! | [`tls`] | rustls configurations, channel bindings, whose certificate counts |
//! | [`link`] | a connection of the core joined with its TLS |
//! | [`client`] | what an application wants of the link of a client or a component |
//! | [`component`] | the connector of components (XEP-0114), and the link of their servers |
//! | [`federation`] | streams to other servers, and what waits for them |
//! | [`socket`] | the options of a TCP socket |
//! | [`prelude`] | the names that an adapter re-exports |
//!
//! [`find::Resolver`] is the only code here that opens sockets: the blocking driver of SRV
//! look-ups. Randomness comes from the operating system.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod client;
pub mod component;
pub mod federation;
pub mod find;
mod jitter;
pub mod link;
mod log;
pub mod prelude;
pub mod socket;
pub mod tls;
mod told;

pub use jitter::jitter;
