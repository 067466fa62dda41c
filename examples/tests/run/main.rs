//! Runs every example the way its documentation says.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod accounts;
mod bot;
mod client;
mod component;
mod cuts;
mod duet;
mod event_loop;
mod exchange;
mod federation;
mod hanging;
mod help;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(unix)]
mod paused;
mod server;
mod servers;
mod storm;
mod support;
