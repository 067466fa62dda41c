//! The events that every role has.

use core::fmt::Debug;

use crate::error::CloseReason;
use crate::stanza::StanzaFault;
use crate::tls::StartTls;

/// What a driver has to recognise in the events of any role: the change to TLS and the end.
pub trait RoleEvent: Debug + Send + Sized + 'static {
    /// The request to change the transport to TLS, if the event is one.
    ///
    /// # Errors
    /// The event itself, if it is another one.
    fn into_start_tls(self) -> Result<StartTls, Self>;

    /// Why the connection ended, if the event says so. It is then the last event.
    fn close_reason(&self) -> Option<&CloseReason>;
}

/// What the endpoint itself has to tell; each role has an event for each of these.
#[derive(Debug)]
pub enum News {
    StartTls(StartTls),
    Refused(StanzaFault),
    Closed(CloseReason),
}
