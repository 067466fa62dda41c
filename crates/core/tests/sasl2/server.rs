//! What a server offers, reads and tells of a login by SASL2.

use xmppwire::{
    BareJid, BindAnswer, BindRequest, Connection, DecoyKey, Element, Entropy, Host, HostAnswer,
    Mechanism, Sasl2, SaslAnswer, Server, ServerConfig, ServerEvent, StreamManagement, TlsInfo,
    TlsOffer, TokenPolicy, TokenUpdate,
};

use crate::NOW;

const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams' to='example.org' from='juliet@example.org'>";

pub(crate) fn host(sasl2: Sasl2) -> Host {
    Host::new(TlsOffer::Required, [Mechanism::Plain]).with_sasl2(sasl2)
}

/// A server, and the features that it offers.
pub(crate) fn offering(host: Host) -> (Connection<Server>, String) {
    let config = ServerConfig::new(DecoyKey::new([9; 32]));
    let entropy = Entropy::from_seed([3; 32]);
    let mut server = Server::with_direct_tls(config, entropy, NOW, TlsInfo::default());
    server.receive(NOW, HEADER.as_bytes());
    let Some(ServerEvent::Opened(request)) = server.poll_event() else {
        panic!("the host is asked for");
    };
    let answer = HostAnswer::Serve(host);
    server.choose_host(request, answer).unwrap();
    let wrote = String::from_utf8(server.take_output()).unwrap();
    let (_, features) = wrote.split_once("<stream:features>").unwrap();
    (server, features.to_owned())
}

/// The events that follow a login by password with this beside it, up to the first question.
pub(crate) fn logs_in(server: &mut Connection<Server>, beside: &str) -> Vec<ServerEvent> {
    let login = format!(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>\
         <initial-response>AGp1bGlldABzM2NyM3Q=</initial-response>{beside}</authenticate>"
    );
    let consumed = server.receive(NOW, login.as_bytes());
    assert_eq!(consumed, login.len());
    let Some(ServerEvent::Sasl(request)) = server.poll_event() else {
        panic!("the password is asked about");
    };
    let shown = format!("{request:?}");
    assert!(
        shown.contains("juliet") && !shown.contains("s3cr3t"),
        "{shown}"
    );
    let account = BareJid::new("juliet@example.org").unwrap();
    let answer = SaslAnswer::Accept(account);
    server.answer_sasl(request, answer).unwrap();
    core::iter::from_fn(|| server.poll_event()).collect()
}

/// The question of Bind 2, with this inside of `<bind/>`.
fn asked(server: &mut Connection<Server>, bind: &str) -> BindRequest {
    let bind = format!("<bind xmlns='urn:xmpp:bind:0'>{bind}</bind>");
    match logs_in(server, &bind).pop() {
        Some(ServerEvent::Bind(request)) => request,
        other => panic!("{other:?}"),
    }
}

/// Stream management is offered inside, with Bind 2 and without.
#[test]
fn what_is_offered_inside_stands_by_itself() {
    const SM: &str = "<sm xmlns='urn:xmpp:sm:3'/>";
    const BIND: &str = "<bind xmlns='urn:xmpp:bind:0'>";
    for (managed, binds, inline) in [
        (false, false, false),
        (true, false, true),
        (false, true, true),
        (true, true, true),
    ] {
        let sasl2 = if binds {
            Sasl2::new()
        } else {
            Sasl2::new().without_bind()
        };
        let policy = managed.then(StreamManagement::new);
        let (_, features) = offering(host(sasl2).with_stream_management(policy));
        let (_, offered) = features
            .split_once("<authentication xmlns='urn:xmpp:sasl:2'>")
            .unwrap();
        let (offered, _) = offered.split_once("</authentication>").unwrap();
        assert_eq!(offered.contains("<inline>"), inline, "{offered}");
        assert_eq!(offered.contains(SM), managed, "{offered}");
        assert_eq!(offered.contains(BIND), binds, "{offered}");
    }
}

/// The application is told what the library does not know, and nothing else.
#[test]
fn unknown_requests_of_bind2_are_told() {
    let mut server = offering(host(Sasl2::new()).with_csi()).0;
    let request = asked(
        &mut server,
        "<tag>balcony</tag><unheard xmlns='urn:xmpp:bind:0'/><active xmlns='urn:xmpp:csi:0'/>\
         <other xmlns='urn:example:other'/>",
    );
    assert_eq!(request.tag(), Some("balcony"));
    let names: Vec<_> = request.requests().iter().map(Element::name).collect();
    assert_eq!(names, ["other"]);
}

/// What is too long of a description counts as missing, and so does what is empty.
#[test]
fn the_description_of_a_client_has_a_length() {
    for (length, taken) in [(0, false), (1, true), (256, true), (257, false)] {
        let text = "x".repeat(length);
        let agent = format!(
            "<user-agent id='1'><software>{text}</software><device>{text}</device></user-agent>"
        );
        let mut server = offering(host(Sasl2::new().with_tasks())).0;
        let Some(ServerEvent::Task(question)) = logs_in(&mut server, &agent).pop() else {
            panic!("a task is asked about");
        };
        let agent = question.user_agent().unwrap();
        assert_eq!(agent.id(), "1");
        assert_eq!(agent.software(), taken.then_some(&*text), "{length}");
        assert_eq!(agent.device(), taken.then_some(&*text), "{length}");
    }
    let mut server = offering(host(Sasl2::new().with_tasks())).0;
    let Some(ServerEvent::Task(question)) = logs_in(&mut server, "").pop() else {
        panic!("a task is asked about");
    };
    assert!(question.user_agent().is_none());
}

/// The events of a login come in order: nothing is read while one of them waits.
#[test]
fn the_events_of_a_login_come_before_what_follows() {
    let host = host(Sasl2::new()).with_csi();
    let mut server = offering(host.with_stream_management(StreamManagement::new())).0;
    let request = asked(
        &mut server,
        "<inactive xmlns='urn:xmpp:csi:0'/><enable xmlns='urn:xmpp:sm:3' resume='true'/>",
    );
    let answer = BindAnswer::Bind(request.suggested().clone());
    server.answer_bind(request, answer).unwrap();
    let Some(ServerEvent::Managed(managed)) = server.poll_event() else {
        panic!("the stream is managed");
    };
    // The id is a secret.
    let shown = format!("{managed:?}");
    assert!(
        shown.contains("is_resumable: true, max: Some(300s)"),
        "{shown}"
    );
    assert!(!shown.contains(managed.id().unwrap()), "{shown}");
    assert!(!server.wants_read());
    let message = b"<message to='romeo@example.net'/>";
    assert_eq!(server.receive(NOW, message), 0);
    let second = server.poll_event();
    assert!(
        matches!(second, Some(ServerEvent::Active(false))),
        "{second:?}"
    );
    assert!(server.wants_read());
    assert_eq!(server.receive(NOW, message), message.len());
    assert!(matches!(server.poll_event(), Some(ServerEvent::Stanza(_))));
}

/// Who claims to open the stream, and whether TLS protects that.
#[test]
fn the_question_for_the_host_tells_of_the_stream() {
    for secured in [false, true] {
        let config = ServerConfig::new(DecoyKey::new([9; 32]));
        let entropy = Entropy::from_seed([3; 32]);
        let mut server = match secured {
            true => Server::with_direct_tls(config, entropy, NOW, TlsInfo::default()),
            false => Server::new(config, entropy, NOW),
        };
        server.receive(NOW, HEADER.as_bytes());
        let Some(ServerEvent::Opened(request)) = server.poll_event() else {
            panic!("the host is asked for");
        };
        assert_eq!(request.secured(), secured);
        let from = request.from().map(|from| from.to_string());
        assert_eq!(from.as_deref(), Some("juliet@example.org"));
    }
}

/// What a server of this policy tells of the tokens of a client that asks for one.
pub(crate) fn issued(policy: TokenPolicy) -> TokenUpdate {
    let mut server = offering(host(Sasl2::new().with_tokens(policy))).0;
    let beside = "<user-agent id='9d6f2c1e-0b2a-4c5e-8f0a-3a1b2c3d4e5f'/>\
        <request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>";
    let events = logs_in(&mut server, beside);
    let update = events.into_iter().find_map(|event| match event {
        ServerEvent::Tokens(update) => Some(update),
        _ => None,
    });
    update.unwrap()
}
