//! Components (XEP-0114).

use std::net::TcpStream;

use xmppwire::Domainpart;
use xmppwire::component::Component;
use xmppwire_net::client::Error;
use xmppwire_net::component::ComponentConnector;

use crate::session::Session;

/// A component that is attached to its server (XEP-0114).
///
/// ```no_run
/// use xmppwire_blocking::component::{ComponentConfig, Secret};
/// use xmppwire_blocking::{ComponentConnection, ComponentConnector, Domainpart, Stanza};
///
/// # fn run(secret: String) -> Result<(), Box<dyn std::error::Error>> {
/// let config = ComponentConfig::new(Domainpart::new("echo.example.org")?, Secret::new(secret));
/// let connector = ComponentConnector::new(config, "localhost", 5347);
/// let mut component = ComponentConnection::connect_with(&connector)?;
/// while let Some(stanza) = component.next()? {
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
///         component.send(answer)?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// A component is given every request, and has to answer it (RFC 6120 §8.2.3). All work happens
/// inside the methods: bytes move in both directions while one of them runs, and not otherwise.
/// [`ReconnectingComponent`](crate::ReconnectingComponent) attaches again when the connection is lost.
pub type ComponentConnection = Session<Component>;

impl ComponentConnection {
    /// Attaches over a socket that is connected, such as to a tunnel. Sets it to non-blocking mode.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] if the server refuses, such as a wrong secret; [`Error::Io`] or
    /// [`Error::Tls`].
    pub fn over(socket: TcpStream, connector: &ComponentConnector) -> Result<Self, Error> {
        Self::begin(socket, connector.mode(), connector)
    }

    /// The domain of the component.
    pub const fn domain(&self) -> &Domainpart {
        self.session().domain()
    }
}
