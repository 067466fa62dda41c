//! The choice of a mechanism.

use xmppwire_sasl::{ChannelBindings, Mechanism, Policy, choose};

use crate::pair::tls;

const ALL: [&str; 5] = [
    "PLAIN",
    "SCRAM-SHA-1",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-256-PLUS",
];

#[test]
fn names_round_trip() {
    for mechanism in Mechanism::ALL {
        assert_eq!(Mechanism::from_name(mechanism.name()), Some(*mechanism));
        assert_eq!(mechanism.to_string(), mechanism.name());
    }
    for name in ["", "plain", "SCRAM-SHA-256 ", "SCRAM-SHA-512", "EXTERNAL"] {
        assert_eq!(Mechanism::from_name(name), None);
    }
}

#[test]
fn all_is_in_order_of_preference() {
    assert!(Mechanism::ALL.is_sorted_by(|a, b| a > b));
}

#[test]
fn takes_the_best_that_can_be_carried() {
    let policy = Policy::default();
    assert_eq!(
        choose(ALL, &tls(), policy),
        Some(Mechanism::ScramSha256Plus)
    );
    assert_eq!(
        choose(ALL, &ChannelBindings::none(), policy),
        Some(Mechanism::ScramSha256)
    );
    let weaker = ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256"];
    assert_eq!(
        choose(weaker, &tls(), policy),
        Some(Mechanism::ScramSha1Plus)
    );
}

#[test]
fn never_slips_to_plain() {
    let none = ChannelBindings::none();
    let lowered = Policy::default().with_floor(Mechanism::Plain);
    for offered in [&["PLAIN"][..], &["PLAIN", "SCRAM-SHA-512", "PLAIN"]] {
        let offered = offered.iter().copied();
        for refusing in [
            Policy::default(),
            Policy::default().on_confidential_channel(true),
            lowered,
            lowered
                .on_confidential_channel(true)
                .on_confidential_channel(false),
        ] {
            assert_eq!(choose(offered.clone(), &none, refusing), None);
        }
        let permitting = lowered.on_confidential_channel(true);
        assert_eq!(choose(offered, &none, permitting), Some(Mechanism::Plain));
    }
    // Permitted is not preferred.
    let permitting = lowered.on_confidential_channel(true);
    assert_eq!(
        choose(["PLAIN", "SCRAM-SHA-1"], &none, permitting),
        Some(Mechanism::ScramSha1)
    );
}

#[test]
fn the_floor_holds() {
    let none = ChannelBindings::none();
    let policy = Policy::default().with_floor(Mechanism::ScramSha256);
    assert_eq!(choose(["SCRAM-SHA-1"], &none, policy), None);
    assert_eq!(choose(ALL, &none, policy), Some(Mechanism::ScramSha256));
    let policy = Policy::default().with_floor(Mechanism::ScramSha1Plus);
    assert_eq!(choose(ALL, &none, policy), None);
    assert_eq!(choose([], &tls(), policy), None);
}
