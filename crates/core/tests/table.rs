//! The table of negotiation, held against the machines.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use xmppwire::negotiation::{Item, Phase, RULES, Role, next};

#[test]
fn no_two_rules_contradict_each_other() {
    for (index, one) in RULES.iter().enumerate() {
        for two in &RULES[index + 1..] {
            let same = (one.phase, one.sender, one.item) == (two.phase, two.sender, two.item);
            let disjoint = one.secured.is_some_and(|s| two.secured == Some(!s))
                || one
                    .authenticated
                    .is_some_and(|a| two.authenticated == Some(!a));
            assert!(!same || disjoint, "{one:?} and {two:?}");
        }
    }
}

#[test]
fn every_phase_is_reached_and_left() {
    let mut reached = vec![Phase::Opening];
    let mut at = 0;
    while let Some(phase) = reached.get(at).copied() {
        for rule in RULES.iter().filter(|rule| rule.phase == phase) {
            if !reached.contains(&rule.next) {
                reached.push(rule.next);
            }
        }
        let left = RULES.iter().any(|rule| rule.phase == phase);
        assert!(left || phase == Phase::Closed, "{phase:?} is a dead end");
        at += 1;
    }
    for rule in RULES {
        assert!(
            reached.contains(&rule.phase),
            "{:?} is never reached",
            rule.phase
        );
    }
}

#[test]
fn no_stanza_flows_before_a_resource_is_bound() {
    for rule in RULES {
        if rule.item == Item::Stanza {
            assert_eq!(rule.phase, Phase::Bound, "{rule:?}");
        }
    }
}

#[test]
fn nothing_of_authentication_follows_authentication() {
    for item in [Item::StartTls, Item::Auth] {
        for secured in [false, true] {
            assert_eq!(
                next(Phase::Choosing, Role::Client, item, secured, true),
                None
            );
        }
    }
    assert_eq!(
        next(Phase::Choosing, Role::Client, Item::StartTls, true, false),
        None
    );
    assert_eq!(
        next(Phase::Choosing, Role::Client, Item::Bind, true, false),
        None
    );
}
