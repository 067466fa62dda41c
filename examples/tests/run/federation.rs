//! `federation` sends a message each way, with either proof of the domains.

use crate::support;

#[test]
fn messages_cross_with_certificates_and_with_dialback() {
    let output = support::output(support::example("federation"));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{text}");

    let mut rest = text.as_str();
    for trust in ["Certificate", "Dialback { tls: true }"] {
        for expected in [
            &format!("capulet.example to montague.example: {trust}"),
            "romeo@montague.example/",
            "Art thou not Romeo, and a Montague?",
            &format!("montague.example to capulet.example: {trust}"),
            "juliet@capulet.example/",
            "Neither, fair saint, if either thee dislike.",
        ] {
            let at = rest.find(expected);
            let at = at.unwrap_or_else(|| panic!("{expected:?} is missing:\n{text}"));
            rest = &rest[at + expected.len()..];
        }
    }
}
