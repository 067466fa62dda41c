//! A component and its server over a socket (XEP-0114).

use std::time::Duration;

use tokio::net::TcpListener;
use xmppwire_test_support::{Authority, DOMAIN, PATIENCE};
use xmppwire_tokio::component::{
    AttachAnswer, ComponentConfig, DomainAnswer, HostConfig, HostEvent, Secret, Terms,
};
use xmppwire_tokio::{
    ApiMisuse, CloseReason, ComponentConnection, ComponentConnector, ComponentHostConnection,
    ComponentUpdate, Domain, Domainpart, Error, Jid, Message, ReconnectPolicy,
    ReconnectingComponent, Stanza, StreamErrorCondition,
};

use super::support::run;

const SECRET: &str = "sesame, open the gate";

fn connector(port: u16, secret: &str) -> ComponentConnector {
    let domain = Domainpart::new("gate.example").unwrap();
    let config = ComponentConfig::new(domain, Secret::new(secret));
    ComponentConnector::new(config, "127.0.0.1", port)
}

/// Answers the questions of one component and returns the first stanza that it sends, which is
/// answered; `None` if the connection ends before that.
async fn serve(mut host: ComponentHostConnection) -> Option<Stanza> {
    while let Some(event) = host.next_event().await.unwrap() {
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
                assert!(host.flush().await);
                return Some(message.into());
            }
            _ => {}
        }
    }
    None
}

async fn accept(listener: &TcpListener) -> ComponentHostConnection {
    let (socket, _) = listener.accept().await.unwrap();
    ComponentHostConnection::accept(socket, HostConfig::new()).unwrap()
}

fn hello() -> Message {
    let at = |address| Jid::new(address).unwrap();
    Message::chat(at("juliet@example.org"), "hello").with_from(at("bot@gate.example"))
}

#[test]
fn a_component_attaches_again_after_its_connection_was_cut() {
    run(attaches_again);
}

async fn attaches_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        // Returning drops the socket, which cuts the connection.
        let first = serve(accept(&listener).await).await;
        let second = serve(accept(&listener).await).await;
        (first, second)
    });
    let mut policy = ReconnectPolicy::default();
    policy.first = Duration::from_millis(10);
    let mut component = ReconnectingComponent::with_policy(connector(port, SECRET), policy);
    for round in 0..2 {
        let update = component.next_event().await.unwrap().unwrap();
        assert!(matches!(update, ComponentUpdate::Attached), "{update:?}");
        // Foreign addresses never leave.
        let foreign = hello().with_from(Jid::new("juliet@example.org").unwrap());
        let misuse = component.send(foreign).await;
        assert!(matches!(
            misuse,
            Err(Error::Misuse(ApiMisuse::Misaddressed))
        ));
        component.send(hello()).await.unwrap();
        let update = component.next_event().await.unwrap().unwrap();
        let ComponentUpdate::Stanza(Stanza::Message(answer)) = update else {
            panic!("{update:?}");
        };
        assert_eq!(answer.body().as_deref(), Some("welcome"));
        if round == 0 {
            let update = component.next_event().await.unwrap().unwrap();
            let lost = matches!(update, ComponentUpdate::Disconnected { .. });
            assert!(lost, "{update:?}");
        }
    }
    let (first, second) = server.await.unwrap();
    assert_eq!(first, Some(hello().into()));
    assert_eq!(second, first);
}

#[test]
fn a_wrong_secret_is_not_tried_again() {
    run(is_refused);
}

async fn is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move { serve(accept(&listener).await).await });
    let mut component = ReconnectingComponent::new(connector(port, "another secret"));
    let error = component.next_event().await.unwrap_err();
    let Some(CloseReason::PeerError(error)) = error.close_reason() else {
        panic!("{error:?}");
    };
    assert_eq!(error.condition(), StreamErrorCondition::NotAuthorized);
    assert!(component.next_event().await.unwrap().is_none());
    assert_eq!(server.await.unwrap(), None);
}

#[test]
fn direct_tls_protects_the_stream() {
    run(attaches_over_tls);
}

async fn attaches_over_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let authority = Authority::new();
    let tls = authority.server(DOMAIN);
    let server = tokio::spawn(async move {
        let mut served = Vec::new();
        for _ in 0..2 {
            let (socket, _) = listener.accept().await.unwrap();
            let config = HostConfig::new();
            let accepted =
                ComponentHostConnection::accept_direct_tls(socket, config, tls.clone(), PATIENCE);
            served.push(match accepted.await {
                Ok(host) => serve(host).await,
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
    let refused = ComponentConnection::connect(&named("other.example")).await;
    assert!(matches!(refused, Err(Error::Tls(_))), "{refused:?}");

    let mut component = ComponentConnection::connect(&named(DOMAIN)).await.unwrap();
    assert!(component.tls().is_some());
    component.send(hello()).await.unwrap();
    while component
        .next_event()
        .await
        .is_ok_and(|event| event.is_some())
    {}
    assert_eq!(server.await.unwrap(), [None, Some(hello().into())]);
}
