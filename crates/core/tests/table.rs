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

/// The diagram in docs/architecture.md is drawn from the table. `UPDATE_DOCS=1 cargo test` redraws it.
#[test]
fn the_diagram_in_the_documentation_is_true() {
    const BEGIN: &str = "<!-- negotiation: drawn from RULES -->\n";
    const END: &str = "<!-- end of negotiation -->";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/architecture.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (drawn, after) = rest.split_once(END).unwrap();
    let diagram = draw();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{diagram}{END}{after}")).unwrap();
    } else {
        assert_eq!(
            drawn, diagram,
            "run UPDATE_DOCS=1 cargo test -p xmppwire --test table"
        );
    }
}

/// The table as a state diagram.
fn draw() -> String {
    let mut out = String::from("```mermaid\nstateDiagram-v2\n    [*] --> Opening\n");
    let mut edges: Vec<(Phase, Phase, Vec<String>)> = Vec::new();
    for rule in RULES {
        let who = match rule.sender {
            Role::Client => "C",
            Role::Server => "S",
        };
        let when = match (rule.secured, rule.authenticated) {
            (Some(false), _) => ", in clear text",
            (_, Some(false)) => ", not authenticated",
            (_, Some(true)) => ", authenticated",
            _ => "",
        };
        // Colons and angle brackets mean something to the drawing.
        let item = rule.item.to_string().replace(['<', '>', '/', ':'], "");
        let label = format!("{who} {item}{when}");
        match edges
            .iter_mut()
            .find(|(from, to, _)| (*from, *to) == (rule.phase, rule.next))
        {
            Some((_, _, labels)) => labels.push(label),
            None => edges.push((rule.phase, rule.next, vec![label])),
        }
    }
    for (from, to, labels) in edges {
        let labels = labels.join("<br/>");
        out.push_str(&format!("    {from:?} --> {to:?}: {labels}\n"));
    }
    out.push_str("    Closed --> [*]\n```\n");
    out
}
