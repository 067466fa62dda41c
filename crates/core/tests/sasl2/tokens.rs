//! Tokens as both sides keep them (FAST, XEP-0484).

use core::time::Duration;

use xmppwire::{
    Client, ClientEvent, Connection, IssuedToken, SavedTokenError, Token, TokenMechanism,
    TokenPolicy, TokenStore,
};

use crate::server::issued;
use crate::{agent, bind2, bound, config, offer, opened, tell};

const FAST: &str = "<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism></fast>";

/// A client that has asked for a token, and the one that it was given.
fn given(token: &str, expiry: &str) -> (Connection<Client>, Option<Token>) {
    let mut client = opened(config().with_user_agent(agent()));
    let asked = offer(&mut client, &format!("{}{FAST}", bind2(&[])));
    assert!(asked.contains("<request-token "), "{asked}");
    let token = format!("<token xmlns='urn:xmpp:fast:0' token='{token}' {expiry}/>");
    tell(&mut client, &bound(&token));
    let token = match client.poll_event() {
        Some(ClientEvent::Token(token)) => Some(token),
        Some(ClientEvent::Bound(_)) => None,
        other => panic!("{other:?}"),
    };
    (client, token)
}

#[test]
fn a_token_expires_at_its_time() {
    let token = given("hush", "expiry='2026-12-01T00:00:00Z'").1.unwrap();
    assert_eq!(token.expires(), Some(1_796_083_200));
    for (now, expired) in [
        (0, false),
        (1_796_083_199, false),
        (1_796_083_200, true),
        (u64::MAX, true),
    ] {
        assert_eq!(token.is_expired(now), expired, "{now}");
    }
    let token = given("hush", "").1.unwrap();
    assert_eq!(token.expires(), None);
    assert!(!token.is_expired(u64::MAX));
}

/// A token without a byte is none, and one of a kilobyte is the longest.
#[test]
fn a_token_has_a_length() {
    let kept = given("x", "").1.unwrap().to_bytes();
    for (length, taken) in [(0, false), (1, true), (1024, true), (1025, false)] {
        let text = "x".repeat(length);
        assert_eq!(given(&text, "").1.is_some(), taken, "{length}");
        // The same holds for what a file says.
        let mut bytes = kept[..kept.len() - 5].to_vec();
        bytes.extend(u32::try_from(length).unwrap().to_be_bytes());
        bytes.extend(text.as_bytes());
        match Token::from_bytes(&bytes) {
            Ok(read) => assert!(taken && read.to_bytes() == bytes, "{length}"),
            Err(error) => assert!(!taken && error == SavedTokenError::Damaged, "{length}"),
        }
    }
}

#[test]
fn a_configuration_gives_its_token_back() {
    let token = given("hush", "").1.unwrap();
    let bytes = token.to_bytes();
    let mut config = config().with_user_agent(agent()).with_token(token);
    assert_eq!(
        config.take_token().map(|token| token.to_bytes()),
        Some(bytes)
    );
    assert!(config.take_token().is_none());
}

/// What a server stores of a token is all that it needs.
#[test]
fn an_issued_token_is_the_same_after_it_was_stored() {
    let lifetime = Duration::from_secs(1000);
    let update = issued(TokenPolicy::new(1_000_000).with_lifetime(lifetime));
    assert!(!update.invalidates());
    let token = update.issued().unwrap();
    assert_eq!(token.expires(), 1_001_000);
    assert_eq!(token.mechanism(), TokenMechanism::Unbound);
    let bytes = token.to_bytes();
    let read = IssuedToken::from_bytes(&bytes).unwrap();
    assert_eq!(read.to_bytes(), bytes);
    assert_eq!(read.expires(), token.expires());
    assert_eq!(read.mechanism(), token.mechanism());

    for end in 0..bytes.len() {
        assert!(IssuedToken::from_bytes(&bytes[..end]).is_err(), "{end}");
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    let error = IssuedToken::from_bytes(&longer).unwrap_err();
    assert_eq!(error, SavedTokenError::Damaged);
    // The secret is 64 digits; one without a byte would prove nothing.
    let mut empty = bytes[..bytes.len() - 68].to_vec();
    empty.extend([0; 4]);
    let error = IssuedToken::from_bytes(&empty).unwrap_err();
    assert_eq!(error, SavedTokenError::Damaged);
}

/// `Debug` tells which token it is, and not the token.
#[test]
fn a_token_is_shown_without_its_secret() {
    let update = issued(TokenPolicy::new(1_000_000));
    let token = update.issued().unwrap();
    let shown = format!("{token:?}");
    assert!(shown.contains("expires: 2209600"), "{shown}");
    let bytes = token.to_bytes();
    let secret = core::str::from_utf8(&bytes[bytes.len() - 64..]).unwrap();
    assert!(!format!("{update:?}").contains(secret));
}

/// A table without room for one client keeps nothing, and one with room for it keeps it.
#[test]
fn a_table_of_tokens_has_the_room_that_it_is_given() {
    for (of_account, of_all, kept) in [(0, 5, 0), (5, 0, 0), (0, 0, 0), (1, 1, 1)] {
        let mut store = TokenStore::new(of_account, of_all);
        let update = issued(TokenPolicy::new(1_000_000));
        let (account, agent) = (
            update.account().clone(),
            update.user_agent().id().to_owned(),
        );
        store.update(update);
        assert_eq!(store.len(), kept, "{of_account} {of_all}");
        assert_eq!(store.is_empty(), kept == 0);
        assert_eq!(store.slots(&account, &agent).new.is_some(), kept == 1);
    }
}
