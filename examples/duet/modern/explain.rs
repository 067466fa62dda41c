//! What the display says about the three logins.

use shared::{Details, Script, hex};
use xmppwire::ns;
use xmppwire_net::tls::TlsSummary;
use xmppwire_sasl::wire;
use xmppwire_xml::{Element, ElementRef};

use crate::explain;

/// The first login, with a password.
pub(crate) const PASSWORD: Script = Script {
    rows: PASSWORD_ROWS,
    element: inside,
    tls_title: "TLS 1.3, from the first byte",
    tls: explain::tls,
};

/// The second login, with a token, on a connection that breaks.
pub(crate) const TOKEN: Script = Script {
    rows: TOKEN_ROWS,
    element: |element| match element.name() {
        "message" => LOSS.map(|(who, what)| (who.into(), what.into())).into(),
        _ => inside(element),
    },
    tls_title: "Another day: a token instead of the password",
    tls: another,
};

/// The third login, which goes on with the session of the second.
pub(crate) const RESUMPTION: Script = Script {
    rows: RESUMPTION_ROWS,
    element: inside,
    tls_title: "Another connection, the same session",
    tls: another,
};

#[rustfmt::skip]
const PASSWORD_ROWS: &[(&str, &str, &str)] = &[
    ("",                          "One element asks for everything",                       ""),
    ("> stream 1",                "opens a stream, and names its account",                 "RFC 6120 §4.2"),
    ("< stream 1",                "opens the other one",                                   "RFC 6120 §4.7.3"),
    ("< features mechanisms",     "offers logins, and what can be had with them",          "XEP-0388 §2.2"),
    ("> authenticate",            "asks for salt, and for all that shall follow",          "XEP-0388 §2.3"),
    ("< challenge",               "sends salt and iterations, even for unknown users",     "XEP-0388 §2.4"),
    ("> response",                "proves that it knows the password, without sending it", "XEP-0388 §2.4"),
    ("< success",                 "accepts, and grants everything; no stream starts over", "XEP-0388 §2.6"),
    ("< features",                "offers nothing more after the login",                   "XEP-0388 §2.6"),
    ("",                          "Stanzas that are counted",                              ""),
    ("> message chat",            "sends a message to Romeo: its stanza number 1",         "XEP-0198 §4"),
    ("> r",                       "asks how many have come",                               "XEP-0198 §4"),
    ("< message chat",            "delivers his answer: the server's number 1",            "XEP-0198 §4"),
    ("< r",                       "asks how many have come",                               ""),
    ("< a",                       "has handled one; the client may forget it",             "XEP-0198 §4"),
    ("> a",                       "has handled one, too",                                  "XEP-0198 §4"),
    ("> /stream",                 "says goodbye",                                          "RFC 6120 §4.4"),
    ("< /stream",                 "says goodbye as well; this session is over",            "RFC 6120 §4.4"),
];

#[rustfmt::skip]
const TOKEN_ROWS: &[(&str, &str, &str)] = &[
    ("> stream 1",                "opens a stream",                                        ""),
    ("< stream 1",                "opens the other one",                                   ""),
    ("< features mechanisms",     "offers the same as before",                             ""),
    ("> authenticate",            "proves that it has the token, and needs no salt",       "XEP-0484 §3.4"),
    ("< success",                 "accepts at once: a login in one round trip",            "XEP-0484 §3.4"),
    ("< features",                "offers nothing more after the login",                   ""),
    ("",                          "The connection breaks",                                 ""),
    ("> message chat",            "sends a message, which never arrives",                  "XEP-0198 §5"),
];

#[rustfmt::skip]
const RESUMPTION_ROWS: &[(&str, &str, &str)] = &[
    ("> stream 1",                "opens a stream",                                        ""),
    ("< stream 1",                "opens the other one",                                   ""),
    ("< features mechanisms",     "offers the same as before",                             ""),
    ("> authenticate",            "uses its token, and wants its session back",            "XEP-0198 §9.2"),
    ("< success",                 "accepts; address and counters are as they were",        "XEP-0198 §9.2"),
    ("< message chat",            "delivers what Romeo wrote",                             "XEP-0198 §5"),
    ("> message chat",            "sends again what was lost",                             "XEP-0198 §5"),
    ("> r",                       "asks how many have come",                               ""),
    ("< r",                       "asks as well",                                          ""),
    ("< a",                       "has handled the client's: nothing was lost",            "XEP-0198 §4"),
    ("> a",                       "has handled this many of the server's",                 "XEP-0198 §4"),
    ("> /stream",                 "says goodbye",                                          ""),
    ("< /stream",                 "says goodbye as well",                                  ""),
];

/// What becomes of a message that is lost.
const LOSS: [(&str, &str); 2] = [
    ("the client", "keeps it until it is acknowledged"),
    ("the server", "keeps the session, and what comes for it"),
];

/// What stands inside an element, and for what it is there.
#[rustfmt::skip]
const INSIDE: &[(&str, &str, &str)] = &[
    ("features sm",              ns::SM,    "sessions can be resumed with the login"),
    ("features bind",            ns::BIND2, "an address, with the login"),
    ("features fast",            ns::FAST,  "tokens, for later logins"),
    ("authenticate user-agent",  ns::SASL2, "this installation; a token is for it alone"),
    ("authenticate bind",        ns::BIND2, "wants an address that begins like this"),
    ("authenticate enable",      ns::SM,    "wants stanzas to be counted"),
    ("authenticate request-token", ns::FAST, "wants a token for its next login"),
    ("authenticate fast",        ns::FAST,  "this proof is accepted only once"),
    ("resume fast",              ns::FAST,  "another number than the last time"),
    ("resume resume",            ns::SM,    "the session, and how many of it have come"),
    ("resume bind",              ns::BIND2, "wants a new session if that one is gone"),
    ("success authorization-identifier", ns::SASL2, "the address of the connection"),
    ("success enabled",          ns::SM,    "both count now; the id resumes the session"),
    ("success token",            ns::FAST,  "a secret in place of the password"),
    ("success resumed",          ns::SM,    "goes on; how many the server has handled"),
];

/// Explains the proofs in an element, and the requests and answers beside them.
fn inside(element: &Element) -> Details {
    let mut details = match element.ns() {
        ns::SASL2 => proofs(element),
        _ => Details::new(),
    };
    let top = match element.child("resume", ns::SM) {
        Some(_) => "resume",
        None => element.name(),
    };
    note(top, element.root(), &mut details);
    details
}

fn note(top: &str, element: ElementRef<'_>, details: &mut Details) {
    for child in element.children() {
        let key = format!("{top} {}", child.name());
        let row = INSIDE
            .iter()
            .find(|(of, ns, _)| *of == key && *ns == child.ns());
        if let Some((_, _, meaning)) = row {
            details.push((format!("<{}/>", child.name()), (*meaning).into()));
        }
        note(top, child, details);
    }
}

/// Explains what the mechanism of the login says.
fn proofs(element: &Element) -> Details {
    let child = |name| {
        element
            .child(name, ns::SASL2)
            .map(|child| child.text().into_owned())
    };
    let (step, base64) = match element.name() {
        "authenticate" => ("auth", child("initial-response")),
        "success" => ("success", child("additional-data")),
        step => (step, Some(element.text().into_owned())),
    };
    let base64 = base64.unwrap_or_default();
    let Ok(message) = wire::decode(&base64) else {
        return Details::new();
    };
    // The mechanisms for tokens end with a hash, before which the client sends its name.
    match message.split_last_chunk::<32>() {
        Some(([], hash)) => vec![(hex(hash), "the server has the token, too".into())],
        Some(([name @ .., 0], hash)) => vec![
            (String::from_utf8_lossy(name).into(), "the user".into()),
            (
                hex(hash),
                "a hash of the token and of the TLS session".into(),
            ),
        ],
        _ => explain::attributes(step, &base64),
    }
}

/// What is different about another connection.
fn another(summary: &TlsSummary) -> Details {
    let exporter = summary.exporter.as_ref().map(hex);
    let meaning = "another secret: a stolen proof is useless";
    exporter
        .map(|exporter| (exporter, meaning.into()))
        .into_iter()
        .collect()
}
