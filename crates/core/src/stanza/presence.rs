//! `<presence/>` (RFC 6120 §8.2.2, RFC 6121 §4).

use alloc::borrow::Cow;

use xmppwire_jid::{FullJid, Jid};
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

conditions! {
    /// How available the sender of presence is (RFC 6121 §4.7.2.1).
    pub enum Show {
        /// Away for a short time.
        Away = "away",
        /// Interested in chatting.
        Chat = "chat",
        /// Busy: "do not disturb".
        Dnd = "dnd",
        /// Away for an extended period.
        Xa = "xa",
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

    /// Sets the status text, and removes all others (RFC 6121 §4.7.2.2).
    #[must_use]
    pub fn with_status(mut self, status: impl AsRef<str>) -> Self {
        self.envelope.set_text("status", status.as_ref());
        self
    }

    /// Adds a status text in another language, or replaces the one in that language.
    #[must_use]
    pub fn with_status_in(mut self, lang: &str, status: impl AsRef<str>) -> Self {
        self.envelope.set_text_in("status", lang, status.as_ref());
        self
    }

    /// Says how available the sender is (RFC 6121 §4.7.2.1). Presence without it means simply
    /// available.
    #[must_use]
    pub fn with_show(mut self, show: Show) -> Self {
        self.envelope.set_text("show", show.name());
        self
    }

    /// Sets the priority (RFC 6121 §4.7.2.3). A resource of negative priority is sent no messages
    /// that are addressed to the account.
    ///
    /// ```
    /// use xmppwire::{Presence, Show};
    ///
    /// let presence = Presence::available()
    ///     .with_show(Show::Away)
    ///     .with_status("At the balcony")
    ///     .with_priority(-1);
    /// assert_eq!(presence.show(), Some(Show::Away));
    /// assert_eq!(presence.priority(), -1);
    /// ```
    #[must_use]
    pub fn with_priority(mut self, priority: i8) -> Self {
        self.envelope
            .set_text("priority", &alloc::format!("{priority}"));
        self
    }

    /// The answer to a request to subscribe to the presence of this one's recipient (RFC 6121
    /// §3.1.3), between bare addresses. `None` where this is not such a request.
    ///
    /// ```
    /// use xmppwire::{Presence, PresenceType};
    ///
    /// let request = Presence::available()
    ///     .with_type(PresenceType::Subscribe)
    ///     .with_from("romeo@example.net")?;
    /// let answer = request.subscription_reply(true).expect("it is a request");
    /// assert_eq!(answer.presence_type(), Some(PresenceType::Subscribed));
    /// assert_eq!(answer.subscription_reply(true), None);
    /// # Ok::<_, xmppwire::JidError>(())
    /// ```
    #[must_use]
    pub fn subscription_reply(&self, allow: bool) -> Option<Self> {
        if self.presence_type() != Some(PresenceType::Subscribe) {
            return None;
        }
        let bare = |jid: &Jid| -> Jid { jid.to_bare().into() };
        let mut reply = Self::available().with_type(match allow {
            true => PresenceType::Subscribed,
            false => PresenceType::Unsubscribed,
        });
        reply.set_to(Some(bare(self.from()?)));
        reply.set_from(self.to().map(bare));
        Some(reply)
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
        self.element().attr("type") == Some(PresenceType::Error.name())
    }

    /// How available the sender is; `None` means simply available, as does a text that is none of
    /// the four (RFC 6121 §4.7.2.1).
    pub fn show(&self) -> Option<Show> {
        let text = self.envelope.text("show")?;
        Show::from_name(text.trim())
    }

    /// The first status text.
    pub fn status(&self) -> Option<Cow<'_, str>> {
        self.envelope.text("status")
    }

    /// The status text in that language, if there is one. One without a language of its own has that
    /// of the stanza, [`lang`](Self::lang).
    pub fn status_in(&self, lang: &str) -> Option<Cow<'_, str>> {
        self.envelope.text_in("status", lang)
    }

    /// The priority; 0 if there is none, or if it is not a number from -128 to 127 (RFC 6121 §4.7.2.3).
    pub fn priority(&self) -> i8 {
        self.payload("priority", ns::CLIENT)
            .and_then(|priority| priority.text().trim().parse().ok())
            .unwrap_or(0)
    }

    pub(crate) fn parse(element: Element, own: Option<&FullJid>) -> Result<Self, StanzaFault> {
        let known = match element.attr("type") {
            Some(kind) => PresenceType::from_name(kind).is_some(),
            None => true,
        };
        if !known {
            return Err(StanzaFault::new(FaultKind::UnknownType, element));
        }
        let presence = Self {
            envelope: Envelope::parse(element, own)?,
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
