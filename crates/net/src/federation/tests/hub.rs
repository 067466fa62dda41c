//! The hub, which holds the pool and the streams that others opened.

use super::*;

/// A hub whose pool holds only a few stanzas, and a connection of another server.
fn small_hub(now: Instant) -> (Hub, Key) {
    let limits = FederationLimits {
        queued_per_domain: 2_000,
        ..FederationLimits::default()
    };
    let config = FederationConfig::new().with_limits(limits);
    let mut hub = Hub::new(config);
    let from = "192.0.2.1".parse().unwrap();
    let inbound = hub.accept(now, from, crate::find::Mode::StartTls).unwrap();
    let mut count = 0;
    while hub
        .send(now, message("a.example", "b.example", count))
        .is_ok()
    {
        count += 1;
    }
    assert!(matches!(hub.poll(now), Some(HubStep::Connect(_))));
    assert!(hub.poll(now).is_none());
    (hub, inbound.key())
}

fn malformed(key: Key) -> Report {
    let what = report::What::Malformed(message("a.example", "b.example", 99));
    Report { key, what }
}

#[test]
fn a_connection_reads_nothing_while_the_answer_to_a_malformed_stanza_has_no_room() {
    let mut now = Instant::ORIGIN;
    let (mut hub, key) = small_hub(now);
    assert!(hub.hear(now, malformed(key)).is_none());
    assert!(hub.poll(now).is_none());
    // The time of the others is over.
    now = now + 61 * SECOND;
    hub.handle_timeout(now);
    let mut resumed = Vec::new();
    while let Some(step) = hub.poll(now) {
        if let HubStep::Order(key, report::Order(report::Command::Resume)) = step {
            resumed.push(key);
        }
    }
    assert_eq!((resumed, hub.lost()), (vec![key], 0));
}

#[test]
fn an_answer_to_a_malformed_stanza_that_is_lost_counts() {
    let now = Instant::ORIGIN;
    let (mut hub, key) = small_hub(now);
    hub.hear(now, malformed(key));
    let (end, unsent) = (End::Unreachable, Vec::new());
    let what = report::What::Told(Told::Closed { end, unsent });
    hub.hear(now, Report { key, what });
    assert_eq!(hub.lost(), 1);
}

#[test]
fn a_stanza_that_crosses_the_end_of_its_connection_is_not_lost() {
    let now = Instant::ORIGIN;
    let mut hub = Hub::new(FederationConfig::new());
    hub.send(now, message("a.example", "b.example", 0)).unwrap();
    let Some(HubStep::Connect(outbound)) = hub.poll(now) else {
        panic!();
    };
    let (key, ready) = (outbound.key(), pair("a.example", "b.example"));
    let what = report::What::Ready(ready.clone(), Trust::Certificate);
    hub.hear(now, Report { key, what });
    let Some(HubStep::Order(key, order)) = hub.poll(now) else {
        panic!();
    };
    hub.not_taken(key, order);
    let (end, unsent) = (closed(CloseReason::Peer), Vec::new());
    let what = report::What::Told(Told::Closed { end, unsent });
    hub.hear(now, Report { key, what });
    // It waits for the next stream.
    assert!(hub.queued() > 0);
    assert!(hub.poll_timeout().is_some());
}

#[test]
fn a_closed_hub_ends_when_its_connections_have() {
    let now = Instant::ORIGIN;
    let (mut hub, key) = small_hub(now);
    hub.close(now);
    hub.close(now);
    let mut closes = Vec::new();
    while let Some(step) = hub.poll(now) {
        if let HubStep::Order(key, report::Order(report::Command::Close)) = step {
            closes.push(key);
        }
    }
    assert_eq!(closes.len(), 2);
    let from = "192.0.2.1".parse().unwrap();
    assert!(hub.accept(now, from, crate::find::Mode::StartTls).is_none());
    for key in closes {
        assert!(!hub.is_finished());
        let (end, unsent) = (closed(CloseReason::Local), Vec::new());
        let what = report::What::Told(Told::Closed { end, unsent });
        hub.hear(now, Report { key, what });
    }
    assert!(hub.is_finished(), "{key:?}");
}
