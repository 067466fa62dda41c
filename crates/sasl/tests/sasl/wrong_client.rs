//! Errors of a client, and the server's answer to each.

use xmppwire_sasl::{
    ChannelBindings, Condition, MAX_AUTHZID, MAX_MESSAGE, MAX_NONCE, MAX_PASSWORD, MAX_USERNAME,
    Mechanism, MessageError, Rejection, ServerExchange, ServerStep,
};

use crate::pair::{SERVER_NONCE, decoy, offer, tls};

/// The result of a first message at a server that offers channel binding.
fn first(mechanism: Mechanism, message: impl AsRef<[u8]>) -> Result<(), Rejection> {
    let mut server = ServerExchange::new(mechanism, &tls(), &offer(true), SERVER_NONCE, decoy());
    match server.step(Some(message.as_ref())) {
        ServerStep::Ask => Ok(()),
        ServerStep::Failure(condition) => {
            let rejection = server.rejection().unwrap();
            assert_eq!(rejection.condition(), condition);
            assert_eq!(server.question(), None);
            Err(rejection)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn first_messages_of_scram() {
    use MessageError::{
        ChannelBindingFlag, Duplicate, MandatoryExtension, Misplaced, Missing, NotUtf8, Syntax,
        TooLong, Value,
    };
    let table: &[(&[u8], Result<(), MessageError>)] = &[
        (b"n,,n=u,r=abc", Ok(())),
        (b"n,a=a=2Cb=3Dc,n=u=2C=3D,r=!~abc", Ok(())),
        (b"n,,n=u,r=abc,x=1,Y=2=3", Ok(())),
        // The flag.
        (b"", Err(ChannelBindingFlag)),
        (b"n", Err(ChannelBindingFlag)),
        (b",,n=u,r=abc", Err(ChannelBindingFlag)),
        (b"N,,n=u,r=abc", Err(ChannelBindingFlag)),
        (b"nn,,n=u,r=abc", Err(ChannelBindingFlag)),
        (b"p,,n=u,r=abc", Err(ChannelBindingFlag)),
        (b"p=,,n=u,r=abc", Err(ChannelBindingFlag)),
        (b"p=tls_unique,,n=u,r=abc", Err(ChannelBindingFlag)),
        (b"F,n,,n=u,r=abc", Err(ChannelBindingFlag)),
        // The authorization identity.
        (b"n,", Err(Syntax)),
        (b"n,n=u,r=abc", Err(Syntax)),
        (b"n,x,n=u,r=abc", Err(Syntax)),
        (b"n,a=,n=u,r=abc", Err(Value('a'))),
        (b"n,a=b=2c,n=u,r=abc", Err(Value('a'))),
        // The name.
        (b"n,,", Err(Syntax)),
        (b"n,,r=abc,n=u", Err(Missing('n'))),
        (b"n,,n,r=abc", Err(Syntax)),
        (b"n,,n=,r=abc", Err(Value('n'))),
        (b"n,,n==,r=abc", Err(Value('n'))),
        (b"n,,n=u=,r=abc", Err(Value('n'))),
        (b"n,,n=u=2,r=abc", Err(Value('n'))),
        (b"n,,n=u=2c,r=abc", Err(Value('n'))),
        (b"n,,n=u=3d,r=abc", Err(Value('n'))),
        (b"n,,n=u=41,r=abc", Err(Value('n'))),
        (b"n,,n=u\0,r=abc", Err(Syntax)),
        (b"n,,n=\xFF,r=abc", Err(NotUtf8)),
        // The nonce.
        (b"n,,n=u", Err(Missing('r'))),
        (b"n,,n=u,", Err(Syntax)),
        (b"n,,n=u,x=y,r=abc", Err(Missing('r'))),
        (b"n,,n=u,r=", Err(Value('r'))),
        (b"n,,n=u,r=a b", Err(Value('r'))),
        (b"n,,n=u,r=a\x7F", Err(Value('r'))),
        (b"n,,n=u,r=a\n", Err(Value('r'))),
        (b"n,,n=u,r=\xC3\xA9", Err(Value('r'))),
        // Extensions.
        (b"n,,m=x,n=u,r=abc", Err(MandatoryExtension)),
        (b"n,,n=u,r=abc,m=x", Err(MandatoryExtension)),
        (b"n,,n=u,r=abc,r=abc", Err(Duplicate('r'))),
        (b"n,,n=u,r=abc,n=v", Err(Duplicate('n'))),
        (b"n,,n=u,r=abc,x=1,x=1", Err(Duplicate('x'))),
        (b"n,,n=u,r=abc,x=1,X=1", Ok(())),
        (b"n,,n=u,r=abc,X=1,Y=1,Z=1", Ok(())),
        (b"n,,n=u,r=abc,Z=1,Z=1", Err(Duplicate('Z'))),
        (b"n,,n=u,r=abc,a=x", Err(Misplaced('a'))),
        (b"n,,n=u,r=abc,p=AAAA", Err(Misplaced('p'))),
        (b"n,,n=u,r=abc,", Err(Syntax)),
        (b"n,,n=u,r=abc,x", Err(Syntax)),
        (b"n,,n=u,r=abc,xy=1", Err(Syntax)),
        (b"n,,n=u,r=abc,=1", Err(Syntax)),
        (b"n,,n=u,r=abc,1=1", Err(Syntax)),
        (b"n,,n=u,r=abc,\xC3\xA9=1", Err(Syntax)),
        (b"n,,n=u,r=abc,x=", Err(Value('x'))),
        (&[b'n'; MAX_MESSAGE], Err(ChannelBindingFlag)),
        (&[b'n'; MAX_MESSAGE + 1], Err(TooLong)),
    ];
    for (message, expected) in table {
        assert_eq!(
            first(Mechanism::ScramSha256, message),
            expected.map_err(Rejection::Malformed),
            "{:?}",
            String::from_utf8_lossy(message)
        );
    }
}

#[test]
fn caps() {
    let scram = |username: usize, authzid: usize, nonce: usize| {
        let [username, authzid, nonce] = [username, authzid, nonce].map(|n| "x".repeat(n));
        let message = format!("n,a={authzid},n={username},r={nonce}");
        first(Mechanism::ScramSha1, message)
    };
    let plain = |username: usize, authzid: usize, password: usize| {
        let [username, authzid, password] = [username, authzid, password].map(|n| "x".repeat(n));
        let message = format!("{authzid}\0{username}\0{password}");
        first(Mechanism::Plain, message)
    };
    let too_long = Err(Rejection::Malformed(MessageError::TooLong));
    assert_eq!(scram(MAX_USERNAME, MAX_AUTHZID, MAX_NONCE), Ok(()));
    assert_eq!(scram(MAX_USERNAME + 1, 1, 1), too_long);
    assert_eq!(scram(1, MAX_AUTHZID + 1, 1), too_long);
    assert_eq!(scram(1, 1, MAX_NONCE + 1), too_long);
    assert_eq!(plain(MAX_USERNAME, MAX_AUTHZID, MAX_PASSWORD), Ok(()));
    assert_eq!(plain(MAX_USERNAME + 1, 1, 1), too_long);
    assert_eq!(plain(1, MAX_AUTHZID + 1, 1), too_long);
    assert_eq!(plain(1, 1, MAX_PASSWORD + 1), too_long);
    assert_eq!(plain(1, 1, MAX_MESSAGE), too_long);
    // What is longer is not read at all, and what is not has no form here.
    let plain = |len: usize| first(Mechanism::Plain, "x".repeat(len));
    assert_eq!(
        plain(MAX_MESSAGE),
        Err(Rejection::Malformed(MessageError::Syntax))
    );
    assert_eq!(plain(MAX_MESSAGE + 1), too_long);
    assert_eq!(plain(MAX_MESSAGE + 2), too_long);
}

#[test]
fn names_that_cannot_be_prepared() {
    for name in ["\u{7}", "\u{ad}", "\u{627}1", "\u{e000}"] {
        let message = format!("n,,n={name},r=abc");
        assert_eq!(
            first(Mechanism::ScramSha1, message),
            Err(Rejection::Username)
        );
        assert_eq!(
            first(Mechanism::Plain, format!("\0{name}\0p")),
            Err(Rejection::Username)
        );
        assert_eq!(
            first(Mechanism::Plain, format!("\0u\0{name}")),
            Err(Rejection::Password)
        );
    }
    assert_eq!(
        Rejection::Username.condition(),
        Rejection::WrongCredentials.condition()
    );
}

#[test]
fn flags_that_do_not_fit_the_mechanism() {
    let table = [
        (
            Mechanism::ScramSha1,
            "p=tls-exporter",
            Rejection::ChannelBindingFlag,
        ),
        (
            Mechanism::ScramSha1,
            "p=x-unheard-of",
            Rejection::ChannelBindingFlag,
        ),
        (Mechanism::ScramSha1, "y", Rejection::Downgrade),
        (Mechanism::ScramSha1Plus, "n", Rejection::ChannelBindingFlag),
        (Mechanism::ScramSha1Plus, "y", Rejection::ChannelBindingFlag),
        (
            Mechanism::ScramSha1Plus,
            "p=tls-unique",
            Rejection::UnsupportedChannelBinding,
        ),
        (
            Mechanism::ScramSha1Plus,
            "p=x-unheard-of",
            Rejection::UnsupportedChannelBinding,
        ),
        (
            Mechanism::ScramSha1Plus,
            "p=TLS-EXPORTER",
            Rejection::UnsupportedChannelBinding,
        ),
    ];
    for (mechanism, flag, expected) in table {
        let message = format!("{flag},,n=u,r=abc");
        assert_eq!(first(mechanism, message), Err(expected), "{flag}");
    }
    assert_eq!(
        first(Mechanism::ScramSha1Plus, "p=tls-exporter,,n=u,r=abc"),
        Ok(())
    );
}

#[test]
fn messages_of_plain() {
    use MessageError::{NotUtf8, Syntax};
    let table: &[(&[u8], Result<(), MessageError>)] = &[
        (b"\0u\0p", Ok(())),
        (b"a\0u\0p", Ok(())),
        (b"\0u\0p,=\xC3\xA9", Ok(())),
        (b"", Err(Syntax)),
        (b"u", Err(Syntax)),
        (b"u\0p", Err(Syntax)),
        (b"\0\0p", Err(Syntax)),
        (b"\0u\0", Err(Syntax)),
        (b"\0\0", Err(Syntax)),
        (b"\0u\0p\0", Err(Syntax)),
        (b"\0u\0p\0x", Err(Syntax)),
        (b"\0u\xFF\0p", Err(NotUtf8)),
        (b"\0u\0\xC3", Err(NotUtf8)),
    ];
    for (message, expected) in table {
        assert_eq!(
            first(Mechanism::Plain, message),
            expected.map_err(Rejection::Malformed),
            "{:?}",
            String::from_utf8_lossy(message)
        );
    }
}

/// A server without channel binding refuses the `-PLUS` mechanisms.
#[test]
fn without_channel_binding_plus_is_refused() {
    let none = ChannelBindings::none();
    let mut server = ServerExchange::new(
        Mechanism::ScramSha1Plus,
        &none,
        &offer(false),
        SERVER_NONCE,
        decoy(),
    );
    assert_eq!(
        server.step(Some(b"p=tls-exporter,,n=u,r=abc")),
        ServerStep::Failure(Condition::MalformedRequest)
    );
    assert_eq!(
        server.rejection(),
        Some(Rejection::UnsupportedChannelBinding)
    );
}
