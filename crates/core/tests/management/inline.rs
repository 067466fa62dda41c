//! Stream management inside SASL2 and Bind 2 (XEP-0198 §9.2, §9.3).

use xmppwire::{
    ApiMisuse, CloseReason, Message, ResumeAnswer, ResumeRequest, ServerEvent,
    StreamErrorCondition, StreamManagement,
};

use crate::support::{Juliet, Login, START, Verona, Wire, message, read, sessions, settle, write};

/// Moves bytes and events until nothing changes, and returns what each side wrote.
fn talk(
    client: &mut Juliet,
    server: &mut Verona,
    sessions: &mut xmppwire::DetachedSessions,
) -> (String, String) {
    let (mut of_client, mut of_server) = (String::new(), String::new());
    let mut wire = Wire::default();
    let text = |bytes: &std::collections::VecDeque<u8>| {
        String::from_utf8(bytes.iter().copied().collect()).unwrap()
    };
    loop {
        let mut moved = write(&mut client.machine, &mut wire.to_server, usize::MAX);
        of_client += &text(&wire.to_server);
        while read(&mut server.machine, &mut wire.to_server, usize::MAX) | server.poll(sessions) {
            moved = true;
        }
        moved |= write(&mut server.machine, &mut wire.to_client, usize::MAX);
        of_server += &text(&wire.to_client);
        while read(&mut client.machine, &mut wire.to_client, usize::MAX) | client.poll() {
            moved = true;
        }
        if !moved {
            return (of_client, of_server);
        }
    }
}

fn ends(policy: &StreamManagement) -> (Juliet, Verona) {
    let client = Juliet::with_login(policy, Login::Sasl2, 1, None);
    (client, Verona::new(policy, 2))
}

#[test]
fn a_session_is_managed_from_its_success_on() {
    let policy = StreamManagement::new();
    let (mut client, mut server) = ends(&policy);
    let mut sessions = sessions();
    let (of_client, of_server) = talk(&mut client, &mut server, &mut sessions);
    assert!(client.bound && client.managed && server.managed.is_some());
    assert_eq!(of_client.matches("<enable ").count(), 1, "{of_client}");
    assert!(of_client.ends_with("</authenticate>"), "{of_client}");
    let (_, success) = of_server
        .split_once("<bound xmlns='urn:xmpp:bind:0'><enabled ")
        .unwrap();
    assert!(
        // The offer of management is not repeated for a session that is managed.
        success.ends_with("</bound></success><stream:features/>"),
        "{success}"
    );
    // What is sent behind the success counts, on both sides.
    client.machine.send(&message("c1")).unwrap();
    server.machine.send(&message("s1")).unwrap();
    client.machine.request_acknowledgement();
    server.machine.request_acknowledgement();
    talk(&mut client, &mut server, &mut sessions);
    assert_eq!((client.told.acknowledged, server.told.acknowledged), (1, 1));
    assert_eq!(
        (client.told.stanzas.len(), server.told.stanzas.len()),
        (1, 1)
    );
}

/// The connection is lost with a stanza on its way in each direction, and resumed in one element.
#[test]
fn a_session_is_resumed_with_the_login() {
    let policy = StreamManagement::new();
    let (mut client, mut server) = ends(&policy);
    let mut sessions = sessions();
    talk(&mut client, &mut server, &mut sessions);
    client.machine.send(&message("c1")).unwrap();
    server.machine.send(&message("s1")).unwrap();
    let resumption = client.machine.take_resumption().unwrap();
    server.machine.receive_eof(START);
    while server.poll(&mut sessions) {}

    let mut client = Juliet::with_login(&policy, Login::Sasl2, 3, Some(resumption));
    let mut server = Verona::new(&policy, 4);
    let (of_client, of_server) = talk(&mut client, &mut server, &mut sessions);
    assert_eq!(client.told.events, ["resumed"]);
    assert_eq!(server.told.events, ["resumed"]);
    let (login, rest) = of_client.split_once("</authenticate>").unwrap();
    // The client asks for both, and the server does one of them.
    assert!(login.contains("<resume ") && login.contains("<bind xmlns='urn:xmpp:bind:0'>"));
    assert!(rest.contains("id='c1'"), "{rest}");
    let (success, rest) = of_server.split_once("</success>").unwrap();
    assert!(
        success.contains("<resumed ") && !success.contains("<bound "),
        "{success}"
    );
    // No features follow (XEP-0198 §9.2).
    assert!(
        !rest.contains("features") && rest.contains("id='s1'"),
        "{rest}"
    );
    assert_eq!(
        (&*client.told.stanzas, &*server.told.stanzas),
        (&["s1".into()][..], &["c1".into()][..])
    );
}

/// The server has forgotten the session: the same element binds a new one, and the client gets back
/// what was not acknowledged.
#[test]
fn a_forgotten_session_is_replaced_with_the_login() {
    let policy = StreamManagement::new();
    let (mut client, mut server) = ends(&policy);
    talk(&mut client, &mut server, &mut sessions());
    client.machine.send(&message("c1")).unwrap();
    let resumption = client.machine.take_resumption().unwrap();

    let mut client = Juliet::with_login(&policy, Login::Sasl2, 3, Some(resumption));
    let mut server = Verona::new(&policy, 4);
    let (_, of_server) = talk(&mut client, &mut server, &mut sessions());
    assert_eq!(client.told.events, ["not resumed"]);
    assert_eq!(client.given_back, ["c1"]);
    assert!(client.bound && client.managed);
    let (success, _) = of_server.split_once("</success>").unwrap();
    let (_, success) = success.split_once("<failed ").unwrap();
    assert!(success.contains("<bound "), "{success}");
    assert!(client.machine.take_resumption().is_some());
}

/// A server that asks its application about a session, and the question.
fn asked_to_resume(seed: u8) -> (Verona, ResumeRequest) {
    let policy = StreamManagement::new();
    let (mut client, mut server) = ends(&policy);
    talk(&mut client, &mut server, &mut sessions());
    let resumption = client.machine.take_resumption();

    let mut client = Juliet::with_login(&policy, Login::Sasl2, 3, resumption);
    let mut server = Verona::new(&policy, seed);
    server.machine.receive(START, &client.machine.take_output());
    while server.poll(&mut sessions()) {}
    client.machine.receive(START, &server.machine.take_output());
    server.machine.receive(START, &client.machine.take_output());
    // The question of the login.
    assert!(server.poll(&mut sessions()));
    loop {
        match server.machine.poll_event().unwrap() {
            ServerEvent::Resume(request) => return (server, request),
            ServerEvent::Authenticated(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_session_is_not_resumed_with_the_question_of_another_connection() {
    let ((mut server, request), (_, foreign)) = (asked_to_resume(4), asked_to_resume(5));
    let unknown = || ResumeAnswer::Unknown { handled: None };
    server.machine.take_output();
    let stale = server.machine.answer_resume(foreign, unknown());
    assert_eq!(stale.unwrap_err(), ApiMisuse::StaleRequest);
    assert_eq!(server.machine.output(), b"");
    assert!(server.machine.answer_resume(request, unknown()).is_ok());
}

/// A session that the application gives too late, after the login was sent, is given back.
#[test]
fn a_session_that_comes_too_late_is_not_lost() {
    let policy = StreamManagement::new();
    let (mut client, mut server) = ends(&policy);
    talk(&mut client, &mut server, &mut sessions());
    client.machine.send(&message("c1")).unwrap();
    let resumption = client.machine.take_resumption().unwrap();

    let (mut client, mut server) = (
        Juliet::with_login(&policy, Login::Sasl2, 3, None),
        Verona::new(&policy, 4),
    );
    let mut wire = Wire::default();
    let header = client.machine.take_output();
    server.machine.receive(START, &header);
    while server.poll(&mut sessions()) {}
    let features = server.machine.take_output();
    client.machine.receive(START, &features);
    assert!(client.machine.output().ends_with(b"</authenticate>"));
    if let Err(refused) = client.machine.resume(resumption) {
        assert_eq!(refused.resumption.into_unacknowledged().len(), 1);
        return;
    }
    settle(&mut client, &mut server, &mut wire, &mut sessions());
    assert_eq!(client.given_back, ["c1"]);
}

/// Loses a session and resumes it, on a host that offers more, with an inactive client.
fn resumed(
    login: Login,
    offer: impl Fn(xmppwire::Host) -> xmppwire::Host,
) -> (Juliet, Verona, xmppwire::DetachedSessions) {
    let policy = StreamManagement::new();
    let mut client = Juliet::with_login(&policy, login, 1, None);
    let mut server = Verona::new(&policy, 2).offering(&offer);
    let mut sessions = sessions();
    talk(&mut client, &mut server, &mut sessions);
    let resumption = client.machine.take_resumption().unwrap();
    server.machine.receive_eof(START);
    while server.poll(&mut sessions) {}

    let mut client = Juliet::with_login(&policy, login, 3, Some(resumption));
    client.machine.set_active(false);
    let mut server = Verona::new(&policy, 4).offering(offer);
    talk(&mut client, &mut server, &mut sessions);
    assert_eq!(client.told.events, ["resumed"]);
    (client, server, sessions)
}

/// A session that continues begins as active (XEP-0352 §5.2), and the client can say otherwise.
#[test]
fn a_resumed_client_tells_its_state() {
    for login in [Login::Sasl, Login::Sasl2] {
        let (mut client, mut server, mut sessions) = resumed(login, xmppwire::Host::with_csi);
        assert_eq!(server.told.events, ["resumed", "inactive"], "{login:?}");
        client.machine.set_active(true);
        talk(&mut client, &mut server, &mut sessions);
        assert_eq!(server.told.events, ["resumed", "inactive", "active"]);

        // A server that does not offer it is told nothing.
        let (mut client, mut server, mut sessions) = resumed(login, |host| host);
        client.machine.set_active(true);
        talk(&mut client, &mut server, &mut sessions);
        assert_eq!(server.told.events, ["resumed"], "{login:?}");
    }
}

/// What a server announces of its limits before authentication (XEP-0478) does not hold after it.
#[test]
fn a_resumed_client_does_not_keep_the_limits_of_strangers() {
    for login in [Login::Sasl, Login::Sasl2] {
        let (mut client, mut server, mut sessions) =
            resumed(login, xmppwire::Host::with_stream_limits);
        let long = Message::chat("romeo@example.net", "O".repeat(20_000)).unwrap();
        client.machine.send(&long.with_id("long").into()).unwrap();
        talk(&mut client, &mut server, &mut sessions);
        assert_eq!(server.told.stanzas, ["long"], "{login:?}");
    }
}

/// A server that keeps its sessions over a restart says so with the error, and the client comes back.
#[test]
fn a_session_is_detached_with_the_error_that_is_asked_for() {
    let policy = StreamManagement::new();
    for login in [Login::Sasl, Login::Sasl2] {
        let mut client = Juliet::with_login(&policy, login, 1, None);
        let mut server = Verona::new(&policy, 2);
        let mut sessions = sessions();
        talk(&mut client, &mut server, &mut sessions);
        server.machine.send(&message("s1")).unwrap();
        let error = StreamErrorCondition::SystemShutdown;
        let detached = server.machine.detach_with(error).unwrap();
        assert!(sessions.insert(START, detached).is_empty());
        assert!(server.machine.detach().is_none());
        talk(&mut client, &mut server, &mut sessions);
        match &client.told.closed {
            Some(CloseReason::PeerError(told)) => assert_eq!(told.condition(), error),
            end => panic!("{end:?}"),
        }
        let taken = client.told.stanzas.len();

        let resumption = client.machine.take_resumption();
        assert!(resumption.is_some());
        let mut client = Juliet::with_login(&policy, login, 3, resumption);
        let mut server = Verona::new(&policy, 4);
        talk(&mut client, &mut server, &mut sessions);
        assert_eq!(client.told.events, ["resumed"]);
        assert_eq!(taken + client.told.stanzas.len(), 1, "once");
    }
}
