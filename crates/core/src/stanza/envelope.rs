//! What the three kinds of stanzas share: an element and its parsed addresses (RFC 6120 §8.1).

use alloc::borrow::Cow;

use xmppwire_jid::{FullJid, Jid};
use xmppwire_xml::{Element, ElementRef};

use super::StanzaError;
use super::fault::{FaultKind, StanzaFault};
use crate::ns;

/// A stanza's element and its addresses, which are parsed from the element and kept equal to it. The
/// element is kept whole, so that a forwarded stanza loses nothing that this library does not know.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Envelope {
    element: Element,
    to: Option<Jid>,
    from: Option<Jid>,
}

impl Envelope {
    /// A new stanza without addresses.
    pub(super) fn new(name: &str) -> Self {
        Self {
            element: Element::builder(name, ns::CLIENT).build(),
            to: None,
            from: None,
        }
    }

    /// Reads the addresses of a received element. One that is spelled like `own` is a copy of it.
    pub(super) fn parse(element: Element, own: Option<&FullJid>) -> Result<Self, StanzaFault> {
        let address = |name| {
            let text = element.attr(name)?;
            Some(match own.filter(|own| own.as_str() == text) {
                Some(own) => Ok(own.clone().into()),
                None => Jid::new(text),
            })
        };
        let address = |name| address(name).transpose();
        match (address("to"), address("from")) {
            (Ok(to), Ok(from)) => Ok(Self { to, from, element }),
            _ => Err(StanzaFault::new(FaultKind::Address, element)),
        }
    }

    pub(super) const fn element(&self) -> &Element {
        &self.element
    }

    pub(super) fn into_element(self) -> Element {
        self.element
    }

    pub(super) const fn to(&self) -> Option<&Jid> {
        self.to.as_ref()
    }

    pub(super) const fn from(&self) -> Option<&Jid> {
        self.from.as_ref()
    }

    pub(super) fn set_to(&mut self, to: Option<Jid>) {
        self.element.set_attr("to", to.as_ref().map(Jid::as_str));
        self.to = to;
    }

    pub(super) fn set_from(&mut self, from: Option<Jid>) {
        self.element
            .set_attr("from", from.as_ref().map(Jid::as_str));
        self.from = from;
    }

    pub(super) fn set(&mut self, name: &str, value: Option<&str>) {
        self.element.set_attr(name, value);
    }

    pub(super) fn set_lang(&mut self, lang: Option<&str>) {
        self.element.set_attr_ns("lang", ns::XML, lang);
    }

    pub(super) fn append(&mut self, child: ElementRef<'_>) {
        self.element.append(child);
    }

    /// Replaces all children of that name with one that holds nothing but text.
    pub(super) fn set_text(&mut self, name: &str, text: &str) {
        self.element
            .retain_children(|child| !child.is(name, ns::CLIENT));
        let child = Element::builder(name, ns::CLIENT).text(text).build();
        self.element.append(child.root());
    }

    /// Adds a child that holds text of one language, and removes an older one of that language:
    /// a stanza has one of each (RFC 6121 §5.2.3).
    pub(super) fn set_text_in(&mut self, name: &str, lang: &str, text: &str) {
        let same = |child: ElementRef<'_>| {
            let of = child.attr_ns("lang", ns::XML);
            child.is(name, ns::CLIENT) && of.is_some_and(|of| of.eq_ignore_ascii_case(lang))
        };
        self.element.retain_children(|child| !same(child));
        let child = Element::builder(name, ns::CLIENT).lang(lang).text(text);
        self.element.append(child.build().root());
    }

    /// The text of the first child of that name.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.element.child(name, ns::CLIENT).map(ElementRef::text)
    }

    /// The text of the child of that name and language. A child without a language of its own has
    /// that of the stanza.
    pub(super) fn text_in(&self, name: &str, lang: &str) -> Option<Cow<'_, str>> {
        let default = self.element.attr_ns("lang", ns::XML);
        let is_of = |child: &ElementRef<'_>| {
            let of = child.attr_ns("lang", ns::XML).or(default);
            child.is(name, ns::CLIENT) && of.is_some_and(|of| of.eq_ignore_ascii_case(lang))
        };
        self.element.children().find(is_of).map(ElementRef::text)
    }

    pub(super) fn error(&self) -> Option<StanzaError> {
        self.element
            .child("error", ns::CLIENT)
            .map(StanzaError::parse)
    }

    /// An answer without payload: the same kind and id, the addresses swapped.
    pub(super) fn reply(&self, kind: Option<&str>) -> Self {
        let mut reply = Self::new(self.element.name());
        reply.set("id", self.element.attr("id"));
        reply.set("type", kind);
        reply.set_to(self.from.clone());
        reply.set_from(self.to.clone());
        reply
    }

    /// The error answer to this stanza (RFC 6120 §8.3.1).
    pub(super) fn error_reply(&self, error: &StanzaError) -> Self {
        let mut reply = self.reply(Some("error"));
        reply.append(error.to_element().root());
        reply
    }
}

/// The methods that every kind of stanza has, over its private field `envelope`.
macro_rules! envelope_methods {
    ($kind:ident) => {
        impl $kind {
            /// The whole element, with everything that was received.
            pub const fn element(&self) -> &xmppwire_xml::Element {
                self.envelope.element()
            }

            /// The recipient (RFC 6120 §8.1.1). A stanza without one that reaches a client is for the
            /// client itself, as if its full JID stood there (§8.1.1.1).
            pub const fn to(&self) -> Option<&xmppwire_jid::Jid> {
                self.envelope.to()
            }

            /// The sender (RFC 6120 §8.1.2). On a client's stream a stanza without one is from the
            /// user's own account.
            pub const fn from(&self) -> Option<&xmppwire_jid::Jid> {
                self.envelope.from()
            }

            /// The identifier that an answer repeats (RFC 6120 §8.1.3).
            pub fn id(&self) -> Option<&str> {
                self.envelope.element().attr("id")
            }

            /// The default language of its text (RFC 6120 §8.1.5). A server's machine writes the
            /// client's language into stanzas that come without one; in a client `None` means
            /// [`Endpoint::stream_lang`](crate::Endpoint::stream_lang).
            pub fn lang(&self) -> Option<&str> {
                self.envelope.element().attr_ns("lang", crate::ns::XML)
            }

            /// The first payload of that name.
            pub fn payload(&self, name: &str, ns: &str) -> Option<xmppwire_xml::ElementRef<'_>> {
                self.envelope.element().child(name, ns)
            }

            /// The error of a stanza whose type is `error` (RFC 6120 §8.3).
            pub fn error(&self) -> Option<crate::StanzaError> {
                self.is_error().then(|| self.envelope.error()).flatten()
            }

            /// Sets the recipient, which every stanza needs that is not for the own account or for all
            /// who see the own presence (RFC 6120 §8.1.1.1). A text is read as an address, so the result is a `Result` then:
            /// see [`ToJid`](crate::ToJid).
            pub fn with_to<A: crate::ToJid>(mut self, to: A) -> A::Made<Self> {
                to.make(|to| {
                    self.set_to(Some(to));
                    self
                })
            }

            /// Sets the sender. A client does not send it, because its server writes it
            /// (RFC 6120 §8.1.2.1).
            pub fn with_from<A: crate::ToJid>(mut self, from: A) -> A::Made<Self> {
                from.make(|from| {
                    self.set_from(Some(from));
                    self
                })
            }

            /// Sets the default language of the stanza's text, as a language tag. RFC 6120 §8.1.5
            /// recommends to name it where there is text for people.
            #[must_use]
            pub fn with_lang(mut self, lang: &str) -> Self {
                self.set_lang(Some(lang));
                self
            }

            /// Replaces or removes the recipient.
            pub fn set_to(&mut self, to: Option<xmppwire_jid::Jid>) {
                self.envelope.set_to(to);
            }

            /// Replaces or removes the sender.
            pub fn set_from(&mut self, from: Option<xmppwire_jid::Jid>) {
                self.envelope.set_from(from);
            }

            /// Replaces or removes the default language of its text.
            pub fn set_lang(&mut self, lang: Option<&str>) {
                self.envelope.set_lang(lang);
            }
        }

        impl From<$kind> for crate::Stanza {
            fn from(stanza: $kind) -> Self {
                Self::$kind(stanza)
            }
        }
    };
}
pub(super) use envelope_methods;

/// The methods of stanzas whose id is optional and that may carry any payload: all but IQ.
macro_rules! open_methods {
    ($kind:ident) => {
        impl $kind {
            /// Sets the identifier.
            #[must_use]
            pub fn with_id(mut self, id: &str) -> Self {
                self.envelope.set("id", Some(id));
                self
            }

            /// Sets an identifier of 128 random bits, so that an error answer can be matched to the
            /// stanza.
            ///
            /// ```
            /// use xmppwire::{Entropy, Message};
            ///
            /// let mut entropy = Entropy::from_os()?;
            /// let message = Message::chat("romeo@example.net", "Ciao")?.with_new_id(&mut entropy);
            /// assert_eq!(message.id().map(str::len), Some(32));
            /// # Ok::<_, Box<dyn core::error::Error>>(())
            /// ```
            #[must_use]
            pub fn with_new_id(self, entropy: &mut crate::Entropy) -> Self {
                let id = entropy.id();
                self.with_id(&id)
            }

            /// Adds a payload.
            #[must_use]
            pub fn with_payload(mut self, payload: &xmppwire_xml::Element) -> Self {
                self.envelope.append(payload.root());
                self
            }

            /// The error answer to this stanza, or `None` where it is itself an error: an error must
            /// never cause another one (RFC 6120 §8.3.1).
            pub fn error_reply(&self, error: &crate::StanzaError) -> Option<Self> {
                (!self.is_error()).then(|| Self {
                    envelope: self.envelope.error_reply(error),
                })
            }
        }
    };
}
pub(super) use open_methods;
