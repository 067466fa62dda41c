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

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use xmppwire_test_support::adapter::{Adapter, Tokio};
use xmppwire_test_support::site::{CLOSED_PORT, Site};
use xmppwire_test_support::{PASSWORD, both, juliet};
use xmppwire_tokio::Mode;

/// Keeps every event of target `xmppwire` as a line of text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "xmppwire"
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(self.0.lock().unwrap());
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

#[test]
fn every_step_of_a_login_is_logged_and_no_secret() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let failing = juliet(&site.authority).with_server("127.0.0.1", CLOSED_PORT, Mode::StartTls);
    let server = move || format!("{:?}", site.welcome::<Tokio>(Mode::StartTls));
    let client = move || {
        Tokio::connect_with(&failing).unwrap_err();
        let client = Tokio::connect_with(&connector).unwrap();
        format!("{client:?}{connector:?}")
    };
    let (server, client) = both(server, client);
    let shown = server + &client;

    let log = log.0.lock().unwrap();
    for step in [
        "where to connect to",
        "could not connect",
        "TLS is established",
        "authenticating",
        "bound",
    ] {
        assert!(log.contains(step), "{step} is missing in:\n{log}");
    }
    assert!(!log.contains(PASSWORD), "{log}");
    assert!(!shown.contains(PASSWORD), "{shown}");
}
