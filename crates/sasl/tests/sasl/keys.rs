//! Stored keys and their text form.

use xmppwire_sasl::{KeysError, MAX_PASSWORD, MAX_SALT, SaslPrepError, ScramHash, ScramKeys};

const SHA1: &str =
    "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=";
const SHA256: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

#[test]
fn text_round_trips() {
    for text in [SHA1, SHA256] {
        let keys = ScramKeys::parse(text).unwrap();
        assert_eq!(keys.to_text(), text);
        assert_eq!(keys.iterations(), 4096);
        assert!(keys.verify("pencil"));
        assert!(!keys.verify("Pencil"));
        assert!(!keys.verify(""));
        assert!(!keys.verify("\u{7}"));
        assert!(!keys.verify(&"x".repeat(MAX_PASSWORD + 1)));
        let parts = ScramKeys::from_parts(
            keys.hash(),
            keys.salt(),
            keys.iterations(),
            keys.stored_key(),
            keys.server_key(),
        );
        assert_eq!(parts.unwrap().to_text(), text);
    }
}

#[test]
fn text_is_read_strictly() {
    let table = [
        (String::new(), KeysError::Text),
        (format!(" {SHA1}"), KeysError::Text),
        (format!("{SHA1}\n"), KeysError::Text),
        (format!("{SHA1}$"), KeysError::Text),
        (SHA1.replace("SHA-1", "SHA-384"), KeysError::Text),
        (SHA1.replace("SHA-1", "SHA-1-PLUS"), KeysError::Text),
        (SHA1.replace("SCRAM", "scram"), KeysError::Text),
        (SHA1.replace("4096", "04096"), KeysError::Text),
        (SHA1.replace("4096", "+4096"), KeysError::Text),
        (SHA1.replace("4096", "0"), KeysError::Text),
        (SHA1.replace("4096", "4294967296"), KeysError::Text),
        (SHA1.replace("4096", ""), KeysError::Text),
        (SHA1.replace("4096:", ""), KeysError::Text),
        (SHA1.replace("QSXCR+Q6sek8bf92", "QSXCR"), KeysError::Text),
        (SHA1.replace("K9Y=:", "K9Z=:"), KeysError::Text),
        (SHA1.replace("QSXCR+Q6sek8bf92", ""), KeysError::SaltLength),
        (SHA1.replace("SHA-1", "SHA-256"), KeysError::KeyLength),
        (SHA256.replace("SHA-256", "SHA-1"), KeysError::KeyLength),
    ];
    for (text, expected) in table {
        assert_eq!(ScramKeys::parse(&text).err(), Some(expected), "{text}");
    }
}

#[test]
fn both_keys_have_the_length_of_the_hash() {
    let keys = |stored: usize, server: usize| {
        let (stored, server) = (vec![1; stored], vec![2; server]);
        ScramKeys::from_parts(ScramHash::Sha256, b"s", 1, &stored, &server).err()
    };
    assert_eq!(keys(32, 32), None);
    for (stored, server) in [(31, 32), (33, 32), (32, 31), (32, 33), (20, 20)] {
        assert_eq!(keys(stored, server), Some(KeysError::KeyLength));
    }
}

#[test]
fn the_longest_password_is_verified() {
    let longest = "x".repeat(MAX_PASSWORD);
    let keys = ScramKeys::derive(ScramHash::Sha1, &longest, b"s", 1).unwrap();
    assert!(keys.verify(&longest));
    assert!(!keys.verify(&longest[1..]));
}

#[test]
fn invalid_input_is_not_derived() {
    let derive = |password: &str, salt: &[u8], n| {
        ScramKeys::derive(ScramHash::Sha1, password, salt, n).err()
    };
    let long = "x".repeat(MAX_PASSWORD + 1);
    assert_eq!(derive("p", b"", 1), Some(KeysError::SaltLength));
    assert_eq!(
        derive("p", &[0; MAX_SALT + 1], 1),
        Some(KeysError::SaltLength)
    );
    assert_eq!(derive("p", &[0; MAX_SALT], 1), None);
    assert_eq!(derive("p", b"s", 0), Some(KeysError::Iterations));
    assert_eq!(derive("", b"s", 1), Some(KeysError::PasswordLength));
    assert_eq!(derive("\u{ad}", b"s", 1), Some(KeysError::PasswordLength));
    assert_eq!(derive(&long, b"s", 1), Some(KeysError::PasswordLength));
    assert_eq!(
        derive("\u{221}", b"s", 1),
        Some(KeysError::Password(SaslPrepError::Unassigned))
    );
    assert_eq!(derive("p", b"s", 1), None);
}
