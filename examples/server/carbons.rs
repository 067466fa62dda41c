//! Copies of messages for the other resources of an account (XEP-0280).

use xmppwire_tokio::{
    BareJid, Element, FullJid, Iq, IqType, Jid, Message, MessageType, Stanza, ns,
};

use crate::registry::Registry;

/// What the resource wants with a request to its account: copies, no copies, or something else.
pub(crate) fn wish(iq: &Iq) -> Option<bool> {
    let payload = iq.child().filter(|child| child.ns() == ns::CARBONS)?;
    match (iq.iq_type(), payload.name()) {
        (IqType::Set, "enable") => Some(true),
        (IqType::Set, "disable") => Some(false),
        _ => None,
    }
}

/// Whether the account's other resources are to see the message (XEP-0280 §6.1).
fn is_copied(message: &Message) -> bool {
    let element = message.element();
    let of_conversation = match message.message_type() {
        MessageType::Chat => true,
        MessageType::Normal => message.body().is_some(),
        _ => false,
    };
    of_conversation
        && element.child("private", ns::CARBONS).is_none()
        && element.child("no-copy", ns::HINTS).is_none()
        // A copy of a copy is none.
        && !element.children().any(|child| child.ns() == ns::CARBONS)
}

impl Registry {
    /// Gives copies of a message to the resources of the account that want them, except to those
    /// that sent or get it.
    pub(crate) fn copy(
        &mut self,
        stanza: &Stanza,
        account: &BareJid,
        direction: &str,
        except: &[FullJid],
    ) {
        let Stanza::Message(message) = stanza else {
            return;
        };
        if !is_copied(message) {
            return;
        }
        for jid in self.wanting_copies(account) {
            if !except.contains(&jid) {
                self.hand_copy(&jid, wrap(message, account, &jid, direction));
            }
        }
    }
}

/// The message in the envelope of a copy (XEP-0280 §7, §8).
fn wrap(message: &Message, account: &BareJid, to: &FullJid, direction: &str) -> Stanza {
    let copy = Element::builder(direction, ns::CARBONS)
        .open("forwarded", ns::FORWARD)
        .append(message.element().root())
        .build();
    Message::new(Jid::from(to.clone()))
        .with_type(message.message_type())
        .with_from(Jid::from(account.clone()))
        .with_payload(&copy)
        .into()
}
