//! A component and its server over a socket (XEP-0114).

use std::net::TcpListener;
use std::time::Duration;

use xmppwire_blocking::component::{
    AttachAnswer, ComponentConfig, DomainAnswer, HostConfig, HostEvent, Secret, Terms,
};
use xmppwire_blocking::{
    ApiMisuse, CloseReason, ComponentConnection, ComponentConnector, ComponentHostConnection,
    ComponentUpdate, Domain, Domainpart, Error, Jid, Message, ReconnectPolicy,
    ReconnectingComponent, Stanza, StreamErrorCondition,
};
use xmppwire_test_support::{Authority, DOMAIN, PATIENCE, within};

const SECRET: &str = "sesame, open the gate";

fn connector(port: u16, secret: &str) -> ComponentConnector {
    let domain = Domainpart::new("gate.example").unwrap();
    let config = ComponentConfig::new(domain, Secret::new(secret));
    ComponentConnector::new(config, "127.0.0.1", port)
}

/// Answers the questions of one component and returns the first stanza that it sends, which is
/// answered; `None` if the connection ends before that.
fn serve(mut host: ComponentHostConnection) -> Option<Stanza> {
    while let Some(event) = host.next_event().unwrap() {
        let connection = host.connection_mut();
        match event {
            HostEvent::Opened(request) => {
                let terms = Terms::new(Secret::new(SECRET)).unwrap();
                let answer = DomainAnswer::Serve(terms);
                connection.answer_domain(request, answer).unwrap();
            }
            HostEvent::Attach(request) => {
                let answer = AttachAnswer::Accept;
                connection.answer_attach(request, answer).unwrap();
            }
            HostEvent::Stanza(Stanza::Message(message)) => {
                let to = message.to().cloned().unwrap();
                let reply = message.reply("welcome").with_from(to);
                connection.send(&reply.into()).unwrap();
                assert!(host.flush());
                return Some(message.into());
            }
            _ => {}
        }
    }
    None
}

fn accept(listener: &TcpListener) -> ComponentHostConnection {
    let (socket, _) = listener.accept().unwrap();
    ComponentHostConnection::accept(socket, HostConfig::new()).unwrap()
}

fn hello() -> Message {
    let at = |address| Jid::new(address).unwrap();
    Message::chat(at("juliet@example.org"), "hello").with_from(at("bot@gate.example"))
}

#[test]
fn a_component_attaches_again_after_its_connection_was_cut() {
    within(attaches_again);
}

fn attaches_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        // Returning drops the socket, which cuts the connection.
        let first = serve(accept(&listener));
        let second = serve(accept(&listener));
        (first, second)
    });
    let mut policy = ReconnectPolicy::default();
    policy.first = Duration::from_millis(10);
    let mut component = ReconnectingComponent::with_policy(connector(port, SECRET), policy);
    for round in 0..2 {
        let update = component.next_event().unwrap().unwrap();
        assert!(matches!(update, ComponentUpdate::Attached), "{update:?}");
        // Foreign addresses never leave.
        let foreign = hello().with_from(Jid::new("juliet@example.org").unwrap());
        let misuse = component.send(foreign);
        assert!(matches!(
            misuse,
            Err(Error::Misuse(ApiMisuse::Misaddressed))
        ));
        component.send(hello()).unwrap();
        let update = component.next_event().unwrap().unwrap();
        let ComponentUpdate::Stanza(Stanza::Message(answer)) = update else {
            panic!("{update:?}");
        };
        assert_eq!(answer.body().as_deref(), Some("welcome"));
        if round == 0 {
            let update = component.next_event().unwrap().unwrap();
            let lost = matches!(update, ComponentUpdate::Disconnected { .. });
            assert!(lost, "{update:?}");
        }
    }
    let (first, second) = server.join().unwrap();
    assert_eq!(first, Some(hello().into()));
    assert_eq!(second, first);
}

#[test]
fn a_wrong_secret_is_not_tried_again() {
    within(is_refused);
}

fn is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || serve(accept(&listener)));
    let mut component = ReconnectingComponent::new(connector(port, "another secret"));
    let error = component.next_event().unwrap_err();
    let Some(CloseReason::PeerError(error)) = error.close_reason() else {
        panic!("{error:?}");
    };
    assert_eq!(error.condition(), StreamErrorCondition::NotAuthorized);
    assert!(component.next_event().unwrap().is_none());
    assert_eq!(server.join().unwrap(), None);
}

#[test]
fn direct_tls_protects_the_stream() {
    within(attaches_over_tls);
}

fn attaches_over_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let authority = Authority::new();
    let tls = authority.server(DOMAIN);
    let server = std::thread::spawn(move || {
        let mut served = Vec::new();
        for _ in 0..2 {
            let (socket, _) = listener.accept().unwrap();
            let config = HostConfig::new();
            let accepted =
                ComponentHostConnection::accept_direct_tls(socket, config, tls.clone(), PATIENCE);
            served.push(match accepted {
                Ok(host) => serve(host),
                Err(_) => None,
            });
        }
        served
    });
    // A certificate of another name is refused.
    let named = |name| {
        let domain = Domain::parse(name).unwrap();
        connector(port, SECRET).with_direct_tls(authority.client(), domain)
    };
    let refused = ComponentConnection::connect(&named("other.example"));
    assert!(matches!(refused, Err(Error::Tls(_))), "{refused:?}");

    let mut component = ComponentConnection::connect(&named(DOMAIN)).unwrap();
    assert!(component.tls().is_some());
    component.send(hello()).unwrap();
    while component.next_event().is_ok_and(|event| event.is_some()) {}
    assert_eq!(server.join().unwrap(), [None, Some(hello().into())]);
}
