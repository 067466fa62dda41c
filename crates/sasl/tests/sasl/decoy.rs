//! The server does not reveal whether a user exists.

use xmppwire_sasl::{
    ChannelBindings, Condition, Credentials, DecoyKey, Mechanism, ServerAnswer, ServerExchange,
    ServerStep,
};

use crate::pair::{Pair, SERVER_NONCE, decoy, offer, password_mechanisms, scram_mechanisms};

#[test]
fn an_unknown_user_looks_like_a_wrong_password() {
    for mechanism in password_mechanisms() {
        // The names have the same length, so every difference in length comes from the server.
        let mut wrong = Pair::new(mechanism, &Credentials::new("juliet", "wrong password"));
        let mut unknown = Pair::new(mechanism, &Credentials::new("nobody", "wrong password"));
        assert_eq!(wrong.run(), unknown.run());
        let shape = |pair: &Pair| -> Vec<_> {
            pair.transcript
                .iter()
                .map(|message| {
                    // Letters and digits are values; all other characters are the form.
                    message
                        .iter()
                        .map(|b| {
                            if b.is_ascii_alphanumeric() || b"+/".contains(b) {
                                b'x'
                            } else {
                                *b
                            }
                        })
                        .collect::<Vec<_>>()
                })
                .collect()
        };
        assert_eq!(shape(&wrong), shape(&unknown));
        assert_eq!(wrong.server.rejection(), unknown.server.rejection());
    }
}

/// The `s=` and `i=` that a server sends for an unknown user.
fn shown(mechanism: Mechanism, username: &str, decoy: &DecoyKey) -> String {
    let mut server = ServerExchange::new(
        mechanism,
        &ChannelBindings::none(),
        &offer(false),
        SERVER_NONCE,
        decoy.clone(),
    )
    .without_downgrade_protection();
    let first = format!("n,,n={username},r=abc");
    assert_eq!(server.step(Some(first.as_bytes())), ServerStep::Ask);
    match server.answer(ServerAnswer::Reject(Condition::NotAuthorized)) {
        ServerStep::Challenge(challenge) => {
            let challenge = String::from_utf8(challenge).unwrap();
            challenge.split_once(",s=").unwrap().1.into()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn salts_of_unknown_users_are_stable() {
    let sha1 = Mechanism::ScramSha1;
    let nobody = shown(sha1, "nobody", &decoy());
    assert_eq!(nobody, shown(sha1, "nobody", &decoy()));
    // Another spelling of the same name.
    assert_eq!(nobody, shown(sha1, "no\u{ad}body", &decoy()));
    // A different name, a different hash, a different secret.
    assert_ne!(nobody, shown(sha1, "nobodx", &decoy()));
    assert_ne!(nobody, shown(Mechanism::ScramSha256, "nobody", &decoy()));
    let other = DecoyKey::new([99; 32]).with_iterations(2);
    assert_ne!(nobody, shown(sha1, "nobody", &other));
}

#[test]
fn decoys_can_match_real_accounts() {
    for (octets, length) in [(0, 4), (1, 4), (16, 24), (24, 32), (32, 44), (99, 44)] {
        let decoy = DecoyKey::new([4; 32])
            .with_iterations(12_345)
            .with_salt_len(octets);
        let shown = shown(Mechanism::ScramSha256, "nobody", &decoy);
        let (salt, iterations) = shown.split_once(",i=").unwrap();
        assert_eq!(salt.len(), length);
        assert_eq!(iterations, "12345");
    }
    let none = DecoyKey::new([4; 32]).with_iterations(0);
    assert!(shown(Mechanism::ScramSha1, "nobody", &none).ends_with(",i=1"));
}

/// A proof for the decoy keys does not log in: the server refuses an unknown user whatever the
/// proof.
#[test]
fn no_proof_matches_a_decoy() {
    for mechanism in scram_mechanisms() {
        for password in ["r0m30myr0m30", "nobody"] {
            let mut pair = Pair::new(mechanism, &Credentials::new("nobody", password));
            assert_eq!(
                format!("{:?}", pair.run()),
                "ServerRefused(WrongCredentials, NotAuthorized)"
            );
        }
    }
}
