//! `duet` shows a whole login, in order and within the width of a terminal.

use crate::support;

/// What the program prints.
fn play(arguments: &[&str]) -> String {
    let mut command = support::example("duet");
    command.args(arguments);
    let output = support::output(command);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{text}");
    text
}

#[test]
fn shows_every_step_and_ends() {
    let text = play(&[]);
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

#[test]
fn shows_a_token_and_a_resumption() {
    let text = play(&["--modern"]);
    let expected = [
        "1 · TLS 1.3, from the first byte",
        "2 · One element asks for everything",
        "mechanism='SCRAM-SHA-256-PLUS'>",
        "<tag>balcony</tag>",
        "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
        "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/>",
        "p=tls-exporter",
        "no stream starts over",
        "juliet@verona.example/balcony/",
        "<enabled xmlns='urn:xmpp:sm:3' id='",
        "<token xmlns='urn:xmpp:fast:0'",
        "the server's proof; the client checks it",
        "3 · Stanzas that are counted",
        "<body>Art thou not Romeo, and a Montague?</body>",
        "<r xmlns='urn:xmpp:sm:3'/>",
        "<body>Neither, fair saint, if either thee dislike.</body>",
        "<a xmlns='urn:xmpp:sm:3' h='1'/>",
        "4 · Another day",
        "mechanism='HT-SHA-256-EXPR'>",
        "<fast xmlns='urn:xmpp:fast:0' count='1'/>",
        "the server has the token, too",
        "5 · The connection breaks",
        "<body>At what o'clock to-morrow shall I send to thee?</body>",
        "6 · Another connection, the same session",
        "<resume xmlns='urn:xmpp:sm:3' previd='",
        "<fast xmlns='urn:xmpp:fast:0' count='2'/>",
        "<resumed xmlns='urn:xmpp:sm:3' previd='",
        "<body>At what o'clock to-morrow shall I send to thee?</body>",
        "<body>Let me stand here till thou remember it.</body>",
        "<body>At the hour of nine.</body>",
        "<a xmlns='urn:xmpp:sm:3' h='1'/>",
        "password    3",
        "token       2",
        "resumption  2",
    ];
    support::assert_in_order(&text, expected);
    support::assert_display(&text);
    // Each of the two messages of the second session arrives once.
    for (words, times) in [
        ("At what o'clock", 2),
        ("Let me stand", 1),
        ("At the hour", 1),
    ] {
        assert_eq!(text.matches(words).count(), times, "{words}\n{text}");
    }
}
