//! A client logs in to a server over TLS, and the wire is shown with a word on everything that passes.
//!
//! ```text
//! cargo run --example duet
//! ```
//!
//! Both sides are ours and meet on the loopback interface. The certificate, the keys and the password
//! are made for the run and thrown away, so all of it can be shown. Read [`End`] first: that is all a
//! loop owes to a connection. [`call`] and [`serve`] are what the two sides want; the rest of the file
//! is the display.

use std::error::Error;
use std::io::{self, IsTerminal, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::DerefMut;
use std::thread;
use std::time::Duration;

use rustls::{ConnectionCommon, SideData, StreamOwned};
use xmppwire::{
    BindAnswer, ChannelBindings, Client, ClientConfig, ClientEvent, CloseReason, Connection,
    DecoyKey, Element, Entropy, Host, HostAnswer, Instant, IqTracker, Jid, Mechanism, Message,
    Role, SaslAnswer, ScramHash, ScramKeys, Server, ServerConfig, ServerEvent, Stanza, StartTls,
    TlsInfo, TlsOffer, ns,
};
use xmppwire_net::find::{Domain, Mode};
use xmppwire_net::tls::{ClientTls, Identity, ServerTls, TlsError, TlsSummary, roots_from_pem};
use xmppwire_sasl::wire;
use xmppwire_xml::{Event, Limits, Reader};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const DOMAIN: &str = "verona.example";
const CLIENT_JID: &str = "juliet@verona.example/balcony";
const PASSWORD: &str = "wherefore art thou";
/// Both ends are here, so nothing takes that long.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<()> {
    let made = rcgen::generate_simple_self_signed([DOMAIN.to_owned()])?;
    let certificate = made.cert.pem();
    let identity = Identity::from_pem(
        certificate.as_bytes(),
        made.signing_key.serialize_pem().as_bytes(),
    )?;
    let server_tls = ServerTls::builder(identity).tls13_only().build()?;
    let roots = roots_from_pem(certificate.as_bytes())?;
    let client_tls = ClientTls::builder(roots).tls13_only().build()?;

    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || serve(listener.accept()?.0, &server_tls));
    say(&format!(
        "\nJuliet logs in to {DOMAIN} with the password “{PASSWORD}”."
    ));
    say("All that passes the wire is below; the password does not.\n");
    let mut trace = Trace::new();
    let client = call(TcpStream::connect(address)?, &client_tls, &mut trace)?;
    let server = server.join().map_err(|_| "the server panicked")??;
    trace.end(&client, &server);
    Ok(())
}

// --- One end of a connection ----------------------------------------------------------------------

/// A machine, the socket below it, and the input that it has not consumed yet.
struct End<'a, R: Role> {
    machine: Connection<R>,
    clock: std::time::Instant,
    tcp: TcpStream,
    /// The same socket, by itself or under TLS.
    transport: Box<dyn Transport>,
    input: Vec<u8>,
    trace: Option<&'a mut Trace>,
}

trait Transport: Read + Write {
    /// Says that nothing more will be written.
    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for TcpStream {}

impl<T, S> Transport for StreamOwned<T, TcpStream>
where
    T: DerefMut<Target = ConnectionCommon<S>>,
    S: SideData,
{
    fn end(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.flush()
    }
}

impl<'a, R: Role> End<'a, R> {
    fn new(machine: Connection<R>, tcp: TcpStream, trace: Option<&'a mut Trace>) -> Result<Self> {
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_nodelay(true)?;
        Ok(Self {
            machine,
            clock: std::time::Instant::now(),
            transport: Box::new(tcp.try_clone()?),
            tcp,
            input: Vec::new(),
            trace,
        })
    }

    /// The machine reads no clock: this one, which began with the connection, is its own.
    fn now(&self) -> Instant {
        Instant::from_origin(self.clock.elapsed())
    }

    /// Moves bytes until something happens; `None` when the connection is over.
    fn next_event(&mut self) -> Result<Option<R::Event>> {
        loop {
            self.machine.handle_timeout(self.now());
            if let Some(event) = self.machine.poll_event() {
                return Ok(Some(event));
            }
            let output = self.machine.take_output();
            if !output.is_empty() {
                self.show(Side::Client, &output);
                self.transport.write_all(&output)?;
                self.transport.flush()?;
            } else if self.machine.is_finished() {
                // The other side may be gone already.
                let _ = self.transport.end();
                return Ok(None);
            } else if self.machine.wants_read() {
                if self.input.is_empty() {
                    let mut buffer = [0; 4096];
                    match self.transport.read(&mut buffer)? {
                        0 => self.machine.receive_eof(self.now()),
                        n => self.input.extend(buffer.iter().take(n)),
                    }
                }
                // What is not consumed stays here until the machine wants to read again.
                let consumed = self.machine.receive(self.now(), &self.input);
                let consumed: Vec<u8> = self.input.drain(..consumed).collect();
                self.show(Side::Server, &consumed);
            }
        }
    }

    /// Hands the socket to TLS, as the machine asked.
    fn secure<T, S>(
        &mut self,
        request: StartTls,
        mut tls: T,
        summary: impl FnOnce(&T) -> std::result::Result<TlsSummary, TlsError>,
    ) -> Result<()>
    where
        T: DerefMut<Target = ConnectionCommon<S>> + 'static,
        S: SideData + 'static,
    {
        let handoff = self.machine.begin_tls(request, &self.input)?;
        self.input.clear();
        tls.complete_io(&mut self.tcp)?;
        let exporter = summary(&tls)?.exporter.ok_or("TLS 1.3 has an exporter")?;
        self.transport = Box::new(StreamOwned::new(tls, self.tcp.try_clone()?));
        if let Some(trace) = &mut self.trace {
            trace.tls(&exporter);
        }
        let info = TlsInfo::new(ChannelBindings::tls13(exporter));
        Ok(self.machine.tls_established(self.now(), handoff, info)?)
    }

    fn show(&mut self, side: Side, bytes: &[u8]) {
        if let Some(trace) = &mut self.trace {
            trace.pass(side, bytes);
        }
    }
}

// --- What the two sides do ------------------------------------------------------------------------

/// The client: says something to Romeo, asks the server whether it is there, and leaves.
fn call(tcp: TcpStream, tls: &ClientTls, trace: &mut Trace) -> Result<CloseReason> {
    let config = ClientConfig::new(Jid::new(CLIENT_JID)?, PASSWORD)?;
    let client = Client::new(config, Entropy::from_os()?, Instant::ORIGIN);
    let mut end = End::new(client, tcp, Some(trace))?;
    let mut requests = None;
    let mut reason = CloseReason::Local;
    while let Some(event) = end.next_event()? {
        match event {
            ClientEvent::StartTls(request) => {
                let connection = tls.connect(&Domain::parse(DOMAIN)?, Mode::StartTls)?;
                end.secure(request, connection, |connection| tls.summary(connection))?;
            }
            ClientEvent::Bound(jid) => {
                requests = Some(IqTracker::new(jid, Entropy::from_os()?));
                let romeo = Jid::new("romeo@verona.example")?;
                let message = Message::chat(romeo, "Art thou not Romeo, and a Montague?");
                end.machine.send(&message.into())?;
            }
            ClientEvent::Stanza(Stanza::Message(_)) => {
                let requests = requests.as_mut().ok_or("a message before binding")?;
                let (ping, to) = (
                    Element::builder("ping", ns::PING).build(),
                    Jid::new(DOMAIN)?,
                );
                let ping = requests.get(end.now(), Some(to), &ping, PATIENCE);
                end.machine.send(&ping.into())?;
            }
            // An answer counts only from whom was asked, and under the id of the question.
            ClientEvent::Stanza(Stanza::Iq(iq))
                if requests
                    .as_mut()
                    .is_some_and(|requests| requests.resolve(&iq)) =>
            {
                let now = end.now();
                end.machine.close(now, None);
            }
            ClientEvent::Closed(closed) => reason = closed,
            _ => {}
        }
    }
    Ok(reason)
}

/// The server: one account, one connection, and Romeo's part.
fn serve(tcp: TcpStream, tls: &ServerTls) -> Result<CloseReason> {
    let mut secrets = [0; 48];
    getrandom::fill(&mut secrets)?;
    let (decoy, salt) = secrets.split_first_chunk().ok_or("48 is more than 32")?;
    // All that a server stores of a password; who steals it cannot log in with it (RFC 5802 §9).
    let keys = ScramKeys::derive(ScramHash::Sha256, PASSWORD, salt, 4096)?;
    let config = ServerConfig::new(DecoyKey::new(*decoy));
    let server = Server::new(config, Entropy::from_os()?, Instant::ORIGIN);
    let mut end = End::new(server, tcp, None)?;
    let mut reason = CloseReason::Local;
    while let Some(event) = end.next_event()? {
        match event {
            ServerEvent::Opened(question) => {
                let mechanisms = [Mechanism::ScramSha256Plus, Mechanism::ScramSha256];
                let host = Host::new(TlsOffer::Required, mechanisms);
                end.machine.choose_host(question, HostAnswer::Serve(host))?;
            }
            ServerEvent::StartTls(request) => {
                let connection = tls.accept(Mode::StartTls)?;
                end.secure(request, connection, |connection| tls.summary(connection))?;
            }
            ServerEvent::Sasl(question) => {
                let answer = SaslAnswer::ScramKeys(keys.clone());
                end.machine.answer_sasl(question, answer)?;
            }
            ServerEvent::Bind(question) => {
                let resource = question.suggested().clone();
                end.machine
                    .answer_bind(question, BindAnswer::Bind(resource))?;
            }
            ServerEvent::Stanza(Stanza::Message(message)) => {
                let reply = message.reply("Neither, fair saint, if either thee dislike.");
                let romeo = message.to().cloned().ok_or("a message to nobody")?;
                end.machine.send(&reply.with_from(romeo).into())?;
            }
            ServerEvent::Stanza(Stanza::Iq(iq)) => {
                if let Some(result) = iq.result(None) {
                    end.machine.send(&result.into())?;
                }
            }
            ServerEvent::Closed(closed) => reason = closed,
            _ => {}
        }
    }
    Ok(reason)
}

// --- What it all means ----------------------------------------------------------------------------

/// By who sends what: what it says, and where it stands. A line without a sender begins a chapter.
#[rustfmt::skip]
const SCRIPT: &[(&str, &str, &str)] = &[
    ("",                           "In clear text, just enough to agree on TLS",           ""),
    ("client stream 1",            "opens a stream; who it is stays unsaid in clear text", "RFC 6120 §4.2"),
    ("server stream 1",            "opens one the other way, with an id nobody can guess", "RFC 6120 §4.7.3"),
    ("server features starttls",   "offers TLS and nothing else: it is required",          "RFC 6120 §5.4.1"),
    ("client starttls",            "takes the offer",                                      "RFC 6120 §5.4.2.1"),
    ("server proceed",             "agrees; the last bytes in clear text",                 "RFC 6120 §5.4.2.3"),
    ("",                           "Who are you? Both sides prove it",                     ""),
    ("client stream 2",            "starts over, and says now who it is",                  "RFC 6120 §5.4.3.3"),
    ("server stream 2",            "starts over with a new id",                            "RFC 6120 §4.3.3"),
    ("server features mechanisms", "offers logins; -PLUS binds them to this connection",   "RFC 6120 §6.4.1"),
    ("client auth",                "picks the strongest, and asks for salt",               "RFC 6120 §6.4.2"),
    ("server challenge",           "gives salt and cost, which it does for anybody",       "RFC 6120 §6.4.3"),
    ("client response",            "proves to know the password, and does not say it",     "RFC 6120 §6.4.3"),
    ("server success",             "is satisfied, and proves to know it as well",          "RFC 6120 §6.4.6"),
    ("",                           "An address for the connection",                        ""),
    ("client stream 3",            "starts over once more, authenticated",                 "RFC 6120 §6.4.6"),
    ("server stream 3",            "does the same",                                        "RFC 6120 §4.3.3"),
    ("server features bind",       "offers an address for this connection",                "RFC 6120 §7.4"),
    ("client iq set bind",         "asks for one of its own choice",                       "RFC 6120 §7.7"),
    ("server iq result bind",      "grants it; from here on stanzas may flow",             "RFC 6120 §7.7.1"),
    ("",                           "Stanzas",                                              ""),
    ("client message chat",        "sends a message to Romeo",                             "RFC 6120 §8.2.1"),
    ("server message chat",        "delivers his answer, stamped with who he is",          "RFC 6120 §8.1.2.1"),
    ("client iq get ping",         "asks whether the server is still there",               "XEP-0199 §4.2"),
    ("server iq result",           "is there, and says so under the same id",              "RFC 6120 §8.2.3"),
    ("",                           "A clean end",                                          ""),
    ("client /stream",             "says goodbye and will send no more",                   "RFC 6120 §4.4"),
    ("server /stream",             "says goodbye as well; now the sockets close",          "RFC 6120 §4.4"),
];

/// What stands in a SCRAM message (RFC 5802 §5.1), by element and letter.
#[rustfmt::skip]
const SCRAM: &[(&str, &str)] = &[
    ("auth p",      "bind the login to TLS by this"),
    ("auth n",      "the user"),
    ("auth r",      "a number used once, the client's"),
    ("challenge r", "the same, and the server's behind it"),
    ("challenge s", "the salt of the stored password"),
    ("challenge i", "rounds of hashing, to make guessing slow"),
    ("response c",  "what the login is bound to, in base64:"),
    ("response r",  "both numbers again"),
    ("response p",  "the client's proof"),
    ("success v",   "the server's proof; the client checks it"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// Splits both directions into elements and shows them.
struct Trace {
    style: Style,
    clock: std::time::Instant,
    client: Direction,
    server: Direction,
    chapter: usize,
}

/// What one side sends. The library's own reader finds where an element ends.
struct Direction {
    reader: Reader,
    /// What was read of the element that is under way.
    raw: Vec<u8>,
    streams: usize,
    items: usize,
    bytes: usize,
}

impl Direction {
    fn new() -> Self {
        let reader = Reader::new(Limits::default());
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
    fn new() -> Self {
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
    fn pass(&mut self, side: Side, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let direction = match side {
                Side::Client => &mut self.client,
                Side::Server => &mut self.server,
            };
            // A stream that starts over is a new document (RFC 6120 §4.3.3).
            if bytes.starts_with(b"<?xml") {
                direction.reader = Reader::new(Limits::default());
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
        // What is explained in a moment need not stand out in base64.
        self.style
            .xml(side, raw, if scram.is_some() { DIM } else { BOLD });
        if let Some((element, message)) = scram {
            self.scram(element, &String::from_utf8_lossy(&message));
        }
        say("");
    }

    /// Explains what the base64 of a SCRAM message holds.
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

    /// Shows the one thing that a login needs of TLS.
    fn tls(&mut self, exporter: &[u8; 32]) {
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

    fn end(&self, client: &CloseReason, server: &CloseReason) {
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

/// What [`SCRIPT`] calls an item.
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

// --- How it looks ---------------------------------------------------------------------------------

const WIDTH: usize = 80;

// Escape sequences (ECMA-48 §8.3.117), from the eight colours that every palette keeps readable.
const PLAIN: &str = "0";
const BOLD: &str = "1";
const DIM: &str = "2";
const YELLOW: &str = "33";

impl Side {
    const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    const fn arrow(self) -> &'static str {
        match self {
            Self::Client => "─▶",
            Self::Server => "◀─",
        }
    }

    /// Its colour, and the same in bold.
    const fn colours(self) -> (&'static str, &'static str) {
        match self {
            Self::Client => ("36", "1;36"),
            Self::Server => ("35", "1;35"),
        }
    }
}

#[derive(Clone, Copy)]
struct Style {
    colours: bool,
}

impl Style {
    /// Colours for a terminal, unless `NO_COLOR` is set (no-color.org).
    fn detect() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colours: io::stdout().is_terminal() && !refused,
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.colours && code != PLAIN && !text.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.into(),
        }
    }

    fn rule(self, title: &str, elapsed: Duration) {
        let time = format!("{:.1} ms", elapsed.as_secs_f64() * 1000.0);
        let title = if title.is_empty() {
            String::new()
        } else {
            format!(" {title} ")
        };
        let used = 4 + title.chars().count() + time.chars().count();
        let line = "─".repeat(WIDTH.saturating_sub(used));
        let (title, line) = (
            self.paint(BOLD, &title),
            self.paint(DIM, &format!("{line} {time}")),
        );
        say(&format!("{}{title}{line}\n", self.paint(DIM, "───")));
    }

    fn headline(self, side: Side, meaning: &str, section: &str) {
        let who = format!("{} {}", side.name(), side.arrow());
        let used = 11 + section.chars().count();
        let space = " ".repeat(WIDTH.saturating_sub(used + meaning.chars().count()));
        let (who, meaning) = (
            self.paint(side.colours().1, &who),
            self.paint(BOLD, meaning),
        );
        let section = self.paint(DIM, (space + section).trim_end());
        say(&format!("{who}  {meaning}{section}"));
    }

    fn detail(self, text: &str, meaning: &str) {
        let text = format!("{:<32}", elided(text, 32));
        let (text, meaning) = (self.paint(YELLOW, &text), self.paint(DIM, meaning));
        say(&format!("    {text}  {meaning}"));
    }

    /// Prints XML, broken for the eye: nothing is added but white space, and base64 is shortened.
    fn xml(self, side: Side, raw: &str, text: &'static str) {
        #[derive(Clone, Copy)]
        enum Place {
            Text,
            Name,
            Attributes,
            Value,
        }
        use Place::*;
        let (colour, bold) = side.colours();
        let mut lines = Vec::new();
        lay_out(raw, 4, &mut lines);
        let mut place = Text;
        for line in lines {
            let tail = line.trim_start();
            let (mut painted, mut run, mut ink) = (String::new(), String::new(), PLAIN);
            painted += line.strip_suffix(tail).unwrap_or_default();
            for letter in tail.chars() {
                let (code, next) = match (place, letter) {
                    (Text, '<') => (colour, Name),
                    (Text, _) => (text, Text),
                    (Name | Attributes, '>') => (colour, Text),
                    (Name, ' ') => (colour, Attributes),
                    (Name, _) => (bold, Name),
                    (Attributes, '\'') => (colour, Value),
                    (Attributes, _) => (colour, Attributes),
                    (Value, '\'') => (colour, Attributes),
                    (Value, _) => (PLAIN, Value),
                };
                if code != ink {
                    painted += &self.paint(ink, &std::mem::take(&mut run));
                }
                run.push(letter);
                (place, ink) = (next, code);
            }
            say(&format!("{painted}{}", self.paint(ink, &run)));
            // Tags are broken only where another attribute follows.
            if matches!(place, Name) {
                place = Attributes;
            }
        }
    }
}

/// Prints a line. Who closes the pipe, as `head` does, has seen enough.
fn say(line: &str) {
    if writeln!(io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// An element goes on one line if there is room; otherwise its tags and its content get their own.
fn lay_out(raw: &str, indent: usize, lines: &mut Vec<String>) {
    let mut rest = raw;
    while !rest.is_empty() {
        let (node, after) = rest.split_at(node_length(rest));
        rest = after;
        let content = node
            .find('>')
            .and_then(|end| node.get(end + 1..node.rfind("</")?));
        match content {
            _ if indent + node.len() <= WIDTH => lines.push(format!("{:indent$}{node}", "")),
            Some(content) => {
                let (start, end) = node.split_once(content).unwrap_or((node, ""));
                fill(start, indent, lines);
                lay_out(content, indent + 2, lines);
                lines.push(format!("{:indent$}{end}", ""));
            }
            None if node.starts_with('<') => fill(node, indent, lines),
            None => lines.push(format!("{:indent$}{}", "", elided(node, WIDTH - indent))),
        }
    }
}

/// Breaks a tag between its attributes.
fn fill(tag: &str, indent: usize, lines: &mut Vec<String>) {
    let mut line = " ".repeat(indent);
    for attribute in tag.split_inclusive("' ") {
        if line.len() + attribute.trim_end().len() > WIDTH && !line.trim().is_empty() {
            lines.push(
                std::mem::replace(&mut line, " ".repeat(indent + 4))
                    .trim_end()
                    .into(),
            );
        }
        line += attribute;
    }
    lines.push(line);
}

/// The length of the first node: a whole element, a tag whose element does not end here, or text.
fn node_length(raw: &str) -> usize {
    let tag = match raw.find('<') {
        Some(0) => raw.find('>').map_or(raw.len(), |end| end + 1),
        text => return text.unwrap_or(raw.len()),
    };
    let (mut length, mut depth) = (0, 0_usize);
    for piece in raw.split_inclusive('>') {
        length += piece.len();
        match (
            piece.contains("</"),
            piece.ends_with("/>") || piece.ends_with("?>"),
        ) {
            (true, _) => depth = depth.saturating_sub(1),
            (_, true) => {}
            _ => depth += 1,
        }
        if depth == 0 {
            return length;
        }
    }
    tag
}

/// Leaves out the middle of what has more than `most` letters.
fn elided(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.into();
    }
    let (head, tail) = (text.chars().take(most - 9), text.chars().skip(length - 8));
    head.chain(['…']).chain(tail).collect()
}
