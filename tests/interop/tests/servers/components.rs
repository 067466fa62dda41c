//! Components on the server (XEP-0114).

use std::time::{Duration, Instant};

use xmppwire_test_support::adapter::{Adapter, Reconnecting, Session};
use xmppwire_test_support::both;
use xmppwire_tokio::component::{Component, ComponentConfig, Secret};
use xmppwire_tokio::{
    ComponentConnector, Domainpart, Element, Error, Iq, Jid, Message, Mode, Presence,
    ReconnectEvent, ReconnectPolicy, Stanza, StreamErrorCondition, ns,
};

use crate::ends::stream_error;
use crate::environment::{Account, component_server, connector};
use crate::shared::{RESTART, Signal, end_server};

fn jid(text: &str) -> Jid {
    Jid::new(text).expect("an address")
}

/// The address of an account of the component.
fn bot() -> Jid {
    jid(&format!("bot@{}/hall", component_server().domain))
}

fn config() -> ComponentConfig {
    let server = component_server();
    let domain = Domainpart::new(&server.domain).expect("a domain");
    ComponentConfig::new(domain, Secret::new(server.secret))
}

/// A component with this configuration, at the server's port.
fn at_server(config: ComponentConfig) -> ComponentConnector {
    let server = component_server();
    ComponentConnector::new(config, server.address, server.port)
}

fn attach<A: Adapter>() -> A::Session<Component> {
    A::connect_with(&at_server(config())).expect("attached")
}

fn juliet<A: Adapter>() -> impl Session + Send {
    let config = Account::juliet().config("HOST_SHA256");
    let connector = connector(config, Mode::StartTls);
    let mut juliet = A::connect_with(&connector).expect("juliet logs in");
    juliet.send(Presence::available()).expect("it is sent");
    juliet
}

fn ping(to: Jid) -> Iq {
    Iq::get("ping", &Element::builder("ping", ns::PING).build()).with_to(to)
}

/// The next stanza from the other one; the server's own are skipped.
fn next_from(mut next: impl FnMut() -> Stanza, from: &Jid) -> Stanza {
    loop {
        let stanza = next();
        if stanza.from() == Some(from) {
            return stanza;
        }
    }
}

/// Stanzas of each kind pass in both directions.
pub(crate) fn stanzas<A: Adapter>() {
    let mut component = attach::<A>();
    let mut juliet = juliet::<A>();
    let own = Jid::from(juliet.address().clone());

    let question = Message::chat(bot(), "Wherefore art <thou>?");
    juliet.send(question).expect("it is sent");
    let Stanza::Message(heard) = next_from(|| component.expect(), &own) else {
        panic!("no message");
    };
    assert_eq!(heard.body().as_deref(), Some("Wherefore art <thou>?"));
    let answer = Message::chat(own.clone(), "Here.").with_from(bot());
    component.send(answer).expect("it is sent");
    let Stanza::Message(heard) = next_from(|| juliet.expect(), &bot()) else {
        panic!("no message");
    };
    assert_eq!(heard.body().as_deref(), Some("Here."));

    let presence = Presence::available().with_to(bot());
    juliet.send(presence).expect("it is sent");
    let seen = next_from(|| component.expect(), &own);
    assert!(matches!(seen, Stanza::Presence(_)), "{seen:?}");
    let presence = Presence::available().with_from(bot()).with_to(own.clone());
    component.send(presence).expect("it is sent");
    let seen = next_from(|| juliet.expect(), &bot());
    assert!(matches!(seen, Stanza::Presence(_)), "{seen:?}");

    // The server answers the component, and the component answers a client.
    let server = jid(own.domainpart());
    let request = ping(server.clone()).with_from(bot());
    let answer = component.request(request).expect("an answer");
    assert_eq!((answer.from(), answer.to()), (Some(&server), Some(&bot())));
    both(
        move || {
            let answer = juliet.request(ping(bot())).expect("an answer");
            assert_eq!(answer.from(), Some(&bot()));
            juliet.close().expect("an orderly end");
        },
        move || {
            let Stanza::Iq(request) = next_from(|| component.expect(), &own) else {
                panic!("no request");
            };
            let answer = request.result(None).expect("it is a request");
            component.send(answer).expect("it is sent");
            close(component);
        },
    );
}

/// ejabberd 23.01 does not say whether the domain or the secret is wrong.
pub(crate) fn refused<A: Adapter>() {
    use StreamErrorCondition::{HostUnknown, NotAuthorized};
    let server = component_server();
    let domain = |name: &str| Domainpart::new(name).expect("a domain");
    let wrong = ComponentConfig::new(domain(&server.domain), Secret::new("wrong"));
    let secret = Secret::new(server.secret.as_str());
    let unknown = ComponentConfig::new(domain("no.such.component"), secret);
    let of_unknown = match server.is_prosody {
        true => HostUnknown,
        false => NotAuthorized,
    };
    for (config, expected) in [(wrong, NotAuthorized), (unknown, of_unknown)] {
        let error = A::connect_with(&at_server(config)).expect_err("refused");
        let error = error.last().expect("it was tried");
        assert_eq!(stream_error(error), expected);
    }
}

/// Neither server lets a component speak for the domains below its own.
pub(crate) fn foreign_from<A: Adapter>() {
    let mut component = A::connect_with(&at_server(config().with_subdomains())).expect("attached");
    let below = jid(&format!("bot@below.{}", component_server().domain));
    let message = Message::chat(jid("juliet@sha256.localhost"), "hello").with_from(below);
    component.send(message).expect("it is sent");
    let error = loop {
        match component.next() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("closed without a reason"),
            Err(error) => break error,
        }
    };
    assert_eq!(stream_error(&error), StreamErrorCondition::InvalidFrom);
}

/// Prosody 0.12 refuses a second component of the same domain until the first one is gone. ejabberd
/// 23.01 lets both in, and both may send.
pub(crate) fn two_of_a_name<A: Adapter>() {
    let mut first = attach::<A>();
    let mut second = A::reconnecting(at_server(config()), policy());
    if component_server().is_prosody {
        let Ok(Some(ReconnectEvent::Disconnected { reason, .. })) = second.next_event() else {
            panic!("both are attached");
        };
        assert_eq!(stream_error(&reason), StreamErrorCondition::Conflict);
        close(first);
        attached(&mut second);
    } else {
        attached(&mut second);
        let mut juliet = juliet::<A>();
        let message = |body| {
            let own = Jid::from(juliet.address().clone());
            Message::chat(own, body).with_from(bot())
        };
        first.send(message("first")).expect("it is sent");
        second.send(message("second")).expect("it is sent");
        let mut heard: Vec<_> = [(); 2]
            .map(|()| match next_from(|| juliet.expect(), &bot()) {
                Stanza::Message(message) => message.body().map(|body| body.into_owned()),
                other => panic!("{other:?}"),
            })
            .into();
        heard.sort();
        assert_eq!(heard, [Some("first".into()), Some("second".into())]);
        close(first);
    }
    end(second);
}

/// Closes, and takes what still arrives.
fn close(mut component: impl Session<Component>) {
    component.begin_close();
    while component.next().expect("an orderly end").is_some() {}
}

/// The same for one that would attach again.
fn end(mut component: impl Reconnecting<Component>) {
    component.begin_close();
    while component.next_event().expect("an orderly end").is_some() {}
}

/// A short wait between two attempts.
fn policy() -> ReconnectPolicy {
    let mut policy = ReconnectPolicy::default();
    (policy.first, policy.max) = (Duration::from_millis(200), Duration::from_millis(200));
    policy
}

/// The server is shut down or crashes, and the component attaches again by itself.
pub(crate) fn comes_back<A: Adapter>() {
    let mut component = A::reconnecting(at_server(config()), policy());
    attached(&mut component);
    for signal in [Signal::Terminate, Signal::Kill] {
        let ended = end_server(signal);
        let reason = match component.next_event() {
            Ok(Some(ReconnectEvent::Disconnected { reason, .. })) => reason,
            other => panic!("{other:?}"),
        };
        assert!(!matches!(reason, Error::Tls(_)), "{reason}");
        attached(&mut component);
        let server = jid("sha256.localhost");
        let request = ping(server.clone()).with_from(bot());
        component.send(request).expect("it is sent");
        let answer = next_from(|| stanza(&mut component), &server);
        assert_eq!(answer.error(), None);
        ended.await_restart();
    }
    end(component);
}

/// Waits until the component is attached.
fn attached(component: &mut impl Reconnecting<Component>) {
    let deadline = Instant::now() + RESTART;
    loop {
        assert!(
            Instant::now() < deadline,
            "the component does not come back"
        );
        match component.next_event().expect("it goes on") {
            Some(ReconnectEvent::Connected(_)) => return,
            Some(_) => {}
            None => panic!("it has given up"),
        }
    }
}

fn stanza(component: &mut impl Reconnecting<Component>) -> Stanza {
    match component.next_event() {
        Ok(Some(ReconnectEvent::Stanza(stanza))) => stanza,
        other => panic!("{other:?}"),
    }
}
