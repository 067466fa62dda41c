//! The table of negotiation, compared with the machines.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use xmppwire::negotiation::{Given, Item, Phase, RULES, Side, next};

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
    for kind in &KINDS {
        let rules = || RULES.iter().filter(move |rule| kind.has(rule.sender));
        let mut reached = vec![Phase::Opening];
        let mut at = 0;
        while let Some(phase) = reached.get(at).copied() {
            for rule in rules().filter(|rule| rule.phase == phase) {
                if !reached.contains(&rule.next) {
                    reached.push(rule.next);
                }
            }
            let left = rules().any(|rule| rule.phase == phase);
            assert!(left || phase == Phase::Closed, "{phase:?} is a dead end");
            at += 1;
        }
        for rule in rules() {
            let phase = rule.phase;
            assert!(reached.contains(&phase), "{phase:?} is never reached");
        }
    }
}

/// A kind of stream, by its two ends.
struct Kind {
    ends: [Side; 2],
    /// The letters of the ends in the diagram.
    letters: [&'static str; 2],
    /// Where the diagram begins in the documentation.
    begin: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        ends: [Side::Client, Side::Server],
        letters: ["C", "S"],
        begin: "<!-- negotiation: drawn from RULES -->\n",
    },
    Kind {
        ends: [Side::Outgoing, Side::Incoming],
        letters: ["I", "R"],
        begin: "<!-- negotiation between servers: drawn from RULES -->\n",
    },
    Kind {
        ends: [Side::Component, Side::Host],
        letters: ["C", "S"],
        begin: "<!-- negotiation of components: drawn from RULES -->\n",
    },
];

impl Kind {
    fn has(&self, side: Side) -> bool {
        self.ends.contains(&side)
    }

    fn letter(&self, side: Side) -> &'static str {
        self.letters[usize::from(side == self.ends[1])]
    }
}

#[test]
fn every_rule_is_of_one_kind_of_stream() {
    for rule in RULES {
        let kinds = KINDS.iter().filter(|kind| kind.has(rule.sender));
        assert_eq!(kinds.count(), 1, "{rule:?}");
    }
}

#[test]
fn no_stanza_flows_before_a_resource_is_bound_or_a_pair_authorised() {
    for rule in RULES {
        if rule.item == Item::Stanza {
            let expected = match rule.sender {
                Side::Outgoing | Side::Incoming => rule.phase == Phase::Serving,
                // In the phase of the legacy session the resource is bound, and only the server
                // sends.
                Side::Server => matches!(rule.phase, Phase::Bound | Phase::Session),
                _ => rule.phase == Phase::Bound,
            };
            assert!(expected, "{rule:?}");
        }
    }
}

/// SASL2 is for streams that TLS protects (XEP-0388 §3), and nothing else passes in it (§2.4).
#[test]
fn sasl2_is_alone_and_under_tls() {
    let mut given = Given::default();
    for item in [Item::Authenticate, Item::Abort2] {
        given.secured = false;
        assert_eq!(next(Phase::Choosing, Side::Client, item, given), None);
        given.secured = true;
        let phase = next(Phase::Choosing, Side::Client, item, given);
        assert_eq!(phase, Some(Phase::Sasl2));
    }
    for rule in RULES {
        let of_sasl2 = matches!(
            rule.item,
            Item::Authenticate
                | Item::Challenge2
                | Item::Response2
                | Item::Abort2
                | Item::Failure2
                | Item::Success2
                | Item::Bound2
                | Item::Resumed2
                | Item::Continue
                | Item::Next
                | Item::TaskData
        );
        let during = matches!(rule.phase, Phase::Sasl2 | Phase::Tasks);
        assert_eq!(of_sasl2, during || rule.next == Phase::Sasl2, "{rule:?}");
    }
}

/// Dialback goes in the direction of the stream, or in both where both sides agreed (XEP-0288).
#[test]
fn dialback_goes_in_one_direction() {
    for rule in RULES {
        let against = match rule.item {
            Item::Key | Item::Verify | Item::Stanza => rule.sender == Side::Incoming,
            Item::Valid | Item::Invalid | Item::Verified => rule.sender == Side::Outgoing,
            _ => false,
        };
        assert_eq!(rule.bidirectional, against, "{rule:?}");
    }
}

#[test]
fn nothing_of_authentication_follows_authentication() {
    let given = |secured, authenticated| {
        let mut given = Given::default();
        (given.secured, given.authenticated) = (secured, authenticated);
        given
    };
    for item in [Item::StartTls, Item::Auth, Item::Authenticate, Item::Abort2] {
        for secured in [false, true] {
            let after = given(secured, true);
            assert_eq!(next(Phase::Choosing, Side::Client, item, after), None);
            assert_eq!(next(Phase::Serving, Side::Outgoing, item, after), None);
        }
    }
    for (side, item) in [
        (Side::Client, Item::StartTls),
        (Side::Client, Item::Bind),
        (Side::Outgoing, Item::StartTls),
    ] {
        assert_eq!(next(Phase::Choosing, side, item, given(true, false)), None);
    }
}

/// The diagrams in docs/architecture.md are drawn from the table. `UPDATE_DOCS=1 cargo test`
/// redraws them.
#[test]
fn the_diagrams_in_the_documentation_are_true() {
    for kind in &KINDS {
        let begin = kind.begin;
        const END: &str = "<!-- end of negotiation -->";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/architecture.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (before, rest) = page.split_once(begin).unwrap();
        let (drawn, after) = rest.split_once(END).unwrap();
        let diagram = draw(kind);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, format!("{before}{begin}{diagram}{END}{after}")).unwrap();
        } else {
            assert_eq!(
                drawn, diagram,
                "run UPDATE_DOCS=1 cargo test -p xmppwire --test table"
            );
        }
    }
}

/// The table as a state diagram.
fn draw(kind: &Kind) -> String {
    let mut out = String::from("```mermaid\nstateDiagram-v2\n    [*] --> Opening\n");
    let mut edges: Vec<(Phase, Phase, Vec<String>)> = Vec::new();
    for rule in RULES.iter().filter(|rule| kind.has(rule.sender)) {
        let who = kind.letter(rule.sender);
        let when = match (rule.secured, rule.authenticated) {
            _ if rule.bidirectional => ", bidirectional",
            (Some(false), _) => ", in clear text",
            (Some(true), _) => ", under TLS",
            (_, Some(false)) => ", not authenticated",
            (_, Some(true)) => ", authenticated",
            _ => "",
        };
        // Colons and angle brackets are syntax of the diagram.
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
