//! A component and its server (XEP-0114).

use std::net::TcpListener;
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use xmppwire::component::{
    AttachAnswer, ComponentConfig, DomainAnswer, HostConfig, HostEvent, Secret, Terms,
};
use xmppwire::{
    ApiMisuse, CloseReason, Domainpart, Element, Iq, Jid, Message, Stanza, StreamErrorCondition, ns,
};
use xmppwire_net::client::{ConnectError, Error, ReconnectEvent, ReconnectPolicy, RequestError};
use xmppwire_net::component::ComponentConnector;
use xmppwire_net::find::Domain;

use crate::adapter::{Adapter, Hosted, Reconnecting, Session};
use crate::site::body;
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
    let mut component = A::reconnecting(connector, at_once());
    for round in 0..2 {
        let update = component.next_event().unwrap().unwrap();
        assert!(matches!(update, ReconnectEvent::Connected(_)), "{update:?}");
        // Foreign addresses never leave.
        let misuse = component.send(hello().with_from(jid("juliet@example.org")));
        let is_misaddressed = matches!(misuse, Err(Error::Misuse(ApiMisuse::Misaddressed)));
        assert!(is_misaddressed, "{misuse:?}");
        component.send(hello()).unwrap();
        let update = component.next_event().unwrap().unwrap();
        let ReconnectEvent::Stanza(Stanza::Message(answer)) = update else {
            panic!("{update:?}");
        };
        assert_eq!(answer.body().as_deref(), Some("welcome"));
        if round == 0 {
            let update = component.next_event().unwrap().unwrap();
            let lost = matches!(update, ReconnectEvent::Disconnected { .. });
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
    let mut component = A::reconnecting(connector, at_once());
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
    let refused = A::connect_with(&named("other.example"));
    let reason = refused.as_ref().err().and_then(ConnectError::last);
    assert!(matches!(reason, Some(Error::Tls(_))), "{refused:?}");

    let mut component = A::connect_with(&named(DOMAIN)).unwrap();
    assert!(component.tls().is_some());
    component.send(hello()).unwrap();
    let Stanza::Message(answer) = component.expect() else {
        panic!("no message");
    };
    assert_eq!(answer.body().as_deref(), Some("welcome"));
    assert_eq!(join(server), [None, Some(hello().into())]);
}

/// The stanzas that a component sends, once it is attached.
fn stanzas(host: &mut impl Hosted, count: usize) -> Vec<Stanza> {
    let mut stanzas: Vec<Stanza> = first_stanza(host).into_iter().collect();
    while stanzas.len() < count {
        match host.next_event().unwrap() {
            Some(HostEvent::Stanza(stanza)) => stanzas.push(stanza),
            Some(_) => {}
            None => break,
        }
    }
    stanzas
}

fn ping(to: &str) -> Iq {
    let ping = Element::builder("ping", ns::PING).build();
    Iq::get("", &ping)
        .with_from(jid("bot@gate.example"))
        .with_to(jid(to))
}

/// Many requests are open at once. They are answered in another order, and not by those who only
/// know the id.
pub fn requests_are_matched_by_id_and_sender<A: Adapter>() {
    const REQUESTS: usize = 100;
    let listener = listen();
    let connector = connector(&listener, SECRET);
    let server = spawn(move || {
        let mut host = accept::<A>(&listener);
        let requests = stanzas(&mut host, REQUESTS);
        // A message comes between, and the request of another entity.
        host.send(answer("between"));
        let ping = Element::builder("ping", ns::PING).build();
        let theirs = Iq::get("theirs", &ping).with_to(jid("gate.example"));
        host.send(theirs.with_from(jid("juliet@example.org")));
        for stanza in requests.iter().rev() {
            let Stanza::Iq(request) = stanza else {
                panic!("{stanza:?}");
            };
            let result = request.result(None).unwrap();
            host.send(result.clone().with_from(jid("evil@example.org")));
            host.send(result);
        }
        assert!(host.flush());
        let answered = first_stanza(&mut host);
        (requests.len(), answered)
    });
    let mut component = A::connect_with(&connector).unwrap();
    let ids: Vec<_> = (0..REQUESTS)
        .map(|number| {
            let request = ping(&format!("user{number}@example.org"));
            component.ask(request).unwrap()
        })
        .collect();
    for (number, id) in ids.into_iter().enumerate() {
        let answer = component.answer(&id).unwrap();
        let from = jid(&format!("user{number}@example.org"));
        assert_eq!(answer.from(), Some(&from));
        assert_eq!(answer.to(), Some(&jid("bot@gate.example")));
    }
    // What came between is still to be taken. The false answers are gone.
    assert!(matches!(component.expect(), Stanza::Message(_)));
    let theirs = component.expect();
    component.send(theirs.unsupported_reply().unwrap()).unwrap();
    let (requests, answered) = join(server);
    assert_eq!(requests, REQUESTS);
    assert_eq!(answered.as_ref().and_then(Stanza::id), Some("theirs"));
    assert!(component.next().is_err(), "the server is gone");
}

pub fn a_request_that_is_not_answered_ends_in_time<A: Adapter>() {
    let listener = listen();
    let connector = connector(&listener, SECRET).with_request_timeout(Duration::from_millis(50));
    let server = spawn(move || {
        let mut host = accept::<A>(&listener);
        stanzas(&mut host, 2)
    });
    let mut component = A::connect_with(&connector).unwrap();
    let late = component.request(ping("juliet@example.org"));
    assert!(matches!(late, Err(RequestError::TimedOut)), "{late:?}");
    let misuse = component.request(ping("juliet@example.org").with_from(jid("romeo@example.org")));
    let misuse = misuse.unwrap_err();
    let is_misaddressed = matches!(
        misuse,
        RequestError::Connection(Error::Misuse(ApiMisuse::Misaddressed))
    );
    assert!(is_misaddressed, "{misuse:?}");
    component.send(hello()).unwrap();
    assert_eq!(join(server).len(), 2);
}

/// The server sends on until it sees that the component closes.
pub fn what_arrives_while_it_closes_is_not_lost<A: Adapter>() {
    let listener = listen();
    let connector = connector(&listener, SECRET);
    let server = spawn(move || {
        [(); 2].map(|()| {
            let mut host = accept::<A>(&listener);
            first_stanza(&mut host);
            for number in 0..1000 {
                host.send(answer(&number.to_string()));
            }
            // The end of the stream, after everything is written.
            while host.next_event().unwrap().is_some() {}
        })
    });
    let mut component = A::connect_with(&connector).unwrap();
    component.send(hello()).unwrap();
    component.begin_close();
    let refused = component.send(hello());
    assert!(matches!(refused, Err(Error::NotConnected)), "{refused:?}");
    for number in 0..1000 {
        assert_eq!(body(component.next().unwrap()), number.to_string());
    }
    assert_eq!(component.next().unwrap(), None);

    let mut component = A::reconnecting(connector, at_once());
    let attached = component.next_event().unwrap();
    assert!(matches!(attached, Some(ReconnectEvent::Connected(_))));
    component.send(hello()).unwrap();
    component.begin_close();
    for number in 0..1000 {
        let Some(ReconnectEvent::Stanza(stanza)) = component.next_event().unwrap() else {
            panic!("no stanza");
        };
        assert_eq!(body(Some(stanza)), number.to_string());
    }
    assert!(component.next_event().unwrap().is_none());
    join(server);
}
