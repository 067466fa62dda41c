//! Logins with tokens (draft-schmaus-kitten-sasl-ht-09).

use proptest::prelude::*;
use xmppwire_sasl::{
    ChannelBindings, ClientError, CredentialsError, MAX_USERNAME, MessageError, Password,
    Rejection, TokenLogin, TokenMechanism, TokenProof, wire,
};

const TOKEN: &str = "secret-token:fast-0123456789abcdef";

fn counting() -> ChannelBindings {
    ChannelBindings::tls13(core::array::from_fn(|index| u8::try_from(index).unwrap()))
}

fn login(mechanism: TokenMechanism, bindings: &ChannelBindings) -> TokenLogin {
    TokenLogin::new(mechanism, "juliet", &TOKEN.into(), bindings).unwrap()
}

/// Computed with Python: `hmac.new(token, b"Initiator" + data, "sha256")`.
#[test]
fn known_messages() {
    for (mechanism, bindings, message, answer) in [
        (
            TokenMechanism::Unbound,
            ChannelBindings::none(),
            "anVsaWV0AFFK23VCayW9fGbbPqUN1yTOvzJ0xDcr8kh6N75Y/4zG",
            "pY+5JudGS08DJ+Bie7P76tHf9+t/0UEV+3SJL4Uj+j4=",
        ),
        (
            TokenMechanism::Exporter,
            counting(),
            "anVsaWV0AMQc52cc134ohWYZ8BsA/1dcKT+niaihjvFNNDV7lgpt",
            "aKPeRg9Pz1CPNPuGCHsvsemLIDC/VJI4HC8f2tBYNHs=",
        ),
    ] {
        let login = login(mechanism, &bindings);
        assert_eq!(wire::encode(&login.initial_response()), message);
        let proof = TokenProof::parse(mechanism, &login.initial_response(), &bindings).unwrap();
        let checked = proof.check(&TOKEN.into()).unwrap();
        assert_eq!(wire::encode(&checked), answer);
        assert_eq!(login.finish(Some(&checked)), Ok(()));
    }
}

#[test]
fn the_server_has_to_prove_that_it_knows_the_token() {
    let none = ChannelBindings::none();
    let login = login(TokenMechanism::Unbound, &none);
    let message = login.initial_response();
    let proof = TokenProof::parse(TokenMechanism::Unbound, &message, &none).unwrap();
    let answer = proof.check(&TOKEN.into()).unwrap();
    assert_eq!(login.finish(Some(&answer)), Ok(()));
    // As drafts since 10 write it.
    let prefixed = [&[0], answer.as_slice()].concat();
    assert_eq!(login.finish(Some(&prefixed)), Ok(()));
    let mismatch = Err(ClientError::ServerSignatureMismatch);
    let failed = [&[1], answer.as_slice()].concat();
    let longer = [&[0], prefixed.as_slice()].concat();
    let reflected = message.split_at("juliet".len() + 1).1;
    for wrong in [
        &[],
        &answer[1..],
        &failed,
        &longer,
        reflected,
        &prefixed[..32],
    ] {
        assert_eq!(login.finish(Some(wrong)), mismatch);
    }
    assert_eq!(login.finish(None), Err(ClientError::ServerSignatureMissing));
    assert!(ClientError::ServerSignatureMissing.is_alarm());
}

#[test]
fn a_login_is_bound_to_its_channel_and_token() {
    let here = counting();
    let there = ChannelBindings::tls13([7; 32]);
    let message = login(TokenMechanism::Exporter, &here).initial_response();
    let parse = |bindings| TokenProof::parse(TokenMechanism::Exporter, &message, bindings);
    assert!(parse(&here).unwrap().check(&TOKEN.into()).is_some());
    assert_eq!(parse(&there).unwrap().check(&TOKEN.into()), None);
    assert_eq!(parse(&here).unwrap().check(&"another".into()), None);
    // The same message by another mechanism.
    let unbound = TokenProof::parse(TokenMechanism::Unbound, &message, &here).unwrap();
    assert_eq!(unbound.check(&TOKEN.into()), None);
    let none = ChannelBindings::none();
    assert_eq!(
        parse(&none).unwrap_err(),
        Rejection::UnsupportedChannelBinding
    );
    let unbound = TokenLogin::new(TokenMechanism::Exporter, "juliet", &TOKEN.into(), &none);
    assert_eq!(unbound.unwrap_err(), ClientError::NoChannelBinding);
}

#[test]
fn malformed_messages() {
    let none = ChannelBindings::none();
    let hash = [1; 32];
    let of = |name: &[u8], proof: &[u8]| [name, b"\0", proof].concat();
    for (message, why) in [
        (Vec::new(), MessageError::Syntax.into()),
        (b"juliet".to_vec(), MessageError::Syntax.into()),
        (of(b"juliet", &hash[1..]), MessageError::Syntax.into()),
        (of(b"juliet", &[1; 33]), MessageError::Syntax.into()),
        (of(b"\xff", &hash), MessageError::NotUtf8.into()),
        (
            of(&[b'a'; MAX_USERNAME + 1], &hash),
            MessageError::TooLong.into(),
        ),
        (of(b"", &hash), Rejection::Username),
        (of("\u{ad}".as_bytes(), &hash), Rejection::Username),
    ] {
        let parsed = TokenProof::parse(TokenMechanism::Unbound, &message, &none);
        assert_eq!(parsed.unwrap_err(), why, "{message:?}");
    }
    let longest = of(&[b'a'; MAX_USERNAME], &hash);
    let parsed = TokenProof::parse(TokenMechanism::Unbound, &longest, &none);
    assert_eq!(parsed.unwrap().username().len(), MAX_USERNAME);
    // A proof may contain a NUL.
    let parsed = TokenProof::parse(TokenMechanism::Unbound, &of(b"juliet", &[0; 32]), &none);
    assert_eq!(parsed.unwrap().username(), "juliet");
}

#[test]
fn unusable_credentials() {
    let none = ChannelBindings::none();
    let new = |name, token: &str| {
        let login = TokenLogin::new(TokenMechanism::Unbound, name, &token.into(), &none);
        login.unwrap_err()
    };
    use CredentialsError as E;
    assert_eq!(new("", TOKEN), E::EmptyUsername.into());
    assert_eq!(new("juliet", ""), E::EmptyPassword.into());
    assert_eq!(new("juliet", &"a".repeat(1025)), E::TooLong.into());
}

/// An HMAC that begins with a zero octet, as one of 256 does, is not taken for one with the prefix of
/// later drafts.
#[test]
fn the_proof_may_begin_with_a_zero_octet() {
    let none = ChannelBindings::none();
    let (login, answer) = (0..10_000)
        .find_map(|n| {
            let token = Password::from(format!("{TOKEN}{n}"));
            let login = TokenLogin::new(TokenMechanism::Unbound, "juliet", &token, &none).unwrap();
            let message = login.initial_response();
            let proof = TokenProof::parse(TokenMechanism::Unbound, &message, &none).unwrap();
            let answer = proof.check(&token).unwrap();
            (answer[0] == 0).then_some((login, answer))
        })
        .unwrap();
    assert_eq!(login.finish(Some(&answer)), Ok(()));
    assert_eq!(login.finish(Some(&[&[0], &answer[..]].concat())), Ok(()));
}

#[test]
fn the_connection_decides_which_mechanism_fits() {
    use TokenMechanism::{Exporter, ServerEndPoint, Unbound, Unique};
    let none = ChannelBindings::none();
    for (bindings, fitting) in [
        (&none, &[Unbound][..]),
        (&counting(), &[Exporter, Unbound]),
        (&ChannelBindings::tls12_unique(&[1; 12]), &[Unique, Unbound]),
        (
            &none.clone().with_server_end_point(&[2; 32]),
            &[ServerEndPoint, Unbound],
        ),
    ] {
        for mechanism in TokenMechanism::ALL {
            assert_eq!(mechanism.fits(bindings), fitting.contains(mechanism));
        }
        let offered = TokenMechanism::ALL.iter().map(|mechanism| mechanism.name());
        let chosen = TokenMechanism::choose(offered, bindings);
        assert_eq!(chosen, Some(fitting[0]));
    }
    assert_eq!(TokenMechanism::choose(["HT-SHA-256-EXPR"], &none), None);
}

#[test]
fn names_round_trip() {
    for mechanism in TokenMechanism::ALL {
        let name = mechanism.name();
        assert_eq!(TokenMechanism::from_name(name), Some(*mechanism));
        assert_eq!(mechanism.to_string(), name);
    }
    assert_eq!(TokenMechanism::from_name("HT-SHA-512-NONE"), None);
    assert!(TokenMechanism::ALL.is_sorted_by(|a, b| a > b));
}

#[test]
fn debug_shows_no_secret() {
    let login = login(TokenMechanism::Unbound, &ChannelBindings::none());
    assert_eq!(
        format!("{login:?}"),
        "TokenLogin { mechanism: Unbound, .. }"
    );
    let none = ChannelBindings::none();
    let message = login.initial_response();
    let proof = TokenProof::parse(TokenMechanism::Unbound, &message, &none).unwrap();
    let shown = format!("{proof:?}");
    assert!(shown.starts_with("TokenProof {"), "{shown}");
    assert!(!shown.contains(TOKEN), "{shown}");
}

proptest! {
    /// Whatever a client sends, the server does not panic, and accepts only the right proof.
    #[test]
    fn any_message(message: Vec<u8>) {
        let none = ChannelBindings::none();
        if let Ok(proof) = TokenProof::parse(TokenMechanism::Unbound, &message, &none) {
            prop_assert_eq!(proof.check(&Password::from(TOKEN)), None);
        }
    }

    /// One changed bit of the message or the answer is noticed.
    #[test]
    fn any_changed_bit(octet in 7..39_usize, bit in 0..8_u8) {
        let none = ChannelBindings::none();
        let login = login(TokenMechanism::Unbound, &none);
        let mut message = login.initial_response();
        let proof = TokenProof::parse(TokenMechanism::Unbound, &message, &none).unwrap();
        let mut answer = proof.check(&TOKEN.into()).unwrap();
        message[octet] ^= 1 << bit;
        let proof = TokenProof::parse(TokenMechanism::Unbound, &message, &none).unwrap();
        prop_assert_eq!(proof.check(&TOKEN.into()), None);
        answer[octet - 7] ^= 1 << bit;
        prop_assert!(login.finish(Some(&answer)).is_err());
    }

    /// Any name and token that a client can send is understood by the server.
    #[test]
    fn any_login(name in "[a-zà-ü0-9]{1,20}", token in "[ -~]{1,60}") {
        let bindings = counting();
        let token = Password::from(token);
        for mechanism in [TokenMechanism::Unbound, TokenMechanism::Exporter] {
            let login = TokenLogin::new(mechanism, &name, &token, &bindings).unwrap();
            let proof = TokenProof::parse(mechanism, &login.initial_response(), &bindings).unwrap();
            prop_assert_eq!(login.finish(proof.check(&token).as_deref()), Ok(()));
        }
    }
}
