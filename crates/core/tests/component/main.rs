//! Streams of components: what each end sends and believes, one rule per test (XEP-0114).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod attached;
mod ends;
mod host;
mod support;
