//! Finding the server of a domain: SRV records and their order, and the attempts to connect
//! (RFC 6120 §3.2, RFC 2782, XEP-0368).
//!
//! A client drives [`Attempts`]. The steps inside it can be used alone: a [`Service`] names the two
//! kinds of SRV records that a domain may publish, one for direct TLS and one for STARTTLS. [`dns`]
//! looks them up, and [`Plan::from_answers`] decides from the answers what to try in which order,
//! or that there is nothing to try. It is a pure function: the answers and the randomness are
//! arguments.
//!
//! ```
//! use xmppwire_net::find::{Domain, LookupError, Mode, Plan, Service, SrvAnswers, SrvRecord};
//!
//! let domain = Domain::parse("bücher.example")?;
//! let names = Service::CLIENT.srv_names(&domain).expect("not an address literal");
//! assert_eq!(names.starttls, "_xmpp-client._tcp.xn--bcher-kva.example");
//!
//! // Ask the DNS for both names, then decide from the answers.
//! let record = SrvRecord::new(10, 0, 5222, Some("xmpp.example.net"));
//! let answers = SrvAnswers::new(Err(LookupError::TimedOut), Ok(vec![record]));
//! let plan = Plan::from_answers(&Service::CLIENT, &domain, answers, xmppwire_net::jitter)?;
//! assert_eq!(plan.targets()[0].host, "xmpp.example.net");
//! assert_eq!(plan.targets()[0].mode, Mode::StartTls);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attempts;
pub mod dns;
mod domain;
mod failures;
mod order;
mod plan;
mod race;
mod redirect;
mod service;

pub use attempts::{Attempts, Step};
pub use dns::{LookupError, NameServers, Resolver, SrvRecord};
pub use domain::{Domain, InvalidDomain};
pub use failures::{Failure, Failures};
pub use plan::{Mode, Origin, Plan, PlanError, SrvAnswers, Target};
pub use race::{Race, RaceStep};
pub(crate) use redirect::Redirect;
pub use service::{Service, SrvNames};
