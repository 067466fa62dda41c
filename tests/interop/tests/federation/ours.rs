//! Our server.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use xmppwire_tokio::tls::Identity;
use xmppwire_tokio::tls::rustls::RootCertStore;
use xmppwire_tokio::{
    DialbackSecret, DomainPolicy, Federation, FederationConfig, FederationEvent, FederationLimits,
    Jid, LocalDomain, Mode, NameServers, Policies, Stanza, StanzaErrorCondition, Trust,
};

use crate::shared::{identity, roots};
use crate::{ZONE, domain, within};

/// What our server is given.
pub(crate) struct Setup {
    pub(crate) domain: String,
    pub(crate) identity: Identity,
    pub(crate) roots: RootCertStore,
    pub(crate) policy: DomainPolicy,
    pub(crate) secret: Option<&'static str>,
    pub(crate) limits: FederationLimits,
    pub(crate) name_server: SocketAddr,
    /// How the other server connects.
    pub(crate) mode: Mode,
}

impl Setup {
    /// A server with a certificate that the other one trusts, and the other way round.
    pub(crate) fn trusted(name: &str) -> Self {
        Self {
            domain: format!("{name}.trusted.rig"),
            identity: identity("IDENTITY_TRUSTED"),
            roots: roots("CA"),
            policy: DomainPolicy::default(),
            secret: Some("xyzzy"),
            limits: FederationLimits::default(),
            name_server: ZONE.address(),
            mode: Mode::StartTls,
        }
    }

    /// A server whose certificate the other one does not trust, nor the other way round.
    pub(crate) fn stranger(name: &str) -> Self {
        Self {
            domain: format!("{name}.stranger.rig"),
            identity: identity("IDENTITY_STRANGER"),
            roots: roots("OTHER_CA"),
            ..Self::trusted(name)
        }
    }

    pub(crate) fn config(&self) -> FederationConfig {
        let tls = LocalDomain::new(self.identity.clone(), self.roots.clone());
        let config = FederationConfig::new()
            .with_domain(domain(&self.domain), tls.expect("TLS"))
            .with_policies(Policies::new(self.policy))
            .with_limits(self.limits.clone())
            .with_name_servers(NameServers::new([self.name_server]));
        match self.secret {
            Some(secret) => config.with_dialback(DialbackSecret::new(secret)),
            None => config,
        }
    }

    /// Starts the server, and tells the DNS.
    pub(crate) async fn start(&self) -> Ours {
        let ours = self.start_unpublished().await;
        match self.mode {
            Mode::DirectTls => ZONE.publish_direct_tls(&self.domain, ours.port),
            _ => ZONE.publish(&self.domain, ours.port),
        }
        ours
    }

    /// Starts the server. The DNS leads elsewhere.
    pub(crate) async fn start_unpublished(&self) -> Ours {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (orders, taken) = mpsc::unbounded_channel();
        let (teller, events) = mpsc::unbounded_channel();
        Ours {
            domain: self.domain.clone(),
            port: listener.local_addr().unwrap().port(),
            orders,
            events,
            trust: None,
            reached: None,
            task: tokio::spawn(run(self.config(), listener, self.mode, taken, teller)),
        }
    }
}

enum Order {
    Send(Stanza),
    Close,
}

/// Our server, in a task of its own.
pub(crate) struct Ours {
    pub(crate) domain: String,
    pub(crate) port: u16,
    orders: UnboundedSender<Order>,
    events: UnboundedReceiver<FederationEvent>,
    /// How well the other server is known that was authorised last.
    pub(crate) trust: Option<Trust>,
    /// How well the other server is known that was reached last.
    pub(crate) reached: Option<Trust>,
    task: JoinHandle<()>,
}

async fn run(
    config: FederationConfig,
    listener: TcpListener,
    mode: Mode,
    mut orders: UnboundedReceiver<Order>,
    teller: UnboundedSender<FederationEvent>,
) {
    let mut federation = Federation::new(config);
    loop {
        tokio::select! {
            socket = listener.accept() => {
                federation.accept(socket.unwrap().0, mode);
            }
            order = orders.recv() => match order {
                Some(Order::Send(stanza)) => federation.send(stanza).unwrap(),
                Some(Order::Close) | None => federation.close(),
            },
            event = federation.next() => match event {
                Some(event) => drop(teller.send(event)),
                None => return,
            },
        }
    }
}

impl Ours {
    /// An address of the server.
    pub(crate) fn jid(&self, localpart: &str) -> Jid {
        Jid::new(&format!("{localpart}@{}", self.domain)).unwrap()
    }

    /// Sends a stanza of `someone`.
    pub(crate) fn send(&self, stanza: impl Into<Stanza>) {
        let mut stanza = stanza.into();
        stanza.set_from(Some(self.jid("someone")));
        self.orders.send(Order::Send(stanza)).unwrap();
    }

    async fn next(&mut self) -> FederationEvent {
        loop {
            match within(self.events.recv()).await.expect("the server runs") {
                FederationEvent::Authorised(_, trust) => self.trust = Some(trust),
                FederationEvent::Ready(_, trust) => self.reached = Some(trust),
                event => return event,
            }
        }
    }

    /// The next stanza that arrives.
    pub(crate) async fn stanza(&mut self) -> Stanza {
        match self.next().await {
            FederationEvent::Stanza(stanza) => stanza,
            other => panic!("{other:?}"),
        }
    }

    /// The error of the next stanza that comes back.
    pub(crate) async fn bounce(&mut self) -> StanzaErrorCondition {
        match self.next().await {
            FederationEvent::Undelivered(stanza) => {
                let reply = stanza.reply().expect("an answer");
                assert_eq!(reply.to(), stanza.stanza().from());
                reply.error().expect("an error").condition()
            }
            other => panic!("{other:?}"),
        }
    }

    /// Whether nothing has happened but that another server was authorised.
    pub(crate) fn is_quiet(&mut self) -> bool {
        loop {
            match self.events.try_recv() {
                Ok(FederationEvent::Authorised(..) | FederationEvent::Ready(..)) => {}
                Ok(_) => return false,
                Err(_) => return true,
            }
        }
    }

    /// Ends the server in order.
    pub(crate) async fn close(self) {
        self.orders.send(Order::Close).unwrap();
        within(self.task).await.expect("it ends");
    }
}
