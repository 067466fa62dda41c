//! Channel binding: the right flag, the same channel, and no way down unnoticed.

use xmppwire_sasl::{
    ChannelBindings, ClientError, ClientExchange, Condition, Mechanism, Rejection,
};

use crate::pair::{Account, CLIENT_NONCE, Outcome, Pair, client_exchange, scram_mechanisms, tls};

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
        // Offered, but there is nothing to bind to.
        assert_eq!(header(mechanism, &none, true), "n,");
        assert_eq!(header(mechanism, &none, false), "n,");
        // There is, but it was not offered.
        assert_eq!(header(mechanism, &tls(), false), "y,");
        // Offered, and not used by the caller's will: `y` would not be true.
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
            true,
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

/// Somebody takes the `-PLUS` mechanisms out of the offer: the client says `y`, and the server knows
/// better.
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

/// …and if the same somebody turns the `y` into an `n`, the `c=` of the final message gives it away.
#[test]
fn hiding_the_flag_is_noticed() {
    for mechanism in not_plus() {
        let credentials = Account::juliet().credentials();
        let mut pair = Pair::with_bindings(mechanism, &credentials, &tls(), &tls(), true);
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
