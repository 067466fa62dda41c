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
    Client, Endpoint, Iq, Server, ServerConfig, ServerEvent, Stanza, StanzaFault, StreamError,
    Unacknowledged,
};
use xmppwire_net::client::{
    ConnectError, Connector, Error, NotAcknowledged, ReconnectEvent, ReconnectPolicy, RequestError,
    RequestId, SessionConnector, SessionRole, Suspended,
};
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
    type Session<R: SessionRole>: Session<R> + Send;
    type Reconnecting<R: SessionRole>: Reconnecting<R> + Send;
    type Accepted: Accepted;
    type Hosted: Hosted;
    type Federation: Federation;

    fn connect(jid: &str, password: &str) -> Result<Self::Session<Client>, ConnectError>;
    fn over(
        socket: TcpStream,
        mode: Mode,
        connector: &Connector,
    ) -> Result<Self::Session<Client>, Error>;
    fn reconnecting<R: SessionRole>(
        connector: SessionConnector<R>,
        policy: ReconnectPolicy,
    ) -> Self::Reconnecting<R>;
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
    fn host(socket: TcpStream, config: HostConfig) -> Result<Self::Hosted, LinkError>;
    fn host_direct_tls(
        socket: TcpStream,
        config: HostConfig,
        tls: ServerTls,
        timeout: Duration,
    ) -> Result<Self::Hosted, LinkError>;

    fn connect_with<R: SessionRole>(
        connector: &SessionConnector<R>,
    ) -> Result<Self::Session<R>, ConnectError> {
        Session::connect_with(connector)
    }
}

/// A client that is logged in, or a component that is attached.
pub trait Session<R: SessionRole = Client>: std::fmt::Debug + Sized {
    type Handle: Handle<R>;
    type Stanzas: Iterator<Item = Stanza> + Send + 'static;

    fn connect_with(connector: &SessionConnector<R>) -> Result<Self, ConnectError>;
    fn address(&self) -> &R::Address;
    fn stream_lang(&self) -> Option<&str>;
    fn tls(&self) -> Option<&TlsSummary>;
    fn backlog(&self) -> usize;
    fn next(&mut self) -> Result<Option<Stanza>, Error>;
    fn take_refused(&mut self) -> Option<StanzaFault>;
    fn send(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), Error>;
    fn send_acked(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), NotAcknowledged>;
    fn is_resumed(&self) -> bool;
    fn take_unacknowledged(&mut self) -> Vec<Unacknowledged>;
    fn suspend(self) -> Suspended;
    fn flush(&mut self) -> Result<(), Error>;
    fn request(&mut self, request: Iq) -> Result<Iq, RequestError>;
    fn ask(&mut self, request: Iq) -> Result<RequestId, RequestError>;
    fn answer(&mut self, request: &RequestId) -> Result<Iq, RequestError>;
    fn check_peer(&mut self, patience: Duration);
    fn begin_close(&mut self);
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

/// A session for several threads.
pub trait Handle<R: SessionRole = Client>: Clone + Send + Sync + 'static {
    fn send(&self, stanza: impl Into<Stanza> + Send) -> Result<(), Error>;
    fn send_acked(&self, stanza: impl Into<Stanza> + Send) -> Result<(), NotAcknowledged>;
    fn suspend(&self) -> Suspended;
    fn request(&self, request: Iq) -> Result<Iq, RequestError>;
    fn flush(&self) -> Result<(), Error>;
    fn close(&self) -> Vec<Unacknowledged>;
    fn address(&self) -> Option<R::Address>;
    fn is_connected(&self) -> bool;
    fn connect_now(&self);
    fn network_changed(&self, patience: Duration);
}

/// What a client tells its server about itself: a session, one that reconnects, or a handle.
pub trait Wishing {
    fn set_active(&mut self, active: bool);
    fn enable_carbons(&mut self) -> Result<(), RequestError>;
    fn disable_carbons(&mut self) -> Result<(), RequestError>;
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

/// A client or a component that reconnects.
pub trait Reconnecting<R: SessionRole = Client>: Sized {
    type Handle: Handle<R>;
    type Events: Iterator<Item = ReconnectEvent<R>> + Send + 'static;

    fn next_event(&mut self) -> Result<Option<ReconnectEvent<R>>, Error>;
    fn send(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), Error>;
    fn send_acked(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), NotAcknowledged>;
    fn suspend(self) -> Suspended;
    fn take_refused(&mut self) -> Option<StanzaFault>;
    fn is_connected(&self) -> bool;
    /// The TLS of the session, if there is a session that uses it.
    fn session_tls(&self) -> Option<&TlsSummary>;
    fn connect_now(&mut self);
    fn check_session(&mut self, patience: Duration);
    fn drop_session(&mut self);
    fn begin_close(&mut self);
    fn close(self) -> Result<(), Error>;
    fn split(self) -> (Self::Handle, Self::Events, Drive);
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

/// A server's streams to and from other servers.
pub trait Federation: Sized + Send + 'static {
    fn new(config: FederationConfig) -> Self;
    fn listen(&mut self, listener: TcpListener, mode: Mode);
    fn send(&mut self, stanza: Stanza) -> Result<(), Box<NotRouted>>;
    /// The next event; `None` when there is none in this time.
    fn next(&mut self, timeout: Duration) -> Option<Option<FederationEvent>>;
    fn close(&mut self);
}
