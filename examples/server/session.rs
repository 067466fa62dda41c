//! One connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use xmppwire_tokio::{
    ApiMisuse, BindAnswer, BindRequest, FullJid, Host, HostAnswer, LinkError, Mechanism,
    SaslAnswer, SaslCondition, SaslFailure, ScramHash, ServerConnection, ServerEvent, Stanza,
    StanzaErrorCondition, StreamErrorCondition, TlsOffer,
};

use crate::house::House;
use crate::log::log;

/// Bytes that wait for one client before it is given more stanzas.
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
    pub(crate) client: ServerConnection<TcpStream>,
    pub(crate) peer: SocketAddr,
    pub(crate) house: Arc<Mutex<House>>,
    pub(crate) place: Option<Place>,
}

/// Where a client is, once it has bound a resource.
pub(crate) struct Place {
    pub(crate) jid: FullJid,
    pub(crate) inbox: mpsc::Receiver<Stanza>,
}

impl Session {
    /// Serves the client until it or the server stops.
    pub(crate) async fn run(mut self, stopping: watch::Receiver<()>) {
        let ended = self.serve(stopping).await;
        if let Some(place) = self.place.take() {
            self.house().leave(place);
        }
        if let Err(error) = ended {
            log(self.peer, error);
        }
    }

    async fn serve(&mut self, mut stopping: watch::Receiver<()>) -> Result<(), LinkError> {
        let mut ending = false;
        loop {
            let keeps_up = self.client.backlog() < BACKLOG;
            tokio::select! {
                event = self.client.next_event() => match event? {
                    Some(event) => self.handle(event).map_err(std::io::Error::other)?,
                    None => return Ok(()),
                },
                stanza = next(&mut self.place), if keeps_up => match stanza {
                    Some(stanza) => {
                        // What cannot be written is its sender's fault, not this client's.
                        if let Err(error) = self.client.connection_mut().send(&stanza) {
                            log(self.peer, error);
                        }
                    }
                    // The place belongs to a newer connection (RFC 6120 §7.7.2.2).
                    None => {
                        self.place = None;
                        self.client.close(Some(StreamErrorCondition::Conflict.into()));
                    }
                },
                _ = stopping.changed(), if !ending => {
                    ending = true;
                    self.client.close(Some(StreamErrorCondition::SystemShutdown.into()));
                }
            }
        }
    }

    fn handle(&mut self, event: ServerEvent) -> Result<(), ApiMisuse> {
        match event {
            ServerEvent::Opened(request) => {
                let answer = match *request.domain() == self.house().domain {
                    true => HostAnswer::Serve(Host::new(TlsOffer::Required, MECHANISMS)),
                    false => HostAnswer::Unknown,
                };
                self.client.connection_mut().choose_host(request, answer)
            }
            ServerEvent::Sasl(request) => {
                let hash = request.mechanism().hash().unwrap_or(ScramHash::Sha256);
                let keys = request
                    .account()
                    .and_then(|account| self.house().keys(&account, hash));
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
                let reply = self.house().take(&place.jid, stanza);
                reply.map_or(Ok(()), |reply| self.client.connection_mut().send(&reply))
            }
            ServerEvent::Closed(reason) => {
                log(self.peer, reason);
                Ok(())
            }
            ServerEvent::Refused(fault) => {
                log(self.peer, format!("a stanza was refused: {}", fault.kind()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn bind(&mut self, request: BindRequest) -> Result<(), ApiMisuse> {
        let (jid, resource) = (request.suggested_jid(), request.suggested().clone());
        let inbox = self.house().enter(&jid);
        let answer = match inbox {
            Some(inbox) => {
                log(self.peer, format!("is {jid}"));
                self.place = Some(Place { jid, inbox });
                BindAnswer::Bind(resource)
            }
            None => BindAnswer::Reject(StanzaErrorCondition::ResourceConstraint.into()),
        };
        self.client.connection_mut().answer_bind(request, answer)
    }

    /// Nothing is awaited while the house is locked.
    fn house(&self) -> MutexGuard<'_, House> {
        self.house.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next stanza for the client. Cancel-safe.
async fn next(place: &mut Option<Place>) -> Option<Stanza> {
    match place {
        Some(place) => place.inbox.recv().await,
        None => std::future::pending().await,
    }
}
