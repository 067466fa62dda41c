//! A component and its server (XEP-0114).

use std::net::TcpListener;
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use xmppwire::component::{
    AttachAnswer, ComponentConfig, DomainAnswer, HostConfig, HostEvent, Secret, Terms,
};
use xmppwire::{ApiMisuse, CloseReason, Domainpart, Jid, Message, Stanza, StreamErrorCondition};
use xmppwire_net::client::{Error, ReconnectPolicy};
use xmppwire_net::component::{ComponentConnector, ComponentUpdate};
use xmppwire_net::find::Domain;

use crate::adapter::{Adapter, Component, Hosted, ReconnectingComponent};
use crate::{Authority, DOMAIN, PATIENCE};

const SECRET: &str = "sesame, open the gate";

/// A component of `gate.example` with this secret.
fn connector(listener: &TcpListener, secret: &str) -> ComponentConnector {
    let domain = Domainpart::new("gate.example").unwrap();
    let config = ComponentConfig::new(domain, Secret::new(secret));
    let port = listener.local_addr().unwrap().port();
    ComponentConnector::new(config, "127.0.0.1", port)
}

fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn jid(address: &str) -> Jid {
    Jid::new(address).unwrap()
}

fn hello() -> Message {
    Message::chat(jid("juliet@example.org"), "hello").with_from(jid("bot@gate.example"))
}

/// The next component of a server.
fn accept<A: Adapter>(listener: &TcpListener) -> A::Hosted {
    let (socket, _) = listener.accept().unwrap();
    A::host(socket, HostConfig::new()).unwrap()
}

/// Answers the questions of a component and returns the first stanza that it sends; `None` if the
/// connection ends before that.
fn first_stanza(host: &mut impl Hosted) -> Option<Stanza> {
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
            HostEvent::Stanza(stanza) => return Some(stanza),
            _ => {}
        }
    }
    None
}

/// Serves one component until it has said something and was answered.
fn welcome(mut host: impl Hosted) -> Option<Stanza> {
    let stanza = first_stanza(&mut host)?;
    host.send(answer("welcome"));
    assert!(host.flush());
    Some(stanza)
}

fn answer(body: &str) -> Message {
    Message::chat(jid("bot@gate.example"), body).with_from(jid("juliet@example.org"))
}

fn at_once() -> ReconnectPolicy {
    let mut policy = ReconnectPolicy::default();
    (policy.first, policy.max) = (Duration::ZERO, Duration::ZERO);
    policy
}

fn join<T>(server: JoinHandle<T>) -> T {
    server.join().unwrap()
}

pub fn it_attaches_again_after_its_connection_was_cut<A: Adapter>() {
    let listener = listen();
    let connector = connector(&listener, SECRET);
    // The end of `welcome` drops the socket, which cuts the connection.
    let server = spawn(move || [(); 2].map(|()| welcome(accept::<A>(&listener))));
    let mut component = A::reattaching(connector, at_once());
    for round in 0..2 {
        let update = component.next_event().unwrap().unwrap();
        assert!(matches!(update, ComponentUpdate::Attached), "{update:?}");
        // Foreign addresses never leave.
        let misuse = component.send(hello().with_from(jid("juliet@example.org")));
        let is_misaddressed = matches!(misuse, Err(Error::Misuse(ApiMisuse::Misaddressed)));
        assert!(is_misaddressed, "{misuse:?}");
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
    let hello: Option<Stanza> = Some(hello().into());
    assert_eq!(join(server), [hello.clone(), hello]);
}

pub fn a_wrong_secret_is_not_tried_again<A: Adapter>() {
    let listener = listen();
    let connector = connector(&listener, "another secret");
    let server = spawn(move || welcome(accept::<A>(&listener)));
    let mut component = A::reattaching(connector, at_once());
    let error = component.next_event().unwrap_err();
    let Some(CloseReason::PeerError(error)) = error.close_reason() else {
        panic!("{error:?}");
    };
    assert_eq!(error.condition(), StreamErrorCondition::NotAuthorized);
    assert!(component.next_event().unwrap().is_none());
    assert_eq!(join(server), None);
}

pub fn direct_tls_protects_the_stream<A: Adapter>() {
    let listener = listen();
    let connector = connector(&listener, SECRET);
    let authority = Authority::new();
    let tls = authority.server(DOMAIN);
    let server = spawn(move || {
        [(); 2].map(|()| {
            let (socket, _) = listener.accept().unwrap();
            let host = A::host_direct_tls(socket, HostConfig::new(), tls.clone(), PATIENCE);
            host.ok().and_then(welcome)
        })
    });
    // A certificate of another name is refused.
    let named = |name| {
        let domain = Domain::parse(name).unwrap();
        connector
            .clone()
            .with_direct_tls(authority.client(), domain)
    };
    let refused = A::attach(&named("other.example"));
    assert!(matches!(refused, Err(Error::Tls(_))), "{refused:?}");

    let mut component = A::attach(&named(DOMAIN)).unwrap();
    assert!(component.tls().is_some());
    component.send(hello()).unwrap();
    let Stanza::Message(answer) = component.expect() else {
        panic!("no message");
    };
    assert_eq!(answer.body().as_deref(), Some("welcome"));
    assert_eq!(join(server), [None, Some(hello().into())]);
}
