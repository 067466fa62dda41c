//! A server of one domain with one user.

use std::sync::{Arc, PoisonError};

use rcgen::{CertifiedKey, KeyPair};
use shared::{Result, say};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use xmppwire::s2s::DialbackSecret;
use xmppwire_net::find::Service;
use xmppwire_net::tls::{ClientCertificates, ClientTls, Identity, ServerTls, roots_from_pem};
use xmppwire_tokio::{
    BindAnswer, DecoyKey, Domainpart, Host, HostAnswer, Jid, Mechanism, SaslAnswer, ScramHash,
    ScramKeys, ServerConfig, ServerConnection, ServerEvent, Stanza, TlsOffer,
};

use crate::{Name, PASSWORD, Proof, Stage, streams};

pub(crate) struct House {
    pub(crate) name: Name,
    pub(crate) domain: Domainpart,
    pub(crate) stage: Arc<Stage>,
    /// The other server, and its port.
    pub(crate) other: (Name, u16),
    /// TLS of the streams that this server opens, and of those that the other one opens.
    pub(crate) outgoing: ClientTls,
    pub(crate) incoming: ServerTls,
    /// What the dialback keys of this server are made from.
    pub(crate) secret: DialbackSecret,
    /// TLS for the user.
    tls: ServerTls,
    keys: ScramKeys,
}

impl House {
    pub(crate) fn new(
        name: Name,
        made: &CertifiedKey<KeyPair>,
        stage: &Arc<Stage>,
        other: (Name, u16),
    ) -> Result<Arc<Self>> {
        let key = made.signing_key.serialize_pem();
        let identity = Identity::from_pem(made.cert.pem().as_bytes(), key.as_bytes())?;
        let roots = roots_from_pem(stage.roots.as_bytes())?;
        let outgoing = ClientTls::builder(roots.clone()).service(Service::SERVER);
        let incoming = ServerTls::builder(identity.clone()).service(Service::SERVER);
        let (outgoing, incoming) = match stage.proof {
            Proof::External => (
                outgoing.identity(identity.clone()),
                incoming.client_certificates(ClientCertificates::Requested(roots)),
            ),
            Proof::Dialback => (outgoing, incoming),
        };
        let mut secrets = [0; 48];
        getrandom::fill(&mut secrets)?;
        let (secret, salt) = secrets.split_at(32);
        Ok(Arc::new(Self {
            name,
            domain: Domainpart::new(name.domain)?,
            stage: Arc::clone(stage),
            other,
            outgoing: outgoing.tls13_only().build()?,
            incoming: incoming.tls13_only().build()?,
            secret: DialbackSecret::new(secret),
            tls: ServerTls::builder(identity).build()?,
            keys: ScramKeys::derive(ScramHash::Sha256, PASSWORD, salt, 4096)?,
        }))
    }

    /// Serves the user and the other house, for ever.
    pub(crate) async fn run(
        self: Arc<Self>,
        clients: TcpListener,
        servers: TcpListener,
    ) -> Result<()> {
        let mut decoy = [0; 32];
        getrandom::fill(&mut decoy)?;
        let config = ServerConfig::new(DecoyKey::new(decoy));
        let (socket, _) = clients.accept().await?;
        let mut user = ServerConnection::accept(socket, config, Some(self.tls.clone()))?;
        let (arrivals, mut arriving) = mpsc::unbounded_channel();
        loop {
            tokio::select! {
                event = user.next_event() => match event? {
                    Some(ServerEvent::Stanza(stanza)) => self.clone().send(stanza),
                    Some(event) => self.welcome(&mut user, event)?,
                    None => return Ok(()),
                },
                socket = servers.accept() => {
                    let socket = socket?.0.into_std()?;
                    socket.set_nonblocking(false)?;
                    let (house, arrivals) = (Arc::clone(&self), arrivals.clone());
                    spawn_blocking(move || {
                        let received = streams::receive(&house, socket, &arrivals);
                        received.unwrap_or_else(|error| say(&format!("a stream failed: {error}")));
                    });
                }
                Some(stanza) = arriving.recv() => user.connection_mut().send(&stanza)?,
            }
        }
    }

    /// Sends a stanza of the user to the other house. The user's server has written its `from`.
    fn send(self: Arc<Self>, stanza: Stanza) {
        let is_for_other = stanza.to().map(Jid::domainpart) == Some(self.other.0.domain);
        if is_for_other {
            spawn_blocking(move || {
                let turn = self.stage.turn.lock();
                let _turn = turn.unwrap_or_else(PoisonError::into_inner);
                let sent = streams::send(&self, &stanza);
                sent.unwrap_or_else(|error| say(&format!("a stanza was not sent: {error}")));
            });
        }
    }

    /// The login of the user.
    fn welcome(&self, user: &mut ServerConnection, event: ServerEvent) -> Result<()> {
        let connection = user.connection_mut();
        match event {
            ServerEvent::Opened(request) => {
                let host = Host::new(TlsOffer::Required, [Mechanism::ScramSha256Plus]);
                connection.choose_host(request, HostAnswer::Serve(host))?;
            }
            ServerEvent::Sasl(request) => {
                let keys = SaslAnswer::ScramKeys(self.keys.clone());
                connection.answer_sasl(request, keys)?;
            }
            ServerEvent::Bind(request) => {
                let resource = request.suggested().clone();
                connection.answer_bind(request, BindAnswer::Bind(resource))?;
            }
            _ => {}
        }
        Ok(())
    }
}
