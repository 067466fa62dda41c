//! How much memory a server can make a client hold while the client waits for the answer to a
//! request, by malformed stanzas that the application does not take, and by requests whose answers
//! nothing reads.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use std::task::Poll;

use allocation_counter::measure;
use xmppwire::{Element, Iq, Jid, Limits, XmlLimits};
use xmppwire_net::client::{Connector, Error, RequestError};
use xmppwire_net::link::Wired;

use support::{NOW, connector_with, session, written};

const BUDGET: usize = 1024 * 1024;

fn connector() -> Connector {
    connector_with(Limits::new())
}

/// Sends a request, floods the client with copies of a stanza until it takes no more, and returns
/// how many it took and the most memory that they held.
fn flood(stanza: &str) -> (usize, usize) {
    let mut session = session(&connector(), "");
    let ping = Iq::get("", &Element::builder("ping", xmppwire::ns::PING).build());
    let ping = ping.with_to(Jid::new("example.org").unwrap());
    let id = session.begin_request(NOW, &ping).unwrap();
    let mut count = 0;
    let memory = measure(|| {
        loop {
            match session.poll_answer(NOW, &id) {
                Poll::Pending => {}
                Poll::Ready(Err(RequestError::Connection(Error::InboxFull))) => break,
                Poll::Ready(other) => panic!("{other:?}"),
            }
            assert!(session.wire().wants_read(), "the flood stops by itself");
            session.wire().receive(NOW, stanza.as_bytes());
            count += 1;
        }
    });
    (count, memory.bytes_max.try_into().unwrap())
}

#[test]
fn a_flood_during_a_request_is_bounded_in_memory() {
    let limits = XmlLimits::default();
    let empty = "<b/>".repeat(limits.max_children);
    let text = "x".repeat(limits.max_stanza_bytes - 100);
    let attributes: String = (0..limits.max_attributes)
        .map(|n| format!(" a{n}=''"))
        .collect();
    let attributes = format!("<b{attributes}/>").repeat(400);
    for (content, least) in [
        ("", 200),
        ("<body>hello</body>", 200),
        (&empty, 2),
        (&text, 2),
        (&attributes, 2),
    ] {
        let stanza = format!(
            "<message from='romeo@example.org/1' to='guest@example.org/1'>{content}</message>"
        );
        let (count, peak) = flood(&stanza);
        println!(
            "{} bytes on the wire: {count} stanzas, {peak} bytes held at most",
            stanza.len()
        );
        // The budget and the stanza that exceeds it, while it is read and shrunk.
        let most = BUDGET + 6 * limits.max_stanza_bytes;
        assert!(peak <= most, "{peak} bytes for {count} of {}", stanza.len());
        assert!(count >= least, "{count} stanzas of {} bytes", stanza.len());
    }
}

/// Floods the client with malformed stanzas that the application does not take, and returns the
/// most memory that they held and what they still hold.
fn flood_refused(stanza: &str) -> (usize, usize) {
    let mut session = session(&connector(), "");
    let memory = measure(|| {
        for _ in 0..5_000_000 / stanza.len() {
            assert!(session.poll_next(NOW).is_pending());
            assert!(session.wire().wants_read());
            session.wire().receive(NOW, stanza.as_bytes());
        }
        assert!(session.poll_next(NOW).is_pending());
    });
    assert!(session.refused().dropped() > 0);
    assert!(session.refused_mut().take().is_some());
    let (most, left) = (memory.bytes_max, memory.bytes_current);
    (most.try_into().unwrap(), left.try_into().unwrap())
}

#[test]
fn malformed_stanzas_that_are_not_taken_are_bounded_in_memory() {
    let budget = 64 * 1024;
    let most_bytes = XmlLimits::default().max_stanza_bytes;
    for length in [0, 1000, most_bytes - 100] {
        let text = "x".repeat(length);
        let stanza = format!("<message from='@'><body>{text}</body></message>");
        let (peak, left) = flood_refused(&stanza);
        println!("{length} bytes of text: {peak} bytes held at most, {left} at the end");
        // One stanza, while it is read and shrunk, and what is kept.
        assert!(peak <= budget + 6 * stanza.len() + 16 * 1024, "{peak}");
        assert!(left <= budget.max(2 * stanza.len()) + 16 * 1024, "{left}");
    }
}

#[test]
fn open_requests_are_bounded_in_number_and_memory() {
    const MOST: usize = 10_000;
    let ping = Iq::get("", &Element::builder("ping", xmppwire::ns::PING).build());
    let ping = ping.with_to(Jid::new("example.org").unwrap());
    let mut session = session(&connector().with_max_requests(MOST), "");
    let mut open = Vec::with_capacity(MOST);
    let memory = measure(|| {
        for _ in 0..MOST {
            open.push(session.begin_request(NOW, &ping).unwrap());
            written(session.wire());
        }
    });
    let each = usize::try_from(memory.bytes_current).unwrap() / MOST;
    println!("{each} bytes for each request that is open");
    assert!(each <= 600, "{each}");
    let error = session.begin_request(NOW, &ping).unwrap_err();
    let refused = matches!(error, RequestError::Connection(Error::TooManyRequests));
    assert!(refused, "{error:?}");

    let memory = measure(|| {
        for id in &open {
            session.forget_request(id);
        }
        assert!(session.begin_request(NOW, &ping).is_ok());
    });
    // The rest is in `open`.
    assert!(memory.bytes_current < 0);
}

#[test]
fn a_flood_of_requests_stops_until_their_answers_are_read() {
    let mut limits = Limits::new();
    limits.output_backlog = 256 * 1024;
    for padding in [0, 1000] {
        let mut session = session(&connector_with(limits.clone()), "");
        let id = "i".repeat(padding);
        let (mut asked, mut answered) = (0, 0);
        let memory = measure(|| {
            let mut last = false;
            while !last {
                last = asked > 5000;
                while !last && session.wire().wants_read() {
                    let request = format!(
                        "<iq type='get' id='{id}{asked}' from='romeo@example.org/1'>\
                         <query xmlns='urn:example'/></iq>"
                    );
                    session.wire().receive(NOW, request.as_bytes());
                    asked += 1;
                    assert!(session.poll_next(NOW).is_pending());
                }
                let answers = written(session.wire());
                assert!(answers.len() <= limits.output_backlog);
                // Whatever was read is answered, in its order.
                for answer in answers.split("</iq>").filter(|answer| !answer.is_empty()) {
                    assert!(answer.contains("service-unavailable"), "{answer}");
                    let end = [format!("{id}{answered}'"), format!("{id}{answered}\"")];
                    assert!(end.iter().any(|id| answer.contains(id)), "{answer}");
                    assert!(!answer.contains(" from="), "{answer}");
                    answered += 1;
                }
                assert!(session.poll_next(NOW).is_pending());
            }
        });
        println!("{asked} requests, {} bytes held at most", memory.bytes_max);
        assert!(asked > 300, "{asked}");
        // One answer waits for room, and is written by the last call.
        assert!(
            asked - answered <= 1,
            "{asked} requests, {answered} answers"
        );
        let most = 4 * limits.output_backlog as u64;
        assert!(memory.bytes_max <= most, "{}", memory.bytes_max);
    }
}
