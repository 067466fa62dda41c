//! Where the server of a domain is: SRV records put in order, and the attempts to connect to the hosts that they name
//! (RFC 6120 §3.2, RFC 2782, XEP-0368).
//!
//! A [`Service`] names the two kinds of SRV record that a domain may publish, one for TLS from the first byte and one
//! for STARTTLS. When their answers are in, [`Plan::from_answers`] decides what to try in which order, or that there is
//! nothing to try. It is a pure function: the answers and the randomness come from outside.

mod attempts;
pub mod dns;
mod domain;
mod failures;
mod order;
mod plan;
mod redirect;
mod service;

pub use attempts::{Attempts, Step};
pub use dns::{LookupError, NameServers, Resolver, SrvRecord};
pub use domain::{Domain, InvalidDomain};
pub use failures::{Failure, Failures};
pub use plan::{Mode, Origin, Plan, PlanError, SrvAnswers, Target};
pub(crate) use redirect::Redirect;
pub use service::{Service, SrvNames};
