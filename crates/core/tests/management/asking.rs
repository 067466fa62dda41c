//! What a question of stream management needs, what its answer says, and how long that may take.

use core::time::Duration;

use xmppwire::{CloseReason, Message, PeerMisbehaved, Stanza, StreamManagement, Timer};

use crate::support::{
    Juliet, QUESTION, START, Verona, at, hear, managed, message, said, sessions, settle_with,
};

#[test]
fn one_question_is_open_at_a_time() {
    let mut client = managed(&StreamManagement::new());
    client.machine.send(&message("1")).unwrap();
    client.machine.request_acknowledgement();
    client.machine.send(&message("2")).unwrap();
    client.machine.request_acknowledgement();
    assert_eq!(said(&mut client.machine).matches(QUESTION).count(), 1);
    hear(&mut client, "<a xmlns='urn:xmpp:sm:3' h='1'/>");
    client.machine.request_acknowledgement();
    assert_eq!(said(&mut client.machine), QUESTION);
}

/// A peer that reads quickly may have acknowledged a stanza before the driver says that it is written.
#[test]
fn there_is_no_question_without_a_stanza() {
    let mut client = managed(&StreamManagement::new());
    client.machine.request_acknowledgement();
    assert_eq!(said(&mut client.machine), "");
    client.machine.send(&message("1")).unwrap();
    hear(&mut client, "<a xmlns='urn:xmpp:sm:3' h='1'/>");
    client.machine.request_acknowledgement();
    assert!(!said(&mut client.machine).contains(QUESTION));
}

/// A peer that has handled a part when it answers is not asked again before something is sent.
#[test]
fn an_answer_about_a_part_is_an_answer() {
    let mut client = managed(&StreamManagement::new());
    client.machine.send(&message("1")).unwrap();
    client.machine.send(&message("2")).unwrap();
    client.machine.request_acknowledgement();
    said(&mut client.machine);
    hear(&mut client, "<a xmlns='urn:xmpp:sm:3' h='1'/>");
    assert_eq!(client.machine.poll_timeout(), None);
    client.machine.send(&message("3")).unwrap();
    client.machine.handle_timeout(at(1));
    client.machine.handle_timeout(at(2));
    assert!(said(&mut client.machine).ends_with(QUESTION));
}

/// Only stanzas count (XEP-0198 §4), not what has the name of one or the namespace of one.
#[test]
fn what_is_no_stanza_does_not_count() {
    let mut client = managed(&StreamManagement::new());
    said(&mut client.machine);
    for ignored in [
        "<message xmlns='urn:example:other'/>",
        "<other xmlns='jabber:client'/>",
    ] {
        hear(&mut client, ignored);
    }
    hear(&mut client, QUESTION);
    assert_eq!(
        said(&mut client.machine),
        "<a xmlns='urn:xmpp:sm:3' h='0'/>"
    );
    hear(&mut client, "<message from='romeo@example.net'/>");
    hear(&mut client, QUESTION);
    assert_eq!(
        said(&mut client.machine),
        "<a xmlns='urn:xmpp:sm:3' h='1'/>"
    );
}

// --- What both sides agree on ---------------------------------------------------------------------

/// A client and a server whose `<enable/>` and `<enabled/>` are changed on their way, and what the
/// server wrote.
fn agreed(
    enable: impl Fn(&str) -> String,
    enabled: impl Fn(&str) -> String,
) -> (Juliet, Verona, String) {
    let policy = StreamManagement::new();
    let (mut client, mut server) = (Juliet::new(&policy, 1, None), Verona::new(&policy, 2));
    let answer = core::cell::RefCell::new(String::new());
    settle_with(&mut client, &mut server, &mut sessions(), enable, |text| {
        answer.borrow_mut().push_str(text);
        enabled(text)
    });
    (client, server, answer.into_inner())
}

/// No time is no wish.
#[test]
fn a_client_gets_the_time_that_it_wishes_up_to_the_limit() {
    for (wish, granted) in [
        ("", 300),
        (" max='0'", 300),
        (" max='1'", 1),
        (" max='299'", 299),
        (" max='301'", 300),
        (" max='-1'", 300),
        (" max='soon'", 300),
    ] {
        let wish = format!(" resume='true'{wish}/>");
        let (client, server, answer) = agreed(
            |text| text.replace(" resume='true'/>", &wish),
            str::to_owned,
        );
        assert!(client.managed && server.managed.is_some(), "{wish}");
        let max = format!(" resume='true' max='{granted}'/>");
        assert!(answer.contains(&max), "{wish}: {answer}");
    }
}

/// An id that is empty or too long makes a session that cannot be resumed (XEP-0198 §3).
#[test]
fn an_id_has_a_length() {
    for (length, resumable) in [(0, false), (1, true), (4000, true), (4001, false)] {
        let id = format!(
            "<enabled xmlns='urn:xmpp:sm:3' id='{}' old='",
            "x".repeat(length)
        );
        let change = |text: &str| text.replace("<enabled xmlns='urn:xmpp:sm:3' id='", &id);
        let (mut client, _, _) = agreed(str::to_owned, change);
        assert_eq!(client.managed, resumable, "{length}");
        assert!(client.told.closed.is_none());
        let taken = client.machine.take_resumption();
        assert_eq!(taken.is_some(), resumable, "{length}");
    }
}

#[test]
fn a_location_has_a_length() {
    for (length, told) in [(0, false), (1, true), (300, true), (301, false)] {
        let place = "x".repeat(length);
        let located = format!("<enabled xmlns='urn:xmpp:sm:3' location='{place}' id='");
        let change = |text: &str| text.replace("<enabled xmlns='urn:xmpp:sm:3' id='", &located);
        let (mut client, _, _) = agreed(str::to_owned, change);
        let taken = client.machine.take_resumption().unwrap();
        assert_eq!(taken.location(), told.then_some(&*place), "{length}");
    }
}

#[test]
fn a_policy_keeps_what_it_is_given() {
    let policy = StreamManagement::new;
    let second = Duration::from_secs;
    assert_eq!(policy().with_patience(second(9)).patience(), second(9));
    assert_eq!(policy().with_patience(second(0)).patience(), second(1));
    for (bytes, kept) in [(0, 65_536), (65_535, 65_536), (65_537, 65_537)] {
        assert_eq!(policy().with_queue_bytes(bytes).queue_bytes(), kept);
    }
    assert!(policy().resumes() && !policy().with_resumption(false).resumes());
    assert!(
        policy()
            .with_resumption(false)
            .with_resumption(true)
            .resumes()
    );
    // The rest stays as it was.
    let changed = policy().with_ask_after(3, 4).with_max(second(5));
    let changed = changed.with_patience(second(9)).with_queue_bytes(1 << 20);
    let changed = changed.with_resumption(false);
    assert_eq!(changed.ask_after_stanzas(), 3);
    assert_eq!(changed.ask_after_bytes(), 4);
    assert_eq!(changed.max(), Some(second(5)));
    assert_eq!(changed.patience(), second(9));
}

// --- Time and bytes -------------------------------------------------------------------------------

/// A client whose question is in the output and was not written, asked at second 1.
fn waiting() -> Juliet {
    let mut client = managed(&StreamManagement::new());
    client.machine.send(&message("1")).unwrap();
    client.machine.request_acknowledgement();
    client.machine.handle_timeout(at(1));
    client
}

/// Whether the client gives its server up at this second.
fn is_over(client: &mut Juliet, second: u64) -> bool {
    client.machine.handle_timeout(at(second));
    while client.poll() {}
    match &client.told.closed {
        None => false,
        Some(CloseReason::TimedOut(Timer::Acknowledgement)) => true,
        Some(other) => panic!("{other:?}"),
    }
}

/// A peer that takes bytes is there; that a driver has written none shows nothing.
#[test]
fn bytes_that_are_taken_are_a_sign_of_life() {
    let mut client = waiting();
    client.machine.consume_output(0);
    assert!(is_over(&mut client, 31));

    let mut client = waiting();
    client.machine.consume_output(1);
    assert!(!is_over(&mut client, 31));
    assert!(!is_over(&mut client, 60));
    assert!(is_over(&mut client, 61));
}

/// A driver that tells the time more than a second too late did not run, so the answer may be there
/// and not read. That puts off the end once.
#[test]
fn a_late_driver_reads_before_it_gives_up() {
    let mut client = waiting();
    assert!(is_over(&mut client, 32), "a second is not late");

    let mut client = waiting();
    assert!(!is_over(&mut client, 33));
    assert!(!is_over(&mut client, 62));
    assert!(is_over(&mut client, 100));

    // Bytes that are taken do not use that up.
    let mut client = waiting();
    client.machine.consume_output(1);
    assert!(!is_over(&mut client, 33));
    assert!(!is_over(&mut client, 65));
    assert!(is_over(&mut client, 100));
}

/// The queue may hold its bytes and as many as the output, and not a byte more. Each stanza counts 16
/// bytes besides its own.
#[test]
fn the_bound_of_the_queue_is_exact() {
    let policy = StreamManagement::new()
        .with_queue_bytes(64 * 1024)
        .with_ask_after(u32::MAX, usize::MAX);
    let long = |body: usize| -> Stanza {
        let message = Message::chat("romeo@example.net", "x".repeat(body));
        message.unwrap().into()
    };
    let most = 64 * 1024 + 4 * 1024 * 1024;
    for (more, ends) in [(0, false), (1, true)] {
        let mut client = managed(&policy);
        client.machine.send(&long(2_000_000)).unwrap();
        // A queue that is so full is a reason to ask.
        let first = client.machine.take_output().len() - QUESTION.len();
        let body = most - 2 * (first + 16) + 2_000_000 + more;
        client.machine.send(&long(body)).unwrap();
        let why = match client.machine.poll_event() {
            None => None,
            Some(xmppwire::ClientEvent::Closed(CloseReason::Violation { why, .. })) => Some(why),
            other => panic!("{other:?}"),
        };
        assert_eq!(why, ends.then_some(PeerMisbehaved::BacklogExceeded));
        client.machine.close(START, None);
    }
}
