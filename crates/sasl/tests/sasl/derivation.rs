//! The derivation of the salted password, computed outside of the exchange.

use xmppwire_sasl::{
    ClientError, ClientExchange, ClientStep, DEFAULT_ITERATIONS, Derivation, Mechanism,
    SaltedPassword, ScramHash, ServerAnswer, ServerStep,
};

use crate::pair::{Account, CLIENT_NONCE, ITERATIONS, Pair, SALT, offer, tls};

fn challenge(pair: &mut Pair) -> Vec<u8> {
    let first = pair.client.initial_response();
    assert_eq!(pair.server.step(Some(&first)), ServerStep::Ask);
    let keys = Account::juliet().keys(ScramHash::Sha256);
    match pair.server.answer(ServerAnswer::ScramKeys(keys)) {
        ServerStep::Challenge(challenge) => challenge,
        other => panic!("{other:?}"),
    }
}

fn pair() -> Pair {
    Pair::new(Mechanism::ScramSha256, &Account::juliet().credentials())
}

fn derivation(client: &mut ClientExchange, challenge: &[u8]) -> Derivation {
    match client.step(challenge) {
        Ok(ClientStep::Derive(derivation)) => derivation,
        other => panic!("{other:?}"),
    }
}

/// The salted password of another login, whose challenge has this salt and number of iterations.
fn salted(salt: &str, iterations: u32) -> SaltedPassword {
    let mut client = pair().client;
    let nonce = xmppwire_sasl::wire::encode(&CLIENT_NONCE);
    let challenge = format!("r={nonce}x,s={salt},i={iterations}");
    derivation(&mut client, challenge.as_bytes()).derive()
}

#[test]
fn the_question_says_what_to_compute() {
    let mut pair = pair();
    let challenge = challenge(&mut pair);
    let derivation = derivation(&mut pair.client, &challenge);
    assert_eq!(derivation.hash(), ScramHash::Sha256);
    assert_eq!(derivation.salt(), SALT);
    assert_eq!(derivation.iterations(), ITERATIONS);
}

#[test]
fn the_answer_is_the_response() {
    let mut pair = pair();
    let challenge = challenge(&mut pair);
    let in_line = pair.client.clone().respond(&challenge).unwrap();
    let derivation = derivation(&mut pair.client, &challenge);
    let salted = std::thread::spawn(move || derivation.derive());
    let response = pair.client.answer(&salted.join().unwrap()).unwrap();
    assert_eq!(response, in_line);
    let ServerStep::Success {
        additional_data, ..
    } = pair.server.step(Some(&response))
    else {
        panic!("the server accepts");
    };
    assert_eq!(pair.client.finish(additional_data.as_deref()), Ok(()));
}

#[test]
fn a_salted_password_can_be_used_again() {
    let mut first = pair();
    let message = challenge(&mut first);
    let kept = derivation(&mut first.client, &message).derive();

    let mut second = pair();
    let message = challenge(&mut second);
    let question = derivation(&mut second.client, &message);
    assert!(question.is_answered_by(&kept));
    let response = second.client.answer(&kept).unwrap();
    let step = second.server.step(Some(&response));
    assert!(matches!(step, ServerStep::Success { .. }));
}

#[test]
fn an_answer_to_another_question_ends_the_exchange() {
    for other in [
        salted("AAAA", ITERATIONS),
        salted("AwMDAwMDAwMDAwMDAwMDAw==", 3),
    ] {
        let mut pair = pair();
        let message = challenge(&mut pair);
        let question = derivation(&mut pair.client, &message);
        assert!(!question.is_answered_by(&other));
        assert_eq!(pair.client.answer(&other), Err(ClientError::Misuse));
        let right = question.derive();
        assert_eq!(pair.client.answer(&right), Err(ClientError::Misuse));
    }
}

#[test]
fn an_answer_without_a_question_ends_the_exchange() {
    let kept = salted("AAAA", ITERATIONS);
    for mechanism in [Mechanism::ScramSha256, Mechanism::Plain] {
        let mut client = Pair::new(mechanism, &Account::juliet().credentials()).client;
        assert_eq!(client.answer(&kept), Err(ClientError::Misuse));
        assert_eq!(client.finish(None), Err(ClientError::OutOfOrder));
    }
}

#[test]
fn the_server_has_to_wait_for_the_answer() {
    let mut pair = pair();
    let message = challenge(&mut pair);
    let _question = derivation(&mut pair.client, &message);
    let mut again = pair.client.clone();
    assert_eq!(again.respond(&message), Err(ClientError::OutOfOrder));
    assert_eq!(
        pair.client.finish(Some(b"v=AAAA")),
        Err(ClientError::ServerSignatureMissing)
    );
}

/// The client checks the number of iterations before it asks for the derivation.
#[test]
fn too_many_iterations_are_refused_first() {
    let credentials = Account::juliet().credentials();
    let mut client = ClientExchange::new(
        Mechanism::ScramSha256,
        &credentials,
        &tls(),
        &offer(true),
        CLIENT_NONCE,
    )
    .unwrap();
    let (asked, most) = (600_001, *DEFAULT_ITERATIONS.end());
    let nonce = xmppwire_sasl::wire::encode(&CLIENT_NONCE);
    let challenge = format!("r={nonce}x,s=AAAA,i={asked}");
    assert!(matches!(
        client.step(challenge.as_bytes()),
        Err(ClientError::TooManyIterations { asked: a, most: m }) if a == asked && m == most
    ));
}
