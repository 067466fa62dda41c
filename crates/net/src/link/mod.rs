//! A connection with its TLS, between a socket and the application.
//!
//! [`Link`] joins a [`Connection`](xmppwire::Connection) of any role with a rustls session.
//! STARTTLS happens inside it: the driver moves opaque bytes from the first to the last. With
//! direct TLS (XEP-0368), a [`Handshake`] comes before it. Both are a [`Wire`] to the driver, so
//! that its loop is the same for every role and every phase:
//!
//! ```
//! use std::io::{self, Read, Write};
//! use std::task::Poll;
//! use xmppwire::{Instant, Role};
//! use xmppwire_net::link::{Link, LinkError, Wire};
//!
//! fn next_event<R: Role>(
//!     link: &mut Link<R>,
//!     socket: &mut (impl Read + Write),
//!     now: impl Fn() -> Instant,
//! ) -> Result<Option<R::Event>, LinkError> {
//!     loop {
//!         if let Poll::Ready(event) = link.poll_event(now()) {
//!             return event.transpose();
//!         }
//!         // A real driver waits here for whichever comes first of: room to write, something to read, the deadline.
//!         link.handle_timeout(now());
//!         let written = socket.write(link.output())?;
//!         link.consume_output(written);
//!         if link.wants_read() {
//!             let mut chunk = [0; 4096];
//!             match socket.read(&mut chunk)? {
//!                 0 => link.receive_eof(),
//!                 n => link.receive(now(), &chunk[..n]),
//!             }
//!         }
//!         if link.wants_shutdown() {
//!             link.shut_down();
//!         }
//!     }
//! }
//! ```

mod accept;
mod buffer;
mod channel;
mod handshake;
mod machine;
mod side;
mod wire;

use std::io;

use thiserror::Error;

pub use handshake::{Handshake, Secured};
pub use machine::Link;
pub(crate) use side::LazyTls;
pub use side::TlsSide;
pub use wire::{Wire, Wired};

use crate::tls::TlsError;
use crate::told;

/// What failed below XMPP.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The socket.
    #[error("{}", told::io(.0))]
    Io(#[from] io::Error),
    /// TLS: its set-up, its handshake, or a record of it.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A client without a TLS configuration negotiated STARTTLS. A server without one refuses
    /// STARTTLS.
    #[error("STARTTLS was negotiated without a TLS configuration")]
    NoTlsConfigured,
}

impl From<rustls::Error> for LinkError {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error.into())
    }
}
