//! Whole sessions, played at every split; see `script/mod.rs` for the format.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod script;

use script::machine::{client_config, host, juliet, server_config, verona};
use script::{folder, play};
use xmppwire::Mechanism;

fn play_client(name: &str, script: &str) {
    play(name, script, || juliet(client_config()));
}

fn play_server(name: &str, script: &str) {
    play(name, script, || {
        verona(server_config(), host([Mechanism::Plain]))
    });
}

#[test]
fn sessions_of_a_client() {
    for (name, script) in folder("client") {
        play_client(&name, &script);
    }
}

#[test]
fn sessions_of_a_server() {
    for (name, script) in folder("server") {
        play_server(&name, &script);
    }
}

#[test]
fn sessions_of_a_server_with_scram() {
    let mechanisms = [
        Mechanism::ScramSha256Plus,
        Mechanism::ScramSha256,
        Mechanism::Plain,
    ];
    for (name, script) in folder("server-scram") {
        play(&name, &script, || verona(server_config(), host(mechanisms)));
    }
}

/// One transcript proves both ends: what one is expected to send, the other is fed.
#[test]
fn sessions_of_both() {
    for (name, script) in folder("both") {
        play_client(&name, &script);
        play_server(&name, &script);
    }
}
