//! `<message/>` (RFC 6120 §8.2.1, RFC 6121 §5).

use alloc::borrow::Cow;

use xmppwire_jid::Jid;
use xmppwire_xml::Element;

use super::envelope::{Envelope, envelope_methods, open_methods};
use super::fault::{FaultKind, StanzaFault};
use crate::ns;
use crate::wire::condition::conditions;

conditions! {
    /// The kind of conversation that a message belongs to (RFC 6121 §5.2.2).
    #[derive(Default)]
    pub enum MessageType {
        /// One-to-one chat.
        Chat = "chat",
        /// An error answer.
        Error = "error",
        /// Many-to-many chat.
        Groupchat = "groupchat",
        /// An alert that expects no reply.
        Headline = "headline",
        /// A single message; what a missing or unknown type means.
        #[default]
        Normal = "normal",
    }
}

/// A message: information pushed to another entity.
///
/// ```
/// use xmppwire::{Jid, Message};
///
/// let romeo = Jid::new("romeo@example.net")?;
/// let message = Message::chat(romeo, "Art thou not Romeo, & a Montague?");
/// assert_eq!(message.body().as_deref(), Some("Art thou not Romeo, & a Montague?"));
/// # Ok::<_, xmppwire::JidError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    envelope: Envelope,
}

envelope_methods!(Message);
open_methods!(Message);

impl Message {
    /// An empty message of type `normal`.
    pub fn new(to: impl Into<Jid>) -> Self {
        let mut envelope = Envelope::new("message");
        envelope.set_to(Some(to.into()));
        Self { envelope }
    }

    /// A chat message with a body.
    pub fn chat(to: impl Into<Jid>, body: impl AsRef<str>) -> Self {
        Self::new(to).with_type(MessageType::Chat).with_body(body)
    }

    /// Sets the type.
    #[must_use]
    pub fn with_type(mut self, message_type: MessageType) -> Self {
        self.envelope.set("type", Some(message_type.name()));
        self
    }

    /// Adds a body (RFC 6121 §5.2.3).
    #[must_use]
    pub fn with_body(mut self, body: impl AsRef<str>) -> Self {
        self.envelope.append_text_child("body", body.as_ref());
        self
    }

    /// The type; an unknown or missing one counts as normal (RFC 6121 §5.2.2).
    pub fn message_type(&self) -> MessageType {
        self.element()
            .attr("type")
            .and_then(MessageType::from_name)
            .unwrap_or_default()
    }

    /// Whether this is an error answer.
    pub fn is_error(&self) -> bool {
        self.message_type() == MessageType::Error
    }

    /// The text of the first `<body/>`.
    pub fn body(&self) -> Option<Cow<'_, str>> {
        self.payload("body", ns::CLIENT).map(|body| body.text())
    }

    /// The subject, if it has one (RFC 6121 §5.2.4).
    pub fn subject(&self) -> Option<Cow<'_, str>> {
        self.payload("subject", ns::CLIENT)
            .map(|subject| subject.text())
    }

    /// The conversation thread, if it has one (RFC 6121 §5.2.5).
    pub fn thread(&self) -> Option<Cow<'_, str>> {
        self.payload("thread", ns::CLIENT)
            .map(|thread| thread.text())
    }

    /// A message of the same type and thread to the sender of this one.
    #[must_use]
    pub fn reply(&self, body: impl AsRef<str>) -> Self {
        // A message of type `error` needs an `<error/>`, which this answer has not.
        let kind = match self.message_type() {
            MessageType::Error => MessageType::Normal,
            kind => kind,
        };
        let mut envelope = Envelope::new("message");
        envelope.set("type", Some(kind.name()));
        envelope.set_to(self.from().cloned());
        if let Some(thread) = self.payload("thread", ns::CLIENT) {
            envelope.append(thread);
        }
        Self { envelope }.with_body(body)
    }

    pub(crate) fn parse(element: Element) -> Result<Self, StanzaFault> {
        let message = Self {
            envelope: Envelope::parse(element)?,
        };
        if message.is_error() && message.error().is_none() {
            return Err(StanzaFault::new(
                FaultKind::MissingError,
                message.envelope.into_element(),
            ));
        }
        Ok(message)
    }
}
