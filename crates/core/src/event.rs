//! The events that every role has.

use core::fmt::Debug;

use crate::error::CloseReason;
use crate::stanza::StanzaFault;
use crate::tls::StartTls;

/// The events that a driver has to recognise in every role: the change to TLS and the end.
pub trait RoleEvent: Debug + Send + Sized + 'static {
    /// Returns the request to change the transport to TLS, if the event is one.
    ///
    /// # Errors
    /// The event itself, if it is any other event.
    fn into_start_tls(self) -> Result<StartTls, Self>;

    /// Returns why the connection ended, if the event is `Closed`, which is the last one.
    fn close_reason(&self) -> Option<&CloseReason>;
}

/// News of the endpoint itself. Each role has an event for each of them.
#[derive(Debug)]
pub enum News {
    StartTls(StartTls),
    Refused(StanzaFault),
    Closed(CloseReason),
}

/// Implements [`RoleEvent`] for events with the variants `StartTls` and `Closed`.
macro_rules! role_event {
    ($event:ty) => {
        impl crate::event::RoleEvent for $event {
            fn into_start_tls(self) -> Result<StartTls, Self> {
                match self {
                    Self::StartTls(request) => Ok(request),
                    other => Err(other),
                }
            }

            fn close_reason(&self) -> Option<&CloseReason> {
                match self {
                    Self::Closed(reason) => Some(reason),
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use role_event;
