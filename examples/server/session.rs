//! The life of a client's connection.

use std::error::Error;
use std::sync::MutexGuard;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xmppwire_tokio::{
    ApiMisuse, BindAnswer, BindRequest, Detached, FullJid, Host, HostAnswer, HostRequest,
    Mechanism, ResumeAnswer, ResumeRequest, Sasl2, SaslAnswer, SaslCondition, SaslFailure,
    ScramHash, Server, ServerEvent, StanzaErrorCondition, StreamErrorCondition, StreamManagement,
    TlsOffer, TokenAnswer, TokenPolicy,
};

use crate::lock;
use crate::peer::{Peer, Step};
use crate::queue::Inbox;
use crate::registry::Registry;
use crate::sessions::Found;

/// Best first. The -PLUS variants are offered where TLS has something to bind to.
const MECHANISMS: [Mechanism; 5] = [
    Mechanism::ScramSha256Plus,
    Mechanism::ScramSha1Plus,
    Mechanism::ScramSha256,
    Mechanism::ScramSha1,
    Mechanism::Plain,
];

/// How long a connection may take to give its session away.
const HANDING_OVER: Duration = Duration::from_secs(2);

/// The time, in seconds since the beginning of 1970 in UTC.
fn seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

pub(crate) struct Session {
    peer: Peer<Server>,
    /// The address that the client has bound.
    jid: Option<FullJid>,
    /// What arrives for a session while it comes to this connection or leaves it.
    moving: Option<Inbox>,
    /// The session can continue on another connection.
    resumable: bool,
    /// The session, where its connection is lost and its client may come back.
    detached: Option<Box<Detached>>,
}

impl Session {
    pub(crate) fn new(peer: Peer<Server>) -> Box<Self> {
        Box::new(Self {
            peer,
            jid: None,
            moving: None,
            resumable: false,
            detached: None,
        })
    }

    /// Serves the client until it or the server stops. The session is in a box, because a future has
    /// room for its argument twice.
    pub(crate) async fn run(mut self: Box<Self>) {
        let ended = self.serve().await;
        if ended.is_err() {
            self.detach();
            // A connection that broke below the stream does not know it yet.
            let error = StreamErrorCondition::ConnectionTimeout.into();
            self.peer.connection.close(Some(error));
        }
        self.leave();
        // Of a session that cannot continue.
        let connection = self.peer.connection.connection_mut();
        let lost = connection.take_unacknowledged();
        self.registry().give_back(lost);
        if let Err(error) = ended {
            self.peer.log(error);
        }
    }

    /// The connection gives up what it has: a session that can continue, or a resource.
    fn leave(&mut self) {
        let inbox = self.peer.take_inbox().or_else(|| self.moving.take());
        match (inbox, self.detached.take(), &self.jid) {
            (Some(inbox), Some(mut detached), _) => {
                self.peer.give_waiting(&mut detached);
                self.registry().park(inbox, *detached);
            }
            (Some(inbox), None, Some(jid)) => self.registry().leave(jid, inbox),
            _ => {}
        }
    }

    async fn serve(&mut self) -> Result<(), Box<dyn Error>> {
        loop {
            let step = self.peer.next().await?;
            match step {
                Step::Event(ServerEvent::Resume(request)) => self.resume(request).await?,
                Step::Event(event) => self.handle(event)?,
                Step::Displaced => self.give_way(),
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
            ServerEvent::Token(lookup) => {
                let (account, user_agent) = (lookup.account(), lookup.user_agent().id());
                let slots = lock(&self.peer.shared.tokens).slots(account, user_agent);
                let connection = self.peer.connection.connection_mut();
                connection.answer_token(lookup, TokenAnswer::Slots(slots))
            }
            ServerEvent::Tokens(update) => {
                lock(&self.peer.shared.tokens).update(update);
                Ok(())
            }
            ServerEvent::Managed(managed) => {
                self.resumable = managed.id().is_some();
                if let (Some(jid), Some(id)) = (&self.jid, managed.id()) {
                    self.registry().manage(jid, id);
                }
                Ok(())
            }
            ServerEvent::Resumed { jid, .. } => {
                self.peer.log(format!("is {jid} again"));
                if let Some(inbox) = self.moving.take() {
                    self.peer.settle(inbox);
                }
                self.jid = Some(jid);
                self.resumable = true;
                Ok(())
            }
            ServerEvent::Detached(detached) => {
                self.detached = Some(Box::new(detached));
                Ok(())
            }
            ServerEvent::Stanza(stanza) => self.peer.route(stanza),
            ServerEvent::Active(active) => {
                self.peer
                    .log(if active { "is active" } else { "is inactive" });
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
                    .with_sasl2(
                        Sasl2::new()
                            .with_carbons()
                            .with_tokens(TokenPolicy::new(seconds())),
                    )
                    .with_stream_management(StreamManagement::new())
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
        let inbox = self.registry().enter(&jid, request.wants_carbons());
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

    /// Continues a session on this connection: one that has none, or that of a connection which is
    /// dead and does not know it.
    async fn resume(&mut self, request: ResumeRequest) -> Result<(), ApiMisuse> {
        let found = self.registry().find(&request);
        let (answer, inbox) = match found {
            Found::Here(answer, inbox) => (*answer, Some(inbox)),
            Found::Unknown(answer) => (*answer, None),
            Found::Elsewhere(mut handed) => {
                let waited = tokio::time::timeout(HANDING_OVER, &mut handed).await;
                // From here on it is either taken or waits for its client.
                handed.close();
                let handed = match waited {
                    Ok(handed) => handed.ok(),
                    Err(_) => handed.try_recv().ok(),
                };
                match handed {
                    Some((detached, inbox)) => (ResumeAnswer::Resume(detached), Some(inbox)),
                    None => (ResumeAnswer::Unknown { handled: None }, None),
                }
            }
        };
        let connection = self.peer.connection.connection_mut();
        let refused = connection.answer_resume(request, answer)?;
        match (refused, inbox) {
            (Some(detached), Some(inbox)) => self.registry().park(inbox, detached),
            (_, inbox) => self.moving = inbox,
        }
        Ok(())
    }

    /// A newer connection has the place, or wants the session.
    fn give_way(&mut self) {
        self.detach();
        if self.resumable && self.detached.is_none() {
            // The stream is ending or has ended, and gives the session away in an event, if at all.
            self.moving = self.peer.take_inbox();
            return;
        }
        self.leave();
        self.peer.displaced();
    }

    /// Takes the session out of a connection that does not know that it has ended.
    fn detach(&mut self) {
        if self.detached.is_none() {
            self.detached = self.peer.connection.connection_mut().detach().map(Box::new);
        }
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
