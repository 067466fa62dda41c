//! Transcripts as tests: a script is a recorded session, and a test plays it for one of its ends.
//!
//! ```text
//! # a comment
//! C: bytes that the client sends (several lines with the same mark are one send)
//! S: bytes that the server sends
//! -- tls                 the transport changes to TLS 1.3
//! -- tls ADDRESS,…       … and the client shows a certificate with these XMPP addresses (- for none)
//! -- eof                 the peer's transport ends
//! -- wait 60             seconds pass
//! -- close               the application closes
//! -- error CONDITION     the application closes with a stream error
//! -- send <message/>     the application sends a stanza
//! -- client …, -- server …   the same, only if that is the machine under test
//! E: text                the next event of the machine under test (EC: only if that is the client,
//!                        ES: only if that is the server)
//! @ name                 the steps of parts/name.txt
//! ```
//!
//! Lines of the end under test are expected output, lines of the other end are fed to it. `{name}`
//! stands for a value that the machine makes up: expected, it captures what is there (or must repeat
//! what it captured before); fed, it is replaced by what was captured, or by its own name.
//!
//! Each script is played with its input whole, byte by byte, and at seeded random splits. The events and
//! the output have to be the same every time.

#![allow(dead_code, unreachable_pub)]

pub mod machine;

use std::collections::BTreeMap;
use std::time::Duration;

use xmppwire::{
    CertificateIdentities, ChannelBindings, Connection, Element, Instant, StreamError,
    StreamErrorCondition, TlsInfo,
};

pub use machine::Machine;

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
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = number + 1;
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        let text = rest.replace("\\n", "\n").replace("\\t", "\t");
        match (mark, steps.last_mut()) {
            ("C:", Some((_, Step::Client(bytes)))) | ("S:", Some((_, Step::Server(bytes)))) => {
                bytes.push_str(&text);
            }
            ("C:", _) => steps.push((number, Step::Client(text))),
            ("S:", _) => steps.push((number, Step::Server(text))),
            ("E:", _) => steps.push((number, Step::Event(text))),
            ("EC:", _) if client => steps.push((number, Step::Event(text))),
            ("ES:", _) if !client => steps.push((number, Step::Event(text))),
            ("EC:" | "ES:", _) => {}
            ("@", _) => {
                let part = read(&format!("parts/{text}.txt"));
                steps.extend(
                    parse(&part, client)
                        .into_iter()
                        .map(|(_, step)| (number, step)),
                );
            }
            ("--", _) => steps.push((number, Step::Act(text))),
            _ => panic!("line {number}: what is {line:?}?"),
        }
    }
    steps
}

/// A file below `tests/scripts`.
fn read(path: &str) -> String {
    let path = format!("{}/tests/scripts/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// The scripts of a folder below `tests/scripts`, with their names.
pub fn folder(name: &str) -> Vec<(String, String)> {
    let path = format!("{}/tests/scripts/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(&path)
        .unwrap_or_else(|why| panic!("{path}: {why}"))
        .map(|entry| entry.expect("the folder can be read").file_name())
        .map(|file| file.into_string().expect("a plain file name"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{path} has no scripts");
    files
        .into_iter()
        .map(|file| (file.clone(), read(&format!("{name}/{file}"))))
        .collect()
}

/// How the input is cut.
#[derive(Clone, Copy, Debug)]
enum Split {
    Whole,
    Bytes,
    Random(u64),
}

impl Split {
    fn next(&mut self) -> usize {
        match self {
            Self::Whole => usize::MAX,
            Self::Bytes => 1,
            Self::Random(state) => {
                // Knuth's MMIX generator: the cuts have to be varied, not unpredictable.
                *state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                1 + (*state >> 33) as usize % 37
            }
        }
    }
}

/// Plays `script` at every split for the machine that `make` makes.
pub fn play<M: Machine>(name: &str, script: &str, make: impl Fn() -> M) {
    let steps = parse(script, M::IS_CLIENT);
    let splits = [Split::Whole, Split::Bytes].into_iter();
    for split in splits.chain((0..16).map(Split::Random)) {
        let mut player = Player {
            machine: make(),
            name: name.into(),
            split,
            now: Instant::ORIGIN,
            input: Vec::new(),
            output: String::new(),
            events: Vec::new(),
            values: BTreeMap::new(),
            start_tls: None,
        };
        player.run(&steps);
    }
}

struct Player<M: Machine> {
    machine: M,
    name: String,
    split: Split,
    now: Instant,
    /// What was sent to the machine and not consumed.
    input: Vec<u8>,
    /// What the machine sent and the script did not yet expect.
    output: String,
    events: Vec<String>,
    values: BTreeMap<String, String>,
    start_tls: Option<xmppwire::StartTls>,
}

impl<M: Machine> Player<M> {
    fn run(&mut self, steps: &[(usize, Step)]) {
        for (line, step) in steps {
            let place = format!("{} line {line}, split {:?}", self.name, self.split);
            self.pump();
            match step {
                Step::Client(text) if M::IS_CLIENT => self.expect(text, &place),
                Step::Server(text) if !M::IS_CLIENT => self.expect(text, &place),
                Step::Client(text) | Step::Server(text) => self.feed(text),
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
                Step::Act(action) => self.act(action, &place),
            }
        }
        self.pump();
        let name = &self.name;
        assert_eq!(
            self.output, "",
            "{name}: output that the script does not know"
        );
        assert!(
            self.events.is_empty(),
            "{name}: events that the script does not know: {:?}",
            self.events
        );
        assert!(
            !self.machine.connection().is_finished()
                || self.machine.connection().poll_timeout().is_none(),
            "{name}: a finished connection waits for nothing"
        );
    }

    fn feed(&mut self, text: &str) {
        let mut bytes = substitute(text, &self.values).into_bytes();
        while !bytes.is_empty() {
            let n = self.split.next().min(bytes.len());
            self.input.extend(bytes.drain(..n));
            self.pump();
        }
    }

    /// Moves bytes and events until nothing moves.
    fn pump(&mut self) {
        loop {
            let connection = self.machine.connection();
            let output = connection.take_output();
            self.output
                .push_str(core::str::from_utf8(&output).expect("output is UTF-8"));
            let mut moved = !output.is_empty();
            if let Some(event) = self.machine.poll(&mut self.start_tls) {
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
        // What one side's application does is, for the other side, nothing but what it will receive.
        let action = match action.split_once(' ') {
            Some(("client", action)) if M::IS_CLIENT => action,
            Some(("server", action)) if !M::IS_CLIENT => action,
            Some(("client" | "server", _)) => return,
            _ => action,
        };
        let (verb, rest) = action.split_once(' ').unwrap_or((action, ""));
        let now = self.now;
        match verb {
            "tls" => {
                let request = self
                    .start_tls
                    .take()
                    .unwrap_or_else(|| panic!("{place}: no StartTls"));
                let connection = self.machine.connection();
                let handoff = connection
                    .begin_tls(request, &self.input)
                    .expect("nothing is unread");
                let mut tls = TlsInfo::new(ChannelBindings::tls13([0x42; 32]));
                if !rest.is_empty() && !M::IS_CLIENT {
                    let addresses = rest.split(',').filter(|address| *address != "-");
                    tls = tls.with_peer(addresses.fold(
                        CertificateIdentities::new(),
                        CertificateIdentities::with_xmpp_addr,
                    ));
                }
                connection
                    .tls_established(now, handoff, tls)
                    .expect("the hand-off is the open one");
            }
            "inject" => {
                let request = self
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
                let condition = StreamErrorCondition::from_name(rest).expect("a condition");
                self.machine
                    .connection()
                    .close(now, Some(StreamError::new(condition)));
            }
            "send" => {
                let stanza = stanza(&substitute(rest, &self.values));
                self.machine
                    .connection()
                    .send(&stanza)
                    .unwrap_or_else(|why| panic!("{place}: {why}"));
            }
            _ => panic!("{place}: what is {action:?}?"),
        }
    }
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

/// An element, for comparing events.
pub fn xml(element: &Element) -> String {
    element.to_xml()
}
