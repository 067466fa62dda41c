//! Streams between servers: what each end says and believes, one rule a test (RFC 6120, XEP-0220,
//! XEP-0288).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod authoritative;
mod bidi;
mod closing;
mod external;
mod initiating;
mod limits;
mod receiving;
mod spoofing;
mod support;
mod together;
