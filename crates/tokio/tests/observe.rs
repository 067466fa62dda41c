//! What the log of a login contains, and what it must not. This test is alone in its program, because the subscriber is
//! set once for all threads.

#![cfg(feature = "tracing")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use xmppwire_test_support::adapter::{Adapter, Session, Tokio};
use xmppwire_test_support::site::{CLOSED_PORT, Site, end, next_message};
use xmppwire_test_support::{PASSWORD, both, juliet};
use xmppwire_tokio::{CloseReason, Connector, Element, Iq, Jid, Message, Mode};

/// Keeps every event of the library as a line of text with its level and target.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("xmppwire")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(self.0.lock().unwrap());
        let metadata = event.metadata();
        write!(line.0, "{} {} ", metadata.level(), metadata.target()).unwrap();
        event.record(&mut line);
        line.0.push('\n');
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line<'a>(std::sync::MutexGuard<'a, String>);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl Log {
    /// The lines of this level and target.
    fn of(&self, level_and_target: &str) -> Vec<String> {
        let log = self.0.lock().unwrap();
        let start = format!("{level_and_target} ");
        let lines = log.lines().filter(|line| line.starts_with(&start));
        lines.map(str::to_owned).collect()
    }
}

/// The text between two others, wherever they occur in the log.
fn between<'a>(log: &'a [String], start: &'a str, end: &'a str) -> Vec<&'a str> {
    let found = log.iter().filter_map(|line| {
        let (_, rest) = line.split_once(start)?;
        let (_, rest) = rest.split_once('>')?;
        Some(rest.split_once(end)?.0)
    });
    found.collect()
}

/// The server's end of the session; returns how it is shown.
fn serve<A: Adapter>(site: &Site) -> String {
    let mut client = site.welcome::<A>(Mode::StartTls);
    let message = next_message(&mut client);
    assert_eq!(message.body().as_deref(), Some("on the wire"));
    assert_eq!(end(&mut client), CloseReason::Peer);
    format!("{client:?}")
}

/// The client's end, after an attempt that fails; returns how it is shown.
fn visit<A: Adapter>(failing: &Connector, connector: &Connector) -> String {
    A::connect_with(failing).unwrap_err();
    let mut client = A::connect_with(connector).unwrap();
    let romeo = Jid::new("romeo@example.org").unwrap();
    client.send(Message::chat(romeo, "on the wire")).unwrap();
    let register = Element::builder("query", "jabber:iq:register")
        .open("password", "jabber:iq:register")
        .text(PASSWORD)
        .build();
    client.send(Iq::set("1", &register)).unwrap();
    let shown = format!("{client:?}{connector:?}");
    client.close().unwrap();
    shown
}

#[test]
fn every_step_of_a_session_is_logged_and_no_secret() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let failing = juliet(&site.authority).with_server("127.0.0.1", CLOSED_PORT, Mode::StartTls);
    let server = move || serve::<Tokio>(&site);
    let client = move || visit::<Tokio>(&failing, &connector);
    let (server, client) = both(server, client);
    let shown = server + &client;

    let all = log.0.lock().unwrap().clone();
    for step in [
        "where to connect to",
        "could not connect",
        "TLS is established",
        "authenticating",
        "bound",
    ] {
        assert!(all.contains(step), "{step} is missing in:\n{all}");
    }
    // One line says that the client is connected, and one that it is not any more.
    for once in ["connected", "disconnected"] {
        let message = format!("message={once} ");
        let lines = log.of("INFO xmppwire");
        let lines: Vec<_> = lines
            .iter()
            .filter(|line| line.contains(&message))
            .collect();
        assert_eq!(lines.len(), 1, "{once}: {lines:?}\n{all}");
    }

    // Everything on the wire is shown, of both ends.
    let wire = log.of("TRACE xmppwire::wire");
    for (way, xml) in [
        ("sent", "<stream:stream "),
        ("received", "<stream:stream "),
        ("received", "<starttls "),
        ("sent", "<proceed "),
        ("received", "<mechanism>SCRAM-SHA-256-PLUS</mechanism>"),
        ("sent", "<body>on the wire</body>"),
        ("received", "<body>on the wire</body>"),
        ("sent", "</stream:stream>"),
        ("received", "</stream:stream>"),
    ] {
        let said = |line: &&String| line.contains(xml) && line.contains(&format!("message={way} "));
        assert!(
            wire.iter().any(|line| said(&line)),
            "{way} {xml}:\n{}",
            wire.join("\n")
        );
    }
    // The lines of the two connections, one for each end, can be told apart.
    let mut ways = BTreeMap::<_, Vec<_>>::new();
    for line in &wire {
        let (_, number) = line.split_once("connection=").unwrap();
        let number = number.split_whitespace().next().unwrap();
        let closes = line.contains("</stream:stream>");
        ways.entry(number).or_default().push(closes);
    }
    assert_eq!(ways.len(), 2, "{wire:?}");
    for closes in ways.values() {
        assert_eq!(closes.iter().filter(|closes| **closes).count(), 2);
    }
    // What SASL exchanges is shown by its length alone, as is the password in the stanza.
    for (start, end) in [
        ("<auth ", "</auth>"),
        ("<challenge ", "</challenge>"),
        ("<response ", "</response>"),
        ("<success ", "</success>"),
        ("<password", "</password>"),
    ] {
        let contents = between(&wire, start, end);
        assert!(!contents.is_empty(), "{start}");
        for content in contents {
            assert!(
                content.starts_with('[') && content.ends_with(" bytes]"),
                "{start}: {content}"
            );
        }
    }
    assert!(!all.contains(PASSWORD), "{all}");
    assert!(!shown.contains(PASSWORD), "{shown}");
}
