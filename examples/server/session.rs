//! The life of one connection.

use std::error::Error;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Arc, MutexGuard};

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use xmppwire_tokio::{
    ApiMisuse, BindAnswer, BindRequest, Element, FullJid, Host, HostAnswer, Iq, Mechanism,
    SaslAnswer, SaslCondition, SaslFailure, ScramHash, ServerConnection, ServerEvent,
    StanzaErrorCondition, StreamErrorCondition, TlsOffer, ns,
};

use crate::queue::{Inbox, Queued};
use crate::registry::Registry;
use crate::strangers::Ticket;
use crate::{Shared, lock};

/// Bytes that wait to be written to a client above which it is given nothing more, and nothing more
/// is read from it.
const BACKLOG: usize = 64 * 1024;
/// Best first. The -PLUS variants are offered where TLS has something to bind to.
const MECHANISMS: [Mechanism; 5] = [
    Mechanism::ScramSha256Plus,
    Mechanism::ScramSha1Plus,
    Mechanism::ScramSha256,
    Mechanism::ScramSha1,
    Mechanism::Plain,
];

pub(crate) struct Session {
    client: ServerConnection<TcpStream>,
    peer: SocketAddr,
    shared: Arc<Shared>,
    /// While the client has no place.
    ticket: Option<Ticket>,
    place: Option<Place>,
    /// The stream is closing.
    closing: bool,
    /// When a client to which more than [`BACKLOG`] waits has to have read it.
    read_until: Option<Instant>,
    /// When to ask a client that sends nothing whether it is still there.
    ping_at: Instant,
}

/// The place of a client that has bound a resource.
pub(crate) struct Place {
    pub(crate) jid: FullJid,
    pub(crate) inbox: Inbox,
}

/// What a connection has to deal with next.
enum Step {
    Event(Box<ServerEvent>),
    Stanza(Arc<Queued>),
    /// A newer connection has taken the place.
    Displaced,
    /// What waited is written.
    Written,
    Over,
}

impl From<Option<ServerEvent>> for Step {
    fn from(event: Option<ServerEvent>) -> Self {
        event.map_or(Self::Over, |event| Self::Event(Box::new(event)))
    }
}

impl Session {
    pub(crate) fn new(
        client: ServerConnection<TcpStream>,
        peer: SocketAddr,
        shared: &Arc<Shared>,
    ) -> Self {
        Self {
            client,
            peer,
            ticket: Some(Ticket::new(shared, peer)),
            shared: Arc::clone(shared),
            place: None,
            closing: false,
            read_until: None,
            ping_at: Instant::now(),
        }
    }

    /// Serves the client until it or the server stops.
    pub(crate) async fn run(mut self, stopping: watch::Receiver<()>) {
        let ended = self.serve(stopping).await;
        if let Some(place) = self.place.take() {
            self.registry().leave(place);
        }
        if let Err(error) = ended {
            self.log(error);
        }
    }

    async fn serve(&mut self, mut stopping: watch::Receiver<()>) -> Result<(), Box<dyn Error>> {
        loop {
            let behind = !self.closing && self.client.backlog() >= BACKLOG;
            let latest = Instant::now() + self.shared.idle;
            self.read_until = behind.then(|| self.read_until.unwrap_or(latest));
            tokio::select! {
                step = step(&mut self.client, &mut self.place, self.read_until) => match step? {
                    Step::Event(event) => self.handle(*event)?,
                    Step::Stanza(queued) => {
                        // The sender is at fault for a stanza that cannot be written, not this
                        // client.
                        if let Err(error) = self.client.connection_mut().send(queued.stanza()) {
                            self.log(error);
                        }
                    }
                    Step::Displaced => {
                        self.place = None;
                        self.ticket = Some(Ticket::new(&self.shared, self.peer));
                        self.close(StreamErrorCondition::Conflict);
                    }
                    Step::Written => {}
                    Step::Over => return Ok(()),
                },
                () = ended(&mut self.ticket) => return Err("makes room for a newer connection".into()),
                () = sleep_until(self.ping_at), if self.place.is_some() && !behind => self.ping()?,
                _ = stopping.changed(), if !self.closing => {
                    self.close(StreamErrorCondition::SystemShutdown);
                }
            }
        }
    }

    fn handle(&mut self, event: ServerEvent) -> Result<(), ApiMisuse> {
        self.ping_later();
        match event {
            ServerEvent::Opened(request) => {
                let answer = match *request.domain() == self.registry().domain {
                    true => HostAnswer::Serve(Host::new(TlsOffer::Required, MECHANISMS)),
                    false => HostAnswer::Unknown,
                };
                self.client.connection_mut().choose_host(request, answer)
            }
            ServerEvent::Sasl(request) => {
                let hash = request.mechanism().hash().unwrap_or(ScramHash::Sha256);
                let keys = request
                    .account()
                    .and_then(|account| self.registry().keys(&account, hash));
                let answer = match keys {
                    Some(keys) => SaslAnswer::ScramKeys(keys),
                    None => SaslAnswer::Reject(SaslFailure::new(SaslCondition::NotAuthorized)),
                };
                self.client.connection_mut().answer_sasl(request, answer)
            }
            ServerEvent::Bind(request) => self.bind(request),
            ServerEvent::Stanza(stanza) => {
                let Some(place) = &self.place else {
                    return Ok(());
                };
                let reply = self.registry().take(&place.jid, stanza);
                reply.map_or(Ok(()), |reply| self.client.connection_mut().send(&reply))
            }
            ServerEvent::Closed(reason) => {
                self.log(reason);
                Ok(())
            }
            ServerEvent::Refused(fault) => {
                self.log(format!("a stanza was refused: {}", fault.kind()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn bind(&mut self, request: BindRequest) -> Result<(), ApiMisuse> {
        let (jid, resource) = (request.suggested_jid(), request.suggested().clone());
        let inbox = self.registry().enter(&jid);
        let answer = match inbox {
            Some(inbox) => {
                self.log(format!("is {jid}"));
                self.ticket = None;
                self.place = Some(Place { jid, inbox });
                BindAnswer::Bind(resource)
            }
            None => BindAnswer::Reject(StanzaErrorCondition::ResourceConstraint.into()),
        };
        self.client.connection_mut().answer_bind(request, answer)
    }

    /// Asks the client whether it is there (XEP-0199 §4.1). One that does not answer runs into the
    /// machine's time limit for a silent peer, and gives up its place.
    fn ping(&mut self) -> Result<(), ApiMisuse> {
        self.ping_later();
        let Some(place) = &self.place else {
            return Ok(());
        };
        let ping = Iq::get("keep-alive", &Element::builder("ping", ns::PING).build())
            .with_from(self.registry().domain.clone())
            .with_to(place.jid.clone());
        self.client.connection_mut().send(&ping.into())
    }

    fn ping_later(&mut self) {
        self.ping_at = Instant::now() + self.shared.idle / 2;
    }

    fn close(&mut self, condition: StreamErrorCondition) {
        self.closing = true;
        self.client.close(Some(condition.into()));
    }

    /// Nothing is awaited while the registry is locked.
    fn registry(&self) -> MutexGuard<'_, Registry> {
        lock(&self.shared.registry)
    }

    fn log(&self, what: impl Display) {
        lock(&self.shared.log).write(self.peer, what);
    }
}

/// Moves bytes until there is something to do. A client that is behind has to read first.
/// Cancel-safe.
async fn step(
    client: &mut ServerConnection<TcpStream>,
    place: &mut Option<Place>,
    read_until: Option<Instant>,
) -> Result<Step, Box<dyn Error>> {
    if let Some(deadline) = read_until {
        let left = deadline.saturating_duration_since(Instant::now());
        if !client.drain(left).await {
            return Err("does not read what it is sent".into());
        }
        if client.backlog() < BACKLOG {
            return Ok(Step::Written);
        }
        // The connection has ended, and the events say how.
        return Ok(Step::from(client.next_event().await?));
    }
    tokio::select! {
        event = client.next_event() => Ok(Step::from(event?)),
        queued = next(place) => Ok(queued.map_or(Step::Displaced, Step::Stanza)),
    }
}

/// The next stanza for the client. Cancel-safe.
async fn next(place: &mut Option<Place>) -> Option<Arc<Queued>> {
    match place {
        Some(place) => place.inbox.next().await,
        None => std::future::pending().await,
    }
}

/// Waits until a connection without a place has to make room. Cancel-safe.
async fn ended(ticket: &mut Option<Ticket>) {
    match ticket {
        Some(ticket) => ticket.ended().await,
        None => std::future::pending().await,
    }
}
