//! The blocking adapter.

use std::net::{TcpListener, TcpStream};
use std::task::Poll;
use std::time::Duration;

use xmppwire::component::{Host, HostConfig, HostEvent};
use xmppwire::{
    Endpoint, Iq, Server, ServerConfig, ServerEvent, Stanza, StanzaFault, StreamError,
    Unacknowledged,
};
use xmppwire_blocking::{
    Client, ComponentHostConnection, Events, Federation, Handle, Reconnecting, ServerConnection,
    Session, Stanzas,
};
use xmppwire_net::client::{
    ConnectError, Connector, Error, NotAcknowledged, ReconnectEvent, ReconnectPolicy, RequestError,
    RequestId, SessionConnector, SessionRole, Suspended,
};
use xmppwire_net::federation::{FederationConfig, FederationEvent, NotRouted};
use xmppwire_net::find::Mode;
use xmppwire_net::link::LinkError;
use xmppwire_net::tls::{ServerTls, TlsSummary};

use super::Drive;

/// The blocking adapter.
#[derive(Clone, Copy, Debug)]
pub struct Blocking;

impl super::Adapter for Blocking {
    type Session<R: SessionRole> = Session<R>;
    type Reconnecting<R: SessionRole> = Reconnecting<R>;
    type Accepted = ServerConnection;
    type Hosted = ComponentHostConnection;
    type Federation = Federation;

    fn connect(jid: &str, password: &str) -> Result<Session, ConnectError> {
        Client::connect(jid, password)
    }

    fn over(socket: TcpStream, mode: Mode, connector: &Connector) -> Result<Session, Error> {
        Client::over(socket, mode, connector)
    }

    fn reconnecting<R: SessionRole>(
        connector: SessionConnector<R>,
        policy: ReconnectPolicy,
    ) -> Reconnecting<R> {
        Reconnecting::with_policy(connector, policy)
    }

    fn accept(
        socket: TcpStream,
        config: ServerConfig,
        tls: Option<ServerTls>,
    ) -> Result<ServerConnection, LinkError> {
        ServerConnection::accept(socket, config, tls)
    }

    fn accept_direct_tls(
        socket: TcpStream,
        config: ServerConfig,
        tls: ServerTls,
        timeout: Duration,
    ) -> Result<ServerConnection, LinkError> {
        ServerConnection::accept_direct_tls(socket, config, tls, timeout)
    }

    fn host(socket: TcpStream, config: HostConfig) -> Result<ComponentHostConnection, LinkError> {
        ComponentHostConnection::accept(socket, config)
    }

    fn host_direct_tls(
        socket: TcpStream,
        config: HostConfig,
        tls: ServerTls,
        timeout: Duration,
    ) -> Result<ComponentHostConnection, LinkError> {
        ComponentHostConnection::accept_direct_tls(socket, config, tls, timeout)
    }
}

impl<R: SessionRole> super::Session<R> for Session<R> {
    type Handle = Handle<R>;
    type Stanzas = Stanzas<R>;

    fn connect_with(connector: &SessionConnector<R>) -> Result<Self, ConnectError> {
        Self::connect_with(connector)
    }

    fn address(&self) -> &R::Address {
        self.address()
    }

    fn stream_lang(&self) -> Option<&str> {
        self.stream_lang()
    }

    fn tls(&self) -> Option<&TlsSummary> {
        self.tls()
    }

    fn backlog(&self) -> usize {
        self.backlog()
    }

    fn next(&mut self) -> Result<Option<Stanza>, Error> {
        self.next()
    }

    fn take_refused(&mut self) -> Option<StanzaFault> {
        self.take_refused()
    }

    fn send(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), Error> {
        self.send(stanza)
    }

    fn send_acked(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), NotAcknowledged> {
        self.send_acked(stanza)
    }

    fn is_resumed(&self) -> bool {
        self.is_resumed()
    }

    fn take_unacknowledged(&mut self) -> Vec<Unacknowledged> {
        self.take_unacknowledged()
    }

    fn suspend(self) -> Suspended {
        self.suspend()
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.flush()
    }

    fn request(&mut self, request: Iq) -> Result<Iq, RequestError> {
        self.request(request)
    }

    fn ask(&mut self, request: Iq) -> Result<RequestId, RequestError> {
        self.ask(request)
    }

    fn answer(&mut self, request: &RequestId) -> Result<Iq, RequestError> {
        self.answer(request)
    }

    fn check_peer(&mut self, patience: Duration) {
        self.check_peer(patience);
    }

    fn begin_close(&mut self) {
        self.begin_close();
    }

    fn close(self) -> Result<(), Error> {
        self.close()
    }

    fn split(self) -> (Handle<R>, Stanzas<R>, Drive) {
        let (handle, received, driver) = self.split();
        (handle, received, Box::new(|| driver.run()))
    }
}

impl super::Wishing for Client {
    fn set_active(&mut self, active: bool) {
        Client::set_active(self, active);
    }

    fn enable_carbons(&mut self) -> Result<(), RequestError> {
        Client::enable_carbons(self)
    }

    fn disable_carbons(&mut self) -> Result<(), RequestError> {
        Client::disable_carbons(self)
    }
}

impl super::Wishing for Reconnecting<xmppwire::Client> {
    fn set_active(&mut self, active: bool) {
        Reconnecting::<xmppwire::Client>::set_active(self, active);
    }

    fn enable_carbons(&mut self) -> Result<(), RequestError> {
        Reconnecting::<xmppwire::Client>::enable_carbons(self)
    }

    fn disable_carbons(&mut self) -> Result<(), RequestError> {
        Reconnecting::<xmppwire::Client>::disable_carbons(self)
    }
}

impl super::Wishing for Handle {
    fn set_active(&mut self, active: bool) {
        Handle::set_active(self, active);
    }

    fn enable_carbons(&mut self) -> Result<(), RequestError> {
        Handle::enable_carbons(self)
    }

    fn disable_carbons(&mut self) -> Result<(), RequestError> {
        Handle::disable_carbons(self)
    }
}

impl super::Accepted for ServerConnection {
    fn next_event(&mut self) -> Result<Option<ServerEvent>, LinkError> {
        self.next_event()
    }

    fn connection_mut(&mut self) -> &mut Endpoint<Server> {
        self.connection_mut()
    }

    fn close(&mut self, error: Option<StreamError>) {
        self.close(error);
    }

    fn flush(&mut self) -> bool {
        self.flush()
    }

    fn drain(&mut self, timeout: Duration) -> bool {
        self.drain(timeout)
    }

    fn backlog(&self) -> usize {
        self.backlog()
    }

    fn tls(&self) -> Option<&TlsSummary> {
        self.tls()
    }

    fn set_tls(&mut self, tls: ServerTls) {
        self.set_tls(tls);
    }
}

impl<R: SessionRole> super::Reconnecting<R> for Reconnecting<R> {
    type Handle = Handle<R>;
    type Events = Events<R>;

    fn next_event(&mut self) -> Result<Option<ReconnectEvent<R>>, Error> {
        self.next_event()
    }

    fn send(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), Error> {
        self.send(stanza)
    }

    fn send_acked(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), NotAcknowledged> {
        self.send_acked(stanza)
    }

    fn suspend(self) -> Suspended {
        self.suspend()
    }

    fn take_refused(&mut self) -> Option<StanzaFault> {
        self.take_refused()
    }

    fn is_connected(&self) -> bool {
        self.session().is_some()
    }

    fn session_tls(&self) -> Option<&TlsSummary> {
        self.session()?.tls()
    }

    fn connect_now(&mut self) {
        self.connect_now();
    }

    fn check_session(&mut self, patience: Duration) {
        self.check_session(patience);
    }

    fn drop_session(&mut self) {
        self.drop_session();
    }

    fn begin_close(&mut self) {
        self.begin_close();
    }

    fn close(self) -> Result<(), Error> {
        self.close()
    }

    fn split(self) -> (Handle<R>, Events<R>, Drive) {
        let (handle, received, driver) = self.split();
        (handle, received, Box::new(|| driver.run()))
    }
}

impl<R: SessionRole> super::Handle<R> for Handle<R> {
    fn send(&self, stanza: impl Into<Stanza> + Send) -> Result<(), Error> {
        self.send(stanza)
    }

    fn send_acked(&self, stanza: impl Into<Stanza> + Send) -> Result<(), NotAcknowledged> {
        self.send_acked(stanza)
    }

    fn suspend(&self) -> Suspended {
        self.suspend()
    }

    fn request(&self, request: Iq) -> Result<Iq, RequestError> {
        self.request(request)
    }

    fn flush(&self) -> Result<(), Error> {
        self.flush()
    }

    fn close(&self) -> Vec<Unacknowledged> {
        self.close()
    }

    fn address(&self) -> Option<R::Address> {
        self.address()
    }

    fn is_connected(&self) -> bool {
        self.is_connected()
    }

    fn connect_now(&self) {
        self.connect_now();
    }

    fn network_changed(&self, patience: Duration) {
        self.network_changed(patience);
    }
}

impl super::Hosted for ComponentHostConnection {
    fn next_event(&mut self) -> Result<Option<HostEvent>, LinkError> {
        self.next_event()
    }

    fn connection_mut(&mut self) -> &mut Endpoint<Host> {
        self.connection_mut()
    }

    fn close(&mut self, error: Option<StreamError>) {
        self.close(error);
    }

    fn flush(&mut self) -> bool {
        self.flush()
    }
}

impl super::Federation for Federation {
    fn new(config: FederationConfig) -> Self {
        Self::new(config).unwrap()
    }

    fn listen(&mut self, listener: TcpListener, mode: Mode) {
        self.listen(listener, mode).unwrap();
    }

    fn send(&mut self, stanza: Stanza) -> Result<(), Box<NotRouted>> {
        self.send(stanza)
    }

    fn next(&mut self, timeout: Duration) -> Option<Option<FederationEvent>> {
        match self.next_timeout(timeout).unwrap() {
            Poll::Ready(event) => Some(event),
            Poll::Pending => None,
        }
    }

    fn close(&mut self) {
        self.close();
    }
}
