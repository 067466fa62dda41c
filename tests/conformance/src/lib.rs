//! The tools of the conformance tests: the features that RFC 6120 §15 lists, scripts of sessions
//! with a player for them, and the page that shows which feature is proven by what.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a tool of tests may fail by panicking"
)]

pub mod case;
pub mod components;
pub mod conditions;
pub mod evidence;
pub mod feature;
pub mod machine;
pub mod page;
pub mod pair;
pub mod requirement;
pub mod requirements_page;
pub mod script;
pub mod servers;
mod setup;
pub mod split;
