//! `<message/>` (RFC 6120 §8.2.1, RFC 6121 §5).

use alloc::borrow::Cow;

use xmppwire_jid::FullJid;
use xmppwire_xml::Element;

use super::envelope::{Envelope, envelope_methods, open_methods};
use super::fault::{FaultKind, StanzaFault};
use super::to_jid::ToJid;
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
/// use xmppwire::Message;
///
/// let message = Message::chat("romeo@example.net", "Art thou not Romeo, & a Montague?")?;
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
    ///
    /// `to` is an address, or a text that is read as one. A text makes the result a `Result`: see
    /// [`ToJid`].
    pub fn new<A: ToJid>(to: A) -> A::Made<Self> {
        to.make(|to| {
            let mut envelope = Envelope::new("message");
            envelope.set_to(Some(to));
            Self { envelope }
        })
    }

    /// A chat message with a body. Otherwise like [`new`](Self::new).
    pub fn chat<A: ToJid>(to: A, body: impl AsRef<str>) -> A::Made<Self> {
        to.make(|to| Self::new(to).with_type(MessageType::Chat).with_body(body))
    }

    /// Sets the type.
    #[must_use]
    pub fn with_type(mut self, message_type: MessageType) -> Self {
        self.envelope.set("type", Some(message_type.name()));
        self
    }

    /// Sets the body, and removes all others (RFC 6121 §5.2.3).
    #[must_use]
    pub fn with_body(mut self, body: impl AsRef<str>) -> Self {
        self.envelope.set_text("body", body.as_ref());
        self
    }

    /// Adds a body in another language, or replaces the one in that language. Begin with
    /// [`with_body`](Self::with_body), because programs that know nothing of languages take the
    /// first.
    ///
    /// ```
    /// use xmppwire::Message;
    ///
    /// let message = Message::chat("juliet@example.org", "Good night!")?
    ///     .with_lang("en")
    ///     .with_body_in("cs", "Dobrou noc!");
    /// assert_eq!(message.body().as_deref(), Some("Good night!"));
    /// assert_eq!(message.body_in("cs").as_deref(), Some("Dobrou noc!"));
    /// assert_eq!(message.body_in("en").as_deref(), Some("Good night!"));
    /// # Ok::<_, xmppwire::JidError>(())
    /// ```
    #[must_use]
    pub fn with_body_in(mut self, lang: &str, body: impl AsRef<str>) -> Self {
        self.envelope.set_text_in("body", lang, body.as_ref());
        self
    }

    /// Sets the subject, and removes all others (RFC 6121 §5.2.4).
    #[must_use]
    pub fn with_subject(mut self, subject: impl AsRef<str>) -> Self {
        self.envelope.set_text("subject", subject.as_ref());
        self
    }

    /// Adds a subject in another language, or replaces the one in that language.
    #[must_use]
    pub fn with_subject_in(mut self, lang: &str, subject: impl AsRef<str>) -> Self {
        self.envelope.set_text_in("subject", lang, subject.as_ref());
        self
    }

    /// Sets the conversation thread (RFC 6121 §5.2.5). Any text that no other conversation has will
    /// do.
    #[must_use]
    pub fn with_thread(mut self, thread: impl AsRef<str>) -> Self {
        self.envelope.set_text("thread", thread.as_ref());
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
        self.element().attr("type") == Some(MessageType::Error.name())
    }

    /// The text of the first `<body/>`.
    pub fn body(&self) -> Option<Cow<'_, str>> {
        self.envelope.text("body")
    }

    /// The body in that language, if there is one. One without a language of its own has that of the
    /// stanza, [`lang`](Self::lang).
    pub fn body_in(&self, lang: &str) -> Option<Cow<'_, str>> {
        self.envelope.text_in("body", lang)
    }

    /// The subject, if it has one (RFC 6121 §5.2.4).
    pub fn subject(&self) -> Option<Cow<'_, str>> {
        self.envelope.text("subject")
    }

    /// The subject in that language, if there is one.
    pub fn subject_in(&self, lang: &str) -> Option<Cow<'_, str>> {
        self.envelope.text_in("subject", lang)
    }

    /// The conversation thread, if it has one (RFC 6121 §5.2.5).
    pub fn thread(&self) -> Option<Cow<'_, str>> {
        self.envelope.text("thread")
    }

    /// A message of the same type and thread to the sender of this one, or to the room that it comes
    /// from. The recipient of this message becomes the sender: a server or a component has to send
    /// that, and a client leaves it out by itself.
    ///
    /// `None` where no reply is expected:
    ///
    /// - to an error, which must never be answered (RFC 6120 §8.3.1);
    /// - to a headline, which expects no reply (RFC 6121 §5.2.2);
    /// - to a message without a sender, which comes from the own account (RFC 6120 §8.1.2.1).
    ///
    /// Two programs that reply to *every* message of each other still never stop. A program should
    /// reply to what it takes for a question, and never to what it says itself. A room also sends
    /// back what was said in it.
    ///
    /// ```
    /// use xmppwire::{Message, MessageType};
    ///
    /// let said = Message::new("hall@rooms.example.org")?
    ///     .with_from("hall@rooms.example.org/nurse")?
    ///     .with_type(MessageType::Groupchat);
    /// let reply = said.reply("Madam!").expect("it can be answered");
    /// assert_eq!(reply.to().map(|to| to.as_str()), Some("hall@rooms.example.org"));
    /// assert_eq!(reply.message_type(), MessageType::Groupchat);
    ///
    /// let error = Message::new("nurse@example.org")?.with_type(MessageType::Error);
    /// assert_eq!(error.reply("Madam!"), None);
    /// # Ok::<_, xmppwire::JidError>(())
    /// ```
    #[must_use]
    pub fn reply(&self, body: impl AsRef<str>) -> Option<Self> {
        let kind = self.message_type();
        let sender = self.from()?;
        let to = match kind {
            MessageType::Error | MessageType::Headline => return None,
            MessageType::Groupchat => sender.to_bare().into(),
            MessageType::Chat | MessageType::Normal => sender.clone(),
        };
        let mut envelope = Envelope::new("message");
        envelope.set("type", Some(kind.name()));
        envelope.set_to(Some(to));
        envelope.set_from(self.to().cloned());
        if let Some(thread) = self.payload("thread", ns::CLIENT) {
            envelope.append(thread);
        }
        Some(Self { envelope }.with_body(body))
    }

    pub(crate) fn parse(element: Element, own: Option<&FullJid>) -> Result<Self, StanzaFault> {
        let message = Self {
            envelope: Envelope::parse(element, own)?,
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
