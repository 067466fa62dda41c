//! The life of a client's connection.

use std::error::Error;
use std::sync::MutexGuard;

use xmppwire_tokio::{
    ApiMisuse, BindAnswer, BindRequest, FullJid, Host, HostAnswer, HostRequest, Mechanism,
    SaslAnswer, SaslCondition, SaslFailure, ScramHash, Server, ServerEvent, StanzaErrorCondition,
    TlsOffer,
};

use crate::lock;
use crate::peer::{Peer, Step};
use crate::registry::Registry;

/// Best first. The -PLUS variants are offered where TLS has something to bind to.
const MECHANISMS: [Mechanism; 5] = [
    Mechanism::ScramSha256Plus,
    Mechanism::ScramSha1Plus,
    Mechanism::ScramSha256,
    Mechanism::ScramSha1,
    Mechanism::Plain,
];

pub(crate) struct Session {
    peer: Peer<Server>,
    /// The address that the client has bound.
    jid: Option<FullJid>,
}

impl Session {
    pub(crate) const fn new(peer: Peer<Server>) -> Self {
        Self { peer, jid: None }
    }

    /// Serves the client until it or the server stops.
    pub(crate) async fn run(mut self) {
        let ended = self.serve().await;
        if let (Some(inbox), Some(jid)) = (self.peer.take_inbox(), &self.jid) {
            self.registry().leave(jid, inbox);
        }
        if let Err(error) = ended {
            self.peer.log(error);
        }
    }

    async fn serve(&mut self) -> Result<(), Box<dyn Error>> {
        loop {
            match self.peer.next().await? {
                Step::Event(event) => self.handle(event)?,
                Step::Silent => self.ping()?,
                Step::Over => return Ok(()),
            }
        }
    }

    fn handle(&mut self, event: ServerEvent) -> Result<(), ApiMisuse> {
        match event {
            ServerEvent::Opened(request) => self.open(request),
            ServerEvent::Sasl(request) => {
                let hash = request.mechanism().hash().unwrap_or(ScramHash::Sha256);
                let keys = request
                    .account()
                    .and_then(|account| lock(&self.peer.shared.accounts).keys(&account, hash));
                let answer = match keys {
                    Some(keys) => SaslAnswer::ScramKeys(keys),
                    None => SaslAnswer::Reject(SaslFailure::new(SaslCondition::NotAuthorized)),
                };
                let connection = self.peer.connection.connection_mut();
                connection.answer_sasl(request, answer)
            }
            ServerEvent::Bind(request) => self.bind(request),
            ServerEvent::Stanza(stanza) => self.peer.route(stanza),
            ServerEvent::Active(active) => {
                self.peer.set_active(active);
                Ok(())
            }
            ServerEvent::Closed(reason) => {
                self.peer.log(reason);
                Ok(())
            }
            ServerEvent::Refused(fault) => {
                self.peer
                    .log(format!("a stanza was refused: {}", fault.kind()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Each domain has its own certificate.
    fn open(&mut self, request: HostRequest) -> Result<(), ApiMisuse> {
        let answer = match self.peer.shared.tls.get(request.domain()) {
            Some(tls) => {
                self.peer.connection.set_tls(tls.clone());
                let host = Host::new(TlsOffer::Required, MECHANISMS)
                    .with_stream_limits()
                    .with_csi();
                HostAnswer::Serve(host)
            }
            None => HostAnswer::Unknown,
        };
        let connection = self.peer.connection.connection_mut();
        connection.choose_host(request, answer)
    }

    fn bind(&mut self, request: BindRequest) -> Result<(), ApiMisuse> {
        let (jid, resource) = (request.suggested_jid(), request.suggested().clone());
        let inbox = self.registry().enter(&jid);
        let answer = match inbox {
            Some(inbox) => {
                self.peer.log(format!("is {jid}"));
                self.peer.settle(inbox);
                self.jid = Some(jid);
                BindAnswer::Bind(resource)
            }
            None => BindAnswer::Reject(StanzaErrorCondition::ResourceConstraint.into()),
        };
        let connection = self.peer.connection.connection_mut();
        connection.answer_bind(request, answer)
    }

    fn ping(&mut self) -> Result<(), ApiMisuse> {
        let Some(jid) = &self.jid else {
            return Ok(());
        };
        self.peer
            .ping(jid.to_domainpart().into(), jid.clone().into())
    }

    /// Nothing is awaited while the registry is locked.
    fn registry(&self) -> MutexGuard<'_, Registry> {
        lock(&self.peer.shared.registry)
    }
}
