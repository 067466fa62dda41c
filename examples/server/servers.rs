//! Streams to and from other servers.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use xmppwire_tokio::tls::{Identity, platform_roots, roots_from_pem};
use xmppwire_tokio::{
    DialbackSecret, DomainPolicy, Domainpart, Entropy, Federation, FederationConfig,
    FederationEvent, LocalDomain, Mode, NameServers, Policies, Stanza,
};

use crate::options::ServerOptions;
use crate::queue::{Inbox, Queued};
use crate::{Shared, lock, next_connection, read};

/// What all streams between servers share, in one task.
pub(crate) struct Servers {
    federation: Federation,
    listener: TcpListener,
    shared: Arc<Shared>,
    inbox: Inbox,
}

impl Servers {
    pub(crate) fn new(
        config: FederationConfig,
        listener: TcpListener,
        shared: &Arc<Shared>,
    ) -> Self {
        Self {
            federation: Federation::new(config),
            listener,
            shared: Arc::clone(shared),
            inbox: lock(&shared.registry).connect_servers(),
        }
    }

    /// Exchanges stanzas with other servers until the server stops. Then what waits goes back to its
    /// senders.
    pub(crate) async fn run(mut self, mut stopping: watch::Receiver<()>) {
        // Whether the server goes on.
        let mut open = true;
        loop {
            tokio::select! {
                event = self.federation.next() => match event {
                    Some(event) => self.handle(event),
                    None => return,
                },
                Some(queued) = self.inbox.next(true) => self.send(&queued),
                (socket, peer) = next_connection(&self.listener, &self.shared), if open => {
                    self.accept(socket, peer);
                }
                _ = stopping.changed(), if open => {
                    open = false;
                    self.federation.close();
                }
            }
        }
    }

    fn accept(&mut self, socket: TcpStream, peer: SocketAddr) {
        if !self.federation.accept(socket, Mode::StartTls) {
            lock(&self.shared.log).write(peer, "too many servers are connected");
        }
    }

    fn handle(&mut self, event: FederationEvent) {
        match event {
            FederationEvent::Authorised(pair, trust) => {
                lock(&self.shared.log).note(format!("{pair}: {trust:?}"));
            }
            FederationEvent::Stanza(stanza) => self.receive(stanza),
            FederationEvent::Undelivered(stanza) => {
                if let Some(error) = stanza.reply() {
                    lock(&self.shared.registry).tell(error);
                }
            }
            _ => {}
        }
    }

    /// Gives a stanza of another server to whom it is for, and the answer back.
    fn receive(&mut self, stanza: Stanza) {
        let reply = {
            let mut registry = lock(&self.shared.registry);
            let from = stanza.from().map(|from| from.domainpart());
            match from.is_some_and(|domain| !registry.is_own(domain)) {
                true => registry.take(stanza),
                false => None,
            }
        };
        if let Some(reply) = reply {
            // A reply that finds no room is lost: nothing may answer it (RFC 6120 §8.3.1).
            let _ = self.federation.send(reply);
        }
    }

    fn send(&mut self, queued: &Queued) {
        if let Err(not_routed) = self.federation.send(queued.stanza().clone())
            && let Some(error) = not_routed.reply()
        {
            lock(&self.shared.registry).tell(error);
        }
    }
}

/// The configuration of federation. Each domain shows the certificate that `identity` finds.
pub(crate) fn config<'a>(
    options: &ServerOptions,
    domains: impl Iterator<Item = &'a Domainpart>,
    identity: impl Fn(&Domainpart) -> Result<Identity, Box<dyn Error>>,
) -> Result<FederationConfig, Box<dyn Error>> {
    let roots = match &options.roots {
        Some(file) => roots_from_pem(&read(file)?)?,
        None => platform_roots()?,
    };
    let mut config = FederationConfig::new();
    for domain in domains {
        let local = LocalDomain::new(identity(domain)?, roots.clone())?;
        config = config.with_domain(domain.clone(), local);
    }
    let policy = match options.dialback {
        true => {
            // Its keys are checked by this process alone, so the secret may be new.
            config = config.with_dialback(DialbackSecret::new(Entropy::from_os()?.bytes::<32>()));
            DomainPolicy::default()
        }
        false => DomainPolicy::default().without_dialback(),
    };
    config = config.with_policies(Policies::new(policy));
    for (domain, host, port) in &options.known {
        config = config.with_server(domain.clone(), host, *port, Mode::StartTls);
    }
    if !options.name_servers.is_empty() {
        let servers = NameServers::new(options.name_servers.iter().copied());
        config = config.with_name_servers(servers);
    }
    Ok(config)
}
