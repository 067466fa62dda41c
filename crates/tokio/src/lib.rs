//! XMPP connections for tokio: sockets, TLS, SRV look-up and reconnection around the machines of
//! [`xmppwire`].
//!
//! ```no_run
//! use xmppwire_tokio::{Client, Presence, Stanza};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut client = Client::connect("juliet@example.org", "s3cr3t").await?;
//!     client.send(Presence::available()).await?;
//!     while let Some(stanza) = client.next().await? {
//!         let answer = match &stanza {
//!             Stanza::Message(message) if message.body().as_deref() == Some("ping") => {
//!                 message.reply("pong").map(Stanza::Message)
//!             }
//!             // Every request has an answer, and nothing else has.
//!             _ => stanza.unsupported_reply(),
//!         };
//!         if let Some(answer) = answer {
//!             client.send(answer).await?;
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Map
//!
//! | you want | look at |
//! |---|---|
//! | to log in, send, receive and ask | [`Client`] |
//! | the same, and to reconnect when the connection is lost | [`ReconnectingClient`] |
//! | to use either from several tasks | [`Session::split`], [`Reconnecting::split`]: a [`Handle`], and [`Stanzas`] or [`Events`] |
//! | to configure where to connect to, which certificates to trust, how long to wait | [`Connector`] |
//! | to serve clients | [`ServerConnection`] |
//! | to attach a component to a server (XEP-0114), with all that clients have | [`ReconnectingComponent`], [`ComponentConnection`] |
//! | code that serves clients and components alike | [`Session`], [`Reconnecting`], [`SessionConnector`], generic over the [`SessionRole`] |
//! | to let components attach | [`ComponentHostConnection`] |
//! | to exchange stanzas with other servers | [`Federation`] |
//! | the driver inside, generic over the role | [`Driver`] |
//! | certificates | [`tls`] |
//! | stanzas, addresses, payloads, configurations, errors | [the list of both adapters](xmppwire_net::prelude), whose names are all here |
//!
//! The runtime needs its I/O and time drivers, which `#[tokio::main]` and `enable_all` switch on.
//! No task is spawned, except by [`Federation`], and nothing is read ahead: bytes move while a
//! method is awaited, always in both directions. Every future may be dropped at any await, as `select!` does.
//!
//! # Features
//!
//! - `ring` (default), `aws-lc-rs`: the [cryptography of TLS](tls#cryptography). Without either,
//!   the application gives one to the builders of [`tls`].
//! - `futures`: `Stream` for [`Stanzas`] and [`Events`], and `Handle::into_sink`.
//! - `tracing` (default): progress as `tracing` events of the target `xmppwire`; what travels on the
//!   wire, with the target `xmppwire::wire` at level `trace` and the number of the connection. Secrets
//!   are never shown. With `tracing-subscriber`, `RUST_LOG=xmppwire::wire=trace` switches the wire log
//!   on.
//! - `webpki-roots`: Mozilla's root certificates compiled in, as `tls::bundled_roots`.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod attached;
mod client;
mod clock;
mod connect;
mod dns;
mod driver;
mod federation;
mod host;
mod pump;
mod reconnecting;
mod server;
mod session;

#[cfg(feature = "futures")]
pub use xmppwire_net::client::StanzaSink;
pub use xmppwire_net::client::{Events, Handle, Stanzas};
pub use xmppwire_net::prelude::*;

pub use crate::attached::ComponentConnection;
pub use crate::client::Client;
pub use crate::driver::Driver;
pub use crate::federation::Federation;
pub use crate::host::ComponentHostConnection;
pub use crate::reconnecting::{
    Reconnecting, ReconnectingClient, ReconnectingComponent, ReconnectingDriver,
};
pub use crate::server::ServerConnection;
pub use crate::session::{Session, SessionDriver};

/// Keeps the example of the project's front page true.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct FrontPage;
