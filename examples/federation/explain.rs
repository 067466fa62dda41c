//! What the display says about the streams between the servers.

use shared::{AFTER_STARTTLS, Details, Script};
use xmppwire::ns;
use xmppwire_sasl::wire;
use xmppwire_xml::Element;

/// A stream whose sender domain is proven by SASL EXTERNAL.
pub(crate) const EXTERNAL: Script = Script {
    rows: EXTERNAL_ROWS,
    element: explain,
    tls_title: AFTER_STARTTLS,
    tls: |_| {
        vec![
            named(
                "the receiver's certificate",
                "verified, and names its domain (§13.7.2.1)",
            ),
            named(
                "the initiator's certificate",
                "verified as well, for what comes next",
            ),
        ]
    },
};

/// A stream whose sender domain is proven by dialback.
pub(crate) const DIALBACK: Script = Script {
    rows: DIALBACK_ROWS,
    element: explain,
    tls_title: AFTER_STARTTLS,
    tls: |_| {
        vec![named(
            "the receiver's certificate",
            "verified; the initiator shows none",
        )]
    },
};

/// The connection over which the receiving server asks about the key.
pub(crate) const VERIFICATION: Script = Script {
    rows: VERIFICATION_ROWS,
    element: explain,
    tls_title: AFTER_STARTTLS,
    tls: |_| {
        vec![named(
            "the receiver's certificate",
            "verified: this is the sender's domain",
        )]
    },
};

#[rustfmt::skip]
const EXTERNAL_ROWS: &[(&str, &str, &str)] = &[
    ("",                      "Juliet writes to Romeo, whose server is another one",     ""),
    ("> stream 1",            "opens a stream between servers, and names both",          "RFC 6120 §4.7"),
    ("< stream 1",            "opens the other one, with an unguessable id",             "RFC 6120 §4.7.3"),
    ("< features starttls",   "offers TLS: between servers it is required, too",         "RFC 6120 §5.4.1"),
    ("> starttls",            "takes the offer",                                         "RFC 6120 §5.4.2.1"),
    ("< proceed",             "agrees; the last bytes in clear text",                    "RFC 6120 §5.4.2.3"),
    ("",                      "A proof by certificate",                                  ""),
    ("> stream 2",            "starts over; nothing said in clear text counts",          "RFC 6120 §5.4.3.3"),
    ("< stream 2",            "starts over with a new id",                               "RFC 6120 §4.3.3"),
    ("< features mechanisms", "has seen the certificate, and will rely on it",      "RFC 6120 §6.4.1"),
    ("> auth",                "asks to be taken for the domain in it",      "RFC 6120 §13.8.4"),
    ("< success",             "the certificate names that domain",                       "RFC 6120 §6.4.6"),
    ("",                      "The stanza",                                              ""),
    ("> stream 3",            "starts over once more, authenticated",                    "RFC 6120 §6.4.6"),
    ("< stream 3",            "does the same",                                           "RFC 6120 §4.3.3"),
    ("< features",            "offers nothing more: there is no binding for servers",    "RFC 6120 §4.3.2"),
    ("< features dialback",   "could verify more domains of this server",                "XEP-0220 §2.4.2"),
    ("> message chat",        "passes the message on, with both addresses",         "RFC 6120 §8.1.1.2"),
    ("> /stream",             "says goodbye; most servers would keep the stream",        "RFC 6120 §4.4"),
    ("< /stream",             "says goodbye as well",                                    "RFC 6120 §4.4"),
];

#[rustfmt::skip]
const DIALBACK_ROWS: &[(&str, &str, &str)] = &[
    ("",                      "Juliet writes to Romeo again",                            ""),
    ("> stream 1",            "opens a stream; xmlns:db: it knows dialback",    "XEP-0220 §2.4.1"),
    ("< stream 1",            "opens the other one",                                     "RFC 6120 §4.7.3"),
    ("< features starttls",   "offers TLS",                                              "RFC 6120 §5.4.1"),
    ("> starttls",            "takes the offer",                                         ""),
    ("< proceed",             "agrees",                                                  ""),
    ("",                      "A key to be asked about",                                 ""),
    ("> stream 2",            "starts over",                                             ""),
    ("< stream 2",            "starts over; the key will be for this stream id",         "XEP-0220 §2.1.1"),
    ("< features dialback",   "saw no certificate, so it offers dialback alone",    "XEP-0220 §2.4.2"),
    ("< features",            "saw no certificate, so it offers no login",          "RFC 6120 §6.4.1"),
    ("> result",              "sends a key for the pair of domains",                     "XEP-0220 §2.1.1"),
    ("",                      "The first connection goes on",                            ""),
    ("< result valid",        "believes it: the pair may send stanzas",                  "XEP-0220 §2.2.1"),
    ("> message chat",        "passes the message on",                              "RFC 6120 §8.1.1.2"),
    ("> /stream",             "says goodbye",                                            ""),
    ("< /stream",             "says goodbye as well",                                    ""),
];

#[rustfmt::skip]
const VERIFICATION_ROWS: &[(&str, &str, &str)] = &[
    ("",                      "Another connection, back to the sender's domain",         ""),
    ("> stream 1",            "looks the sender's domain up, and opens a stream there",  ""),
    ("< stream 1",            "opens the other one",                                     ""),
    ("< features starttls",   "offers TLS",                                              ""),
    ("> starttls",            "takes the offer",                                         ""),
    ("< proceed",             "agrees",                                                  ""),
    ("> stream 2",            "starts over under TLS",                                   ""),
    ("< stream 2",            "starts over",                                             ""),
    ("< features dialback",   "offers dialback",                                         ""),
    ("< features",            "offers no login",                                         ""),
    ("> verify",              "asks: is this key of yours, for that stream id?",         "XEP-0220 §2.1.2"),
    ("< verify valid",        "makes the key once more, and finds the same",             "XEP-0220 §2.2.2"),
    ("> /stream",             "has what it needs",                                       ""),
    ("< /stream",             "says goodbye as well",                                    ""),
];

fn named(value: &str, meaning: &str) -> (String, String) {
    (value.into(), meaning.into())
}

/// Explains dialback keys and what SASL EXTERNAL carries.
fn explain(element: &Element) -> Details {
    let text = element.text();
    let of = (element.ns(), element.name());
    match of {
        (ns::SASL, "auth") => {
            let domain = wire::decode(&text).unwrap_or_default();
            let domain = String::from_utf8_lossy(&domain).into_owned();
            vec![(domain, "whom it wants to be taken for, in base64".into())]
        }
        (ns::DIALBACK, _) if !text.is_empty() => {
            vec![(
                text.into_owned(),
                "a hash of both domains, the id, a secret".into(),
            )]
        }
        _ => Vec::new(),
    }
}
