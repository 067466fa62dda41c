//! Explores negotiation: every state that a machine can reach, and the invariants of each.
//!
//! `cargo test -p xmppwire --test explore -- --nocapture` prints the number of visited states.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test may fail by panicking"
)]

mod alone;
mod canonical;
mod client;
mod component;
mod end;
mod monitor;
mod network;
mod party;
mod search;
mod server;
mod words;

use std::thread;

use search::Report;
use xmppwire::negotiation::{RULES, Side};

/// All explorations in one test, because together they have to use every rule of the table.
#[test]
fn every_state_of_negotiation_holds_what_it_must() {
    let reports = thread::scope(|scope| {
        let explorations: [fn() -> Report; 4] = [
            client::explore_all,
            server::explore_all,
            network::explore_all,
            component::explore_all,
        ];
        let running = explorations.map(|exploration| scope.spawn(exploration));
        running.map(|exploration| exploration.join().expect("every invariant holds"))
    });
    let mut total = Report::default();
    for report in &reports {
        total.add(report);
    }
    println!("{:<48} {total}", "all together");
    for (index, rule) in RULES.iter().enumerate() {
        let between_servers = matches!(rule.sender, Side::Outgoing | Side::Incoming);
        let used = total.rules & (1 << index) != 0;
        assert!(used || between_servers, "never used: {rule:?}");
    }
}
