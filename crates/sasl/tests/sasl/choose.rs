//! The choice of a mechanism.

use xmppwire_sasl::{ChannelBindings, Credentials, Mechanism, MechanismPolicy, Offer};

use crate::pair::{Account, tls};

const ALL: [&str; 9] = [
    "ANONYMOUS",
    "PLAIN",
    "SCRAM-SHA-1",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-512",
    "SCRAM-SHA-512-PLUS",
    "EXTERNAL",
];

/// The choice of a client with a password from an offer that announces every channel binding type.
fn choose<const N: usize>(
    offered: [&str; N],
    bindings: &ChannelBindings,
    policy: MechanismPolicy,
) -> Option<Mechanism> {
    let types = ["tls-exporter", "tls-unique", "tls-server-end-point"];
    let offer = Offer::new(offered).with_channel_bindings(types);
    xmppwire_sasl::choose(&offer, &Account::juliet().credentials(), bindings, policy)
}

fn everything_permitted() -> MechanismPolicy {
    MechanismPolicy::default()
        .with_floor(Mechanism::Anonymous)
        .on_confidential_channel(true)
}

#[test]
fn names_round_trip() {
    for mechanism in Mechanism::ALL {
        assert_eq!(Mechanism::from_name(mechanism.name()), Some(*mechanism));
        assert_eq!(mechanism.to_string(), mechanism.name());
    }
    for name in [
        "",
        "plain",
        "SCRAM-SHA-256 ",
        "SCRAM-SHA-384",
        "EXTERNAL-PLUS",
    ] {
        assert_eq!(Mechanism::from_name(name), None);
    }
}

#[test]
fn all_is_in_order_of_preference() {
    assert!(Mechanism::ALL.is_sorted_by(|a, b| a > b));
}

#[test]
fn takes_the_best_supported_mechanism() {
    let policy = MechanismPolicy::default();
    let none = ChannelBindings::none();
    assert_eq!(
        choose(ALL, &tls(), policy),
        Some(Mechanism::ScramSha512Plus)
    );
    assert_eq!(choose(ALL, &none, policy), Some(Mechanism::ScramSha512));
    let weaker = ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-512"];
    assert_eq!(
        choose(weaker, &tls(), policy),
        Some(Mechanism::ScramSha1Plus)
    );
}

#[test]
fn plain_is_never_a_fallback() {
    let none = ChannelBindings::none();
    let lowered = MechanismPolicy::default().with_floor(Mechanism::Plain);
    for offered in [["PLAIN"; 3], ["PLAIN", "SCRAM-SHA-384", "PLAIN"]] {
        for refusing in [
            MechanismPolicy::default(),
            MechanismPolicy::default().on_confidential_channel(true),
            lowered,
            lowered
                .on_confidential_channel(true)
                .on_confidential_channel(false),
        ] {
            assert_eq!(choose(offered, &none, refusing), None);
        }
        let permitting = lowered.on_confidential_channel(true);
        assert_eq!(choose(offered, &none, permitting), Some(Mechanism::Plain));
    }
    // Permitting PLAIN does not make it preferred.
    let permitting = lowered.on_confidential_channel(true);
    assert_eq!(
        choose(["PLAIN", "SCRAM-SHA-1"], &none, permitting),
        Some(Mechanism::ScramSha1)
    );
}

#[test]
fn the_floor_holds() {
    let none = ChannelBindings::none();
    let policy = MechanismPolicy::default().with_floor(Mechanism::ScramSha256);
    assert_eq!(choose(["SCRAM-SHA-1"], &none, policy), None);
    assert_eq!(choose(ALL, &none, policy), Some(Mechanism::ScramSha512));
    let policy = MechanismPolicy::default().with_floor(Mechanism::ScramSha1Plus);
    assert_eq!(choose(ALL, &none, policy), None);
    assert_eq!(choose([], &tls(), policy), None);
    let policy = MechanismPolicy::default().with_floor(Mechanism::External);
    assert_eq!(choose(ALL, &tls(), policy), None);
}

/// Each kind of credentials, with every mechanism offered and permitted.
#[test]
fn credentials_decide_the_kind() {
    let offer = Offer::new(ALL).with_channel_bindings(["tls-exporter"]);
    let pick = |credentials: &Credentials, policy| {
        xmppwire_sasl::choose(&offer, credentials, &tls(), policy)
    };
    let password = Account::juliet().credentials();
    for (credentials, expected) in [
        (password.clone(), Mechanism::ScramSha512Plus),
        (password.with_certificate(None), Mechanism::External),
        (Credentials::certificate(None), Mechanism::External),
        (Credentials::anonymous(), Mechanism::Anonymous),
    ] {
        for policy in [MechanismPolicy::default(), everything_permitted()] {
            assert_eq!(pick(&credentials, policy), Some(expected));
            assert!(credentials.fit(expected));
        }
    }
    // The floor protects a secret, so it does not apply to credentials without one.
    let strict = MechanismPolicy::default().with_floor(Mechanism::External);
    assert_eq!(
        pick(&Credentials::anonymous(), strict),
        Some(Mechanism::Anonymous)
    );

    let scram = Offer::new(["SCRAM-SHA-256", "PLAIN"]);
    for credentials in [Credentials::certificate(None), Credentials::anonymous()] {
        let picked = xmppwire_sasl::choose(&scram, &credentials, &tls(), everything_permitted());
        assert_eq!(picked, None);
    }
}

/// The table in the documentation of [`MechanismPolicy`].
#[test]
fn channel_binding_is_never_guessed() {
    let credentials = Account::juliet().credentials();
    let relaxed = MechanismPolicy::default();
    let strict = MechanismPolicy::default().with_floor(Mechanism::ScramSha1Plus);
    let plus = || Offer::new(["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"]);
    let tls12 = ChannelBindings::tls12_unique(b"finished");
    let (bound, unbound) = (Some(Mechanism::ScramSha1Plus), Some(Mechanism::ScramSha1));
    for (offer, bindings, with_relaxed, with_strict) in [
        (
            plus().with_channel_bindings(["tls-server-end-point"]),
            tls(),
            bound,
            bound,
        ),
        (
            plus().with_channel_bindings(["tls-unique"]),
            tls(),
            unbound,
            None,
        ),
        (plus().with_channel_bindings([""; 0]), tls(), unbound, None),
        (plus(), tls(), unbound, bound),
        (plus(), tls12.clone(), bound, bound),
        (plus(), ChannelBindings::none(), unbound, None),
        (Offer::new(["SCRAM-SHA-1"]), tls(), unbound, None),
    ] {
        let pick = |policy| xmppwire_sasl::choose(&offer, &credentials, &bindings, policy);
        assert_eq!(pick(relaxed), with_relaxed, "{offer:?}");
        assert_eq!(pick(strict), with_strict, "{offer:?}");
    }
}

/// If the server refuses every mechanism, the client tries each weaker one of the same kind, but
/// none of a weaker kind. After a refused certificate it tries the password.
#[test]
fn refusals_lead_down_within_a_kind() {
    use Mechanism::{
        Anonymous, External, Plain, ScramSha1, ScramSha1Plus, ScramSha256, ScramSha256Plus,
        ScramSha512, ScramSha512Plus,
    };
    let both = Account::juliet().credentials().with_certificate(None);
    let tried = |credentials: &Credentials, bindings: &ChannelBindings, policy: MechanismPolicy| {
        let offer = Offer::new(ALL).with_channel_bindings(["tls-exporter"]);
        let mut policy = policy;
        let mut tried = Vec::new();
        while let Some(mechanism) = xmppwire_sasl::choose(&offer, credentials, bindings, policy) {
            assert!(tried.len() < ALL.len(), "a refused mechanism comes back");
            tried.push(mechanism);
            policy = policy.after(mechanism);
        }
        tried
    };
    let none = ChannelBindings::none();
    for policy in [MechanismPolicy::default(), everything_permitted()] {
        assert_eq!(
            tried(&both, &tls(), policy),
            [External, ScramSha512Plus, ScramSha256Plus, ScramSha1Plus]
        );
        assert_eq!(
            tried(&both, &none, policy),
            [External, ScramSha512, ScramSha256, ScramSha1]
        );
        assert_eq!(
            tried(&Credentials::anonymous(), &tls(), policy),
            [Anonymous]
        );
    }
    assert_eq!(
        tried(
            &both,
            &none,
            MechanismPolicy::default().with_floor(ScramSha256)
        ),
        [External, ScramSha512, ScramSha256]
    );
    let after_certificate = everything_permitted().after(External);
    assert!(after_certificate.permits(Plain));
    assert!(!after_certificate.permits(External));
    assert!(!everything_permitted().after(Plain).permits(Plain));
    assert!(!everything_permitted().after(ScramSha1).permits(Plain));
}

#[test]
fn an_offer_tells_what_the_server_announced() {
    let offer = Offer::new(["PLAIN"]);
    assert_eq!(offer.mechanisms(), ["PLAIN"]);
    assert_eq!(offer.channel_bindings(), None);
    let offer = offer.with_channel_bindings(["tls-exporter"]);
    assert_eq!(
        offer.channel_bindings(),
        Some(&["tls-exporter".to_owned()][..])
    );
}
