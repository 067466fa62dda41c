//! Explains what passes on the wire.

use xmppwire::{CloseReason, ns};
use xmppwire_sasl::wire;
use xmppwire_xml::{Event, Reader, XmlLimits};

use crate::DOMAIN;
use crate::style::{BOLD, DIM, Style, say};

/// For each item: its meaning, and the section that defines it. A row without an item begins a
/// chapter.
#[rustfmt::skip]
const SCRIPT: &[(&str, &str, &str)] = &[
    ("",                           "In clear text, just enough to agree on TLS",           ""),
    ("client stream 1",            "opens a stream; no account is sent in clear text", "RFC 6120 §4.2"),
    ("server stream 1",            "opens the other one, with an unguessable id", "RFC 6120 §4.7.3"),
    ("server features starttls",   "offers TLS and nothing else: it is required",          "RFC 6120 §5.4.1"),
    ("client starttls",            "takes the offer",                                      "RFC 6120 §5.4.2.1"),
    ("server proceed",             "agrees; the last bytes in clear text",                 "RFC 6120 §5.4.2.3"),
    ("",                           "Authentication of both sides",                     ""),
    ("client stream 2",            "starts over, and now sends its account",                  "RFC 6120 §5.4.3.3"),
    ("server stream 2",            "starts over with a new id",                            "RFC 6120 §4.3.3"),
    ("server features mechanisms", "offers logins; -PLUS binds them to this connection",   "RFC 6120 §6.4.1"),
    ("client auth",                "picks the strongest, and asks for salt",               "RFC 6120 §6.4.2"),
    ("server challenge",           "sends salt and iterations, even for unknown users",       "RFC 6120 §6.4.3"),
    ("client response",            "proves that it knows the password, without sending it",     "RFC 6120 §6.4.3"),
    ("server success",             "accepts, and proves that it has the stored keys",          "RFC 6120 §6.4.6"),
    ("",                           "An address for the connection",                        ""),
    ("client stream 3",            "starts over once more, authenticated",                 "RFC 6120 §6.4.6"),
    ("server stream 3",            "does the same",                                        "RFC 6120 §4.3.3"),
    ("server features bind",       "offers an address for this connection",                "RFC 6120 §7.4"),
    ("client iq set bind",         "asks for one of its own choice",                       "RFC 6120 §7.7"),
    ("server iq result bind",      "grants it; now stanzas may be sent",             "RFC 6120 §7.7.1"),
    ("",                           "Stanzas",                                              ""),
    ("client message chat",        "sends a message to Romeo",                             "RFC 6120 §8.2.1"),
    ("server message chat",        "delivers his answer, with his address in 'from'",          "RFC 6120 §8.1.2.1"),
    ("client iq get ping",         "asks whether the server is still there",               "XEP-0199 §4.2"),
    ("server iq result",           "answers under the same id",              "RFC 6120 §8.2.3"),
    ("",                           "A clean end",                                          ""),
    ("client /stream",             "says goodbye and will send no more",                   "RFC 6120 §4.4"),
    ("server /stream",             "says goodbye as well; now the sockets close",          "RFC 6120 §4.4"),
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
    ("response c",  "what the login is bound to, in base64:"),
    ("response r",  "both numbers again"),
    ("response p",  "the client's proof"),
    ("success v",   "the server's proof; the client checks it"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Splits both directions into elements and shows them.
pub(crate) struct Trace {
    style: Style,
    clock: std::time::Instant,
    client: Direction,
    server: Direction,
    chapter: usize,
}

/// The bytes that one side sends. The library's reader finds where an element ends.
struct Direction {
    reader: Reader,
    /// The bytes of the unfinished element.
    raw: Vec<u8>,
    streams: usize,
    items: usize,
    bytes: usize,
}

impl Direction {
    fn new() -> Self {
        let reader = Reader::new(XmlLimits::default());
        Self {
            reader,
            raw: Vec::new(),
            streams: 0,
            items: 0,
            bytes: 0,
        }
    }
}

impl Trace {
    pub(crate) fn new() -> Self {
        let (client, server) = (Direction::new(), Direction::new());
        Self {
            style: Style::detect(),
            clock: std::time::Instant::now(),
            client,
            server,
            chapter: 0,
        }
    }

    /// Shows bytes that `side` has sent.
    pub(crate) fn pass(&mut self, side: Side, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let direction = match side {
                Side::Client => &mut self.client,
                Side::Server => &mut self.server,
            };
            // A stream that starts over is a new document (RFC 6120 §4.3.3).
            if bytes.starts_with(b"<?xml") {
                direction.reader = Reader::new(XmlLimits::default());
            }
            let before = bytes;
            let event = direction.reader.read(&mut bytes);
            let taken = before.len() - bytes.len();
            direction.raw.extend(before.iter().take(taken));
            direction.bytes += taken;
            match event {
                Ok(Some(event)) => {
                    direction.items += 1;
                    direction.streams += usize::from(matches!(event, Event::Header(_)));
                    let name = name(side, &event, direction.streams);
                    let raw = std::mem::take(&mut direction.raw);
                    self.show(side, &name, &event, &String::from_utf8_lossy(&raw));
                }
                Ok(None) => return,
                Err(error) => return say(&format!("the display cannot read this: {error}")),
            }
        }
    }

    fn show(&mut self, side: Side, name: &str, event: &Event, raw: &str) {
        let at = SCRIPT.iter().position(|(of, ..)| *of == name);
        if let Some(("", title, _)) = at.and_then(|at| SCRIPT.get(at.checked_sub(1)?)) {
            self.begin_chapter(title);
        }
        let (_, meaning, section) = at.and_then(|at| SCRIPT.get(at)).unwrap_or(&("", "", ""));
        self.style.headline(side, meaning, section);
        let scram = match event {
            Event::Element(element) if element.ns() == ns::SASL => wire::decode(&element.text())
                .ok()
                .map(|message| (element.name(), message)),
            _ => None,
        };
        // Base64 that is explained below is dimmed.
        self.style
            .xml(side, raw, if scram.is_some() { DIM } else { BOLD });
        if let Some((element, message)) = scram {
            self.scram(element, &String::from_utf8_lossy(&message));
        }
        say("");
    }

    /// Explains the attributes of a SCRAM message.
    fn scram(&self, element: &str, message: &str) {
        for attribute in message.split(',').filter(|attribute| !attribute.is_empty()) {
            let (letter, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let key = format!("{element} {letter}");
            let meaning = SCRAM.iter().find(|(of, _)| *of == key);
            self.style
                .detail(attribute, meaning.map_or("", |(_, meaning)| meaning));
            if key == "response c"
                && let Ok(bound) = wire::decode(value)
                && let Some((gs2, exporter)) = bound.split_last_chunk::<32>()
            {
                let gs2 = String::from_utf8_lossy(gs2);
                self.style
                    .detail("", &format!("{gs2} and {}", hex(exporter)));
            }
        }
    }

    /// Shows what the login needs of TLS.
    pub(crate) fn tls(&mut self, exporter: &[u8; 32]) {
        self.begin_chapter("TLS 1.3, on the same connection");
        let style = self.style;
        style.detail(DOMAIN, "verified in its certificate (§13.7.2.1)");
        style.detail(&hex(exporter), "a secret that both ends derive (RFC 9266)");
        say("");
    }

    fn begin_chapter(&mut self, title: &str) {
        self.chapter += 1;
        self.style
            .rule(&format!("{} · {title}", self.chapter), self.clock.elapsed());
    }

    pub(crate) fn end(&self, client: &CloseReason, server: &CloseReason) {
        self.style.rule("", self.clock.elapsed());
        for (side, direction, reason) in [
            (Side::Client, &self.client, client),
            (Side::Server, &self.server, server),
        ] {
            let outcome = match reason {
                CloseReason::Local => "closed the stream".into(),
                CloseReason::Peer => "agreed to close it".into(),
                broken => format!("broke: {broken}"),
            };
            let Direction { items, bytes, .. } = direction;
            let text = format!("sent {items} items in {bytes} bytes, and {outcome}");
            self.style.headline(side, &text, "");
        }
    }
}

/// The name of an item in [`SCRIPT`].
fn name(side: Side, event: &Event, streams: usize) -> String {
    let side = side.name();
    match event {
        Event::Header(_) => format!("{side} stream {streams}"),
        Event::End => format!("{side} /stream"),
        Event::Element(element) => {
            let name = element.name();
            let kind = element.attr("type").unwrap_or_default();
            let child = element.first_child().map_or("", |child| child.name());
            match name {
                "message" => format!("{side} message {kind}"),
                "iq" => format!("{side} iq {kind} {child}").trim_end().into(),
                "features" => format!("{side} features {child}"),
                _ => format!("{side} {name}"),
            }
        }
        _ => side.into(),
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    let [first, second, third, .., last] = bytes;
    format!("{first:02x}{second:02x}{third:02x}…{last:02x}")
}
