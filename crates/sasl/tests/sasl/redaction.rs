//! `Debug` shows no secret of any type in any state.

use core::fmt::Debug;

use xmppwire_sasl::{ClientStep, Password, ScramHash, ServerAnswer, ServerStep, wire};

use crate::pair::{Account, Pair, decoy, password_mechanisms, tls};

/// Every form in which a secret could appear.
fn forms(secret: &[u8]) -> Vec<String> {
    let hex = |form: fn(&u8) -> String| secret.iter().map(form).collect::<String>();
    vec![
        String::from_utf8_lossy(secret).into_owned(),
        wire::encode(secret),
        hex(|b| format!("{b:02x}")),
        hex(|b| format!("{b:02X}")),
        format!("{:?}", &secret[..4])
            .trim_matches(['[', ']'])
            .to_owned(),
    ]
}

fn check(value: &dyn Debug) {
    let account = Account::juliet();
    let mut secrets = forms(account.password.as_bytes());
    for hash in ScramHash::ALL {
        let keys = account.keys(*hash);
        secrets.extend(forms(keys.stored_key()));
        secrets.extend(forms(keys.server_key()));
    }
    // The decoy's secret and the channel bindings.
    secrets.extend(forms(&[4; 32]));
    secrets.extend(forms(&[5; 32]));
    secrets.extend(forms(&[6; 32]));
    let pretty = format!("{value:#?}").replace(['\n', ' '], "");
    for shown in [format!("{value:?}"), pretty] {
        assert!(!shown.is_empty());
        for secret in &secrets {
            assert!(!shown.contains(secret), "{secret} in {shown}");
            assert!(!shown.contains(&secret.replace(' ', "")));
        }
    }
}

#[test]
fn data() {
    let account = Account::juliet();
    check(&Password::from(account.password.as_str()));
    check(&account.credentials());
    check(&account.keys(ScramHash::Sha1));
    check(&account.keys(ScramHash::Sha256));
    check(&ServerAnswer::ScramKeys(account.keys(ScramHash::Sha1)));
    check(&decoy());
    check(&tls());
}

#[test]
fn exchanges() {
    for mechanism in password_mechanisms() {
        let account = Account::juliet();
        let mut pair = Pair::new(mechanism, &account.credentials());
        check(&pair.client);
        check(&pair.server);
        let step = pair.server.step(Some(&pair.client.initial_response()));
        check(&step);
        check(&pair.server);
        check(&pair.server.question().unwrap());
        let answer = account.answer(pair.server.question().unwrap());
        check(&answer);
        let step = pair.server.answer(answer);
        check(&step);
        check(&pair.server);
        if let ServerStep::Challenge(challenge) = step {
            let ClientStep::Derive(derivation) = pair.client.step(&challenge).unwrap() else {
                panic!("SCRAM derives keys");
            };
            check(&derivation);
            check(&pair.client);
            let salted = derivation.derive();
            check(&salted);
            let response = pair.client.answer(&salted).unwrap();
            check(&pair.client);
            check(&pair.server.step(Some(&response)));
            check(&pair.server);
        }
    }
}
