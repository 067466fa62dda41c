//! Addresses as strings of a serialization format.
#![cfg(feature = "serde")]

use xmppwire_jid::{BareJid, Domainpart, FullJid, Jid, Localpart, Resourcepart};

#[test]
fn round_trips() {
    macro_rules! round_trip {
        ($type:ident, $text:literal) => {{
            let value = $type::new($text).unwrap();
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(json, format!("\"{}\"", value.as_str()));
            assert_eq!(serde_json::from_str::<$type>(&json).unwrap(), value);
            assert_eq!(
                serde_json::from_reader::<_, $type>(json.as_bytes()).unwrap(),
                value
            );
        }};
    }
    round_trip!(Jid, "Juliet@example.org/Balcony");
    round_trip!(BareJid, "juliet@b\u{FC}cher.example");
    round_trip!(FullJid, "example.org/x");
    round_trip!(Localpart, "Juliet");
    round_trip!(Domainpart, "[2001:DB8::1]");
    round_trip!(Resourcepart, "e\u{301}");
}

#[test]
fn text_is_prepared_on_the_way_in() {
    let jid: Jid = serde_json::from_str(r#""JULIET@Example.org.""#).unwrap();
    assert_eq!(jid.as_str(), "juliet@example.org");
    // The format cannot lend a string that contains escapes.
    let jid: Jid = serde_json::from_str(r#""\u004auliet@example.org""#).unwrap();
    assert_eq!(jid.localpart(), Some("juliet"));
}

#[test]
fn invalid_addresses_are_refused() {
    let error = serde_json::from_str::<Jid>(r#""@example.org""#).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("localpart: must not be empty")
    );
    assert!(serde_json::from_str::<FullJid>(r#""a@example.org""#).is_err());
    assert!(serde_json::from_str::<BareJid>(r#""a@example.org/x""#).is_err());
    let error = serde_json::from_str::<Jid>("5").unwrap_err();
    assert!(error.to_string().contains("expected an XMPP address"));
}
