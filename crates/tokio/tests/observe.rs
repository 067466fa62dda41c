//! What an operator sees in the log, and what nobody does. Alone in its program, because who logs is decided once for all
//! threads.

#![cfg(feature = "tracing")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the tests on loopback"
)]
#[path = "loopback/support.rs"]
mod support;

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use xmppwire_tokio::{Client, Mode};

use support::{PASSWORD, Site, juliet, within};

/// Keeps every event of ours as a line of text.
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

#[tokio::test]
async fn a_login_is_told_step_by_step_and_keeps_its_secrets() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let site = Site::new().await;
    let connector = site.juliet(Mode::StartTls);
    let failing = juliet(&site.authority).with_server("127.0.0.1", 1, Mode::StartTls);
    within(Client::connect_with(&failing)).await.unwrap_err();
    let (client, server) = within(async {
        tokio::join!(
            Client::connect_with(&connector),
            site.welcome(Mode::StartTls)
        )
    })
    .await;
    let shown = format!("{client:?}{server:?}{connector:?}");

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
