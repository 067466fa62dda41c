//! SCRAM (RFC 5802, RFC 7677): the grammar, the keys and the state machines of both sides.

pub(crate) mod client;
pub(crate) mod crypto;
pub(crate) mod derivation;
mod hi;
pub(crate) mod keys;
mod message;
pub(crate) mod server;

#[cfg(test)]
mod vectors;
