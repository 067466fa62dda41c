//! `duet` shows a whole login, in order and within the width of a terminal.

use crate::support;

#[test]
fn shows_every_step_and_ends() {
    let output = support::output(support::example("duet"));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{text}");

    let expected = [
        "1 · In clear text",
        "client ─▶  opens a stream",
        "<required/>",
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        "2 · TLS 1.3",
        "verona.example  ",
        "3 · Authentication of both sides",
        "mechanism='SCRAM-SHA-256-PLUS'",
        "p=tls-exporter",
        "i=4096",
        "p=tls-exporter,, and ",
        "the server's proof; the client checks it",
        "4 · An address",
        "<jid>juliet@verona.example/balcony</jid>",
        "5 · Stanzas",
        "<body>Art thou not Romeo, and a Montague?</body>",
        "from='romeo@verona.example'",
        "<ping xmlns='urn:xmpp:ping'/>",
        "type='result'",
        "6 · A clean end",
        "client ─▶  says goodbye",
        "server ◀─  says goodbye",
        "and closed the stream",
        "and agreed to close it",
    ];
    support::assert_in_order(&text, expected);
    support::assert_display(&text);
}
