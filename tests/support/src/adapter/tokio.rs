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
use xmppwire_tokio::{
    Client, ComponentConnection, ComponentHostConnection, Federation, Handle, ReconnectingClient,
    ReconnectingComponent, ServerConnection,
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
    type Client = Client;
    type Accepted = ServerConnection;
    type Reconnecting = ReconnectingClient;
    type Component = ComponentConnection;
    type Hosted = ComponentHostConnection;
    type ReconnectingComponent = ReconnectingComponent;
    type Federation = Listening;

    fn connect(jid: &str, password: &str) -> Result<Client, ConnectError> {
        run(Client::connect(jid, password))
    }

    fn over(socket: TcpStream, mode: Mode, connector: &Connector) -> Result<Client, Error> {
        run(Client::over(adopt(socket), mode, connector))
    }

    fn reconnecting(connector: Connector, policy: ReconnectPolicy) -> ReconnectingClient {
        let _runtime = RUNTIME.enter();
        ReconnectingClient::with_policy(connector, policy)
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

    fn attach(connector: &ComponentConnector) -> Result<ComponentConnection, Error> {
        run(ComponentConnection::connect(connector))
    }

    fn reattaching(
        connector: ComponentConnector,
        policy: ReconnectPolicy,
    ) -> ReconnectingComponent {
        let _runtime = RUNTIME.enter();
        ReconnectingComponent::with_policy(connector, policy)
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

impl super::Client for Client {
    type Handle = Handle;
    type Stanzas = Stanzas;

    fn connect_with(connector: &Connector) -> Result<Self, ConnectError> {
        run(Self::connect_with(connector))
    }

    fn jid(&self) -> &FullJid {
        self.jid()
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

    fn flush(&mut self) -> Result<(), Error> {
        run(self.flush())
    }

    fn request(&mut self, request: Iq) -> Result<Iq, RequestError> {
        run(self.request(request))
    }

    fn check_peer(&mut self, patience: Duration) {
        self.check_peer(patience);
    }

    fn close(self) -> Result<(), Error> {
        run(self.close())
    }

    fn split(self) -> (Handle, Stanzas, Drive) {
        let (handle, received, driver) = self.split();
        (handle, Stanzas(received), Box::new(|| run(driver)))
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

impl super::Reconnecting for ReconnectingClient {
    type Handle = Handle;
    type Events = Events;

    fn next_event(&mut self) -> Result<Option<ReconnectEvent>, Error> {
        run(self.next_event())
    }

    fn send(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), Error> {
        run(self.send(stanza))
    }

    fn take_refused(&mut self) -> Option<StanzaFault> {
        self.take_refused()
    }

    fn session_tls(&self) -> Option<&TlsSummary> {
        self.client()?.tls()
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

    fn close(self) -> Result<(), Error> {
        run(self.close())
    }

    fn split(self) -> (Handle, Events, Drive) {
        let (handle, received, driver) = self.split();
        (handle, Events(received), Box::new(|| run(driver)))
    }
}

impl super::Handle for Handle {
    fn send(&self, stanza: impl Into<Stanza> + Send) -> Result<(), Error> {
        run(self.send(stanza))
    }

    fn request(&self, request: Iq) -> Result<Iq, RequestError> {
        run(self.request(request))
    }

    fn flush(&self) -> Result<(), Error> {
        run(self.flush())
    }

    fn close(&self) {
        run(self.close());
    }

    fn jid(&self) -> Option<FullJid> {
        self.jid()
    }

    fn is_connected(&self) -> bool {
        self.is_connected()
    }

    fn connect_now(&self) {
        self.connect_now();
    }
}

/// The stanzas of a client, one after the other.
pub struct Stanzas(xmppwire_tokio::Stanzas);

impl Iterator for Stanzas {
    type Item = Stanza;

    fn next(&mut self) -> Option<Stanza> {
        run(self.0.next())
    }
}

/// The events of a client, one after the other.
pub struct Events(xmppwire_tokio::Events);

impl Iterator for Events {
    type Item = ReconnectEvent;

    fn next(&mut self) -> Option<ReconnectEvent> {
        run(self.0.next())
    }
}

impl super::Component for ComponentConnection {
    fn next(&mut self) -> Result<Option<Stanza>, Error> {
        run(self.next())
    }

    fn take_refused(&mut self) -> Option<StanzaFault> {
        self.take_refused()
    }

    fn send(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), Error> {
        run(self.send(stanza))
    }

    fn request(&mut self, request: Iq) -> Result<Iq, RequestError> {
        run(self.request(request))
    }

    fn ask(&mut self, request: Iq) -> Result<RequestId, RequestError> {
        run(self.ask(request))
    }

    fn answer(&mut self, request: RequestId) -> Result<Iq, RequestError> {
        run(self.answer(request))
    }

    fn tls(&self) -> Option<&TlsSummary> {
        self.tls()
    }

    fn close(&mut self) {
        self.close();
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

impl super::ReconnectingComponent for ReconnectingComponent {
    fn next_event(&mut self) -> Result<Option<ComponentUpdate>, Error> {
        run(self.next_event())
    }

    fn send(&mut self, stanza: impl Into<Stanza> + Send) -> Result<(), Error> {
        run(self.send(stanza))
    }

    fn close(&mut self) {
        self.close();
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
