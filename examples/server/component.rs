//! The life of a component's connection (XEP-0114).

use std::error::Error;

use xmppwire_tokio::component::{AttachAnswer, AttachRequest, DomainAnswer, Host, HostEvent};
use xmppwire_tokio::{ApiMisuse, Domainpart};

use crate::lock;
use crate::peer::{Peer, Step};

pub(crate) struct Attachment {
    peer: Peer<Host>,
    /// The domain that has been proven.
    domain: Option<Domainpart>,
}

impl Attachment {
    pub(crate) const fn new(peer: Peer<Host>) -> Self {
        Self { peer, domain: None }
    }

    /// Serves the component until it or the server stops.
    pub(crate) async fn run(mut self) {
        let ended = self.serve().await;
        self.leave();
        if let Err(error) = ended {
            self.peer.log(error);
        }
    }

    async fn serve(&mut self) -> Result<(), Box<dyn Error>> {
        loop {
            match self.peer.next().await? {
                Step::Event(event) => self.handle(event)?,
                Step::Silent => self.ping()?,
                Step::Displaced => {
                    self.leave();
                    self.peer.displaced();
                }
                Step::Over => return Ok(()),
            }
        }
    }

    /// The component gives its place up, if it has one.
    fn leave(&mut self) {
        if let (Some(inbox), Some(domain)) = (self.peer.take_inbox(), &self.domain) {
            lock(&self.peer.shared.registry).detach(domain, inbox);
        }
    }

    fn handle(&mut self, event: HostEvent) -> Result<(), ApiMisuse> {
        match event {
            HostEvent::Opened(request) => {
                let terms = self.peer.shared.components.get(request.domain());
                let answer = match terms {
                    Some(terms) => DomainAnswer::Serve(terms.clone()),
                    None => DomainAnswer::Unknown,
                };
                let connection = self.peer.connection.connection_mut();
                connection.answer_domain(request, answer)
            }
            HostEvent::Attach(request) => self.attach(request),
            HostEvent::Stanza(stanza) => self.peer.route(stanza),
            HostEvent::Closed(reason) => {
                self.peer.log(reason);
                Ok(())
            }
            HostEvent::Refused(fault) => {
                self.peer
                    .log(format!("a stanza was refused: {}", fault.kind()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The newer connection of a domain counts: the older one may have lost its peer without a
    /// sign.
    fn attach(&mut self, request: AttachRequest) -> Result<(), ApiMisuse> {
        let domain = request.domain().clone();
        let inbox = lock(&self.peer.shared.registry).attach(&domain);
        let answer = match inbox {
            Some(inbox) => {
                self.peer.log(format!("is {domain}"));
                self.peer.settle(inbox);
                self.domain = Some(domain);
                AttachAnswer::Accept
            }
            // Unreachable: the domain was known when it was asked for.
            None => AttachAnswer::Conflict,
        };
        let connection = self.peer.connection.connection_mut();
        connection.answer_attach(request, answer)
    }

    fn ping(&mut self) -> Result<(), ApiMisuse> {
        let Some(component) = self.domain.clone() else {
            return Ok(());
        };
        let server = self.peer.shared.domain.clone();
        self.peer.ping(server.into(), component.into())
    }
}
