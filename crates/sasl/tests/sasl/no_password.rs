//! EXTERNAL and ANONYMOUS: one message, and the application decides.

use xmppwire_sasl::{
    ChannelBindings, ClientError, ClientExchange, Condition, Credentials, CredentialsError,
    MAX_AUTHZID, MAX_TRACE, Mechanism, MessageError, Rejection, ScramHash, ServerAnswer,
    ServerExchange, ServerQuestion, ServerStep,
};

use crate::pair::{Account, CLIENT_NONCE, SERVER_NONCE, decoy, offer, tls};

const BOTH: [Mechanism; 2] = [Mechanism::External, Mechanism::Anonymous];

fn client(mechanism: Mechanism, credentials: &Credentials) -> Result<ClientExchange, ClientError> {
    ClientExchange::new(mechanism, credentials, &tls(), &offer(true), CLIENT_NONCE)
}

fn server(mechanism: Mechanism) -> ServerExchange {
    let none = ChannelBindings::none();
    ServerExchange::new(mechanism, &none, &offer(false), SERVER_NONCE, decoy())
}

/// The message of a client with these credentials.
fn message(mechanism: Mechanism, credentials: &Credentials) -> String {
    let client = client(mechanism, credentials).unwrap();
    String::from_utf8(client.initial_response()).unwrap()
}

fn credentials(mechanism: Mechanism) -> Credentials {
    match mechanism {
        Mechanism::External => Credentials::certificate(None),
        _ => Credentials::anonymous(),
    }
}

fn success(authzid: Option<&str>) -> ServerStep {
    ServerStep::Success {
        username: None,
        authzid: authzid.map(Into::into),
        additional_data: None,
    }
}

#[test]
fn messages_of_external() {
    let juliet = "juliet@example.org";
    for (credentials, expected) in [
        (Credentials::certificate(None), ""),
        (Credentials::certificate(Some("")), ""),
        (Credentials::certificate(Some(juliet)), juliet),
        (Credentials::certificate(None).with_authzid(juliet), juliet),
        (
            Credentials::certificate(Some("nurse@example.org")).with_authzid(juliet),
            juliet,
        ),
        (
            Account::juliet()
                .credentials()
                .with_certificate(Some(juliet)),
            juliet,
        ),
    ] {
        assert_eq!(message(Mechanism::External, &credentials), expected);
    }
    // The authorization identity of a certificate does not apply to a login with a password.
    let both = Account::juliet()
        .credentials()
        .with_certificate(Some(juliet));
    assert!(message(Mechanism::ScramSha1, &both).starts_with("n,,n="));
}

#[test]
fn messages_of_anonymous() {
    for (credentials, expected) in [
        (Credentials::anonymous(), ""),
        (Credentials::anonymous().with_trace(""), ""),
        (
            Credentials::anonymous().with_trace("a visitor"),
            "a visitor",
        ),
        (
            Credentials::anonymous().with_authzid("juliet@example.org"),
            "",
        ),
    ] {
        assert_eq!(message(Mechanism::Anonymous, &credentials), expected);
    }
    // RFC 4505 §2 counts characters.
    let longest = "\u{1d11e}".repeat(MAX_TRACE);
    let credentials = Credentials::anonymous().with_trace(longest.as_str());
    assert_eq!(message(Mechanism::Anonymous, &credentials), longest);
    let password = Account::juliet().credentials().with_trace("juliet");
    assert!(!password.fit(Mechanism::Anonymous));
}

#[test]
fn credentials_of_another_kind() {
    let unfit = |mechanism, credentials: &Credentials| {
        assert!(!credentials.fit(mechanism));
        assert_eq!(
            client(mechanism, credentials).err(),
            Some(ClientError::Credentials(CredentialsError::Unfit)),
            "{mechanism}"
        );
    };
    unfit(Mechanism::External, &Account::juliet().credentials());
    unfit(Mechanism::External, &Credentials::anonymous());
    for mechanism in Mechanism::ALL {
        if *mechanism != Mechanism::External {
            unfit(*mechanism, &Credentials::certificate(None));
        }
        if *mechanism != Mechanism::Anonymous {
            unfit(*mechanism, &Credentials::anonymous());
        }
    }
    unfit(Mechanism::Anonymous, &Account::juliet().credentials());
}

#[test]
fn the_question_tells_what_was_said() {
    for (said, told) in [("", None), ("a@b", Some("a@b"))] {
        let mut server = server(Mechanism::External);
        assert_eq!(server.step(Some(said.as_bytes())), ServerStep::Ask);
        assert_eq!(
            server.question(),
            Some(ServerQuestion::External { authzid: told })
        );
        assert_eq!(server.answer(ServerAnswer::Accept), success(told));
    }
    for (said, told) in [("", None), ("a@b", Some("a@b"))] {
        let mut server = server(Mechanism::Anonymous);
        assert_eq!(server.step(Some(said.as_bytes())), ServerStep::Ask);
        assert_eq!(
            server.question(),
            Some(ServerQuestion::Anonymous { trace: told })
        );
        assert_eq!(server.answer(ServerAnswer::Accept), success(None));
    }
}

/// A server that received no initial response asks for it (RFC 4422 §5).
#[test]
fn the_message_may_be_asked_for_once() {
    for mechanism in BOTH {
        let mut client = client(mechanism, &credentials(mechanism)).unwrap();
        let mut server = server(mechanism);
        assert_eq!(server.step(None), ServerStep::Challenge(Vec::new()));
        let response = client.respond(b"").unwrap();
        assert_eq!(response, client.initial_response());
        assert_eq!(server.step(Some(&response)), ServerStep::Ask);
        assert_eq!(server.answer(ServerAnswer::Accept), success(None));
        assert_eq!(client.clone().finish(None), Ok(()));
        assert_eq!(client.respond(b""), Err(ClientError::OutOfOrder));
        assert_eq!(client.finish(None), Err(ClientError::OutOfOrder));
    }
}

#[test]
fn nothing_follows_the_message() {
    for mechanism in BOTH {
        let fresh = || client(mechanism, &credentials(mechanism)).unwrap();
        assert_eq!(fresh().respond(b"x"), Err(ClientError::OutOfOrder));
        assert_eq!(fresh().finish(Some(b"")), Ok(()));
        assert_eq!(fresh().finish(Some(b"x")), Err(ClientError::UnexpectedData));
        let mut done = fresh();
        assert_eq!(done.finish(None), Ok(()));
        assert_eq!(done.finish(None), Err(ClientError::OutOfOrder));
    }
}

#[test]
fn refusals_are_told_at_once() {
    for mechanism in BOTH {
        for condition in Condition::ALL {
            let mut server = server(mechanism);
            assert_eq!(server.step(Some(b"")), ServerStep::Ask);
            assert_eq!(
                server.answer(ServerAnswer::Reject(*condition)),
                ServerStep::Failure(*condition)
            );
            assert_eq!(server.rejection(), Some(Rejection::Application(*condition)));
        }
    }
}

#[test]
fn answers_that_do_not_fit_fail_closed() {
    for mechanism in BOTH {
        let keys = Account::juliet().keys(ScramHash::Sha256);
        let mut server = server(mechanism);
        assert_eq!(server.step(Some(b"")), ServerStep::Ask);
        assert_eq!(
            server.answer(ServerAnswer::ScramKeys(keys)),
            ServerStep::Failure(Condition::TemporaryAuthFailure)
        );
        assert_eq!(server.rejection(), Some(Rejection::Misuse));
        assert_eq!(
            server.answer(ServerAnswer::Accept),
            ServerStep::Failure(Condition::TemporaryAuthFailure)
        );
    }
}

#[test]
fn messages_that_a_server_refuses() {
    let refused = |mechanism, message: &[u8]| {
        let mut server = server(mechanism);
        match server.step(Some(message)) {
            ServerStep::Ask => None,
            ServerStep::Failure(Condition::MalformedRequest) => server.rejection(),
            other => panic!("{other:?}"),
        }
    };
    use MessageError::{NotUtf8, Syntax, TooLong};
    for (message, error) in [
        (&b"a\0b"[..], Some(Syntax)),
        (b"\xFF", Some(NotUtf8)),
        (&[b'a'; MAX_AUTHZID], None),
        (&[b'a'; MAX_AUTHZID + 1], Some(TooLong)),
    ] {
        assert_eq!(
            refused(Mechanism::External, message),
            error.map(Rejection::Malformed)
        );
    }
    let longest = "\u{1d11e}".repeat(MAX_TRACE);
    for (message, rejection) in [
        (longest.as_bytes(), None),
        (
            &*[longest.as_bytes(), b"x"].concat(),
            Some(Rejection::Malformed(TooLong)),
        ),
        (b"\xFF", Some(Rejection::Malformed(NotUtf8))),
        (b"a@b@c", Some(Rejection::Trace)),
        (b"@", Some(Rejection::Trace)),
        (b"@b", Some(Rejection::Trace)),
        (b"a@", Some(Rejection::Trace)),
        (b"a\0", Some(Rejection::Trace)),
        (b"a\nb", Some(Rejection::Trace)),
        (b"\x7F", Some(Rejection::Trace)),
        // A direction control, a private use character, right-to-left text with other text after
        // it.
        ("\u{202e}a".as_bytes(), Some(Rejection::Trace)),
        ("\u{e000}".as_bytes(), Some(Rejection::Trace)),
        ("\u{627}1".as_bytes(), Some(Rejection::Trace)),
        // A non-ASCII space, an ideographic description character, a character unassigned in
        // Unicode 3.2.
        ("a\u{3000}b\u{2ff0}\u{221}".as_bytes(), None),
    ] {
        assert_eq!(
            refused(Mechanism::Anonymous, message),
            rejection,
            "{:?}",
            String::from_utf8_lossy(message)
        );
    }
}

#[test]
fn messages_that_a_client_does_not_send() {
    use CredentialsError::{Authzid, TooLong, Trace};
    let long = |n| "x".repeat(n);
    for (mechanism, credentials, error) in [
        (
            Mechanism::External,
            Credentials::certificate(Some("a\0b")),
            Authzid,
        ),
        (
            Mechanism::External,
            Credentials::certificate(Some(&long(MAX_AUTHZID + 1))),
            TooLong,
        ),
        (
            Mechanism::Anonymous,
            Credentials::anonymous().with_trace(long(MAX_TRACE + 1)),
            TooLong,
        ),
        (
            Mechanism::Anonymous,
            Credentials::anonymous().with_trace("a@"),
            Trace,
        ),
        (
            Mechanism::Anonymous,
            Credentials::anonymous().with_trace("\u{7}"),
            Trace,
        ),
    ] {
        assert_eq!(
            client(mechanism, &credentials).err(),
            Some(ClientError::Credentials(error))
        );
    }
}
