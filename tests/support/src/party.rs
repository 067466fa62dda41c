//! The roles that have a session with a server, for scenarios that run for each of them.

use xmppwire::component::{
    AttachAnswer, Component, ComponentConfig, DomainAnswer, HostConfig, HostEvent, Secret, Terms,
};
use xmppwire::{Client, CloseReason, Domainpart, Jid, ServerEvent, Stanza, StreamError};
use xmppwire_net::client::{SessionConnector, SessionRole};
use xmppwire_net::component::ComponentConnector;
use xmppwire_net::find::{Domain, Mode};

use crate::adapter::{Accepted, Adapter, Hosted};
use crate::site::Site;
use crate::{DOMAIN, PATIENCE};

const SECRET: &str = "sesame, open the gate";

/// A role, and how a server lets it in.
pub trait Party: SessionRole {
    /// Knows where to connect to, and answers the requests of others itself.
    fn connector(site: &Site, mode: Mode) -> SessionConnector<Self>;

    /// Accepts the next connection and lets the peer in.
    fn welcome<A: Adapter>(site: &Site, mode: Mode) -> impl Peer;

    /// A stanza as the role sends it, with the addresses that it has to have.
    fn outgoing(stanza: impl Into<Stanza>) -> Stanza;

    /// A stanza as the server sends it, with the addresses that it has to have.
    fn incoming(stanza: impl Into<Stanza>) -> Stanza;
}

/// The server's end of a stream that is ready for stanzas.
pub trait Peer: std::fmt::Debug {
    /// The next event, which has to be a stanza.
    fn next_stanza(&mut self) -> Stanza;
    fn send(&mut self, stanza: Stanza);
    fn flush(&mut self) -> bool;
    fn close(&mut self, error: Option<StreamError>);
    /// Takes events until the last one, and returns why the connection ended.
    fn end(&mut self) -> CloseReason;
}

impl Party for Client {
    fn connector(site: &Site, mode: Mode) -> SessionConnector<Self> {
        site.juliet(mode).with_claim_on_all()
    }

    fn welcome<A: Adapter>(site: &Site, mode: Mode) -> impl Peer {
        Serving(site.welcome::<A>(mode))
    }

    /// The server writes the sender.
    fn outgoing(stanza: impl Into<Stanza>) -> Stanza {
        let mut stanza = stanza.into();
        stanza.set_from(None);
        stanza
    }

    fn incoming(stanza: impl Into<Stanza>) -> Stanza {
        stanza.into()
    }
}

impl Party for Component {
    fn connector(site: &Site, mode: Mode) -> SessionConnector<Self> {
        let domain = Domainpart::new("gate.example").unwrap();
        let server = Domainpart::new(DOMAIN).unwrap();
        let config = ComponentConfig::new(domain, Secret::new(SECRET)).with_server(server);
        let connector = ComponentConnector::new(config, "127.0.0.1", site.port);
        match mode {
            Mode::DirectTls => {
                let domain = Domain::parse(DOMAIN).unwrap();
                connector.with_direct_tls(site.authority.client(), domain)
            }
            _ => connector,
        }
    }

    fn welcome<A: Adapter>(site: &Site, mode: Mode) -> impl Peer {
        let (socket, config) = (site.socket(), HostConfig::new());
        let host = match mode {
            Mode::DirectTls => A::host_direct_tls(socket, config, site.tls.clone(), PATIENCE),
            _ => A::host(socket, config),
        };
        let mut host = host.unwrap();
        attach(&mut host);
        // Not everything is written if the component has said something already.
        host.flush();
        Hosting(host)
    }

    fn outgoing(stanza: impl Into<Stanza>) -> Stanza {
        let mut stanza = stanza.into();
        if !is_bot(stanza.from()) {
            stanza.set_from(Some(bot()));
        }
        if stanza.to().is_none() {
            stanza.set_to(Some(Jid::new(DOMAIN).unwrap()));
        }
        stanza
    }

    fn incoming(stanza: impl Into<Stanza>) -> Stanza {
        let mut stanza = stanza.into();
        if stanza.from().is_none() {
            stanza.set_from(Some(Jid::new(DOMAIN).unwrap()));
        }
        if !is_bot(stanza.to()) {
            stanza.set_to(Some(bot()));
        }
        stanza
    }
}

fn bot() -> Jid {
    Jid::new("bot@gate.example").unwrap()
}

/// Whether the address is one of the component.
fn is_bot(address: Option<&Jid>) -> bool {
    address.is_some_and(|address| address.domainpart() == bot().domainpart())
}

/// Answers the questions of a component until it is attached.
fn attach(host: &mut impl Hosted) {
    loop {
        let event = host.next_event().unwrap();
        let connection = host.connection_mut();
        match event {
            Some(HostEvent::Opened(request)) => {
                let terms = Terms::new(Secret::new(SECRET)).unwrap();
                let answer = DomainAnswer::Serve(terms);
                connection.answer_domain(request, answer).unwrap();
            }
            Some(HostEvent::Attach(request)) => {
                let answer = AttachAnswer::Accept;
                connection.answer_attach(request, answer).unwrap();
                return;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A server's connection to a client.
#[derive(Debug)]
struct Serving<T>(T);

impl<T: Accepted> Peer for Serving<T> {
    fn next_stanza(&mut self) -> Stanza {
        match self.0.next_event().unwrap() {
            Some(ServerEvent::Stanza(stanza)) => stanza,
            other => panic!("no stanza: {other:?}"),
        }
    }

    fn send(&mut self, stanza: Stanza) {
        self.0.send(stanza);
    }

    fn flush(&mut self) -> bool {
        self.0.flush()
    }

    fn close(&mut self, error: Option<StreamError>) {
        self.0.close(error);
    }

    fn end(&mut self) -> CloseReason {
        crate::site::end(&mut self.0)
    }
}

/// A server's connection to a component.
#[derive(Debug)]
struct Hosting<T>(T);

impl<T: Hosted> Peer for Hosting<T> {
    fn next_stanza(&mut self) -> Stanza {
        match self.0.next_event().unwrap() {
            Some(HostEvent::Stanza(stanza)) => stanza,
            other => panic!("no stanza: {other:?}"),
        }
    }

    fn send(&mut self, stanza: Stanza) {
        self.0.send(stanza);
    }

    fn flush(&mut self) -> bool {
        self.0.flush()
    }

    fn close(&mut self, error: Option<StreamError>) {
        self.0.close(error);
    }

    fn end(&mut self) -> CloseReason {
        loop {
            match self.0.next_event().unwrap() {
                Some(HostEvent::Closed(reason)) => {
                    assert!(self.0.next_event().unwrap().is_none(), "an event follows");
                    return reason;
                }
                Some(_) => {}
                None => panic!("no last event"),
            }
        }
    }
}
