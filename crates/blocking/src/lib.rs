//! XMPP connections over blocking sockets: `std::net`, TLS, SRV look-up and reconnection around the
//! machines of [`xmppwire`], without an asynchronous runtime.
//!
//! ```no_run
//! use xmppwire_blocking::{Client, Presence, Stanza};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut client = Client::connect("juliet@example.org", "s3cr3t")?;
//!     client.send(Presence::available())?;
//!     while let Some(stanza) = client.next()? {
//!         let answer = match &stanza {
//!             Stanza::Message(message) if message.body().as_deref() == Some("ping") => {
//!                 message.reply("pong").map(Stanza::Message)
//!             }
//!             // Every request has an answer, and nothing else has.
//!             _ => stanza.unsupported_reply(),
//!         };
//!         if let Some(answer) = answer {
//!             client.send(answer)?;
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
//! | to use either from several threads | [`Session::split`], [`Reconnecting::split`]: a [`Handle`], and [`Stanzas`] or [`Events`] |
//! | to configure where to connect to, which certificates to trust, how long to wait | [`Connector`] |
//! | to serve clients | [`ServerConnection`] |
//! | to attach a component to a server (XEP-0114), with all that clients have | [`ReconnectingComponent`], [`ComponentConnection`] |
//! | code that serves clients and components alike | [`Session`], [`Reconnecting`], [`SessionConnector`], generic over the [`SessionRole`] |
//! | to let components attach | [`ComponentHostConnection`] |
//! | to exchange stanzas with other servers | [`Federation`] |
//! | the driver inside, generic over the role | [`Driver`] |
//! | to end another thread's wait | [`Waker`] |
//! | certificates | [`tls`] |
//! | stanzas, addresses, payloads, configurations, errors | [the list of both adapters](xmppwire_net::prelude), whose names are all here |
//!
//! No thread is spawned, except while names are looked up, and nothing is read ahead: bytes move
//! while a method runs, always in both directions. Each connection has a thread of its own, or
//! connections take turns on one thread with calls that have a time limit. For thousands of
//! connections use `xmppwire-tokio`, whose names are the same.
//!
//! # Features
//!
//! - `ring` (default), `aws-lc-rs`: the [cryptography of TLS](tls#cryptography). Without either,
//!   the application gives one to the builders of [`tls`].
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
mod driver;
mod federation;
mod handle;
mod host;
mod moves;
mod open;
mod park;
mod pump;
mod reconnecting;
mod search;
mod server;
mod session;
mod waker;

pub use xmppwire_net::prelude::*;

pub use crate::attached::ComponentConnection;
pub use crate::client::Client;
pub use crate::driver::Driver;
pub use crate::federation::Federation;
pub use crate::handle::{Events, Handle, Stanzas};
pub use crate::host::ComponentHostConnection;
pub use crate::reconnecting::{
    Reconnecting, ReconnectingClient, ReconnectingComponent, ReconnectingDriver,
};
pub use crate::server::ServerConnection;
pub use crate::session::{Session, SessionDriver};
pub use crate::waker::Waker;
