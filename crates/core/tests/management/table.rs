//! The sessions that wait at a server.

use xmppwire::{
    CloseReason, Detached, DetachedLimits, DetachedSessions, FullJid, PeerMisbehaved, PushError,
    ResumeAnswer, Resumption, ServerEvent, StreamManagement,
};

use crate::support::{Juliet, Login, START, Verona, Wire, at, message, sessions, settle};
use crate::taking::asked;

/// A session in the format of a client (1) or a server (2). The client has sent seven stanzas, which the
/// server has handled.
pub fn stored(side: u8, id: &str, jid: &str, seconds: u32) -> Vec<u8> {
    let mut bytes = b"XWSM\x01".to_vec();
    bytes.push(side);
    let (handled, acknowledged): (u32, u64) = if side == 1 { (0, 7) } else { (7, 0) };
    bytes.extend(handled.to_be_bytes());
    bytes.extend(acknowledged.to_be_bytes());
    bytes.extend(seconds.to_be_bytes());
    for text in [id, jid, ""] {
        bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes.extend(0_u32.to_be_bytes());
    bytes
}

pub fn session(id: &str, jid: &str, seconds: u32) -> Detached {
    Detached::from_bytes(&stored(2, id, jid, seconds)).unwrap()
}

fn jid(text: &str) -> FullJid {
    FullJid::new(text).unwrap()
}

#[test]
fn time_ends_sessions() {
    let mut sessions = sessions();
    for (id, jid, seconds) in [
        ("a", "a@x/1", 30),
        ("b", "b@x/1", 0),
        ("c", "c@x/1", 10_000),
    ] {
        assert!(sessions.insert(at(0), session(id, jid, seconds)).is_empty());
    }
    assert_eq!(sessions.poll_timeout(), Some(at(30)));
    assert!(sessions.expire(at(29)).is_none());
    assert_eq!(sessions.expire(at(30)).unwrap().id(), "a");
    assert!(sessions.expire(at(30)).is_none());
    assert_eq!(sessions.poll_timeout(), Some(at(300)));
    assert!(sessions.expire(at(300)).is_some() && sessions.expire(at(300)).is_some());
    assert!(sessions.is_empty() && sessions.poll_timeout().is_none());
    assert_eq!(sessions.bytes(), 0);
}

/// Otherwise a client could keep a session for ever, with counts that are too high.
#[test]
fn a_refused_resumption_leaves_a_session_the_time_it_had() {
    const BALCONY: &str = "juliet@example.org/balcony";
    let mut sessions = sessions();
    assert!(sessions.insert(at(0), session("a", BALCONY, 30)).is_empty());
    for (seed, second) in [(1, 10), (2, 20)] {
        let policy = StreamManagement::new();
        let mut bytes = stored(1, "a", BALCONY, 30);
        // The client says that it has handled a stanza. It was sent none.
        bytes[9] = 1;
        let resumption = Resumption::from_bytes(&bytes).unwrap();
        let mut client = Juliet::new(&policy, seed, Some(resumption));
        let mut server = Verona::new(&policy, seed);
        server.now = at(second);
        settle(
            &mut client,
            &mut server,
            &mut Wire::default(),
            &mut sessions,
        );
        let Some(CloseReason::Violation { why, .. }) = server.told.closed else {
            panic!("{:?}", server.told.closed);
        };
        let (handled, sent) = (1, 0);
        assert_eq!(why, PeerMisbehaved::HandledTooHigh { handled, sent });
        assert_eq!(sessions.len(), 1);
        assert_eq!(sessions.poll_timeout(), Some(at(30)), "at {second}");
    }
    assert_eq!(sessions.expire(at(30)).unwrap().id(), "a");
}

#[test]
fn an_account_has_so_many_sessions() {
    let mut limits = DetachedLimits::default();
    limits.per_account = 2;
    let mut sessions = DetachedSessions::new(limits);
    let ended = |list: Vec<Detached>| list.iter().map(|s| s.id().to_owned()).collect::<Vec<_>>();
    assert!(ended(sessions.insert(at(0), session("1", "a@x/1", 0))).is_empty());
    assert!(ended(sessions.insert(at(1), session("2", "a@x/2", 0))).is_empty());
    assert!(ended(sessions.insert(at(2), session("3", "b@x/1", 0))).is_empty());
    assert_eq!(
        ended(sessions.insert(at(3), session("4", "a@x/4", 0))),
        ["1"]
    );
    // The same address and the same id have one session.
    assert_eq!(
        ended(sessions.insert(at(4), session("5", "a@x/4", 0))),
        ["4"]
    );
    assert_eq!(
        ended(sessions.insert(at(5), session("3", "c@x/1", 0))),
        ["3"]
    );
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions.bytes(), 3 * 1024);
    assert_eq!(
        sessions.jids().map(FullJid::as_str).collect::<Vec<_>>(),
        ["a@x/2", "a@x/4", "c@x/1"]
    );
}

#[test]
fn bytes_are_bounded() {
    let mut limits = DetachedLimits::default();
    limits.total_bytes = 10 * 1024;
    limits.session_bytes = 2 * 1024;
    let mut sessions = DetachedSessions::new(limits);
    assert!(sessions.insert(at(0), session("1", "a@x/1", 0)).is_empty());
    let mut pushed = 0;
    while sessions.push(&jid("a@x/1"), &message("m")).is_ok() {
        pushed += 1;
        assert!(pushed < 100, "the session is never full");
    }
    assert!((5..40).contains(&pushed), "{pushed}");
    let full = sessions.push(&jid("a@x/1"), &message("m"));
    assert_eq!(full, Err(PushError::Full));
    assert!(sessions.contains(&jid("a@x/1")) && !sessions.contains(&jid("a@x/2")));
    let unknown = sessions.push(&jid("b@x/1"), &message("m"));
    assert_eq!(unknown, Err(PushError::Unknown));
    let before = sessions.bytes();
    assert!((1024..=3 * 1024).contains(&before), "{before}");
    // The oldest ones make room.
    let mut ended = 0;
    for n in 0..20 {
        let one = session(&format!("n{n}"), &format!("n{n}@x/1"), 0);
        ended += sessions.insert(at(1 + n), one).len();
        assert!(sessions.bytes() <= 10 * 1024);
    }
    assert_eq!(ended + sessions.len(), 21);
    assert!(!sessions.contains(&jid("a@x/1")));
}

/// What fits to the byte is in, for a session and for all together, and a byte more is not.
#[test]
fn the_limits_of_bytes_are_exact() {
    let mut sessions = sessions();
    assert!(sessions.insert(at(0), session("1", "a@x/1", 0)).is_empty());
    assert_eq!(sessions.push(&jid("a@x/1"), &message("m")), Ok(1));
    assert!(!sessions.is_empty());
    let one = sessions.bytes() - 1024;

    let all = usize::MAX;
    for (of_session, of_all) in [
        (2 * one, all),
        (3 * one - 1, all),
        (all, 1024 + 2 * one),
        (all, 1024 + 3 * one - 1),
    ] {
        let mut limits = DetachedLimits::default();
        (limits.session_bytes, limits.total_bytes) = (of_session, of_all);
        let mut sessions = DetachedSessions::new(limits);
        assert!(sessions.insert(at(0), session("1", "a@x/1", 0)).is_empty());
        let mut push = || sessions.push(&jid("a@x/1"), &message("m"));
        let pushed = [push(), push(), push()];
        assert_eq!(pushed, [Ok(1), Ok(2), Err(PushError::Full)]);
    }

    let mut limits = DetachedLimits::default();
    limits.total_bytes = 2 * 1024;
    let mut sessions = DetachedSessions::new(limits);
    for (second, ended) in [0, 0, 1].into_iter().enumerate() {
        let id = second.to_string();
        let one = session(&id, &format!("{id}@x/1"), 0);
        assert_eq!(sessions.insert(at(second as u64), one).len(), ended);
    }
}

/// A session is for the account that it is of, until its time is over. Another account learns nothing.
#[test]
fn a_session_is_given_to_its_account_in_time() {
    let own = "juliet@example.org/balcony";
    for (id, of, second, given) in [
        ("own", own, 29, true),
        ("own", own, 30, false),
        ("own", "mallet@example.org/balcony", 29, false),
        ("other", own, 29, false),
    ] {
        let (_, _, request) = asked(Login::Sasl, "own");
        let mut sessions = sessions();
        assert!(sessions.insert(at(0), session(id, of, 30)).is_empty());
        match sessions.answer(at(second), &request) {
            ResumeAnswer::Resume(detached) => assert!(given && detached.id() == id),
            ResumeAnswer::Unknown { handled } => assert!(!given && handled.is_none()),
            other => panic!("{other:?}"),
        }
        assert_eq!(sessions.is_empty(), given);
    }
}

/// A client that comes too late is told what its session had handled, as long as that is remembered.
#[test]
fn what_the_last_sessions_had_handled_is_remembered() {
    for (remembered, known) in [
        (0, [None; 3]),
        (2, [None, Some(7), Some(7)]),
        (3, [Some(7); 3]),
    ] {
        let mut limits = DetachedLimits::default();
        limits.remembered = remembered;
        let mut sessions = DetachedSessions::new(limits);
        for id in ["1", "2", "3"] {
            let one = session(id, "juliet@example.org/balcony", 30);
            assert!(sessions.insert(at(0), one).is_empty());
            assert!(sessions.expire(at(30)).is_some());
        }
        for (id, known) in ["1", "2", "3"].into_iter().zip(known) {
            let (_, _, request) = asked(Login::Sasl, id);
            let answer = sessions.answer(at(31), &request);
            let ResumeAnswer::Unknown { handled } = answer else {
                panic!("{answer:?}");
            };
            assert_eq!(handled, known, "{remembered} {id}");
        }
    }
}

/// The client is back before the server has noticed that its old connection is dead.
#[test]
fn a_session_moves_from_a_connection_that_is_still_open() {
    let policy = StreamManagement::new();
    let (mut client, mut server) = (Juliet::new(&policy, 1, None), Verona::new(&policy, 2));
    let (mut wire, mut sessions) = (Wire::default(), sessions());
    settle(&mut client, &mut server, &mut wire, &mut sessions);
    server.machine.send(&message("1")).unwrap();
    // The server's application has not taken this one, so its client sends it again.
    client.machine.send(&message("2")).unwrap();
    let bytes = client.machine.take_output();
    server.machine.receive(START, &bytes);
    client.machine.receive_eof(START);
    while client.poll() {}
    let resumption = client.machine.take_resumption().unwrap();
    let mut client = Juliet::new(&policy, 3, Some(resumption));
    let mut second = Verona::new(&policy, 4);
    second.old = Some(Box::new(server));
    settle(
        &mut client,
        &mut second,
        &mut Wire::default(),
        &mut sessions,
    );
    assert_eq!(client.told.events, ["resumed"]);
    assert_eq!(client.told.stanzas, ["1"]);
    assert_eq!(second.told.stanzas, ["2"]);
    let mut old = second.old.unwrap();
    let said = String::from_utf8(old.machine.take_output()).unwrap();
    assert!(said.ends_with(
        "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>\
         </stream:stream>"
    ));
    let event = old.machine.poll_event();
    assert!(matches!(
        event,
        Some(ServerEvent::Closed(CloseReason::Local))
    ));
    assert!(old.machine.detach().is_none());
    assert!(old.machine.take_unacknowledged().is_empty());
}
