//! What a client does while its server acknowledges nothing (XEP-0198).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use std::task::Poll;
use std::time::Duration;

use xmppwire::{CloseReason, Instant, Limits, Message, Stanza, StreamManagement, Timer};
use xmppwire_net::client::{Error, Session};
use xmppwire_net::link::Wired;

use support::{NOW, connector_with, session, written};

fn hear(session: &mut Session, text: &str) {
    session.wire().receive(NOW, text.as_bytes());
    assert!(session.poll_next(NOW).is_pending());
}

/// A client whose stream is managed, with a queue of 64 KiB.
fn managed() -> Session {
    let policy = StreamManagement::new().with_queue_bytes(64 * 1024);
    let mut limits = Limits::new();
    limits.output_backlog = 256 * 1024;
    let connector = connector_with(limits)
        .with_stream_management(policy)
        .with_inbox_bytes(32 * 1024);
    let mut session = session(&connector, "<sm xmlns='urn:xmpp:sm:3'/>");
    hear(
        &mut session,
        "<enabled xmlns='urn:xmpp:sm:3' resume='true' id='7'/>",
    );
    session
}

fn long() -> Stanza {
    let message = Message::chat("romeo@example.net", "O".repeat(10_000));
    message.unwrap().into()
}

/// Sends while the session is ready for it, at most 20 stanzas, and gives their number.
fn send_all(session: &mut Session) -> (u32, Poll<Result<(), Error>>) {
    let mut sent = 0;
    while sent < 20 {
        match session.poll_ready(NOW) {
            Poll::Ready(Ok(())) => session.send(&long()).unwrap(),
            other => return (sent, other),
        }
        written(session.wire());
        sent += 1;
    }
    panic!("the queue has no end");
}

/// RFC 6120 §8.2.3 requires an answer, whatever waits for an acknowledgement.
#[test]
fn requests_are_answered_while_the_queue_is_full() {
    let mut session = managed();
    let (_, waits) = send_all(&mut session);
    assert!(waits.is_pending(), "{waits:?}");
    let ping = "<iq type='get' id='1' from='example.org'><ping xmlns='urn:xmpp:ping'/></iq>";
    hear(&mut session, ping);
    let answer = written(session.wire());
    assert!(answer.contains("type='result'"), "{answer:?}");
}

#[test]
fn a_client_that_sends_fast_waits_for_acknowledgements() {
    let mut session = managed();
    let mut sent = 0;
    for _ in 0..10 {
        let (more, waits) = send_all(&mut session);
        assert!(waits.is_pending(), "{waits:?}");
        assert!((5..=7).contains(&more), "{more}");
        sent += more;
        let acknowledged = format!("<a xmlns='urn:xmpp:sm:3' h='{sent}'/>");
        session.wire().receive(NOW, acknowledged.as_bytes());
    }
}

/// Otherwise two clients that only send would wait for each other.
#[test]
fn a_client_that_cannot_take_what_arrives_does_not_wait() {
    let mut session = managed();
    let (sent, waits) = send_all(&mut session);
    assert!(waits.is_pending(), "{waits:?}");
    let text = "x".repeat(10_000);
    let arriving = format!("<message from='romeo@example.net/1'><body>{text}</body></message>");
    let mut arrived = 0;
    loop {
        match session.poll_ready(NOW) {
            Poll::Pending => {}
            Poll::Ready(Err(Error::InboxFull)) => break,
            other => panic!("{other:?}"),
        }
        session.wire().receive(NOW, arriving.as_bytes());
        arrived += 1;
        assert!(arrived < 20, "the inbox has no end");
    }
    // Once they are taken, it waits again.
    for _ in 0..arrived {
        assert!(matches!(session.poll_next(NOW), Poll::Ready(Ok(Some(_)))));
    }
    assert!(session.poll_ready(NOW).is_pending());
    let acknowledged = format!("<a xmlns='urn:xmpp:sm:3' h='{sent}'/>");
    session.wire().receive(NOW, acknowledged.as_bytes());
    assert!(matches!(session.poll_ready(NOW), Poll::Ready(Ok(()))));
}

/// A caller that does not wait is refused before the stream would end for it.
#[test]
fn the_length_of_the_queue_does_not_end_the_stream() {
    let mut session = managed();
    let refused = (0..100).find_map(|_| {
        let sent = session.send(&long());
        written(session.wire());
        sent.err()
    });
    assert!(matches!(refused, Some(Error::InboxFull)), "{refused:?}");
    let sent = session.link().connection().sent().unwrap();
    assert!((25..=32).contains(&sent), "{sent}");
    hear(
        &mut session,
        &format!("<a xmlns='urn:xmpp:sm:3' h='{sent}'/>"),
    );
    assert!(matches!(session.poll_ready(NOW), Poll::Ready(Ok(()))));
    session.send(&long()).unwrap();
}

/// The wait has an end, and everything comes back.
#[test]
fn a_server_that_never_acknowledges_is_given_up() {
    let mut session = managed();
    let (sent, waits) = send_all(&mut session);
    assert!(waits.is_pending(), "{waits:?}");
    let end = (1..100).find_map(|second| {
        let now = Instant::from_origin(Duration::from_secs(second));
        session.wire().handle_timeout(now);
        if written(session.wire()).contains("<r ") {
            let nothing = "<a xmlns='urn:xmpp:sm:3' h='0'/>";
            session.wire().receive(now, nothing.as_bytes());
        }
        if session.wire().wants_shutdown() {
            assert!(matches!(session.send(&long()), Err(Error::NotConnected)));
            session.wire().shut_down();
            session.wire().receive_eof();
        }
        match session.poll_next(now) {
            Poll::Pending => None,
            Poll::Ready(end) => Some((second, end)),
        }
    });
    match end {
        Some((second, Err(Error::Closed(reason)))) => {
            assert!(second > 30, "after {second} seconds");
            assert_eq!(*reason, CloseReason::TimedOut(Timer::Acknowledgement));
        }
        other => panic!("{other:?}"),
    }
    let suspended = session.suspend(NOW);
    let back = suspended.resumption.unwrap().into_unacknowledged();
    assert_eq!(back.len(), sent as usize);
}
