//! What an application wants of a client connection, without the I/O: whom to connect to, how to log in, how to send,
//! receive and ask, and when to come back.
//!
//! | type | what it decides |
//! |---|---|
//! | [`Connector`] | where to connect to and how, from a JID and a password on |
//! | [`Attempts`](crate::find::Attempts) | what is looked up and which server is tried next, and what the failures amount to |
//! | [`Session`] | what an arriving stanza is: the answer to a request, or something for the application |
//! | [`Retry`] | whether and when a lost connection is made anew |
//!
//! All of them are machines: the adapters add sockets and clocks, and export the types that an application meets.

mod backoff;
mod connector;
mod error;
mod inbox;
mod login;
mod reconnecting;
mod session;
mod verdict;

pub use backoff::{Backoff, ReconnectPolicy, Verdict};
pub use connector::Connector;
pub use error::{ConnectError, Error, RequestError};
pub use login::Login;
pub use reconnecting::{Next, ReconnectEvent, Reconnecting};
pub use session::Session;
