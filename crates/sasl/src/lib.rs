//! SASL for XMPP (RFC 6120 §6) as machines without I/O: octets in, octets out.
//!
//! The mechanisms are SCRAM (RFC 5802) with SHA-1, SHA-256 (RFC 7677) and SHA-512, its `-PLUS`
//! variants with `tls-exporter` (RFC 9266), `tls-unique` and `tls-server-end-point` (RFC 5929),
//! EXTERNAL (RFC 4422 Appendix A), PLAIN (RFC 4616) and ANONYMOUS (RFC 4505). Both sides are here:
//! [`ClientExchange`] and [`ServerExchange`]. SCRAM protects the server's offer (XEP-0474).
//!
//! ```
//! use xmppwire_sasl::{
//!     ChannelBindings, ClientExchange, Credentials, Offer, MechanismPolicy, choose, wire,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let offer = Offer::new(["SCRAM-SHA-256", "SCRAM-SHA-1"]); // <mechanisms/> from the server
//! let bindings = ChannelBindings::none(); // what the TLS library says of the connection
//! let nonce = [7; 24]; // random in real use
//!
//! let credentials = Credentials::new("juliet", "r0m30myr0m30");
//! let mechanism = choose(&offer, &credentials, &bindings, MechanismPolicy::default());
//! let mechanism = mechanism.ok_or("no mechanism")?;
//! let mut login = ClientExchange::new(mechanism, &credentials, &bindings, &offer, nonce)?;
//! let auth = wire::encode(&login.initial_response()); // the text of <auth/>
//! # assert!(auth.starts_with("biwsbj1qdWxpZXQscj"));
//! // Every <challenge/> goes through `login.respond(…)`, and <success/> through
//! // `login.finish(…)`, which fails if the server has not proved that it knows the password.
//! # Ok(())
//! # }
//! ```
//!
//! # Whose fault it is
//!
//! A peer can neither make these machines panic nor take more memory or time than the caps allow:
//! [`MAX_MESSAGE`] and its siblings, and [`ClientExchange::with_iterations`]. What a server does
//! wrong is a [`ClientError`]; what a client does wrong is a [`ServerStep::Failure`] with the
//! condition to send, and a [`Rejection`] for the log.
//!
//! # Secrets
//!
//! Passwords and everything derived from them are wiped on drop, compared in constant time, and
//! never shown by `Debug`, in any build. Wiping is best effort: registers and spilled copies are
//! out of reach. Messages are handed out as plain octets; with PLAIN the client's holds the
//! password.
//!
//! # Time
//!
//! Key derivation is meant to be slow. It runs in line, inside [`ClientExchange::respond`],
//! [`ScramKeys::derive`], [`ScramKeys::verify`], and [`ServerExchange::answer`] with PLAIN. A
//! client can move it elsewhere: [`ClientExchange::step`] returns it as a [`Derivation`], a value
//! that another thread can compute. A server that answers SCRAM from stored keys derives nothing.
//!
//! # Features
//!
//! The crate is `no_std` with `alloc`. The default feature `std` adds nothing but is passed on to
//! dependencies.

#![no_std]

extern crate alloc;

mod anonymous;
mod channel_binding;
mod choose;
mod client;
mod condition;
mod credentials;
mod decoy;
mod error;
mod external;
mod limits;
mod mechanism;
mod offer;
mod plain;
mod prepare;
mod saslprep;
mod scram;
mod server;
pub mod wire;

pub use channel_binding::{ChannelBindingType, ChannelBindings};
pub use choose::{MechanismPolicy, choose};
pub use client::{ClientExchange, ClientStep};
pub use condition::Condition;
pub use credentials::{Credentials, Password};
pub use decoy::DecoyKey;
pub use error::{
    ClientError, CredentialsError, KeysError, MessageError, Rejection, ScramServerError,
};
pub use limits::{
    DEFAULT_ITERATIONS, MAX_AUTHZID, MAX_MESSAGE, MAX_NONCE, MAX_PASSWORD, MAX_SALT, MAX_TRACE,
    MAX_USERNAME,
};
pub use mechanism::{Mechanism, ScramHash};
pub use offer::Offer;
pub use saslprep::{SaslPrepError, StringKind, saslprep};
pub use scram::derivation::{Derivation, SaltedPassword};
pub use scram::keys::ScramKeys;
pub use server::{ServerAnswer, ServerExchange, ServerQuestion, ServerStep};
