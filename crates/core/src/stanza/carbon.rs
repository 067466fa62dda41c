//! Copies of messages that other resources of the account send and receive (XEP-0280).

use alloc::string::String;

use xmppwire_jid::BareJid;
use xmppwire_xml::Element;

use super::{Iq, Message};
use crate::ns;

/// A copy of a message that another resource of the own account sent or received (XEP-0280).
///
/// ```
/// use xmppwire::{BareJid, Carbon, CarbonDirection, Element, Message, Stanza};
///
/// let own = BareJid::new("juliet@example.org")?;
/// let wrapper: Element = "<message xmlns='jabber:client' from='juliet@example.org'>\
///     <sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>\
///     <message xmlns='jabber:client' from='juliet@example.org/chamber' to='romeo@example.net'>\
///     <body>Ay me!</body></message></forwarded></sent></message>".parse()?;
/// let Ok(Stanza::Message(wrapper)) = Stanza::try_from(wrapper) else { panic!() };
///
/// let carbon = Carbon::open(&wrapper, &own).expect("a carbon of the own server");
/// assert_eq!(carbon.direction(), CarbonDirection::Sent);
/// assert_eq!(carbon.message().body().as_deref(), Some("Ay me!"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Carbon {
    direction: CarbonDirection,
    message: Message,
    stamp: Option<String>,
}

/// What the other resource did with the message of a [`Carbon`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarbonDirection {
    /// It sent the message (XEP-0280 §8).
    Sent,
    /// It received the message (XEP-0280 §7).
    Received,
}

impl Carbon {
    /// Takes the copy out of the message around it, or returns `None` if the message is no carbon of
    /// the own server.
    ///
    /// `own` is the account of the client. Only a wrapper that comes from exactly this address is
    /// opened: anyone else who sends one tries to put words into another's mouth (XEP-0280 §11). A
    /// wrapper without a sender, an error, and a copy of a copy are none either.
    pub fn open(wrapper: &Message, own: &BareJid) -> Option<Self> {
        let ours = wrapper
            .from()
            .is_some_and(|from| from.as_str() == own.as_str());
        if !ours || wrapper.is_error() {
            return None;
        }
        let mut copies = wrapper.element().children().filter_map(|child| {
            let direction = direction_of(child.name())?;
            (child.ns() == ns::CARBONS).then_some((direction, child))
        });
        let (direction, copy) = copies.next()?;
        let forwarded = copy.child("forwarded", ns::FORWARD)?;
        let message = forwarded.child("message", ns::CLIENT)?;
        let message = Message::parse(message.to_element(), None).ok()?;
        let mut content = message.element().children();
        let nested =
            content.any(|child| child.ns() == ns::CARBONS && direction_of(child.name()).is_some());
        if copies.next().is_some() || nested {
            return None;
        }
        let delay = forwarded.child("delay", ns::DELAY);
        Some(Self {
            direction,
            message,
            stamp: delay.and_then(|delay| delay.attr("stamp").map(Into::into)),
        })
    }

    /// What the other resource did with the message.
    pub const fn direction(&self) -> CarbonDirection {
        self.direction
    }

    /// The message. Its addresses are those that the server saw, so they can be trusted as much as
    /// the server.
    pub const fn message(&self) -> &Message {
        &self.message
    }

    /// The message by itself.
    pub fn into_message(self) -> Message {
        self.message
    }

    /// When the message was sent, as XEP-0082 writes it, if the server says so (XEP-0203).
    pub fn stamp(&self) -> Option<&str> {
        self.stamp.as_deref()
    }

    /// The request that switches carbons on or off for the session (XEP-0280 §4, §5). A server does
    /// so unless it answers with an error; carbons begin as switched off.
    pub fn request(on: bool) -> Iq {
        let name = if on { "enable" } else { "disable" };
        Iq::set("", &Element::builder(name, ns::CARBONS).build())
    }

    /// Adds to a message that it is not to be copied (XEP-0280 §6.2).
    #[must_use]
    pub fn exclude(message: Message) -> Message {
        let private = Element::builder("private", ns::CARBONS).build();
        let hint = Element::builder("no-copy", ns::HINTS).build();
        message.with_payload(&private).with_payload(&hint)
    }
}

fn direction_of(name: &str) -> Option<CarbonDirection> {
    match name {
        "sent" => Some(CarbonDirection::Sent),
        "received" => Some(CarbonDirection::Received),
        _ => None,
    }
}
