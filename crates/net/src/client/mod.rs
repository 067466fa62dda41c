//! A client or a component of a server: where to connect to, how to log in, how to send, receive and
//! ask, and when to reconnect.
//!
//! All but the connector and the profile is generic over the [role](SessionRole).
//!
//! | type | what it decides |
//! |---|---|
//! | [`Connector`], [`ComponentConnector`](crate::component::ComponentConnector) | where to connect to and how |
//! | [`Login`] | direct TLS and the negotiation, up to the bound resource or the attached component |
//! | [`Session`] | what an arriving stanza is: the answer to a request, a request to answer, or something for the application |
//! | [`Handle`], [`Stanzas`], [`Driving`] | the same for several tasks: who comes next, what is woken |
//! | [`Profile`] | what a client answers about itself |
//! | [`RefusedStanzas`] | which malformed stanzas are kept for the application to look at |
//! | [`Reconnecting`] | when to connect, to sleep and to drive, and why a session ended |
//! | [`Backoff`] | how long to wait before the next attempt |
//!
//! [`Attempts`](crate::find::Attempts) comes before the login: which address to open.

mod acks;
mod audience;
mod backoff;
mod connector;
mod continuity;
mod duties;
mod error;
mod inbox;
mod login;
mod profile;
mod reconnecting;
mod refused;
mod requests;
mod role;
mod session;
mod shared;
mod tokens;
mod verdict;
mod wishes;

pub use acks::AckId;
pub use backoff::{Backoff, Cause, ReconnectPolicy, Verdict};
pub use connector::{ClientSettings, Connector, SessionConnector};
pub use continuity::{Carried, Left, Suspended};
pub use error::{ConnectError, Error, NotAcknowledged, NotAllAcknowledged, RequestError};
pub use login::{Login, LoginStep};
pub use profile::Profile;
pub use reconnecting::{Next, ReconnectEvent, Reconnecting};
pub use refused::RefusedStanzas;
pub use requests::RequestId;
pub use role::SessionRole;
pub use session::Session;
#[cfg(feature = "futures")]
pub use shared::StanzaSink;
pub use shared::{Driven, Driving, Events, Handle, Stanzas, Wish, share};
