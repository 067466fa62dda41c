//! Who takes a session from where, and what it says of itself.

use core::time::Duration;

use xmppwire::{
    ClientEvent, CloseReason, ResumeAnswer, ResumeRequest, Resumption, ServerEvent,
    StreamManagement, WhyNotResumed,
};

use crate::support::{
    Juliet, Login, START, Verona, Wire, hear, juliet, managed, message, read, said, sessions,
    settle, settle_with, write,
};
use crate::table::{session, stored};

/// A server that asks its application about the session with this id, the question, and the client.
pub fn asked(login: Login, id: &str) -> (Juliet, Verona, ResumeRequest) {
    let policy = StreamManagement::new();
    let resumption = Resumption::from_bytes(&stored(1, id, juliet().as_str(), 0));
    let mut client = Juliet::with_login(&policy, login, 3, resumption.ok());
    let (mut server, mut wire) = (Verona::new(&policy, 4), Wire::default());
    for _ in 0..100 {
        write(&mut client.machine, &mut wire.to_server, usize::MAX);
        read(&mut server.machine, &mut wire.to_server, usize::MAX);
        match server.machine.poll_event() {
            Some(ServerEvent::Resume(request)) => return (client, server, request),
            Some(event) => server.handle(event, &mut sessions()),
            None => {}
        }
        write(&mut server.machine, &mut wire.to_client, usize::MAX);
        read(&mut client.machine, &mut wire.to_client, usize::MAX);
        client.poll();
    }
    panic!("the client does not ask for its session");
}

/// The id of a session is a secret, and `Debug` tells whose session is asked for.
#[test]
fn a_question_is_shown_without_the_id() {
    let (_, _, request) = asked(Login::Sasl, "own-id");
    let shown = format!("{request:?}");
    assert!(shown.contains("juliet@example.org"), "{shown}");
    assert!(!shown.contains("own-id"), "{shown}");
}

/// An application that answers with another session than the one that was asked for, by its own fault,
/// gets it back. The client learns nothing of it.
#[test]
fn only_the_session_that_was_asked_for_is_resumed() {
    for login in [Login::Sasl, Login::Sasl2] {
        for (id, of, resumed) in [
            ("own", "juliet@example.org/balcony", true),
            ("own", "mallet@example.org/balcony", false),
            ("other", "juliet@example.org/balcony", false),
        ] {
            let (mut client, mut server, request) = asked(login, "own");
            let answer = ResumeAnswer::Resume(session(id, of, 0));
            let back = server.machine.answer_resume(request, answer).unwrap();
            assert_eq!(back.is_none(), resumed, "{login:?} {id} {of}");
            if let Some(back) = back {
                assert_eq!((back.id(), back.jid().as_str()), (id, of));
            }
            let wire = &mut Wire::default();
            settle(&mut client, &mut server, wire, &mut sessions());
            let outcome = if resumed { "resumed" } else { "not resumed" };
            assert_eq!(client.told.events, [outcome], "{login:?} {id} {of}");
        }
    }
}

/// A session that waits for the login of its new connection can be taken back: that one ends.
#[test]
fn a_session_is_taken_back_before_it_is_resumed() {
    let before = stored(1, "own", juliet().as_str(), 0);
    let resumption = Resumption::from_bytes(&before).unwrap();
    let mut client = Juliet::new(&StreamManagement::new(), 1, Some(resumption));
    let resumption = client.machine.take_resumption().unwrap();
    assert_eq!(resumption.to_bytes(), before);
    assert_eq!(client.machine.output(), b"");
    assert!(!client.machine.wants_read());
    while client.poll() {}
    assert_eq!(client.told.closed, Some(CloseReason::Local));
}

#[test]
fn a_session_that_is_being_closed_cannot_be_taken() {
    let mut client = managed(&StreamManagement::new());
    client.machine.send(&message("1")).unwrap();
    client.machine.close(START, None);
    assert!(client.machine.take_resumption().is_none());
    // The closing handshake goes on, and what was not acknowledged comes back.
    assert!(said(&mut client.machine).ends_with("</stream:stream>"));
    hear(&mut client, "</stream:stream>");
    assert_eq!(client.told.closed, Some(CloseReason::Local));
    assert!(client.machine.take_resumption().is_none());
    assert_eq!(client.machine.take_unacknowledged().len(), 1);
}

/// To ask for a session that cannot be resumed does not end the stream.
#[test]
fn a_session_that_cannot_be_resumed_is_not_taken() {
    let yes = StreamManagement::new();
    let no = StreamManagement::new().with_resumption(false);
    for (of_client, of_server) in [(&yes, &no), (&no, &yes)] {
        let mut client = Juliet::new(of_client, 1, None);
        let mut server = Verona::new(of_server, 2);
        let (mut wire, mut sessions) = (Wire::default(), sessions());
        settle(&mut client, &mut server, &mut wire, &mut sessions);
        assert!(client.bound && !client.managed && server.managed.is_none());
        assert!(client.machine.take_resumption().is_none());
        assert!(server.machine.detach().is_none());
        // It is managed all the same.
        client.machine.send(&message("1")).unwrap();
        client.machine.request_acknowledgement();
        settle(&mut client, &mut server, &mut wire, &mut sessions);
        assert_eq!(server.told.stanzas, ["1"]);
        assert_eq!(client.told.acknowledged, 1);
    }
}

#[test]
fn a_server_that_has_closed_detaches_nothing() {
    let policy = StreamManagement::new();
    let (mut client, mut server) = (Juliet::new(&policy, 1, None), Verona::new(&policy, 2));
    let (mut wire, mut sessions) = (Wire::default(), sessions());
    settle(&mut client, &mut server, &mut wire, &mut sessions);
    server.machine.close(START, None);
    assert!(server.machine.detach().is_none());
    settle(&mut client, &mut server, &mut wire, &mut sessions);
    assert_eq!(server.told.closed, Some(CloseReason::Local));
    assert_eq!(client.told.closed, Some(CloseReason::Peer));
    assert!(server.machine.detach().is_none());
}

#[test]
fn a_client_with_a_resource_resumes_no_session() {
    let mut client = managed(&StreamManagement::new());
    let stored = stored(1, "other", juliet().as_str(), 0);
    let resumption = Resumption::from_bytes(&stored).unwrap();
    let refused = client.machine.resume(resumption).unwrap_err();
    assert_eq!(refused.why, WhyNotResumed::TooLate);
    assert_eq!(refused.resumption.to_bytes(), stored);
}

/// The event of a stanza is dropped with the stream, because the stanza comes again. Another event does
/// not come again.
#[test]
fn an_event_that_does_not_come_again_is_kept() {
    let mut client = managed(&StreamManagement::new());
    client.machine.send(&message("1")).unwrap();
    client.machine.take_output();
    let answer = b"<a xmlns='urn:xmpp:sm:3' h='1'/>";
    assert_eq!(client.machine.receive(START, answer), answer.len());
    let resumption = client.machine.take_resumption().unwrap();
    assert_eq!((resumption.acknowledged(), resumption.sent()), (1, 1));
    let event = client.machine.poll_event();
    assert!(
        matches!(event, Some(ClientEvent::Acknowledged(1))),
        "{event:?}"
    );
    while client.poll() {}
    assert_eq!(client.told.closed, Some(CloseReason::Local));
}

/// Both ends of a session tell how long it waits, and what was sent on it.
#[test]
fn a_session_says_what_it_knows() {
    for (change, max) in [("max='300'", Some(300)), ("max='7'", Some(7)), ("", None)] {
        let policy = StreamManagement::new();
        let (mut client, mut server) = (Juliet::new(&policy, 1, None), Verona::new(&policy, 2));
        let mut sessions = sessions();
        settle_with(
            &mut client,
            &mut server,
            &mut sessions,
            str::to_owned,
            |text| text.replace("max='300'", change),
        );
        for id in ["1", "2", "3"] {
            server.machine.send(&message(id)).unwrap();
        }
        server.machine.receive_eof(START);
        while server.poll(&mut sessions) {}
        let detached = sessions.remove(&juliet()).unwrap();
        assert_eq!(detached.sent(), 3);
        assert_eq!(detached.max(), Some(Duration::from_secs(300)));
        let resumption = client.machine.take_resumption().unwrap();
        assert_eq!(resumption.max(), max.map(Duration::from_secs));
        assert_eq!((resumption.acknowledged(), resumption.sent()), (0, 0));
    }
}
