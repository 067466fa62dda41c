//! A server of ours on the loopback interface, and what a client needs to trust it.

use std::future::Future;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
pub(crate) use xmppwire_test_support::{Authority, DOMAIN, JULIET, PASSWORD, config, juliet};
use xmppwire_test_support::{Login, PATIENCE, Porter};
use xmppwire_tokio::tls::ServerTls;
use xmppwire_tokio::{
    Client, Connector, Jid, Message, Mode, ServerConnection, ServerEvent, Stanza,
};

/// Fails the test where it would hang.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("the test hangs")
}

pub(crate) async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A listening server of the domain, and the authority behind it.
pub(crate) struct Site {
    pub(crate) authority: Authority,
    pub(crate) tls: ServerTls,
    pub(crate) listener: TcpListener,
    pub(crate) port: u16,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let authority = Authority::new();
        let (listener, port) = listen().await;
        Self {
            tls: authority.server(DOMAIN),
            authority,
            listener,
            port,
        }
    }

    /// Juliet, who knows where to connect to.
    pub(crate) fn juliet(&self, mode: Mode) -> Connector {
        juliet(&self.authority).with_server("127.0.0.1", self.port, mode)
    }

    /// Accepts one connection and lets it log in.
    pub(crate) async fn welcome(&self, mode: Mode) -> ServerConnection {
        let mut client = accept(&self.listener, &self.tls, mode).await;
        log_in(&mut client).await.unwrap();
        client.flush().await;
        client
    }

    /// Both ends of one session over TCP.
    pub(crate) async fn pair(&self, mode: Mode) -> (Client, ServerConnection) {
        let connector = self.juliet(mode);
        let client = async { Client::connect_with(&connector).await.unwrap() };
        tokio::join!(client, self.welcome(mode))
    }
}

/// Both ends of one session over a pipe that holds this many bytes each way. With it, time can be paused.
pub(crate) async fn piped(
    mode: Mode,
    capacity: usize,
    change: impl FnOnce(Connector) -> Connector,
) -> (Client<DuplexStream>, ServerConnection<DuplexStream>) {
    let authority = Authority::new();
    let tls = authority.server(DOMAIN);
    let connector = change(juliet(&authority));
    let (near, far) = duplex(capacity);
    let client = async { Client::over(near, mode, &connector).await.unwrap() };
    let server = async {
        let mut client = over(far, &tls, mode).await;
        log_in(&mut client).await.unwrap();
        client.flush().await;
        client
    };
    tokio::join!(client, server)
}

/// The next message that arrives at a server.
pub(crate) async fn message<T: AsyncRead + AsyncWrite + Unpin>(
    client: &mut ServerConnection<T>,
) -> Message {
    match client.next_event().await.unwrap() {
        Some(ServerEvent::Stanza(Stanza::Message(message))) => message,
        event => panic!("{event:?}"),
    }
}

/// A message from another user.
pub(crate) fn from_romeo(body: &str) -> Stanza {
    let romeo = Jid::new("romeo@example.org/orchard").unwrap();
    let juliet = Jid::new(JULIET).unwrap();
    Message::chat(juliet, body).with_from(romeo).into()
}

/// Accepts one connection.
pub(crate) async fn accept(
    listener: &TcpListener,
    tls: &ServerTls,
    mode: Mode,
) -> ServerConnection {
    let (socket, _) = listener.accept().await.unwrap();
    over(socket, tls, mode).await
}

pub(crate) async fn over<T: AsyncRead + AsyncWrite + Unpin>(
    socket: T,
    tls: &ServerTls,
    mode: Mode,
) -> ServerConnection<T> {
    match mode {
        Mode::StartTls => ServerConnection::accept(socket, config(), Some(tls.clone())).unwrap(),
        Mode::DirectTls => {
            ServerConnection::accept_direct_tls(socket, config(), tls.clone(), PATIENCE)
                .await
                .unwrap()
        }
    }
}

/// Answers questions until the client is in; `None` if it gives up before.
pub(crate) async fn log_in<T: AsyncRead + AsyncWrite + Unpin>(
    client: &mut ServerConnection<T>,
) -> Option<Login> {
    let mut porter = Porter::default();
    while let Ok(Some(event)) = client.next_event().await {
        if !porter.answer(client.connection_mut(), event) {
            return None;
        }
        if let Some(login) = porter.login() {
            return Some(login);
        }
    }
    None
}

/// The socket of a client that speaks for itself.
pub(crate) async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}
