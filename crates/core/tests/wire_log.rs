//! What a log shows of the wire (target `xmppwire::wire`, level TRACE): everything that was sent and
//! received, and no secret.

#![cfg(feature = "tracing")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use std::cell::RefCell;
use std::fmt;
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use xmppwire::{Client, ClientConfig, Entropy, Instant, Jid, Mechanism, MechanismPolicy, TlsInfo};

const NOW: Instant = Instant::ORIGIN;

thread_local! {
    /// The lines of the wire log that this test has made.
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the lines of the wire log.
struct Log;

/// The fields of one line.
#[derive(Default)]
struct Line {
    message: String,
    xml: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "xml" {
            self.xml = value.to_owned();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "xmppwire::wire"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        assert_eq!(*event.metadata().level(), Level::TRACE);
        let mut line = Line::default();
        event.record(&mut line);
        let text = format!("{}: {}", line.message, line.xml);
        LINES.with_borrow_mut(|lines| lines.push(text));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Runs a part of a stream and returns what the log says of it.
fn logged(part: impl FnOnce()) -> Vec<String> {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| tracing::subscriber::set_global_default(Log).unwrap());
    LINES.take();
    part();
    LINES.take()
}

const HEADER: &str = "<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' from='example.org' id='s1' version='1.0'>";

#[test]
fn a_login_is_logged_without_its_password() {
    let lines = logged(|| {
        let config = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t")
            .unwrap()
            .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain));
        let entropy = Entropy::from_seed([1; 32]);
        let mut client = Client::with_direct_tls(config, entropy, NOW, TlsInfo::default());
        let features = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
            <mechanism>PLAIN</mechanism></mechanisms></stream:features>";
        for said in [HEADER, features] {
            client.receive(NOW, said.as_bytes());
        }
        client.close(NOW, None);
        client.receive(NOW, b"</stream:stream>");
    });
    let [header, answer, features, auth, closing, closed] = &lines[..] else {
        panic!("{lines:#?}");
    };
    assert!(header.starts_with("sent: ") && header.contains("<stream:stream "));
    assert!(header.contains(" to='example.org'"), "{header}");
    assert!(answer.starts_with("received: ") && answer.contains(" id='s1'"));
    assert!(features.starts_with("received: ") && features.contains("<mechanism>PLAIN<"));
    // The password and its base64 have gone; their length is left.
    assert!(auth.starts_with("sent: <auth "), "{auth}");
    assert!(
        auth.contains("mechanism='PLAIN'>[20 bytes]</auth>"),
        "{auth}"
    );
    assert_eq!(closing, "sent: </stream:stream>");
    assert_eq!(closed, "received: </stream:stream>");
}

/// Keep-alives are the white space that is sent.
#[test]
fn a_keep_alive_is_logged() {
    use xmppwire::component::{Component, ComponentConfig, Secret};
    let domain = xmppwire::Domainpart::new("gate.example").unwrap();
    let lines = logged(|| {
        let config = ComponentConfig::new(domain, Secret::new("open sesame"));
        let mut component = Component::new(config, NOW);
        let header = HEADER.replace("jabber:client", "jabber:component:accept");
        let message = "<message from='romeo@example.net' id='m1' to='gate.example'/>";
        for said in [&*header, "<handshake/>", message] {
            component.receive(NOW, said.as_bytes());
            component.poll_event();
        }
        component.check_peer(NOW, core::time::Duration::from_secs(1));
    });
    let [_, _, handshake, _, message, keep_alive] = &lines[..] else {
        panic!("{lines:#?}");
    };
    // The proof of the secret is hidden, and an ordinary id and its addresses are not.
    assert!(handshake.contains(">[40 bytes]</handshake>"), "{handshake}");
    for shown in ["id='m1'", "from='romeo@example.net'", "to='gate.example'"] {
        assert!(message.contains(shown), "{message}");
    }
    assert_eq!(keep_alive, "sent:  ");
}

/// The text of a component's stanza is not taken for a handshake.
#[test]
fn only_the_handshake_of_a_component_is_hidden() {
    let lines = logged(|| {
        use xmppwire::component::{Component, ComponentConfig, Secret};
        let domain = xmppwire::Domainpart::new("gate.example").unwrap();
        let config = ComponentConfig::new(domain, Secret::new("open sesame"));
        let mut component = Component::new(config, NOW);
        let header = HEADER.replace("jabber:client", "jabber:component:accept");
        let message = "<message to='gate.example'><body>Good night</body></message>";
        for said in [&*header, "<handshake/>", message] {
            component.receive(NOW, said.as_bytes());
            component.poll_event();
        }
    });
    assert!(lines.last().is_some_and(|line| line.contains("Good night")));
}
