//! Both roles over real sockets and real TLS, on the loopback interface.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod asking;
mod bulk;
mod ending;
mod login;
mod reconnect;
mod support;
mod trust;
mod waiting;
