//! The roles that exchange stanzas with a server of their own.

use std::fmt;

use xmppwire::component::{Component, ComponentEvent};
use xmppwire::{Client, ClientEvent, CloseReason, Domainpart, FullJid, Role, Stanza, StanzaFault};

/// A role that exchanges stanzas with its server once it has negotiated: [`Client`] or
/// [`Component`].
pub trait SessionRole: Role + sealed::Sealed {
    /// The address that the stream is for.
    type Address: Clone + fmt::Debug + fmt::Display;

    /// What the event is to a session.
    #[doc(hidden)]
    fn news(event: Self::Event) -> Option<News>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for xmppwire::Client {}
    impl Sealed for xmppwire::component::Component {}
}

/// An event of a session.
#[doc(hidden)]
#[derive(Debug)]
pub enum News {
    Stanza(Stanza),
    Refused(StanzaFault),
    Closed(CloseReason),
}

impl SessionRole for Client {
    type Address = FullJid;

    fn news(event: ClientEvent) -> Option<News> {
        match event {
            ClientEvent::Stanza(stanza) => Some(News::Stanza(stanza)),
            ClientEvent::Refused(fault) => Some(News::Refused(fault)),
            ClientEvent::Closed(reason) => Some(News::Closed(reason)),
            // The other events belong to the login, which is complete.
            _ => None,
        }
    }
}

impl SessionRole for Component {
    type Address = Domainpart;

    fn news(event: ComponentEvent) -> Option<News> {
        match event {
            ComponentEvent::Stanza(stanza) => Some(News::Stanza(stanza)),
            ComponentEvent::Refused(fault) => Some(News::Refused(fault)),
            ComponentEvent::Closed(reason) => Some(News::Closed(reason)),
            _ => None,
        }
    }
}
