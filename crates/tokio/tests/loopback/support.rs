//! A server of ours on the loopback interface, and what a client needs to trust it.

use std::future::Future;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use xmppwire_tokio::tls::rustls::RootCertStore;
use xmppwire_tokio::tls::{ClientTls, Identity, ServerTls, roots_from_pem};
use xmppwire_tokio::{
    BindAnswer, Client, ClientConfig, Connector, DecoyKey, FullJid, Host, HostAnswer, Jid,
    Mechanism, Message, Mode, SaslAnswer, SaslCondition, SaslFailure, ScramHash, ScramKeys,
    ServerConfig, ServerConnection, ServerEvent, Stanza, TlsOffer,
};

pub(crate) const DOMAIN: &str = "example.org";
pub(crate) const JULIET: &str = "juliet@example.org";
pub(crate) const PASSWORD: &str = "s3cr3t";

/// No test waits longer than this for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Fails the test where it would hang.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("the test hangs")
}

/// A certificate authority of its own for each test.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn issue(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    }

    /// For a server that proves to be this domain's.
    pub(crate) fn server(&self, domain: &str) -> ServerTls {
        ServerTls::builder(self.issue(domain, |_| {}))
            .build()
            .unwrap()
    }

    /// For a client that trusts this authority and no other.
    pub(crate) fn client(&self) -> ClientTls {
        ClientTls::builder(self.roots()).build().unwrap()
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        roots_from_pem(self.0.pem().as_bytes()).unwrap()
    }
}

/// Juliet, who trusts this authority, and knows no server yet.
pub(crate) fn juliet(authority: &Authority) -> Connector {
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD).unwrap();
    Connector::new(account)
        .unwrap()
        .with_tls(authority.client())
}

pub(crate) async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

pub(crate) fn config() -> ServerConfig {
    ServerConfig::new(DecoyKey::new([0x17; 32]))
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

/// What a login has shown.
pub(crate) struct Login {
    pub(crate) mechanism: Mechanism,
    pub(crate) jid: FullJid,
}

/// Answers questions until the client is in; `None` if it gives up before.
pub(crate) async fn log_in<T: AsyncRead + AsyncWrite + Unpin>(
    client: &mut ServerConnection<T>,
) -> Option<Login> {
    let mut mechanism = None;
    while let Ok(Some(event)) = client.next_event().await {
        let connection = client.connection_mut();
        match event {
            ServerEvent::Opened(request) => {
                let answer = match request.domain().as_str() {
                    DOMAIN => HostAnswer::Serve(host()),
                    _ => HostAnswer::Unknown,
                };
                connection.choose_host(request, answer).unwrap();
            }
            ServerEvent::Sasl(request) => {
                mechanism = Some(request.mechanism());
                let answer = match request.username() {
                    "juliet" => SaslAnswer::ScramKeys(keys(request.mechanism())),
                    _ => SaslAnswer::Reject(SaslFailure::new(SaslCondition::NotAuthorized)),
                };
                connection.answer_sasl(request, answer).unwrap();
            }
            ServerEvent::Authenticated(_) => {}
            ServerEvent::Bind(request) => {
                let (jid, resource) = (request.suggested_jid(), request.suggested().clone());
                connection
                    .answer_bind(request, BindAnswer::Bind(resource))
                    .unwrap();
                let mechanism = mechanism.expect("authentication comes before binding");
                return Some(Login { mechanism, jid });
            }
            _ => return None,
        }
    }
    None
}

fn host() -> Host {
    let mechanisms = [Mechanism::ScramSha256Plus, Mechanism::ScramSha256];
    Host::new(TlsOffer::Required, mechanisms)
}

pub(crate) fn keys(mechanism: Mechanism) -> ScramKeys {
    let hash = mechanism.hash().unwrap_or(ScramHash::Sha256);
    ScramKeys::derive(hash, PASSWORD, b"a fixed salt", 4096).unwrap()
}

/// The socket of a client that speaks for itself.
pub(crate) async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}
