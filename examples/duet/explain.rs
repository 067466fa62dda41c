//! What the display says about the login.

use shared::{AFTER_STARTTLS, Details, Script, hex};
use xmppwire::ns;
use xmppwire_net::tls::TlsSummary;
use xmppwire_sasl::wire;
use xmppwire_xml::Element;

use crate::DOMAIN;

pub(crate) const SCRIPT: Script = Script {
    rows: ROWS,
    element: scram,
    tls_title: AFTER_STARTTLS,
    tls,
};

#[rustfmt::skip]
const ROWS: &[(&str, &str, &str)] = &[
    ("",                      "In clear text, just enough to agree on TLS",               ""),
    ("> stream 1",            "opens a stream; no account is sent in clear text",         "RFC 6120 §4.2"),
    ("< stream 1",            "opens the other one, with an unguessable id",              "RFC 6120 §4.7.3"),
    ("< features starttls",   "offers TLS and nothing else: it is required",              "RFC 6120 §5.4.1"),
    ("> starttls",            "takes the offer",                                          "RFC 6120 §5.4.2.1"),
    ("< proceed",             "agrees; the last bytes in clear text",                     "RFC 6120 §5.4.2.3"),
    ("",                      "Authentication of both sides",                             ""),
    ("> stream 2",            "starts over, and now sends its account",                   "RFC 6120 §5.4.3.3"),
    ("< stream 2",            "starts over with a new id",                                "RFC 6120 §4.3.3"),
    ("< features mechanisms", "offers logins; -PLUS binds them to this connection",       "RFC 6120 §6.4.1"),
    ("> auth",                "picks the strongest, and asks for salt",                   "RFC 6120 §6.4.2"),
    ("< challenge",           "sends salt and iterations, even for unknown users",        "RFC 6120 §6.4.3"),
    ("> response",            "proves that it knows the password, without sending it",    "RFC 6120 §6.4.3"),
    ("< success",             "accepts, and proves that it has the stored keys",          "RFC 6120 §6.4.6"),
    ("",                      "An address for the connection",                            ""),
    ("> stream 3",            "starts over once more, authenticated",                     "RFC 6120 §6.4.6"),
    ("< stream 3",            "does the same",                                            "RFC 6120 §4.3.3"),
    ("< features bind",       "offers an address for this connection",                    "RFC 6120 §7.4"),
    ("> iq set bind",         "asks for one of its own choice",                           "RFC 6120 §7.7"),
    ("< iq result bind",      "grants it; now stanzas may be sent",                       "RFC 6120 §7.7.1"),
    ("",                      "Stanzas",                                                  ""),
    ("> message chat",        "sends a message to Romeo",                                 "RFC 6120 §8.2.1"),
    ("< message chat",        "delivers his answer, with his address in 'from'",          "RFC 6120 §8.1.2.1"),
    ("> iq get ping",         "asks whether the server is still there",                   "XEP-0199 §4.2"),
    ("< iq result",           "answers under the same id",                                "RFC 6120 §8.2.3"),
    ("",                      "A clean end",                                              ""),
    ("> /stream",             "says goodbye and will send no more",                       "RFC 6120 §4.4"),
    ("< /stream",             "says goodbye as well; now the sockets close",              "RFC 6120 §4.4"),
];

/// The attributes of SCRAM messages (RFC 5802 §5.1), by element and letter.
#[rustfmt::skip]
const SCRAM: &[(&str, &str)] = &[
    ("auth p",      "bind the login to TLS in this way"),
    ("auth n",      "the user"),
    ("auth r",      "a number used once, the client's"),
    ("challenge r", "the same, followed by the server's"),
    ("challenge s", "the salt of the stored password"),
    ("challenge i", "rounds of hashing, to make guessing slow"),
    ("challenge h", "a hash of all that was offered (XEP-0474)"),
    ("response c",  "what the login is bound to, in base64:"),
    ("response r",  "both numbers again"),
    ("response p",  "the client's proof"),
    ("success v",   "the server's proof; the client checks it"),
];

/// Explains the attributes of a SCRAM message.
fn scram(element: &Element) -> Details {
    match element.ns() {
        ns::SASL => attributes(element.name(), &element.text()),
        _ => Details::new(),
    }
}

/// Explains the attributes of this message in base64, in which `step` is the name of its element
/// in RFC 6120.
pub(crate) fn attributes(step: &str, base64: &str) -> Details {
    let mut details = Details::new();
    let Ok(message) = wire::decode(base64) else {
        return details;
    };
    let message = String::from_utf8_lossy(&message);
    for attribute in message.split(',').filter(|attribute| !attribute.is_empty()) {
        let (letter, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let key = format!("{step} {letter}");
        let meaning = SCRAM.iter().find(|(of, _)| *of == key);
        let meaning = meaning.map_or("", |(_, meaning)| meaning);
        details.push((attribute.into(), meaning.into()));
        if key == "response c"
            && let Ok(bound) = wire::decode(value)
            && let Some((gs2, exporter)) = bound.split_last_chunk::<32>()
        {
            let gs2 = String::from_utf8_lossy(gs2);
            details.push((String::new(), format!("{gs2} and {}", hex(exporter))));
        }
    }
    details
}

/// What the login needs of TLS.
pub(crate) fn tls(summary: &TlsSummary) -> Details {
    let verified = "verified in its certificate (§13.7.2.1)";
    let mut details = vec![(DOMAIN.into(), verified.into())];
    if let Some(exporter) = &summary.exporter {
        let meaning = "a secret that both ends derive (RFC 9266)";
        details.push((hex(exporter), meaning.into()));
    }
    details
}
