//! Transcripts as tests: a script is a recorded session, and a test plays it for one of its ends.
//!
//! ```text
//! # a comment; the first one says what the script shows
//! # Shows: feature-of-rfc-6120, another
//! C: bytes that the client sends (several lines with the same mark are one send)
//! S: bytes that the server sends
//! I:, R:                 the same between servers, for the initiating and the receiving one: see `servers.rs`
//!                        C: and S: are also a component and its server: see `components.rs`
//! -- tls                 the transport changes to TLS 1.3
//! -- eof                 the peer's transport ends
//! -- wait 60             seconds pass
//! -- close               the application closes
//! -- error CONDITION     the application closes with a stream error; text=…, app=NAME
//! -- send <message/>     the application sends a stanza
//! -- reply               the application answers the last request with a result
//! -- refuse CONDITION    the application answers the last stanza with an error; by=JID, text=…, app=NAME
//! -- unknown             the application does not understand the last stanza, and does what RFC 6120 §8.4 says
//! -- language TAG        the stream's default language that a client tells; `none` for none
//! -- active, -- inactive the user looks at the client, or does not
//! -- mute                the application cannot answer the last stanza, whatever it tries
//! -- client …, -- server …   the same, only if that is the machine under test
//! E: text                the next event of the machine under test (EC: only if that is the client,
//!                        ES: only if that is the server)
//! @ name                 the steps of parts/name.txt
//! % name value           how the machines are set up, see `setup.rs`
//! ```
//!
//! In what is sent, `\n`, `\t` and `\xHH` stand for bytes, the last also for one that is not UTF-8.
//!
//! Lines of the end under test are expected output, lines of the other end are fed to it. `{name}`
//! stands for a value that the machine makes up: expected, it captures what is there (or must
//! repeat what it captured before); fed, it is replaced by what was captured, or by its own name.
//!
//! Each script is played with its input whole, byte by byte, and at seeded random splits. The
//! events and the output have to be the same at every split.

use std::collections::BTreeMap;
use std::time::Duration;

use xmppwire::{
    Element, Instant, Jid, Stanza, StanzaError, StanzaErrorCondition, StreamError,
    StreamErrorCondition, TlsInfo,
};

use crate::components;
use crate::feature::Role;
use crate::machine::{self, Heard, Machine};
use crate::servers;
use crate::setup::Setup;
use crate::split::Split;

/// One step of a script.
#[derive(Clone, Debug)]
enum Step {
    Client(String),
    Server(String),
    Event(String),
    Act(String),
}

fn parse(script: &str, client: bool) -> Vec<(usize, Step)> {
    let mut steps: Vec<(usize, Step)> = Vec::new();
    for (number, line) in script.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '%']) {
            continue;
        }
        let number = number + 1;
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        let text = rest.replace("\\n", "\n").replace("\\t", "\t");
        match (mark, steps.last_mut()) {
            ("C:" | "I:", Some((_, Step::Client(bytes))))
            | ("S:" | "R:", Some((_, Step::Server(bytes)))) => {
                bytes.push_str(&text);
            }
            ("C:" | "I:", _) => steps.push((number, Step::Client(text))),
            ("S:" | "R:", _) => steps.push((number, Step::Server(text))),
            ("E:", _) => steps.push((number, Step::Event(text))),
            ("EC:", _) if client => steps.push((number, Step::Event(text))),
            ("ES:", _) if !client => steps.push((number, Step::Event(text))),
            ("EC:" | "ES:", _) => {}
            ("@", _) => {
                let part = read(&format!("parts/{text}"));
                steps.extend(
                    parse(&part, client)
                        .into_iter()
                        .map(|(_, step)| (number, step)),
                );
            }
            ("--", _) => steps.push((number, Step::Act(text))),
            _ => panic!("line {number}: unknown line {line:?}"),
        }
    }
    steps
}

/// A recorded session.
pub struct Script {
    /// Its path below `scripts`, without the ending.
    pub name: String,
    /// What it shows: its first comment.
    pub about: String,
    /// The features of RFC 6120 §15 that it shows.
    pub shows: Vec<String>,
    /// The roles that it is played for.
    pub roles: &'static [Role],
    text: String,
}

/// All scripts.
pub fn scripts() -> Vec<Script> {
    let folders: [(&str, &[Role]); 7] = [
        ("client", &[Role::Client]),
        ("server", &[Role::Server]),
        ("both", &[Role::Client, Role::Server]),
        ("outgoing", &[Role::Server]),
        ("incoming", &[Role::Server]),
        ("component", &[Role::Client]),
        ("host", &[Role::Server]),
    ];
    let mut scripts: Vec<Script> = folders
        .into_iter()
        .flat_map(|(folder, roles)| names(folder).map(|name| Script::read(name, roles)))
        .collect();
    scripts.sort_by(|a, b| a.name.cmp(&b.name));
    scripts
}

/// The names of the scripts in a folder.
fn names(folder: &'static str) -> impl Iterator<Item = String> {
    let path = format!("{}/scripts/{folder}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(&path).unwrap_or_else(|why| panic!("{path}: {why}"));
    files.map(move |file| {
        let file = file.expect("the folder can be read").file_name();
        let file = file.to_str().expect("a plain file name").to_owned();
        let name = file.strip_suffix(".txt").expect("a script ends in .txt");
        format!("{folder}/{name}")
    })
}

fn read(name: &str) -> String {
    let path = format!("{}/scripts/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path}: {why}"))
}

impl Script {
    fn read(name: String, roles: &'static [Role]) -> Self {
        let text = read(&name);
        Self::new(name, roles, text)
    }

    /// A script that is made, not read.
    pub fn new(name: String, roles: &'static [Role], text: String) -> Self {
        let comments: Vec<&str> = text
            .lines()
            .map_while(|line| line.strip_prefix("# "))
            .collect();
        let shows = comments
            .iter()
            .filter_map(|comment| comment.strip_prefix("Shows: "));
        let shows = shows
            .flat_map(|list| list.split(", ").map(Into::into))
            .collect();
        let about = comments
            .iter()
            .filter(|comment| !comment.starts_with("Shows: "));
        let about = about.copied().collect::<Vec<_>>().join(" ");
        assert!(!about.is_empty(), "{name} has no first comment");
        Self {
            name,
            about,
            shows,
            roles,
            text,
        }
    }

    /// The script itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Plays the script for one role, at every split.
    pub fn play(&self, role: Role) {
        let (name, text) = (&self.name, &self.text);
        if name.starts_with("outgoing/") {
            let setup = servers::Setup::parse(text, true);
            return play(name, text, setup.tls(), || setup.capulet());
        }
        if name.starts_with("incoming/") {
            let setup = servers::Setup::parse(text, false);
            return play(name, text, setup.tls(), || setup.montague());
        }
        if name.starts_with("component/") {
            let setup = components::Setup::parse(text);
            return play(name, text, TlsInfo::default(), || setup.gate());
        }
        if name.starts_with("host/") {
            let setup = components::Setup::parse(text);
            return play(name, text, TlsInfo::default(), || setup.city());
        }
        let setup = Setup::parse(text);
        match role {
            Role::Client => play(name, text, setup.tls(role), || setup.juliet()),
            Role::Server => play(name, text, setup.tls(role), || setup.verona()),
        }
    }
}

/// Plays `script` at every split, each time for a new machine.
fn play<M: Machine>(name: &str, script: &str, tls: TlsInfo, make: impl Fn() -> M) {
    let steps = parse(script, M::IS_CLIENT);
    for split in Split::all(16) {
        let mut player = Player {
            machine: make(),
            name: name.into(),
            split,
            now: Instant::ORIGIN,
            input: Vec::new(),
            output: String::new(),
            events: Vec::new(),
            values: BTreeMap::new(),
            heard: Heard::default(),
            tls: tls.clone(),
        };
        player.run(&steps);
    }
}

struct Player<M: Machine> {
    machine: M,
    name: String,
    split: Split,
    now: Instant,
    /// Input that the machine has not consumed.
    input: Vec<u8>,
    /// Output that no line of the script has matched yet.
    output: String,
    events: Vec<String>,
    values: BTreeMap<String, String>,
    heard: Heard,
    /// What TLS tells the machine.
    tls: TlsInfo,
}

impl<M: Machine> Player<M> {
    fn run(&mut self, steps: &[(usize, Step)]) {
        for (line, step) in steps {
            let place = format!("{} line {line}, split {:?}", self.name, self.split);
            self.pump();
            match step {
                Step::Client(text) if M::IS_CLIENT => self.expect(text, &place),
                Step::Server(text) if !M::IS_CLIENT => self.expect(text, &place),
                Step::Client(text) | Step::Server(text) => {
                    self.goes_on(&place);
                    self.feed(text);
                }
                Step::Event(text) => {
                    assert!(
                        !self.events.is_empty(),
                        "{place}: no event, expected {text}"
                    );
                    let event = self.events.remove(0);
                    let matched = matches(text, &event, &mut self.values);
                    assert_eq!(
                        matched,
                        Some(event.len()),
                        "{place}: got {event}, expected {text}"
                    );
                }
                Step::Act(action) => {
                    self.goes_on(&place);
                    self.act(action, &place);
                }
            }
        }
        self.pump();
        let name = &self.name;
        assert_eq!(self.output, "", "{name}: output that no line matches");
        assert!(
            self.events.is_empty(),
            "{name}: events that no line matches: {:?}",
            self.events
        );
        assert!(
            !self.machine.connection().is_finished()
                || self.machine.connection().poll_timeout().is_none(),
            "{name}: a finished connection waits for nothing"
        );
    }

    /// Checks that the connection has not ended before this step, unless the script knows of it.
    fn goes_on(&self, place: &str) {
        let end = self.events.iter().find(|event| event.starts_with("closed"));
        assert_eq!(end, None, "{place}: the end came before");
    }

    fn feed(&mut self, text: &str) {
        self.machine.derive(&mut self.values);
        let mut bytes = raw(&substitute(text, &self.values));
        while !bytes.is_empty() {
            let n = self.split.cut().min(bytes.len());
            self.input.extend(bytes.drain(..n));
            self.pump();
        }
    }

    /// Moves bytes and events until nothing changes.
    fn pump(&mut self) {
        loop {
            let connection = self.machine.connection();
            let output = connection.take_output();
            self.output
                .push_str(core::str::from_utf8(&output).expect("output is UTF-8"));
            let mut moved = !output.is_empty();
            if let Some(event) = self.machine.poll(&mut self.heard) {
                self.events.push(event);
                moved = true;
            }
            let connection = self.machine.connection();
            if connection.wants_read() && !self.input.is_empty() {
                let consumed = connection.receive(self.now, &self.input);
                assert!(consumed > 0, "{}: wants to read and does not", self.name);
                self.input.drain(..consumed);
                moved = true;
            }
            if !moved {
                return;
            }
        }
    }

    fn expect(&mut self, text: &str, place: &str) {
        let Some(end) = matches(text, &self.output, &mut self.values) else {
            panic!(
                "{place}:\n expected {}\n      got {}",
                substitute(text, &self.values),
                self.output
            );
        };
        self.output.drain(..end);
    }

    fn act(&mut self, action: &str, place: &str) {
        // A line for the application of the other end is no action here: its effect arrives as
        // input.
        let action = match action.split_once(' ') {
            Some(("client", action)) if M::IS_CLIENT => action,
            Some(("server", action)) if !M::IS_CLIENT => action,
            Some(("client" | "server", _)) => return,
            _ => action,
        };
        let (verb, rest) = action.split_once(' ').unwrap_or((action, ""));
        let now = self.now;
        match verb {
            _ if self.machine.act(verb, rest) => {}
            "tls" => {
                let request = self
                    .heard
                    .start_tls
                    .take()
                    .unwrap_or_else(|| panic!("{place}: no StartTls"));
                let connection = self.machine.connection();
                let handoff = connection
                    .begin_tls(request, &self.input)
                    .expect("nothing is unread but white space");
                self.input.clear();
                connection
                    .tls_established(now, handoff, self.tls.clone())
                    .expect("the hand-off is the open one");
            }
            "inject" => {
                let request = self
                    .heard
                    .start_tls
                    .take()
                    .unwrap_or_else(|| panic!("{place}: no StartTls"));
                let refused = self
                    .machine
                    .connection()
                    .begin_tls(request, rest.as_bytes());
                assert!(
                    refused.is_err(),
                    "{place}: clear text was taken for protected"
                );
            }
            "eof" => self.machine.connection().receive_eof(now),
            "wait" => {
                let seconds = rest.parse().expect("a number of seconds");
                self.now = now + Duration::from_secs(seconds);
                self.machine.connection().handle_timeout(self.now);
            }
            "close" => self.machine.connection().close(now, None),
            "error" => {
                let error = stream_error(rest);
                self.machine.connection().close(now, Some(error));
            }
            "send" => {
                let stanza = stanza(&substitute(rest, &self.values));
                self.machine
                    .connection()
                    .send(&stanza)
                    .unwrap_or_else(|why| panic!("{place}: {why}"));
            }
            "reply" | "refuse" => {
                let stanza = self.heard.stanza.take();
                let stanza = stanza.unwrap_or_else(|| panic!("{place}: no stanza to answer"));
                let answer = answer(&stanza, rest);
                let answer = answer.unwrap_or_else(|| panic!("{place}: no answer is possible"));
                self.machine.connection().send(&answer).unwrap();
            }
            "unknown" => {
                let stanza = self.heard.stanza.take();
                let stanza = stanza.unwrap_or_else(|| panic!("{place}: no stanza"));
                if let Some(answer) = stanza.unsupported_reply() {
                    self.machine.connection().send(&answer).unwrap();
                }
            }
            "language" => {
                let lang = self.machine.stream_lang().unwrap_or("none");
                assert_eq!(lang, rest, "{place}");
            }
            "mute" => {
                let stanza = self.heard.stanza.take();
                let stanza = stanza.unwrap_or_else(|| panic!("{place}: no stanza"));
                assert_eq!(answer(&stanza, "bad-request"), None, "{place}");
                assert_eq!(answer(&stanza, ""), None, "{place}");
            }
            _ => panic!("{place}: what is {action:?}?"),
        }
    }
}

/// The answer to a stanza: the result of a request, or the error that is named.
fn answer(stanza: &Stanza, error: &str) -> Option<Stanza> {
    match (error, stanza) {
        ("", Stanza::Iq(iq)) => iq.result(None).map(Into::into),
        ("", _) => None,
        _ => stanza.error_reply(&stanza_error(error)),
    }
}

/// A stream error in the words of a script.
fn stream_error(words: &str) -> StreamError {
    let (condition, rest) = words.split_once(' ').unwrap_or((words, ""));
    let known = StreamErrorCondition::from_name(condition).expect("a condition");
    let mut error = StreamError::new(known);
    for word in rest.split_whitespace() {
        error = match word.split_once('=').unwrap_or((word, "")) {
            ("text", text) => error.with_text(text.replace('_', " ")),
            ("app", name) => {
                error.with_application_condition(Element::builder(name, "urn:example").build())
            }
            other => panic!("what is {other:?}?"),
        };
    }
    error
}

/// A stanza error in the notation of a script: the condition, then its other parts.
fn stanza_error(words: &str) -> StanzaError {
    let (condition, rest) = words.split_once(' ').unwrap_or((words, ""));
    let known = StanzaErrorCondition::from_name(condition).expect("a condition");
    let mut error = match condition {
        "gone" => StanzaError::gone("xmpp:romeo@example.com"),
        "redirect" => StanzaError::redirect("xmpp:romeo@example.com"),
        _ => StanzaError::new(known),
    };
    for word in rest.split_whitespace() {
        error = match word.split_once('=').unwrap_or((word, "")) {
            ("by", jid) => error.with_by(Jid::new(jid).expect("an address")),
            ("text", text) => error.with_text(text.replace('_', " ")),
            ("app", name) => {
                error.with_application_condition(Element::builder(name, "urn:example").build())
            }
            other => panic!("what is {other:?}?"),
        };
    }
    error
}

/// Reads a stanza as a client would receive it.
fn stanza(xml: &str) -> xmppwire::Stanza {
    let mut stanzas = machine::bound_client();
    let mut input = xml.as_bytes();
    while !input.is_empty() {
        let consumed = stanzas.receive(Instant::ORIGIN, input);
        input = &input[consumed..];
    }
    match stanzas.poll_event() {
        Some(xmppwire::ClientEvent::Stanza(stanza)) => stanza,
        other => panic!("{xml} is no stanza: {other:?}"),
    }
}

/// Bytes of a script: `\\xHH` is one that need not be UTF-8.
fn raw(text: &str) -> Vec<u8> {
    let mut pieces = text.split("\\x");
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (byte, rest) = piece.split_at(2);
        bytes.push(u8::from_str_radix(byte, 16).expect("two hexadecimal digits"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

/// Replaces `{name}` by what was captured for it.
fn substitute(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, name, after)) = placeholder(rest) {
        out.push_str(before);
        out.push_str(values.get(name).map_or(name, String::as_str));
        rest = after;
    }
    out + rest
}

fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// How much of `text` the pattern matches from its start, capturing placeholders.
fn matches(pattern: &str, text: &str, values: &mut BTreeMap<String, String>) -> Option<usize> {
    let mut at = 0;
    let mut rest = pattern;
    while let Some((before, name, after)) = placeholder(rest) {
        at += text
            .get(at..)?
            .starts_with(before)
            .then_some(before.len())?;
        let stop = after.split('{').next().unwrap_or_default();
        let value = match values.get(name) {
            Some(value) => value.clone(),
            None => {
                let end = if stop.is_empty() {
                    text.len() - at
                } else {
                    text.get(at..)?.find(stop)?
                };
                let value = text.get(at..at + end)?.to_owned();
                values.insert(name.to_owned(), value.clone());
                value
            }
        };
        at += text.get(at..)?.starts_with(&value).then_some(value.len())?;
        rest = after;
    }
    text.get(at..)?.starts_with(rest).then_some(at + rest.len())
}
