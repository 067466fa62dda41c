//! When the peer is asked, and what a queue that is full does.

use core::time::Duration;

use xmppwire::{
    Client, ClientEvent, CloseReason, Connection, KeepAlive, Limits, Message, PeerMisbehaved,
    Stanza, StreamManagement, Timer,
};

use crate::support::{
    Juliet, QUESTION, START, Verona, Wire, at, client_config, hear, managed, message, read, said,
    sessions, settle, write,
};

/// A client whose server was asked to manage the stream, and has not answered.
fn bound(policy: &StreamManagement) -> Juliet {
    let (mut client, mut server) = (Juliet::new(policy, 1, None), Verona::new(policy, 2));
    let (mut wire, mut sessions) = (Wire::default(), sessions());
    while !client.bound {
        write(&mut client.machine, &mut wire.to_server, usize::MAX);
        read(&mut server.machine, &mut wire.to_server, usize::MAX);
        server.poll(&mut sessions);
        write(&mut server.machine, &mut wire.to_client, 1);
        read(&mut client.machine, &mut wire.to_client, 1);
        client.poll();
    }
    assert!(!client.managed);
    client
}

#[test]
fn a_hundred_stanzas_at_once_make_one_question() {
    let mut client = managed(&StreamManagement::new());
    for n in 0..100 {
        client.machine.send(&message(&n.to_string())).unwrap();
    }
    assert_eq!(said(&mut client.machine).matches(QUESTION).count(), 1);
    hear(&mut client, "<a xmlns='urn:xmpp:sm:3' h='100'/>");
    assert_eq!(said(&mut client.machine), "");
    client.machine.send(&message("one more")).unwrap();
    client.machine.handle_timeout(at(1));
    client.machine.handle_timeout(at(2));
    assert_eq!(said(&mut client.machine).matches(QUESTION).count(), 1);
}

/// The silence is counted from the first call that tells the time after the stanza.
#[test]
fn silence_is_a_reason_to_ask() {
    let policy = StreamManagement::new().with_ask_after_silence(Duration::from_secs(5));
    let mut client = managed(&policy);
    client.machine.send(&message("1")).unwrap();
    assert!(!said(&mut client.machine).contains(QUESTION));
    client.machine.handle_timeout(at(10));
    assert_eq!(client.machine.poll_timeout(), Some(at(15)));
    assert_eq!(said(&mut client.machine), "");
    client.machine.handle_timeout(at(15));
    // The peer has its time from the moment of the question on.
    assert_eq!(client.machine.poll_timeout(), Some(at(45)));
    assert_eq!(said(&mut client.machine), QUESTION);
}

#[test]
fn bytes_are_a_reason_to_ask() {
    let policy = StreamManagement::new().with_ask_after(1000, 500);
    let mut client = managed(&policy);
    let long: Stanza = Message::chat("romeo@example.net", "x".repeat(600))
        .unwrap()
        .into();
    client.machine.send(&message("short")).unwrap();
    assert!(!said(&mut client.machine).contains(QUESTION));
    client.machine.send(&long).unwrap();
    assert!(said(&mut client.machine).ends_with(QUESTION));
}

/// Before the closing tag the peer is asked about the last stanzas, and its answer counts.
#[test]
fn the_end_is_a_reason_to_ask() {
    let mut client = managed(&StreamManagement::new());
    client.machine.send(&message("1")).unwrap();
    client.machine.request_acknowledgement();
    client.machine.send(&message("2")).unwrap();
    assert!(!said(&mut client.machine).ends_with(QUESTION));
    client.machine.close(START, None);
    assert!(said(&mut client.machine).ends_with(&format!("{QUESTION}</stream:stream>")));
    hear(&mut client, "<a xmlns='urn:xmpp:sm:3' h='1'/>");
    hear(&mut client, "<a xmlns='urn:xmpp:sm:3' h='2'/>");
    assert_eq!(client.machine.acknowledged(), Some(2));
    hear(&mut client, "</stream:stream>");
    assert!(client.machine.take_unacknowledged().is_empty());
}

/// What was asked about needs no second question.
#[test]
fn the_end_is_no_reason_to_ask_twice() {
    let mut client = managed(&StreamManagement::new());
    client.machine.send(&message("1")).unwrap();
    client.machine.request_acknowledgement();
    client.machine.close(START, None);
    assert_eq!(said(&mut client.machine).matches(QUESTION).count(), 1);
}

/// An application can tell what it has handled before the peer asks.
#[test]
fn what_was_handled_can_be_told_unasked() {
    let mut client = managed(&StreamManagement::new());
    said(&mut client.machine);
    hear(&mut client, "<message from='romeo@example.net' id='1'/>");
    assert_eq!(client.told.stanzas, ["1"]);
    assert_eq!(said(&mut client.machine), "");
    client.machine.acknowledge();
    assert_eq!(
        said(&mut client.machine),
        "<a xmlns='urn:xmpp:sm:3' h='1'/>"
    );
}

/// The application is told by `room` that it should wait; nothing that it sends all the same is lost.
#[test]
fn a_full_queue_is_back_pressure() {
    let policy = StreamManagement::new().with_queue_bytes(64 * 1024);
    let mut client = managed(&policy);
    let mut sent: u64 = 0;
    while client.machine.room() > 1024 {
        client.machine.send(&message(&sent.to_string())).unwrap();
        sent += 1;
        said(&mut client.machine);
        assert_eq!(client.machine.sent(), Some(sent));
    }
    assert!((300..1000).contains(&sent), "{sent}");
    // Answers have room, because the application could not go on without them.
    assert!(client.machine.room_for_answers() > 1024 * 1024);
    hear(
        &mut client,
        &format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", sent / 2),
    );
    assert!(client.machine.room() > 30 * 1024);
    hear(
        &mut client,
        &format!("<a xmlns='urn:xmpp:sm:3' h='{sent}'/>"),
    );
    assert_eq!(client.machine.room(), 64 * 1024);
}

fn answer(client: &mut Juliet, handled: u64) {
    hear(client, &format!("<a xmlns='urn:xmpp:sm:3' h='{handled}'/>"));
}

/// Sends until the queue of 64 KiB is full. Returns how many stanzas that took, and what was said.
fn fill(client: &mut Juliet) -> (u64, String) {
    let (mut sent, mut output) = (0, String::new());
    while client.machine.room() > 0 {
        client.machine.send(&message(&sent.to_string())).unwrap();
        sent += 1;
        output += &said(&mut client.machine);
    }
    (sent, output)
}

/// Up to one half it is none.
#[test]
fn a_queue_that_is_half_full_is_no_reason_to_ask() {
    let policy = StreamManagement::new()
        .with_queue_bytes(64 * 1024)
        .with_ask_after(u32::MAX, usize::MAX);
    let mut client = managed(&policy);
    client.machine.send(&message("")).unwrap();
    let empty = client.machine.queued_bytes();
    let rest = 32 * 1024 - 2 * empty;
    client.machine.send(&message(&"x".repeat(rest))).unwrap();
    assert_eq!(client.machine.queued_bytes(), 32 * 1024);
    assert!(!said(&mut client.machine).contains(QUESTION));
    client.machine.send(&message("")).unwrap();
    assert!(said(&mut client.machine).ends_with(QUESTION));
}

/// Otherwise an application that waits for room would wait for the silence, however long that is.
#[test]
fn a_queue_that_is_more_than_half_full_is_a_reason_to_ask() {
    let policy = StreamManagement::new()
        .with_queue_bytes(64 * 1024)
        .with_ask_after(u32::MAX, usize::MAX)
        .with_ask_after_silence(Duration::from_secs(3600));
    let mut client = managed(&policy);
    said(&mut client.machine);
    let (sent, output) = fill(&mut client);
    assert_eq!(output.matches(QUESTION).count(), 1);
    let before = output.find(QUESTION).unwrap();
    assert!((output.len() / 3..output.len() * 2 / 3).contains(&before));
    // The answer leaves it more than half full.
    answer(&mut client, sent / 3);
    assert_eq!(said(&mut client.machine), QUESTION);
    answer(&mut client, sent * 2 / 3);
    assert_eq!(said(&mut client.machine), "");
}

/// A peer that answers at once, and has handled nothing since, is not asked without end.
#[test]
fn a_question_that_brought_nothing_is_repeated_after_a_second() {
    for silence in [0, 1] {
        let policy = StreamManagement::new()
            .with_queue_bytes(64 * 1024)
            .with_ask_after_silence(Duration::from_secs(silence));
        let mut client = managed(&policy);
        let (sent, _) = fill(&mut client);
        answer(&mut client, sent / 3);
        assert_eq!(said(&mut client.machine), QUESTION);
        for second in [10, 11, 12] {
            client.machine.handle_timeout(at(second));
            answer(&mut client, sent / 3);
            assert!(!said(&mut client.machine).contains(QUESTION), "{second}");
            client.machine.handle_timeout(at(second));
            assert_eq!(client.machine.poll_timeout(), Some(at(second + 1)));
            client.machine.handle_timeout(at(second));
            assert_eq!(said(&mut client.machine), "");
            client.machine.handle_timeout(at(second + 1));
            assert_eq!(said(&mut client.machine), QUESTION, "{second}");
        }
        answer(&mut client, sent);
        assert_eq!(said(&mut client.machine), "");
        assert_eq!(client.machine.poll_timeout(), None);
    }
}

/// What was sent after the question is no reason to wait, however little that was about.
#[test]
fn an_answer_is_followed_by_the_question_about_what_was_sent_meanwhile() {
    let policy = StreamManagement::new().with_queue_bytes(64 * 1024);
    let mut client = managed(&policy);
    said(&mut client.machine);
    let (sent, output) = fill(&mut client);
    assert_eq!(output.matches(QUESTION).count(), 1);
    // The question was about ten stanzas.
    answer(&mut client, 10);
    assert_eq!(said(&mut client.machine), QUESTION);
    answer(&mut client, sent);
    assert_eq!(said(&mut client.machine), "");
}

/// Each acknowledgement lets the wait begin again, and not each is a reason to ask.
#[test]
fn a_peer_that_acknowledges_one_stanza_after_the_other_is_asked_seldom() {
    let policy = StreamManagement::new().with_queue_bytes(64 * 1024);
    let mut client = managed(&policy);
    let (sent, _) = fill(&mut client);
    let mut questions = 0;
    for number in 1..=sent {
        answer(&mut client, number);
        questions += said(&mut client.machine).matches(QUESTION).count();
        for _ in 0..2 {
            client.machine.handle_timeout(at(20 * number));
        }
        assert!(!said(&mut client.machine).contains(QUESTION));
        assert!(client.told.closed.is_none());
    }
    assert!((5..=8).contains(&questions), "{questions}");
    assert_eq!(client.machine.poll_timeout(), None);
}

/// Its answers are no sign of life while the application waits for room.
#[test]
fn a_peer_that_answers_and_never_acknowledges_is_given_up() {
    let policy = StreamManagement::new().with_queue_bytes(64 * 1024);
    let mut client = managed(&policy);
    let (sent, _) = fill(&mut client);
    answer(&mut client, 0);
    let mut second = 10;
    while client.told.closed.is_none() {
        client.machine.handle_timeout(at(second));
        if said(&mut client.machine).contains(QUESTION) {
            answer(&mut client, 0);
        }
        while client.poll() {}
        second += 1;
        assert!(second < 60, "the peer is asked without end");
    }
    assert!(second > 10 + 30);
    assert_eq!(
        client.told.closed,
        Some(CloseReason::TimedOut(Timer::Acknowledgement))
    );
    let session = client.machine.take_resumption().unwrap();
    assert_eq!(session.into_unacknowledged().len() as u64, sent);
}

/// It would keep an application waiting for room as well.
#[test]
fn a_peer_that_never_agrees_to_manage_the_stream_is_given_up() {
    let policy = StreamManagement::new().with_queue_bytes(64 * 1024);
    let mut client = bound(&policy);
    let (sent, output) = fill(&mut client);
    assert!(!output.contains(QUESTION));
    // The first call that carries a time begins the idle time, the next one this wait.
    for _ in 0..2 {
        client.machine.handle_timeout(at(10));
    }
    assert_eq!(client.machine.poll_timeout(), Some(at(40)));
    client.machine.handle_timeout(at(40));
    while client.poll() {}
    assert_eq!(
        client.told.closed,
        Some(CloseReason::TimedOut(Timer::Acknowledgement))
    );
    assert!(client.machine.take_resumption().is_none());
    assert_eq!(client.machine.take_unacknowledged().len() as u64, sent);
}

/// Where the application does not wait for room, the peer has all the time that it wants.
#[test]
fn a_peer_that_does_not_agree_is_awaited_while_there_is_room() {
    let mut client = bound(&StreamManagement::new().with_queue_bytes(64 * 1024));
    client.machine.send(&message("1")).unwrap();
    said(&mut client.machine);
    for second in [10, 10, 50, 90] {
        client.machine.handle_timeout(at(second));
    }
    while client.poll() {}
    assert!(client.told.closed.is_none());
}

/// The peer agrees in time, and is asked.
#[test]
fn a_peer_that_agrees_late_is_asked_at_once() {
    let policy = StreamManagement::new().with_queue_bytes(64 * 1024);
    let mut client = bound(&policy);
    let (sent, output) = fill(&mut client);
    assert!(!output.contains(QUESTION));
    hear(&mut client, "<enabled xmlns='urn:xmpp:sm:3'/>");
    assert_eq!(said(&mut client.machine), QUESTION);
    answer(&mut client, sent);
    assert_eq!(client.machine.room(), 64 * 1024);
}

/// A question is open, but its answer has come: what the peer handled since is asked for.
#[test]
fn the_end_is_a_reason_to_repeat_a_question_that_brought_nothing() {
    let policy = StreamManagement::new().with_queue_bytes(64 * 1024);
    let mut client = managed(&policy);
    let (sent, _) = fill(&mut client);
    answer(&mut client, 1);
    answer(&mut client, 1);
    said(&mut client.machine);
    client.machine.close(START, None);
    assert!(said(&mut client.machine).ends_with(&format!("{QUESTION}</stream:stream>")));
    answer(&mut client, sent);
    hear(&mut client, "</stream:stream>");
    assert!(client.machine.take_unacknowledged().is_empty());
}

/// A peer that never acknowledges ends the stream in the end, and everything comes back.
/// Each stanza takes the room of its bytes and 16 more, and its acknowledgement gives that back.
#[test]
fn the_room_in_the_queue_is_what_its_stanzas_leave() {
    let policy = StreamManagement::new().with_queue_bytes(64 * 1024);
    let mut client = managed(&policy);
    let (room, held) = (
        client.machine.room_in_queue(),
        client.machine.queued_bytes(),
    );
    let most = 64 * 1024 + Limits::default().output_backlog;
    assert_eq!((room, held), (most - 16, 0));
    client.machine.send(&message("1")).unwrap();
    let written = said(&mut client.machine).len();
    assert_eq!(client.machine.queued_bytes(), written + 16);
    assert_eq!(client.machine.room_in_queue(), room - written - 16);
    hear(&mut client, "<a xmlns='urn:xmpp:sm:3' h='1'/>");
    assert_eq!(client.machine.room_in_queue(), room);
    assert_eq!(client.machine.queued_bytes(), 0);
}

#[test]
fn a_queue_is_bounded_and_loses_nothing() {
    let policy = StreamManagement::new().with_queue_bytes(64 * 1024);
    let mut client = managed(&policy);
    let long = |id: usize| -> Stanza {
        let message = Message::chat("romeo@example.net", "x".repeat(100_000)).unwrap();
        message.with_id(&id.to_string()).into()
    };
    let mut sent = 0;
    while client.told.closed.is_none() {
        let fits = client.machine.room_in_queue() >= 100_200;
        client.machine.send(&long(sent)).unwrap();
        sent += 1;
        said(&mut client.machine);
        while client.poll() {}
        assert!(client.told.closed.is_none() || !fits);
        assert!(sent < 60, "the queue has no end");
    }
    let Some(CloseReason::Violation { why, .. }) = &client.told.closed else {
        panic!("{:?}", client.told.closed);
    };
    assert_eq!(*why, PeerMisbehaved::BacklogExceeded);
    let back = client.machine.take_unacknowledged();
    let ids: Vec<_> = back.iter().map(|one| one.stanza.id().unwrap()).collect();
    let expected: Vec<_> = (0..sent).map(|id| id.to_string()).collect();
    assert_eq!(ids, expected);
}

/// The peer does not read, so the last stanza does not fit into the output: it comes back too.
#[test]
fn what_the_output_cannot_take_is_given_back() {
    let mut limits = Limits::default();
    limits.output_backlog = 100_000;
    let policy = StreamManagement::new();
    let config = client_config(&policy).with_limits(limits);
    let mut client = managed(&policy);
    client.machine = resumed_with(config, client.machine);
    let mut sent = 0;
    while client.told.closed.is_none() {
        client.machine.send(&message(&sent.to_string())).unwrap();
        sent += 1;
        while client.poll() {}
        assert!(sent < 10_000);
    }
    assert_eq!(client.machine.take_unacknowledged().len(), sent);
}

/// A question that has no room is put off, also by a policy that asks at once: a deadline that stays in
/// the past would make the driver call without end while the peer reads nothing.
#[test]
fn a_question_without_room_is_put_off() {
    let mut limits = Limits::default();
    limits.output_backlog = 100_000;
    let policy = StreamManagement::new()
        .with_ask_after(u32::MAX, usize::MAX)
        .with_ask_after_silence(Duration::ZERO);
    let config = client_config(&policy).with_limits(limits);
    let mut client = managed(&policy);
    client.machine = resumed_with(config, client.machine);
    // Fill the output to the byte.
    let empty = message("").element().to_xml().len() - " xmlns='jabber:client'".len();
    while client.machine.room() > 2 * empty {
        client.machine.send(&message("")).unwrap();
    }
    let id = "1".repeat(client.machine.room() - empty);
    client.machine.send(&message(&id)).unwrap();
    assert_eq!(client.machine.room(), 0);
    hear(&mut client, QUESTION);
    for _ in 0..5 {
        client.machine.handle_timeout(at(1));
    }
    assert!(client.machine.poll_timeout() > Some(at(1)));
    // Once there is room, the question is asked.
    let unasked = said(&mut client.machine);
    client.machine.handle_timeout(at(3));
    assert_eq!(said(&mut client.machine), QUESTION);
    assert!(!unasked.contains(QUESTION));
}

/// The same session with another configuration.
fn resumed_with(
    config: xmppwire::ClientConfig,
    mut machine: Connection<Client>,
) -> Connection<Client> {
    let policy = StreamManagement::new();
    let resumption = machine.take_resumption().unwrap();
    let (entropy, tls) = (
        xmppwire::Entropy::from_seed([9; 32]),
        xmppwire::TlsInfo::default(),
    );
    let mut client = Juliet::new(&policy, 1, None);
    client.machine = Client::with_direct_tls(config, entropy, START, tls);
    // The server's side of it, from the format of a client's.
    let mut bytes = resumption.to_bytes();
    bytes[5] = 2;
    let detached = xmppwire::Detached::from_bytes(&bytes).unwrap();
    client.machine.resume(resumption).unwrap();
    let mut sessions = sessions();
    assert!(sessions.insert(START, detached).is_empty());
    let mut server = Verona::new(&policy, 2);
    settle(
        &mut client,
        &mut server,
        &mut Wire::default(),
        &mut sessions,
    );
    assert_eq!(client.told.events, ["resumed"]);
    client.machine
}

/// A stanza that was sent and not written is in the session as well, also one that is half written.
#[test]
fn what_was_not_written_is_in_the_session() {
    for written in 0..150 {
        let mut client = managed(&StreamManagement::new());
        for id in ["1", "2", "3"] {
            client.machine.send(&message(id)).unwrap();
        }
        client.machine.consume_output(written);
        client.machine.receive_eof(START);
        while client.poll() {}
        // Sent too late, and not lost.
        client.machine.send(&message("4")).unwrap();
        let session = client.machine.take_resumption().unwrap();
        let ids: Vec<_> = session
            .into_unacknowledged()
            .iter()
            .map(|one| (one.number, one.stanza.id().unwrap().to_owned()))
            .collect();
        let expected = [1, 2, 3, 4].map(|n| (n, n.to_string()));
        assert_eq!(ids, expected, "{written} bytes written");
    }
}

/// On a managed stream the check of a silent peer is a question, so no ping is counted and kept.
#[test]
fn a_silent_peer_is_asked_what_it_has_handled() {
    let mut client = managed(&StreamManagement::new());
    client.machine.set_keep_alive(Some(KeepAlive::ping()));
    client.machine.handle_timeout(at(1));
    client.machine.handle_timeout(at(301));
    assert_eq!(said(&mut client.machine), QUESTION);
    assert_eq!(client.machine.sent(), Some(0));
    client.machine.handle_timeout(at(302));
    client.machine.handle_timeout(at(332));
    while client.poll() {}
    assert_eq!(
        client.told.closed,
        Some(CloseReason::TimedOut(Timer::KeepAlive))
    );
    assert_eq!(
        said(&mut client.machine),
        "",
        "no closing tag ends the session"
    );
    assert!(client.machine.take_resumption().is_some());
}

/// An event that the application does not take keeps the answer from being read.
#[test]
fn a_slow_application_does_not_make_its_peer_look_dead() {
    let mut client = managed(&StreamManagement::new());
    client.machine.send(&message("1")).unwrap();
    client.machine.handle_timeout(at(1));
    client.machine.handle_timeout(at(2));
    said(&mut client.machine);
    client.machine.handle_timeout(at(3));
    let text = b"<message from='romeo@example.net'/>";
    client.machine.receive(at(4), text);
    for second in [40, 80, 120] {
        client.machine.handle_timeout(at(second));
    }
    assert!(matches!(
        client.machine.poll_event(),
        Some(ClientEvent::Stanza(_))
    ));
    assert!(client.machine.poll_event().is_none());
    assert!(client.machine.wants_read());
}
