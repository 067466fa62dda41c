//! Both adapters behind one trait, so that a scenario is written once.
//!
//! The calls block, as those of the blocking adapter do; a call of the tokio adapter is run to its
//! end. Each end of a connection has a thread of its own: see [`both`](crate::both).

#[cfg(feature = "blocking")]
mod blocking;
#[cfg(feature = "tokio")]
mod tokio;

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use xmppwire::component::{Host, HostConfig, HostEvent};
use xmppwire::{
    Endpoint, FullJid, Iq, Server, ServerConfig, ServerEvent, Stanza, StanzaFault, StreamError,
};
use xmppwire_net::client::ReconnectPolicy;
use xmppwire_net::client::{
    ConnectError, Connector, Error, ReconnectEvent, RequestError, RequestId,
};
use xmppwire_net::component::{ComponentConnector, ComponentUpdate};
use xmppwire_net::federation::{FederationConfig, FederationEvent, NotRouted};
use xmppwire_net::find::Mode;
use xmppwire_net::link::LinkError;
use xmppwire_net::tls::{ServerTls, TlsSummary};

#[cfg(feature = "blocking")]
pub use blocking::Blocking;
#[cfg(feature = "tokio")]
pub use tokio::Tokio;

/// What an adapter offers.
pub trait Adapter: 'static {
    type Client: Client + Send;
    type Accepted: Accepted;
    type Reconnecting: Reconnecting;
    type Component: Component + Send;
    type Hosted: Hosted;
    type ReconnectingComponent: ReconnectingComponent;
    type Federation: Federation;

    fn connect(jid: &str, password: &str) -> Result<Self::Client, ConnectError>;
    fn over(socket: TcpStream, mode: Mode, connector: &Connector) -> Result<Self::Client, Error>;
    fn reconnecting(connector: Connector, policy: ReconnectPolicy) -> Self::Reconnecting;
    fn accept(
        socket: TcpStream,
        config: ServerConfig,
        tls: Option<ServerTls>,
    ) -> Result<Self::Accepted, LinkError>;
    fn accept_direct_tls(
        socket: TcpStream,
        config: ServerConfig,
        tls: ServerTls,
        timeout: Duration,
    ) -> Result<Self::Accepted, LinkError>;

    fn connect_with(connector: &Connector) -> Result<Self::Client, ConnectError> {
        Client::connect_with(connector)
    }

    fn attach(connector: &ComponentConnector) -> Result<Self::Component, Error>;
    fn reattaching(
        connector: ComponentConnector,
        policy: ReconnectPolicy,
    ) -> Self::ReconnectingComponent;
    fn host(socket: TcpStream, config: HostConfig) -> Result<Self::Hosted, LinkError>;
    fn host_direct_tls(
        socket: TcpStream,
        config: HostConfig,
        tls: ServerTls,
        timeout: Duration,
    ) -> Result<Self::Hosted, LinkError>;
}

/// A client that is logged in.
pub trait Client: std::fmt::Debug + Sized {
    type Handle: Handle;
    type Stanzas: Iterator<Item = Stanza> + Send + 'static;

    fn connect_with(connector: &Connector) -> Result<Self, ConnectError>;
    fn jid(&self) -> &FullJid;
    fn stream_lang(&self) -> Option<&str>;
    fn tls(&self) -> Option<&TlsSummary>;
    fn backlog(&self) -> usize;
    fn next(&mut self) -> Result<Option<Stanza>, Error>;
    fn take_refused(&mut self) -> Option<StanzaFault>;
    fn send(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), Error>;
    fn flush(&mut self) -> Result<(), Error>;
    fn request(&mut self, request: Iq) -> Result<Iq, RequestError>;
    fn check_peer(&mut self, patience: Duration);
    fn close(self) -> Result<(), Error>;
    fn split(self) -> (Self::Handle, Self::Stanzas, Drive);

    /// The next stanza of a stream that is not meant to end.
    fn expect(&mut self) -> Stanza {
        let stanza = self.next().expect("the stream goes on");
        stanza.expect("the stream is not closed")
    }
}

/// Runs a driver to its end.
pub type Drive = Box<dyn FnOnce() -> Result<(), Error> + Send>;

/// A client for several threads.
pub trait Handle: Clone + Send + Sync + 'static {
    fn send(&self, stanza: impl Into<Stanza> + Send) -> Result<(), Error>;
    fn request(&self, request: Iq) -> Result<Iq, RequestError>;
    fn flush(&self) -> Result<(), Error>;
    fn close(&self);
    fn jid(&self) -> Option<FullJid>;
    fn is_connected(&self) -> bool;
    fn connect_now(&self);
}

/// A server's connection to a client.
pub trait Accepted: std::fmt::Debug + Sized {
    fn next_event(&mut self) -> Result<Option<ServerEvent>, LinkError>;
    fn connection_mut(&mut self) -> &mut Endpoint<Server>;
    fn close(&mut self, error: Option<StreamError>);
    fn flush(&mut self) -> bool;
    fn drain(&mut self, timeout: Duration) -> bool;
    fn backlog(&self) -> usize;
    fn tls(&self) -> Option<&TlsSummary>;
    fn set_tls(&mut self, tls: ServerTls);

    /// Queues a stanza for the client.
    fn send(&mut self, stanza: impl Into<Stanza>) {
        let connection = self.connection_mut();
        connection.send(&stanza.into()).unwrap();
    }
}

/// A client that reconnects.
pub trait Reconnecting: Sized {
    type Handle: Handle;
    type Events: Iterator<Item = ReconnectEvent> + Send + 'static;

    fn next_event(&mut self) -> Result<Option<ReconnectEvent>, Error>;
    fn send(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), Error>;
    fn take_refused(&mut self) -> Option<StanzaFault>;
    /// The TLS of the session, if there is a session.
    fn session_tls(&self) -> Option<&TlsSummary>;
    fn connect_now(&mut self);
    fn check_session(&mut self, patience: Duration);
    fn drop_session(&mut self);
    fn close(self) -> Result<(), Error>;
    fn split(self) -> (Self::Handle, Self::Events, Drive);
}

/// A component that is attached to its server.
pub trait Component: std::fmt::Debug + Sized {
    fn next(&mut self) -> Result<Option<Stanza>, Error>;
    fn take_refused(&mut self) -> Option<StanzaFault>;
    fn send(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), Error>;
    fn request(&mut self, request: Iq) -> Result<Iq, RequestError>;
    fn ask(&mut self, request: Iq) -> Result<RequestId, RequestError>;
    fn answer(&mut self, request: RequestId) -> Result<Iq, RequestError>;
    fn tls(&self) -> Option<&TlsSummary>;
    fn close(&mut self);

    /// The next stanza of a stream that is not meant to end.
    fn expect(&mut self) -> Stanza {
        let stanza = self.next().expect("the stream goes on");
        stanza.expect("the stream is not closed")
    }
}

/// A server's connection to a component.
pub trait Hosted: std::fmt::Debug + Sized {
    fn next_event(&mut self) -> Result<Option<HostEvent>, LinkError>;
    fn connection_mut(&mut self) -> &mut Endpoint<Host>;
    fn close(&mut self, error: Option<StreamError>);
    fn flush(&mut self) -> bool;

    /// Queues a stanza for the component.
    fn send(&mut self, stanza: impl Into<Stanza>) {
        let connection = self.connection_mut();
        connection.send(&stanza.into()).unwrap();
    }
}

/// A component that attaches again.
pub trait ReconnectingComponent: Sized {
    fn next_event(&mut self) -> Result<Option<ComponentUpdate>, Error>;
    fn send(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), Error>;
    fn close(&mut self);
}

/// A server's streams to and from other servers.
pub trait Federation: Sized + Send + 'static {
    fn new(config: FederationConfig) -> Self;
    fn listen(&mut self, listener: TcpListener, mode: Mode);
    fn send(&mut self, stanza: Stanza) -> Result<(), Box<NotRouted>>;
    /// The next event; `None` when there is none in this time.
    fn next(&mut self, timeout: Duration) -> Option<Option<FederationEvent>>;
    fn close(&mut self);
}
