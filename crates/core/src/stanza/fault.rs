//! Stanzas that break a rule of RFC 6120 §8, which does not end the stream.

use core::fmt;

use xmppwire_xml::Element;

use super::Stanza;
use super::error::{StanzaError, StanzaErrorCondition};

/// What is wrong with a refused stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// It is none of the three kinds of stanzas (RFC 6120 §8).
    Kind,
    /// `to` or `from` is no address (RFC 6120 §8.1.1, §8.1.2).
    Address,
    /// An IQ has no `id` (§8.2.3).
    MissingId,
    /// The type is not one of those that RFC 6120 §8.2.3 or RFC 6121 §4.7.1 define.
    UnknownType,
    /// An IQ has too few or too many children for its type (§8.2.3).
    ChildCount,
    /// The payload of a request has no namespace of its own, which would say what it means (§8.4).
    PayloadNamespace,
    /// It is of type `error` and has no `<error/>` (§8.3.1).
    MissingError,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kind => "it is no stanza",
            Self::Address => "an address is malformed",
            Self::MissingId => "the id is missing",
            Self::UnknownType => "the type is unknown",
            Self::ChildCount => "the number of children is wrong",
            Self::PayloadNamespace => "the payload has no namespace of its own",
            Self::MissingError => "the error is missing",
        })
    }
}

/// A refused stanza, and why it was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct StanzaFault {
    kind: FaultKind,
    element: Element,
}

impl StanzaFault {
    pub(crate) const fn new(kind: FaultKind, element: Element) -> Self {
        Self { kind, element }
    }

    /// What is wrong with it.
    pub const fn kind(&self) -> FaultKind {
        self.kind
    }

    /// The stanza as it was received.
    pub const fn element(&self) -> &Element {
        &self.element
    }

    /// The error answer for the sender. `None` where the stanza must not be answered, or has no address that
    /// an answer could go to (RFC 6120 §8.3.1).
    pub fn error_reply(&self) -> Option<Stanza> {
        let reply = self.reply()?;
        reply.attr("to")?;
        Stanza::try_from(reply).ok()
    }

    /// The error answer for the sender, as an element because the recipient may not be an address.
    ///
    /// `None` where the stanza is an error or an IQ result, which are never answered (RFC 6120 §8.3.1), and
    /// where `from` is not an address: an answer without `to` would go to the user's own account (§8.1.1.1), whose
    /// other resources would take it for an error of theirs.
    pub(crate) fn reply(&self) -> Option<Element> {
        let element = &self.element;
        let kind = element.attr("type");
        if kind == Some("error") || (element.name() == "iq" && kind == Some("result")) {
            return None;
        }
        let is_address = |jid: &&str| xmppwire_jid::Jid::new(jid).is_ok();
        let sender = element.attr("from");
        if sender.is_some_and(|sender| !is_address(&sender)) {
            return None;
        }
        let condition = match self.kind {
            FaultKind::Address => StanzaErrorCondition::JidMalformed,
            _ => StanzaErrorCondition::BadRequest,
        };
        let mut reply = Element::builder(element.name(), element.ns())
            .attr("type", "error")
            .append(
                StanzaError::new(condition)
                    .with_text(alloc::format!("{}", self.kind))
                    .to_element()
                    .root(),
            )
            .build();
        // An answer without an id would be malformed too (RFC 6120 §8.2.3). The empty id stands for a
        // missing one, as in Prosody.
        let no_id = (element.name() == "iq").then_some("");
        reply.set_attr("id", element.attr("id").or(no_id));
        reply.set_attr("to", sender);
        // A malformed address is left out: it would make the answer malformed too.
        reply.set_attr("from", element.attr("to").filter(is_address));
        Some(reply)
    }
}

impl fmt::Display for StanzaFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}/> is refused: {}", self.element.name(), self.kind)
    }
}

impl core::error::Error for StanzaFault {}
