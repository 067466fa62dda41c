//! The server's side.

use tokio::io::{AsyncRead, AsyncWrite};
use xmppwire::{Server, ServerConfig};
use xmppwire_net::link::{Handshake, Link, LinkError};
use xmppwire_net::tls::ServerTls;

use crate::Driver;
use crate::clock::Clock;
use crate::pump::Pump;

/// A client's connection to a server.
///
/// Its events are those of the core without `StartTls`, which the driver handles. Answer the
/// questions among them through [`connection_mut`](Driver::connection_mut), at once or later. While
/// a look-up in a data base runs, keep awaiting [`next_event`](Driver::next_event) in a `select!`,
/// so that deadlines are kept.
///
/// ```no_run
/// use tokio::net::TcpListener;
/// use xmppwire_tokio::tls::{Identity, ServerTls};
/// use xmppwire_tokio::{
///     BareJid, BindAnswer, DecoyKey, Host, HostAnswer, Mechanism, SaslAnswer,
///     SaslCondition, SaslFailure, ServerConfig, ServerConnection, ServerEvent, Stanza, TlsOffer,
/// };
///
/// # async fn serve(pem: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// let tls = ServerTls::builder(Identity::from_pem(pem, pem)?).build()?;
/// let config = ServerConfig::new(DecoyKey::random()?);
/// let listener = TcpListener::bind("127.0.0.1:5222").await?;
/// loop {
///     let (socket, _) = listener.accept().await?;
///     let connection = ServerConnection::accept(socket, config.clone(), Some(tls.clone()))?;
///     tokio::spawn(session(connection));
/// }
///
/// async fn session(mut client: ServerConnection) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///     while let Some(event) = client.next_event().await? {
///         let connection = client.connection_mut();
///         match event {
///             ServerEvent::Opened(request) => {
///                 let host = Host::new(TlsOffer::Required, [Mechanism::ScramSha256Plus, Mechanism::ScramSha256]);
///                 connection.choose_host(request, HostAnswer::Serve(host))?;
///             }
///             ServerEvent::Sasl(request) => {
///                 // Look the user's keys up here.
///                 let unknown = SaslFailure::new(SaslCondition::NotAuthorized);
///                 connection.answer_sasl(request, SaslAnswer::Reject(unknown))?;
///             }
///             ServerEvent::Bind(request) => {
///                 let resource = request.suggested().clone();
///                 connection.answer_bind(request, BindAnswer::Bind(resource))?;
///             }
///             ServerEvent::Stanza(stanza) => {
///                 let answer = match &stanza {
///                     Stanza::Message(message) if message.body().as_deref() == Some("ping") => {
///                         message.reply("pong").map(Stanza::Message)
///                     }
///                     _ => stanza.unsupported_reply(),
///                 };
///                 if let Some(answer) = answer {
///                     connection.send(&answer)?;
///                 }
///             }
///             _ => {}
///         }
///     }
///     Ok(())
/// }
/// # }
/// ```
pub type ServerConnection<T = tokio::net::TcpStream> = Driver<Server, T>;

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<Server, T> {
    /// Serves a client that begins in clear text. `tls` is used after STARTTLS; without it,
    /// offer no STARTTLS.
    ///
    /// # Errors
    ///
    /// [`LinkError::Io`] if the operating system gives no randomness.
    pub fn accept(
        socket: T,
        config: ServerConfig,
        tls: Option<ServerTls>,
    ) -> Result<Self, LinkError> {
        let clock = Clock::start();
        let link = Link::accept(config, tls, clock.now())?;
        Ok(Self::new(Pump::new(socket, clock), link))
    }

    /// Serves a client that begins with TLS (XEP-0368). The handshake has to be done within
    /// `timeout`. Dropping the future closes the connection.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the handshake fails. Other connections are not concerned.
    pub async fn accept_direct_tls(
        socket: T,
        config: ServerConfig,
        tls: ServerTls,
        timeout: std::time::Duration,
    ) -> Result<Self, LinkError> {
        let clock = Clock::start();
        let mut pump = Pump::new(socket, clock);
        let mut handshake = Handshake::new(tls.into(), clock.now() + timeout)?;
        let secured = pump.until(&mut handshake, Handshake::poll).await?;
        let link = Link::accept_over_tls(config, secured, clock.now())?;
        Ok(Self::new(pump, link))
    }

    /// Replaces the configuration for STARTTLS, as a server does that has one certificate for each
    /// domain: call it when [`Opened`](xmppwire::ServerEvent::Opened) has named the domain. Without
    /// effect once TLS has begun.
    pub fn set_tls(&mut self, tls: ServerTls) {
        self.link_mut().set_tls(tls.into());
    }
}
