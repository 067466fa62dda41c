//! Nobody can tell whether a user exists.

use xmppwire_sasl::{
    ChannelBindings, Condition, Credentials, DecoyKey, Mechanism, ServerAnswer, ServerExchange,
    ServerStep,
};

use crate::pair::{Pair, SERVER_NONCE, decoy, offer, password_mechanisms, scram_mechanisms};

#[test]
fn an_unknown_user_looks_like_a_wrong_password() {
    for mechanism in password_mechanisms() {
        // Names of one length, so that every difference of length is the server's.
        let mut wrong = Pair::new(mechanism, &Credentials::new("juliet", "wrong password"));
        let mut unknown = Pair::new(mechanism, &Credentials::new("nobody", "wrong password"));
        assert_eq!(wrong.run(), unknown.run());
        let shape = |pair: &Pair| -> Vec<_> {
            pair.transcript
                .iter()
                .map(|message| {
                    // Letters and digits are the values, the rest is the form.
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

/// The `s=` and `i=` that a server shows for a user it does not know.
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
fn what_is_shown_stays_the_same() {
    let sha1 = Mechanism::ScramSha1;
    let nobody = shown(sha1, "nobody", &decoy());
    assert_eq!(nobody, shown(sha1, "nobody", &decoy()));
    // The same name, spelled otherwise.
    assert_eq!(nobody, shown(sha1, "no\u{ad}body", &decoy()));
    // Other name, other hash, other secret.
    assert_ne!(nobody, shown(sha1, "nobodx", &decoy()));
    assert_ne!(nobody, shown(Mechanism::ScramSha256, "nobody", &decoy()));
    let other = DecoyKey::new([99; 32]).with_iterations(2);
    assert_ne!(nobody, shown(sha1, "nobody", &other));
}

#[test]
fn what_is_shown_can_be_made_to_fit() {
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

/// Even the keys that were made up open nothing: the answer counts, not the arithmetic.
#[test]
fn no_proof_opens_a_decoy() {
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
