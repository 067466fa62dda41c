//! SASL for XMPP (RFC 6120 §6) as state machines without I/O: octets in, octets out.
//!
//! The mechanisms are SCRAM (RFC 5802) with SHA-1, SHA-256 (RFC 7677) and SHA-512, its `-PLUS`
//! variants with `tls-exporter` (RFC 9266), `tls-unique` and `tls-server-end-point` (RFC 5929),
//! EXTERNAL (RFC 4422 Appendix A), PLAIN (RFC 4616) and ANONYMOUS (RFC 4505). The crate implements
//! both sides: [`ClientExchange`] and [`ServerExchange`]. SCRAM protects the server's offer
//! (XEP-0474). Logins with tokens (XEP-0484) are apart: [`TokenLogin`] and [`TokenProof`].
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
//! # Errors of the peer
//!
//! A peer cannot make these machines panic, and cannot make them use more memory or time than the
//! caps allow: [`MAX_MESSAGE`], the other `MAX_…` constants, and
//! [`ClientExchange::with_iterations`]. An error of a server is a [`ClientError`]. An error of a
//! client is a [`ServerStep::Failure`] with the condition to send, and a [`Rejection`] for the log.
//!
//! # Secrets
//!
//! Passwords and everything derived from them are wiped on drop, compared in constant time, and
//! never shown by `Debug`, in any build. Wiping is best effort: it does not reach registers and
//! spilled copies. Messages are returned as plain octets, so with PLAIN the client's message
//! contains the password in the clear.
//!
//! # Time
//!
//! Key derivation is slow by design. It runs in line, inside [`ClientExchange::respond`],
//! [`ScramKeys::derive`], [`ScramKeys::verify`], and [`ServerExchange::answer`] with PLAIN. A
//! client can move it to another thread: [`ClientExchange::step`] returns the work as a
//! [`Derivation`]. A server that answers SCRAM from stored keys derives nothing.
//!
//! # Features
//!
//! The crate is `no_std` with `alloc`. The default feature `std` adds [`DecoyKey::random`] and
//! enables `std` in the dependencies.

#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

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
mod token;
pub mod wire;

pub use channel_binding::{ChannelBindingType, ChannelBindings};
pub use choose::{MechanismPolicy, choose};
pub use client::{ClientExchange, ClientStep};
pub use condition::Condition;
pub use credentials::{Credentials, Password};
pub use decoy::DecoyKey;
pub use error::{
    ClientError, CredentialsError, EntropyUnavailable, KeysError, MessageError, Rejection,
    ScramServerError,
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
pub use token::{TokenLogin, TokenMechanism, TokenProof};
