//! What the xmppwire adapters share: finding a server, securing a connection to it, and coming back to it later.
//!
//! The protocol itself lives in the core crate and moves no bytes. An adapter moves them over real sockets, and before
//! it can do that it has to answer four questions, the same ones for every runtime:
//!
//! | question | module | what it gives |
//! |---|---|---|
//! | Which host names belong to this domain? | [`find`] | a [`find::Domain`], checked once, usable for DNS and for TLS |
//! | Where is its server? | [`find`] | an ordered [`find::Plan`] of hosts and ports to try |
//! | Is it really that server? | [`tls`] | rustls configurations, and the channel bindings of a finished handshake |
//! | When may I try again? | [`client::backoff`] | the delay before the next attempt, or that there is to be none |
//!
//! Above these stand the two machines that the adapters only have to move bytes for: a [`link`] is a connection of the
//! core together with its TLS, and a [`client`] is what an application wants of a link: log in, send, receive, ask.
//!
//! The only sockets are those of [`find::Resolver`], the blocking SRV
//! resolver; asynchronous adapters drive the same state machine, [`find::dns::Lookup`], over sockets of
//! their own. Randomness is an argument wherever it decides something; [`jitter`] is a source for
//! the cases where it only spreads load.
//!
//! ```
//! use xmppwire_net::find::{Domain, LookupError, Mode, Plan, Service, SrvAnswers, SrvRecord};
//!
//! let domain = Domain::parse("bücher.example")?;
//! let names = Service::CLIENT.srv_names(&domain).expect("not an address literal");
//! assert_eq!(names.starttls, "_xmpp-client._tcp.xn--bcher-kva.example");
//!
//! // Ask the DNS for both names (see `find::dns`), then turn the answers into an order of attempts.
//! let answers = SrvAnswers {
//!     direct_tls: Err(LookupError::TimedOut),
//!     starttls: Ok(vec![SrvRecord::new(10, 0, 5222, Some("xmpp.example.net"))]),
//! };
//! let plan = Plan::from_answers(&Service::CLIENT, &domain, answers, xmppwire_net::jitter)?;
//! assert_eq!(plan.targets()[0].host, "xmpp.example.net");
//! assert_eq!(plan.targets()[0].mode, Mode::StartTls);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod client;
pub mod find;
mod jitter;
pub mod link;
mod log;
pub mod tls;

pub use jitter::jitter;
