//! The server's side.

use std::net::TcpStream;
use std::time::Duration;

use xmppwire::{Server, ServerConfig};
use xmppwire_net::link::{Handshake, Link, LinkError};
use xmppwire_net::tls::ServerTls;

use crate::Driver;
use crate::clock::Clock;
use crate::pump::Pump;
use crate::waker::Waker;

/// A client's connection to a server.
///
/// Its events are those of the core without `StartTls`, which the driver handles. Answer the
/// questions among them through [`connection_mut`](Driver::connection_mut), at once or later. While
/// another thread asks a data base, keep calling
/// [`next_event_timeout`](Driver::next_event_timeout), so that deadlines are kept, and let that
/// thread use the [`waker`](Driver::waker).
///
/// ```no_run
/// use std::net::TcpListener;
/// use std::thread;
/// use xmppwire_blocking::tls::{Identity, ServerTls};
/// use xmppwire_blocking::{
///     BindAnswer, DecoyKey, Host, HostAnswer, Mechanism, SaslAnswer, SaslCondition,
///     SaslFailure, ServerConfig, ServerConnection, ServerEvent, Stanza, TlsOffer,
/// };
///
/// # fn serve(pem: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// let tls = ServerTls::builder(Identity::from_pem(pem, pem)?).build()?;
/// let config = ServerConfig::new(DecoyKey::random()?);
/// let listener = TcpListener::bind("127.0.0.1:5222")?;
/// loop {
///     let (socket, _) = listener.accept()?;
///     let connection = ServerConnection::accept(socket, config.clone(), Some(tls.clone()))?;
///     thread::spawn(|| session(connection));
/// }
///
/// fn session(mut client: ServerConnection) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///     while let Some(event) = client.next_event()? {
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
pub type ServerConnection = Driver<Server>;

impl Driver<Server> {
    /// Serves a client that begins in clear text. `tls` is used after STARTTLS; without it,
    /// offer no STARTTLS. Returns at once; the socket is set to non-blocking mode.
    ///
    /// # Errors
    ///
    /// [`LinkError::Io`] if the operating system gives no randomness or no more descriptors.
    pub fn accept(
        socket: TcpStream,
        config: ServerConfig,
        tls: Option<ServerTls>,
    ) -> Result<Self, LinkError> {
        let pump = Pump::new(socket, Clock::start(), Waker::new())?;
        let link = Link::accept(config, tls, pump.now())?;
        Ok(Self::new(pump, link))
    }

    /// Serves a client that begins with TLS (XEP-0368). The handshake has to be done within
    /// `timeout`, and is waited for: accept the next connection in another thread.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the handshake fails. Other connections are not concerned.
    pub fn accept_direct_tls(
        socket: TcpStream,
        config: ServerConfig,
        tls: ServerTls,
        timeout: Duration,
    ) -> Result<Self, LinkError> {
        let mut pump = Pump::new(socket, Clock::start(), Waker::new())?;
        let mut handshake = Handshake::new(tls.into(), pump.now() + timeout)?;
        let secured = pump.until(&mut handshake, Handshake::poll)?;
        let link = Link::accept_over_tls(config, secured, pump.now())?;
        Ok(Self::new(pump, link))
    }

    /// Replaces the configuration for STARTTLS, as a server does that has one certificate for each
    /// domain: call it when [`Opened`](xmppwire::ServerEvent::Opened) has named the domain. Without
    /// effect once TLS has begun.
    pub fn set_tls(&mut self, tls: ServerTls) {
        self.link_mut().set_tls(tls.into());
    }
}
