//! Components (XEP-0114).

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use xmppwire::Domainpart;
use xmppwire::component::Component;
use xmppwire_net::client::Error;
use xmppwire_net::component::ComponentConnector;

use crate::session::Session;

/// A component that is attached to its server (XEP-0114).
///
/// ```no_run
/// use xmppwire_tokio::component::{ComponentConfig, Secret};
/// use xmppwire_tokio::{ComponentConnection, ComponentConnector, Domainpart, Stanza};
///
/// # async fn run(secret: String) -> Result<(), Box<dyn std::error::Error>> {
/// let config = ComponentConfig::new(Domainpart::new("echo.example.org")?, Secret::new(secret));
/// let connector = ComponentConnector::new(config, "localhost", 5347);
/// let mut component = ComponentConnection::connect_with(&connector).await?;
/// while let Some(stanza) = component.next().await? {
///     let answer = match &stanza {
///         // The reply is from the address that was written to.
///         Stanza::Message(message) => {
///             let body = message.body();
///             body.and_then(|body| message.reply(body)).map(Stanza::Message)
///         }
///         // Every request has an answer, and nothing else has.
///         _ => stanza.unsupported_reply(),
///     };
///     if let Some(answer) = answer {
///         component.send(answer).await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// A component is given every request, and has to answer it (RFC 6120 §8.2.3). All work happens
/// inside the methods: bytes move in both directions while one of them is awaited, and not otherwise.
/// [`ReconnectingComponent`](crate::ReconnectingComponent) attaches again when the connection is lost.
pub type ComponentConnection<T = TcpStream> = Session<Component, T>;

impl<T: AsyncRead + AsyncWrite + Unpin> ComponentConnection<T> {
    /// Attaches over a transport that is open, such as a tunnel.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] if the server refuses, such as a wrong secret; [`Error::Io`] or
    /// [`Error::Tls`].
    pub async fn over(transport: T, connector: &ComponentConnector) -> Result<Self, Error> {
        Self::begin(transport, connector.mode(), connector).await
    }

    /// The domain of the component.
    pub const fn domain(&self) -> &Domainpart {
        self.session().domain()
    }
}
