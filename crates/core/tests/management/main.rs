//! Stream management with both machines: what is sent arrives once, wherever the network is cut.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test may fail by panicking"
)]

mod asking;
mod cuts;
mod inline;
mod policy;
mod saved;
mod support;
mod table;
mod taking;
