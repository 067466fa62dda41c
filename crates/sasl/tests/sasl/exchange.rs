//! Every mechanism from end to end.

use xmppwire_sasl::{
    ChannelBindings, ClientError, ClientExchange, Condition, Credentials, CredentialsError,
    MAX_AUTHZID, MAX_PASSWORD, MAX_USERNAME, Mechanism, Rejection, SaslPrepError, ScramHash,
    ServerAnswer, ServerExchange, ServerQuestion, ServerStep,
};

use crate::pair::{
    Account, CLIENT_NONCE, Outcome, Pair, SERVER_NONCE, client_exchange, decoy, offer,
    password_mechanisms, scram_mechanisms, tls,
};

const WRONG: Outcome =
    Outcome::ServerRefused(Rejection::WrongCredentials, Condition::NotAuthorized);

#[test]
fn the_right_password_logs_in() {
    for mechanism in password_mechanisms() {
        let mut pair = Pair::new(mechanism, &Account::juliet().credentials());
        assert_eq!(
            pair.run(),
            Outcome::Success {
                username: Some("juliet".into()),
                authzid: None
            },
            "{mechanism}"
        );
        assert_eq!(pair.server.rejection(), None);
    }
}

#[test]
fn a_wrong_password_is_refused() {
    for mechanism in password_mechanisms() {
        let credentials = Credentials::new("juliet", "R0m30myr0m30");
        assert_eq!(Pair::new(mechanism, &credentials).run(), WRONG);
    }
}

#[test]
fn an_unknown_user_is_refused() {
    for mechanism in password_mechanisms() {
        let credentials = Credentials::new("romeo", "r0m30myr0m30");
        assert_eq!(Pair::new(mechanism, &credentials).run(), WRONG);
    }
}

#[test]
fn an_authorization_identity_gets_through() {
    for mechanism in password_mechanisms() {
        for authzid in ["romeo@example.org", "a,b=c@example.org", "=2C", "é"] {
            let credentials = Account::juliet().credentials().with_authzid(authzid);
            let mut pair = Pair::new(mechanism, &credentials);
            assert_eq!(
                pair.run(),
                Outcome::Success {
                    username: Some("juliet".into()),
                    authzid: Some(authzid.into())
                },
                "{mechanism}"
            );
        }
    }
}

#[test]
fn the_question_tells_who_asks_for_what() {
    let credentials = Account::juliet()
        .credentials()
        .with_authzid("nurse@example.org");
    for mechanism in scram_mechanisms() {
        let pair = &mut Pair::new(mechanism, &credentials);
        let step = pair.server.step(Some(&pair.client.initial_response()));
        assert_eq!(step, ServerStep::Ask);
        assert_eq!(
            pair.server.question(),
            Some(ServerQuestion::ScramKeys {
                mechanism,
                hash: mechanism.hash().unwrap(),
                username: "juliet",
                authzid: Some("nurse@example.org"),
            })
        );
    }
    let pair = &mut Pair::new(Mechanism::Plain, &credentials);
    let step = pair.server.step(Some(&pair.client.initial_response()));
    assert_eq!(step, ServerStep::Ask);
    assert_eq!(
        pair.server.question(),
        Some(ServerQuestion::Password {
            username: "juliet",
            password: "r0m30myr0m30",
            authzid: Some("nurse@example.org"),
        })
    );
}

#[test]
fn names_are_escaped_and_both_sides_prepare() {
    for mechanism in password_mechanisms() {
        for (sent, prepared) in [
            ("a,b=c", "a,b=c"),
            ("=2C", "=2C"),
            ("I\u{ad}X", "IX"),
            ("e\u{301}", "\u{e9}"),
        ] {
            let credentials = Credentials::new(sent, "cafe\u{301}");
            let mut pair = Pair::new(mechanism, &credentials);
            pair.account = Account {
                username: prepared,
                password: "caf\u{e9}".into(),
            };
            assert_eq!(
                pair.run(),
                Outcome::Success {
                    username: Some(prepared.into()),
                    authzid: None
                },
                "{mechanism} {sent}"
            );
        }
    }
}

#[test]
fn a_server_prepares_what_a_client_did_not() {
    let bindings = ChannelBindings::none();
    let mut server = ServerExchange::new(
        Mechanism::Plain,
        &bindings,
        &offer(false),
        SERVER_NONCE,
        decoy(),
    );
    let step = server.step(Some("\0I\u{ad}X\0cafe\u{301}".as_bytes()));
    assert_eq!(step, ServerStep::Ask);
    assert_eq!(
        server.question(),
        Some(ServerQuestion::Password {
            username: "IX",
            password: "caf\u{e9}",
            authzid: None
        })
    );
}

#[test]
fn a_client_without_initial_response_is_prompted_once() {
    for mechanism in password_mechanisms() {
        let mut pair = Pair::new(mechanism, &Account::juliet().credentials());
        assert_eq!(pair.server.step(None), ServerStep::Challenge(Vec::new()));
        assert!(matches!(pair.run(), Outcome::Success { .. }));

        let mut pair = Pair::new(mechanism, &Account::juliet().credentials());
        assert_eq!(pair.server.step(None), ServerStep::Challenge(Vec::new()));
        assert_eq!(
            pair.server.step(None),
            ServerStep::Failure(Condition::MalformedRequest)
        );
        assert_eq!(pair.server.rejection(), Some(Rejection::OutOfOrder));
    }
}

/// If success cannot carry data, the server sends its signature in a challenge (RFC 5802 §5).
#[test]
fn the_signature_may_come_as_a_challenge() {
    for mechanism in scram_mechanisms() {
        for success in [None, Some([].as_slice())] {
            let (mut client, signature) = up_to_signature(mechanism);
            assert_eq!(client.respond(&signature), Ok(Vec::new()));
            assert_eq!(client.finish(success), Ok(()));
            assert_eq!(client.finish(success), Err(ClientError::OutOfOrder));
        }

        let (mut client, signature) = up_to_signature(mechanism);
        assert_eq!(client.respond(&signature), Ok(Vec::new()));
        assert_eq!(client.respond(&signature), Err(ClientError::OutOfOrder));

        let (mut client, signature) = up_to_signature(mechanism);
        assert_eq!(client.respond(&signature), Ok(Vec::new()));
        assert_eq!(
            client.finish(Some(&signature)),
            Err(ClientError::UnexpectedData)
        );
    }
}

#[test]
fn success_before_the_signature_is_an_error() {
    for mechanism in scram_mechanisms() {
        for data in [None, Some([].as_slice()), Some(b"v=AAAA".as_slice())] {
            let mut client = client_exchange(
                mechanism,
                &Account::juliet().credentials(),
                &tls(),
                mechanism.is_plus(),
            );
            assert_eq!(
                client.finish(data),
                Err(ClientError::ServerSignatureMissing)
            );
            assert_eq!(client.finish(data), Err(ClientError::OutOfOrder));
        }
        for data in [None, Some([].as_slice())] {
            let (mut client, _) = up_to_signature(mechanism);
            assert_eq!(
                client.finish(data),
                Err(ClientError::ServerSignatureMissing)
            );
        }
    }
}

/// Returns a client whose proof the server has accepted, and the server's signature.
fn up_to_signature(mechanism: Mechanism) -> (ClientExchange, Vec<u8>) {
    let account = Account::juliet();
    let mut pair = Pair::new(mechanism, &account.credentials());
    let step = pair.server.step(Some(&pair.client.initial_response()));
    assert_eq!(step, ServerStep::Ask);
    let answer = account.answer(pair.server.question().unwrap());
    let ServerStep::Challenge(challenge) = pair.server.answer(answer) else {
        panic!("no challenge");
    };
    let proof = pair.client.respond(&challenge).unwrap();
    match pair.server.step(Some(&proof)) {
        ServerStep::Success {
            additional_data: Some(signature),
            ..
        } => (pair.client, signature),
        other => panic!("{other:?}"),
    }
}

#[test]
fn plain_sends_nothing_after_its_message() {
    let client = || {
        let credentials = Account::juliet().credentials();
        client_exchange(Mechanism::Plain, &credentials, &tls(), false)
    };
    assert_eq!(client().initial_response(), b"\0juliet\0r0m30myr0m30");
    assert_eq!(client().respond(b""), Err(ClientError::OutOfOrder));
    assert_eq!(client().finish(Some(b"")), Ok(()));
    assert_eq!(
        client().finish(Some(b"x")),
        Err(ClientError::UnexpectedData)
    );
    let mut done = client();
    assert_eq!(done.finish(None), Ok(()));
    assert_eq!(done.finish(None), Err(ClientError::OutOfOrder));
}

#[test]
fn plain_may_be_decided_by_the_application() {
    let credentials = Account::juliet().credentials();
    for (answer, expected) in [
        (
            ServerAnswer::Accept,
            ServerStep::Success {
                username: Some("juliet".into()),
                authzid: None,
                additional_data: None,
            },
        ),
        (
            ServerAnswer::Reject(Condition::NotAuthorized),
            ServerStep::Failure(Condition::NotAuthorized),
        ),
        (
            ServerAnswer::ScramKeys(Account::juliet().keys(ScramHash::Sha1)),
            ServerStep::Success {
                username: Some("juliet".into()),
                authzid: None,
                additional_data: None,
            },
        ),
    ] {
        let pair = &mut Pair::new(Mechanism::Plain, &credentials);
        let step = pair.server.step(Some(&pair.client.initial_response()));
        assert_eq!(step, ServerStep::Ask);
        assert_eq!(pair.server.answer(answer), expected);
    }
}

#[test]
fn other_conditions_fail_at_once() {
    for mechanism in password_mechanisms() {
        for condition in Condition::ALL {
            if *condition == Condition::NotAuthorized {
                continue;
            }
            let pair = &mut Pair::new(mechanism, &Account::juliet().credentials());
            let step = pair.server.step(Some(&pair.client.initial_response()));
            assert_eq!(step, ServerStep::Ask);
            assert_eq!(
                pair.server.answer(ServerAnswer::Reject(*condition)),
                ServerStep::Failure(*condition)
            );
            assert_eq!(
                pair.server.rejection(),
                Some(Rejection::Application(*condition))
            );
        }
    }
}

#[test]
fn answers_that_do_not_fit_fail_closed() {
    let misuse = ServerStep::Failure(Condition::TemporaryAuthFailure);
    for mechanism in scram_mechanisms() {
        let other_hash = match mechanism.hash().unwrap() {
            ScramHash::Sha1 => ScramHash::Sha512,
            _ => ScramHash::Sha1,
        };
        for answer in [
            ServerAnswer::Accept,
            ServerAnswer::ScramKeys(Account::juliet().keys(other_hash)),
        ] {
            let pair = &mut Pair::new(mechanism, &Account::juliet().credentials());
            let step = pair.server.step(Some(&pair.client.initial_response()));
            assert_eq!(step, ServerStep::Ask);
            assert_eq!(pair.server.answer(answer), misuse);
            assert_eq!(pair.server.rejection(), Some(Rejection::Misuse));
        }
        let pair = &mut Pair::new(mechanism, &Account::juliet().credentials());
        assert_eq!(pair.server.question(), None);
        assert_eq!(pair.server.answer(ServerAnswer::Accept), misuse);
    }
}

#[test]
fn a_message_while_a_question_is_open_fails() {
    for mechanism in password_mechanisms() {
        let pair = &mut Pair::new(mechanism, &Account::juliet().credentials());
        let first = pair.client.initial_response();
        assert_eq!(pair.server.step(Some(&first)), ServerStep::Ask);
        assert_eq!(
            pair.server.step(Some(&first)),
            ServerStep::Failure(Condition::MalformedRequest)
        );
        assert_eq!(pair.server.rejection(), Some(Rejection::OutOfOrder));
        assert_eq!(pair.server.question(), None);
    }
}

#[test]
fn after_the_end_nothing_succeeds() {
    for mechanism in password_mechanisms() {
        let pair = &mut Pair::new(mechanism, &Account::juliet().credentials());
        assert!(matches!(pair.run(), Outcome::Success { .. }));
        for message in pair.transcript.clone() {
            assert_eq!(
                pair.server.step(Some(&message)),
                ServerStep::Failure(Condition::MalformedRequest)
            );
            assert_eq!(pair.client.respond(&message), Err(ClientError::OutOfOrder));
            assert_eq!(
                pair.client.finish(Some(&message)),
                Err(ClientError::OutOfOrder)
            );
        }
    }
}

#[test]
fn unusable_credentials_are_the_callers_fault() {
    use CredentialsError::{Authzid, EmptyPassword, EmptyUsername, Password, TooLong, Username};
    let long = |n| "x".repeat(n);
    let table = [
        (Credentials::new("", "p"), EmptyUsername),
        (Credentials::new("\u{ad}", "p"), EmptyUsername),
        (
            Credentials::new("\u{7}", "p"),
            Username(SaslPrepError::Prohibited),
        ),
        (
            Credentials::new("a\0b", "p"),
            Username(SaslPrepError::Prohibited),
        ),
        (Credentials::new(long(MAX_USERNAME + 1), "p"), TooLong),
        (
            Credentials::new("\u{fdfa}".repeat(MAX_USERNAME / 3), "p"),
            TooLong,
        ),
        (Credentials::new("u", ""), EmptyPassword),
        (Credentials::new("u", "\u{ad}"), EmptyPassword),
        (
            Credentials::new("u", "a\0b"),
            Password(SaslPrepError::Prohibited),
        ),
        (
            Credentials::new("u", "\u{627}1"),
            Password(SaslPrepError::Bidirectional),
        ),
        (Credentials::new("u", long(MAX_PASSWORD + 1)), TooLong),
        (Credentials::new("u", "p").with_authzid("a\0b"), Authzid),
        (
            Credentials::new("u", "p").with_authzid(long(MAX_AUTHZID + 1)),
            TooLong,
        ),
    ];
    for mechanism in password_mechanisms() {
        for (credentials, expected) in &table {
            let error =
                ClientExchange::new(mechanism, credentials, &tls(), &offer(true), CLIENT_NONCE)
                    .err();
            assert_eq!(error, Some(ClientError::Credentials(*expected)));
        }
    }
}

/// RFC 5802 §2.2 prepares the password as a stored string, RFC 4616 §2 as a query string.
#[test]
fn characters_that_unicode_3_2_lacks() {
    let credentials = Credentials::new("u\u{221}", "p\u{221}");
    for mechanism in password_mechanisms() {
        let error =
            ClientExchange::new(mechanism, &credentials, &tls(), &offer(true), CLIENT_NONCE).err();
        let expected = mechanism.hash().map(|_| {
            ClientError::Credentials(CredentialsError::Password(SaslPrepError::Unassigned))
        });
        assert_eq!(error, expected);
    }
}

#[test]
fn the_longest_identities_fit() {
    let credentials = Credentials::new("=".repeat(MAX_USERNAME), "p".repeat(MAX_PASSWORD))
        .with_authzid(",".repeat(MAX_AUTHZID));
    for mechanism in password_mechanisms() {
        assert_eq!(Pair::new(mechanism, &credentials).run(), WRONG);
    }
}

#[test]
fn everything_moves_between_threads() {
    fn moves<T: Send + Sync + 'static>() {}
    moves::<ClientExchange>();
    moves::<ServerExchange>();
    moves::<ServerStep>();
    moves::<ServerAnswer>();
    moves::<ClientError>();
}
