//! Both roles over real sockets and real TLS, on the loopback interface: the scenarios that both
//! adapters run, and what only this adapter can do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod federation;
mod load;
mod reconnect;
mod split;
mod wait;

mod shared {
    xmppwire_test_support::scenarios!(xmppwire_test_support::adapter::Blocking);
}
