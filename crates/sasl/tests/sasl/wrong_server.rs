//! Errors of a faulty or malicious server, and the client's answer to each.

use xmppwire_sasl::{
    ChannelBindings, ClientError, ClientExchange, DEFAULT_ITERATIONS, MAX_MESSAGE, MAX_NONCE,
    MAX_SALT, Mechanism, MessageError, ScramServerError, wire,
};

use crate::pair::{Account, CLIENT_NONCE, client_exchange, offer};

fn client() -> ClientExchange {
    client_exchange(
        Mechanism::ScramSha256,
        &Account::juliet().credentials(),
        &ChannelBindings::none(),
        false,
    )
}

fn nonce() -> String {
    wire::encode(&CLIENT_NONCE)
}

#[test]
fn first_messages() {
    use MessageError::{
        Duplicate, MandatoryExtension, Misplaced, Missing, NotUtf8, Syntax, TooLong, Value,
    };
    let r = nonce();
    let long_salt = wire::encode(&[0; MAX_SALT + 1]);
    let longest_salt = wire::encode(&[0; MAX_SALT]);
    let table: &[(String, Result<(), MessageError>)] = &[
        (format!("r={r}x,s=AAAA,i=1"), Ok(())),
        (format!("r={r}x,s=AAAA,i=1,x=y,d=z"), Ok(())),
        (format!("r={r}x,s={longest_salt},i=1"), Ok(())),
        (String::new(), Err(Syntax)),
        (",".into(), Err(Syntax)),
        ("v=AAAA".into(), Err(Missing('r'))),
        (format!("s=AAAA,r={r}x,i=1"), Err(Missing('r'))),
        (format!("r={r}x,i=1,s=AAAA"), Err(Missing('s'))),
        (format!("r={r}x,s=AAAA"), Err(Missing('i'))),
        (format!("r={r}x,s=AAAA,x=y,i=1"), Err(Missing('i'))),
        (format!("m=x,r={r}x,s=AAAA,i=1"), Err(MandatoryExtension)),
        (format!("r={r}x,s=AAAA,i=1,m=x"), Err(MandatoryExtension)),
        (format!("r={r}x,s=AAAA,i=1,i=1"), Err(Duplicate('i'))),
        (format!("r={r}x,s=AAAA,i=1,v=AAAA"), Err(Misplaced('v'))),
        (format!("r={r}x,s=AAAA,i=1,e=x"), Err(Misplaced('e'))),
        (format!("r={r}x,s=AAAA,i=1,"), Err(Syntax)),
        (format!(" r={r}x,s=AAAA,i=1"), Err(Syntax)),
        // The nonce.
        (format!("r={r} x,s=AAAA,i=1"), Err(Value('r'))),
        (format!("r={r}\u{e9},s=AAAA,i=1"), Err(Value('r'))),
        (format!("r={r}\0,s=AAAA,i=1"), Err(Syntax)),
        (
            format!("r={r}{},s=AAAA,i=1", "x".repeat(MAX_NONCE)),
            Err(TooLong),
        ),
        // The salt.
        (format!("r={r}x,s=,i=1"), Err(Value('s'))),
        (format!("r={r}x,s==,i=1"), Err(Value('s'))),
        (format!("r={r}x,s=AAA,i=1"), Err(Value('s'))),
        (format!("r={r}x,s=AAB=,i=1"), Err(Value('s'))),
        (format!("r={r}x,s=AA AA,i=1"), Err(Value('s'))),
        (format!("r={r}x,s={long_salt},i=1"), Err(TooLong)),
        // The iterations.
        (format!("r={r}x,s=AAAA,i="), Err(Value('i'))),
        (format!("r={r}x,s=AAAA,i=0"), Err(Value('i'))),
        (format!("r={r}x,s=AAAA,i=01"), Err(Value('i'))),
        (format!("r={r}x,s=AAAA,i=+1"), Err(Value('i'))),
        (format!("r={r}x,s=AAAA,i=-1"), Err(Value('i'))),
        (format!("r={r}x,s=AAAA,i=1 "), Err(Value('i'))),
        (format!("r={r}x,s=AAAA,i=1.0"), Err(Value('i'))),
        (format!("r={r}x,s=AAAA,i=\u{0661}"), Err(Value('i'))),
        (format!("r={r}x,s=AAAA,i=4294967296"), Err(Value('i'))),
        ("x".repeat(MAX_MESSAGE + 1), Err(TooLong)),
    ];
    for (message, expected) in table {
        let mut client = client();
        let got = client.respond(message.as_bytes()).map(drop);
        assert_eq!(got, expected.map_err(ClientError::Malformed), "{message}");
        if got.is_err() {
            assert_eq!(
                client.respond(message.as_bytes()),
                Err(ClientError::OutOfOrder)
            );
            assert_eq!(client.finish(None), Err(ClientError::OutOfOrder));
        }
    }
    assert_eq!(
        client().respond(b"r=\xFF"),
        Err(ClientError::Malformed(NotUtf8))
    );
}

#[test]
fn a_nonce_that_does_not_extend_ours() {
    let r = nonce();
    for nonce in [&r, "x", &r[1..], &format!("x{r}"), &r.to_lowercase()] {
        let message = format!("r={nonce},s=AAAA,i=1");
        assert_eq!(
            client().respond(message.as_bytes()),
            Err(ClientError::NonceMismatch)
        );
    }
}

/// The client detects a changed offer before it sends anything derived from the password.
#[test]
fn a_hash_of_another_offer() {
    let r = nonce();
    // offer(false) has SCRAM-SHA-256 alone:
    // base64.b64encode(hashlib.sha256(b"SCRAM-SHA-256").digest())
    let right = "5IlFKz4VKe4+I01or1SYZH07/h8E/JKh4/0iRkqB2IY=";
    let message = format!("r={r}x,s=AAAA,i=1,x=y,h={right}");
    assert_eq!(client().respond(message.as_bytes()).map(drop), Ok(()));
    for wrong in [
        "z",
        "====",
        &right[1..],
        &right.to_lowercase(),
        &format!("{right}A"),
    ] {
        let message = format!("r={r}x,s=AAAA,i=1,h={wrong},x=y");
        let mut client = client();
        assert_eq!(
            client.respond(message.as_bytes()),
            Err(ClientError::Downgrade)
        );
        assert_eq!(client.finish(None), Err(ClientError::OutOfOrder));
    }
}

#[test]
fn alarms() {
    for (error, alarm) in [
        (ClientError::Downgrade, true),
        (ClientError::ServerSignatureMissing, true),
        (ClientError::ServerSignatureMismatch, true),
        (
            ClientError::Refused(ScramServerError::ServerDoesSupportChannelBinding),
            true,
        ),
        (
            ClientError::Refused(ScramServerError::ChannelBindingsDontMatch),
            true,
        ),
        (ClientError::Refused(ScramServerError::UnknownUser), false),
        (ClientError::NonceMismatch, false),
        (ClientError::OutOfOrder, false),
    ] {
        assert_eq!(error.is_alarm(), alarm, "{error}");
    }
}

#[test]
fn iterations_are_bounded_on_both_sides() {
    let ask = |client: &ClientExchange, iterations: u32| {
        let message = format!("r={}x,s=AAAA,i={iterations}", nonce());
        client.clone().respond(message.as_bytes()).map(drop)
    };
    let default = ClientExchange::new(
        Mechanism::ScramSha256,
        &Account::juliet().credentials(),
        &ChannelBindings::none(),
        &offer(false),
        CLIENT_NONCE,
    )
    .unwrap();
    let (least, most) = DEFAULT_ITERATIONS.into_inner();
    assert_eq!(ask(&default, least), Ok(()));
    for asked in [1, least - 1] {
        assert_eq!(
            ask(&default, asked),
            Err(ClientError::TooFewIterations { asked, least })
        );
    }
    for asked in [most + 1, u32::MAX] {
        assert_eq!(
            ask(&default, asked),
            Err(ClientError::TooManyIterations { asked, most })
        );
    }
    let narrow = default.with_iterations(10..=20);
    assert_eq!(ask(&narrow, 10), Ok(()));
    assert_eq!(ask(&narrow, 20), Ok(()));
    assert_eq!(
        ask(&narrow, 9),
        Err(ClientError::TooFewIterations {
            asked: 9,
            least: 10
        })
    );
    assert_eq!(
        ask(&narrow, 21),
        Err(ClientError::TooManyIterations {
            asked: 21,
            most: 20
        })
    );
}

#[test]
fn errors_that_the_server_reports() {
    let table = [
        ("invalid-encoding", ScramServerError::InvalidEncoding),
        (
            "extensions-not-supported",
            ScramServerError::ExtensionsNotSupported,
        ),
        ("invalid-proof", ScramServerError::InvalidProof),
        (
            "channel-bindings-dont-match",
            ScramServerError::ChannelBindingsDontMatch,
        ),
        (
            "server-does-support-channel-binding",
            ScramServerError::ServerDoesSupportChannelBinding,
        ),
        (
            "channel-binding-not-supported",
            ScramServerError::ChannelBindingNotSupported,
        ),
        (
            "unsupported-channel-binding-type",
            ScramServerError::UnsupportedChannelBindingType,
        ),
        ("unknown-user", ScramServerError::UnknownUser),
        (
            "invalid-username-encoding",
            ScramServerError::InvalidUsernameEncoding,
        ),
        ("no-resources", ScramServerError::NoResources),
        ("other-error", ScramServerError::OtherError),
        ("tuesday", ScramServerError::Extension("tuesday".into())),
    ];
    let server_first = format!("r={}x,s=AAAA,i=1", nonce());
    for (value, error) in table {
        let message = format!("e={value}");
        let refused = Err(ClientError::Refused(error.clone()));
        // The error comes in place of the first message, as a challenge, and with success.
        assert_eq!(
            client().respond(message.as_bytes()).map(drop),
            refused.clone()
        );
        let mut answered = client();
        answered.respond(server_first.as_bytes()).unwrap();
        assert_eq!(
            answered.clone().respond(message.as_bytes()).map(drop),
            refused.clone()
        );
        assert_eq!(answered.finish(Some(message.as_bytes())), refused);
    }
    for (message, expected) in [
        ("e=", MessageError::Value('e')),
        ("e", MessageError::Syntax),
        ("e=x,e=y", MessageError::Duplicate('e')),
        ("e=x,v=AAAA", MessageError::Misplaced('v')),
    ] {
        let mut answered = client();
        answered.respond(server_first.as_bytes()).unwrap();
        assert_eq!(
            answered.finish(Some(message.as_bytes())),
            Err(ClientError::Malformed(expected)),
            "{message}"
        );
    }
}

/// The server's error text may contain control characters, so it is shown escaped.
#[test]
fn foreign_text_is_shown_escaped() {
    let error = client().respond("e=\u{1b}[2J".as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "the server refused: \"\\u{1b}[2J\"");
}
