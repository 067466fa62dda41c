//! The tokio adapter, with every call run to its end.

use std::future::{Future, poll_fn};
use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::sync::LazyLock;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use xmppwire::component::{Host, HostConfig, HostEvent};
use xmppwire::{
    Endpoint, Iq, Server, ServerConfig, ServerEvent, Stanza, StanzaFault, StreamError,
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
use xmppwire_tokio::{
    Client, ComponentHostConnection, Federation, Handle, Reconnecting, ServerConnection, Session,
};

use super::Drive;

/// The tokio adapter.
#[derive(Clone, Copy, Debug)]
pub struct Tokio;

/// Drives the sockets and timers of all tests; the futures run on the threads of the tests.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
});

/// Runs a future to its end.
fn run<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

/// Makes a socket of tokio of this one.
fn adopt(socket: TcpStream) -> tokio::net::TcpStream {
    socket.set_nonblocking(true).unwrap();
    let _runtime = RUNTIME.enter();
    tokio::net::TcpStream::from_std(socket).unwrap()
}

impl super::Adapter for Tokio {
    type Session<R: SessionRole> = Session<R>;
    type Reconnecting<R: SessionRole> = Reconnecting<R>;
    type Accepted = ServerConnection;
    type Hosted = ComponentHostConnection;
    type Federation = Listening;

    fn connect(jid: &str, password: &str) -> Result<Session, ConnectError> {
        run(Client::connect(jid, password))
    }

    fn over(socket: TcpStream, mode: Mode, connector: &Connector) -> Result<Session, Error> {
        run(Client::over(adopt(socket), mode, connector))
    }

    fn reconnecting<R: SessionRole>(
        connector: SessionConnector<R>,
        policy: ReconnectPolicy,
    ) -> Reconnecting<R> {
        let _runtime = RUNTIME.enter();
        Reconnecting::with_policy(connector, policy)
    }

    fn accept(
        socket: TcpStream,
        config: ServerConfig,
        tls: Option<ServerTls>,
    ) -> Result<ServerConnection, LinkError> {
        ServerConnection::accept(adopt(socket), config, tls)
    }

    fn accept_direct_tls(
        socket: TcpStream,
        config: ServerConfig,
        tls: ServerTls,
        timeout: Duration,
    ) -> Result<ServerConnection, LinkError> {
        let socket = adopt(socket);
        run(ServerConnection::accept_direct_tls(
            socket, config, tls, timeout,
        ))
    }

    fn host(socket: TcpStream, config: HostConfig) -> Result<ComponentHostConnection, LinkError> {
        ComponentHostConnection::accept(adopt(socket), config)
    }

    fn host_direct_tls(
        socket: TcpStream,
        config: HostConfig,
        tls: ServerTls,
        timeout: Duration,
    ) -> Result<ComponentHostConnection, LinkError> {
        let socket = adopt(socket);
        run(ComponentHostConnection::accept_direct_tls(
            socket, config, tls, timeout,
        ))
    }
}

impl<R: SessionRole> super::Session<R> for Session<R> {
    type Handle = Handle<R>;
    type Stanzas = Stanzas<R>;

    fn connect_with(connector: &SessionConnector<R>) -> Result<Self, ConnectError> {
        run(Self::connect_with(connector))
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
        run(self.next())
    }

    fn take_refused(&mut self) -> Option<StanzaFault> {
        self.take_refused()
    }

    fn send(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), Error> {
        run(self.send(stanza))
    }

    fn send_acked(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), NotAcknowledged> {
        run(self.send_acked(stanza))
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
        run(self.flush())
    }

    fn request(&mut self, request: Iq) -> Result<Iq, RequestError> {
        run(self.request(request))
    }

    fn ask(&mut self, request: Iq) -> Result<RequestId, RequestError> {
        run(self.ask(request))
    }

    fn answer(&mut self, request: &RequestId) -> Result<Iq, RequestError> {
        run(self.answer(request))
    }

    fn check_peer(&mut self, patience: Duration) {
        self.check_peer(patience);
    }

    fn begin_close(&mut self) {
        self.begin_close();
    }

    fn close(self) -> Result<(), Error> {
        run(self.close())
    }

    fn split(self) -> (Handle<R>, Stanzas<R>, Drive) {
        let (handle, received, driver) = self.split();
        (handle, Stanzas(received), Box::new(|| run(driver)))
    }
}

impl super::Wishing for Client {
    fn set_active(&mut self, active: bool) {
        Client::set_active(self, active);
    }

    fn enable_carbons(&mut self) -> Result<(), RequestError> {
        run(Client::enable_carbons(self))
    }

    fn disable_carbons(&mut self) -> Result<(), RequestError> {
        run(Client::disable_carbons(self))
    }
}

impl super::Wishing for Reconnecting<xmppwire::Client> {
    fn set_active(&mut self, active: bool) {
        Reconnecting::<xmppwire::Client>::set_active(self, active);
    }

    fn enable_carbons(&mut self) -> Result<(), RequestError> {
        run(Reconnecting::<xmppwire::Client>::enable_carbons(self))
    }

    fn disable_carbons(&mut self) -> Result<(), RequestError> {
        run(Reconnecting::<xmppwire::Client>::disable_carbons(self))
    }
}

impl super::Wishing for Handle {
    fn set_active(&mut self, active: bool) {
        Handle::set_active(self, active);
    }

    fn enable_carbons(&mut self) -> Result<(), RequestError> {
        run(Handle::enable_carbons(self))
    }

    fn disable_carbons(&mut self) -> Result<(), RequestError> {
        run(Handle::disable_carbons(self))
    }
}

impl super::Accepted for ServerConnection {
    fn next_event(&mut self) -> Result<Option<ServerEvent>, LinkError> {
        run(self.next_event())
    }

    fn connection_mut(&mut self) -> &mut Endpoint<Server> {
        self.connection_mut()
    }

    fn close(&mut self, error: Option<StreamError>) {
        self.close(error);
    }

    fn flush(&mut self) -> bool {
        run(self.flush())
    }

    fn drain(&mut self, timeout: Duration) -> bool {
        run(self.drain(timeout))
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
        run(self.next_event())
    }

    fn send(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), Error> {
        run(self.send(stanza))
    }

    fn send_acked(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), NotAcknowledged> {
        run(self.send_acked(stanza))
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
        run(self.close())
    }

    fn split(self) -> (Handle<R>, Events<R>, Drive) {
        let (handle, received, driver) = self.split();
        (handle, Events(received), Box::new(|| run(driver)))
    }
}

impl<R: SessionRole> super::Handle<R> for Handle<R> {
    fn send(&self, stanza: impl Into<Stanza> + Send) -> Result<(), Error> {
        run(self.send(stanza))
    }

    fn send_acked(&self, stanza: impl Into<Stanza> + Send) -> Result<(), NotAcknowledged> {
        run(self.send_acked(stanza))
    }

    fn suspend(&self) -> Suspended {
        run(self.suspend())
    }

    fn request(&self, request: Iq) -> Result<Iq, RequestError> {
        run(self.request(request))
    }

    fn flush(&self) -> Result<(), Error> {
        run(self.flush())
    }

    fn close(&self) -> Vec<Unacknowledged> {
        run(self.close())
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

/// The stanzas of a session, one after the other.
pub struct Stanzas<R: SessionRole>(xmppwire_tokio::Stanzas<R>);

impl<R: SessionRole> Iterator for Stanzas<R> {
    type Item = Stanza;

    fn next(&mut self) -> Option<Stanza> {
        run(self.0.next())
    }
}

/// The events of a client or a component, one after the other.
pub struct Events<R: SessionRole>(xmppwire_tokio::Events<R>);

impl<R: SessionRole> Iterator for Events<R> {
    type Item = ReconnectEvent<R>;

    fn next(&mut self) -> Option<ReconnectEvent<R>> {
        run(self.0.next())
    }
}

impl super::Hosted for ComponentHostConnection {
    fn next_event(&mut self) -> Result<Option<HostEvent>, LinkError> {
        run(self.next_event())
    }

    fn connection_mut(&mut self) -> &mut Endpoint<Host> {
        self.connection_mut()
    }

    fn close(&mut self, error: Option<StreamError>) {
        self.close(error);
    }

    fn flush(&mut self) -> bool {
        run(self.flush())
    }
}

/// Federation with its listeners, which it takes connections from.
pub struct Listening {
    federation: Federation,
    listeners: Vec<(tokio::net::TcpListener, Mode)>,
}

impl Listening {
    async fn next(&mut self) -> Option<FederationEvent> {
        let Self {
            federation,
            listeners,
        } = self;
        loop {
            let mut accepted = None;
            {
                let mut next = pin!(federation.next());
                let event = poll_fn(|cx| {
                    for (listener, mode) in &*listeners {
                        if let Poll::Ready(socket) = listener.poll_accept(cx) {
                            accepted = Some((socket.unwrap().0, *mode));
                            return Poll::Ready(None);
                        }
                    }
                    next.as_mut().poll(cx).map(Some)
                });
                if let Some(event) = event.await {
                    return event;
                }
            }
            if let Some((socket, mode)) = accepted {
                federation.accept(socket, mode);
            }
        }
    }
}

impl super::Federation for Listening {
    fn new(config: FederationConfig) -> Self {
        let _runtime = RUNTIME.enter();
        Self {
            federation: Federation::new(config),
            listeners: Vec::new(),
        }
    }

    fn listen(&mut self, listener: TcpListener, mode: Mode) {
        listener.set_nonblocking(true).unwrap();
        let _runtime = RUNTIME.enter();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        self.listeners.push((listener, mode));
    }

    fn send(&mut self, stanza: Stanza) -> Result<(), Box<NotRouted>> {
        self.federation.send(stanza)
    }

    fn next(&mut self, timeout: Duration) -> Option<Option<FederationEvent>> {
        run(async { tokio::time::timeout(timeout, self.next()).await.ok() })
    }

    fn close(&mut self) {
        self.listeners.clear();
        self.federation.close();
    }
}
