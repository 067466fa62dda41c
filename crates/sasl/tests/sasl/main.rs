//! Whole exchanges between client and server, with and without an attacker on the path.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod channel_binding;
mod choose;
mod decoy;
mod derivation;
mod exchange;
mod keys;
mod no_password;
mod pair;
mod properties;
mod redaction;
mod tamper;
mod token;
mod wrong_client;
mod wrong_server;
