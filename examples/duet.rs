//! Two machines talk: a client logs in to a server over loopback, with everything a real login has,
//! and the wire is shown with a word on every element that passes.
//!
//! ```text
//! cargo run --example duet
//! ```
//!
//! The certificate, the password and the keys are made for the run and thrown away, so all of it can
//! be shown. What looks at the wire is [`Traced`]: a [`Connection`] around a `Connection`, which the
//! loop cannot tell from the one inside.

use std::error::Error;
use std::io::IsTerminal;
use std::time::Duration;

use xmppwire::{
    ApiMisuse, BindAnswer, ChannelBindings, Client, ClientConfig, ClientEvent, Connection,
    DecoyKey, Element, Entropy, HandoffError, Host, HostAnswer, Instant, IqTracker, Jid, Mechanism,
    Message, SaslAnswer, ScramHash, ScramKeys, Server, ServerConfig, ServerEvent, Stanza, StartTls,
    StreamError, TlsHandoff, TlsInfo, TlsOffer, ns,
};
use xmppwire_sasl::wire;
use xmppwire_xml::{Event, Limits, Reader};

const WIDTH: usize = 80;
const DOMAIN: &str = "verona.example";
const PASSWORD: &str = "wherefore art thou";

/// What each element means, by who sends it, its name, and what tells it from others of that name.
#[rustfmt::skip]
const MEANINGS: &[(&str, &str, &str)] = &[
    ("C stream 1",            "opens a stream; who it is stays unsaid in clear text", "RFC 6120 §4.2"),
    ("S stream 1",            "opens one the other way, with an id nobody can guess", "RFC 6120 §4.7.3"),
    ("S features starttls",   "offers TLS and nothing else: it is required",          "RFC 6120 §5.4.1"),
    ("C starttls",            "takes the offer",                                      "RFC 6120 §5.4.2.1"),
    ("S proceed",             "agrees; the last bytes in clear text",                 "RFC 6120 §5.4.2.3"),
    ("C stream 2",            "starts over, and says now who it is",                  "RFC 6120 §5.4.3.3"),
    ("S stream 2",            "starts over with a new id",                            "RFC 6120 §4.3.3"),
    ("S features mechanisms", "offers logins; -PLUS binds them to this connection",   "RFC 6120 §6.4.1"),
    ("C auth",                "picks the strongest, and asks for salt",               "RFC 6120 §6.4.2"),
    ("S challenge",           "gives salt and cost, which it does for anybody",       "RFC 6120 §6.4.3"),
    ("C response",            "proves to know the password, and does not say it",     "RFC 6120 §6.4.3"),
    ("S success",             "is satisfied, and proves to know it as well",          "RFC 6120 §6.4.6"),
    ("C stream 3",            "starts over once more, authenticated",                 "RFC 6120 §6.4.6"),
    ("S stream 3",            "does the same",                                        "RFC 6120 §4.3.3"),
    ("S features bind",       "offers an address for this connection",                "RFC 6120 §7.4"),
    ("C iq set bind",         "asks for one, and leaves the resource to the server",  "RFC 6120 §7.6"),
    ("S iq result bind",      "gives it; from here on stanzas may flow",              "RFC 6120 §7.6.1"),
    ("C message chat",        "sends a message",                                      "RFC 6120 §8.2.1"),
    ("S message chat",        "delivers the answer, stamped with its sender",         "RFC 6120 §8.1.2.1"),
    ("C iq get ping",         "asks whether the server is still there",               "XEP-0199 §4.2"),
    ("S iq result",           "is, and says so with the same id",                     "RFC 6120 §8.2.3"),
    ("C /stream",             "says goodbye and will send no more",                   "RFC 6120 §4.4"),
    ("S /stream",             "says goodbye as well; now the sockets close",          "RFC 6120 §4.4"),
];

/// The chapters, by the element that begins each. The second begins with the handshake.
const CHAPTERS: &[(&str, &str)] = &[
    ("C stream 1", "In clear text, just enough to agree on TLS"),
    ("tls", "TLS"),
    ("C stream 2", "Who are you? Both sides prove it"),
    ("C stream 3", "An address for the connection"),
    ("C message chat", "Stanzas"),
    ("C /stream", "A clean end"),
];

/// What the attributes of a SCRAM exchange mean (RFC 5802 §5.1), by element and letter.
#[rustfmt::skip]
const SCRAM: &[(&str, &str)] = &[
    ("auth p",      "bind the login to TLS by this"),
    ("auth n",      "the user"),
    ("auth r",      "a number used once, the client's"),
    ("challenge r", "the same, and the server's behind it"),
    ("challenge s", "the salt of the stored password"),
    ("challenge i", "rounds of hashing, to make guessing slow"),
    ("response c",  "what the login is bound to:"),
    ("response r",  "both numbers again"),
    ("response p",  "the client's proof"),
    ("success v",   "the server's signature, which is checked"),
];

// --- The wrapper ----------------------------------------------------------------------------------

/// A connection that shows what passes through it.
struct Traced<C> {
    connection: C,
    trace: Trace,
}

impl<C: Connection> Connection for Traced<C> {
    type Event = C::Event;

    fn receive(&mut self, now: Instant, input: &[u8]) -> usize {
        let consumed = self.connection.receive(now, input);
        self.trace.pass('S', input.get(..consumed).unwrap_or(input));
        consumed
    }

    fn consume_output(&mut self, n: usize) {
        let output = self.connection.output();
        self.trace.pass('C', output.get(..n).unwrap_or(output));
        self.connection.consume_output(n);
    }

    fn take_output(&mut self) -> Vec<u8> {
        let output = self.connection.take_output();
        self.trace.pass('C', &output);
        output
    }

    fn tls_established(
        &mut self,
        now: Instant,
        handoff: TlsHandoff,
        tls: TlsInfo,
    ) -> Result<(), ApiMisuse> {
        self.trace.secured();
        self.connection.tls_established(now, handoff, tls)
    }

    // The rest is passed on as it is.

    fn receive_eof(&mut self, now: Instant) {
        self.connection.receive_eof(now);
    }
    fn wants_read(&self) -> bool {
        self.connection.wants_read()
    }
    fn output(&self) -> &[u8] {
        self.connection.output()
    }
    fn poll_event(&mut self) -> Option<C::Event> {
        self.connection.poll_event()
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.connection.poll_timeout()
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
    }
    fn begin_tls(&mut self, request: StartTls, unread: &[u8]) -> Result<TlsHandoff, HandoffError> {
        self.connection.begin_tls(request, unread)
    }
    fn send(&mut self, stanza: &Stanza) -> Result<(), ApiMisuse> {
        self.connection.send(stanza)
    }
    fn close(&mut self, now: Instant, error: Option<StreamError>) {
        self.connection.close(now, error);
    }
    fn is_finished(&self) -> bool {
        self.connection.is_finished()
    }
}

// --- The trace ------------------------------------------------------------------------------------

/// Splits both directions into elements and prints them.
struct Trace {
    started: std::time::Instant,
    style: Style,
    client: Direction,
    server: Direction,
    chapter: usize,
}

/// What one side sends. The library's own reader finds where an element ends.
struct Direction {
    reader: Reader,
    /// What was read of the element that is under way.
    raw: Vec<u8>,
    headers: usize,
    bytes: usize,
}

impl Direction {
    fn new() -> Self {
        let reader = Reader::new(Limits::default());
        Self {
            reader,
            raw: Vec::new(),
            headers: 0,
            bytes: 0,
        }
    }
}

impl Trace {
    fn new() -> Self {
        Self {
            started: std::time::Instant::now(),
            style: Style::detect(),
            client: Direction::new(),
            server: Direction::new(),
            chapter: 0,
        }
    }

    /// Shows bytes that `side` has sent.
    fn pass(&mut self, side: char, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let direction = match side {
                'C' => &mut self.client,
                _ => &mut self.server,
            };
            // A stream that starts over is a new XML document.
            if direction.raw.is_empty() && bytes.starts_with(b"<?xml") {
                direction.reader = Reader::new(Limits::default());
            }
            let before = bytes;
            let event = direction.reader.read(&mut bytes);
            let taken = before.len() - bytes.len();
            direction.bytes += taken;
            direction.raw.extend(before.iter().take(taken));
            match event {
                Ok(Some(event)) => {
                    direction.headers += usize::from(matches!(event, Event::Header(_)));
                    let key = key(side, &event, direction.headers);
                    let raw = std::mem::take(&mut direction.raw);
                    self.show(side, &key, &event, &String::from_utf8_lossy(&raw));
                }
                Ok(None) => return,
                Err(error) => return println!("{side} sent no XML: {error}"),
            }
        }
    }

    fn show(&mut self, side: char, key: &str, event: &Event, raw: &str) {
        self.begin_chapter(key);
        let (_, meaning, section) = MEANINGS
            .iter()
            .find(|(of, ..)| *of == key)
            .unwrap_or(&("", "", ""));
        let arrow = if side == 'C' {
            "C ─▶ S"
        } else {
            "C ◀─ S"
        };
        self.style.headline(side, arrow, meaning, section);
        self.style.xml(side, raw);
        if let Event::Element(element) = event
            && element.ns() == ns::SASL
            && let Ok(data) = wire::decode(&element.text())
        {
            self.explain(element.name(), &String::from_utf8_lossy(&data));
        }
        println!();
    }

    fn begin_chapter(&mut self, key: &str) {
        if let Some((_, title)) = CHAPTERS.iter().find(|(of, _)| *of == key) {
            self.chapter += 1;
            let elapsed = self.started.elapsed().as_secs_f64() * 1000.0;
            self.style.rule(
                &format!("{}  {title}", self.chapter),
                &format!("{elapsed:.1} ms"),
            );
        }
    }

    /// Explains what is in the base64 of a SCRAM message (RFC 5802 §7).
    fn explain(&self, element: &str, data: &str) {
        for attribute in data.split(',').filter(|attribute| !attribute.is_empty()) {
            let (letter, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let key = format!("{element} {letter}");
            let (_, meaning) = SCRAM.iter().find(|(of, _)| *of == key).unwrap_or(&("", ""));
            self.style.detail(&elided(attribute, 34), meaning);
            if letter == "c"
                && let Ok(bound) = wire::decode(value)
            {
                let (header, binding) = bound.split_at(bound.len().saturating_sub(32));
                let header = String::from_utf8_lossy(header);
                self.style
                    .detail("", &format!("{header} + {}", hex(binding)));
            }
        }
    }

    fn secured(&mut self) {
        self.begin_chapter("tls");
    }
}

/// Under which name an item stands in [`MEANINGS`].
fn key(side: char, event: &Event, headers: usize) -> String {
    match event {
        Event::Header(_) => format!("{side} stream {headers}"),
        Event::Element(element) => {
            let child = element.first_child().map_or("", |child| child.name());
            let words = match element.name() {
                "iq" => format!("iq {} {child}", element.attr("type").unwrap_or_default()),
                "message" => format!("message {}", element.attr("type").unwrap_or_default()),
                "features" => format!("features {child}"),
                name => name.into(),
            };
            format!("{side} {}", words.trim_end())
        }
        Event::End => format!("{side} /stream"),
        _ => String::new(),
    }
}

fn elided(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.into();
    }
    let head = text.chars().take(most - 8);
    head.chain(['…'])
        .chain(text.chars().skip(length - 7))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    let head: String = bytes
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{head}… ({} bytes)", bytes.len())
}

// --- Typography -----------------------------------------------------------------------------------

/// How things look; escape sequences only where a terminal will read them.
#[derive(Clone, Copy)]
struct Style {
    colours: bool,
}

const PLAIN: &str = "0";
const BOLD: &str = "1";
const DIM: &str = "2";
const YELLOW: &str = "33";
const CLIENT: &str = "36";
const SERVER: &str = "35";

impl Style {
    /// Colours for a terminal, unless `NO_COLOR` is set (no-color.org).
    fn detect() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colours: std::io::stdout().is_terminal() && !refused,
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colours && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.into()
        }
    }

    fn side(side: char) -> &'static str {
        if side == 'C' { CLIENT } else { SERVER }
    }

    fn rule(self, title: &str, time: &str) {
        let fill = WIDTH.saturating_sub(title.chars().count() + time.chars().count() + 8);
        println!(
            "{} {} {} {} {}\n",
            self.paint(DIM, "──"),
            self.paint(BOLD, title),
            self.paint(DIM, &"─".repeat(fill)),
            self.paint(DIM, time),
            self.paint(DIM, "──"),
        );
    }

    fn headline(self, side: char, arrow: &str, meaning: &str, section: &str) {
        let fill = WIDTH.saturating_sub(8 + meaning.chars().count() + section.chars().count());
        println!(
            "{}  {}{}{}",
            self.paint(Self::side(side), arrow),
            self.paint(BOLD, meaning),
            " ".repeat(fill),
            self.paint(DIM, section)
        );
    }

    fn detail(self, text: &str, meaning: &str) {
        println!(
            "      {} {}",
            self.paint(YELLOW, &format!("{text:<34}")),
            self.paint(DIM, meaning)
        );
    }

    /// Prints XML, broken and indented for the eye: nothing but white space is added.
    fn xml(self, side: char, raw: &str) {
        let (mut in_tag, mut quoted) = (false, false);
        for line in layout(raw, WIDTH - 4) {
            // Runs of one colour: markup, attribute values, text.
            let mut painted = String::new();
            let mut run = String::new();
            for letter in line.chars().chain(['\n']) {
                let code = match (in_tag, quoted) {
                    (true, false) => Self::side(side),
                    (true, true) => PLAIN,
                    (false, _) => BOLD,
                };
                match letter {
                    '<' => in_tag = true,
                    '>' if !quoted => in_tag = false,
                    '\'' if in_tag => quoted = !quoted,
                    '\n' => {}
                    _ => {
                        run.push(letter);
                        continue;
                    }
                }
                // A mark ends the run before it and is markup itself.
                painted += &self.paint(code, &run);
                run.clear();
                if letter != '\n' {
                    painted += &self.paint(Self::side(side), &letter.to_string());
                }
            }
            println!("    {painted}");
        }
    }
}

/// Breaks XML into lines of at most `room`: around elements that do not fit, then at attributes, and
/// long text anywhere.
fn layout(raw: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let (mut rest, mut depth, mut inline) = (raw, 0_usize, false);
    while let Some(piece) = pieces(rest).next() {
        let end = piece.starts_with("</");
        depth -= usize::from(end && depth > 0);
        let whole = whole(rest).filter(|whole| 2 * depth + whole.len() <= room);
        let taken = whole.unwrap_or(piece);
        match lines.last_mut() {
            // Text and the end tag behind it stay with what is before them.
            Some(line) if inline && whole.is_none() && line.len() + taken.len() <= room => {
                line.push_str(taken);
            }
            _ => lines.extend(broken(taken, &"  ".repeat(depth), room)),
        }
        let start = whole.is_none() && opens(piece);
        depth += usize::from(start);
        inline = start || !piece.starts_with('<');
        rest = rest.get(taken.len()..).unwrap_or_default();
    }
    lines
}

/// The tags of XML and the text between them.
fn pieces(raw: &str) -> impl Iterator<Item = &str> {
    raw.split_inclusive('>').flat_map(|piece| {
        let (text, tag) = piece.split_at(piece.find('<').unwrap_or(piece.len()));
        [text, tag].into_iter().filter(|piece| !piece.is_empty())
    })
}

fn opens(piece: &str) -> bool {
    let other = piece.starts_with("</") || piece.starts_with("<?") || piece.ends_with("/>");
    piece.starts_with('<') && !other
}

/// The element at the front of `raw`, from its start tag to its end tag.
fn whole(raw: &str) -> Option<&str> {
    let (mut length, mut depth) = (0, 0_usize);
    for piece in pieces(raw) {
        length += piece.len();
        depth += usize::from(opens(piece));
        depth -= usize::from(piece.starts_with("</") && depth > 0);
        if depth == 0 {
            return raw.get(..length);
        }
    }
    None
}

/// A tag or text on as many lines as it needs.
fn broken(piece: &str, indent: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = indent.to_owned();
    for word in piece.split_inclusive("' ") {
        if line.len() + word.trim_end().len() > room && line.trim_start().len() > 0 {
            lines.push(std::mem::replace(&mut line, format!("{indent}    ")));
        }
        for letter in word.chars() {
            if line.chars().count() == room {
                lines.push(std::mem::replace(&mut line, indent.to_owned()));
            }
            line.push(letter);
        }
    }
    lines.push(line);
    lines
        .iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let now = || Instant::ORIGIN;
    let config = ClientConfig::new(Jid::new(&format!("juliet@{DOMAIN}"))?, PASSWORD)?;
    let client = Client::new(config, Entropy::from_os()?, now());
    let mut client = Traced {
        connection: client,
        trace: Trace::new(),
    };
    let mut server = Server::new(
        ServerConfig::new(DecoyKey::new([0; 32])),
        Entropy::from_os()?,
        now(),
    );
    let mut tracker = None;
    let mut chs = None;
    let mut shs = None;
    let keys = ScramKeys::derive(ScramHash::Sha256, PASSWORD, &[7; 16], 4096)?;
    let mut up: Vec<u8> = vec![];
    let mut down: Vec<u8> = vec![];
    while !client.is_finished() {
        let n = client.output().len();
        up.extend_from_slice(client.output());
        client.consume_output(n);
        if server.wants_read() {
            let n = server.receive(now(), &up);
            up.drain(..n);
        }
        down.extend(server.take_output());
        if client.wants_read() {
            let n = client.receive(now(), &down);
            down.drain(..n);
        }
        while let Some(event) = server.poll_event() {
            match event {
                ServerEvent::Opened(q) => server.choose_host(
                    q,
                    HostAnswer::Serve(Host::new(
                        TlsOffer::Required,
                        [Mechanism::ScramSha256Plus, Mechanism::ScramSha256],
                    )),
                )?,
                ServerEvent::StartTls(r) => shs = Some(server.begin_tls(r, &up)?),
                ServerEvent::Sasl(q) => {
                    server.answer_sasl(q, SaslAnswer::ScramKeys(keys.clone()))?
                }
                ServerEvent::Bind(q) => {
                    let r = q.suggested().clone();
                    server.answer_bind(q, BindAnswer::Bind(r))?;
                }
                ServerEvent::Stanza(Stanza::Message(m)) => server.send(
                    &m.reply("Neither, fair saint, if either thee dislike.")
                        .with_from(m.to().cloned().unwrap())
                        .into(),
                )?,
                ServerEvent::Stanza(Stanza::Iq(iq)) => {
                    if let Some(r) = iq.result(None) {
                        server.send(&r.into())?;
                    }
                }
                _ => {}
            }
        }
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::StartTls(r) => chs = Some(client.begin_tls(r, &down)?),
                ClientEvent::Bound(jid) => {
                    tracker = Some(IqTracker::new(jid, Entropy::from_os()?));
                    client.send(
                        &Message::chat(
                            Jid::new("romeo@verona.example")?,
                            "Art thou not Romeo, and a Montague?",
                        )
                        .into(),
                    )?;
                }
                ClientEvent::Stanza(Stanza::Message(_)) => {
                    let iq = tracker.as_mut().unwrap().get(
                        now(),
                        Some(Jid::new(DOMAIN)?),
                        &Element::builder("ping", ns::PING).build(),
                        Duration::from_secs(1),
                    );
                    client.send(&iq.into())?;
                }
                ClientEvent::Stanza(Stanza::Iq(iq)) => {
                    if tracker.as_mut().unwrap().resolve(&iq) {
                        client.close(now(), None);
                    }
                }
                e => {
                    println!("{e:?}");
                }
            }
        }
        if chs.is_some() && shs.is_some() {
            let info = || TlsInfo::new(ChannelBindings::tls13([0xa7; 32]));
            client.tls_established(now(), chs.take().unwrap(), info())?;
            server.tls_established(now(), shs.take().unwrap(), info())?;
        }
    }
    Ok(())
}
