//! Properties of every input.

use proptest::prelude::*;
use xmppwire_sasl::{
    Condition, Credentials, Mechanism, ScramHash, ScramKeys, ServerAnswer, ServerExchange,
    ServerStep, StringKind, saslprep, wire,
};

use crate::pair::{
    Account, Outcome, Pair, SERVER_NONCE, client_exchange, decoy, offer, password_mechanisms, tls,
};

fn mechanism() -> impl Strategy<Value = Mechanism> {
    proptest::sample::select(password_mechanisms().collect::<Vec<_>>())
}

/// Octets that resemble messages closely enough to pass the first check.
fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        "[nyp=,arscvimex0-9A-Z/+\u{0}é]{0,60}".prop_map(String::into_bytes),
        "(n|y|p=tls-exporter),(a=[a-z=,23CD]{0,5})?,n=[a-z=23CD]{0,5},r=[!-~]{0,9}"
            .prop_map(String::into_bytes),
        "r=(AQEB){8}[!-~]{0,9},s=[A-Za-z0-9+/=]{0,9},i=[0-9]{0,3}(,[a-z]=[a-z]{0,3}){0,2}"
            .prop_map(String::into_bytes),
        "c=[A-Za-z0-9+/=]{0,9},r=[!-~]{0,9}(,[a-z]=[a-z]{0,3}){0,2},p=[A-Za-z0-9+/=]{0,9}"
            .prop_map(String::into_bytes),
        "[ve]=[A-Za-z0-9+/=]{0,50}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn valid_credentials_log_in(
        mechanism in mechanism(),
        username in "\\PC{1,20}",
        password in "\\PC{1,20}",
        authzid in proptest::option::of("\\PC{1,20}"),
    ) {
        let prepared = saslprep(&username, StringKind::Query);
        let keys = ScramKeys::derive(
            mechanism.hash().unwrap_or(ScramHash::Sha256),
            &password,
            b"salt",
            1,
        );
        let (Ok(prepared), Ok(keys)) = (prepared, keys) else { return Ok(()) };
        prop_assume!(!prepared.is_empty());
        let mut credentials = Credentials::new(username.as_str(), password.as_str());
        if let Some(authzid) = &authzid {
            credentials = credentials.with_authzid(authzid.as_str());
        }
        let mut client = client_exchange(mechanism, &credentials, &tls(), mechanism.is_plus());
        let mut server =
            ServerExchange::new(mechanism, &tls(), &offer(mechanism.is_plus()), SERVER_NONCE, decoy());
        prop_assert_eq!(server.step(Some(&client.initial_response())), ServerStep::Ask);
        let mut step = server.answer(ServerAnswer::ScramKeys(keys));
        if let ServerStep::Challenge(challenge) = &step {
            step = server.step(Some(&client.respond(challenge).unwrap()));
        }
        let ServerStep::Success { username, authzid: granted, additional_data } = step else {
            panic!("{step:?}");
        };
        prop_assert_eq!(username.as_deref(), Some(&*prepared));
        prop_assert_eq!(granted, authzid);
        prop_assert_eq!(client.finish(additional_data.as_deref()), Ok(()));
    }

    #[test]
    fn another_password_is_refused(mechanism in mechanism(), password in "[ -~]{1,20}") {
        prop_assume!(password != Account::juliet().password);
        let outcome = Pair::new(mechanism, &Credentials::new("juliet", password)).run();
        let refused = matches!(
            outcome,
            Outcome::ServerRefused(_, Condition::NotAuthorized)
        );
        prop_assert!(refused);
    }

    #[test]
    fn a_server_survives_anything(
        mechanism in mechanism(),
        messages in proptest::collection::vec(proptest::option::of(message()), 1..5),
        known: bool,
    ) {
        let mut server = ServerExchange::new(mechanism, &tls(), &offer(false), SERVER_NONCE, decoy());
        for message in messages {
            let mut step = server.step(message.as_deref());
            if step == ServerStep::Ask {
                prop_assert!(server.question().is_some());
                let hash = mechanism.hash().unwrap_or(ScramHash::Sha1);
                step = server.answer(if known {
                    ServerAnswer::ScramKeys(Account::juliet().keys(hash))
                } else {
                    ServerAnswer::Reject(Condition::NotAuthorized)
                });
            }
            prop_assert!(server.question().is_none());
            let success = matches!(step, ServerStep::Success { .. });
            prop_assert!(!success);
            prop_assert_eq!(
                matches!(step, ServerStep::Failure(_)),
                server.rejection().is_some()
            );
        }
    }

    #[test]
    fn a_client_survives_anything(
        mechanism in mechanism(),
        messages in proptest::collection::vec(message(), 1..5),
        last in proptest::option::of(message()),
    ) {
        let credentials = Account::juliet().credentials();
        let mut client = client_exchange(mechanism, &credentials, &tls(), true);
        for message in messages {
            let _: Result<Vec<u8>, _> = client.respond(&message);
        }
        prop_assert!(client.finish(last.as_deref()).is_err());
    }

    #[test]
    fn base64_has_one_spelling(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
        let text = wire::encode(&octets);
        prop_assert_eq!(wire::decode(&text), Ok(octets));
    }

    #[test]
    fn only_encoder_output_decodes(text in "[A-Za-z0-9+/= \n-]{0,12}") {
        if let Ok(octets) = wire::decode(&text) {
            let canonical = wire::encode(&octets);
            prop_assert!(text == canonical || text.is_empty() && canonical == "=");
        }
    }

    #[test]
    fn preparing_twice_changes_nothing(text in any::<String>()) {
        for kind in [StringKind::Stored, StringKind::Query] {
            if let Ok(once) = saslprep(&text, kind) {
                prop_assert_eq!(saslprep(&once, kind), Ok(once.clone()));
            }
        }
    }

    #[test]
    fn keys_read_what_they_wrote(
        salt in proptest::collection::vec(any::<u8>(), 1..40),
        iterations in 1..u32::MAX,
        key: [u8; 32],
        noise in any::<String>(),
    ) {
        let keys =
            ScramKeys::from_parts(ScramHash::Sha256, &salt, iterations, &key, &key).unwrap();
        let text = keys.to_text();
        prop_assert_eq!(ScramKeys::parse(&text).unwrap().to_text(), text);
        prop_assert!(ScramKeys::parse(&noise).is_err());
    }
}
