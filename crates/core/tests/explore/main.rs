//! Explores negotiation: every state that a machine can reach, and the invariants of each.
//!
//! `cargo test -p xmppwire --test explore -- --nocapture` prints the number of visited states. With
//! `EXPLORE=SASL2` in the environment, only the explorations run whose name contains that.

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
mod managed;
mod monitor;
mod network;
mod party;
mod search;
mod server;
mod servers;
mod words;

use std::thread;

use search::Report;
use xmppwire::negotiation::{Item, RULES, Side};

/// All explorations in one test, because together they have to use every rule of the table.
#[test]
fn every_state_of_negotiation_holds_what_it_must() {
    let reports = thread::scope(|scope| {
        let explorations: [fn() -> Report; 5] = [
            client::explore_all,
            server::explore_all,
            network::explore_all,
            component::explore_all,
            managed::explore_all,
        ];
        let running = explorations.map(|exploration| scope.spawn(exploration));
        running.map(|exploration| exploration.join().expect("every invariant holds"))
    });
    let mut total = Report::default();
    for report in &reports {
        total.add(report);
    }
    println!("{:<48} {total}", "all together");
    every_rule_was_used(&total, false);
    every_rule_of_management_was_used(&reports[4]);
}

/// Managed sessions alone, for a quick look: `--test explore managed -- --ignored`.
#[test]
#[ignore = "it is a part of the exploration above"]
fn every_state_of_a_managed_session_holds_what_it_must() {
    every_rule_of_management_was_used(&managed::explore_all());
}

/// The same for streams between servers, which have rules of their own.
#[test]
fn every_state_between_servers_holds_what_it_must() {
    every_rule_was_used(&servers::explore_all(), true);
}

fn every_rule_of_management_was_used(report: &Report) {
    let concerns = |item: Item| {
        use Item as I;
        let start = [I::Enable, I::Enabled, I::Resume, I::Resumed];
        let later = [
            I::ManagementFailed,
            I::AcknowledgementRequest,
            I::Acknowledgement,
        ];
        start.contains(&item) || later.contains(&item)
    };
    let unused: Vec<_> = RULES
        .iter()
        .enumerate()
        .filter(|(index, rule)| concerns(rule.item) && report.rules & (1 << index) == 0)
        .map(|(_, rule)| rule)
        .collect();
    assert!(unused.is_empty(), "never used: {unused:#?}");
}

fn every_rule_was_used(report: &Report, between_servers: bool) {
    if search::only().is_some() {
        return;
    }
    let concerns = |side: Side| matches!(side, Side::Outgoing | Side::Incoming) == between_servers;
    let unused: Vec<_> = RULES
        .iter()
        .enumerate()
        .filter(|(index, rule)| concerns(rule.sender) && report.rules & (1 << index) == 0)
        .map(|(_, rule)| rule)
        .collect();
    assert!(unused.is_empty(), "never used: {unused:#?}");
}
