//! An attacker on the path changes one message of an exchange that would otherwise succeed.

use xmppwire_sasl::{ClientError, Condition, MessageError, Rejection, wire};

use crate::pair::{Account, Leg, Outcome, Pair, scram_mechanisms};

const LEGS: [Leg; 4] = [
    Leg::ClientFirst,
    Leg::ServerFirst,
    Leg::ClientFinal,
    Leg::ServerFinal,
];

/// For each octet: the message with the octet changed, dropped or doubled, or truncated there.
fn mutations(message: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for at in 0..message.len() {
        for other in [message[at] ^ 1, message[at] ^ 0x20, b',', b'=', 0, 0xFF] {
            let mut changed = message.to_vec();
            changed[at] = other;
            all.push(changed);
        }
        let (head, tail) = message.split_at(at);
        all.push(head.to_vec());
        all.push([head, &tail[1..]].concat());
        all.push([head, &tail[..1], tail].concat());
    }
    all.push([message, b","].concat());
    all.push([message, b"\0"].concat());
    all.retain(|changed| changed != message);
    all
}

#[test]
fn no_change_of_an_octet_goes_unnoticed() {
    let credentials = Account::juliet()
        .credentials()
        .with_authzid("nurse@example.org");
    for mechanism in scram_mechanisms() {
        for leg in LEGS {
            let mut original = Vec::new();
            let outcome = Pair::new(mechanism, &credentials).run_with(|at, message| {
                if at == leg {
                    original.clone_from(&message);
                }
                message
            });
            assert!(matches!(outcome, Outcome::Success { .. }));
            for changed in mutations(&original) {
                let mut pair = Pair::new(mechanism, &credentials);
                let outcome = pair.run_with(
                    |at, message| {
                        if at == leg { changed.clone() } else { message }
                    },
                );
                assert!(
                    !matches!(outcome, Outcome::Success { .. }),
                    "{mechanism} {leg:?} {:?}",
                    String::from_utf8_lossy(&changed)
                );
            }
        }
    }
}

fn malformed_at_server(error: MessageError) -> Outcome {
    Outcome::ServerRefused(Rejection::Malformed(error), Condition::MalformedRequest)
}

fn malformed_at_client(error: MessageError) -> Outcome {
    Outcome::ClientRefused(ClientError::Malformed(error))
}

/// Attributes changed, dropped, doubled, swapped and added, and the error that each side reports.
#[test]
fn changed_attributes_are_told_apart() {
    use Leg::{ClientFinal, ClientFirst, ServerFinal, ServerFirst};
    use MessageError::{Duplicate, MandatoryExtension, Misplaced, Missing, Syntax, Value};
    let wrong = || Outcome::ServerRefused(Rejection::WrongCredentials, Condition::NotAuthorized);
    let nonce = || Outcome::ServerRefused(Rejection::NonceMismatch, Condition::NotAuthorized);
    let channel =
        || Outcome::ServerRefused(Rejection::ChannelBindingMismatch, Condition::NotAuthorized);
    let client = Outcome::ClientRefused;
    type Change = fn(&str) -> String;
    let swap: Change = |m| {
        let (first, rest) = m.split_once(',').unwrap();
        let (second, rest) = rest.split_once(',').unwrap();
        format!("{second},{first},{rest}")
    };
    let double_first: Change = |m| format!("{},{m}", m.split_once(',').unwrap().0);
    let double_last: Change = |m| format!("{m},{}", m.rsplit_once(',').unwrap().1);
    let drop_first: Change = |m| m.split_once(',').unwrap().1.into();
    let drop_last: Change = |m| m.rsplit_once(',').unwrap().0.into();
    let extend: Change = |m| format!("{m},x=extension");
    let demand: Change = |m| format!("{m},m=extension");
    let demand_first: Change = |m| format!("m=extension,{m}");

    let table: Vec<(Leg, Change, Outcome)> = vec![
        // The client's first message. If the server can still parse it, the signatures differ.
        (ClientFirst, |m| m.replace("n=juliet", "n=Juliet"), wrong()),
        (ClientFirst, |m| m.replace("a=nurse", "a=curse"), channel()),
        (
            ClientFirst,
            |m| m.replace("a=nurse@example.org", ""),
            channel(),
        ),
        (
            ClientFirst,
            |m| m.replace("r=AQ", "r=BQ"),
            client(ClientError::NonceMismatch),
        ),
        (
            ClientFirst,
            |m| m.replace("AQEB", "A"),
            client(ClientError::NonceMismatch),
        ),
        (ClientFirst, drop_last, malformed_at_server(Missing('r'))),
        (
            ClientFirst,
            double_last,
            malformed_at_server(Duplicate('r')),
        ),
        (
            ClientFirst,
            |m| m.replace("n=juliet,", ""),
            malformed_at_server(Missing('n')),
        ),
        (
            ClientFirst,
            |m| m.replace(",n=juliet", ",x=y,n=juliet"),
            malformed_at_server(Missing('n')),
        ),
        (
            ClientFirst,
            |m| m.replace(",n=juliet", ",m=y,n=juliet"),
            malformed_at_server(MandatoryExtension),
        ),
        (
            ClientFirst,
            |m| m.replace("n=juliet", "n=ju=liet"),
            malformed_at_server(Value('n')),
        ),
        (ClientFirst, extend, wrong()),
        (ClientFirst, demand, malformed_at_server(MandatoryExtension)),
        // The server's first message.
        (
            ServerFirst,
            |m| m.replace("r=AQ", "r=BQ"),
            client(ClientError::NonceMismatch),
        ),
        (ServerFirst, |m| m.replace("AgIC,", "AgID,"), nonce()),
        (ServerFirst, |m| m.replace("s=AwMD", "s=AwME"), wrong()),
        (ServerFirst, |m| m.replace("i=2", "i=3"), wrong()),
        (ServerFirst, swap, malformed_at_client(Missing('r'))),
        (ServerFirst, drop_first, malformed_at_client(Missing('r'))),
        (ServerFirst, drop_last, wrong()),
        (
            ServerFirst,
            |m| m.replace("i=2,", ""),
            malformed_at_client(Missing('i')),
        ),
        (
            ServerFirst,
            |m| m.replace(",h=", ",h=A"),
            client(ClientError::Downgrade),
        ),
        (
            ServerFirst,
            double_first,
            malformed_at_client(Duplicate('r')),
        ),
        (
            ServerFirst,
            double_last,
            malformed_at_client(Duplicate('h')),
        ),
        (ServerFirst, extend, wrong()),
        (ServerFirst, demand, malformed_at_client(MandatoryExtension)),
        (
            ServerFirst,
            demand_first,
            malformed_at_client(MandatoryExtension),
        ),
        // The client's final message.
        (ClientFinal, |m| m.replacen("c=", "c=AAAA", 1), channel()),
        (ClientFinal, |m| m.replace("AgIC,", "AgID,"), nonce()),
        (
            ClientFinal,
            |m| m.replace("AgIC,", "AgIC,x=extension,"),
            wrong(),
        ),
        (
            ClientFinal,
            |m| m.replace("AgIC,", "AgIC,m=extension,"),
            malformed_at_server(MandatoryExtension),
        ),
        (
            ClientFinal,
            |m| m.replace("AgIC,", "AgIC,s=AAAA,"),
            malformed_at_server(Misplaced('s')),
        ),
        (ClientFinal, |m| m.replace("p=", "p=AAAA"), wrong()),
        (
            ClientFinal,
            |m| m.replace("p=", "p=A"),
            malformed_at_server(Value('p')),
        ),
        (ClientFinal, swap, malformed_at_server(Missing('c'))),
        (ClientFinal, drop_first, malformed_at_server(Missing('c'))),
        (ClientFinal, drop_last, malformed_at_server(Missing('p'))),
        (
            ClientFinal,
            double_first,
            malformed_at_server(Duplicate('c')),
        ),
        (
            ClientFinal,
            double_last,
            malformed_at_server(Misplaced('p')),
        ),
        (ClientFinal, extend, malformed_at_server(Missing('p'))),
        (
            ClientFinal,
            demand_first,
            malformed_at_server(MandatoryExtension),
        ),
        // The server's final message.
        (
            ServerFinal,
            |_| "v=AAAA".into(),
            client(ClientError::ServerSignatureMismatch),
        ),
        (
            ServerFinal,
            |m| m.replace("v=", "v=AAAA"),
            client(ClientError::ServerSignatureMismatch),
        ),
        (
            ServerFinal,
            |m| m.replace('=', ""),
            malformed_at_client(Syntax),
        ),
        (
            ServerFinal,
            |_| "v=".into(),
            malformed_at_client(Value('v')),
        ),
        (
            ServerFinal,
            |_| String::new(),
            client(ClientError::ServerSignatureMissing),
        ),
        (
            ServerFinal,
            |m| format!("{m},{m}"),
            malformed_at_client(Duplicate('v')),
        ),
        (
            ServerFinal,
            |m| format!("{m},e=invalid-proof"),
            malformed_at_client(Misplaced('e')),
        ),
        (
            ServerFinal,
            |m| format!("x=y,{m}"),
            malformed_at_client(Missing('v')),
        ),
        (ServerFinal, demand, malformed_at_client(MandatoryExtension)),
    ];
    let credentials = Account::juliet()
        .credentials()
        .with_authzid("nurse@example.org");
    for mechanism in scram_mechanisms() {
        for (leg, change, expected) in &table {
            let mut pair = Pair::new(mechanism, &credentials);
            let mut changed = String::new();
            let outcome = pair.run_with(|at, message| {
                if at != *leg {
                    return message;
                }
                let before = String::from_utf8(message).unwrap();
                changed = change(&before);
                assert_ne!(before, changed);
                changed.clone().into_bytes()
            });
            assert_eq!(&outcome, expected, "{mechanism} {leg:?} {changed}");
        }
    }
}

/// A proof or signature with octets added or missing is refused.
#[test]
fn proof_and_signature_have_one_length() {
    for mechanism in scram_mechanisms() {
        for (leg, attribute) in [(Leg::ClientFinal, "p="), (Leg::ServerFinal, "v=")] {
            for longer in [true, false] {
                let mut pair = Pair::new(mechanism, &Account::juliet().credentials());
                let outcome = pair.run_with(|at, message| {
                    if at != leg {
                        return message;
                    }
                    let message = String::from_utf8(message).unwrap();
                    let (before, value) = message.rsplit_once(attribute).unwrap();
                    let mut octets = wire::decode(value).unwrap();
                    if longer {
                        octets.push(0);
                    } else {
                        octets.pop();
                    }
                    format!("{before}{attribute}{}", wire::encode(&octets)).into_bytes()
                });
                let expected = match leg {
                    Leg::ServerFinal => {
                        Outcome::ClientRefused(ClientError::ServerSignatureMismatch)
                    }
                    _ => Outcome::ServerRefused(
                        Rejection::WrongCredentials,
                        Condition::NotAuthorized,
                    ),
                };
                assert_eq!(outcome, expected, "{mechanism} {leg:?} {longer}");
            }
        }
    }
}
