//! The three kinds of stanzas and their errors (RFC 6120 §8).

mod carbon;
mod envelope;
mod error;
mod fault;
mod iq;
mod message;
mod presence;
pub(crate) mod rules;
mod to_jid;
mod tracker;

use xmppwire_jid::{FullJid, Jid};
use xmppwire_xml::Element;

pub use self::carbon::{Carbon, CarbonDirection};
pub use self::error::{ErrorType, StanzaError, StanzaErrorCondition};
pub use self::fault::{FaultKind, StanzaFault};
pub use self::iq::{Iq, IqType};
pub use self::message::{Message, MessageType};
pub use self::presence::{Presence, PresenceType, Show};
pub use self::to_jid::ToJid;
pub use self::tracker::IqTracker;
use crate::ns;

/// A stanza of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Stanza {
    /// `<message/>`
    Message(Message),
    /// `<presence/>`
    Presence(Presence),
    /// `<iq/>`
    Iq(Iq),
}

/// A child of the stream, read.
pub(crate) enum Parsed {
    Stanza(Stanza),
    Fault(StanzaFault),
    /// An element that is not of the three kinds.
    Other(Element),
}

impl Stanza {
    /// Reads a child of the stream. `own` is the address of the connection: where the element has it,
    /// it is not prepared again.
    pub(crate) fn parse(element: Element, own: Option<&FullJid>) -> Parsed {
        if element.ns() != ns::CLIENT {
            return Parsed::Other(element);
        }
        let stanza = match element.name() {
            "message" => Message::parse(element, own).map(Self::Message),
            "presence" => Presence::parse(element, own).map(Self::Presence),
            "iq" => Iq::parse(element, own).map(Self::Iq),
            _ => return Parsed::Other(element),
        };
        stanza.map_or_else(Parsed::Fault, Parsed::Stanza)
    }

    /// The stanza as it is written to a stream of another content namespace, such as `jabber:server`
    /// (RFC 6120 §4.8.3). `TryFrom<Element>` turns it back.
    ///
    /// ```
    /// use xmppwire::{Message, Stanza, ns};
    ///
    /// let message: Stanza = Message::chat("romeo@example.net", "Ciao")?.into();
    /// let element = message.to_element(ns::SERVER);
    /// assert!(element.child("body", ns::SERVER).is_some());
    /// assert_eq!(Stanza::try_from(element)?, message);
    /// # Ok::<_, Box<dyn core::error::Error>>(())
    /// ```
    pub fn to_element(&self, content_ns: &str) -> Element {
        let mut element = self.element().clone();
        element.requalify(ns::CLIENT, content_ns);
        element
    }

    /// The whole element, with everything that was received.
    pub const fn element(&self) -> &Element {
        match self {
            Self::Message(stanza) => stanza.element(),
            Self::Presence(stanza) => stanza.element(),
            Self::Iq(stanza) => stanza.element(),
        }
    }

    /// Bytes of heap memory that the stanza holds, which is what a queue has to count besides its
    /// own slots: the [element](Element::heap_size) and the addresses.
    pub fn heap_size(&self) -> usize {
        let address = |jid: Option<&Jid>| jid.map_or(0, |jid| jid.as_str().len());
        self.element()
            .heap_size()
            .saturating_add(address(self.to()))
            .saturating_add(address(self.from()))
    }

    /// The recipient (RFC 6120 §8.1.1).
    pub const fn to(&self) -> Option<&Jid> {
        match self {
            Self::Message(stanza) => stanza.to(),
            Self::Presence(stanza) => stanza.to(),
            Self::Iq(stanza) => stanza.to(),
        }
    }

    /// The sender (RFC 6120 §8.1.2).
    pub const fn from(&self) -> Option<&Jid> {
        match self {
            Self::Message(stanza) => stanza.from(),
            Self::Presence(stanza) => stanza.from(),
            Self::Iq(stanza) => stanza.from(),
        }
    }

    /// The identifier (RFC 6120 §8.1.3).
    pub fn id(&self) -> Option<&str> {
        self.element().attr("id")
    }

    /// Whether this is an error answer.
    pub fn is_error(&self) -> bool {
        match self {
            Self::Message(stanza) => stanza.is_error(),
            Self::Presence(stanza) => stanza.is_error(),
            Self::Iq(stanza) => stanza.is_error(),
        }
    }

    /// The error of a stanza whose type is `error`.
    pub fn error(&self) -> Option<StanzaError> {
        match self {
            Self::Message(stanza) => stanza.error(),
            Self::Presence(stanza) => stanza.error(),
            Self::Iq(stanza) => stanza.error(),
        }
    }

    /// The error answer to this stanza, or `None` where it must not be answered: it is itself an error
    /// or an IQ result (RFC 6120 §8.3.1).
    pub fn error_reply(&self, error: &StanzaError) -> Option<Self> {
        match self {
            Self::Message(stanza) => stanza.error_reply(error).map(Self::Message),
            Self::Presence(stanza) => stanza.error_reply(error).map(Self::Presence),
            Self::Iq(stanza) => stanza.error_reply(error).map(Self::Iq),
        }
    }

    /// The answer of a recipient that does not understand the payload (RFC 6120 §8.4):
    /// `service-unavailable` to a request, and `None` for every other stanza, which is ignored. What
    /// an application does not understand it must not process in any other way; what it ignores in a
    /// message or presence does not keep it from the rest of the stanza.
    ///
    /// An application calls this in the last arm of the `match` over the payloads that it knows. A server
    /// calls it for stanzas to itself; it routes all others untouched.
    ///
    /// ```
    /// use xmppwire::{Element, Iq, Message, Stanza, StanzaErrorCondition};
    ///
    /// let unknown = Element::builder("x", "urn:example:unknown").build();
    /// let request: Stanza = Iq::get("1", &unknown).into();
    /// let answer = request.unsupported_reply().expect("a request is answered");
    /// let error = answer.error().expect("an error");
    /// assert_eq!(error.condition(), StanzaErrorCondition::ServiceUnavailable);
    ///
    /// let message: Stanza = Message::chat("romeo@example.net", "Ciao")?.into();
    /// assert_eq!(message.unsupported_reply(), None);
    /// # Ok::<_, xmppwire::JidError>(())
    /// ```
    pub fn unsupported_reply(&self) -> Option<Self> {
        match self {
            Self::Iq(iq) => iq
                .error_reply(&StanzaErrorCondition::ServiceUnavailable.into())
                .map(Self::Iq),
            Self::Message(_) | Self::Presence(_) => None,
        }
    }

    /// Replaces or removes the recipient.
    pub fn set_to(&mut self, to: Option<Jid>) {
        match self {
            Self::Message(stanza) => stanza.set_to(to),
            Self::Presence(stanza) => stanza.set_to(to),
            Self::Iq(stanza) => stanza.set_to(to),
        }
    }

    /// Replaces or removes the sender, as a server does when it stamps a stanza (RFC 6120 §8.1.2.1).
    pub fn set_from(&mut self, from: Option<Jid>) {
        match self {
            Self::Message(stanza) => stanza.set_from(from),
            Self::Presence(stanza) => stanza.set_from(from),
            Self::Iq(stanza) => stanza.set_from(from),
        }
    }

    /// The default language of its text (RFC 6120 §8.1.5). A server's machine writes the client's language
    /// into stanzas that come without one; in a client `None` means
    /// [`Endpoint::stream_lang`](crate::Endpoint::stream_lang).
    pub fn lang(&self) -> Option<&str> {
        self.element().attr_ns("lang", ns::XML)
    }

    /// Replaces or removes the default language of its text.
    pub fn set_lang(&mut self, lang: Option<&str>) {
        match self {
            Self::Message(stanza) => stanza.set_lang(lang),
            Self::Presence(stanza) => stanza.set_lang(lang),
            Self::Iq(stanza) => stanza.set_lang(lang),
        }
    }
}

/// Reads a stanza that did not arrive on a stream of this library: one in `jabber:server`, or one that a
/// payload quotes. A [`Stanza`] itself is always in `jabber:client`.
impl TryFrom<Element> for Stanza {
    type Error = StanzaFault;

    fn try_from(mut element: Element) -> Result<Self, StanzaFault> {
        element.requalify(ns::SERVER, ns::CLIENT);
        match Self::parse(element, None) {
            Parsed::Stanza(stanza) => Ok(stanza),
            Parsed::Fault(fault) => Err(fault),
            Parsed::Other(element) => Err(StanzaFault::new(FaultKind::Kind, element)),
        }
    }
}
