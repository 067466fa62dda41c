//! The hot paths of the library on made-up traffic: what `benches` measures in time, and the
//! program of this package in instructions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a measurement may fail by panicking"
)]

pub mod growth;
pub mod login;
pub mod paths;
pub mod traffic;

/// A piece of work that can be done again and again.
pub type Work = Box<dyn FnMut()>;
