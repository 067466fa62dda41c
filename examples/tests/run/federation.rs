//! `federation` shows a message each way, with either proof of the domains.

use crate::support;

#[test]
fn both_proofs_are_shown_and_explained() {
    let output = support::output(support::example("federation"));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{text}");

    let heard = [
        "Romeo reads: “Art thou not Romeo, and a Montague?”",
        "Juliet reads: “Neither, fair saint, if either thee dislike.”",
    ];
    let external = [
        "First act",
        "1 · Juliet writes to Romeo",
        "capulet  ─▶  opens a stream between servers",
        "xmlns='jabber:server'",
        "2 · TLS 1.3",
        "3 · A proof by certificate",
        "<mechanism>EXTERNAL</mechanism>",
        "capulet.example                   whom it wants to be taken for",
        "<success ",
        "4 · The stanza",
        "<body>Art thou not Romeo, and a Montague?</body>",
        "5 · The same in the other direction",
        "montague ◀─  passes the message on",
        "capulet  ─▶  says goodbye as well",
    ];
    let dialback = [
        "Second act",
        "1 · Juliet writes to Romeo",
        "3 · A key to be asked about",
        "<db:result from='capulet.example' to='montague.example'>",
        "a hash of both domains, the id, a secret",
        "4 · Another connection",
        "montague ◀─  asks: is this key of yours",
        "<db:verify from='montague.example' to='capulet.example'",
        "capulet  ─▶  makes the key once more",
        "type='valid'/>",
        "6 · The first connection goes on",
        "montague ◀─  believes it",
        "<body>Art thou not Romeo, and a Montague?</body>",
        "7 · The same in the other direction",
        "montague ◀─  passes the message on",
    ];
    support::assert_in_order(&text, [&external[..], &heard, &dialback, &heard].concat());
    support::assert_display(&text);
}
