//! SASL for XMPP (RFC 6120, Section 6) as machines without I/O: octets in, octets out.
//!
//! The mechanisms are PLAIN (RFC 4616), SCRAM-SHA-1 (RFC 5802) and SCRAM-SHA-256 (RFC 7677), and the
//! `-PLUS` variants of the latter two with `tls-exporter` (RFC 9266), `tls-unique` and
//! `tls-server-end-point` (RFC 5929). Both sides are here: [`ClientExchange`] and
//! [`ServerExchange`].
//!
//! ```
//! use xmppwire_sasl::{
//!     ChannelBindings, ClientExchange, Credentials, Policy, choose, offers_channel_binding, wire,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let offered = ["SCRAM-SHA-256", "SCRAM-SHA-1"]; // <mechanisms/> from the server
//! let bindings = ChannelBindings::none(); // what the TLS library says of the connection
//! let nonce = [7; 24]; // random in earnest
//!
//! let mechanism = choose(offered, &bindings, Policy::default()).ok_or("no mechanism")?;
//! let credentials = Credentials::new("juliet", "r0m30myr0m30");
//! let plus = offers_channel_binding(offered);
//! let mut login = ClientExchange::new(mechanism, &credentials, &bindings, plus, nonce)?;
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
//! never shown by `Debug`, in any build. Wiping is best effort: registers and spilled copies are out
//! of reach. Messages are handed out as plain octets; with PLAIN the client's holds the password.
//!
//! # Time
//!
//! Key derivation is meant to be slow and runs in line, inside [`ClientExchange::respond`],
//! [`ScramKeys::derive`], [`ScramKeys::verify`], and [`ServerExchange::answer`] with PLAIN. A server
//! that answers SCRAM from stored keys derives nothing.
//!
//! # Features
//!
//! The crate is `no_std` with `alloc`. The default feature `std` adds nothing but is passed on to
//! dependencies.

#![no_std]

extern crate alloc;

mod channel_binding;
mod choose;
mod client;
mod condition;
mod credentials;
mod decoy;
mod error;
mod limits;
mod mechanism;
mod plain;
mod prepare;
mod saslprep;
mod scram;
mod server;
pub mod wire;

pub use channel_binding::{ChannelBindingType, ChannelBindings};
pub use choose::{Policy, choose, offers_channel_binding};
pub use client::ClientExchange;
pub use condition::Condition;
pub use credentials::{Credentials, Password};
pub use decoy::DecoyKey;
pub use error::{
    ClientError, CredentialsError, KeysError, MessageError, Rejection, ScramServerError,
};
pub use limits::{
    DEFAULT_ITERATIONS, MAX_AUTHZID, MAX_MESSAGE, MAX_NONCE, MAX_PASSWORD, MAX_SALT, MAX_USERNAME,
};
pub use mechanism::{Mechanism, ScramHash};
pub use saslprep::{SaslPrepError, StringKind, saslprep};
pub use scram::keys::ScramKeys;
pub use server::{ServerAnswer, ServerExchange, ServerQuestion, ServerStep};
