//! `<presence/>` (RFC 6120 §8.2.2, RFC 6121 §4).

use alloc::borrow::Cow;

use xmppwire_xml::Element;

use super::envelope::{Envelope, envelope_methods, open_methods};
use super::fault::{FaultKind, StanzaFault};
use crate::ns;
use crate::wire::condition::conditions;

conditions! {
    /// The type of a presence stanza; one without a type means available (RFC 6121 §4.7.1).
    pub enum PresenceType {
        /// An error answer.
        Error = "error",
        /// A server asks for the current presence.
        Probe = "probe",
        /// The sender wants to subscribe.
        Subscribe = "subscribe",
        /// The sender allowed the subscription.
        Subscribed = "subscribed",
        /// The sender is no longer available.
        Unavailable = "unavailable",
        /// The sender ends its subscription.
        Unsubscribe = "unsubscribe",
        /// The sender denied or cancelled the subscription.
        Unsubscribed = "unsubscribed",
    }
}

impl PresenceType {
    /// Whether it manages a subscription. A server stamps such presence with the bare JID
    /// (RFC 6120 §8.1.2.1).
    pub const fn is_subscription(self) -> bool {
        matches!(
            self,
            Self::Subscribe | Self::Subscribed | Self::Unsubscribe | Self::Unsubscribed
        )
    }
}

/// Availability on the network, broadcast or directed.
#[derive(Clone, Debug, PartialEq)]
pub struct Presence {
    envelope: Envelope,
}

envelope_methods!(Presence);
open_methods!(Presence);

impl Presence {
    /// Presence without a type: available.
    pub fn available() -> Self {
        Self {
            envelope: Envelope::new("presence"),
        }
    }

    /// Presence of type `unavailable`.
    pub fn unavailable() -> Self {
        Self::available().with_type(PresenceType::Unavailable)
    }

    /// Sets the type.
    #[must_use]
    pub fn with_type(mut self, presence_type: PresenceType) -> Self {
        self.envelope.set("type", Some(presence_type.name()));
        self
    }

    /// Adds a status text (RFC 6121 §4.7.2.2).
    #[must_use]
    pub fn with_status(mut self, status: impl AsRef<str>) -> Self {
        self.envelope.append_text_child("status", status.as_ref());
        self
    }

    /// The type; `None` means available.
    pub fn presence_type(&self) -> Option<PresenceType> {
        self.element()
            .attr("type")
            .and_then(PresenceType::from_name)
    }

    /// Whether the sender is available.
    pub fn is_available(&self) -> bool {
        self.presence_type().is_none()
    }

    /// Whether this is an error answer.
    pub fn is_error(&self) -> bool {
        self.presence_type() == Some(PresenceType::Error)
    }

    /// The status text.
    pub fn status(&self) -> Option<Cow<'_, str>> {
        self.payload("status", ns::CLIENT)
            .map(|status| status.text())
    }

    /// The priority; 0 if there is none, or if it is not a number from -128 to 127 (RFC 6121 §4.7.2.3).
    pub fn priority(&self) -> i8 {
        self.payload("priority", ns::CLIENT)
            .and_then(|priority| priority.text().trim().parse().ok())
            .unwrap_or(0)
    }

    pub(crate) fn parse(element: Element) -> Result<Self, StanzaFault> {
        let known = match element.attr("type") {
            Some(kind) => PresenceType::from_name(kind).is_some(),
            None => true,
        };
        if !known {
            return Err(StanzaFault::new(FaultKind::UnknownType, element));
        }
        let presence = Self {
            envelope: Envelope::parse(element)?,
        };
        if presence.is_error() && presence.error().is_none() {
            return Err(StanzaFault::new(
                FaultKind::MissingError,
                presence.envelope.into_element(),
            ));
        }
        Ok(presence)
    }
}
