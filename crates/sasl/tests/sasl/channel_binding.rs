//! Channel binding: the flag is right, both sides use the same channel, and every downgrade is
//! detected.

use xmppwire_sasl::{
    ChannelBindings, ClientError, ClientExchange, Condition, Mechanism, Rejection,
};

use crate::pair::{
    Account, CLIENT_NONCE, Leg, Outcome, Pair, client_exchange, offer, scram_mechanisms, tls,
};

fn plus() -> impl Iterator<Item = Mechanism> {
    scram_mechanisms().filter(|mechanism| mechanism.is_plus())
}

fn not_plus() -> impl Iterator<Item = Mechanism> {
    scram_mechanisms().filter(|mechanism| !mechanism.is_plus())
}

fn header(mechanism: Mechanism, bindings: &ChannelBindings, offered: bool) -> String {
    let client = client_exchange(
        mechanism,
        &Account::juliet().credentials(),
        bindings,
        offered,
    );
    let first = String::from_utf8(client.initial_response()).unwrap();
    first.split_once(",n=").unwrap().0.into()
}

#[test]
fn the_flag_says_what_the_client_believes() {
    let none = ChannelBindings::none();
    for mechanism in not_plus() {
        // The server offers -PLUS, but the client has no channel binding.
        assert_eq!(header(mechanism, &none, true), "n,");
        assert_eq!(header(mechanism, &none, false), "n,");
        // The client has channel binding, but the server does not offer -PLUS.
        assert_eq!(header(mechanism, &tls(), false), "y,");
        // The server offers -PLUS, but the caller does not use it: `y` would be false.
        assert_eq!(header(mechanism, &tls(), true), "n,");
    }
    let end_point = ChannelBindings::tls12().with_server_end_point(b"hash");
    let unique = ChannelBindings::tls12_unique(b"finished");
    for mechanism in plus() {
        assert_eq!(header(mechanism, &tls(), true), "p=tls-exporter,");
        assert_eq!(
            header(mechanism, &end_point, true),
            "p=tls-server-end-point,"
        );
        assert_eq!(header(mechanism, &unique, true), "p=tls-unique,");
    }
}

#[test]
fn plus_needs_something_to_bind_to() {
    for mechanism in plus() {
        let error = ClientExchange::new(
            mechanism,
            &Account::juliet().credentials(),
            &ChannelBindings::none(),
            &offer(true),
            CLIENT_NONCE,
        )
        .err();
        assert_eq!(error, Some(ClientError::NoChannelBinding));
    }
}

#[test]
fn every_type_works() {
    for mechanism in plus() {
        for bindings in [
            ChannelBindings::tls13([9; 32]),
            ChannelBindings::tls12_extended_master_secret([9; 32]),
            ChannelBindings::tls12_unique(b"finished"),
            ChannelBindings::tls12().with_server_end_point(b"hash"),
        ] {
            let credentials = Account::juliet().credentials();
            let mut pair = Pair::with_bindings(mechanism, &credentials, &bindings, &bindings, true);
            assert!(matches!(pair.run(), Outcome::Success { .. }));
        }
    }
}

#[test]
fn another_channel_is_noticed() {
    for mechanism in plus() {
        for (client, server) in [
            (
                ChannelBindings::tls13([9; 32]),
                ChannelBindings::tls13([8; 32]),
            ),
            (
                ChannelBindings::tls12_unique(b"finished"),
                ChannelBindings::tls12_unique(b"finish"),
            ),
            (
                ChannelBindings::tls12().with_server_end_point(b"hash"),
                ChannelBindings::tls13([9; 32]).with_server_end_point(b"hasi"),
            ),
        ] {
            let credentials = Account::juliet().credentials();
            let mut pair = Pair::with_bindings(mechanism, &credentials, &client, &server, true);
            assert_eq!(
                pair.run(),
                Outcome::ServerRefused(Rejection::ChannelBindingMismatch, Condition::NotAuthorized)
            );
        }
    }
}

#[test]
fn a_type_that_the_server_lacks_is_refused() {
    for mechanism in plus() {
        for server in [
            ChannelBindings::none(),
            ChannelBindings::tls12_unique(b"finished").with_server_end_point(b"hash"),
        ] {
            let credentials = Account::juliet().credentials();
            let mut pair = Pair::with_bindings(mechanism, &credentials, &tls(), &server, true);
            assert_eq!(
                pair.run(),
                Outcome::ServerRefused(
                    Rejection::UnsupportedChannelBinding,
                    Condition::MalformedRequest
                )
            );
        }
    }
}

/// An attacker removes the `-PLUS` mechanisms from the offer: the client sends `y`, and the server
/// detects the attack.
#[test]
fn a_cut_offer_is_noticed() {
    for mechanism in not_plus() {
        let credentials = Account::juliet().credentials();
        let mut pair = Pair::with_bindings(mechanism, &credentials, &tls(), &tls(), true);
        pair.client = client_exchange(mechanism, &credentials, &tls(), false);
        assert_eq!(
            pair.run(),
            Outcome::ServerRefused(Rejection::Downgrade, Condition::NotAuthorized)
        );
    }
}

/// If the attacker also changes the `y` to an `n`, the `c=` of the final message reveals it.
#[test]
fn hiding_the_flag_is_noticed() {
    for mechanism in not_plus() {
        let credentials = Account::juliet().credentials();
        let mut pair = Pair::with_bindings(mechanism, &credentials, &tls(), &tls(), true);
        // With the protection of the offer, the client would detect the attack first.
        pair.server = pair.server.without_downgrade_protection();
        pair.client = client_exchange(mechanism, &credentials, &tls(), false);
        let outcome = pair.run_with(|_, message| {
            let mut message = message;
            if message.first() == Some(&b'y') {
                message[0] = b'n';
            }
            message
        });
        assert_eq!(
            outcome,
            Outcome::ServerRefused(Rejection::ChannelBindingMismatch, Condition::NotAuthorized)
        );
    }
}

/// A client without channel binding cannot send `y`, but detects that the offer differs.
#[test]
fn a_changed_offer_is_noticed_without_channel_binding() {
    for mechanism in not_plus() {
        let credentials = Account::juliet().credentials();
        let none = ChannelBindings::none();
        for offered in [true, false] {
            let mut pair = Pair::with_bindings(mechanism, &credentials, &none, &none, offered);
            pair.client = client_exchange(mechanism, &credentials, &none, !offered);
            assert_eq!(pair.run(), Outcome::ClientRefused(ClientError::Downgrade));
        }
    }
}

/// An attacker who removes or replaces the hash of the offer changes the signed messages.
#[test]
fn hiding_a_changed_offer_is_noticed() {
    for mechanism in not_plus() {
        let credentials = Account::juliet().credentials();
        let none = ChannelBindings::none();
        let fitting = {
            let mut pair = Pair::with_bindings(mechanism, &credentials, &none, &none, false);
            assert!(matches!(pair.run(), Outcome::Success { .. }));
            hash(&pair.transcript[1])
        };
        for replacement in [String::new(), fitting] {
            let mut pair = Pair::with_bindings(mechanism, &credentials, &none, &none, true);
            pair.client = client_exchange(mechanism, &credentials, &none, false);
            let outcome = pair.run_with(|leg, message| match leg {
                Leg::ServerFirst => String::from_utf8(message.clone())
                    .unwrap()
                    .replace(&hash(&message), &replacement)
                    .into_bytes(),
                _ => message,
            });
            assert_eq!(
                outcome,
                Outcome::ServerRefused(Rejection::WrongCredentials, Condition::NotAuthorized)
            );
        }
    }
}

/// The attribute `h` and the comma before it.
fn hash(server_first: &[u8]) -> String {
    let message = core::str::from_utf8(server_first).unwrap();
    message.get(message.find(",h=").unwrap()..).unwrap().into()
}

/// A client accepts the offer of a server that does not protect it.
#[test]
fn an_unprotected_offer_is_taken() {
    for mechanism in scram_mechanisms() {
        let mut pair = Pair::new(mechanism, &Account::juliet().credentials());
        pair.server = pair.server.without_downgrade_protection();
        assert!(matches!(pair.run(), Outcome::Success { .. }));
        assert!(!String::from_utf8_lossy(&pair.transcript[1]).contains(",h="));
    }
}

#[test]
fn a_server_without_channel_binding_takes_y_and_n() {
    for mechanism in not_plus() {
        for client in [tls(), ChannelBindings::none()] {
            let credentials = Account::juliet().credentials();
            let none = ChannelBindings::none();
            let mut pair = Pair::with_bindings(mechanism, &credentials, &client, &none, false);
            assert!(matches!(pair.run(), Outcome::Success { .. }));
        }
    }
}

#[test]
fn only_what_the_server_announced_is_kept() {
    let all = ChannelBindings::tls12_extended_master_secret([9; 32]).with_server_end_point(b"hash");
    let unique = ChannelBindings::tls12_unique(b"finished").with_server_end_point(b"hash");
    for bindings in [all, unique] {
        let types: Vec<_> = bindings.types().collect();
        assert_eq!(types.len(), 2);
        for kept in types {
            let one = bindings.clone().retain(|kind| kind == kept);
            assert_eq!(one.types().collect::<Vec<_>>(), [kept]);
            assert_eq!(one.get(kept), bindings.get(kept));
        }
    }
}
