//! Both roles over real sockets and real TLS, on the loopback interface.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod ask;
mod cancel;
mod credentials;
mod deadlines;
mod ends;
mod external;
mod identity;
mod injection;
mod load;
mod login;
mod reconnect;
mod redirect;
mod srv;
mod support;
