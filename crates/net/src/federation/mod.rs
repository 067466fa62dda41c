//! Streams to and from other servers, as machines without I/O.
//!
//! | machine | what it does |
//! |---|---|
//! | [`Hub`] | what an adapter drives: the pool, the limits of connections, what the application gets |
//! | [`Outbound`], [`Inbound`] | one connection: its servers and addresses, TLS, negotiation, stanzas |
//! | [`Federation`] | the pool alone, for programs that make their connections themselves |
//!
//! # The pool
//!
//! A server gives [`Federation`] the stanzas for other domains and the dialback keys that other
//! servers showed it. The pool decides which stream carries which [`Pair`](xmppwire::s2s::Pair) of
//! domains, what waits and for how long, when to connect again, when to close, and what goes back
//! to its sender with which error. Its driver connects, and moves what the [`Step`]s name:
//!
//! ```
//! use xmppwire::s2s::Pair;
//! use xmppwire::{Domainpart, Instant, Jid, Message};
//! use xmppwire_net::federation::{End, Federation, FederationLimits, Policies, Purpose, Step, Told};
//!
//! let mut pool = Federation::new(FederationLimits::default(), Policies::default());
//! let now = Instant::ORIGIN;
//! let mut message = Message::chat(Jid::new("romeo@montague.example")?, "Ciao").into();
//! # let message: &mut xmppwire::Stanza = &mut message;
//! message.set_from(Some(Jid::new("juliet@capulet.example")?));
//! pool.route(now, message.clone())?;
//!
//! let Some(Step::Connect { key, pair, purpose: Purpose::Stanzas, .. }) = pool.poll(now) else { panic!() };
//! assert_eq!(pair, Pair::new(Domainpart::new("capulet.example")?, Domainpart::new("montague.example")?));
//! assert!(pool.poll(now).is_none());
//!
//! // The driver connects, and SASL or dialback authorises the pair.
//! pool.told(now, key, Told::Ready(pair));
//! assert!(matches!(pool.poll(now), Some(Step::Send(to, _)) if to == key));
//! pool.told(now, key, Told::Flushed);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod alarms;
mod carry;
mod config;
mod guests;
mod hub;
mod inbound;
mod outbound;
mod pool;
mod queue;
mod remote;
mod report;
mod roads;
mod room;
mod session;
mod settle;
mod site;
mod step;
mod stream;
mod verify;

pub use config::{DomainPolicy, FederationLimits, Policies};
pub use hub::{Hub, HubStep};
pub use inbound::Inbound;
pub use outbound::{Next, Outbound};
pub use pool::Federation;
pub use report::{FederationEvent, Order, Report};
pub use site::{FederationConfig, LocalDomain};
pub use step::{End, Key, NotRouted, Overload, Purpose, Step, Told, Undelivered};

#[cfg(test)]
mod tests;
