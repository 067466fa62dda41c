//! Two servers that exchange stanzas over loopback sockets.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::time::Duration;

use tokio::net::TcpListener;
use xmppwire_test_support::{Authority, PATIENCE};
use xmppwire_tokio::tls::{ClientTls, ServerTls};
use xmppwire_tokio::{
    DialbackSecret, DomainPolicy, Domainpart, Federation, FederationConfig, FederationEvent,
    FederationLimits, Jid, LocalDomain, Message, Mode, Policies, Service, Stanza,
    StanzaErrorCondition, Trust,
};

const A: &str = "capulet.example";
const B: &str = "montague.example";

fn domain(text: &str) -> Domainpart {
    Domainpart::new(text).unwrap()
}

fn message(from: &str, to: &str, body: impl ToString) -> Stanza {
    let to = Jid::new(&format!("someone@{to}")).unwrap();
    let mut stanza: Stanza = Message::chat(to, body.to_string()).into();
    stanza.set_from(Some(Jid::new(&format!("someone@{from}")).unwrap()));
    stanza
}

fn body(stanza: &Stanza) -> String {
    let Stanza::Message(message) = stanza else {
        panic!("{stanza:?}");
    };
    message.body().unwrap().into_owned()
}

/// How servers prove their domains.
#[derive(Clone, Copy, PartialEq)]
enum Proof {
    Certificate,
    Dialback,
}

struct Site {
    config: FederationConfig,
    federation: Federation,
    listener: TcpListener,
    mode: Mode,
    /// How the other server proved its domain.
    trust: Option<Trust>,
}

impl Site {
    /// The next event. Connections are accepted meanwhile.
    async fn next(&mut self) -> FederationEvent {
        loop {
            tokio::select! {
                socket = self.listener.accept() => {
                    assert!(self.federation.accept(socket.unwrap().0, self.mode));
                }
                event = self.federation.next() => match event.unwrap() {
                    FederationEvent::Authorised(_, trust) => self.trust = Some(trust),
                    event => return event,
                },
            }
        }
    }

    async fn stanza(&mut self) -> Stanza {
        match self.next().await {
            FederationEvent::Stanza(stanza) => stanza,
            other => panic!("{other:?}"),
        }
    }

    async fn bounce(&mut self) -> StanzaErrorCondition {
        match self.next().await {
            FederationEvent::Undelivered(stanza) => {
                let reply = stanza.reply().unwrap();
                assert_eq!(reply.to(), stanza.stanza().from());
                reply.error().unwrap().condition()
            }
            other => panic!("{other:?}"),
        }
    }
}

/// TLS of a domain with a certificate for `name`. Only a server that proves itself by its
/// certificate shows it where it is the client.
fn tls(authority: &Authority, name: &str, proof: Proof) -> LocalDomain {
    let identity = authority.issue(name, |_| {});
    match proof {
        Proof::Certificate => LocalDomain::new(identity, authority.roots()).unwrap(),
        Proof::Dialback => {
            let outgoing = ClientTls::builder(authority.roots()).service(Service::SERVER);
            let incoming = ServerTls::builder(identity).service(Service::SERVER);
            LocalDomain::with_tls(outgoing.build().unwrap(), incoming.build().unwrap(), false)
        }
    }
}

/// Two servers that know where the other one is. `change` changes the configuration of both, and
/// `names` are the names in their certificates.
async fn pair(
    mode: Mode,
    proof: Proof,
    names: [&str; 2],
    change: impl Fn(FederationConfig) -> FederationConfig,
) -> [Site; 2] {
    let authority = Authority::new();
    let bind = || TcpListener::bind("127.0.0.1:0");
    let (a, b) = (bind().await.unwrap(), bind().await.unwrap());
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let (port_a, port_b) = (port(&a), port(&b));
    let site = |listener, own: &str, name: &str, other: &str, port, secret: u8| {
        let config = FederationConfig::new()
            .with_domain(domain(own), tls(&authority, name, proof))
            .with_server(domain(other), "127.0.0.1", port, mode);
        let config = match proof {
            Proof::Certificate => config,
            Proof::Dialback => config.with_dialback(DialbackSecret::new([secret; 32])),
        };
        let config = change(config);
        Site {
            federation: Federation::new(config.clone()),
            config,
            listener,
            mode,
            trust: None,
        }
    };
    [
        site(a, A, names[0], B, port_b, 1),
        site(b, B, names[1], A, port_a, 2),
    ]
}

async fn within<T>(task: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, task).await.unwrap()
}

/// Each server sends `count` messages and receives those of the other one, in order.
async fn exchange([mut a, mut b]: [Site; 2], count: usize, trust: Trust) {
    for number in 0..count {
        a.federation.send(message(A, B, number)).unwrap();
        b.federation.send(message(B, A, number)).unwrap();
    }
    let (mut of_a, mut of_b) = (0, 0);
    while of_a < count || of_b < count {
        let (stanza, sender, counted) = tokio::select! {
            stanza = a.stanza() => (stanza, B, &mut of_b),
            stanza = b.stanza() => (stanza, A, &mut of_a),
        };
        assert_eq!(body(&stanza), counted.to_string());
        assert_eq!(stanza.from().unwrap().domainpart(), sender);
        *counted += 1;
    }
    assert_eq!((a.trust, b.trust), (Some(trust), Some(trust)));
}

fn roomy(config: FederationConfig) -> FederationConfig {
    let mut limits = FederationLimits::default();
    limits.queued_per_domain = 32 << 20;
    config.with_limits(limits)
}

#[tokio::test]
async fn ten_thousand_messages_each_way_over_tls_with_certificates() {
    let sites = pair(Mode::StartTls, Proof::Certificate, [A, B], roomy).await;
    let patience = Duration::from_secs(300);
    tokio::time::timeout(patience, exchange(sites, 10_000, Trust::Certificate))
        .await
        .unwrap();
}

#[tokio::test]
async fn messages_cross_over_direct_tls() {
    let strict = Policies::new(DomainPolicy::default().without_dialback());
    let change = |config: FederationConfig| config.with_policies(strict.clone());
    let sites = pair(Mode::DirectTls, Proof::Certificate, [A, B], change).await;
    within(exchange(sites, 100, Trust::Certificate)).await;
}

#[tokio::test]
async fn dialback_authorises_servers_that_show_no_certificate() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let sites = pair(mode, Proof::Dialback, [A, B], |config| config).await;
        within(exchange(sites, 100, Trust::Dialback { tls: true })).await;
    }
}

#[tokio::test]
async fn dialback_is_refused_where_the_policy_wants_a_certificate() {
    let strict = Policies::new(DomainPolicy::default().with_certified_peer());
    let change = |config: FederationConfig| config.with_policies(strict.clone());
    let [mut a, mut b] = pair(Mode::StartTls, Proof::Dialback, [A, B], change).await;
    a.federation.send(message(A, B, "Ciao")).unwrap();
    let condition = tokio::select! {
        condition = within(a.bounce()) => condition,
        event = b.next() => panic!("{event:?}"),
    };
    assert_eq!(condition, StanzaErrorCondition::RemoteServerTimeout);
}

#[tokio::test]
async fn a_server_with_a_foreign_certificate_gets_nothing() {
    let names = [A, "mallory.example"];
    let [mut a, mut b] = pair(Mode::StartTls, Proof::Certificate, names, |it| it).await;
    a.federation.send(message(A, B, "Ciao")).unwrap();
    let condition = tokio::select! {
        condition = within(a.bounce()) => condition,
        event = b.next() => panic!("{event:?}"),
    };
    assert_eq!(condition, StanzaErrorCondition::RemoteServerTimeout);
}

#[tokio::test]
async fn what_cannot_be_delivered_in_time_comes_back_and_the_end_is_seen() {
    let change = |config: FederationConfig| {
        let mut limits = FederationLimits::default();
        limits.queue_time = Duration::from_millis(50);
        config.with_limits(limits)
    };
    let [mut a, b] = pair(Mode::StartTls, Proof::Certificate, [A, B], change).await;
    drop(b);
    a.federation.send(message(A, B, "Ciao")).unwrap();
    let condition = within(a.bounce()).await;
    assert_eq!(condition, StanzaErrorCondition::RemoteServerTimeout);
    a.federation.close();
    assert!(within(a.federation.next()).await.is_none());
    assert!(a.federation.send(message(A, B, "Ciao")).is_err());
}

#[tokio::test]
async fn streams_are_closed_in_order_at_the_end() {
    let [mut a, mut b] = pair(Mode::StartTls, Proof::Certificate, [A, B], |it| it).await;
    a.federation.send(message(A, B, "Ciao")).unwrap();
    let stanza = tokio::select! {
        stanza = within(b.stanza()) => stanza,
        event = a.next() => panic!("{event:?}"),
    };
    assert_eq!(body(&stanza), "Ciao");
    a.federation.close();
    b.federation.close();
    let (a, b) = within(async { tokio::join!(a.federation.next(), b.federation.next()) }).await;
    assert!(a.is_none() && b.is_none());
}

#[tokio::test]
async fn what_waits_for_a_server_is_sent_when_it_is_there() {
    let change = |config: FederationConfig| {
        let mut limits = FederationLimits::default();
        limits.reconnect.first = Duration::from_millis(20);
        limits.reconnect.max = Duration::from_millis(100);
        config.with_limits(limits)
    };
    let [mut a, b] = pair(Mode::StartTls, Proof::Certificate, [A, B], change).await;
    let (address, config) = (b.listener.local_addr().unwrap(), b.config.clone());
    drop(b);
    for number in 0..10 {
        a.federation.send(message(A, B, number)).unwrap();
    }
    // Some attempts fail.
    let early = tokio::time::timeout(Duration::from_millis(300), a.next()).await;
    assert!(early.is_err(), "{early:?}");
    let mut b = Site {
        federation: Federation::new(config.clone()),
        config,
        listener: TcpListener::bind(address).await.unwrap(),
        mode: Mode::StartTls,
        trust: None,
    };
    for number in 0..10 {
        let stanza = tokio::select! {
            stanza = within(b.stanza()) => stanza,
            event = a.next() => panic!("{event:?}"),
        };
        assert_eq!(body(&stanza), number.to_string());
    }
}
